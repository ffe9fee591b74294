//===- Selection.h - elements of constants, parts of tensors ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What operators that choose elements share: constants are chosen from at
// import, whatever their size, so that the parts of a weight are weights.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_SELECTION_H
#define MPC_LIB_FRONTEND_ONNX_SELECTION_H

#include "Folding.h"

namespace mpc::frontend {

/// Results with more elements are left to the model, unless the constant that
/// they come from is no smaller.
constexpr int64_t mostSelectedElements = int64_t(1) << 16;

/// Whether an input's elements are known when the model is imported, although
/// they may depend on the batch.
bool isConstantInput(NodeContext &node, unsigned index);

/// Sets result `result` to the elements of a constant input at the row-major
/// positions that `getIndices` makes. False where it would be too large.
bool setSelected(NodeContext &node, unsigned input,
                 llvm::ArrayRef<int64_t> shape,
                 llvm::function_ref<llvm::SmallVector<int64_t>()> getIndices,
                 unsigned result = 0);

/// All elements of an input whose contents the size of a result depends on;
/// `what` names it in the error.
std::optional<KnownTensor> getRequiredData(NodeContext &node, unsigned index,
                                           llvm::StringRef what);

/// Sets a result to the parts of `data` along `axis` at known positions, which
/// have `indexShape`.
void setGathered(NodeContext &node, unsigned result, mlir::Value data,
                 int64_t axis, llvm::ArrayRef<int64_t> positions,
                 llvm::ArrayRef<int64_t> indexShape);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_SELECTION_H
