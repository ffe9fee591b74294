//===- ContractionWeights.h - weights of a group's contraction --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Repairs see every contraction with constant weights alike: `outputs` sums of
// `products` weights times inputs. Which weight and which input channel a
// product takes follows from QuantizableOpInterface.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_CONTRACTIONWEIGHTS_H
#define MPC_TRANSFORMS_CONTRACTIONWEIGHTS_H

#include "mpc/Dialect/MPC/MPCDialect.h"
#include <vector>

namespace mpc {

/// On a group: the scales of its weights, one per output channel
/// (DenseF32ArrayAttr), in place of those that mpc-insert-quantization chooses.
inline constexpr llvm::StringLiteral kWeightScalesAttrName =
    "mpc.weight_scales";
/// On a group: what its result's channels are to be divided by
/// (DenseF32ArrayAttr).
inline constexpr llvm::StringLiteral kChannelFactorsAttrName =
    "mpc.channel_factors";

class ContractionWeights {
public:
  /// Of a group whose root is a contraction of one activation with constant
  /// weights (and bias, where it has one) of a floating-point type, channels
  /// last on both sides; else nothing.
  static std::optional<ContractionWeights> get(GroupOp group);

  GroupOp getGroup() const { return group; }
  QuantizableOpInterface getRoot() const { return root; }
  /// The value of the function that the contraction reads, and the block
  /// argument that stands for it.
  mlir::Value getInput() const {
    return GroupOp(group).getInputs()[getInputArgument().getArgNumber()];
  }
  mlir::BlockArgument getInputArgument() const;

  int64_t getNumOutputs() const { return outputs; }
  int64_t getNumProducts() const { return weights.size() / outputs; }
  int64_t getNumInputs() const { return inputs * groups; } ///< input channels
  int64_t getNumGroups() const { return groups; }

  /// Where the weight of a product of an output channel lies, and which input
  /// channel it multiplies.
  int64_t getIndex(int64_t output, int64_t product) const {
    return product / outputStride * (outputStride * outputs) +
           output * outputStride + product % outputStride;
  }
  int64_t getInputChannel(int64_t output, int64_t product) const {
    return output / (outputs / groups) * inputs +
           getIndex(output, product) / inputStride % inputs;
  }

  std::vector<float> weights; ///< in the constant's order
  std::vector<float> bias;    ///< per output channel; zeros where there is none
  /// Calibrated, per input channel (mpc.input_means); none where not known.
  std::vector<float> inputMeans;

  /// The weights of one output channel, in the order of its products.
  std::vector<float> getWeightsOf(int64_t output) const;

  /// The signed bytes, in steps of `scale`, that one output channel's weights
  /// become, in the order of its products: the nearest ones, but for those that
  /// make errors cancel (CancelErrors.h).
  std::vector<int8_t> quantizeWeightsOf(int64_t output, float scale) const;

  /// What weights of the integers `quantized`, in steps of `scale`, take from
  /// the mean of an output channel: sum (w[k] - q[k] * scale) * E[x[k]]. 0
  /// where the means of inputs are not known. Padding counts as the mean.
  double getMeanError(int64_t output, float scale,
                      llvm::ArrayRef<int8_t> quantized) const;

  /// Makes `weights` and `bias` the group's. A bias that is new is added to the
  /// contraction, unless it is all zeros.
  void write();

private:
  GroupOp group;
  QuantizableOpInterface root;
  int64_t outputs = 0, outputStride = 0, inputs = 0, inputStride = 0,
          groups = 1;
};

/// Makes `use`, inside a group, read `value` of the function, through a new
/// operand of the group; operands that nothing reads any more go.
void setGroupOperand(GroupOp group, mlir::OpOperand &use, mlir::Value value);

} // namespace mpc

#endif // MPC_TRANSFORMS_CONTRACTIONWEIGHTS_H
