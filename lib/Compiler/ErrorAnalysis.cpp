//===- ErrorAnalysis.cpp - where a lowered model loses accuracy -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ErrorAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Ranges.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

double mpc::toDecibels(double signal, double noise) {
  if (noise == 0)
    return kMostDecibels;
  double ratio = 10 * std::log10(signal / noise);
  return std::isnan(ratio) ? -kMostDecibels
                           : std::clamp(ratio, -kMostDecibels, kMostDecibels);
}

template <typename Read>
static void addElements(ErrorSums &sums, int64_t count, Read read) {
  double signal = 0, noise = 0, product = 0, lowered = 0;
  for (int64_t i = 0; i < count; ++i) {
    auto [x, y] = read(i);
    signal += x * x;
    // Equal infinities differ by nothing.
    noise += x == y ? 0 : (x - y) * (x - y);
    product += x * y;
    lowered += y * y;
  }
  sums.signal += signal;
  sums.noise += noise;
  sums.product += product;
  sums.lowered += lowered;
  sums.elements += count;
}

void ErrorSums::add(const Tensor &reference, const Tensor &tensor) {
  int64_t count = reference.numElements();
  if (reference.type == ElementType::F32 && tensor.type == ElementType::F32) {
    auto *x = reinterpret_cast<const float *>(reference.data.data()),
         *y = reinterpret_cast<const float *>(tensor.data.data());
    return addElements(*this, count, [=](int64_t i) {
      return std::make_pair<double, double>(x[i], y[i]);
    });
  }
  addElements(*this, count, [&](int64_t i) {
    return std::make_pair(reference.valueAt(i), tensor.valueAt(i));
  });
}

double ErrorSums::sqnr() const { return toDecibels(signal, noise); }

double ErrorSums::cosine() const {
  if (noise == 0)
    return 1;
  double length = std::sqrt(signal) * std::sqrt(lowered);
  return length > 0 && std::isfinite(length) ? product / length : 0;
}

std::optional<double> GroupError::predictedSQNR() const {
  if (!predictedNoise || accumulated.elements == 0)
    return std::nullopt;
  return toDecibels(accumulated.signal / accumulated.elements, *predictedNoise);
}

double mpc::combine(ArrayRef<OutputError> outputs) {
  double ratio = 0;
  for (const OutputError &output : outputs) {
    if (output.error.noise == 0)
      continue;
    ratio += output.error.signal > 0 ? output.error.noise / output.error.signal
                                     : INFINITY;
  }
  return toDecibels(double(outputs.size()), ratio);
}

//===----------------------------------------------------------------------===//
// Measurement
//===----------------------------------------------------------------------===//

/// Equal bins over the calibrated range, and one on either side.
static constexpr int64_t kBins = 64;

static void count(const Tensor &tensor, double low, double high,
                  std::vector<uint64_t> &bins) {
  bins.resize(kBins + 2);
  if (tensor.type != ElementType::F32)
    return;
  auto *values = reinterpret_cast<const float *>(tensor.data.data());
  double factor = kBins / (high - low);
  for (int64_t i = 0, e = tensor.numElements(); i < e; ++i) {
    double place = (values[i] - low) * factor;
    // The upper end belongs to the last bin.
    bins[std::isnan(place) || place < 0 ? 0
         : values[i] > high             ? kBins + 1
                            : 1 + std::min<int64_t>(place, kBins - 1)]++;
  }
}

namespace {
/// The largest magnitude in each slice along the last dimension.
struct ChannelPeaks {
  std::vector<float> peaks;
  void add(const Tensor &tensor) {
    constexpr int64_t mostChannels = 65536;
    if (tensor.type != ElementType::F32 || tensor.shape.size() < 2 ||
        tensor.shape.back() < 2 || tensor.shape.back() > mostChannels)
      return;
    size_t channels = tensor.shape.back();
    peaks.resize(channels);
    auto *values = reinterpret_cast<const float *>(tensor.data.data());
    for (size_t i = 0, e = tensor.numElements(); i < e; i += channels)
      for (size_t c = 0; c < channels; ++c)
        peaks[c] = std::max(peaks[c], std::abs(values[i + c]));
  }
  void finish(GroupError &error) {
    if (peaks.empty())
      return;
    error.widestChannel =
        std::max_element(peaks.begin(), peaks.end()) - peaks.begin();
    float largest = peaks[error.widestChannel];
    std::nth_element(peaks.begin(), peaks.begin() + peaks.size() / 2,
                     peaks.end());
    float median = peaks[peaks.size() / 2];
    if (median > 0)
      error.channelSpread = largest / median;
    else
      error.widestChannel = -1;
  }
};
} // namespace

