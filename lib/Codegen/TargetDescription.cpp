//===- TargetDescription.cpp - what code generation knows of a CPU --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/TargetDescription.h"

#include "cpu.h" // the runtime's
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"
#include "mpc/Codegen/Variants.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <thread>

using namespace mlir;
using namespace mpc;

namespace {

/// What does not follow from the features of a CPU. Of a name that several
/// machines answer to, what each of them has at least.
struct Machine {
  const char *march;
  int64_t l1KiB, l2KiB, l3MiB;
  bool fmaFullRate, bf16FullRate;
};

} // namespace

// Measured: vdpbf16ps multiplies twice as many numbers as fma in a time on Zen
// 4, and half as many on Sapphire Rapids, which begins two fma of 512 bits in a
// cycle. Where nobody measured, neither is relied on.
static constexpr Machine machines[] = {
    {"x86-64-v3", 32, 256, 8, false, false},
    {"x86-64-v4", 32, 1024, 16, false, false},
    {"cooperlake", 32, 1024, 16, false, false},
    {"icelake-server", 48, 1280, 16, false, false},
    {"znver4", 32, 1024, 16, false, true},
    {"sapphirerapids", 48, 2048, 32, true, false},
};

/// The machine of that name, else the least of those with the vector width.
static const Machine &findMachine(StringRef march, int64_t vectorBits) {
  for (const Machine &machine : machines)
    if (march == machine.march)
      return machine;
  return machines[vectorBits == 512];
}

/// Replaces what the operating system says of this machine's first core.
static void readCaches(TargetDescription &target) {
  for (unsigned index = 0; index < 8; ++index) {
    auto read = [&](StringRef name) {
      auto file = llvm::MemoryBuffer::getFileAsStream(
          "/sys/devices/system/cpu/cpu0/cache/index" + Twine(index) + "/" +
          name);
      return file ? (*file)->getBuffer().trim().str() : std::string();
    };
    std::string type = read("type"), level = read("level"), size = read("size");
    int64_t kiB = 0;
    if (type == "Instruction" ||
        StringRef(size).take_while(llvm::isDigit).getAsInteger(10, kiB) ||
        kiB <= 0)
      continue;
    if (level == "1")
      target.l1Bytes = kiB << 10;
    else if (level == "2")
      target.l2Bytes = kiB << 10;
    else if (level == "3")
      target.l3Bytes = kiB << 10;
  }
  target.cores = std::max(1u, std::thread::hardware_concurrency());
}

FailureOr<TargetDescription> TargetDescription::get(StringRef march,
                                                    Location loc) {
  if (march == "native") {
    SmallVector<Variant> variants;
    std::string error;
    if (failed(resolveVariants({"native"}, variants, error)))
      return emitError(loc) << error, failure();
    FailureOr<TargetDescription> target = get(variants.front().name, loc);
    if (succeeded(target))
      readCaches(*target);
    return target;
  }
  // Of a level of the runtime's LLVM may know the CPU by another name.
  const mpc_rt_cpu_level *level = mpc_rt_cpu_find_level(march.str().c_str());
  StringRef cpu = level ? level->cpu : march;
  if (llvm::X86::parseArchX86(cpu, /*Only64Bit=*/true) == llvm::X86::CK_None) {
    emitError(loc) << "expected the name of an x86-64 CPU or level, but got '"
                   << march << "'";
    return failure();
  }
  SmallVector<StringRef> features;
  llvm::X86::getFeaturesForCPU(cpu, features);
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
    target.vbmi = has("avx512vbmi");
    target.bf16 = has("avx512bf16");
    target.fp16 = has("avx512fp16");
  }
  target.amx = level && (level->features & MPC_RT_CPU_FEATURE(AMX_TILE));
  const Machine &machine = findMachine(cpu, target.vectorBits);
  target.fmaFullRate = target.vectorBits == 512 && machine.fmaFullRate;
  target.bf16FullRate = target.bf16 && machine.bf16FullRate;
  target.l1Bytes = machine.l1KiB << 10;
  target.l2Bytes = machine.l2KiB << 10;
  target.l3Bytes = machine.l3MiB << 20;
  return target;
}

/// Calls `number` or `flag` with the name and the place of every entry but the
/// first.
template <typename Target, typename Number, typename Flag>
static void forEachEntry(Target &target, Number number, Flag flag) {
  number("vector_bits", target.vectorBits);
  number("vector_registers", target.vectorRegisters);
  flag("fma_full_rate", target.fmaFullRate);
  flag("vnni", target.vnni);
  flag("vbmi", target.vbmi);
  flag("bf16", target.bf16);
  flag("bf16_full_rate", target.bf16FullRate);
  flag("fp16", target.fp16);
  flag("amx", target.amx);
  number("l1_bytes", target.l1Bytes);
  number("l2_bytes", target.l2Bytes);
  number("l3_bytes", target.l3Bytes);
  number("cores", target.cores);
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
  if (!march || !isa_and_nonnull<IntegerAttr>(query("vector_bits")) ||
      !isa_and_nonnull<IntegerAttr>(query("vector_registers")) ||
      !isa_and_nonnull<BoolAttr>(query("vnni"))) {
    module.emitError("expected a target description with 'march', "
                     "'vector_bits', 'vector_registers' and 'vnni'; "
                     "mpc-describe-target writes one");
    return failure();
  }
  TargetDescription target;
  target.march = march.str();
  StringRef wrong;
  forEachEntry(
      target,
      [&](StringRef name, int64_t &value) {
        Attribute entry = query(name);
        auto number = dyn_cast_or_null<IntegerAttr>(entry);
        if (number && number.getType().isInteger(64) && number.getInt() > 0)
          value = number.getInt();
        else if (entry)
          wrong = name;
      },
      [&](StringRef name, bool &value) {
        Attribute entry = query(name);
        if (auto flag = dyn_cast_or_null<BoolAttr>(entry))
          value = flag.getValue();
        else if (entry)
          wrong = name;
      });
  if (!wrong.empty()) {
    module.emitError("target description: expected '")
        << wrong << "' to be a positive i64 or a bool, but got "
        << query(wrong);
    return failure();
  }
  if (!llvm::is_contained({128, 256, 512}, target.vectorBits)) {
    module.emitError("expected 'vector_bits' of 128, 256 or 512, but got ")
        << target.vectorBits;
    return failure();
  }
  return target;
}

void TargetDescription::attach(ModuleOp module) const {
  Builder b(module.getContext());
  SmallVector<DataLayoutEntryInterface> entries;
  auto add = [&](StringRef key, Attribute value) {
    entries.push_back(DataLayoutEntryAttr::get(b.getStringAttr(key), value));
  };
  add("march", b.getStringAttr(march));
  forEachEntry(
      *this,
      [&](StringRef name, int64_t value) {
        add(name, b.getI64IntegerAttr(value));
      },
      [&](StringRef name, bool value) { add(name, b.getBoolAttr(value)); });
  auto device = TargetDeviceSpecAttr::get(module.getContext(), entries);
  auto system = TargetSystemSpecAttr::get(
      module.getContext(),
      {DataLayoutEntryAttr::get(b.getStringAttr("CPU"), device)});
  module->setAttr(DLTIDialect::kTargetSystemDescAttrName, system);
}
