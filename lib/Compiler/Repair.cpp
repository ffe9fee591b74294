//===- Repair.cpp - decide repairs of int8 accuracy on samples ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Repair.h"
#include "LayerStatistics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Transforms/ApplyRepairs.h"
#include "mpc/Transforms/ChannelFactors.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace mpc;

/// Noise has to fall by 1 dB: the largest values of other samples move a
/// prediction by as much.
static constexpr double kWorthFactors = 0.8;
/// A multiplication that no constant takes has to halve the noise, 3 dB.
static constexpr double kWorthAnOperation = 0.5;
/// Second moments of more products than these take too much memory; 8192^2
/// floats are 256 MiB.
static constexpr int64_t kMaxRoundedProducts = 8192;

static bool isModelRepair(Repair repair) {
  return repair == Repair::Equalization || repair == Repair::SmoothQuant;
}

static remark::RemarkOpts remarkOptions(Repair repair, StringRef function) {
  return remark::RemarkOpts::name(getRepairName(repair))
      .category("repair")
      .function(function);
}

static func::FuncOp getMain(ModuleOp module) {
  return module.lookupSymbol<func::FuncOp>("main");
}

LogicalResult mpc::checkRepairs(const CompileOptions &options, Location loc) {
  if (options.repairs.empty() || options.from > Phase::Grouped ||
      options.to < Phase::Annotated)
    return success();
  bool mayBeInt8 = options.precision == PrecisionChoice::INT8 ||
                   options.precision == PrecisionChoice::Auto;
  if (!mayBeInt8 && options.precisionConfig.empty())
    return emitError(loc) << "--repair repairs int8 groups, but there are none "
                             "with --precision="
                          << stringifyPrecisionChoice(options.precision)
                          << "; give --precision=int8 or a --precision-config";
  for (const RepairRequest &request : options.repairs)
    if (request.repair != Repair::Equalization &&
        options.calibrationData.empty())
      return emitError(loc)
             << "--repair=" << getRepairName(request.repair)
             << " needs samples: give them with --calibration-data=PATH";
  return success();
}

//===----------------------------------------------------------------------===//
// Before calibration
//===----------------------------------------------------------------------===//

static FailureOr<RepairStep> decideEqualization(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager pm(copy->getContext(), ModuleOp::getOperationName());
  pm.addPass(createEqualizeChannels());
  if (failed(pm.run(*copy)))
    return failure();
  RepairStep step;
  step.repair = Repair::Equalization;
  for (auto group : getMain(*copy).getOps<GroupOp>())
    if (auto factors =
            group->getAttrOfType<DenseF32ArrayAttr>(kChannelFactorsAttrName))
      step.factors[group.getName().str()] = factors.asArrayRef().vec();
  return step;
}

namespace {
/// A value whose channels can be smoothed.
struct SmoothingCandidate {
  GroupOp source;
  std::vector<ContractionWeights> readers;
  bool folds = false;
};

/// Of a value, per channel.
struct ChannelStatistics {
  std::vector<double> low, high, square;

  /// Input channel i of what was seen is channel i % `channels`.
  ChannelStatistics(const LayerStatistics &inputs, int64_t channels)
      : low(channels, 0.0), high(channels, 0.0), square(channels, 0.0) {
    int64_t times = inputs.channelMin.size() / channels;
    for (size_t i = 0; i < inputs.channelMin.size(); ++i) {
      int64_t c = i % channels;
      low[c] = std::min(low[c], inputs.channelMin[i]);
      high[c] = std::max(high[c], inputs.channelMax[i]);
      square[c] += inputs.channelSquare[i] / times;
    }
  }
};
} // namespace

