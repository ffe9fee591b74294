//===- SelectStreams.cpp - results that leave the caches ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-select-streams: a processor reads the line that a store writes to, unless
// it is told that the line will be written as a whole and is not needed soon.
// Of a result that is far larger than the caches nothing is left in them when
// the next operation begins to read it.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTSTREAMS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Results of more bytes than so many last-level caches: a machine may have
/// more of one than its description says.
static constexpr int64_t kCaches = 4;

/// A dimension of unknown size, such as the batch, is not expected to be
/// larger.
static constexpr int64_t kLargestUnknown = 1024;

namespace {

struct SelectStreamsPass
    : public mpc::impl::SelectStreamsBase<SelectStreamsPass> {
  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    int64_t least = kCaches * target->l3Bytes;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!op.hasPureBufferSemantics() || op.getNumDpsInits() != 1 ||
          op.getNumParallelLoops() != op.getNumLoops())
        return;
      // What the function gives; what it needs in between may be read at once.
      auto result = dyn_cast<BlockArgument>(getRoot(op.getDpsInits()[0]));
      if (!result || result.getOwner()->getParentOp() != getOperation())
        return;
      auto type = cast<MemRefType>(result.getType());
      if (!type.getElementType().isIntOrFloat())
        return;
      int64_t bytes = getBytes(type);
      for (int64_t size : type.getShape())
        bytes *= ShapedType::isDynamic(size) ? kLargestUnknown : 1;
      if (bytes > least)
        op->setAttr(
            kStreamAttrName,
            IntegerAttr::get(IntegerType::get(&getContext(), 64), least));
    });
  }
};

} // namespace
