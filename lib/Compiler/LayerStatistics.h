//===- LayerStatistics.h - what contractions read on samples ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a module in f32 over samples and sums up what each of some contractions
// reads. Memory does not grow with the number of samples.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_LAYERSTATISTICS_H
#define MPC_LIB_COMPILER_LAYERSTATISTICS_H

#include "mpc/Analysis/RepairMath.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/ContractionWeights.h"
#include <map>

namespace mpc {

/// Of one contraction's input, in f64 sums over positions and samples. A
/// "product" is one that ContractionWeights numbers.
struct LayerStatistics {
  std::vector<double> channelMin, channelMax,
      channelSquare; ///< per input channel; the last is the mean square
  /// Per channel group of the contraction and product: the means of what is
  /// multiplied, of the same behind the 8-bit quantizer `input`, and of its
  /// square. Padding counts as the zeros that it is.
  std::vector<double> mean, quantizedMean, square;
  std::vector<SecondMoments>
      moments; ///< per channel group, where they were asked for
};

struct StatisticsRequest {
  ContractionWeights contraction;
  QuantParams input;       ///< the quantizer of `quantizedMean`
  bool wantsMeans = false; ///< mean, quantizedMean, square
  bool wantsMoments = false;
};

/// Statistics of each request over the samples of `options.calibrationData`.
/// `module` is of the phase grouped or annotated; it is not changed. `consume`
/// gets them in the order of the requests; second moments are in memory for so
/// many requests at a time as fit into 256 MiB, and one at least.
mlir::LogicalResult gatherStatistics(
    mlir::ModuleOp module, llvm::ArrayRef<StatisticsRequest> requests,
    const CompileOptions &options,
    llvm::function_ref<void(const StatisticsRequest &, const LayerStatistics &)>
        consume);

/// Counts the values of some arguments and groups, by name, into histograms
/// whose ranges are given.
mlir::LogicalResult
gatherHistograms(mlir::ModuleOp module,
                 std::map<std::string, ValueHistogram> &histograms,
                 const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_LAYERSTATISTICS_H
