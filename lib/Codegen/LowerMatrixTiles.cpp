//===- LowerMatrixTiles.cpp - tiles of sums to AMX ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tile registers are named by number, as in the instructions: 0 to 3 hold sums,
// the others operands. A step multiplies up to 16 k blocks of 4 bytes. Where
// their number does not divide evenly there is a shorter last step, whose
// operands have registers of their own, for the size belongs to the register.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mpc/Codegen/OutputTile.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Bytes of a row of a tile register, and of a k block of weights in it.
static constexpr int64_t kTileRowBytes = 64, kBlockBytes = 4;

namespace {

/// How the k blocks of a product are divided into steps, and the registers of
/// their operands.
struct Steps {
  explicit Steps(int64_t blocks) {
    int64_t count = llvm::divideCeilSigned(blocks, kTileRows);
    size = blocks % count == 0 ? blocks / count : kTileRows;
    whole = blocks / size;
    rest = blocks % size;
    if (rest != 0) {
      rows = {4};
      weights = {5};
    }
  }

  /// Blocks of a step, the number of whole steps, blocks of the last one, if it
  /// is shorter.
  int64_t size, whole, rest;
  SmallVector<int64_t, 2> rows = {4, 5}, weights = {6, 7};
  SmallVector<int64_t, 2> restRows = {6}, restWeights = {7};
};

class TileLowering {
public:
  explicit TileLowering(MatrixTileOp op)
      : op(op), b(op.getLoc(), op),
        shape(cast<MemRefType>(op.getRows().getType()).getShape()),
        panels(cast<MemRefType>(op.getSums().getType()).getDimSize(1) /
               kPanelWidth),
        bytes(getBytes(op.getRows())), steps(shape[3] * bytes / kBlockBytes),
        product(op.getIntrinsic() == Intrinsic::tdpbf16ps ? "tdpbf16ps"
                : op.getUnsignedRows()                    ? "tdpbusd"
                                                          : "tdpbssd") {}

  void run() {
    Value rows = getAddress(op.getRows(), {});
    Value weights = getAddress(op.getWeights(), {op.getPanel()});
    for (int64_t tile = 0; tile < shape[0] * panels; ++tile)
      call("tilezero", number(tile));
    int64_t segmentPitch = getPitch(op.getRows(), 2) * bytes;
    // A tap for each segment may lie anywhere.
    auto weightsType = cast<MemRefType>(op.getWeights().getType());
    int64_t segmentBytes = weightsType.getDimSize(1) == shape[2]
                               ? getPitch(op.getWeights(), 1) * bytes
                               : shape[3] * bytes * kPanelWidth;
    emitLoop(b, shape[2], {},
             [&](Value segment, ValueRange) -> SmallVector<Value> {
               emitSegment(offset(rows, segment, segmentPitch),
                           offset(weights, segment, segmentBytes));
               return {};
             });
    Value sums = getAddress(op.getSums(), {});
    int64_t pitch = getPitch(op.getSums(), 0) * kBlockBytes;
    for (int64_t t = 0; t < shape[0]; ++t)
      for (int64_t p = 0; p < panels; ++p)
        move("tilestored64", t * panels + p,
             add(b, sums, t * shape[1] * pitch + p * kTileRowBytes), pitch);
    op.erase();
  }

private:
  static int64_t getBytes(Value memref) {
    return cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
  }
  static int64_t getPitch(Value memref, unsigned dim) {
    return cast<MemRefType>(memref.getType()).getStridesAndOffset().first[dim];
  }
  Value offset(Value address, Value count, int64_t bytes) {
    return add(b, address, mul(b, count, bytes));
  }

  /// The address of the element at these leading indices, those that follow
  /// being zero.
  Value getAddress(Value memref, ValueRange indices) {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
    Value element = metadata.getOffset();
    for (auto [dim, index] : llvm::enumerate(indices))
      element = add(b, element, mul(b, index, getPitch(memref, dim)));
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    return add(b, base, mul(b, element, getBytes(memref)));
  }

