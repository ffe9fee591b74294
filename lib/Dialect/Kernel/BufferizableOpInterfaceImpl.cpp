//===- BufferizableOpInterfaceImpl.cpp - kernel ops on buffers ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

using namespace mlir;
using namespace mpc::kernel;

namespace {

/// The ops overwrite all of `out` and read none of it, so that an
/// uninitialised destination needs no copy; kernel.scatter changes some of it.
template <typename OpTy>
struct OutputOpModel : bufferization::DstBufferizableOpInterfaceExternalModel<
                           OutputOpModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    return isa<ScatterOp>(op) ||
           !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer =
          bufferization::getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    auto newOp = OpTy::create(rewriter, op->getLoc(), TypeRange(), buffers,
                              op->getAttrs());
    for (auto [from, to] : llvm::zip(op->getRegions(), newOp->getRegions()))
      rewriter.inlineRegionBefore(from, to, to.begin());
    Value out = buffers.back();
    bufferization::replaceOpWithBufferizedValues(rewriter, op, out);
    return success();
  }
};

} // namespace

void mpc::kernel::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, KernelDialect *) {
    ContractOp::attachInterface<OutputOpModel<ContractOp>>(*context);
    DepthwiseOp::attachInterface<OutputOpModel<DepthwiseOp>>(*context);
    PlanarOp::attachInterface<OutputOpModel<PlanarOp>>(*context);
    WinogradOp::attachInterface<OutputOpModel<WinogradOp>>(*context);
    PackOp::attachInterface<OutputOpModel<PackOp>>(*context);
    ExpandOp::attachInterface<OutputOpModel<ExpandOp>>(*context);
    ScatterOp::attachInterface<OutputOpModel<ScatterOp>>(*context);
    TopKOp::attachInterface<OutputOpModel<TopKOp>>(*context);
    HistogramOp::attachInterface<OutputOpModel<HistogramOp>>(*context);
  });
}
