//===- Latency.cpp - what groups cost on the compiler's own kernels -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Latency.h"
#include "GroupSizes.h"
#include "Report.h"
#include "cpu.h" // the runtime's
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include <cmath>
#include <dlfcn.h>

using namespace mlir;
using namespace mpc;

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

static std::string nameConversion(StringRef from, StringRef to) {
  return (from + "->" + to).str();
}

double LatencyCosts::group(StringRef name, StringRef precision) const {
  auto found = groups.find({name.str(), precision.str()});
  return found == groups.end() ? NAN : found->second;
}

/// What lies between measured sizes, on the line through its neighbours;
/// outside, in proportion.
static double interpolate(ArrayRef<std::pair<double, double>> points,
                          double size) {
  if (points.empty())
    return NAN;
  if (size > points.back().first)
    return points.back().second * size / points.back().first;
  const auto *upper =
      llvm::lower_bound(points, size, [](const auto &point, double at) {
        return point.first < at;
      });
  if (upper == points.begin() || upper->first == size)
    return upper->second;
  auto [x0, y0] = upper[-1];
  auto [x1, y1] = *upper;
  return y0 + (y1 - y0) * (size - x0) / (x1 - x0);
}

double LatencyCosts::conversion(StringRef value, StringRef from,
                                StringRef to) const {
  auto found = values.find(value);
  if (found == values.end())
    return NAN;
  if (from == to)
    return 0;
  std::string kind = nameConversion(from, to);
  if (auto known = found->second.measured.find(kind);
      known != found->second.measured.end())
    return known->second;
  auto points = conversions.find(kind);
  return points == conversions.end()
             ? NAN
             : interpolate(points->second, found->second.elements);
}

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

/// "int8" or "int16" for all quantized types: their parameters do not change
/// what is computed. Empty for what is not stored by a precision.
static std::string nameStorage(Type element) {
  if (auto quantized = dyn_cast<quant::QuantizedType>(element)) {
    unsigned bits = quantized.getStorageTypeIntegralWidth();
    return bits == 8 ? "int8" : bits == 16 ? "int16" : "";
  }
  return element.isF32()    ? "f32"
         : element.isF16()  ? "f16"
         : element.isBF16() ? "bf16"
                            : "";
}

static std::vector<int64_t> getShapeOfOne(Type type) {
  std::vector<int64_t> shape;
  for (int64_t size : cast<RankedTensorType>(type).getShape())
    shape.push_back(ShapedType::isDynamic(size) ? 1 : size);
  return shape;
}

static int64_t elementsOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// What a group of the phase `quantized` computes, without names and without
/// numbers that come from weights or calibration.
static std::string computeKey(GroupOp group) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto print = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    llvm::interleave(tensor.getShape(), os, "x");
    Type element = tensor.getElementType();
    if (auto quantized = dyn_cast<quant::QuantizedType>(element))
      os << "q" << (quantized.isSigned() ? "i" : "u")
         << quantized.getStorageTypeIntegralWidth()
         << (isa<quant::UniformQuantizedPerAxisType>(element) ? "axis" : "");
    else
      os << element;
    os << " ";
  };
  llvm::DenseMap<Value, unsigned> numbers;
  for (auto [outer, argument] :
       llvm::zip(group.getInputs(), group.getBlock().getArguments())) {
    numbers.try_emplace(argument, numbers.size());
    // Weights are packed when they are compiled.
    os << (outer.getDefiningOp<ConstantOp>() ? "constant " : "value ");
    print(argument.getType());
  }
  for (Operation &op : group.getBlock()) {
    os << "\n" << op.getName();
    for (Value operand : op.getOperands())
      os << " " << numbers.lookup(operand);
    os << " ";
    for (Value result : op.getResults()) {
      numbers.try_emplace(result, numbers.size());
      print(result.getType());
    }
    for (NamedAttribute attribute : op.getAttrs()) {
      os << attribute.getName().getValue();
      // The bounds of a clamp, in the numbers of calibration.
      if (!isa<RequantizeOp>(op) || !isa<IntegerAttr>(attribute.getValue()))
        os << "=" << attribute.getValue();
      os << " ";
    }
  }
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, true, 16);
}

