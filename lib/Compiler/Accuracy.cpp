//===- Accuracy.cpp - budgets, and whether an assignment meets them -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Accuracy.h"
#include "mpc/Support/TensorFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

static std::string formatted(double value, const char *format) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

llvm::Expected<AccuracyBudget> AccuracyBudget::parse(StringRef text) {
  auto fail = [&](const Twine &what) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "--accuracy-budget: expected top1:POINTS, "
                                   "sqnr:DB or cosine:VALUE, but got '" +
                                       text + "'" + what);
  };
  auto [kind, amount] = text.split(':');
  auto found = llvm::StringSwitch<std::optional<Kind>>(kind)
                   .Case("top1", Top1)
                   .Case("sqnr", SQNR)
                   .Case("cosine", Cosine)
                   .Default(std::nullopt);
  AccuracyBudget budget;
  if (!found || amount.getAsDouble(budget.amount) ||
      !std::isfinite(budget.amount))
    return fail("");
  budget.kind = *found;
  if (budget.kind == Top1 && (budget.amount < 0 || budget.amount > 100))
    return fail(": points lie between 0 and 100");
  if (budget.kind == Cosine && (budget.amount <= 0 || budget.amount >= 1))
    return fail(": a cosine to reach lies between 0 and 1");
  return budget;
}

std::string AccuracyBudget::str() const {
  const char *names[] = {"top1:", "sqnr:", "cosine:"};
  return names[kind] + formatted(amount, "%.15g");
}

double AccuracyBudget::getFirstNoise() const {
  switch (kind) {
  case Top1:
    return 18;
  case SQNR:
    return amount;
  case Cosine: // 1 - cos is half the share of noise
    return -10 * std::log10(2 * (1 - amount));
  }
  llvm_unreachable("all kinds are handled");
}

llvm::Expected<double> mpc::parseMilliseconds(StringRef text) {
  StringRef digits = text;
  double factor =
      digits.consume_back("ms")                                       ? 1
      : digits.consume_back("us") || digits.consume_back("\xC2\xB5s") ? 1e-3
      : digits.consume_back("s")                                      ? 1e3
                                                                      : 0;
  double value = 0;
  if (factor == 0 || digits.getAsDouble(value) || !(value > 0) ||
      !std::isfinite(value))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "--latency-budget: expected a time with its "
                                   "unit (3ms, 250us, 0.1s), but got '" +
                                       text + "'");
  return value * factor;
}

std::vector<int64_t> mpc::chooseSamples(int64_t count, int64_t most) {
  int64_t number = std::min(count, most);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < number; ++i)
    chosen.push_back(i * count / number);
  return chosen;
}

std::vector<float> mpc::getFloats(const Tensor &tensor) {
  std::vector<float> values;
  if (!isFloat(tensor.type))
    return values;
  values.reserve(tensor.numElements());
  for (int64_t i = 0, e = tensor.numElements(); i < e; ++i)
    values.push_back(tensor.valueAt(i));
  return values;
}

FailureOr<std::vector<int64_t>> mpc::readLabels(Location loc,
                                                const std::string &path,
                                                StringRef samples,
                                                int64_t count) {
  TensorReaders readers;
  std::string error;
  if (!openTensorFile(path, readers, error))
    return emitError(loc) << "--labels: " << error, failure();
  Tensor tensor;
  if (readers.size() != 1)
    return emitError(loc) << "--labels: " << path
                          << ": expected one array, but got " << readers.size(),
           failure();
  if (!readers.front().readAll(tensor, error))
    return emitError(loc) << "--labels: " << error, failure();
  if (isFloat(tensor.type))
    return emitError(loc) << "--labels: " << path
                          << ": expected integers, but got "
                          << elementTypeName(tensor.type),
           failure();
  std::vector<int64_t> labels;
  for (int64_t i = 0, e = tensor.numElements(); i < e; ++i)
    labels.push_back(static_cast<int64_t>(tensor.valueAt(i)));
  if (static_cast<int64_t>(labels.size()) != count)
    return emitError(loc) << "--labels: " << path << " has " << labels.size()
                          << " labels, but " << samples << " has " << count
                          << " samples",
           failure();
  return labels;
}

int64_t mpc::findLargest(const Tensor &tensor) {
  int64_t best = 0;
  for (int64_t i = 1, e = tensor.numElements(); i < e; ++i)
    if (tensor.valueAt(i) > tensor.valueAt(best))
      best = i;
  return best;
}

