//===- Library.cpp - from LLVM-dialect code to a library ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of steps: code of every instruction set, in parts, in parallel,
// each in an LLVM context of its own; weights; descriptor; link; write.
//
//===----------------------------------------------------------------------===//

#include "mpc/Target/Library.h"
#include "CodeGenerator.h"
#include "Linker.h"
#include "ModelObject.h"
#include "SplitCode.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Support/TensorFile.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using llvm::Expected;
using llvm::MemoryBuffer;

namespace {

/// One entry for one instruction set: its module and what the descriptor says
/// about it.
struct VariantJob {
  ModuleOp module;
  std::string name;    // of the instruction set
  std::string cpu;     // LLVM's name of the CPU to tune for
  uint64_t features;   // MPC_RT_CPU_* bits
  uint64_t capability; // of the only GPUs that it is for, or 0
  size_t index;        // of the entry
  mpc::VariantInfo::Entry entry;
  llvm::StringMap<std::string> shared; // functions of others: symbols

  /// What tells it from the entry's others.
  std::string getLabel() const {
    return capability ? name + "+sm_" + std::to_string(capability) + "a" : name;
  }

  /// The name in the library of a function that parts share.
  std::string getSymbol(StringRef function) const {
    if (auto other = shared.find(function); other != shared.end())
      return other->second;
    return function == "main" ? entry.symbol
                              : (entry.symbol + "_" + function).str();
  }
};

/// Functions of a variant that are compiled together, and what became of them.
struct CodeJob {
  const VariantJob *variant;
  mpc::CodePart functions;
  mpc::ObjectBytes object;
  std::string ir;    // with EmitKind::LLVMIR
  std::string error; // empty: it worked
};

/// What generated code may call: the runtime, and what LLVM puts in place of
/// loops. Every C library since the first has the latter.
bool mayCall(StringRef symbol) {
  return symbol == "mpc_rt_parallel_for" || symbol == "mpc_rt_begin_group" ||
         symbol == "mpc_rt_report" || symbol.starts_with("mpc_rt_gpu_") ||
         symbol.starts_with("mpc_rt_emulate") || symbol == "memcpy" ||
         symbol == "memmove" || symbol == "memset";
}

/// Notes the symbols of functions that instruction sets before this one have.
LogicalResult collectShared(VariantJob &job, ArrayRef<VariantJob> before) {
  for (auto function : job.module.getOps<LLVM::LLVMFuncOp>()) {
    auto name = function->getAttrOfType<StringAttr>(mpc::kSharedAttrName);
    if (!name)
      continue;
    const auto *owner = llvm::find_if(before, [&](const VariantJob &other) {
      ModuleOp module = other.module;
      return module.getName() == name.getValue();
    });
    ModuleOp module = owner == before.end() ? ModuleOp() : owner->module;
    auto original =
        module ? module.lookupSymbol<LLVM::LLVMFuncOp>(function.getName())
               : LLVM::LLVMFuncOp();
    if (!function.isExternal() || !original || original.isExternal())
      return function.emitError("expected a function without a body, and '")
             << mpc::kSharedAttrName
             << "' to name a module before this one with a function of the "
                "same name with a body";
    job.shared[function.getName()] = owner->getSymbol(function.getName());
  }
  return success();
}

/// Collects the nested modules and checks that they are in the llvm phase.
LogicalResult collectVariants(ModuleOp module, size_t index, StringRef suffix,
                              std::vector<VariantJob> &variants) {
  size_t before = variants.size();
  for (auto nested : module.getOps<ModuleOp>()) {
    auto march = nested->getAttrOfType<StringAttr>(mpc::kMarchAttrName);
    if (!march)
      return nested.emitError("expected the module of an instruction set with "
                              "the attribute '")
             << mpc::kMarchAttrName << "'";
    SmallVector<mpc::Variant> resolved;
    std::string error;
    if (failed(mpc::resolveVariants({march.str()}, resolved, error)))
      return nested.emitError() << error;
    auto main = nested.lookupSymbol<LLVM::LLVMFuncOp>("main");
    auto arena = main ? main->getAttrOfType<DictionaryAttr>(mpc::kArenaAttrName)
                      : DictionaryAttr();
    auto base = arena ? arena.getAs<IntegerAttr>("base") : IntegerAttr();
    auto perBatch =
        arena ? arena.getAs<IntegerAttr>("per_batch") : IntegerAttr();
    if (!base || !perBatch || main.isExternal())
      return nested.emitError(
                 "expected the llvm phase: a function @main of the "
                 "LLVM dialect with the attribute '")
             << mpc::kArenaAttrName << "'";
    VariantJob job;
    job.module = nested;
    job.name = resolved.front().name.str();
    job.cpu = resolved.front().cpu.str();
    job.features = resolved.front().features;
    auto capability =
        nested->getAttrOfType<IntegerAttr>(mpc::kCapabilityAttrName);
    job.capability = capability ? capability.getInt() : 0;
    job.index = index;
    job.entry = {"mpc_main_" + mpc::makeCIdentifier(job.getLabel()) +
                     suffix.str(),
                 base.getInt(), perBatch.getInt()};
    if (failed(collectShared(job, ArrayRef(variants).drop_front(before))))
      return failure();
    variants.push_back(std::move(job));
  }
  if (variants.size() == before)
    return module.emitError(
        "expected one nested module per instruction set, but got none; is the "
        "module of the phase that --compile-from says?");
  return success();
}

/// The variants of a library: all that any entry has. An entry without kernels
/// of its own for some GPUs has those for all.
FailureOr<std::vector<mpc::VariantInfo>>
combineVariants(Location loc, ArrayRef<VariantJob> jobs, size_t numEntries) {
  std::vector<mpc::VariantInfo> infos;
  for (const VariantJob &job : jobs)
    if (llvm::none_of(infos, [&](const mpc::VariantInfo &info) {
          return info.name == job.getLabel();
        }))
      infos.push_back({job.getLabel(), job.features, job.capability, {}});
  // The one that runs on all GPUs comes first.
  llvm::stable_sort(infos, [](const auto &lhs, const auto &rhs) {
    return lhs.capability < rhs.capability;
  });
  for (mpc::VariantInfo &info : infos)
    for (size_t entry = 0; entry < numEntries; ++entry) {
      auto find = [&](llvm::function_ref<bool(const VariantJob &)> fits) {
        return llvm::find_if(jobs, [&](const VariantJob &job) {
          return job.index == entry && fits(job);
        });
      };
      const auto *job = find(
          [&](const VariantJob &job) { return job.getLabel() == info.name; });
      if (job == jobs.end() && info.capability)
        job = find([&](const VariantJob &job) {
          return job.features == info.features;
        });
      if (job == jobs.end())
        return emitError(loc)
               << "expected entries for the same instruction sets, but only "
                  "some are for "
               << info.name;
      info.entries.push_back(job->entry);
    }
  return infos;
}

/// The parts of a variant. IR that people read is in one piece.
void addParts(const VariantJob &variant, bool inOnePiece,
              std::vector<CodeJob> &jobs) {
  std::vector<mpc::CodePart> parts = mpc::splitCode(variant.module);
  if (inOnePiece)
    for (const mpc::CodePart &part : llvm::drop_begin(parts))
      llvm::append_range(parts.front(), part);
  if (inOnePiece)
    parts.resize(1);
  for (mpc::CodePart &part : parts)
    jobs.push_back({&variant, std::move(part), {}, "", ""});
}

/// Generates the code of one part.
void compilePart(CodeJob &job, const mpc::LibraryOptions &options) {
  const VariantJob &variant = *job.variant;
  OwningOpRef<ModuleOp> part = mpc::extractPart(variant.module, job.functions);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*part, context, variant.name);
  if (!module) {
    job.error = "translation to LLVM IR failed";
    return;
  }
  part = {};
  for (llvm::Function &function : *module)
    if (!function.hasLocalLinkage() && !function.isIntrinsic() &&
        !mayCall(function.getName())) {
      function.setName(variant.getSymbol(function.getName()));
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
    }