  Value number(int64_t tile) {
    return LLVM::ConstantOp::create(b, b.getI8IntegerAttr(tile));
  }
  void call(StringRef name, ValueRange operands) {
    LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.x86." + name.str()),
                                  operands);
  }
  /// A load or store of a tile from `address` on, with rows `pitch` bytes
  /// apart.
  void move(StringRef name, int64_t tile, Value address, int64_t pitch) {
    Value integer = arith::IndexCastOp::create(b, b.getI64Type(), address);
    Value pointer = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), integer);
    Value stride = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(pitch));
    call(name, {number(tile), pointer, stride});
  }

  void emitSegment(Value rows, Value weights) {
    emitLoop(b, steps.whole, {},
             [&](Value step, ValueRange) -> SmallVector<Value> {
               emitStep(offset(rows, step, steps.size * kBlockBytes),
                        offset(weights, step, steps.size * kTileRowBytes),
                        steps.rows, steps.weights);
               return {};
             });
    int64_t done = steps.whole * steps.size;
    if (steps.rest != 0)
      emitStep(add(b, rows, done * kBlockBytes),
               add(b, weights, done * kTileRowBytes), steps.restRows,
               steps.restWeights);
  }

  /// Every other register of rows takes the panels backwards, so that one
  /// register for weights is loaded less often.
  void emitStep(Value rows, Value weights, ArrayRef<int64_t> rowRegisters,
                ArrayRef<int64_t> weightRegisters) {
    int64_t tilePitch = getPitch(op.getRows(), 0) * bytes;
    int64_t rowPitch = getPitch(op.getRows(), 1) * bytes;
    int64_t panelPitch = getPitch(op.getWeights(), 0) * bytes;
    auto numRegisters = static_cast<int64_t>(weightRegisters.size());
    SmallVector<int64_t, 2> held(numRegisters, -1);
    for (int64_t t = 0; t < shape[0]; ++t) {
      int64_t row = rowRegisters[t % rowRegisters.size()];
      move("tileloadd64", row, add(b, rows, t * tilePitch), rowPitch);
      for (int64_t i = 0; i < panels; ++i) {
        int64_t p = t % 2 == 0 ? i : panels - 1 - i;
        int64_t slot = p % numRegisters;
        if (held[slot] != p)
          move("tileloadd64", weightRegisters[slot],
               add(b, weights, p * panelPitch), kTileRowBytes);
        held[slot] = p;
        call(product, {number(t * panels + p), number(row),
                       number(weightRegisters[slot])});
      }
    }
  }

  MatrixTileOp op;
  ImplicitLocOpBuilder b;
  /// Of the rows: registers, rows of each, segments, elements of each.
  ArrayRef<int64_t> shape;
  int64_t panels, bytes;
  Steps steps;
  StringRef product;
};

} // namespace

/// The operand of ldtilecfg, palette 1 (Intel SDM volume 2, LDTILECFG): bytes
/// of a row of each register from byte 16 on, two each, their rows from byte
/// 48 on.
static Value createConfiguration(ImplicitLocOpBuilder &b, int64_t rows,
                                 int64_t blocks) {
  std::string name = llvm::formatv("kernel_tiles_{0}_{1}", rows, blocks);
  auto module =
      b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto type = MemRefType::get({64}, b.getI8Type());
  if (!module.lookupSymbol(name)) {
    std::array<int8_t, 64> bytes = {/*palette=*/1};
    auto set = [&](int64_t tile, int64_t tileRows, int64_t rowBytes) {
      bytes[16 + 2 * tile] = static_cast<int8_t>(rowBytes);
      bytes[48 + tile] = static_cast<int8_t>(tileRows);
    };
    for (int64_t tile = 0; tile < kMaxSumTiles; ++tile)
      set(tile, rows, kTileRowBytes);
    auto setOperands = [&](ArrayRef<int64_t> rowTiles,
                           ArrayRef<int64_t> weightTiles, int64_t size) {
      for (int64_t tile : rowTiles)
        set(tile, rows, size * kBlockBytes);
      for (int64_t tile : weightTiles)
        set(tile, size, kTileRowBytes);
    };
    Steps steps(blocks);
    setOperands(steps.rows, steps.weights, steps.size);
    if (steps.rest != 0)
      setOperands(steps.restRows, steps.restWeights, steps.rest);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    memref::GlobalOp::create(
        b, name, b.getStringAttr("private"), type,
        DenseElementsAttr::get(RankedTensorType::get({64}, b.getI8Type()),
                               ArrayRef(bytes)),
        /*constant=*/true, b.getI64IntegerAttr(64));
  }
  return memref::GetGlobalOp::create(b, type, name);
}

void mpc::lowerTileRegisters(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<MatrixTileOp, ConfigureTilesOp, ReleaseTilesOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (auto tile = dyn_cast<MatrixTileOp>(op)) {
      TileLowering(tile).run();
      continue;
    }
    ImplicitLocOpBuilder b(op->getLoc(), op);
    if (auto configure = dyn_cast<ConfigureTilesOp>(op)) {
      Value memref =
          createConfiguration(b, configure.getRows(), configure.getBlocks());
      Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
      address = arith::IndexCastOp::create(b, b.getI64Type(), address);
      Value pointer = LLVM::IntToPtrOp::create(
          b, LLVM::LLVMPointerType::get(b.getContext()), address);
      LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.x86.ldtilecfg"),
                                    pointer);
    } else {
      LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.x86.tilerelease"),
                                    ValueRange());
    }
    op->erase();
  }
}
