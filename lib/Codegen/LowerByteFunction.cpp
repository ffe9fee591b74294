//===- LowerByteFunction.cpp - what 256 results are enough for ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function from bytes to bytes, computed 256 times and then looked up. The
// table is made at run time, by the code that would compute each element: its
// bytes are those, and parameters need not be known before.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mpc;

/// The number of bytes.
static constexpr int64_t kBytes = 256;

/// Estimated cost of one lookup in nanoseconds.
static constexpr double kLookupCost = 0.3;

/// A table pays for so many elements of a body with so many operations, and for
/// any body with division or a function.
static constexpr int64_t kTabulated = 2048, kTabulatedBody = 12;

OpOperand *mpc::matchByteFunction(linalg::LinalgOp op) {
  auto isWhole = [&](OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    return type && type.getElementType().isInteger(8) &&
           type.getLayout().isIdentity() &&
           op.getMatchingIndexingMap(&operand).isIdentity();
  };
  // Inside of another loop a table would be made too often.
  if (!isa<FunctionOpInterface>(op->getParentOp()) ||
      op.getNumDpsInits() != 1 || op.hasIndexSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !isWhole(*op.getDpsInitOperand(0)) ||
      !op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return nullptr;
  OpOperand *bytes = nullptr;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(input).use_empty() ||
        op.getMatchingIndexingMap(input).getNumResults() == 0)
      continue;
    if (bytes || !isWhole(*input))
      return nullptr;
    bytes = input;
  }
  int64_t elements = 1, operations = 0;
  for (int64_t size : op.getStaticLoopRanges())
    elements *= ShapedType::isDynamic(size) ? 1 : size;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (!isPure(&inner))
      return nullptr;
    bool isCostly = isa<arith::DivFOp>(inner) ||
                    (isa<math::MathDialect>(inner.getDialect()) &&
                     !isa<math::RoundEvenOp, math::FmaOp>(inner));
    operations += isCostly ? kTabulatedBody : 1;
  }
  return elements >= kTabulated && operations >= kTabulatedBody ? bytes
                                                                : nullptr;
}

void mpc::lowerByteFunction(linalg::LinalgOp op, OpOperand *bytes,
                            const TargetDescription &target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type i8 = b.getI8Type();
  Value table = memref::AllocOp::create(b, MemRefType::get({kBytes}, i8),
                                        b.getI64IntegerAttr(64));
  SmallVector<Value> arguments(op->getNumOperands());
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    Value &argument = arguments[operand.getOperandNumber()];
    if (!isa<MemRefType>(operand.get().getType()))
      argument = operand.get();
    else if (&operand != bytes)
      argument = memref::LoadOp::create(b, operand.get(), ValueRange());
  }
  int64_t lanes = std::max<int64_t>(1, getLanes(op, target));
  emitLoop(
      b, indexConstant(b, 0), indexConstant(b, kBytes), lanes, [&](Value iv) {
        Value byte = arith::IndexCastOp::create(b, i8, iv);
        SmallVector<Value> now(arguments);
        Value &argument = now[bytes->getOperandNumber()];
        argument = byte;
        if (lanes > 1) {
          auto type = VectorType::get({lanes}, i8);
          SmallVector<int8_t> steps;
          llvm::append_range(steps, llvm::seq<int>(0, lanes));
          argument = arith::AddIOp::create(
              b, vector::BroadcastOp::create(b, type, byte),
              arith::ConstantOp::create(
                  b, DenseElementsAttr::get(type, ArrayRef(steps))));
        }
        Value result = emitBody(b, op, iv, now, lanes > 1 ? lanes : 0).front();
        if (lanes > 1)
          vector::StoreOp::create(b, result, table, iv);
        else
          memref::StoreOp::create(b, result, table, iv);
      });
  Value from = flatten(b, bytes->get()), to = flatten(b, op.getDpsInits()[0]);
  Value total = b.createOrFold<memref::DimOp>(to, 0);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, total, kFlatBlock - 1),
                                                indexConstant(b, kFlatBlock));
  emitForall(b, blocks, kFlatBlock * kLookupCost, [&](Value block) {
    Value begin = mul(b, block, kFlatBlock);
    Value end = arith::MinUIOp::create(b, add(b, begin, kFlatBlock), total);
    emitLoop(b, begin, end, 1, [&](Value iv) {
      Value byte = memref::LoadOp::create(b, from, iv);
      Value at = arith::IndexCastUIOp::create(b, b.getIndexType(), byte);
      memref::StoreOp::create(b, memref::LoadOp::create(b, table, at), to, iv);
    });
  });
}
