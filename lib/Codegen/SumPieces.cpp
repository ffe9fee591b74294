//===- SumPieces.cpp - long sums of a row, from shared memory -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For mpc-fuse-rows with threads. A sum is one thread's: it would wait for each
// element that it reads from global memory. All threads of the block copy
// pieces of what is added to memory that they share.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mpc/Codegen/BufferViews.h"

using namespace mlir;
using namespace mpc;

/// Sums of so many terms are worth a copy, in pieces of at most so many bytes.
static constexpr int64_t kManyTerms = 128, kPieceBytes = 16 * 1024;

std::optional<unsigned> mpc::findPieceLoop(linalg::LinalgOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  std::optional<unsigned> outermost;
  int64_t terms = 1;
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    if (ShapedType::isDynamic(ranges[loop]))
      return std::nullopt;
    terms *= ranges[loop];
    if (!outermost && ranges[loop] > 1)
      outermost = loop;
  }
  if (terms < kManyTerms || op.hasIndexSemantics())
    return std::nullopt;
  for (OpOperand &operand : op->getOpOperands())
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      if (expr.isFunctionOfDim(*outermost) &&
          (op.isDpsInit(&operand) || !isa<AffineDimExpr>(expr)))
        return std::nullopt;
  return outermost;
}

int64_t mpc::addUpPieces(linalg::LinalgOp op, int64_t most) {
  std::optional<unsigned> loop = findPieceLoop(op);
  if (!loop)
    return 0;
  // The dimensions of operands that it runs along, and the bytes of one step.
  SmallVector<std::optional<unsigned>> positions(op->getNumOperands());
  int64_t stepBytes = 0, size = op.getStaticLoopRanges()[*loop];
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    auto type = dyn_cast<MemRefType>(input->get().getType());
    for (auto [position, expr] : llvm::enumerate(map.getResults()))
      if (expr.isFunctionOfDim(*loop))
        positions[input->getOperandNumber()] = position;
    if (!positions[input->getOperandNumber()])
      continue;
    Operation *root = getRoot(input->get()).getDefiningOp();
    bool isShared = root && root->getBlock() == op->getBlock();
    if (isShared || !type.hasStaticShape() ||
        !type.getElementType().isIntOrFloat())
      return 0;
    stepBytes += type.getNumElements() / size *
                 llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  }
  int64_t piece = std::min(size, kPieceBytes / std::max<int64_t>(1, stepBytes));
  // Rather a little less in each than a rest.
  for (int64_t less = piece; less > 0 && 2 * less >= piece; --less)
    if (size % less == 0) {
      piece = less;
      break;
    }
  int64_t rest = piece == 0 ? 0 : size % piece;
  if (piece == 0 || (piece + rest) * stepBytes > most)
    return 0;

  Location loc = op.getLoc();
  OpBuilder builder(op);
  auto addUp = [&](OpFoldResult begin, ArrayRef<Value> buffers, int64_t count) {
    SmallVector<Value> operands(op->getOperands());
    for (auto [index, position] : llvm::enumerate(positions)) {
      if (!position)
        continue;
      ArrayRef<int64_t> shape =
          cast<MemRefType>(operands[index].getType()).getShape();
      SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
          sizes = getAsIndexOpFoldResult(builder.getContext(), shape),
          strides(shape.size(), builder.getIndexAttr(1));
      offsets[*position] = begin;
      sizes[*position] = builder.getIndexAttr(count);
      Value part = memref::SubViewOp::create(builder, loc, operands[index],
                                             offsets, sizes, strides);
      linalg::CopyOp::create(builder, loc, part, buffers[index]);
      operands[index] = buffers[index];
    }
    mlir::clone(builder, op, TypeRange(), operands);
  };
  auto allocate = [&](int64_t count) {
    SmallVector<Value> buffers(positions.size());
    for (auto [index, position] : llvm::enumerate(positions)) {
      if (!position)
        continue;
      auto type = cast<MemRefType>(op->getOperand(index).getType());
      SmallVector<int64_t> shape(type.getShape());
      shape[*position] = count;
      buffers[index] = memref::AllocOp::create(
          builder, loc, MemRefType::get(shape, type.getElementType()));
    }
    return buffers;
  };
  SmallVector<Value> buffers = allocate(piece), restBuffers;
  if (rest != 0)
    restBuffers = allocate(rest);
  if (piece == size) {
    addUp(builder.getIndexAttr(0), buffers, piece);
  } else {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(builder, loc, value);
    };
    auto pieces = scf::ForOp::create(builder, loc, constant(0),
                                     constant(size - rest), constant(piece));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(pieces.getBody());
    addUp(pieces.getInductionVar(), buffers, piece);
  }
  if (rest != 0)
    addUp(builder.getIndexAttr(size - rest), restBuffers, rest);
  op->erase();
  return (piece + rest) * stepBytes;
}
