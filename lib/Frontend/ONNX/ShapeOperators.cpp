//===- ShapeOperators.cpp - constants and shape arithmetic
//-----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that make constants, and those that only occur where models compute
// shapes: the latter have no op, so their inputs have to be known.
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include <cmath>
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static void setInts(NodeContext &node, ArrayRef<int64_t> shape,
                    ArrayRef<Size> ints) {
  node.setResult(0, Tensor::ofKnown(KnownTensor::makeInts(
                        node.getBuilder().getI64Type(), shape, ints)));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// A sparse tensor, densely: its values stand at positions in row-major order,
/// or at coordinates. Null after an error.
static ElementsAttr readSparse(NodeContext &node) {
  const onnx::SparseTensorProto *sparse = node.getSparseTensor("sparse_value");
  if (!sparse)
    return {};
  ModelContext &model = node.getModel();
  auto read = [&](const onnx::TensorProto &tensor) {
    return readTensor(tensor, "node '" + node.getName() + "'",
                      model.externalData, model.context, model.diagnostics);
  };
  FailureOr<TensorData> values = read(sparse->values()),
                        indices = read(sparse->indices());
  if (failed(values) || failed(indices))
    return node.setFailed(), ElementsAttr();
  SmallVector<int64_t> shape(sparse->dims().begin(), sparse->dims().end());
  FailureOr<int64_t> count = countElements(shape);
  if (failed(count) || *count > mostElements >> 16)
    return (void)node.error("attribute 'sparse_value': sizes are negative or "
                            "too large"),
           ElementsAttr();
  int64_t rank = shape.size(), stored = values->type.getNumElements();
  bool isLinear = indices->type.getRank() == 1;
  bool fits =
      values->type.getRank() == 1 &&
      indices->type.getElementType().isSignlessInteger(64) &&
      indices->type.getShape() == (isLinear ? ArrayRef<int64_t>{stored}
                                            : ArrayRef<int64_t>{stored, rank});
  TensorData dense;
  dense.type = RankedTensorType::get(shape, values->type.getElementType());
  int64_t width = getElementBytes(values->type.getElementType());
  dense.bytes.resize(*count * width);
  SmallVector<int64_t> strides = getStrides(shape);
  for (int64_t i = 0; fits && i < stored; ++i) {
    int64_t at = 0, columns = isLinear ? 1 : rank;
    for (int64_t d = 0; d < columns && fits; ++d) {
      int64_t index;
      memcpy(&index, indices->bytes.data() + (i * columns + d) * 8, 8);
      fits = index >= 0 && index < (isLinear ? *count : shape[d]);
      at += fits ? index * (isLinear ? 1 : strides[d]) : 0;
    }
    if (fits)
      memcpy(dense.bytes.data() + at * width, values->bytes.data() + i * width,
             width);
  }
  if (!fits)
    return (void)node.error("attribute 'sparse_value': expected one position "
                            "inside of the tensor for each value"),
           ElementsAttr();
  return makeElements(dense, node.getName());
}

static void emitConstant(NodeContext &node) {
  Builder &b = node.getBuilder();
  SmallVector<StringRef> given;
  for (const auto &attribute : node.getNode().attribute())
    if (StringRef(attribute.name()).starts_with("value") ||
        attribute.name() == "sparse_value")
      given.push_back(attribute.name());
  if (given.size() != 1)
    return (void)node.error("expected one value, but got " +
                            Twine(given.size()));
  StringRef name = given.front();
  if (name == "value") {
    if (ElementsAttr elements = node.getTensor(name))
      node.setResult(0, Tensor::ofConstant(elements));
    return;
  }
  if (name == "sparse_value") {
    if (ElementsAttr elements = readSparse(node))
      node.setResult(0, Tensor::ofConstant(elements));
    return;
  }
  KnownTensor known;
  if (name == "value_int") {
    known.elementType = b.getI64Type();
    known.ints.push_back(Size::constant(node.getInt(name, 0)));
  } else if (name == "value_ints") {
    known.elementType = b.getI64Type();
    for (int64_t value : node.getInts(name))
      known.ints.push_back(Size::constant(value));
    known.shape.push_back(known.ints.size());
  } else if (name == "value_float") {
    known.elementType = b.getF32Type();
    known.reals.push_back(node.getFloat(name, 0));
  } else if (name == "value_floats") {
    known.elementType = b.getF32Type();
    known.reals = node.getFloats(name);
    known.shape.push_back(known.reals.size());
  } else {
    return (void)node.unsupported(" with attribute '" + name + "'");
  }
  node.setResult(0, Tensor::ofKnown(std::move(known)));
}

/// Sizes that are the batch become 1, and a broadcast.
static void emitConstantOfShape(NodeContext &node) {
  std::optional<KnownTensor> sizes = node.getRequiredKnown(0, "shape");
  ElementsAttr value = node.getTensor("value");
  if (node.hasFailed())
    return;
  if (sizes->isReal() || sizes->getRank() > 1)
    return (void)node.error("expected a list of integers as shape");
  SmallVector<int64_t> shape, stored;
  for (Size size : sizes->ints) {
    if (!size.isConstant() && !size.isBatch())
      return (void)node.error("a size is a multiple of the batch, which types "
                              "cannot say; --shape can fix it");
    shape.push_back(size.isBatch() ? ShapedType::kDynamic : size.offset);
    stored.push_back(size.isBatch() ? 1 : size.offset);
  }
  if (failed(countElements(stored)))
    return (void)node.error("expected sizes that are not negative and not too "
                            "large");
  Attribute element = node.getBuilder().getF32FloatAttr(0);
  if (value) {
    if (value.getNumElements() != 1)
      return (void)node.error("attribute 'value': expected one element, but "
                              "got " +
                              Twine(value.getNumElements()));
    element = *value.value_begin<Attribute>();
  }
  Type elementType =
      value ? value.getElementType() : Type(node.getBuilder().getF32Type());
  auto elements = DenseElementsAttr::get(
      RankedTensorType::get(stored, elementType), element);
  if (sizes->isConstant())
    return node.setResult(0, Tensor::ofConstant(elements));
  Value constant =
      ConstantOp::create(node.getBuilder(), node.getLoc(), elements);
  node.setResult(0,
                 node.createTyped(BroadcastOp::getOperationName(), constant,
                                  RankedTensorType::get(shape, elementType)));
}

/// Ones on a diagonal, `k` above the main one.
static void emitEyeLike(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t k = node.getInt("k", 0);
  Type elementType = type.getElementType();
  if (node.hasAttribute("dtype")) {
    int64_t to = node.getInt("dtype", 0);
    elementType =
        to == static_cast<int32_t>(to)
            ? getElementType(static_cast<int32_t>(to), node.getContext())
            : Type();
    if (!elementType)
      return (void)node.error("attribute 'dtype': elements of type " +
                              getDataTypeName(static_cast<int32_t>(to)) +
                              " are not supported");
  }
  if (node.hasFailed())
    return;
  if (type.getRank() != 2)
    return (void)node.error("expected an input of rank 2, but got rank " +
                            Twine(type.getRank()));
  if (!type.hasStaticShape())
    return (void)node.error("has the size of the batch, which is not known; "
                            "--shape can fix it");
  constexpr int64_t mostEyeElements = int64_t(1) << 24;
  FailureOr<int64_t> count = countElements(type.getShape());
  if (failed(count) || *count > mostEyeElements)
    return (void)node.error("result is too large");
  KnownTensor eye;
  eye.elementType = elementType;
  eye.shape = llvm::to_vector(type.getShape());
  for (int64_t row = 0; row < eye.shape[0]; ++row)
    for (int64_t column = 0; column < eye.shape[1]; ++column) {
      bool isOne = column - row == k;
      if (eye.isReal())
        eye.reals.push_back(isOne);
      else
        eye.ints.push_back(Size::constant(isOne));
    }
  node.setResult(0, Tensor::ofConstant(eye.toElements()));
}

//===----------------------------------------------------------------------===//
// Identities
//===----------------------------------------------------------------------===//

static void emitIdentity(NodeContext &node) {
  node.setResult(0, *node.getInput(0));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static void emitShape(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t rank = shape.size();
  auto clamp = [&](int64_t at) {
    if (at < 0)
      at = at < -rank ? 0 : at + rank;
    return std::min(at, rank);
  };
  int64_t start = clamp(node.getInt("start", 0));
  int64_t end = clamp(node.getInt("end", rank));
  SmallVector<Size> sizes;
  for (int64_t i = start; i < end; ++i)
    sizes.push_back(Size::ofDim(shape[i]));
  setInts(node, sizes.size(), sizes);
}

static void emitSize(NodeContext &node) {
  std::optional<Size> count = Size::constant(1);
  for (int64_t size : node.getInputType(0).getShape())
    count = count ? mulSizes(*count, Size::ofDim(size)) : count;
  if (!count)
    return (void)node.error("expected an input of a size that can be counted");
  setInts(node, {}, *count);
}

ArrayRef<Operator> frontend::getShapeOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Constant", 1, last, 0, 0, nullptr, emitConstant},
      {"ConstantOfShape", 9, last, 1, 1, nullptr, emitConstantOfShape},
      {"Identity", 1, last, 1, 1, nullptr, emitIdentity},
      {"Shape", 1, last, 1, 1, nullptr, emitShape},
      {"Size", 1, last, 1, 1, nullptr, emitSize},
      {"EyeLike", 9, last, 1, 1, nullptr, emitEyeLike},
  };
  return rows;
}