namespace {
/// The model with every group in one precision, or the conversions.
struct Candidate {
  std::string precision;
  OwningOpRef<ModuleOp> module; // of the phase `quantized`
  ModelInfo info;
};
} // namespace

/// Groups in the order of their indices, with what a table calls those that
/// were measured for `precision`.
static std::vector<GroupInfo> describeCandidate(ModuleOp module,
                                                StringRef precision,
                                                const llvm::StringSet<> &own) {
  std::vector<GroupInfo> groups = describeGroups(module);
  size_t index = 0;
  module.walk([&](GroupOp group) {
    GroupInfo &info = groups[index++];
    info.reason.clear();
    if (!own.contains(info.name)) {
      if (group->getNumOperands() != 1 || group->getNumResults() != 1)
        return;
      info.from = nameStorage(getElementTypeOrSelf(group->getOperand(0)));
      info.to = nameStorage(getElementTypeOrSelf(group->getResult(0)));
      info.shape = getShapeOfOne(group->getResult(0).getType());
      if (info.to.empty())
        info.from.clear();
    } else if (info.precision == precision) {
      info.key = computeKey(group);
    }
  });
  return groups;
}

bool mpc::isBoundByWeights(GroupOp group) {
  // Fewer weights stay in caches; more positions make multiplying the greater
  // part.
  constexpr int64_t leastWeights = 1 << 16, mostPositions = 16;
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  OpOperand *weight = root && root.getQuantRole() == QuantRole::Contraction
                          ? root.getWeightOperand()
                          : nullptr;
  auto argument = weight ? dyn_cast<BlockArgument>(weight->get()) : nullptr;
  if (!argument ||
      !group.getInputs()[argument.getArgNumber()].getDefiningOp<ConstantOp>())
    return false;
  int64_t weights =
      cast<RankedTensorType>(weight->get().getType()).getNumElements();
  return weights >= leastWeights &&
         countMACs(group.getRoot()) <= mostPositions * weights;
}

std::vector<std::string> mpc::listPrecisions(ModuleOp grouped, bool hasRanges) {
  std::vector<std::string> precisions{"f32", "f16", "bf16"};
  if (llvm::any_of(grouped.lookupSymbol<func::FuncOp>("main").getOps<GroupOp>(),
                   isBoundByWeights))
    precisions.insert(precisions.end(), {"w8", "w4"});
  if (hasRanges) {
    // Other profiles do not say how 16 bits are rounded.
    auto rounding = grouped->getAttrOfType<RoundingAttr>(kRoundingAttrName);
    if (!rounding || rounding.getValue() == Rounding::ONNX)
      precisions.push_back("int16");
    precisions.push_back("int8");
  }
  return precisions;
}

static FailureOr<Candidate> makeCandidate(ModuleOp grouped,
                                          StringRef precision) {
  Candidate candidate;
  candidate.precision = precision.str();
  candidate.module = grouped.clone();
  PassManager pm(grouped.getContext(), ModuleOp::getOperationName());
  AssignPrecisionOptions assign;
  assign.precision = precision.str();
  pm.addPass(createAssignPrecision(assign));
  if (failed(pm.run(*candidate.module)))
    return failure();
  candidate.module->walk([](GroupOp group) {
    if (group.getPrecision() && isWeightOnly(*group.getPrecision()) &&
        !isBoundByWeights(group))
      group.setPrecision(Precision::F32);
  });
  PassManager lower(grouped.getContext(), ModuleOp::getOperationName());
  buildQuantizationPipeline(lower);
  if (failed(lower.run(*candidate.module)))
    return failure();
  llvm::StringSet<> own;
  grouped.walk([&](GroupOp group) { own.insert(group.getName()); });
  candidate.info = describeModel(grouped);
  candidate.info.groups = describeCandidate(*candidate.module, precision, own);
  return candidate;
}

