//===- CodeGenerator.cpp - LLVM IR to objects -----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeGenerator.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

/// The one target of emitted libraries.
static constexpr const char *targetTriple = "x86_64-unknown-linux-gnu";
/// The baseline that `features` add to.
static constexpr const char *targetCPU = "x86-64";

/// A function of the module that is called once, and else not used. LLVM
/// inlines these in any case, but after it has simplified them: then it
/// simplifies all of them again.
static bool isCalledOnce(Function &function) {
  if (!function.hasLocalLinkage() || !function.hasOneUse() ||
      function.hasFnAttribute(Attribute::NoInline))
    return false;
  auto *call = dyn_cast<CallBase>(function.user_back());
  return call && call->getCalledFunction() == &function;
}

/// Loops of more instructions are not unrolled. LLVM would not, either, but
/// looks at each body once for every loop around it, and twice over, which
/// takes a quarter of the time of its passes.
static constexpr size_t maxUnrolledSize = 500;

static void keepLongLoops(Function &function) {
  DominatorTree dominators(function);
  LoopInfo loops(dominators);
  for (Loop *loop : loops.getLoopsInPreorder()) {
    size_t size = 0;
    for (BasicBlock *block : loop->blocks())
      size += block->size();
    if (size > maxUnrolledSize)
      loop->setLoopAlreadyUnrolled();
  }
}

/// A sixth of the time that O3 takes. Kernels are vector code already.
static constexpr const char *transientPasses =
    "always-inline,function(sroa,early-cse,simplifycfg,"
    "instcombine<no-verify-fixpoint>),globaldce";

Expected<mpc::CodeGenerator> mpc::CodeGenerator::create(StringRef tuneFor,
                                                        StringRef features) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  (void)initialized;
  Triple triple(targetTriple);
  std::string error;
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return createStringError(error);
  TargetOptions options;
  // Only what the IR calls fma is fused.
  options.AllowFPOpFusion = FPOpFusion::Strict;
  // For --gc-sections.
  options.FunctionSections = true;
  options.DataSections = true;
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, targetCPU, features, options, Reloc::PIC_, std::nullopt,
      CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("LLVM has no code generator for " +
                             Twine(targetTriple));
  return CodeGenerator(std::move(machine), tuneFor, features);
}

mpc::CodeGenerator::CodeGenerator(std::unique_ptr<TargetMachine> machine,
                                  StringRef tuneFor, StringRef features)
    : machine(std::move(machine)), tuneFor(tuneFor), features(features) {}
mpc::CodeGenerator::CodeGenerator(CodeGenerator &&) = default;
mpc::CodeGenerator::~CodeGenerator() = default;

void mpc::CodeGenerator::optimize(Module &module, bool isTransient) {
  module.setTargetTriple(Triple(targetTriple));
  module.setDataLayout(machine->createDataLayout());
  module.setPICLevel(PICLevel::BigPIC);
  for (Function &function : module) {
    // Nothing unwinds: no tables are needed.
    function.setDoesNotThrow();
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", targetCPU);
    if (!tuneFor.empty() && !function.hasFnAttribute("tune-cpu"))
      function.addFnAttr("tune-cpu", tuneFor);
    if (!features.empty())
      function.addFnAttr("target-features", features);
    // Some tunings prefer 256 bits because of mixed workloads; kernels are long
    // stretches of vector code.
    if (StringRef(features).contains("avx512vl"))
      function.addFnAttr("prefer-vector-width", "512");
    keepLongLoops(function);
    if (isCalledOnce(function))
      function.addFnAttr(Attribute::AlwaysInline);
  }

  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager sccs;
  ModuleAnalysisManager modules;
  PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  ModulePassManager passes;
  if (isTransient)
    cantFail(builder.parsePassPipeline(passes, transientPasses));
  else
    passes = builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3);
  passes.run(module, modules);
}

Expected<mpc::ObjectBytes> mpc::CodeGenerator::generate(Module &module) {
  module.setTargetTriple(Triple(targetTriple));
  module.setDataLayout(machine->createDataLayout());
  ObjectBytes bytes;
  raw_svector_ostream os(bytes);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr,
                                   CodeGenFileType::ObjectFile))
    return createStringError("LLVM cannot write objects for " +
                             Twine(targetTriple));
  passes.run(module);
  return bytes;
}

Expected<std::vector<std::string>>
mpc::getUndefinedSymbols(ArrayRef<char> bytes) {
  auto object = object::ObjectFile::createELFObjectFile(
      MemoryBufferRef(StringRef(bytes.data(), bytes.size()), "object"));
  if (!object)
    return object.takeError();
  std::vector<std::string> names;
  for (const object::SymbolRef &symbol : (*object)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*flags & object::SymbolRef::SF_Undefined) && !name->empty())
      names.push_back(name->str());
  }
  return names;
}
