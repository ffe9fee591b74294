//===- Loops.h - building loops over steps ---------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What recurrent networks, Scan and Loop share: a body that is run a known
// number of times on carried tensors and makes one element of each output per
// step. It becomes an scf.for, or straight-line code where that is short.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_LOOPS_H
#define MPC_LIB_FRONTEND_ONNX_LOOPS_H

#include "Importer.h"
#include <vector>

namespace mpc::frontend {

using Tensors = llvm::SmallVector<Tensor, 2>;

/// One step of a loop while its body is built.
class LoopStep {
public:
  /// `number` is null where the loop is unrolled and `known` counts.
  LoopStep(NodeContext &node, int64_t trips, mlir::Value number, int64_t known)
      : node(node), trips(trips), number(number), known(known) {}

  bool isUnrolled() const { return !number; }
  /// The element of `sequence` that belongs to this step, counted from the end
  /// where `reversed`; of the last dimension `size` elements from `offset` on.
  mlir::Value take(mlir::Value sequence, bool reversed, int64_t offset = 0,
                   std::optional<int64_t> size = std::nullopt);
  /// The step's number, as a tensor<i64>.
  Tensor getNumber();

private:
  friend class LoopBuilder;
  /// The step's position in a sequence, as an index.
  mlir::Value getPosition(bool reversed);

  NodeContext &node;
  int64_t trips;
  mlir::Value number;
  int64_t known;
};

/// Computes what is carried into the next step, in place, and this step's
/// elements of the outputs. What fails is an error of the node.
using LoopBody =
    llvm::function_ref<void(LoopStep &, llvm::SmallVectorImpl<Tensor> &carried,
                            llvm::SmallVectorImpl<Tensor> &outputs)>;

/// Builds the loop; `reversed` says of each output whether its first element
/// comes from the last step. Returns the carried tensors after the last step
/// and the outputs, or nothing after an error.
std::optional<Tensors> buildLoop(NodeContext &node, int64_t trips,
                                 llvm::ArrayRef<Tensor> inits,
                                 llvm::ArrayRef<bool> reversed, bool unroll,
                                 LoopBody body);

/// One tensor after the other along a new first dimension.
Tensor stackSteps(NodeContext &node, llvm::MutableArrayRef<Tensor> steps,
                  bool reversed);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_LOOPS_H
