//===- LowerKernels.cpp - kernels and linalg ops to loops -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERKERNELS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Whether rows without gaps lie at one distance from each other.
static bool hasRows(MemRefType type) {
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    groups[dim + 1 == type.getRank()].push_back(dim);
  return type.getRank() >= 2 && type.isLastDimUnitStride() &&
         memref::CollapseShapeOp::isGuaranteedCollapsible(type, groups);
}

/// Whether a memref has no gaps, wherever it begins.
static bool isDense(MemRefType type) {
  int64_t offset;
  SmallVector<int64_t> strides;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t size = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    if (strides[dim] != size)
      return false;
    size *= type.getDimSize(dim);
  }
  return true;
}

/// Rows are collapsed and addressed by their number; those of activations may
/// be parts of longer ones, and packed weights some of several matrices'.
static LogicalResult checkContiguous(Operation *op) {
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    bool isPart = isa<ContractOp, DepthwiseOp, WinogradOp>(op) && index != 1 &&
                  type && hasRows(type);
    isPart |= isa<ContractOp>(op) && index == 1 && type &&
              type.hasStaticShape() && isDense(type);
    if (!type || (!type.getLayout().isIdentity() && !isPart))
      return op->emitOpError("expected operand ")
             << index << " to be a contiguous memref, but got "
             << operand.getType();
  }
  return success();
}

namespace {

struct LowerKernelsPass : public mpc::impl::LowerKernelsBase<LowerKernelsPass> {
  using LowerKernelsBase::LowerKernelsBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<ContractOp, DepthwiseOp, PlanarOp, WinogradOp, PackOp, ExpandOp,
              ScatterOp, TopKOp, HistogramOp, UnpackOp, linalg::LinalgOp>(op))
        ops.push_back(op);
    });
    if (ops.empty())
      return;
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    for (Operation *op : ops) {
      if (failed(lower(op, *target)))
        return signalPassFailure();
      op->erase();
    }
    if (!perElement)
      lowerQuotients(getOperation());
  }

  LogicalResult lower(Operation *op, const TargetDescription &target) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      if (!linalgOp.hasPureBufferSemantics())
        return op->emitOpError("expected memrefs; bufferize first");
      if (perElement)
        lowerPerElement(linalgOp);
      else
        lowerToLoops(linalgOp, target);
      return success();
    }
    if (isa<UnpackOp>(op))
      return op->emitOpError("expected mpc-tile-and-fuse to consume it");
    if (isa<ScatterOp, TopKOp, HistogramOp>(op)) {
      if (!llvm::all_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>))
        return op->emitOpError("expected memrefs; bufferize first");
      if (auto scatter = dyn_cast<ScatterOp>(op))
        lowerScatter(scatter);
      else if (auto topK = dyn_cast<TopKOp>(op))
        lowerTopK(topK);
      else
        lowerHistogram(cast<HistogramOp>(op));
      return success();
    }
    if (failed(checkContiguous(op)))
      return failure();
    if (auto expand = dyn_cast<ExpandOp>(op)) {
      lowerExpand(expand, target);
      return success();
    }
    if (auto pack = dyn_cast<PackOp>(op)) {
      lowerPack(pack, target);
      return success();
    }
    if (auto planar = dyn_cast<PlanarOp>(op))
      return lowerPlanar(planar, target);
    if (auto winograd = dyn_cast<WinogradOp>(op)) {
      lowerWinograd(winograd, target);
      return success();
    }
    if (auto contract = dyn_cast<ContractOp>(op)) {
      if (!perElement)
        return lowerContract(contract, target);
      lowerPerElement(contract);
      return success();
    }
    auto depthwise = cast<DepthwiseOp>(op);
    if (!perElement)
      return lowerDepthwise(depthwise, target);
    lowerPerElement(depthwise);
    return success();
  }
};

} // namespace