  Expected<mpc::CodeGenerator> generator = mpc::CodeGenerator::create(
      variant.cpu, mpc::getLLVMFeatures(variant.features));
  if (!generator) {
    job.error = toString(generator.takeError());
    return;
  }
  generator->optimize(*module, options.isTransient);
  if (options.emit == mpc::EmitKind::LLVMIR) {
    llvm::raw_string_ostream os(job.ir);
    module->print(os, nullptr);
    return;
  }
  Expected<mpc::ObjectBytes> object = generator->generate(*module);
  if (!object) {
    job.error = toString(object.takeError());
    return;
  }
  job.object = std::move(*object);
  Expected<std::vector<std::string>> undefined =
      mpc::getUndefinedSymbols(job.object);
  if (!undefined) {
    job.error = toString(undefined.takeError());
    return;
  }
  llvm::StringSet<> known;
  ModuleOp whole = variant.module;
  for (auto function : whole.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal() || variant.shared.contains(function.getName()))
      known.insert(variant.getSymbol(function.getName()));
  for (const std::string &symbol : *undefined)
    if (!mayCall(symbol) && !known.contains(symbol))
      job.error +=
          (job.error.empty() ? "generated code needs the function '" : "', '") +
          symbol;
  if (!job.error.empty())
    job.error += "', which libraries may not depend on";
}

