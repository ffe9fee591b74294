//===- NodeContext.cpp - one ONNX node while it is imported
//----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Alignment.h"
#include <cmath>
#include <memory>
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;
using onnx::AttributeProto;

static StringRef domainOrDefault(const std::string &domain) {
  return domain == "ai.onnx" ? StringRef() : StringRef(domain);
}

NodeContext::NodeContext(ModelContext &model, Scope &scope,
                         const onnx::NodeProto &node, int64_t index)
    : model(model), scope(scope), node(node),
      name(model.namePrefix +
           (node.name().empty() ? node.op_type() + "_" + std::to_string(index)
                                : node.name())),
      version(model.opsets.lookup(domainOrDefault(node.domain()))),
      loc(model.getNodeLocation(name, node)), results(node.output_size()) {}

StringRef NodeContext::getOperator() const { return node.op_type(); }

LogicalResult NodeContext::error(const Twine &message) {
  if (failed)
    return failure();
  failed = true;
  StringRef domain = domainOrDefault(node.domain());
  return model.diagnostics.error("node '" + name + "' (" + node.op_type() +
                                 ", " + (domain.empty() ? "ai.onnx" : domain) +
                                 " " + Twine(version) + "): " + message);
}

LogicalResult NodeContext::unsupported(const Twine &because) {
  if (failed)
    return failure();
  failed = true;
  StringRef domain = domainOrDefault(node.domain());
  std::string key =
      (node.op_type() + " (" + (domain.empty() ? "ai.onnx" : domain) + " " +
       Twine(version) + ") is not supported" + because)
          .str();
  model.unsupported[key].push_back(name);
  return failure();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// The type of an attribute; models of the first versions do not state it.
static int getAttributeType(const AttributeProto &attribute) {
  if (attribute.type() != AttributeProto::UNDEFINED)
    return attribute.type();
  if (attribute.has_f())
    return AttributeProto::FLOAT;
  if (attribute.has_i())
    return AttributeProto::INT;
  if (attribute.has_s())
    return AttributeProto::STRING;
  if (attribute.has_t())
    return AttributeProto::TENSOR;
  if (attribute.has_g())
    return AttributeProto::GRAPH;
  if (attribute.ints_size())
    return AttributeProto::INTS;
  if (attribute.floats_size())
    return AttributeProto::FLOATS;
  if (attribute.strings_size())
    return AttributeProto::STRINGS;
  return AttributeProto::UNDEFINED;
}

const AttributeProto *NodeContext::findAttribute(StringRef attributeName,
                                                 int type, StringRef typeName) {
  readAttributes.insert(attributeName);
  for (const AttributeProto &attribute : node.attribute()) {
    if (StringRef(attribute.name()) != attributeName)
      continue;
    int actual = getAttributeType(attribute);
    if (actual == type)
      return &attribute;
    // An empty list has nothing that shows its type.
    if (actual == AttributeProto::UNDEFINED &&
        (type == AttributeProto::INTS || type == AttributeProto::FLOATS ||
         type == AttributeProto::STRINGS))
      return &attribute;
    (void)error("attribute '" + attributeName + "': expected " + typeName +
                ", but got " +
                (AttributeProto::AttributeType_IsValid(actual) &&
                         actual != AttributeProto::UNDEFINED
                     ? StringRef(AttributeProto::AttributeType_Name(
                                     static_cast<AttributeProto::AttributeType>(
                                         actual)))
                           .lower()
                     : std::string("no value")));
    return nullptr;
  }
  return nullptr;
}

bool NodeContext::hasAttribute(StringRef attributeName) {
  readAttributes.insert(attributeName);
  return llvm::any_of(node.attribute(), [&](const AttributeProto &attribute) {
    return StringRef(attribute.name()) == attributeName;
  });
}

int64_t NodeContext::getInt(StringRef attributeName, int64_t defaultValue) {
  const auto *attribute =
      findAttribute(attributeName, AttributeProto::INT, "an integer");
  return attribute ? attribute->i() : defaultValue;
}

bool NodeContext::getBool(StringRef attributeName, bool defaultValue) {
  int64_t value = getInt(attributeName, defaultValue);
  if (value != 0 && value != 1)
    (void)error("attribute '" + attributeName + "': expected 0 or 1, but got " +
                Twine(value));
  return value == 1;
}

double NodeContext::getFloat(StringRef attributeName, double defaultValue) {
  const auto *attribute =
      findAttribute(attributeName, AttributeProto::FLOAT, "a number");
  return attribute ? attribute->f() : defaultValue;
}

StringRef NodeContext::getString(StringRef attributeName,
                                 StringRef defaultValue) {
  const auto *attribute =
      findAttribute(attributeName, AttributeProto::STRING, "a string");
  return attribute ? StringRef(attribute->s()) : defaultValue;
}

SmallVector<int64_t> NodeContext::getInts(StringRef attributeName) {
  SmallVector<int64_t> result;
  if (const auto *attribute = findAttribute(attributeName, AttributeProto::INTS,
                                            "a list of integers"))
    result.assign(attribute->ints().begin(), attribute->ints().end());
  return result;
}

SmallVector<double> NodeContext::getFloats(StringRef attributeName) {
  SmallVector<double> result;
  if (const auto *attribute = findAttribute(
          attributeName, AttributeProto::FLOATS, "a list of numbers"))
    result.assign(attribute->floats().begin(), attribute->floats().end());
  return result;
}

SmallVector<StringRef> NodeContext::getStrings(StringRef attributeName) {
  SmallVector<StringRef> result;
  if (const auto *attribute = findAttribute(
          attributeName, AttributeProto::STRINGS, "a list of strings"))
    result.assign(attribute->strings().begin(), attribute->strings().end());
  return result;
}

ElementsAttr NodeContext::getTensor(StringRef attributeName) {
  const auto *attribute =
      findAttribute(attributeName, AttributeProto::TENSOR, "a tensor");
  if (!attribute)
    return {};
  FailureOr<TensorData> data =
      readTensor(attribute->t(), "node '" + name + "'", model.externalData,
                 model.context, model.diagnostics);
  if (succeeded(data))
    return makeElements(*data, name);
  failed = true;
  return {};
}

const onnx::SparseTensorProto *
NodeContext::getSparseTensor(StringRef attributeName) {
  const auto *attribute = findAttribute(
      attributeName, AttributeProto::SPARSE_TENSOR, "a sparse tensor");
  return attribute ? &attribute->sparse_tensor() : nullptr;
}

const onnx::GraphProto *NodeContext::getGraph(StringRef attributeName) {
  const auto *attribute =
      findAttribute(attributeName, AttributeProto::GRAPH, "a graph");
  return attribute ? &attribute->g() : nullptr;
}

int64_t NodeContext::getRequiredInt(StringRef attributeName) {
  if (!hasAttribute(attributeName))
    (void)error("expected attribute '" + attributeName + "'");
  return getInt(attributeName, 0);
}

SmallVector<int64_t> NodeContext::getRequiredInts(StringRef attributeName) {
  if (!hasAttribute(attributeName))
    (void)error("expected attribute '" + attributeName + "'");
  return getInts(attributeName);
}

void NodeContext::ignoreAttribute(StringRef attributeName) {
  readAttributes.insert(attributeName);
}

void NodeContext::checkAllAttributesRead() {
  for (const AttributeProto &attribute : node.attribute())
    if (!readAttributes.contains(attribute.name()))
      (void)error("unknown attribute '" + attribute.name() + "'");
}

int64_t NodeContext::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  (void)error("expected an axis within [" + Twine(-rank) + ", " +
              Twine(rank - 1) + "], but got " + Twine(axis));
  return 0;
}

