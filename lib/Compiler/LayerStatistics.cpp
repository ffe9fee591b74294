//===- LayerStatistics.cpp - what contractions read on samples ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerStatistics.h"
#include "ModelRunner.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Transforms/Exposure.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mpc;

/// Samples beyond these add little to means of many positions each, and a run
/// costs time.
static constexpr int64_t kMaxSamples = 256;
/// Positions of a sample that count for means; spread evenly over it.
static constexpr int64_t kMeanPositions = 1024;
/// Positions over all samples that count for second moments, for each product:
/// enough for a matrix of full rank.
static constexpr int64_t kMomentPositionsPerProduct = 4;
/// Second moments that are gathered in one pass over the samples.
static constexpr int64_t kMomentBytes = 256 << 20;

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Takes a tensor of one sample.
using TensorConsumer =
    llvm::function_ref<void(int64_t sample, int64_t numSamples, StringRef name,
                            ArrayRef<float> values)>;

static void toFloats(const Tensor &tensor, std::vector<float> &values) {
  values.resize(tensor.numElements());
  if (tensor.type == ElementType::F32) {
    std::memcpy(values.data(), tensor.data.data(),
                values.size() * sizeof(float));
    return;
  }
  for (auto [i, value] : llvm::enumerate(values))
    value = static_cast<float>(tensor.valueAt(i));
}

