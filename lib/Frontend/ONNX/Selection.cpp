//===- Selection.cpp - elements of constants, parts of tensors ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selection.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// Lists of data that import computes with may be this long.
static constexpr int64_t mostDataElements = int64_t(1) << 20;

bool frontend::isConstantInput(NodeContext &node, unsigned index) {
  Tensor *tensor = node.getInput(index);
  return tensor && (tensor->known || tensor->constant);
}

bool frontend::setSelected(NodeContext &node, unsigned input,
                           ArrayRef<int64_t> shape,
                           function_ref<SmallVector<int64_t>()> getIndices,
                           unsigned result) {
  Tensor &tensor = *node.getInput(input);
  FailureOr<int64_t> count = countElements(shape);
  if (failed(count) || !tensor.type.hasStaticShape() ||
      *count > std::max(tensor.type.getNumElements(), mostSelectedElements))
    return false;
  if (std::optional<KnownTensor> known = node.getKnown(input)) {
    node.setResult(result, Tensor::ofKnown(known->select(shape, getIndices())));
    return true;
  }
  FailureOr<std::vector<char>> bytes =
      tensor.constant ? getBytes(tensor.constant)
                      : FailureOr<std::vector<char>>(failure());
  if (failed(bytes))
    return false;
  int64_t width = getElementBytes(tensor.type.getElementType());
  TensorData selected;
  selected.type = tensor.type.clone(shape);
  selected.bytes.reserve(*count * width);
  for (int64_t index : getIndices())
    selected.bytes.insert(selected.bytes.end(), bytes->data() + index * width,
                          bytes->data() + (index + 1) * width);
  node.setResult(result,
                 Tensor::ofConstant(makeElements(selected, node.getName())));
  return true;
}

std::optional<KnownTensor>
frontend::getRequiredData(NodeContext &node, unsigned index, StringRef what) {
  std::optional<KnownTensor> known = node.getKnown(index);
  Tensor *tensor = node.getInput(index);
  if (!known && tensor && tensor->constant)
    known = KnownTensor::fromElements(tensor->constant, mostDataElements);
  if (!known || !known->isConstant()) {
    (void)node.error("the result's size depends on the elements of " + what +
                     " '" + node.getNode().input(index) +
                     "', which are only known when the model runs; --bind or "
                     "--shape can make them constants");
    return std::nullopt;
  }
  return known;
}