/// The object of a module of data, for the baseline instruction set.
Expected<mpc::ObjectBytes> compileData(llvm::Module &module) {
  Expected<mpc::CodeGenerator> generator = mpc::CodeGenerator::create("", "");
  if (!generator)
    return generator.takeError();
  return generator->generate(module);
}

struct File {
  std::string path;
  StringRef bytes;
};

/// Writes all files or none.
LogicalResult writeFiles(Location loc, ArrayRef<File> files) {
  std::vector<mpc::PendingFile> pending(files.size());
  std::string error;
  for (auto [file, next] : llvm::zip_equal(files, pending)) {
    if (llvm::sys::fs::is_directory(file.path))
      return emitError(loc) << file.path << ": cannot write: it is a folder";
    if (!next.write(file.path, file.bytes.data(), file.bytes.size(), error))
      return emitError(loc) << error;
  }
  for (auto [index, next] : llvm::enumerate(pending))
    if (!next.commit(error)) {
      for (const File &written : files.take_front(index))
        llvm::sys::fs::remove(written.path);
      return emitError(loc) << error;
    }
  return success();
}

FailureOr<ArrayRef<char>> getWeights(ModuleOp module) {
  auto attr =
      module->getAttrOfType<DenseResourceElementsAttr>(mpc::kWeightsAttrName);
  AsmResourceBlob *blob = attr ? attr.getRawHandle().getBlob() : nullptr;
  if (!blob) {
    module.emitError("expected the weights in the attribute '")
        << mpc::kWeightsAttrName << "', but they "
        << (attr ? "were elided" : "are missing");
    return failure();
  }
  return blob->getData();
}

} // namespace

std::string mpc::findRuntimeDirectory(const char *argv0, void *mainAddress) {
  std::string program = llvm::sys::fs::getMainExecutable(argv0, mainAddress);
  StringRef root =
      llvm::sys::path::parent_path(llvm::sys::path::parent_path(program));
  for (StringRef folder : {StringRef("lib"), StringRef("lib64"),
                           StringRef("lib/x86_64-linux-gnu")}) {
    SmallString<128> path(root);
    llvm::sys::path::append(path, folder);
    if (llvm::sys::fs::exists(path + "/libmpc_runtime.a"))
      return path.str().str();
  }
  return "";
}

FailureOr<mpc::LibraryFiles> mpc::buildLibrary(ModuleOp module,
                                               const ModelInfo &info,
                                               const LibraryOptions &options) {
  return buildLibrary(LibraryEntry{"main", module, info}, info, options);
}