std::vector<std::pair<std::string, llvm::BitVector>>
mpc::listChanges(const SwitchedModel &model) {
  std::vector<std::pair<std::string, llvm::BitVector>> changes;
  unsigned count = model.getSwitches().size();
  for (unsigned i = 0; i < count; ++i) {
    llvm::BitVector bits(count);
    bits.set(i);
    changes.emplace_back("", bits);
  }
  for (const SwitchedModel::Tap &tap : model.getTaps()) {
    if (!tap.isQuantized || tap.readers.empty())
      continue;
    llvm::BitVector bits(count);
    bits.set(tap.switchIndex);
    for (unsigned reader : tap.readers)
      bits.set(reader);
    if (bits.count() < count && llvm::none_of(changes, [&](auto &change) {
          return change.second == bits;
        }))
      changes.emplace_back(tap.tensor, bits);
  }
  return changes;
}

LogicalResult mpc::findAdvice(SwitchedModel &model, SampleSet &samples,
                              StringRef only, ErrorAnalysis &analysis,
                              const CompileOptions &options) {
  auto changes = listChanges(model);
  if (!only.empty())
    llvm::erase_if(changes, [&](auto &change) {
      return llvm::none_of(change.second.set_bits(), [&](unsigned bit) {
        return model.getSwitches()[bit] == only;
      });
    });
  if (changes.empty())
    return success();
  // Bounded work: some 256 runs, each sample at least once.
  constexpr int64_t runs = 256, most = 8;
  int64_t count =
      std::min(analysis.samples,
               std::clamp<int64_t>(runs / int64_t(changes.size()), 1, most));
  unsigned switches = model.getSwitches().size();
  ArrayRef<TensorInfo> outputs = model.getOutputs();
  std::vector<OutputError> base(outputs.size());
  std::vector<std::vector<OutputError>> raised(changes.size(), base);
  std::vector<Tensor> sample;
  std::string message;
  Location loc = UnknownLoc::get(model.getContext());
  for (int64_t index = 0; index < count; ++index) {
    if (!samples.read(index, sample, message))
      return emitError(loc) << message;
    if (failed(model.run(sample, llvm::BitVector(switches))))
      return failure();
    std::vector<Tensor> reference =
        model.getResults().take_front(outputs.size()).vec();
    auto measure = [&](const llvm::BitVector &lowered,
                       std::vector<OutputError> &errors) -> LogicalResult {
      if (failed(model.run(sample, lowered)))
        return failure();
      for (auto [i, error] : llvm::enumerate(errors))
        error.error.add(reference[i], model.getResults()[i]);
      return success();
    };
    llvm::BitVector all(switches, true);
    if (failed(measure(all, base)))
      return failure();
    for (auto [i, change] : llvm::enumerate(changes)) {
      llvm::BitVector lowered = all;
      lowered.reset(change.second);
      if (failed(measure(lowered, raised[i])))
        return failure();
      options.progress("trying changes", index * changes.size() + i + 1,
                       count * changes.size());
    }
  }
  double now = combine(base);
  for (auto [change, errors] : llvm::zip(changes, raised)) {
    Advice advice;
    advice.precision = "f32";
    advice.tensor = change.first;
    advice.gain = combine(errors) - now;
    for (unsigned bit : change.second.set_bits())
      advice.groups.push_back(model.getSwitches()[bit]);
    // What is less than the measurement's own scatter is no advice.
    if (advice.gain >= 0.05)
      analysis.advice.push_back(std::move(advice));
  }
  // The largest gain first; what changes more than another line without gaining
  // more is left out.
  llvm::stable_sort(analysis.advice, [](const Advice &a, const Advice &b) {
    return std::make_tuple(-a.gain, a.groups.size()) <
           std::make_tuple(-b.gain, b.groups.size());
  });
  auto isSubset = [](const Advice &a, const Advice &b) {
    return llvm::all_of(a.groups, [&](const std::string &group) {
      return llvm::is_contained(b.groups, group);
    });
  };
  std::vector<Advice> kept;
  for (Advice &advice : analysis.advice)
    if (llvm::none_of(analysis.advice, [&](const Advice &other) {
          return other.groups.size() < advice.groups.size() &&
                 other.gain >= advice.gain - 0.05 && isSubset(other, advice);
        }))
      kept.push_back(advice);
  analysis.advice = std::move(kept);
  return success();
}