SmallVector<int64_t> NodeContext::normalizeAxes(ArrayRef<int64_t> axes,
                                                int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t axis : axes)
    result.push_back(normalizeAxis(axis, rank));
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    (void)error("expected distinct axes");
  return result;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

unsigned NodeContext::getNumInputs() const { return node.input_size(); }
unsigned NodeContext::getNumOutputs() const { return node.output_size(); }

bool NodeContext::hasInput(unsigned index) const {
  return index < getNumInputs() && !node.input(index).empty();
}

bool NodeContext::usesOutput(unsigned index) const {
  return index < getNumOutputs() && !node.output(index).empty();
}

Tensor *NodeContext::getInput(unsigned index) {
  return hasInput(index) ? scope.find(node.input(index)) : nullptr;
}

StringRef NodeContext::getInputName(unsigned index) const {
  return hasInput(index) ? StringRef(node.input(index)) : StringRef();
}

RankedTensorType NodeContext::getInputType(unsigned index) {
  return getInput(index)->type;
}

Value NodeContext::getOperand(unsigned index) {
  Tensor *tensor = getInput(index);
  if (!tensor) {
    (void)error("expected input " + Twine(index));
    return {};
  }
  Value value = materialize(model, *tensor, node.input(index));
  if (!value)
    (void)error("input '" + node.input(index) +
                "' depends on the batch size, which is not known; --shape can "
                "fix it");
  return value;
}

