//===- IntegerOptions.cpp - how a module computes in integers -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerOptions.h"
#include "mlir/IR/Builders.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mpc;

void mpc::writeIntegerOptions(ModuleOp module, const CompileOptions &options) {
  Builder builder(module.getContext());
  auto rounding = llvm::StringSwitch<Rounding>(options.rounding)
                      .Case("tflite", Rounding::TFLite)
                      .Case("tflite-single", Rounding::TFLiteSingle)
                      .Case("tosa", Rounding::TOSA)
                      .Case("tosa-double", Rounding::TOSADouble)
                      .Default(Rounding::ONNX);
  if (rounding != Rounding::ONNX)
    module->setAttr(kRoundingAttrName,
                    RoundingAttr::get(module.getContext(), rounding));
  if (options.activations != "asymmetric")
    module->setAttr(kActivationsAttrName,
                    builder.getStringAttr(options.activations));
  if (options.scales != "any")
    module->setAttr(kScalesAttrName, builder.getStringAttr(options.scales));
  if (options.fullyIntegral)
    module->setAttr(kFullyIntegralAttrName, builder.getUnitAttr());
}