FailureOr<mpc::LibraryFiles> mpc::buildLibrary(ArrayRef<LibraryEntry> entries,
                                               const ModelInfo &info,
                                               const LibraryOptions &options,
                                               bool isBenchKit) {
  ModuleOp first = entries.front().module;
  MLIRContext *mlirContext = first.getContext();
  Location loc = UnknownLoc::get(mlirContext);
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(loc) << toString(std::move(error));
  };
  // The instruction sets of the first entry, then those of the next one.
  std::vector<VariantJob> variants;
  std::vector<WeightsPart> parts;
  SmallVector<ArrayRef<char>> blobs;
  uint64_t weightsBytes = 0;
  for (auto [index, entry] : llvm::enumerate(entries)) {
    std::string suffix = entries.size() == 1 ? "" : "_" + std::to_string(index);
    if (failed(collectVariants(entry.module, index, suffix, variants)))
      return failure();
    FailureOr<ArrayRef<char>> weights = getWeights(entry.module);
    if (failed(weights))
      return failure();
    // Entries that differ in code alone share their weights.
    const auto *known = llvm::find(blobs, *weights);
    if (known != blobs.end()) {
      parts.push_back(parts[known - blobs.begin()]);
      blobs.push_back(*weights);
      continue;
    }
    uint64_t offset = llvm::alignTo(weightsBytes, kBufferAlignment);
    parts.push_back({offset, weights->size()});
    blobs.push_back(*weights);
    weightsBytes = offset + weights->size();
  }
  FailureOr<std::vector<VariantInfo>> infos =
      combineVariants(loc, variants, entries.size());
  if (failed(infos))
    return failure();

  // Fail before the long work where possible.
  bool emitIR = options.emit == EmitKind::LLVMIR;
  std::optional<Linker> linker;
  if (!emitIR) {
    Expected<Linker> found =
        Linker::create(options.linker, options.runtimeDirectory);
    if (!found)
      return fail(found.takeError());
    linker = std::move(*found);
  }

  // 1. Code.
  std::vector<CodeJob> code;
  DialectRegistry translations;
  registerBuiltinDialectTranslation(translations);
  registerLLVMDialectTranslation(translations);
  mlirContext->appendDialectRegistry(translations);
  {
    // LLVM's registries are set up before threads read them.
    if (Expected<CodeGenerator> generator = CodeGenerator::create("", "");
        !generator)
      return fail(generator.takeError());
    for (const VariantJob &variant : variants)
      addParts(variant, emitIR, code);
    llvm::DefaultThreadPool pool(llvm::hardware_concurrency(options.jobs));
    // The last variant has the most code per function; start it first.
    for (CodeJob &job : llvm::reverse(code))
      pool.async([&job, &options] { compilePart(job, options); });
    pool.wait();
  }
  for (const CodeJob &job : code)
    if (!job.error.empty()) {
      emitError(loc) << "instruction set " << job.variant->name << ": "
                     << job.error;
      return failure();
    }
  if (emitIR) {
    std::string text;
    for (const CodeJob &job : code)
      text += job.ir;
    return LibraryFiles{MemoryBuffer::getMemBufferCopy(text), ""};
  }

  // 2. Weights and the descriptor.
  std::string prefix =
      options.prefix.empty()
          ? makeCIdentifier(llvm::sys::path::stem(options.output))
          : makeCIdentifier(options.prefix);
  std::vector<ObjectBytes> objects;
  for (CodeJob &job : code)
    objects.push_back(std::move(job.object));
  std::vector<char> joined;
  ArrayRef<char> weights = blobs.front();
  if (blobs.size() > 1) {
    joined.resize(weightsBytes);
    for (auto [part, blob] : llvm::zip_equal(parts, blobs))
      llvm::copy(blob, joined.begin() + part.offset);
    weights = joined;
  }
  std::vector<std::string> queries{prefix + "_query"};
  if (options.emit == EmitKind::Library && queries[0] != "mpc_model_query")
    queries.push_back("mpc_model_query");
  std::vector<std::string> exports = queries;
  if (info.observer)
    exports.push_back(saveCalibrationSymbol);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> data[] = {
      createWeightsModule(context, weights),
      createModelModule(
          context, entries, parts, *infos, weightsBytes,
          createManifest(info, entries, *infos, weightsBytes, isBenchKit),
          queries)};
  for (const std::unique_ptr<llvm::Module> &part : data) {
    Expected<ObjectBytes> object = compileData(*part);
    if (!object)
      return fail(object.takeError());
    objects.push_back(std::move(*object));
  }

  // 3. Link.
  Expected<std::unique_ptr<MemoryBuffer>> output =
      options.emit == EmitKind::Library
          ? linker->linkShared(objects, exports)
          : linker->linkRelocatable(objects, queries[0]);
  if (output && options.emit == EmitKind::Archive)
    output = createArchive(**output, prefix + ".o");
  if (!output)
    return fail(output.takeError());
  return LibraryFiles{std::move(*output),
                      createHeader(entries.front().info, prefix)};
}

LogicalResult mpc::emitLibrary(ModuleOp module, const ModelInfo &info,
                               const LibraryOptions &options) {
  FailureOr<LibraryFiles> files = buildLibrary(module, info, options);
  if (failed(files))
    return failure();
  return writeLibrary(UnknownLoc::get(module.getContext()), *files, options);
}

LogicalResult mpc::writeLibrary(Location loc, const LibraryFiles &files,
                                const LibraryOptions &options) {
  StringRef library = files.library->getBuffer();
  if (options.output == "-") {
    llvm::outs() << library;
    return success();
  }
  SmallVector<File> outputs{{options.output, library}};
  if (!files.header.empty() && !isSpecialFile(options.output)) {
    SmallString<128> path(options.output);
    llvm::sys::path::replace_extension(path, "h");
    outputs.push_back({path.str().str(), files.header});
  }
  return writeFiles(loc, outputs);
}