/// Every tensor that a precision stores: inputs and results of groups, by the
/// name that calibration uses.
static llvm::StringMap<std::vector<int64_t>> collectValues(ModuleOp grouped) {
  llvm::StringMap<std::vector<int64_t>> values;
  auto main = grouped.lookupSymbol<func::FuncOp>("main");
  for (BlockArgument argument : main.getArguments())
    if (isArithmeticFloat(getElementTypeOrSelf(argument)))
      values[getArgumentName(main, argument.getArgNumber())] =
          getShapeOfOne(argument.getType());
  for (Operation &op : main.getBody().front())
    if (isObserved(&op))
      for (OpResult result : op.getResults())
        if (isArithmeticFloat(getElementTypeOrSelf(result)))
          values[getResultName(result)] = getShapeOfOne(result.getType());
  return values;
}

/// The element types that precisions store activations in.
static SmallVector<std::string> getStorages(ArrayRef<std::string> precisions) {
  SmallVector<std::string> storages{"f32"};
  for (const std::string &precision : precisions)
    if (llvm::is_contained({"f16", "bf16", "int16", "int8"}, precision) &&
        !llvm::is_contained(storages, precision))
      storages.push_back(precision);
  return storages;
}

/// A few of the model's shapes, from the smallest to the largest: what lies
/// between is interpolated.
static std::vector<std::vector<int64_t>> chooseShapes(ModuleOp grouped) {
  constexpr size_t most = 6;
  std::map<int64_t, std::vector<int64_t>> bySize;
  for (const auto &value : collectValues(grouped)) {
    // Of shapes of one size the first one in order, whatever the hash table's
    // order.
    auto [it, isNew] =
        bySize.try_emplace(elementsOf(value.second), value.second);
    if (!isNew)
      it->second = std::min(it->second, value.second);
  }
  std::vector<std::vector<int64_t>> all, chosen;
  for (auto &[size, shape] : bySize)
    if (size > 0)
      all.push_back(shape);
  for (size_t i = 0; i < std::min(most, all.size()); ++i)
    chosen.push_back(
        all[all.size() <= most ? i : i * (all.size() - 1) / (most - 1)]);
  return chosen;
}

/// A module that stores tensors of a few shapes in every element type, from
/// every other one.
static Candidate makeConversions(ModuleOp grouped,
                                 ArrayRef<std::string> storages) {
  MLIRContext *context = grouped.getContext();
  OpBuilder builder(context);
  Location loc = UnknownLoc::get(context);
  Type f32 = builder.getF32Type();
  auto isInteger = [](StringRef storage) {
    return storage == "int8" || storage == "int16";
  };
  auto typeOf = [&](StringRef storage) -> Type {
    if (storage == "f16")
      return builder.getF16Type();
    if (storage == "bf16")
      return builder.getBF16Type();
    if (storage == "int8")
      return quant::UniformQuantizedType::get(0, builder.getIntegerType(8), f32,
                                              1.0 / 64, 128, 0, 255);
    if (storage == "int16")
      return quant::UniformQuantizedType::get(quant::QuantizationFlags::Signed,
                                              builder.getIntegerType(16), f32,
                                              1.0 / 64, 0, -32768, 32767);
    return f32;
  };
  auto shapes = chooseShapes(grouped);
  Candidate candidate;
  candidate.precision = "conversions";
  candidate.module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(candidate.module->getBody());
  SmallVector<Type> inputs, outputs;
  for (const auto &shape : shapes)
    inputs.push_back(RankedTensorType::get(shape, f32));
  auto main = func::FuncOp::create(builder, loc, "main",
                                   builder.getFunctionType(inputs, {}));
  builder.setInsertionPointToEnd(main.addEntryBlock());
  unsigned count = 0;
  auto convert = [&](Value value, StringRef storage) -> Value {
    auto result = RankedTensorType::get(
        cast<RankedTensorType>(value.getType()).getShape(), typeOf(storage));
    auto group = GroupOp::create(
        builder, loc, TypeRange(result),
        builder.getStringAttr("convert" + Twine(count++)), ValueRange(value),
        PrecisionAttr(), StringAttr(), RangeAttr());
    Block &block = group.getBody().emplaceBlock();
    Value now = block.addArgument(value.getType(), loc);
    OpBuilder body = OpBuilder::atBlockEnd(&block);
    auto wide = result.clone(f32);
    // Integers are made of f32 and become f32.
    if (isa<quant::QuantizedType>(getElementTypeOrSelf(now)))
      now = DequantizeOp::create(body, loc, wide, now);
    else if (isInteger(storage) && now.getType() != wide)
      now = CastOp::create(body, loc, wide, now);
    if (isInteger(storage))
      now = QuantizeOp::create(body, loc, result, now);
    else if (now.getType() != result)
      now = CastOp::create(body, loc, result, now);
    YieldOp::create(body, loc, now);
    return group->getResult(0);
  };
  SmallVector<Value> results;
  for (BlockArgument input : main.getArguments())
    for (const std::string &from : storages) {
      Value source = from == "f32" ? Value(input) : convert(input, from);
      for (const std::string &to : storages) {
        if (from == to)
          continue;
        Value result = convert(source, to);
        // Nobody may leave out what it computes.
        results.push_back(isInteger(to) ? convert(result, "f32") : result);
      }
    }
  func::ReturnOp::create(builder, loc, results);
  main.setType(builder.getFunctionType(inputs, TypeRange(ValueRange(results))));
  candidate.info = describeModel(*candidate.module);
  candidate.info.groups = describeCandidate(*candidate.module, "", {});
  return candidate;
}

