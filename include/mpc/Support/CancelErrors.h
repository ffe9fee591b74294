//===- CancelErrors.h - round weights so that errors cancel -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs of a sum are mostly positive, and neighbouring positions of one input
// channel are alike, so that the sums of weights' rounding errors do more harm
// than their squares (Guo et al., SQuant, ICLR 2022). No samples are needed.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_CANCELERRORS_H
#define MPC_SUPPORT_CANCELERRORS_H

#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace mpc {

// What a squared sum counts beside the squared errors: about E[x_i x_j] of
// neighbouring positions, and E[x]^2, over the variance that is left, for
// outputs of rectifiers. Without E[x]^2 some is left for inputs that grow and
// shrink together.
inline constexpr double kChannelShare = 1.0, kRowShare = 0.5,
                        kCorrectedRowShare = 0.1;

/// Rounds weights of one row, which are integers already, the other way while
/// that makes
///   sum e^2 + kChannelShare * sum over input channels (sum e)^2
///           + rowShare * (sum e)^2
/// less, one after another, within [least, most]. `channels` tells the input
/// channel, below `numChannels`, that each weight multiplies;
/// `getValue(k, q)` is weight k of the integer q. What is exact stays.
/// `rowShare` is kRowShare, or kCorrectedRowShare where a bias takes what the
/// means of inputs make of the errors.
template <typename Integer, typename GetValue>
void cancelErrors(llvm::ArrayRef<float> row,
                  llvm::MutableArrayRef<Integer> integers, int least, int most,
                  llvm::ArrayRef<int64_t> channels, int64_t numChannels,
                  GetValue getValue, double rowShare = kRowShare) {
  constexpr int kPasses = 4;
  std::vector<double> errors(row.size()), channelSums(numChannels, 0.0);
  double rowSum = 0;
  for (size_t k = 0; k < row.size(); ++k) {
    errors[k] = double(getValue(k, integers[k])) - row[k];
    channelSums[channels[k]] += errors[k];
    rowSum += errors[k];
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    bool changed = false;
    for (size_t k = 0; k < row.size(); ++k) {
      double error = errors[k];
      int next = integers[k] + (error > 0 ? -1 : 1);
      if (error == 0 || next < least || next > most)
        continue;
      double step = double(getValue(k, next)) - getValue(k, integers[k]);
      double &channelSum = channelSums[channels[k]];
      double gain = (2 * error + step) +
                    kChannelShare * (2 * channelSum + step) +
                    rowShare * (2 * rowSum + step);
      // The sum changes by gain * step; differences that are noise do not
      // count.
      if (!(gain * step < -1e-9 * step * step))
        continue;
      integers[k] = static_cast<Integer>(next);
      errors[k] += step;
      channelSum += step;
      rowSum += step;
      changed = true;
    }
    if (!changed)
      return;
  }
}

} // namespace mpc

#endif // MPC_SUPPORT_CANCELERRORS_H
