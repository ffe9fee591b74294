//===- StructureOps.cpp - constants, groups, quantization -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

//===----------------------------------------------------------------------===//
// ConstantOp
//===----------------------------------------------------------------------===//

/// An elided resource reparses silently, and a misaligned one breaks whoever
/// loads from it; both are found here.
static LogicalResult verifyResource(ConstantOp op,
                                    DenseResourceElementsAttr resource) {
  StringRef key = resource.getRawHandle().getKey();
  const AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  if (!blob)
    return op.emitOpError() << "expected data for the resource '" << key
                            << "', but it is elided (write files with their "
                               "weights, or as bytecode)";
  auto type = cast<ShapedType>(resource.getType());
  if (!type.getElementType().isIntOrFloat())
    return op.emitOpError() << "expected integers or floats in the resource '"
                            << key << "', but got " << type.getElementType();
  int64_t bytesPerElement = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  bool aligned =
      blob->getDataAlignment() % bytesPerElement == 0 &&
      reinterpret_cast<uintptr_t>(blob->getData().data()) % bytesPerElement ==
          0;
  if (!aligned)
    return op.emitOpError()
           << "expected the resource '" << key << "' to be aligned to "
           << bytesPerElement << " bytes, but got an alignment of "
           << blob->getDataAlignment();
  __int128 expected = bytesPerElement;
  for (int64_t size : type.getShape())
    expected *= size;
  if (expected != __int128(blob->getData().size()))
    return op.emitOpError() << "expected " << int64_t(expected)
                            << " bytes of data in the resource '" << key
                            << "', but got " << blob->getData().size();
  return success();
}

LogicalResult ConstantOp::verify() {
  RankedTensorType type = getResult().getType();
  ShapedType valueType = getValue().getShapedType();
  Type element = type.getElementType();
  if (auto quantized = dyn_cast<quant::QuantizedType>(element))
    element = quantized.getStorageType();
  if (!isa<RankedTensorType>(valueType) ||
      valueType.getShape() != type.getShape() ||
      valueType.getElementType() != element) // (C1)
    return emitOpError() << "expected a value of type " << type.clone(element)
                         << ", but got " << valueType;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(getValue())) // (C2)
    return verifyResource(*this, resource);
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

//===----------------------------------------------------------------------===//
// GroupOp
//===----------------------------------------------------------------------===//

// group ::= `mpc.group` name `ins` `(` (arg `=` operand),* `:` type,* `)` `->`
// types (`attributes` dict)? region Without operands `ins` is left out.
ParseResult GroupOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  if (parser.parseAttribute(name, "name", state.attributes))
    return failure();

  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> operandTypes, resultTypes;
  if (succeeded(parser.parseOptionalKeyword("ins"))) {
    SMLoc typesLoc;
    auto parseBinding = [&]() -> ParseResult {
      return failure(parser.parseArgument(arguments.emplace_back()) ||
                     parser.parseEqual() ||
                     parser.parseOperand(operands.emplace_back()));
    };
    if (parser.parseLParen() || parser.parseCommaSeparatedList(parseBinding) ||
        parser.parseColon() || parser.getCurrentLocation(&typesLoc) ||
        parser.parseTypeList(operandTypes) || parser.parseRParen())
      return failure();
    if (operandTypes.size() != operands.size())
      return parser.emitError(typesLoc)
             << "expected " << operands.size() << " types, but got "
             << operandTypes.size();
    if (parser.resolveOperands(operands, operandTypes, typesLoc,
                               state.operands))
      return failure();
    for (auto [argument, type] : llvm::zip_equal(arguments, operandTypes))
      argument.type = type;
  }
  if (parser.parseOptionalArrowTypeList(resultTypes) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) ||
      parser.parseRegion(*state.addRegion(), arguments))
    return failure();
  state.addTypes(resultTypes);
  ensureTerminator(*state.regions.front(), parser.getBuilder(), state.location);
  return success();
}

void GroupOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getNameAttr();
  if (!getInputs().empty()) {
    printer << " ins(";
    llvm::interleaveComma(llvm::zip(getBlock().getArguments(), getInputs()),
                          printer, [&](auto binding) {
                            printer << std::get<0>(binding) << " = "
                                    << std::get<1>(binding);
                          });
    printer << " : " << getInputs().getTypes() << ")";
  }
  printer.printOptionalArrowTypeList(getResultTypes());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getNameAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult GroupOp::verify() {
  if (getBlock().getArgumentTypes() != getInputs().getTypes()) // (C1)
    return emitOpError()
           << "expected one block argument per operand, of types ("
           << getInputs().getTypes() << "), but got ("
           << getBlock().getArgumentTypes() << ")";
  // (C2); the terminator is there, an operation without one is refused before.
  if (TypeRange yielded = getBlock().getTerminator()->getOperandTypes();
      yielded != getResultTypes())
    return emitOpError() << "expected the terminator to yield ("
                         << getResultTypes() << "), but got (" << yielded
                         << ")";
  if ((*this)->getParentOfType<GroupOp>()) // (C3)
    return emitOpError() << "expected no group around a group";
  return success();
}