FailureOr<ErrorAnalysis> mpc::analyzeErrors(SwitchedModel &model,
                                            SampleSet &samples, int64_t count,
                                            const CompileOptions &options) {
  ErrorAnalysis analysis;
  Location loc = UnknownLoc::get(model.getContext());
  count = std::min(count, samples.size());
  unsigned switches = model.getSwitches().size();
  ArrayRef<SwitchedModel::Tap> taps = model.getTaps();
  ArrayRef<TensorInfo> outputs = model.getOutputs();
  for (const TensorInfo &output : outputs)
    analysis.outputs.push_back({output.name, {}});
  std::vector<GroupError> errors(taps.size());
  std::vector<ChannelPeaks> peaks(taps.size());
  std::vector<Tensor> sample;
  std::string message;
  for (int64_t index = 0; index < count; ++index) {
    if (!samples.read(index, sample, message))
      return emitError(loc) << message, failure();
    for (auto [info, tensor] : llvm::zip(model.getInputs(), sample))
      if (isFloat(tensor.type))
        analysis.inputs[info.name].add(tensor, tensor);
    if (failed(model.run(sample, llvm::BitVector(switches))))
      return failure();
    std::vector<Tensor> reference = model.getResults().vec();
    for (auto [tap, error, peak] : llvm::zip(taps, errors, peaks)) {
      peak.add(reference[tap.reference]);
      if (tap.switchIndex < 0)
        continue;
      if (!error.local)
        error.local.emplace();
      error.local->add(reference[tap.reference], reference[tap.lowered]);
      if (tap.range && tap.range->first < tap.range->second) {
        error.histogram.low = tap.range->first;
        error.histogram.high = tap.range->second;
        ::count(reference[tap.reference], tap.range->first, tap.range->second,
                error.histogram.reference);
        ::count(reference[tap.lowered], tap.range->first, tap.range->second,
                error.histogram.lowered);
      }
    }
    if (failed(model.run(sample, llvm::BitVector(switches, true))))
      return failure();
    ArrayRef<Tensor> lowered = model.getResults();
    for (auto [tap, error] : llvm::zip(taps, errors))
      error.accumulated.add(reference[tap.reference], lowered[tap.lowered]);
    for (auto [i, output] : llvm::enumerate(analysis.outputs))
      output.error.add(reference[i], lowered[i]);
    options.progress("measuring errors", index + 1, count);
  }
  for (auto [tap, error, peak] : llvm::zip(taps, errors, peaks)) {
    peak.finish(error);
    analysis.groups[tap.tensor] = std::move(error);
  }
  analysis.samples = count;
  analysis.outputSQNR = combine(analysis.outputs);
  return analysis;
}

//===----------------------------------------------------------------------===//
// Prediction
//===----------------------------------------------------------------------===//

namespace {
/// Mean square of the rounding error of a tensor whose mean square is `power`,
/// stored in `element`; nothing where that is not known.
std::optional<double> getRoundingNoise(Type element, double power) {
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(element))
    return uniform.getScale() * uniform.getScale() / 12;
  // Within a binade [2^e, 2^(e+1)) the step is 2^(e-m); values spread evenly
  // over it have the mean square 7/3 4^e.
  if (element.isF16())
    return power * std::ldexp(1.0, -20) / 28;
  if (element.isBF16())
    return power * std::ldexp(1.0, -14) / 28;
  if (element.isF32() || element.isF64())
    return 0.0;
  return std::nullopt;
}

class Predictor {
public:
  Predictor(func::FuncOp annotated, func::FuncOp lowered,
            const ErrorAnalysis &analysis)
      : function(annotated), analysis(analysis) {
    lowered.walk([&](GroupOp group) { counterparts[group.getName()] = group; });
  }
  std::optional<double> predict(GroupOp group);

private:
  /// Mean square of what a value holds in f32; nothing where it was not seen.
  std::optional<double> getPower(Value value);
  std::optional<double> predictContraction(GroupOp group, GroupOp counterpart);

  func::FuncOp function;
  const ErrorAnalysis &analysis;
  llvm::StringMap<GroupOp> counterparts;
};
} // namespace

std::optional<double> Predictor::getPower(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  const ErrorSums *sums = nullptr;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto found = analysis.inputs.find(
        getArgumentName(function, argument.getArgNumber()));
    sums = found == analysis.inputs.end() ? nullptr : &found->second;
  } else if (auto result = cast<OpResult>(value);
             isObserved(result.getOwner())) {
    auto found = analysis.groups.find(getResultName(result));
    sums =
        found == analysis.groups.end() ? nullptr : &found->second.accumulated;
  }
  return sums && sums->elements
             ? std::optional<double>(sums->signal / sums->elements)
             : std::nullopt;
}

