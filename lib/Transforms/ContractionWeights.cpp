//===- ContractionWeights.cpp - weights of a group's contraction ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/ContractionWeights.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/CancelErrors.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/Ranges.h"

using namespace mlir;
using namespace mpc;

/// The constant of the function that an operand inside a group reads, or null.
static ConstantOp getConstant(GroupOp group, OpOperand *operand) {
  auto argument =
      operand ? dyn_cast<BlockArgument>(operand->get()) : BlockArgument();
  return argument ? group.getInputs()[argument.getArgNumber()]
                        .getDefiningOp<ConstantOp>()
                  : ConstantOp();
}

static int64_t getStride(RankedTensorType type, int64_t axis) {
  int64_t stride = 1;
  for (int64_t d = axis + 1; d < type.getRank(); ++d)
    stride *= type.getDimSize(d);
  return stride;
}

std::optional<ContractionWeights> ContractionWeights::get(GroupOp group) {
  ContractionWeights result;
  result.group = group;
  result.root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  if (group->getNumResults() != 1 || group.isQuantized() || !result.root ||
      result.root.getQuantRole() != QuantRole::Contraction)
    return std::nullopt;
  QuantizableOpInterface root = result.root;
  SmallVector<OpOperand *> activations = root.getActivationOperands();
  OpOperand *weight = root.getWeightOperand();
  if (activations.size() != 1 || !weight || root.getInputChannelAxis() < 0 ||
      root.getWeightInputAxis() < 0)
    return std::nullopt;
  auto input = dyn_cast<BlockArgument>(activations.front()->get());
  auto inputType =
      input ? cast<RankedTensorType>(input.getType()) : RankedTensorType();
  if (!input || root.getInputChannelAxis() != inputType.getRank() - 1 ||
      root.getResultChannelAxis() !=
          cast<RankedTensorType>(root->getResult(0).getType()).getRank() - 1)
    return std::nullopt;
  ConstantOp constant = getConstant(group, weight),
             bias = getConstant(group, root.getBiasOperand());
  if (!constant || (root.getBiasOperand() && !bias) ||
      !isa<FloatType>(getElementTypeOrSelf(constant.getType())))
    return std::nullopt;
  auto type = cast<RankedTensorType>(constant.getType());
  int64_t outputAxis = root.getWeightChannelAxis(),
          inputAxis = root.getWeightInputAxis();
  result.outputs = type.getDimSize(outputAxis);
  result.outputStride = getStride(type, outputAxis);
  result.inputs = type.getDimSize(inputAxis);
  result.inputStride = getStride(type, inputAxis);
  result.groups = root.getChannelGroups();
  // A product of whole batches of matrices has weights per batch.
  if (result.outputs == 0 || type.getNumElements() == 0 ||
      result.getNumInputs() != inputType.getShape().back())
    return std::nullopt;
  for (int64_t d = 0; !isa<ConvOp>(root.getOperation()) && d < type.getRank();
       ++d)
    if (d != outputAxis && d != inputAxis && type.getDimSize(d) != 1)
      return std::nullopt;
  auto weights = getFloatValues(constant.getValue());
  auto biases =
      bias ? getFloatValues(bias.getValue())
           : std::make_optional<std::vector<float>>(result.outputs, 0.0f);
  auto isFinite = [](float value) { return std::isfinite(value); };
  if (!weights || !biases || !llvm::all_of(*weights, isFinite) ||
      !llvm::all_of(*biases, isFinite))
    return std::nullopt;
  result.weights = std::move(*weights);
  result.bias = std::move(*biases);
  if (auto means = group->getAttrOfType<DenseF32ArrayAttr>(kInputMeansAttrName);
      means && means.size() == result.getNumInputs())
    result.inputMeans = means.asArrayRef().vec();
  return result;
}

BlockArgument ContractionWeights::getInputArgument() const {
  return cast<BlockArgument>(
      QuantizableOpInterface(root).getActivationOperands().front()->get());
}

std::vector<float> ContractionWeights::getWeightsOf(int64_t output) const {
  std::vector<float> result(getNumProducts());
  for (auto [k, value] : llvm::enumerate(result))
    value = weights[getIndex(output, k)];
  return result;
}

std::vector<int8_t> ContractionWeights::quantizeWeightsOf(int64_t output,
                                                          float scale) const {
  QuantParams params{scale, 0, -127, 127};
  std::vector<float> row = getWeightsOf(output);
  std::vector<int8_t> integers(row.size());
  std::vector<int64_t> channels(row.size());
  for (size_t k = 0; k < row.size(); ++k) {
    integers[k] = static_cast<int8_t>(quantize(row[k], params));
    channels[k] = getInputChannel(output, k) % inputs;
  }
  cancelErrors(
      row, llvm::MutableArrayRef(integers), params.qmin, params.qmax, channels,
      inputs, [&](size_t, int q) { return dequantize(q, params); },
      inputMeans.empty() ? kRowShare : kCorrectedRowShare);
  return integers;
}

double ContractionWeights::getMeanError(int64_t output, float scale,
                                        ArrayRef<int8_t> quantized) const {
  QuantParams params{scale, 0, -127, 127};
  double error = 0;
  if (!inputMeans.empty())
    for (auto [k, q] : llvm::enumerate(quantized))
      error += (double(weights[getIndex(output, k)]) - dequantize(q, params)) *
               inputMeans[getInputChannel(output, k)];
  return error;
}

void ContractionWeights::write() {
  OpBuilder builder(group);
  auto weight = getConstant(group, root.getWeightOperand()),
       old = getConstant(group, root.getBiasOperand());
  auto type = cast<RankedTensorType>(weight.getType());
  setGroupOperand(group, *root.getWeightOperand(),
                  ConstantOp::create(builder, weight.getLoc(),
                                     createFloatConstant(type, weights)));
  if (!old && llvm::all_of(bias, [](float value) { return value == 0; }))
    return;
  auto biasType = RankedTensorType::get(
      {outputs}, old ? getElementTypeOrSelf(old.getType())
                     : getElementTypeOrSelf(root->getResult(0).getType()));
  Value constant =
      ConstantOp::create(builder, old ? old.getLoc() : group.getLoc(),
                         createFloatConstant(biasType, bias));
  if (old)
    return setGroupOperand(group, *root.getBiasOperand(), constant);
  // The bias is the last operand of every contraction.
  group.getInputsMutable().append(constant);
  root->insertOperands(root->getNumOperands(),
                       group.getBlock().addArgument(biasType, group.getLoc()));
}

void mpc::setGroupOperand(GroupOp group, OpOperand &use, Value value) {
  auto old = cast<BlockArgument>(use.get());
  Value outer = group.getInputs()[old.getArgNumber()];
  if (outer.getType() == value.getType() && old.hasOneUse()) {
    group.getInputsMutable()[old.getArgNumber()].set(value);
  } else {
    group.getInputsMutable().append(value);
    use.set(group.getBlock().addArgument(value.getType(), value.getLoc()));
    if (old.use_empty()) {
      unsigned index = old.getArgNumber();
      group.getBlock().eraseArgument(index);
      group.getInputsMutable().erase(index);
    }
  }
  if (auto constant = outer.getDefiningOp<ConstantOp>();
      constant && constant->use_empty())
    constant.erase();
}