FailureOr<Judge> Judge::create(const AccuracyBudget &budget,
                               ModelRunner &reference, SampleSet &samples,
                               std::vector<int64_t> labels, int64_t most) {
  Judge judge;
  judge.budget = budget;
  judge.samples = &samples;
  // What is kept stays below 128 MiB.
  int64_t bytes = 1;
  for (const Tensor &result : reference.getResults())
    bytes += result.data.size();
  judge.chosen = chooseSamples(
      samples.size(),
      std::max<int64_t>(1, std::min(most, (int64_t(1) << 27) / bytes)));
  judge.labels = std::move(labels);
  std::vector<Tensor> sample;
  std::string error;
  for (int64_t index : judge.chosen) {
    if (!samples.read(index, sample, error))
      return emitError(reference.getLoc()) << error, failure();
    if (failed(reference.run(sample)))
      return failure();
    judge.expected.emplace_back(reference.getResults().begin(),
                                reference.getResults().end());
  }
  return judge;
}

FailureOr<Accuracy> Judge::judge(ModelRunner &candidate) {
  size_t numOutputs = candidate.getResults().size(), count = chosen.size();
  // Per output and sample: signal, noise, and the product of both sides.
  struct Sums {
    double signal = 0, noise = 0, product = 0, own = 0;
  };
  std::vector<std::vector<Sums>> sums(numOutputs, std::vector<Sums>(count));
  int64_t lost = 0, gained = 0;
  std::vector<Tensor> sample;
  std::string error;
  for (auto [i, index] : llvm::enumerate(chosen)) {
    if (!samples->read(index, sample, error))
      return emitError(candidate.getLoc()) << error, failure();
    if (failed(candidate.run(sample)))
      return failure();
    for (size_t o = 0; o < numOutputs; ++o) {
      const Tensor &got = candidate.getResults()[o], &wanted = expected[i][o];
      if (!isFloat(got.type))
        continue;
      Sums &s = sums[o][i];
      for (int64_t e = 0, n = got.numElements(); e < n; ++e) {
        double a = wanted.valueAt(e), b = got.valueAt(e);
        if (!std::isfinite(a))
          continue; // masked, or beyond the type in f32 already
        if (!std::isfinite(b))
          b = 0; // as bad as no answer
        s.signal += a * a;
        s.noise += (a - b) * (a - b);
        s.product += a * b;
        s.own += b * b;
      }
    }
    if (budget.kind == AccuracyBudget::Top1) {
      bool was = findLargest(expected[i].front()) == labels[index],
           is = findLargest(candidate.getResults().front()) == labels[index];
      lost += was && !is;
      gained += !was && is;
    }
  }

  Accuracy result;
  result.sqnr = INFINITY;
  double cosine = 1, safeSQNR = INFINITY, safeCosine = 1;
  for (const std::vector<Sums> &output : sums) {
    Sums all;
    for (const Sums &s : output) {
      all.signal += s.signal;
      all.noise += s.noise;
      all.product += s.product;
      all.own += s.own;
    }
    if (!(all.signal > 0))
      continue;
    // The share of noise is a ratio of sums; its variance over samples from the
    // linearised ratio.
    double share = all.noise / all.signal, variance = 0;
    for (const Sums &s : output)
      variance += std::pow(s.noise - share * s.signal, 2);
    double error =
        count > 1 ? std::sqrt(variance * count / (count - 1)) / all.signal : 0;
    double safe = share + 2 * error;
    auto decibels = [](double share) {
      return share > 0 ? -10 * std::log10(share) : INFINITY;
    };
    result.sqnr = std::min(result.sqnr, decibels(share));
    safeSQNR = std::min(safeSQNR, decibels(safe));
    double c = all.own > 0 ? all.product / std::sqrt(all.signal * all.own) : 0;
    cosine = std::min(cosine, c);
    safeCosine =
        std::min(safeCosine, share > 0 ? 1 - (1 - c) * safe / share : c);
  }
  switch (budget.kind) {
  case AccuracyBudget::SQNR:
    result.figure = result.sqnr;
    result.safeFigure = safeSQNR;
    result.str =
        std::isinf(result.sqnr) ? "exact" : formatted(result.sqnr, "%.2f dB");
    break;
  case AccuracyBudget::Cosine:
    result.figure = cosine;
    result.safeFigure = safeCosine;
    result.str = "cosine " + formatted(cosine, "%.5f");
    break;
  case AccuracyBudget::Top1: {
    result.figure = result.safeFigure = 100.0 * (lost - gained) / count;
    result.str = formatted(result.figure, "%.2f points of top-1 lost");
    break;
  }
  }
  result.isMet = budget.isMetBy(result.safeFigure);
  return result;
}
