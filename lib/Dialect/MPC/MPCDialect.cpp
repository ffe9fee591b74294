//===- MPCDialect.cpp - the mpc dialect -----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpc;

#include "mpc/Dialect/MPC/MPCDialect.cpp.inc"
#include "mpc/Dialect/MPC/MPCEnums.cpp.inc"
#include "mpc/Dialect/MPC/MPCInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mpc/Dialect/MPC/MPCAttributes.cpp.inc"

namespace {
/// Prints quantized types and long attributes as aliases: a per-channel type is
/// written once.
struct MPCAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Type type, raw_ostream &os) const override {
    if (isa<quant::UniformQuantizedPerAxisType>(type)) {
      os << "per_channel";
      return AliasResult::OverridableAlias;
    }
    if (isa<quant::UniformQuantizedType>(type)) {
      os << "uniform";
      return AliasResult::OverridableAlias;
    }
    return AliasResult::NoAlias;
  }
};
} // namespace

void MPCDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "mpc/Dialect/MPC/MPCOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mpc/Dialect/MPC/MPCAttributes.cpp.inc"
      >();
  addInterfaces<MPCAsmInterface>();
}

Operation *MPCDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                           Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || !isa<RankedTensorType>(type))
    return nullptr;
  return ConstantOp::create(builder, loc, type, elements);
}

bool mpc::haveCompatibleShapes(TypeRange lhs, TypeRange rhs) {
  if (lhs.size() != rhs.size())
    return false;
  for (auto [l, r] : llvm::zip(lhs, rhs)) {
    auto lt = dyn_cast<RankedTensorType>(l), rt = dyn_cast<RankedTensorType>(r);
    if (!lt || !rt || lt.getShape() != rt.getShape())
      return false;
  }
  return true;
}

bool mpc::isArithmeticFloat(Type elementType) {
  return elementType.isF32() || elementType.isF16() || elementType.isBF16() ||
         elementType.isF64();
}

bool mpc::isStorageOnly(Type elementType) {
  return elementType.isInteger(4) || elementType.isInteger(2) ||
         (isa<FloatType>(elementType) && !isArithmeticFloat(elementType));
}

LogicalResult RangeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                APFloat min, APFloat max) {
  if (!min.isFinite() || !max.isFinite() || min > max)
    return emitError() << "expected finite min <= max, but got "
                       << min.convertToDouble() << " and "
                       << max.convertToDouble();
  return success();
}

Attribute RangeAttr::parse(AsmParser &parser, Type) {
  double min, max;
  if (parser.parseLess() || parser.parseFloat(min) || parser.parseComma() ||
      parser.parseFloat(max) || parser.parseGreater())
    return {};
  return parser.getChecked<RangeAttr>(parser.getContext(), APFloat(min),
                                      APFloat(max));
}

void RangeAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printFloat(getMinValue());
  printer << ", ";
  printer.printFloat(getMaxValue());
  printer << ">";
}

LogicalResult WeightsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t block, WeightScheme,
                                  Precision activations) {
  if (block < 0 || block % 2 != 0) // (C1)
    return emitError() << "expected a block of 0 or a multiple of 2 weights, "
                          "but got "
                       << block;
  if (activations != Precision::F32 && activations != Precision::F16 &&
      activations != Precision::BF16) // (C2)
    return emitError() << "expected activations of f32, f16 or bf16, but got "
                       << stringifyPrecision(activations);
  return success();
}

#define GET_OP_CLASSES
#include "mpc/Dialect/MPC/MPCOps.cpp.inc"
