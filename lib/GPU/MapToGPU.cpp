//===- MapToGPU.cpp - parallel loops to GPU kernels -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MapRows.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_MAPTOGPU
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

/// Threads of a block.
static constexpr int64_t kBlockSize = 128;

namespace {

/// Each thread has buffers of its own, in local memory.
LogicalResult makeBuffersPrivate(gpu::LaunchOp launch) {
  OpBuilder b = OpBuilder::atBlockBegin(&launch.getBody().front());
  for (Operation *op : mpc::takeBuffers(launch)) {
    auto type = cast<MemRefType>(op->getResult(0).getType());
    if (!type.hasStaticShape())
      return op->emitOpError(
                 "expected a buffer of fixed size inside a parallel "
                 "loop, but got ")
             << type;
    auto slot = memref::AllocaOp::create(b, op->getLoc(), type);
    op->replaceAllUsesWith(slot);
    op->erase();
  }
  return success();
}

LogicalResult mapForall(scf::ForallOp loop, StringRef name) {
  if (!loop.getOutputs().empty())
    return loop.emitOpError("expected no results, but got ")
           << loop.getOutputs().size();
  if (loop->hasAttr(mpc::kRowThreadsAttrName))
    return mpc::mapRows(loop, name);
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  SmallVector<Value> counts = mpc::countIterations(b, loop);
  Value total = arith::ConstantIndexOp::create(b, 1);
  for (Value count : counts)
    total = b.createOrFold<arith::MulIOp>(total, count);
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(
      total, arith::ConstantIndexOp::create(b, kBlockSize));
  gpu::LaunchOp launch = mpc::createLaunch(b, name, blocks, kBlockSize);
  b.setInsertionPointToStart(&launch.getBody().front());
  Value id = arith::AddIOp::create(
      b,
      arith::MulIOp::create(b, launch.getBlockIds().x,
                            arith::ConstantIndexOp::create(b, kBlockSize)),
      launch.getThreadIds().x);
  auto guard = scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, id, total),
      /*withElseRegion=*/false);
  gpu::TerminatorOp::create(b);
  b.setInsertionPointToStart(guard.thenBlock());
  IRMapping mapping;
  mpc::mapVariables(b, loop, counts, id, mapping);
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  loop.erase();
  return makeBuffersPrivate(launch);
}

void mapSerial(scf::ForOp loop, StringRef name) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  Value one = arith::ConstantIndexOp::create(b, 1);
  gpu::LaunchOp launch = mpc::createLaunch(b, name, one, 1);
  b.setInsertionPointToStart(&launch.getBody().front());
  b.clone(*loop);
  gpu::TerminatorOp::create(b);
  loop.erase();
}

/// Whether a loop is a piece of one group's work: it has no results, and calls,
/// allocates and launches nothing.
bool isSelfContained(scf::ForOp loop) {
  return loop.getNumResults() == 0 &&
         !loop->walk([](Operation *op) {
                bool isOutside =
                    isa<CallOpInterface, memref::AllocOp, memref::AllocaOp,
                        gpu::LaunchOp, mpc::kernel::BeginGroupOp>(op);
                return isOutside ? WalkResult::interrupt()
                                 : WalkResult::advance();
              })
              .wasInterrupted();
}

struct MapToGPUPass : public mpc::impl::MapToGPUBase<MapToGPUPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      unsigned index = 0;
      auto nextName = [&] {
        return (function.getName() + "_kernel" + Twine(index++)).str();
      };
      SmallVector<scf::ForallOp> loops;
      function.walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (isa<gpu::LaunchOp>(op))
          return WalkResult::skip();
        auto loop = dyn_cast<scf::ForallOp>(op);
        if (!loop)
          return WalkResult::advance();
        loops.push_back(loop);
        return WalkResult::skip(); // inner ones run in sequence
      });
      SmallVector<gpu::LaunchOp> blocks;
      function.walk([&](gpu::LaunchOp launch) {
        if (launch->hasAttr(mpc::kBlockThreadsAttrName))
          blocks.push_back(launch);
      });
      for (gpu::LaunchOp launch : blocks)
        if (failed(mpc::mapToBlock(launch)))
          return signalPassFailure();
      for (scf::ForallOp loop : loops)
        if (failed(mapForall(loop, nextName())))
          return signalPassFailure();
      SmallVector<scf::ForOp> serial;
      function.walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (isa<gpu::LaunchOp>(op))
          return WalkResult::skip();
        auto loop = dyn_cast<scf::ForOp>(op);
        if (!loop || !isSelfContained(loop))
          return WalkResult::advance();
        serial.push_back(loop);
        return WalkResult::skip();
      });
      for (scf::ForOp loop : serial)
        mapSerial(loop, nextName());
    }
  }
};

} // namespace
