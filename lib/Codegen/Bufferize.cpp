//===- Bufferize.cpp - tensors to buffers ---------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-bufferize: upstream's one-shot bufferization with the options that this
// compiler needs, and results of public functions in their output arguments.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_BUFFERIZE
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// The buffer that casts only rename.
Value skipCasts(Value value) {
  while (auto cast = value.getDefiningOp<memref::CastOp>())
    value = cast.getSource();
  return value;
}

/// Replaces the results of `function` by its last arguments, copying what is
/// not there yet.
LogicalResult bindResults(func::FuncOp function) {
  if (function.getNumResults() == 0)
    return success();
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expected one block, but got ")
           << function.getBody().getBlocks().size();
  if (function.getNumArguments() < function.getNumResults())
    return function.emitOpError("expected one output argument per result, but "
                                "got ")
           << function.getNumResults() << " results and "
           << function.getNumArguments() << " arguments";
  auto returnOp = cast<func::ReturnOp>(function.front().getTerminator());
  auto outputs = function.getArguments().take_back(function.getNumResults());
  OpBuilder builder(returnOp);
  for (auto [index, result, output] :
       llvm::enumerate(returnOp.getOperands(), outputs)) {
    Value buffer = skipCasts(result);
    if (buffer == output)
      continue;
    if (result.getType() != output.getType())
      return function.emitOpError("expected the output argument of result #")
             << index << " to have its type " << result.getType()
             << ", but got " << output.getType();
    // A copy may not overwrite what a later one reads.
    if (llvm::is_contained(outputs, buffer))
      return function.emitOpError("result #")
             << index << " is computed in the output argument of another";
    memref::CopyOp::create(builder, function.getLoc(), result, output);
  }
  returnOp->setOperands({});
  function.setType(FunctionType::get(function.getContext(),
                                     function.getArgumentTypes(), {}));
  // Attributes of the results go with them.
  function.removeResAttrsAttr();
  return success();
}

/// Drops copies of a buffer onto itself, which bufferization leaves where a
/// slice is written in place, and makes the others linalg ops.
void lowerCopies(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  DominanceInfo dominance(module);
  // Equal views become one value.
  eliminateCommonSubExpressions(rewriter, dominance, module);
  module.walk([&](memref::CopyOp copy) {
    if (copy.getSource() != copy.getTarget()) {
      rewriter.setInsertionPoint(copy);
      linalg::CopyOp::create(rewriter, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
    }
    rewriter.eraseOp(copy);
  });
}

class Bufferize : public mpc::impl::BufferizeBase<Bufferize> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(
        bufferization::LayoutMapOption::IdentityLayoutMap);
    options.unknownTypeConverterFn =
        [](TensorType type, Attribute memorySpace,
           const bufferization::BufferizationOptions &) {
          return bufferization::getMemRefTypeWithStaticIdentityLayout(
              type, memorySpace);
        };
    bufferization::BufferizationState state;
    if (failed(
            bufferization::runOneShotModuleBufferize(module, options, state)) ||
        failed(bufferization::dropEquivalentBufferResults(module)))
      return signalPassFailure();
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(bindResults(function)))
        return signalPassFailure();
    lowerCopies(module);
  }
};

} // namespace