/// The variance that int8 adds to the outputs of a contraction, times 12, if
/// its input is divided by `factors` per channel and its weights are
/// multiplied: by rounding activations with one step for all channels, and
/// weights with one step per output channel, of variance step^2 / 12 each.
static double getNoise(const ContractionWeights &contraction,
                       const ChannelStatistics &inputs,
                       ArrayRef<double> factors) {
  int64_t channels = factors.size();
  double low = 0, high = 0;
  for (int64_t c = 0; c < channels; ++c) {
    low = std::min(low, inputs.low[c] / factors[c]);
    high = std::max(high, inputs.high[c] / factors[c]);
  }
  double step = (high - low) / 255, noise = 0;
  for (int64_t o = 0; o < contraction.getNumOutputs(); ++o) {
    double largest = 0, weights = 0, energy = 0;
    for (int64_t k = 0; k < contraction.getNumProducts(); ++k) {
      int64_t c = contraction.getInputChannel(o, k) % channels;
      double weight =
          contraction.weights[contraction.getIndex(o, k)] * factors[c];
      largest = std::max(largest, std::abs(weight));
      weights += weight * weight;
      energy += inputs.square[c] / (factors[c] * factors[c]);
    }
    double weightStep = largest / 127;
    noise += step * step * weights + weightStep * weightStep * energy;
  }
  return noise;
}

static FailureOr<RepairStep> decideSmoothing(ModuleOp module, double alpha,
                                             const CompileOptions &options) {
  std::vector<SmoothingCandidate> candidates;
  std::vector<StatisticsRequest> requests;
  for (auto group : getMain(module).getOps<GroupOp>()) {
    ChannelReaders readers = getChannelReaders(group);
    ChannelSource source = getChannelSource(group);
    // Channels behind an activation that no factor passes are sparse: evened
    // out by the largest values of some samples, those of others leave the
    // range in every channel. (Measured on a vision transformer with GELU: the
    // second layers of its perceptrons lost 6 to 8 dB.)
    if (readers.problem.empty() && !source.folds &&
        ContractionWeights::get(group))
      readers.problem =
          "a contraction makes it, and cannot take its factors: " +
          source.problem;
    if (!readers.problem.empty()) {
      std::string text =
          "'" + group.getName().str() + "' is not smoothed: " + readers.problem;
      remark::missed(group.getLoc(),
                     remarkOptions(Repair::SmoothQuant, group.getName()))
          << StringRef(text);
      continue;
    }
    requests.push_back({readers.contractions.front(), QuantParams()});
    candidates.push_back(
        {group, std::move(readers.contractions), source.folds});
  }
  RepairStep step;
  step.repair = Repair::SmoothQuant;
  if (candidates.empty())
    return step;
  auto next = candidates.begin();
  LogicalResult gathered = gatherStatistics(
      module, requests, options,
      [&](const StatisticsRequest &, const LayerStatistics &seen) {
        const SmoothingCandidate &candidate = *next++;
        GroupOp source = candidate.source;
        int64_t channels =
            cast<RankedTensorType>(source->getResult(0).getType())
                .getShape()
                .back();
        ChannelStatistics inputs(seen, channels);
        std::vector<double> activations(channels), weights(channels, 0.0);
        for (int64_t c = 0; c < channels; ++c)
          activations[c] = std::max(-inputs.low[c], inputs.high[c]);
        for (const ContractionWeights &reader : candidate.readers)
          for (int64_t o = 0; o < reader.getNumOutputs(); ++o)
            for (int64_t k = 0; k < reader.getNumProducts(); ++k) {
              double &largest =
                  weights[reader.getInputChannel(o, k) % channels];
              largest = std::max<double>(
                  largest, std::abs(reader.weights[reader.getIndex(o, k)]));
            }
        std::vector<double> factors = chooseSmoothingFactors(activations,
                                                             weights, alpha),
                            ones(channels, 1.0);
        double ratio = 0;
        for (const ContractionWeights &reader : candidate.readers) {
          double before = getNoise(reader, inputs, ones),
                 after = getNoise(reader, inputs, factors);
          ratio += (before > 0 ? after / before : 1) / candidate.readers.size();
        }
        StringRef name = source.getName();
        std::string predicted = "predicted noise " +
                                llvm::formatv("{0:F2}", ratio).str() +
                                " of what it was";
        if (ratio >= (candidate.folds ? kWorthFactors : kWorthAnOperation)) {
          std::string text =
              "'" + name.str() + "' is not smoothed: " + predicted +
              (candidate.folds
                   ? ""
                   : ", and its channels would need one more operation");
          remark::missed(source.getLoc(),
                         remarkOptions(Repair::SmoothQuant, name))
              << StringRef(text);
          return;
        }
        std::string text = "'" + name.str() + "' is smoothed: " + predicted;
        remark::passed(source.getLoc(),
                       remarkOptions(Repair::SmoothQuant, name))
            << StringRef(text);
        step.factors[name.str()] =
            std::vector<float>(factors.begin(), factors.end());
      });
  return failed(gathered) ? FailureOr<RepairStep>(failure())
                          : FailureOr<RepairStep>(std::move(step));
}