static FailureOr<std::vector<Candidate>>
makeCandidates(ModuleOp grouped, ArrayRef<std::string> precisions) {
  std::vector<Candidate> candidates;
  for (const std::string &precision : precisions) {
    auto candidate = makeCandidate(grouped, precision);
    if (failed(candidate))
      return failure();
    candidates.push_back(std::move(*candidate));
  }
  return candidates;
}

//===----------------------------------------------------------------------===//
// Kits
//===----------------------------------------------------------------------===//

static FailureOr<LibraryFiles> buildKit(ModuleOp grouped,
                                        std::vector<Candidate> candidates,
                                        ArrayRef<std::string> precisions,
                                        ArrayRef<std::string> marches,
                                        const CompileOptions &options) {
  if (auto storages = getStorages(precisions);
      storages.size() > 1 && !collectValues(grouped).empty())
    candidates.push_back(makeConversions(grouped, storages));
  CodegenOptions codegen;
  codegen.marches = marches;
  codegen.chains = false; // each group has a time of its own
  codegen.f16Accumulation = options.f16Accumulation;
  codegen.fastMath = options.fastMath;
  std::vector<LibraryEntry> entries;
  for (Candidate &candidate : candidates) {
    PassManager lower(grouped.getContext(), ModuleOp::getOperationName());
    buildLinalgPipeline(lower);
    buildLinalgToLLVMPipeline(lower, codegen);
    if (failed(runPasses(lower, *candidate.module)))
      return failure();
    entries.push_back(
        {candidate.precision, *candidate.module, std::move(candidate.info)});
  }
  ModelInfo info = describeModel(grouped);
  info.name = llvm::sys::path::stem(options.input).str();
  info.precision = llvm::join(precisions, ",");
  return buildLibrary(entries, info, options.library, /*isBenchKit=*/true);
}

LogicalResult mpc::emitBenchKit(ModuleOp grouped,
                                ArrayRef<std::string> precisions,
                                const CompileOptions &options) {
  auto candidates = makeCandidates(grouped, precisions);
  if (failed(candidates))
    return failure();
  auto files = buildKit(grouped, std::move(*candidates), precisions,
                        options.marches, options);
  return failed(files) ? failure()
                       : writeLibrary(UnknownLoc::get(grouped.getContext()),
                                      *files, options.library);
}

FailureOr<std::string> mpc::chooseHere(Location loc,
                                       ArrayRef<std::string> marches) {
  SmallVector<Variant> variants;
  std::string error;
  if (failed(resolveVariants(marches, variants, error)))
    return emitError(loc) << error, failure();
  uint64_t here = mpc_rt_cpu_detect();
  for (const Variant &variant : llvm::reverse(variants))
    if (!(variant.features & ~here))
      return variant.name.str();
  return std::string();
}

