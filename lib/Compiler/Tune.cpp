//===- Tune.cpp - times tilings on this machine ---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model is compiled once per candidate, every contraction with its first
// one, its second one and so on, each an entry point of one library, and
// contractions are timed where they occur, with the caches as their neighbours
// leave them.
//
//===----------------------------------------------------------------------===//

#include "Tune.h"
#include "Latency.h"
#include "Output.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Codegen/Tilings.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Support/Version.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Host.h"
#include <map>
#include <set>

using namespace mlir;
using namespace mpc;

/// A candidate has to be faster than the default by more than what timing
/// leaves open.
static constexpr double kLeastGain = 1.02;

namespace {
/// All contractions of one name.
struct Contraction {
  std::vector<std::string> candidates;
  std::set<size_t> groups; // their indices
};
} // namespace

std::string mpc::getTuningTable(const CompileOptions &options) {
  if (!options.tuningTable.empty() || !options.tune ||
      options.tuningFolder.empty())
    return options.tuningTable;
  SmallString<128> path(options.tuningFolder);
  llvm::sys::path::append(path, Twine("tilings-") + MPC_VERSION_STRING + "-" +
                                    llvm::sys::getHostCPUName() + ".json");
  return path.str().str();
}

/// The table to add to: what the file has, if this version wrote it.
static FailureOr<TilingTable> openTable(Location loc, StringRef path) {
  if (!llvm::sys::fs::exists(path))
    return TilingTable();
  auto loaded = TilingTable::load(path);
  if (!loaded)
    return emitError(loc) << "--tune: " << llvm::toString(loaded.takeError()),
           failure();
  return loaded->isCurrent() ? std::move(*loaded) : TilingTable();
}

LogicalResult mpc::checkTuningTable(Location loc,
                                    const CompileOptions &options) {
  std::string path = getTuningTable(options);
  if (options.tune && path.empty())
    return emitError(loc)
           << "--tune: the environment names no folder for a cache "
              "(XDG_CACHE_HOME, HOME): give --tuning-table=FILE";
  if (path.empty() || (options.tune && !llvm::sys::fs::exists(path)))
    return success();
  auto loaded = TilingTable::load(path);
  if (!loaded)
    return emitError(loc)
           << (options.tune ? "--tune: " : "--tuning-table: ")
           << llvm::toString(loaded.takeError())
           << (options.tune && options.tuningTable.empty()
                   ? "; remove it, or name another one with --tuning-table=FILE"
                   : "");
  return success();
}

/// The contractions that have several candidates and none in the table.
static std::map<std::string, Contraction>
collectContractions(ModuleOp module, const TargetDescription &target,
                    const TilingTable &table, bool fastMath) {
  llvm::StringMap<std::set<size_t>> callers;
  std::optional<uint64_t> group;
  module.lookupSymbol<func::FuncOp>("main").walk<WalkOrder::PreOrder>(
      [&](Operation *op) {
        if (auto mark = dyn_cast<kernel::BeginGroupOp>(op))
          group = mark.getIndex();
        else if (auto call = dyn_cast<func::CallOp>(op); call && group)
          callers[call.getCallee()].insert(*group);
      });
  std::map<std::string, Contraction> contractions;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](linalg::LinalgOp op) {
      std::optional<TilingChoice> choice =
          TilingChoice::get(op, target, fastMath);
      if (!choice || choice->candidates.size() < 2 ||
          findTiling(table, target, *choice))
        return;
      Contraction &contraction = contractions[choice->getName()];
      const std::set<size_t> &groups = callers[function.getName()];
      contraction.groups.insert(groups.begin(), groups.end());
      contraction.candidates.clear();
      for (kernel::TilingAttr candidate : choice->candidates)
        contraction.candidates.push_back(
            llvm::formatv("{0}", Attribute(candidate)));
    });
  return contractions;
}

/// Entry points mostly differ in code alone: one copy of their weights serves
/// all of them.
static void shareWeights(ModuleOp module, ModuleOp first) {
  auto weights =
      module->getAttrOfType<DenseResourceElementsAttr>(kWeightsAttrName);
  auto known =
      first->getAttrOfType<DenseResourceElementsAttr>(kWeightsAttrName);
  if (weights == known || !weights.getRawHandle().getBlob() ||
      weights.getData() != known.getData())
    return;
  module->setAttr(kWeightsAttrName, known);
  weights.getRawHandle().getResource()->setBlob({});
}