/// The hash of a model that repairs have changed.
static void updateHash(ModuleOp module, const RepairDecisions &decisions) {
  auto hash = module->getAttrOfType<StringAttr>(kModelHashAttrName);
  if (!hash || decisions.empty())
    return;
  llvm::SHA256 sha;
  sha.update(hash.getValue());
  sha.update(decisions.str());
  module->setAttr(
      kModelHashAttrName,
      StringAttr::get(module.getContext(),
                      llvm::toHex(sha.final(), /*LowerCase=*/true)));
}

LogicalResult mpc::repairModel(ModuleOp grouped, const CompileOptions &options,
                               RepairDecisions &decisions) {
  RepairDecisions made;
  for (const RepairRequest &request : options.repairs) {
    if (!isModelRepair(request.repair))
      continue;
    auto step = request.repair == Repair::Equalization
                    ? decideEqualization(grouped)
                    : decideSmoothing(grouped, request.alpha, options);
    if (failed(step) || failed(applyRepair(grouped, *step, "--repair")))
      return failure();
    made.steps.push_back(std::move(*step));
  }
  updateHash(grouped, made);
  llvm::append_range(decisions.steps, std::move(made.steps));
  return success();
}

LogicalResult mpc::replayModelRepairs(ModuleOp grouped,
                                      const RepairDecisions &decisions,
                                      StringRef source) {
  RepairDecisions done;
  for (const RepairStep &step : decisions.steps) {
    if (!isModelRepair(step.repair))
      continue;
    if (failed(applyRepair(grouped, step, source)))
      return failure();
    done.steps.push_back(step);
  }
  updateHash(grouped, done);
  return success();
}