/// Builds a kit for this machine and measures it in this process.
static FailureOr<LatencyTable> measureHere(ModuleOp grouped,
                                           std::vector<Candidate> candidates,
                                           ArrayRef<std::string> precisions,
                                           StringRef isa,
                                           const CompileOptions &options) {
  Location loc = UnknownLoc::get(grouped.getContext());
  CompileOptions here = options;
  here.library.emit = EmitKind::Library;
  here.library.prefix = "kit";
  auto files =
      buildKit(grouped, std::move(candidates), precisions, isa.str(), here);
  return failed(files)
             ? FailureOr<LatencyTable>(failure())
             : runBenchKit(loc, *files, isa, here, "measuring latencies");
}

FailureOr<LatencyTable>
mpc::runBenchKit(Location loc, const LibraryFiles &files, StringRef isa,
                 const CompileOptions &options, const char *what) {
  CompileOptions here = options;
  SmallString<128> folder;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("mpc-kit", folder))
    return emitError(loc) << "no temporary folder in '"
                          << llvm::sys::path::parent_path(folder)
                          << "' to measure the model in: " << error.message(),
           failure();
  auto cleanUp =
      llvm::make_scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  here.library.output = (folder + "/kit.so").str();
  if (failed(writeLibrary(loc, files, here.library)))
    return failure();
  void *handle = dlopen(here.library.output.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return emitError(loc) << "the library for measuring does not load: "
                          << dlerror(),
           failure();
  auto close = llvm::make_scope_exit([&] { dlclose(handle); });
  auto query =
      reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
  const mpc_model *model = query ? query(MPC_ABI_VERSION) : nullptr;
  LatencyTable table;
  std::string error = "it has no model";
  MeasureOptions measure{isa.str(), nullptr};
  measure.progress = [&](int done, int all) {
    options.progress(what, done, all);
  };
  if (!model || !measureBenchKit(model, measure, table, error))
    return emitError(loc) << what << ": " << error, failure();
  return table;
}

//===----------------------------------------------------------------------===//
// From a table to costs
//===----------------------------------------------------------------------===//

/// Fills `costs` from its table; returns what the table lacks, in words.
static std::vector<std::string> resolve(ModuleOp grouped,
                                        ArrayRef<Candidate> candidates,
                                        ArrayRef<std::string> precisions,
                                        LatencyCosts &costs) {
  const LatencyTable &table = costs.table;
  costs.groups.clear();
  costs.values.clear();
  costs.conversions.clear();
  std::vector<std::string> missing;
  for (const Candidate &candidate : candidates)
    for (const GroupInfo &group : candidate.info.groups) {
      if (group.key.empty())
        continue;
      if (const LatencyTable::Entry *entry = table.find(group.key, group.name))
        costs.groups[{group.name, candidate.precision}] = entry->ms;
      else
        missing.push_back("'" + group.name + "' in " + candidate.precision);
    }
  // Sizes that were measured several times count with their mean.
  std::map<std::pair<std::string, std::vector<int64_t>>, std::pair<double, int>>
      byShape;
  std::map<std::pair<std::string, int64_t>, std::pair<double, int>> bySize;
  for (const LatencyTable::Conversion &entry : table.conversions) {
    std::string kind = nameConversion(entry.from, entry.to);
    auto add = [&](std::pair<double, int> &sum) {
      sum.first += entry.ms;
      ++sum.second;
    };
    add(byShape[{kind, entry.shape}]);
    add(bySize[{kind, elementsOf(entry.shape)}]);
  }
  for (auto &[key, sum] : bySize)
    costs.conversions[key.first].push_back(
        {double(key.second), sum.first / sum.second});
  auto storages = getStorages(precisions);
  for (const auto &value : collectValues(grouped)) {
    LatencyCosts::Value &known = costs.values[value.first()];
    known.elements = elementsOf(value.second);
    for (const std::string &from : storages)
      for (const std::string &to : storages)
        if (auto found = byShape.find({nameConversion(from, to), value.second});
            found != byShape.end())
          known.measured[nameConversion(from, to)] =
              found->second.first / found->second.second;
  }
  if (!costs.values.empty())
    for (const std::string &from : storages)
      for (const std::string &to : storages)
        if (from != to && !costs.conversions.count(nameConversion(from, to)))
          missing.push_back("conversions from " + from + " to " + to);
  costs.overhead_ms = table.overheadMs;
  return missing;
}