std::optional<KnownTensor> NodeContext::getKnown(unsigned index) {
  Tensor *tensor = getInput(index);
  if (!tensor)
    return std::nullopt;
  if (!tensor->known && tensor->constant)
    tensor->known = KnownTensor::fromElements(tensor->constant);
  return tensor->known;
}

std::optional<KnownTensor> NodeContext::getRequiredKnown(unsigned index,
                                                         StringRef what) {
  std::optional<KnownTensor> known = getKnown(index);
  if (!known)
    (void)error("expected " + what + " '" +
                (hasInput(index) ? node.input(index) : std::string()) +
                "' to be a constant; --bind or --shape can make it one");
  return known;
}

std::optional<SmallVector<int64_t>> NodeContext::getKnownInts(unsigned index,
                                                              StringRef what) {
  std::optional<KnownTensor> known = getRequiredKnown(index, what);
  if (!known)
    return std::nullopt;
  if (known->isReal() || known->getRank() > 1) {
    (void)error("expected " + what + " '" + node.input(index) +
                "' to be a list of integers");
    return std::nullopt;
  }
  if (!known->isConstant()) {
    (void)error(what + " '" + node.input(index) +
                "' depends on the batch size, which is not known; --shape can "
                "fix it");
    return std::nullopt;
  }
  return llvm::map_to_vector(known->ints, [](Size s) { return s.offset; });
}

std::optional<double> NodeContext::getKnownNumber(unsigned index,
                                                  StringRef what) {
  std::optional<KnownTensor> known = getRequiredKnown(index, what);
  if (!known)
    return std::nullopt;
  if (known->getNumElements() != 1 || !known->isConstant()) {
    (void)error("expected " + what + " '" + node.input(index) +
                "' to be one number");
    return std::nullopt;
  }
  return known->isReal() ? known->reals[0]
                         : static_cast<double>(known->ints[0].offset);
}