LogicalResult mpc::replayQuantizationRepairs(ModuleOp annotated,
                                             const RepairDecisions &decisions,
                                             StringRef source) {
  for (const RepairStep &step : decisions.steps)
    if (!isModelRepair(step.repair) &&
        failed(applyRepair(annotated, step, source)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Behind the choice of precisions
//===----------------------------------------------------------------------===//

namespace {
/// The repairs that adjust how int8 groups quantize.
class QuantizationRepairer {
public:
  QuantizationRepairer(ModuleOp module, const CompileOptions &options);
  FailureOr<RepairStep> decideClipping();
  FailureOr<RepairStep> decideRounding();
  FailureOr<RepairStep> decideBiasCorrection();

private:
  /// The int8 contractions as they are now.
  std::vector<ContractionWeights> getContractions();
  static float getWeightScale(const ContractionWeights &contraction,
                              int64_t output);
  static QuantParams getInputParams(const ContractionWeights &contraction);

  ModuleOp module;
  const CompileOptions &options;
  /// The weights before any of these repairs.
  std::map<std::string, std::vector<float>> original;
};
} // namespace

static bool isInt8(Operation *op) {
  auto group = dyn_cast<GroupOp>(op);
  return group && group.getPrecision() == Precision::INT8 &&
         !group.isQuantized();
}

static bool isReadAsInt8(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (auto reshape = dyn_cast<ReshapeOp>(user))
      return isReadAsInt8(reshape.getResult());
    return isInt8(user);
  });
}

QuantizationRepairer::QuantizationRepairer(ModuleOp module,
                                           const CompileOptions &options)
    : module(module), options(options) {
  for (ContractionWeights &contraction : getContractions())
    original[contraction.getGroup().getName().str()] =
        std::move(contraction.weights);
}

std::vector<ContractionWeights> QuantizationRepairer::getContractions() {
  std::vector<ContractionWeights> result;
  for (auto group : getMain(module).getOps<GroupOp>())
    if (isInt8(group))
      if (auto contraction = ContractionWeights::get(group))
        result.push_back(std::move(*contraction));
  return result;
}

/// What mpc-insert-quantization will use, but where a bias asks for more.
float QuantizationRepairer::getWeightScale(
    const ContractionWeights &contraction, int64_t output) {
  if (auto chosen = contraction.getGroup()->getAttrOfType<DenseF32ArrayAttr>(
          kWeightScalesAttrName))
    return chosen[output];
  float largest = 0;
  for (float weight : contraction.getWeightsOf(output))
    largest = std::max(largest, std::abs(weight));
  return chooseSymmetricParams(largest, -127, 127).scale;
}

QuantParams
QuantizationRepairer::getInputParams(const ContractionWeights &contraction) {
  RangeAttr range = getRange(throughReshapes(contraction.getInput()));
  return range ? chooseAsymmetricParams(range.getMin(), range.getMax(), 0, 255)
               : QuantParams();
}

FailureOr<RepairStep> QuantizationRepairer::decideClipping() {
  RepairStep step;
  step.repair = Repair::Clipping;
  func::FuncOp main = getMain(module);
  std::map<std::string, ValueHistogram> histograms;
  auto consider = [&](Value value, const std::string &name) {
    if (RangeAttr range = getRange(value); range && isReadAsInt8(value))
      histograms[name] = ValueHistogram(range.getMin(), range.getMax());
  };
  for (BlockArgument argument : main.getArguments())
    consider(argument, getArgumentName(main, argument.getArgNumber()));
  for (auto group : main.getOps<GroupOp>())
    if (group->getNumResults() == 1)
      consider(group->getResult(0), group.getName().str());
  if (failed(gatherHistograms(module, histograms, options)))
    return failure();
  for (const auto &[name, histogram] : histograms)
    step.ranges[name] = histogram.chooseRange();

  std::vector<StatisticsRequest> requests;
  for (ContractionWeights &contraction : getContractions())
    requests.push_back(
        {std::move(contraction), QuantParams(), /*wantsMeans=*/true});
  LogicalResult gathered = gatherStatistics(
      module, requests, options,
      [&](const StatisticsRequest &request, const LayerStatistics &inputs) {
        const ContractionWeights &contraction = request.contraction;
        std::vector<float> &scales =
            step.weightScales[GroupOp(contraction.getGroup()).getName().str()];
        int64_t products = contraction.getNumProducts(),
                perGroup =
                    contraction.getNumOutputs() / contraction.getNumGroups();
        for (int64_t o = 0; o < contraction.getNumOutputs(); ++o)
          scales.push_back(
              chooseWeightScale(contraction.getWeightsOf(o),
                                ArrayRef<double>(inputs.square)
                                    .slice(o / perGroup * products, products),
                                getWeightScale(contraction, o)));
      });
  return failed(gathered) ? FailureOr<RepairStep>(failure())
                          : FailureOr<RepairStep>(std::move(step));
}

FailureOr<RepairStep> QuantizationRepairer::decideRounding() {
  RepairStep step;
  step.repair = Repair::AdaptiveRounding;
  std::vector<StatisticsRequest> requests;
  for (ContractionWeights &contraction : getContractions()) {
    GroupOp group = contraction.getGroup();
    std::string problem;
    if (contraction.getNumProducts() > kMaxRoundedProducts)
      problem = "it sums more than " + std::to_string(kMaxRoundedProducts) +
                " products";
    else if (!getElementTypeOrSelf(
                  contraction.getRoot().getWeightOperand()->get())
                  .isF32())
      problem = "its weights are no f32";
    if (!problem.empty()) {
      std::string text =
          "'" + group.getName().str() + "' is rounded to nearest: " + problem;
      remark::missed(group.getLoc(),
                     remarkOptions(Repair::AdaptiveRounding, group.getName()))
          << StringRef(text);
      continue;
    }
    requests.push_back({std::move(contraction), QuantParams(),
                        /*wantsMeans=*/false, /*wantsMoments=*/true});
  }
  LogicalResult gathered = gatherStatistics(
      module, requests, options,
      [&](const StatisticsRequest &request, const LayerStatistics &inputs) {
        const ContractionWeights &contraction = request.contraction;
        std::string name = GroupOp(contraction.getGroup()).getName().str();
        int64_t perGroup =
            contraction.getNumOutputs() / contraction.getNumGroups();
        std::vector<float> &scales = step.weightScales[name];
        std::vector<int8_t> &codes = step.codes[name];
        codes.resize(contraction.weights.size());
        std::vector<int8_t> row(contraction.getNumProducts());
        for (int64_t o = 0; o < contraction.getNumOutputs(); ++o) {
          scales.push_back(getWeightScale(contraction, o));
          roundWeights(contraction.getWeightsOf(o), scales.back(),
                       inputs.moments[o / perGroup], row);
          for (int64_t k = 0; k < contraction.getNumProducts(); ++k)
            codes[contraction.getIndex(o, k)] = row[k];
        }
      });
  return failed(gathered) ? FailureOr<RepairStep>(failure())
                          : FailureOr<RepairStep>(std::move(step));
}

/// What the rounding of weights, and of what they multiply, adds to the mean of
/// each output channel is taken from its bias (Nagel et al. 2019, section 4.2,
/// with means over samples): E[W x] - E[Wq xq], less what
/// mpc-insert-quantization takes by the means of input channels.
FailureOr<RepairStep> QuantizationRepairer::decideBiasCorrection() {
  RepairStep step;
  step.repair = Repair::BiasCorrection;
  std::vector<StatisticsRequest> requests;
  for (ContractionWeights &contraction : getContractions()) {
    QuantParams params = getInputParams(contraction);
    requests.push_back({std::move(contraction), params, /*wantsMeans=*/true});
  }
  LogicalResult gathered = gatherStatistics(
      module, requests, options,
      [&](const StatisticsRequest &request, const LayerStatistics &inputs) {
        const ContractionWeights &contraction = request.contraction;
        std::string name = GroupOp(contraction.getGroup()).getName().str();
        const std::vector<float> &weights = original[name];
        int64_t products = contraction.getNumProducts(),
                perGroup =
                    contraction.getNumOutputs() / contraction.getNumGroups();
        std::vector<float> &bias = step.bias[name];
        for (int64_t o = 0; o < contraction.getNumOutputs(); ++o) {
          float scale = getWeightScale(contraction, o);
          std::vector<int8_t> rounded = contraction.quantizeWeightsOf(o, scale);
          double shift = 0;
          for (int64_t k = 0; k < products; ++k) {
            int64_t mean = o / perGroup * products + k;
            shift += weights[contraction.getIndex(o, k)] * inputs.mean[mean] -
                     double(rounded[k]) * scale * inputs.quantizedMean[mean];
          }
          shift -= contraction.getMeanError(o, scale, rounded);
          bias.push_back(static_cast<float>(shift));
        }
      });
  return failed(gathered) ? FailureOr<RepairStep>(failure())
                          : FailureOr<RepairStep>(std::move(step));
}

LogicalResult mpc::repairQuantization(ModuleOp annotated,
                                      const CompileOptions &options,
                                      RepairDecisions &decisions) {
  QuantizationRepairer repairer(annotated, options);
  for (const RepairRequest &request : options.repairs) {
    if (isModelRepair(request.repair))
      continue;
    auto step = request.repair == Repair::Clipping ? repairer.decideClipping()
                : request.repair == Repair::AdaptiveRounding
                    ? repairer.decideRounding()
                    : repairer.decideBiasCorrection();
    if (failed(step) || failed(applyRepair(annotated, *step, "--repair")))
      return failure();
    decisions.steps.push_back(std::move(*step));
  }
  return success();
}