FailureOr<LatencyCosts> mpc::measureLatencies(ModuleOp grouped,
                                              ArrayRef<std::string> precisions,
                                              const CompileOptions &options) {
  Location loc = UnknownLoc::get(grouped.getContext());
  LatencyCosts costs;
  if (!options.latencyTable.empty()) {
    std::string error;
    if (!costs.table.load(options.latencyTable, error))
      return emitError(loc) << "--latency-table: " << error, failure();
  }
  auto isa = chooseHere(loc, options.marches);
  auto candidates = failed(isa) ? FailureOr<std::vector<Candidate>>(failure())
                                : makeCandidates(grouped, precisions);
  if (failed(candidates))
    return failure();
  if (!options.latencyTable.empty()) {
    std::vector<std::string> missing =
        resolve(grouped, *candidates, precisions, costs);
    if (missing.empty())
      return costs;
    if (costs.table.isa != *isa) {
      constexpr size_t most = 5;
      size_t count = missing.size();
      missing.resize(std::min(count, most));
      return emitError(loc)
                 << "--latency-table: " << options.latencyTable
                 << " is for the instruction set " << costs.table.isa
                 << " and lacks " << llvm::join(missing, ", ")
                 << (count > most
                         ? " and " + std::to_string(count - most) + " more"
                         : std::string())
                 << "; measure this model there: mpc-compile --emit=bench-kit "
                    "-o kit.so, mpc-run kit.so --measure=FILE",
             failure();
    }
  }
  if (isa->empty())
    return emitError(loc)
               << "this machine runs none of the instruction sets of --march, "
                  "so that latencies cannot be measured on it; measure them "
                  "on the target (mpc-compile --emit=bench-kit -o kit.so, "
                  "mpc-run kit.so --measure=FILE) and give "
                  "--latency-table=FILE",
           failure();
  std::vector<Candidate> copies;
  for (Candidate &candidate : *candidates) {
    copies.push_back(
        {candidate.precision, std::move(candidate.module), candidate.info});
  }
  auto table =
      measureHere(grouped, std::move(copies), precisions, *isa, options);
  if (failed(table))
    return failure();
  // What the file has stays as it is.
  if (options.latencyTable.empty()) {
    costs.table = std::move(*table);
  } else {
    for (const LatencyTable::Entry &entry : table->entries)
      if (!costs.table.find(entry.key, entry.name))
        costs.table.entries.push_back(entry);
    llvm::append_range(costs.table.conversions, table->conversions);
  }
  std::vector<std::string> missing =
      resolve(grouped, *candidates, precisions, costs);
  if (!missing.empty())
    return emitError(loc) << "internal error: no latency was measured of "
                          << llvm::join(missing, ", "),
           failure();
  return costs;
}

LogicalResult mpc::addLatencies(ModuleOp annotated,
                                const CompileOptions &options, Report &report) {
  if (options.report.empty() || !options.latencyTable.empty())
    return success();
  auto isa =
      chooseHere(UnknownLoc::get(annotated.getContext()), options.marches);
  if (failed(isa) || isa->empty())
    return success(succeeded(isa));
  std::vector<Candidate> candidates(1);
  Candidate &model = candidates.front();
  model.precision = "model";
  model.module = annotated.clone();
  PassManager pm(annotated.getContext(), ModuleOp::getOperationName());
  buildQuantizationPipeline(pm);
  if (failed(pm.run(*model.module)))
    return failure();
  model.info = describeModel(annotated);
  model.info.groups = describeGroups(*model.module);
  for (GroupInfo &group : model.info.groups)
    group.key = group.name;
  auto table =
      measureHere(annotated, std::move(candidates), {"f32"}, *isa, options);
  if (failed(table))
    return failure();
  llvm::StringMap<double> times;
  double sum = table->overheadMs;
  for (const LatencyTable::Entry &entry : table->entries) {
    times[entry.key] = entry.ms;
    sum += entry.ms;
  }
  auto fill = [&](auto &rows) {
    for (auto &row : rows)
      if (auto found = times.find(row.name); found != times.end())
        row.latencyMs = found->second;
  };
  fill(report.groups);
  fill(report.conversions);
  if (!report.predictedLatencyMs)
    report.predictedLatencyMs = sum;
  return success();
}
