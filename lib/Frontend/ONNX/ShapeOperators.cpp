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
                    ArrayRef<Size> ints, unsigned bits = 64) {
  node.setResult(0, Tensor::ofKnown(KnownTensor::makeInts(
                        node.getBuilder().getIntegerType(bits), shape, ints)));
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

/// At inference nothing is dropped. The mask stays missing.
static void emitDropout(NodeContext &node) {
  node.ignoreAttribute("ratio");
  node.ignoreAttribute("seed");
  if (node.hasInput(2)) {
    std::optional<KnownTensor> training = node.getKnown(2);
    bool isInference = training && !training->isReal() &&
                       training->getNumElements() == 1 &&
                       training->ints[0] == Size::constant(0);
    if (!isInference)
      return (void)node.unsupported(" in training mode");
  }
  emitIdentity(node);
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

//===----------------------------------------------------------------------===//
// Comparison and logic
//===----------------------------------------------------------------------===//

namespace {
enum class Relation { Equal, Less, LessOrEqual, Greater, GreaterOrEqual };
} // namespace

static bool holds(Relation relation, double difference) {
  switch (relation) {
  case Relation::Equal:
    return difference == 0;
  case Relation::Less:
    return difference < 0;
  case Relation::LessOrEqual:
    return difference <= 0;
  case Relation::Greater:
    return difference > 0;
  case Relation::GreaterOrEqual:
    return difference >= 0;
  }
  return false;
}

/// Whether the relation holds for every batch, or for none; else nothing.
static std::optional<bool> compare(Relation relation, Size a, Size b) {
  if (a == b)
    return holds(relation, 0);
  if (a.batch == b.batch)
    return holds(relation, a.offset < b.offset ? -1 : 1);
  // The batch is at least 1, so what is compared with it mostly is a marker:
  // 0 or -1.
  if (a.isBatch() && b.isConstant() && b.offset < 1)
    return holds(relation, 1);
  if (b.isBatch() && a.isConstant() && a.offset < 1)
    return holds(relation, -1);
  return std::nullopt;
}

template <Relation relation> static bool foldCompare(NodeContext &node) {
  std::optional<KnownTensor> a = node.getKnown(0), b = node.getKnown(1);
  if (!a || !b || a->isReal() != b->isReal())
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  SmallVector<Size> values;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    int64_t ia = broadcastIndex(a->shape, *shape, i);
    int64_t ib = broadcastIndex(b->shape, *shape, i);
    std::optional<bool> value;
    if (!a->isReal()) {
      value = compare(relation, a->ints[ia], b->ints[ib]);
    } else {
      double x = a->reals[ia], y = b->reals[ib];
      // Infinities have no difference, and NaN is in no relation.
      value = !std::isnan(x) && !std::isnan(y) &&
              holds(relation, x == y  ? 0
                              : x < y ? -1
                                      : 1);
    }
    if (!value)
      return false;
    values.push_back(Size::constant(*value));
  }
  setInts(node, *shape, values, /*bits=*/1);
  return true;
}

static std::optional<KnownTensor> getKnownBools(NodeContext &node,
                                                unsigned index) {
  std::optional<KnownTensor> known = node.getKnown(index);
  return known && known->elementType.isInteger(1) ? known : std::nullopt;
}

template <bool isAnd> static bool foldLogic(NodeContext &node) {
  auto a = getKnownBools(node, 0), b = getKnownBools(node, 1);
  if (!a || !b)
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  SmallVector<Size> values;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    bool x = a->ints[broadcastIndex(a->shape, *shape, i)].offset != 0;
    bool y = b->ints[broadcastIndex(b->shape, *shape, i)].offset != 0;
    values.push_back(Size::constant(isAnd ? x && y : x || y));
  }
  setInts(node, *shape, values, /*bits=*/1);
  return true;
}

static bool foldNot(NodeContext &node) {
  auto known = getKnownBools(node, 0);
  if (!known)
    return false;
  for (Size &value : known->ints)
    value.offset = !value.offset;
  node.setResult(0, Tensor::ofKnown(std::move(*known)));
  return true;
}

static bool foldWhere(NodeContext &node) {
  auto condition = getKnownBools(node, 0);
  std::optional<KnownTensor> a = node.getKnown(1), b = node.getKnown(2);
  if (!condition || !a || !b || a->elementType != b->elementType)
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (shape)
    shape = broadcastShapes(*shape, condition->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  KnownTensor result;
  result.elementType = a->elementType;
  result.shape = *shape;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    bool first =
        condition->ints[broadcastIndex(condition->shape, *shape, i)].offset;
    const KnownTensor &from = first ? *a : *b;
    int64_t index = broadcastIndex(from.shape, *shape, i);
    if (from.isReal())
      result.reals.push_back(from.reals[index]);
    else
      result.ints.push_back(from.ints[index]);
  }
  node.setResult(0, Tensor::ofKnown(std::move(result)));
  return true;
}

ArrayRef<Operator> frontend::getShapeOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Constant", 1, last, 0, 0, nullptr, emitConstant},
      {"ConstantOfShape", 9, last, 1, 1, nullptr, emitConstantOfShape},
      {"Identity", 1, last, 1, 1, nullptr, emitIdentity},
      {"Dropout", 7, last, 1, 3, nullptr, emitDropout},
      {"Shape", 1, last, 1, 1, nullptr, emitShape},
      {"Size", 1, last, 1, 1, nullptr, emitSize},
      {"EyeLike", 9, last, 1, 1, nullptr, emitEyeLike},
      {"Equal", 7, last, 2, 2, foldCompare<Relation::Equal>, nullptr},
      {"Less", 7, last, 2, 2, foldCompare<Relation::Less>, nullptr},
      {"LessOrEqual", 12, last, 2, 2, foldCompare<Relation::LessOrEqual>,
       nullptr},
      {"Greater", 7, last, 2, 2, foldCompare<Relation::Greater>, nullptr},
      {"GreaterOrEqual", 12, last, 2, 2, foldCompare<Relation::GreaterOrEqual>,
       nullptr},
      {"And", 7, last, 2, 2, foldLogic<true>, nullptr},
      {"Or", 7, last, 2, 2, foldLogic<false>, nullptr},
      {"Not", 1, last, 1, 1, foldNot, nullptr},
      {"Where", 9, last, 3, 3, foldWhere, nullptr},
  };
  return rows;
}
