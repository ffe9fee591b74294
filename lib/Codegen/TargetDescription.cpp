//===- TargetDescription.cpp - what code generation knows of a CPU --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/TargetDescription.h"

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace mpc;

FailureOr<TargetDescription> TargetDescription::get(StringRef march,
                                                    Location loc) {
  if (llvm::X86::parseArchX86(march, /*Only64Bit=*/true) ==
      llvm::X86::CK_None) {
    emitError(loc) << "expected the name of an x86-64 CPU or level, but got '"
                   << march << "'";
    return failure();
  }
  SmallVector<StringRef> features;
  llvm::X86::getFeaturesForCPU(march, features);
  auto has = [&](StringRef name) { return llvm::is_contained(features, name); };
  if (!has("avx2") || !has("fma") || !has("f16c")) {
    emitError(loc) << "expected a CPU of at least x86-64-v3, but got '" << march
                   << "'";
    return failure();
  }
  TargetDescription target;
  target.march = march.str();
  // Features that others imply, as avx512f, are not in the list.
  if (has("avx512bw") && has("avx512vl") && has("avx512dq")) {
    target.vectorBits = 512;
    target.vectorRegisters = 32;
    target.vnni = has("avx512vnni");
  }
  return target;
}

FailureOr<TargetDescription> TargetDescription::read(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  auto query = [&](StringRef key) -> Attribute {
    FailureOr<Attribute> value = dlti::query(module, {"CPU", key});
    return succeeded(value) ? *value : Attribute();
  };
  auto march = dyn_cast_or_null<StringAttr>(query("march"));
  auto bits = dyn_cast_or_null<IntegerAttr>(query("vector_bits"));
  auto registers = dyn_cast_or_null<IntegerAttr>(query("vector_registers"));
  auto vnni = dyn_cast_or_null<BoolAttr>(query("vnni"));
  if (!march || !bits || !registers || !vnni) {
    module.emitError("expected a target description with 'march', "
                     "'vector_bits', 'vector_registers' and 'vnni'; "
                     "mpc-describe-target writes one");
    return failure();
  }
  if (bits.getInt() != 256 && bits.getInt() != 512) {
    module.emitError("expected 'vector_bits' of 256 or 512, but got ")
        << bits.getInt();
    return failure();
  }
  TargetDescription target;
  target.march = march.str();
  target.vectorBits = bits.getInt();
  target.vectorRegisters = registers.getInt();
  target.vnni = vnni.getValue();
  return target;
}

void TargetDescription::attach(ModuleOp module) const {
  Builder b(module.getContext());
  auto entry = [&](StringRef key, Attribute value) {
    return DataLayoutEntryAttr::get(b.getStringAttr(key), value);
  };
  auto device = TargetDeviceSpecAttr::get(
      module.getContext(),
      {entry("march", b.getStringAttr(march)),
       entry("vector_bits", b.getI64IntegerAttr(vectorBits)),
       entry("vector_registers", b.getI64IntegerAttr(vectorRegisters)),
       entry("vnni", b.getBoolAttr(vnni))});
  auto system =
      TargetSystemSpecAttr::get(module.getContext(), {entry("CPU", device)});
  module->setAttr(DLTIDialect::kTargetSystemDescAttrName, system);
}
