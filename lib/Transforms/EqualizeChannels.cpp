//===- EqualizeChannels.cpp - even out channels between contractions ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Analysis/RepairMath.h"
#include "mpc/Transforms/ChannelFactors.h"
#include "mpc/Transforms/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_EQUALIZECHANNELS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {
/// A value between contractions.
struct Link {
  GroupOp source;
  std::vector<GroupOp> readers;
  std::vector<double> factors;
};

class Equalizer {
public:
  void gather(func::FuncOp function);
  void sweep(unsigned times);
  void write();

private:
  double equalize(Link &link);

  std::vector<Link> links;
  /// The contractions as they would be with the factors so far.
  DenseMap<Operation *, ContractionWeights> contractions;
};

void Equalizer::gather(func::FuncOp function) {
  for (auto group : function.getOps<GroupOp>()) {
    auto contraction = ContractionWeights::get(group);
    if (!contraction)
      continue;
    ChannelReaders readers = getChannelReaders(group);
    ChannelSource source = getChannelSource(group);
    std::string problem =
        !readers.problem.empty() ? readers.problem : source.problem;
    if (problem.empty() && !source.isContraction)
      problem = "what follows its contraction scales channels already";
    auto remarkOptions = remark::RemarkOpts::name("Equalization")
                             .category("repair")
                             .function(group.getName());
    if (!problem.empty()) {
      std::string text =
          "'" + group.getName().str() + "' is not equalized: " + problem;
      remark::missed(group.getLoc(), remarkOptions) << StringRef(text);
      continue;
    }
    Link link{
        group, {}, std::vector<double>(contraction->getNumOutputs(), 1.0)};
    contractions.try_emplace(group, std::move(*contraction));
    for (ContractionWeights &reader : readers.contractions) {
      link.readers.push_back(reader.getGroup());
      contractions.try_emplace(reader.getGroup(), std::move(reader));
    }
    links.push_back(std::move(link));
  }
}

/// Evens out one link; the largest relative change of a factor.
double Equalizer::equalize(Link &link) {
  int64_t channels = link.factors.size();
  std::vector<double> made(channels, 0.0), read(channels, 0.0);
  ContractionWeights &source = contractions.find(link.source)->second;
  for (int64_t o = 0; o < channels; ++o) {
    // The bias counts as a weight does: a channel that is all bias must not
    // grow without bounds.
    made[o] = std::abs(source.bias[o]);
    for (int64_t k = 0; k < source.getNumProducts(); ++k)
      made[o] = std::max<double>(
          made[o], std::abs(source.weights[source.getIndex(o, k)]));
  }
  for (GroupOp group : link.readers) {
    ContractionWeights &reader = contractions.find(group)->second;
    for (int64_t o = 0; o < reader.getNumOutputs(); ++o)
      for (int64_t k = 0; k < reader.getNumProducts(); ++k) {
        double &largest = read[reader.getInputChannel(o, k) % channels];
        largest = std::max<double>(
            largest, std::abs(reader.weights[reader.getIndex(o, k)]));
      }
  }
  // sqrt(made / read) is what SmoothQuant's formula gives for alpha 1/2.
  std::vector<double> steps = chooseSmoothingFactors(made, read, 0.5);
  double change = 0;
  for (int64_t c = 0; c < channels; ++c) {
    change = std::max(change, std::abs(steps[c] - 1));
    link.factors[c] *= steps[c];
  }
  for (int64_t o = 0; o < channels; ++o) {
    source.bias[o] /= steps[o];
    for (int64_t k = 0; k < source.getNumProducts(); ++k)
      source.weights[source.getIndex(o, k)] /= steps[o];
  }
  for (GroupOp group : link.readers) {
    ContractionWeights &reader = contractions.find(group)->second;
    for (int64_t o = 0; o < reader.getNumOutputs(); ++o)
      for (int64_t k = 0; k < reader.getNumProducts(); ++k)
        reader.weights[reader.getIndex(o, k)] *=
            steps[reader.getInputChannel(o, k) % channels];
  }
  return change;
}

void Equalizer::sweep(unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    double change = 0;
    for (Link &link : links)
      change = std::max(change, equalize(link));
    if (change < 1e-3)
      return;
  }
}

void Equalizer::write() {
  for (Link &link : links) {
    SmallVector<float> factors(link.factors.begin(), link.factors.end());
    link.source->setAttr(
        kChannelFactorsAttrName,
        DenseF32ArrayAttr::get(link.source.getContext(), factors));
    auto [low, high] = std::minmax_element(factors.begin(), factors.end());
    std::string text = "'" + link.source.getName().str() +
                       "': channels divided by " + std::to_string(*low) +
                       " to " + std::to_string(*high);
    remark::passed(link.source.getLoc(),
                   remark::RemarkOpts::name("Equalization")
                       .category("repair")
                       .function(link.source.getName()))
        << StringRef(text);
  }
}

struct EqualizeChannels : mpc::impl::EqualizeChannelsBase<EqualizeChannels> {
  using EqualizeChannelsBase::EqualizeChannelsBase;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      Equalizer equalizer;
      equalizer.gather(function);
      equalizer.sweep(sweeps);
      equalizer.write();
    }
  }
};
} // namespace