/// Arguments and results of groups, by the names of calibration tables, on
/// samples in f32.
static LogicalResult streamTensors(ModuleOp module, ArrayRef<std::string> names,
                                   const CompileOptions &options,
                                   TensorConsumer consume) {
  Location loc = UnknownLoc::get(module.getContext());
  auto samples = openSamples(module, options.calibrationData);
  if (failed(samples))
    return failure();
  OwningOpRef<ModuleOp> copy = module.clone();
  auto main = copy->lookupSymbol<func::FuncOp>("main");
  llvm::StringMap<unsigned> arguments;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    arguments[getArgumentName(main, i)] = i;
  llvm::StringSet<> wanted;
  for (const std::string &name : names)
    wanted.insert(name);
  for (auto group : llvm::to_vector(main.getOps<GroupOp>())) {
    // Of the repairs so far, this run takes the model but no scales.
    group->removeAttr(kWeightScalesAttrName);
    if (group->getNumResults() == 1 && wanted.contains(group.getName()) &&
        !arguments.contains(group.getName()))
      exposeValue(main, group->getResult(0), kExposesAttrName, group.getName());
  }
  PassManager assign(copy->getContext(), ModuleOp::getOperationName());
  AssignPrecisionOptions precision;
  precision.precision = "f32";
  assign.addPass(createAssignPrecision(precision));
  if (failed(assign.run(*copy)))
    return failure();
  auto runner = ModelRunner::create(*copy, options.library);
  if (failed(runner))
    return failure();

  int64_t stride = llvm::divideCeil((*samples)->size(), kMaxSamples),
          used = llvm::divideCeil((*samples)->size(), stride);
  std::vector<Tensor> sample;
  std::vector<float> values;
  std::string error;
  for (int64_t index = 0; index < used; ++index) {
    if (!(*samples)->read(index * stride, sample, error))
      return emitError(loc) << error;
    if (failed((*runner)->run(sample)))
      return failure();
    for (const std::string &name : names)
      if (auto it = arguments.find(name); it != arguments.end()) {
        toFloats(sample[it->second], values);
        consume(index, used, name, values);
      }
    for (auto [result, tensor] : llvm::enumerate((*runner)->getResults())) {
      auto name =
          main.getResultAttrOfType<StringAttr>(result, kExposesAttrName);
      if (!name)
        continue;
      toFloats(tensor, values);
      if (!llvm::all_of(values,
                        [](float value) { return std::isfinite(value); }))
        return emitError(loc)
               << options.calibrationData << ": sample " << index * stride
               << ": tensor '" << name.getValue()
               << "' holds NaN or an infinity with these samples";
      consume(index, used, name.getValue(), values);
    }
    options.progress("gathering statistics", index + 1, used);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Patches
//===----------------------------------------------------------------------===//

namespace {
/// What a contraction multiplies at one position of its output.
class PatchReader {
public:
  explicit PatchReader(const ContractionWeights &contraction);
  /// For an input of so many elements: of its symbolic sizes one is 1 or
  /// follows.
  void setInput(ArrayRef<float> values);
  int64_t getNumPositions() const { return positions; }
  int64_t getNumProducts() const { return products; }
  /// Products in their order; zeros where the input is padded.
  void read(int64_t position, int64_t group,
            MutableArrayRef<float> patch) const;

private:
  int64_t channels, groups, products, positions = 0;
  bool isConv = false;
  SmallVector<int64_t> shape, kernel, strides, dilations, pads; // spatial
  SmallVector<int64_t> inputSizes, outputSizes;
  ArrayRef<float> values;
};
} // namespace

PatchReader::PatchReader(const ContractionWeights &contraction)
    : channels(contraction.getNumInputs()), groups(contraction.getNumGroups()),
      products(contraction.getNumProducts()) {
  shape = llvm::to_vector(
      cast<RankedTensorType>(contraction.getInput().getType()).getShape());
  auto conv = dyn_cast<ConvOp>(contraction.getRoot().getOperation());
  if (!conv)
    return;
  isConv = true;
  auto weight = conv.getWeight().getType().getShape();
  kernel = llvm::to_vector(weight.drop_front().drop_back());
  strides = llvm::to_vector(conv.getStrides());
  dilations = llvm::to_vector(conv.getDilations());
  pads = llvm::to_vector(conv.getPads());
}

void PatchReader::setInput(ArrayRef<float> input) {
  values = input;
  if (!isConv) {
    positions = values.size() / channels;
    return;
  }
  int64_t known = 1;
  for (int64_t size : shape)
    known *= ShapedType::isDynamic(size) ? 1 : size;
  int64_t unknown =
      known ? values.size() / known : 0; // all of the symbolic sizes together
  inputSizes.clear();
  outputSizes.clear();
  for (size_t d = 0; d < shape.size() - 1; ++d) {
    int64_t size = shape[d];
    if (ShapedType::isDynamic(size)) {
      size = unknown;
      unknown = 1;
    }
    inputSizes.push_back(size);
  }
  outputSizes.push_back(inputSizes[0]);
  positions = inputSizes[0];
  for (size_t d = 0; d < kernel.size(); ++d) {
    int64_t padded = inputSizes[d + 1] + pads[d] + pads[d + kernel.size()];
    outputSizes.push_back(std::max<int64_t>(
        0, (padded - dilations[d] * (kernel[d] - 1) - 1) / strides[d] + 1));
    positions *= outputSizes.back();
  }
}

void PatchReader::read(int64_t position, int64_t group,
                       MutableArrayRef<float> patch) const {
  if (!isConv) {
    std::copy_n(values.begin() + position * channels, channels, patch.begin());
    return;
  }
  SmallVector<int64_t> at(outputSizes.size());
  for (int64_t d = outputSizes.size() - 1; d >= 0; --d) {
    at[d] = position % outputSizes[d];
    position /= outputSizes[d];
  }
  int64_t perGroup = channels / groups, taps = products / perGroup;
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t rest = tap, offset = 0, stride = 1;
    bool inside = true;
    for (int64_t d = kernel.size() - 1; d >= 0; --d) {
      int64_t x =
          at[d + 1] * strides[d] - pads[d] + rest % kernel[d] * dilations[d];
      rest /= kernel[d];
      inside &= x >= 0 && x < inputSizes[d + 1];
      offset += x * stride;
      stride *= inputSizes[d + 1];
    }
    float *out = patch.data() + tap * perGroup;
    if (!inside) {
      std::fill_n(out, perGroup, 0.0f);
      continue;
    }
    std::copy_n(values.begin() + (at[0] * stride + offset) * channels +
                    group * perGroup,
                perGroup, out);
  }
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

namespace {
/// One request while samples go by.
class Gatherer {
public:
  explicit Gatherer(const StatisticsRequest &request)
      : request(request), reader(request.contraction) {
    int64_t channels = request.contraction.getNumInputs(),
            all = reader.getNumProducts() * request.contraction.getNumGroups();
    result.channelMin.assign(channels, INFINITY);
    result.channelMax.assign(channels, -INFINITY);
    result.channelSquare.assign(channels, 0.0);
    if (request.wantsMeans)
      for (auto *sums : {&result.mean, &result.quantizedMean, &result.square})
        sums->assign(all, 0.0);
    if (request.wantsMoments)
      for (int64_t g = 0; g < request.contraction.getNumGroups(); ++g)
        result.moments.emplace_back(reader.getNumProducts());
  }

  void add(int64_t sample, int64_t numSamples, ArrayRef<float> values) {
    int64_t channels = result.channelMin.size();
    for (size_t i = 0; i < values.size(); ++i) {
      int64_t c = i % channels;
      result.channelMin[c] = std::min<double>(result.channelMin[c], values[i]);
      result.channelMax[c] = std::max<double>(result.channelMax[c], values[i]);
      result.channelSquare[c] += double(values[i]) * values[i];
    }
    numValues += values.size() / channels;
    reader.setInput(values);
    if (request.wantsMeans)
      visit(
          sample, kMeanPositions,
          [&](int64_t group, ArrayRef<float> patch) { addMeans(group, patch); },
          numMeans);
    if (request.wantsMoments)
      visit(
          sample,
          llvm::divideCeil(std::max<int64_t>(1024, kMomentPositionsPerProduct *
                                                       reader.getNumProducts()),
                           numSamples),
          [&](int64_t group, ArrayRef<float> patch) {
            result.moments[group].add(patch);
          },
          numMoments);
  }

  LayerStatistics finish() {
    for (double &square : result.channelSquare)
      square /= std::max<int64_t>(1, numValues);
    for (auto *sums : {&result.mean, &result.quantizedMean, &result.square})
      for (double &sum : *sums)
        sum /= std::max<int64_t>(1, numMeans);
    for (SecondMoments &moments : result.moments)
      moments.finish();
    return std::move(result);
  }

private:
  void visit(int64_t sample, int64_t limit,
             llvm::function_ref<void(int64_t, ArrayRef<float>)> consume,
             int64_t &count) {
    std::vector<float> patch(reader.getNumProducts());
    int64_t stride =
        std::max<int64_t>(1, llvm::divideCeil(reader.getNumPositions(),
                                              std::max<int64_t>(1, limit)));
    for (int64_t position = sample % stride;
         position < reader.getNumPositions(); position += stride) {
      ++count;
      for (int64_t g = 0; g < request.contraction.getNumGroups(); ++g) {
        reader.read(position, g, patch);
        consume(g, patch);
      }
    }
  }

  void addMeans(int64_t group, ArrayRef<float> patch) {
    size_t first = group * patch.size();
    for (size_t k = 0; k < patch.size(); ++k) {
      result.mean[first + k] += patch[k];
      result.quantizedMean[first + k] +=
          dequantize(quantize(patch[k], request.input), request.input);
      result.square[first + k] += double(patch[k]) * patch[k];
    }
  }

  const StatisticsRequest &request;
  PatchReader reader;
  LayerStatistics result;
  int64_t numValues = 0, numMeans = 0, numMoments = 0;
};
} // namespace

static std::string getSourceName(const StatisticsRequest &request) {
  Value source = throughReshapes(request.contraction.getInput());
  if (auto argument = dyn_cast<BlockArgument>(source))
    return getArgumentName(
        cast<func::FuncOp>(argument.getOwner()->getParentOp()),
        argument.getArgNumber());
  return getResultName(cast<OpResult>(source));
}

LogicalResult mpc::gatherStatistics(
    ModuleOp module, ArrayRef<StatisticsRequest> requests,
    const CompileOptions &options,
    llvm::function_ref<void(const StatisticsRequest &, const LayerStatistics &)>
        consume) {
  while (!requests.empty()) {
    std::vector<Gatherer> gatherers;
    std::vector<std::string> names;
    int64_t bytes = 0;
    for (const StatisticsRequest &request : requests) {
      int64_t products = request.contraction.getNumProducts();
      bytes += request.wantsMoments
                   ? products * products * request.contraction.getNumGroups() *
                         int64_t(sizeof(float))
                   : 0;
      if (!gatherers.empty() && bytes > kMomentBytes)
        break;
      gatherers.emplace_back(request);
      names.push_back(getSourceName(request));
    }
    std::vector<std::string> sources = names;
    llvm::sort(sources);
    sources.erase(llvm::unique(sources), sources.end());
    if (failed(streamTensors(module, sources, options,
                             [&](int64_t sample, int64_t numSamples,
                                 StringRef name, ArrayRef<float> values) {
                               for (auto [gatherer, wanted] :
                                    llvm::zip(gatherers, names))
                                 if (wanted == name)
                                   gatherer.add(sample, numSamples, values);
                             })))
      return failure();
    for (auto [gatherer, request] : llvm::zip(gatherers, requests))
      consume(request, gatherer.finish());
    requests = requests.drop_front(gatherers.size());
  }
  return success();
}

LogicalResult
mpc::gatherHistograms(ModuleOp module,
                      std::map<std::string, ValueHistogram> &histograms,
                      const CompileOptions &options) {
  std::vector<std::string> names;
  for (const auto &[name, histogram] : histograms)
    names.push_back(name);
  return streamTensors(
      module, names, options,
      [&](int64_t, int64_t, StringRef name, ArrayRef<float> values) {
        histograms.find(name.str())->second.add(values);
      });
}
