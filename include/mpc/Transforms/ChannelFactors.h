//===- ChannelFactors.h - channels scaled between groups --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value that contractions read may have its channels divided where it is made
// and multiplied where it is read. Who may decide that asks here.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_CHANNELFACTORS_H
#define MPC_TRANSFORMS_CHANNELFACTORS_H

#include "mpc/Transforms/ContractionWeights.h"

namespace mpc {

/// What reads a group's result.
struct ChannelReaders {
  std::vector<ContractionWeights> contractions;
  /// Pools on the way there, whose results have the same factors.
  std::vector<GroupOp> between;
  /// Why a factor per channel cannot be taken back where the value is read;
  /// empty where it can.
  std::string problem;
};

/// The readers of a group's only result, whose channels are its last dimension,
/// also behind pools and reshapes. Behind a reshape, input channel i of a
/// contraction is channel i % C of the value.
ChannelReaders getChannelReaders(GroupOp group);

/// How a group can divide the channels of its result.
struct ChannelSource {
  /// Folds into constants of the group at no cost; else it takes a
  /// multiplication at its end.
  bool folds = false;
  /// Why it does not fold.
  std::string problem;
  /// The contraction in the group whose outputs the channels are, with clamps
  /// to 0 and added constants behind it only.
  bool isContraction = false;
};
ChannelSource getChannelSource(GroupOp group);

/// Divides channel c of the group's result by factors[c], all > 0, and
/// multiplies where it is read. Fails with an error at the group where
/// getChannelReaders has a problem or the factors are of another number.
mlir::LogicalResult foldChannelFactors(GroupOp group,
                                       llvm::ArrayRef<float> factors);

} // namespace mpc

#endif // MPC_TRANSFORMS_CHANNELFACTORS_H