Operation *GroupOp::getRoot() {
  // Of the ops that decide loops, a contraction is the one whose loops the
  // kernel has; what moves elements on the way to a reduction follows the
  // reduction's.
  Operation *computes = nullptr, *moves = nullptr;
  for (Operation &op : getBlock().without_terminator()) {
    auto quantizable = dyn_cast<QuantizableOpInterface>(op);
    if (!quantizable || isPositionwise(&op))
      continue;
    if (quantizable.getWeightOperand())
      return &op;
    bool isMovement = quantizable.getQuantRole() == QuantRole::Passthrough;
    Operation *&slot = isMovement ? moves : computes;
    if (!slot)
      slot = &op;
  }
  if (computes)
    return computes;
  if (moves)
    return moves;
  // Conversions of elements say less about a group than what it computes.
  auto elementwise = getBlock().getOps<ElementwiseOpInterface>();
  return elementwise.empty() ? &getBlock().front()
                             : (*elementwise.begin()).getOperation();
}

bool GroupOp::isQuantized() {
  auto isQuantizedType = [](Type type) {
    return isa<quant::QuantizedType>(getElementTypeOrSelf(type));
  };
  return llvm::any_of(getOperandTypes(), isQuantizedType) ||
         llvm::any_of(getBlock(), [&](Operation &op) {
           return llvm::any_of(op.getResultTypes(), isQuantizedType);
         });
}

//===----------------------------------------------------------------------===//
// QuantizeOp, DequantizeOp, RequantizeOp, StorageCastOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  Type from = getInput().getType().getElementType();
  auto to = cast<quant::QuantizedType>(getResult().getType().getElementType());
  if (from.isF64() || !to.getExpressedType().isF32()) // (C1)
    return emitOpError() << "expected f32, f16 or bf16 elements quantized to a "
                            "type that expresses f32, but got "
                         << from << " and " << to;
  return success();
}

LogicalResult DequantizeOp::verify() {
  if (Type to = getResult().getType().getElementType(); !to.isF32()) // (C1)
    return emitOpError() << "expected a result of f32 elements, but got " << to;
  return success();
}

LogicalResult RequantizeOp::verify() {
  auto from = cast<quant::QuantizedType>(getInput().getType().getElementType());
  auto to = cast<quant::QuantizedType>(getResult().getType().getElementType());
  unsigned bits = from.getStorageTypeIntegralWidth(),
           resultBits = to.getStorageTypeIntegralWidth();
  if (!llvm::is_contained({8u, 16u, 32u}, bits) ||
      !llvm::is_contained({8u, 16u, 32u}, resultBits) ||
      !isa<quant::UniformQuantizedType>(to)) // (C1)
    return emitOpError() << "expected quantized integers of 8, 16 or 32 bits "
                            "and a result of such with one scale, but got "
                         << from << " and " << to;
  int64_t low = getLow().value_or(to.getStorageTypeMin()),
          high = getHigh().value_or(to.getStorageTypeMax());
  if (low > high || low < to.getStorageTypeMin() ||
      high > to.getStorageTypeMax()) // (C2)
    return emitOpError() << "expected low <= high within ["
                         << to.getStorageTypeMin() << ", "
                         << to.getStorageTypeMax() << "], but got " << low
                         << " and " << high;
  if (getRounding() == Rounding::ONNX &&
      (bits != 32 || resultBits != 8)) // (C3)
    return emitOpError() << "expected a 32-bit accumulator and a result of 8 "
                            "bits for rounding onnx, but got "
                         << from << " and " << to;
  bool isTFLite = getRounding() == Rounding::TFLite ||
                  getRounding() == Rounding::TFLiteSingle;
  if (std::optional<uint64_t> shift = getShift();
      shift && (*shift < 1 || *shift > 20 || !isTFLite || bits != 8)) // (C3)
    return emitOpError() << "expected a shift from 1 to 20, with rounding "
                            "tflite or tflite_single and an 8-bit input, but "
                            "got "
                         << *shift << " with rounding "
                         << stringifyRounding(getRounding()) << " and " << from;
  return success();
}

LogicalResult LookupOp::verify() {
  auto isByte = [](Type element) {
    return cast<quant::QuantizedType>(element).getStorageTypeIntegralWidth() ==
           8;
  };
  auto input = cast<RankedTensorType>(getInput().getType()),
       table = cast<RankedTensorType>(getTable().getType()),
       result = cast<RankedTensorType>(getResult().getType());
  if (!isByte(input.getElementType())) // (C1)
    return emitOpError() << "expected quantized elements of 8 bits, but got "
                         << input;
  if (table.getShape() != ArrayRef<int64_t>(256) ||
      !isByte(table.getElementType()) ||
      result != input.clone(table.getElementType())) // (C2)
    return emitOpError() << "expected a table of 256 quantized elements of 8 "
                            "bits, and a result of the input's shape and the "
                            "table's elements, but got "
                         << table << " and " << result;
  return success();
}

