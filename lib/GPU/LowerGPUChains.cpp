//===- LowerGPUChains.cpp - loops over blocks of rows as GPU kernels ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockProduct.h"
#include "Launch.h"
#include "MapRows.h"
#include "OnlineAttention.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERGPUCHAINS
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// `to` and its views in the place of `from` and its own; types may differ in
/// strides and memory space.
static void replaceBuffer(Value from, Value to) {
  for (OpOperand &use : llvm::make_early_inc_range(from.getUses())) {
    Operation *user = use.getOwner();
    if (!isView(user)) {
      use.set(to);
      continue;
    }
    OpBuilder b(user);
    auto type = cast<MemRefType>(user->getResult(0).getType());
    replaceBuffer(user->getResult(0), createView(b, user, to, type.getShape()));
    user->erase();
  }
}

/// Whether a contraction reads or writes what `buffer` holds.
static bool isOfContraction(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    return isa<ContractOp>(user) ||
           (isView(user) && isOfContraction(user->getResult(0)));
  });
}

/// Rows of `buffer` so far apart that tensor cores can read them.
static void spreadRows(memref::AllocOp buffer) {
  ImplicitLocOpBuilder b(buffer.getLoc(), buffer);
  MemRefType type = buffer.getType();
  SmallVector<int64_t> shape(type.getShape());
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  shape.back() = getRowPitch(shape.back() * bytes) / bytes;
  Value memory = memref::AllocOp::create(
      b,
      MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface(),
                      getSharedSpace(b.getContext())));
  SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0)),
      strides(shape.size(), b.getIndexAttr(1));
  Value rows = memref::SubViewOp::create(
      b, memory, offsets,
      getAsIndexOpFoldResult(b.getContext(), type.getShape()), strides);
  replaceBuffer(buffer, rows);
  buffer.erase();
}

/// Attention that takes `keys` keys at a time, which is all that `launch` does.
static LogicalResult lowerPieces(gpu::LaunchOp launch, int64_t keys) {
  SmallVector<Operation *> ops;
  Block &body = launch.getBody().front();
  for (Operation &op : body)
    if (isa<ContractOp, linalg::LinalgOp>(op))
      ops.push_back(&op);
  std::optional<OnlineAttention> attention = OnlineAttention::match(ops);
  if (!attention || !attention->fitsRegisters() ||
      !llvm::is_contained({32, 64}, keys))
    return launch.emitOpError("expected attention with f16 or bf16 and up to "
                              "128 columns of values for pieces of 32 or 64 "
                              "keys");
  SmallVector<Value> buffers;
  for (auto buffer : body.getOps<memref::AllocOp>())
    buffers.push_back(buffer);
  if (failed(attention->emit(launch, keys)))
    return failure();
  // Nobody stores what lies between the products.
  eraseWithViews(buffers);
  return success();
}

static LogicalResult lower(scf::ForallOp loop, StringRef name) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  SmallVector<Value> counts = countIterations(b, loop);
  Value blocks = arith::ConstantIndexOp::create(b, 1);
  for (Value count : counts)
    blocks = b.createOrFold<arith::MulIOp>(blocks, count);
  gpu::LaunchOp launch = createLaunch(b, name, blocks, kRowsBlockSize);
  launch->setAttr(kBlockThreadsAttrName, b.getI64IntegerAttr(kRowsBlockSize));
  Block &body = launch.getBody().front();
  b.setInsertionPointToStart(&body);
  IRMapping mapping;
  mapVariables(b, loop, counts, launch.getBlockIds().x, mapping);
  for (Operation &op : loop.getBody()->without_terminator())
    if (!isa<memref::DeallocOp>(op))
      b.clone(op, mapping);
  gpu::TerminatorOp::create(b);
  auto piece = loop->getAttrOfType<IntegerAttr>(kPieceAttrName);
  loop.erase();
  if (piece)
    return lowerPieces(launch, piece.getInt());

  for (auto buffer : llvm::make_early_inc_range(body.getOps<memref::AllocOp>()))
    if (isOfContraction(buffer))
      spreadRows(buffer);
  // Stages of one product after the other.
  SmallVector<ContractOp> products;
  llvm::MapVector<Type, int64_t> stageBytes;
  for (auto op : body.getOps<ContractOp>()) {
    if (op.getTiling().getIntrinsic() != Intrinsic::mma)
      continue;
    auto type = cast<MemRefType>(op.getOut().getType());
    int64_t rows = type.getDimSize(type.getRank() - 2);
    BlockTile tile = getBlockTile(op, rows);
    op.setTilingAttr(TilingAttr::get(
        op.getContext(), Intrinsic::mma, llvm::alignTo(rows, 16), tile.columns,
        op.getTiling().getKv(), /*gather=*/false, /*expand=*/false,
        /*planar=*/false));
    op->setAttr(kStagingAttrName, tile.staging.toAttribute(b));
    int64_t &bytes = stageBytes[getElementTypeOrSelf(op.getInput())];
    bytes = std::max(bytes, getStageBytes(op, tile));
    products.push_back(op);
  }
  llvm::MapVector<Type, Value> stages;
  for (auto [element, bytes] : stageBytes) {
    // A chunk of 16 columns of one k block is a row.
    constexpr int64_t kRowBytes = kPanelWidth * 4;
    stages[element] = launch.addWorkgroupAttribution(
        MemRefType::get({bytes / kRowBytes,
                         kRowBytes * 8 / element.getIntOrFloatBitWidth()},
                        element, MemRefLayoutAttrInterface(),
                        getSharedSpace(b.getContext())),
        launch.getLoc());
  }
  for (ContractOp op : products) {
    if (failed(emitBlockProduct(op, launch,
                                stages[getElementTypeOrSelf(op.getInput())])))
      return failure();
    op.erase();
  }
  return success();
}

namespace {

struct LowerGPUChainsPass
    : public mpc::impl::LowerGPUChainsBase<LowerGPUChainsPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<scf::ForallOp> loops;
      function.walk([&](scf::ForallOp loop) {
        if (!loop.getBody()->getOps<ContractOp>().empty())
          loops.push_back(loop);
      });
      for (auto [index, loop] : llvm::enumerate(loops))
        if (failed(lower(loop,
                         (function.getName() + "_rows" + Twine(index)).str())))
          return signalPassFailure();
    }
  }
};

} // namespace