/// Rounded factors: every product x w has the errors x dw + w dx.
std::optional<double> Predictor::predictContraction(GroupOp group,
                                                    GroupOp counterpart) {
  auto root = cast<QuantizableOpInterface>(group.getRoot());
  auto there = dyn_cast<QuantizableOpInterface>(counterpart.getRoot());
  OpOperand *weight = root.getWeightOperand();
  auto outer = [](GroupOp of, OpOperand *operand) {
    auto argument = dyn_cast<BlockArgument>(operand->get());
    return argument ? of.getInputs()[argument.getArgNumber()] : Value();
  };
  if (!there || !there.getWeightOperand() ||
      root.getActivationOperands().size() !=
          there.getActivationOperands().size())
    return std::nullopt;
  Value weightHere = outer(group, weight),
        weightThere = outer(counterpart, there.getWeightOperand());
  if (!weightHere || !weightThere)
    return std::nullopt;
  ElementsAttr value = getConstantValue(weightHere);
  auto weights = value ? getFloatValues(value) : std::nullopt;
  Value inputHere = outer(group, root.getActivationOperands().front()),
        inputThere = outer(counterpart, there.getActivationOperands().front());
  if (!weights || weights->empty() || !inputHere || !inputThere)
    return std::nullopt;
  auto power = getPower(inputHere);
  if (!power)
    return std::nullopt;
  int64_t channels = cast<RankedTensorType>(weightHere.getType())
                         .getDimSize(root.getWeightChannelAxis());
  double squares = 0;
  for (float w : *weights)
    squares += double(w) * w;
  double perChannel = squares / channels,
         length = double(weights->size()) / channels; // of one output
  auto inputNoise = getRoundingNoise(getElementTypeOrSelf(inputThere), *power);
  std::optional<double> weightNoise;
  Type element = getElementTypeOrSelf(weightThere);
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(element)) {
    double sum = 0;
    for (double scale : perAxis.getScales())
      sum += scale * scale / 12;
    weightNoise = sum / perAxis.getScales().size();
  } else {
    weightNoise = getRoundingNoise(element, squares / weights->size());
  }
  if (!inputNoise || !weightNoise)
    return std::nullopt;
  return perChannel * *inputNoise + length * *weightNoise * *power;
}

std::optional<double> Predictor::predict(GroupOp group) {
  GroupOp counterpart = counterparts.lookup(group.getName());
  if (!counterpart || group->getNumResults() != 1 ||
      counterpart->getNumResults() != 1)
    return std::nullopt;
  auto power = getPower(group->getResult(0));
  if (!power)
    return std::nullopt;
  auto noise =
      getRoundingNoise(getElementTypeOrSelf(counterpart->getResult(0)), *power);
  if (!noise)
    return std::nullopt;
  double sum = *noise;
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  bool isContraction = root && root.getQuantRole() == QuantRole::Contraction &&
                       root.getWeightOperand();
  if (isContraction) {
    auto products = predictContraction(group, counterpart);
    if (!products)
      return std::nullopt;
    sum += *products;
  }
  // Tensors that are added keep their rounding; what moves or selects has its
  // own already.
  if (!isContraction &&
      (!root || root.getQuantRole() != QuantRole::Elementwise))
    return sum;
  OpOperand *first =
      isContraction && !cast<QuantizableOpInterface>(counterpart.getRoot())
                            .getActivationOperands()
                            .empty()
          ? cast<QuantizableOpInterface>(counterpart.getRoot())
                .getActivationOperands()
                .front()
          : nullptr;
  for (auto [operand, argument] : llvm::zip(
           counterpart.getInputs(), counterpart.getBlock().getArguments())) {
    Type element = getElementTypeOrSelf(operand);
    if (!operand.getDefiningOp<ConstantOp>() &&
        isa<quant::UniformQuantizedType>(element) &&
        !(first && first->get() == argument))
      sum += getRoundingNoise(element, 0).value_or(0);
  }
  return sum;
}

void mpc::predictErrors(ModuleOp annotated, ModuleOp lowered,
                        ErrorAnalysis &analysis) {
  auto main = annotated.lookupSymbol<func::FuncOp>("main");
  Predictor predictor(main, lowered.lookupSymbol<func::FuncOp>("main"),
                      analysis);
  for (auto group : main.getOps<GroupOp>()) {
    if (group->getNumResults() != 1)
      continue;
    auto found = analysis.groups.find(getResultName(group->getResult(0)));
    if (found != analysis.groups.end() && found->second.local)
      found->second.predictedNoise = predictor.predict(group);
  }
}