/// The integer type of a model that holds the storage of `quantized`.
static IntegerType getStorageInteger(quant::QuantizedType quantized) {
  return IntegerType::get(
      quantized.getContext(), quantized.getStorageTypeIntegralWidth(),
      quantized.isSigned() ? IntegerType::Signless : IntegerType::Unsigned);
}

LogicalResult StorageCastOp::verify() {
  Type from = getElementTypeOrSelf(getInput()),
       to = getElementTypeOrSelf(getResult());
  auto matches = [](Type quantized, Type integer) {
    auto type = dyn_cast<quant::QuantizedType>(quantized);
    auto width = dyn_cast<IntegerType>(integer);
    return type && width &&
           getStorageInteger(type).getWidth() == width.getWidth() &&
           type.isSigned() == !width.isUnsigned() && width.getWidth() > 1;
  };
  if (!matches(from, to) && !matches(to, from)) // (C1)
    return emitOpError() << "expected quantized elements on one side and "
                            "integers like their storage on the other, but got "
                         << from << " and " << to;
  return success();
}

OpFoldResult StorageCastOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<StorageCastOp>();
  if (inner && inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// DequantizeBlocksOp
//===----------------------------------------------------------------------===//

LogicalResult DequantizeBlocksOp::verify() {
  RankedTensorType values = getValues().getType();
  RankedTensorType result = getResult().getType();
  Type element = values.getElementType();
  if (!(element.isUnsignedInteger(8) || element.isUnsignedInteger(4)) ||
      !result.getElementType().isF32() || !values.hasStaticShape() ||
      values.getShape() != result.getShape()) // (C1)
    return emitOpError() << "expected ui8 or ui4 values and an f32 result of "
                            "one static shape, but got "
                         << values << " and " << result;
  int64_t axis = getAxis(), block = getBlock();
  if (axis < 0 || axis >= values.getRank() || block < 2 ||
      block % 2 != 0) // (C2)
    return emitOpError() << "expected 0 <= axis < " << values.getRank()
                         << " and a block of a positive multiple of 2, but got "
                         << axis << " and " << block;
  int64_t channels = values.getDimSize(axis);
  int64_t length = channels ? values.getNumElements() / channels : 0;
  SmallVector<int64_t> shape = {channels,
                                llvm::divideCeilSigned(length, block)};
  auto verifyParameters = [&](Value parameters, StringRef what,
                              bool matches) -> LogicalResult {
    auto type = cast<RankedTensorType>(parameters.getType());
    if (matches && type.getShape() == ArrayRef<int64_t>(shape))
      return success();
    return emitOpError() << "expected " << what << " of shape " << shape[0]
                         << "x" << shape[1] << ", but got " << type; // (C3)
  };
  if (failed(verifyParameters(getScales(), "bf16 scales",
                              getElementTypeOrSelf(getScales()).isBF16())))
    return failure();
  Value zeroPoints = getZeroPoints(), table = getTable();
  if (zeroPoints && failed(verifyParameters(
                        zeroPoints, "ui8 zero points",
                        getElementTypeOrSelf(zeroPoints).isUnsignedInteger(8))))
    return failure();
  if (table && (cast<RankedTensorType>(table.getType()) !=
                    RankedTensorType::get(16, Float32Type::get(getContext())) ||
                !element.isUnsignedInteger(4) || zeroPoints)) // (C4)
    return emitOpError() << "expected a table of 16 f32 elements only with "
                            "values of 4 bits and without zero points, but got "
                         << table.getType() << " with " << element;
  return success();
}

//===----------------------------------------------------------------------===//
// ObserveOp
//===----------------------------------------------------------------------===//

LogicalResult ObserveOp::verify() {
  if (RankedTensorType type = getResult().getType();
      type.getShape() != ArrayRef<int64_t>(2)) // (C1)
    return emitOpError() << "expected a result of shape [2], but got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// HistogramOp
//===----------------------------------------------------------------------===//

LogicalResult HistogramOp::verify() {
  if (RankedTensorType type = getRange().getType();
      type.getShape() != ArrayRef<int64_t>(2)) // (C1)
    return emitOpError() << "expected a range of shape [2], but got " << type;
  RankedTensorType type = getResult().getType();
  int64_t bins = type.getRank() == 1 ? type.getDimSize(0) : 0;
  if (bins < 4 || bins > 65536 || !llvm::isPowerOf2_64(bins)) // (C2)
    return emitOpError() << "expected a result of one dimension, whose size is "
                            "a power of two from 4 to 65536, but got "
                         << type;
  return success();
}

//===----------------------------------------------------------------------===//
// ChannelSumsOp
//===----------------------------------------------------------------------===//

LogicalResult ChannelSumsOp::verify() {
  RankedTensorType input = getInput().getType();
  if (input.getRank() == 0 || input.isDynamicDim(input.getRank() - 1)) // (C1)
    return emitOpError() << "expected an input whose last dimension is a "
                            "number of channels, but got "
                         << input;
  if (RankedTensorType type = getResult().getType();
      type.getShape() != ArrayRef<int64_t>(input.getShape().back() + 1)) // (C2)
    return emitOpError() << "expected a result of one dimension with "
                         << input.getShape().back() + 1 << " elements, but got "
                         << type;
  return success();
}
