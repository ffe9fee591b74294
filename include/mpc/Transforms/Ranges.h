//===- Ranges.h - calibrated ranges on IR ----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How tensors are named in calibration tables, and how a table's ranges come
// back into the IR.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_RANGES_H
#define MPC_TRANSFORMS_RANGES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// On a result of an observing entry point: the name of the tensor whose `[min,
/// max]` it is.
inline constexpr llvm::StringLiteral kObservesAttrName = "mpc.observes";
/// On a result of an observing entry point: the name of the tensor whose
/// histogram it is, of kHistogramBins bins.
inline constexpr llvm::StringLiteral kCountsAttrName = "mpc.counts";
/// On a result of an observing entry point: the name of the group whose
/// contraction reads the channels of which it is the mpc.channel_sums.
inline constexpr llvm::StringLiteral kSumsAttrName = "mpc.sums";
/// On a group: the calibrated mean of each input channel of its contraction
/// (DenseF32ArrayAttr).
inline constexpr llvm::StringLiteral kInputMeansAttrName = "mpc.input_means";
/// On a group: the model's own name of the tensor that it stores, where there
/// is one. Groups are named after nodes; tables of other tools name tensors.
inline constexpr llvm::StringLiteral kTensorAttrName = "mpc.tensor";
/// On an argument: its calibrated range.
inline constexpr llvm::StringLiteral kRangeAttrName = "mpc.range";
/// On a loop, a branch or a group with several results: an array with the
/// range of each, or a unit attribute where it has none.
inline constexpr llvm::StringLiteral kRangesAttrName = "mpc.ranges";
/// On an argument or a result: the model's own name of that tensor. On a loop
/// or a branch: its name, unique in the function as those of groups are.
inline constexpr llvm::StringLiteral kNameAttrName = "mpc.name";
/// On the module: how integers are requantized (RoundingAttr), which integers
/// activations become and which scales they may have (strings, see
/// getActivationKinds and getScaleKinds), and that nothing may be computed in
/// floating point (unit).
inline constexpr llvm::StringLiteral kRoundingAttrName = "mpc.rounding";
inline constexpr llvm::StringLiteral kActivationsAttrName = "mpc.activations";
inline constexpr llvm::StringLiteral kScalesAttrName = "mpc.scales";
inline constexpr llvm::StringLiteral kFullyIntegralAttrName =
    "mpc.fully_integral";
/// On the module: the hash of graph and weights.
inline constexpr llvm::StringLiteral kModelHashAttrName = "mpc.model_hash";

/// The name under which an argument is observed: its `mpc.name`, or `argN`.
std::string getArgumentName(mlir::func::FuncOp func, unsigned index);
/// The name under which a result of a group, a loop or a branch is observed:
/// the op's, with `:N` where it has several results.
std::string getResultName(mlir::OpResult result);
/// Whether mpc-observe-ranges sees the results of an op of the function.
bool isObserved(mlir::Operation *op);
/// The value whose elements `value` holds under another shape: ranges, scales
/// and storage are that one's.
inline mlir::Value throughReshapes(mlir::Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}
/// The calibrated range of an argument or a result, or null.
RangeAttr getRange(mlir::Value value);
void setRange(mlir::OpResult result, RangeAttr range);

/// Sets `mpc.range` on the arguments and `range` on the groups that
/// `calibration` names. A group that only moves or selects values and that the
/// table does not name takes the range of its inputs, cut by the clamps in its
/// epilogue. Fails, with a message that names `source`, where the table was
/// made for another model.
mlir::LogicalResult attachRanges(mlir::ModuleOp module,
                                 const Calibration &calibration,
                                 llvm::StringRef source);

/// Reads a calibration table for a module whose groups are formed. A table of
/// another tool (ForeignCalibration.h) names tensors; it becomes one of the
/// groups that store them, of calibrator minmax and no samples, or an error
/// where the module has none of them.
llvm::Expected<Calibration> loadCalibration(mlir::ModuleOp module,
                                            llvm::StringRef path);

} // namespace mpc

#endif // MPC_TRANSFORMS_RANGES_H