/// Milliseconds by candidate and group.
static FailureOr<std::map<std::pair<size_t, size_t>, double>>
timeCandidates(ModuleOp module, size_t count, StringRef march, StringRef isa,
               const ModelInfo &info, const CompileOptions &options) {
  SmallVector<OwningOpRef<ModuleOp>> modules;
  std::vector<LibraryEntry> entries;
  std::string marches[] = {march.str()};
  for (size_t candidate = 0; candidate < count; ++candidate) {
    CodegenOptions codegen;
    codegen.marches = marches;
    codegen.f16Accumulation = options.f16Accumulation;
    codegen.fastMath = options.fastMath;
    codegen.tilingCandidate = candidate;
    codegen.chains = false; // each group has a time of its own
    modules.push_back(module.clone());
    PassManager pm(module.getContext(), ModuleOp::getOperationName());
    buildLinalgToLLVMPipeline(pm, codegen);
    if (failed(runPasses(pm, *modules.back())))
      return failure();
    shareWeights(*modules.back(), *modules.front());
    ModelInfo described = info;
    for (auto [index, group] : llvm::enumerate(described.groups))
      group.key = llvm::formatv("{0}/{1}", candidate, index);
    entries.push_back(
        {std::to_string(candidate), *modules.back(), std::move(described)});
    options.progress("compiling tilings", candidate + 1, count);
  }
  CompileOptions here = options;
  here.library.emit = EmitKind::Library;
  here.library.prefix = "kit";
  auto files = buildLibrary(entries, info, here.library, /*isBenchKit=*/true);
  auto table = failed(files) ? FailureOr<LatencyTable>(failure())
                             : runBenchKit(UnknownLoc::get(module.getContext()),
                                           *files, isa, here, "timing tilings");
  if (failed(table))
    return failure();
  std::map<std::pair<size_t, size_t>, double> times;
  for (const LatencyTable::Entry &entry : table->entries) {
    auto [candidate, group] = StringRef(entry.key).split('/');
    size_t c = 0, g = 0;
    if (!candidate.getAsInteger(10, c) && !group.getAsInteger(10, g))
      times[{c, g}] = entry.ms;
  }
  return times;
}

LogicalResult mpc::tuneTilings(ModuleOp module, const ModelInfo &info,
                               const CompileOptions &options) {
  Location loc = UnknownLoc::get(module.getContext());
  std::string path = getTuningTable(options);
  auto isa = chooseHere(loc, options.marches);
  if (failed(isa))
    return failure();
  if (isa->empty())
    return emitError(loc)
           << "--tune: this machine runs none of the instruction sets of "
              "--march ("
           << llvm::join(options.marches, ", ")
           << "), so that tilings cannot be timed on it; tune on the target "
              "and give the table that comes out: --tuning-table=FILE";
  bool isNative = llvm::is_contained(options.marches, "native");
  std::string march = isNative ? "native" : *isa;
  auto target = TargetDescription::get(march, loc);
  auto table = openTable(loc, path);
  if (failed(target) || failed(table))
    return failure();
  target->fp16 &= options.f16Accumulation == "chunked";
  std::map<std::string, Contraction> contractions =
      collectContractions(module, *target, *table, options.fastMath);
  size_t count = 0;
  for (const auto &[name, contraction] : contractions)
    count = std::max(count, contraction.candidates.size());
  if (count == 0)
    return success();
  if (options.tuningTable.empty())
    if (std::error_code error =
            llvm::sys::fs::create_directories(options.tuningFolder))
      return emitError(loc) << "--tune: " << options.tuningFolder << ": "
                            << error.message() << "; give --tuning-table=FILE";
  if (failed(checkWritable(loc, "--tune: table", path)))
    return failure();
  auto times = timeCandidates(module, count, march, *isa, info, options);
  if (failed(times))
    return failure();
  for (const auto &[name, contraction] : contractions) {
    std::vector<double> ms;
    for (size_t candidate = 0; candidate < contraction.candidates.size();
         ++candidate) {
      double sum = 0;
      for (size_t group : contraction.groups)
        sum += (*times)[{candidate, group}];
      ms.push_back(sum);
    }
    size_t best = std::min_element(ms.begin(), ms.end()) - ms.begin();
    if (ms[best] * kLeastGain >= ms.front())
      best = 0;
    table->set(target->march, name,
               {contraction.candidates[best], ms[best], ms.front()});
  }
  return writeFile(loc, path, [&](raw_ostream &os) {
    os << table->str();
    return success();
  });
}