std::optional<SmallVector<int64_t>>
NodeContext::getIntsFromInputOrAttribute(unsigned index,
                                         StringRef attributeName) {
  if (hasInput(index))
    return getKnownInts(index, attributeName);
  if (hasAttribute(attributeName))
    return getInts(attributeName);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void NodeContext::setResult(unsigned index, Value value) {
  if (value)
    setResult(index, Tensor::ofValue(value));
}

void NodeContext::setResult(unsigned index, Tensor tensor) {
  if (index < results.size())
    results[index] = std::move(tensor);
}

/// Diagnostics of ops begin with the op's name, which the model's author did
/// not write.
static StringRef dropOpName(StringRef message) {
  if (message.starts_with("'mpc.")) {
    size_t end = message.find("' op ");
    if (end != StringRef::npos)
      return message.drop_front(end + 5);
  }
  return message;
}

/// Result types of an op that is yet to be created.
static LogicalResult inferTypes(OperationName op, Location loc,
                                ValueRange operands, DictionaryAttr attributes,
                                SmallVectorImpl<Type> &types) {
  auto *interface = op.getInterface<InferTypeOpInterface>();
  if (!interface)
    return emitError(loc) << "no result type can be inferred";
  OpaqueProperties properties(nullptr);
  std::unique_ptr<char[]> storage;
  auto destroy = llvm::make_scope_exit([&] {
    if (storage)
      op.destroyOpProperties(properties);
  });
  if (int size = op.getOpPropertyByteSize()) {
    // operator new[] aligns for every fundamental type; attributes are
    // pointers.
    storage = std::make_unique<char[]>(size);
    properties = OpaqueProperties(storage.get());
    op.initOpProperties(properties, OpaqueProperties(nullptr));
    auto emit = [&]() { return emitError(loc); };
    if (failed(
            op.setOpPropertiesFromAttribute(op, properties, attributes, emit)))
      return failure();
  }
  return interface->inferReturnTypes(loc.getContext(), loc, operands,
                                     attributes, properties, RegionRange(),
                                     types);
}

Value NodeContext::create(StringRef op, ValueRange operands,
                          ArrayRef<NamedAttribute> attributes) {
  return createTyped(op, operands, Type(), attributes);
}

Value NodeContext::createTyped(StringRef op, ValueRange operands, Type type,
                               ArrayRef<NamedAttribute> attributes) {
  if (failed || llvm::any_of(operands, [](Value operand) { return !operand; }))
    return {};
  std::string message;
  ScopedDiagnosticHandler handler(model.context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = dropOpName(diagnostic.str()).str();
    return success();
  });
  auto fail = [&]() -> Value {
    (void)error(message.empty() ? "expected inputs that '" + op + "' accepts"
                                : Twine(message));
    return {};
  };

  OperationName opName(op, model.context);
  NamedAttrList list(attributes);
  DictionaryAttr dictionary = list.getDictionary(model.context);
  SmallVector<Type> types;
  if (type)
    types.push_back(type);
  else if (mlir::failed(inferTypes(opName, loc, operands, dictionary, types)))
    return fail();
  for (Type result : types) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(result).getShape());
    llvm::erase(shape, ShapedType::kDynamic);
    if (mlir::failed(countElements(shape))) {
      (void)error("result is too large");
      return {};
    }
  }
  // A tensor without elements is the same whatever computes it.
  if (types.size() == 1)
    if (auto result = cast<RankedTensorType>(types.front());
        result.hasStaticShape() && result.getNumElements() == 0 &&
        result.getElementType().isIntOrFloat()) {
      KnownTensor empty;
      empty.elementType = result.getElementType();
      empty.shape = llvm::to_vector(result.getShape());
      return ConstantOp::create(model.builder, loc, empty.toElements());
    }
  OperationState state(loc, opName, operands, types, list.getAttrs());
  Operation *created = model.builder.create(state);
  if (mlir::failed(verify(created))) {
    created->erase();
    return fail();
  }
  return created->getResult(0);
}

Value NodeContext::createReshape(Value input, ArrayRef<int64_t> shape) {
  if (!input)
    return {};
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getShape() == shape)
    return input;
  return createTyped(ReshapeOp::getOperationName(), input, type.clone(shape));
}

Value NodeContext::createTranspose(Value input, ArrayRef<int64_t> perm) {
  return create<TransposeOp>(input, i64s("perm", perm));
}

Value NodeContext::createCast(Value input, Type elementType) {
  if (!input)
    return {};
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getElementType() == elementType)
    return input;
  return createTyped(CastOp::getOperationName(), input,
                     type.clone(elementType));
}

Value NodeContext::createScalar(double value, Type elementType) {
  KnownTensor scalar;
  scalar.elementType = elementType;
  if (scalar.isReal()) {
    scalar.reals.push_back(value);
  } else {
    bool isInteger = std::abs(value) < 0x1p53 && value == std::trunc(value);
    Size size = Size::constant(isInteger ? static_cast<int64_t>(value) : 0);
    if (!isInteger || !checked(size, elementType)) {
      (void)error("expected integers, as the elements are, but got " +
                  Twine(std::to_string(value)));
      return {};
    }
    scalar.ints.push_back(size);
  }
  return ConstantOp::create(model.builder, loc, scalar.toElements());
}

NamedAttribute NodeContext::attr(StringRef attributeName, Attribute value) {
  return NamedAttribute(StringAttr::get(model.context, attributeName), value);
}
NamedAttribute NodeContext::i64(StringRef attributeName, int64_t value) {
  return attr(attributeName, model.builder.getI64IntegerAttr(value));
}
NamedAttribute NodeContext::f64(StringRef attributeName, double value) {
  return attr(attributeName, model.builder.getF64FloatAttr(value));
}
NamedAttribute NodeContext::i64s(StringRef attributeName,
                                 ArrayRef<int64_t> values) {
  return attr(attributeName, model.builder.getDenseI64ArrayAttr(values));
}
