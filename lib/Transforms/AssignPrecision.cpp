//===- AssignPrecision.cpp - decide the precision of every group ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-assign-precision: what is asked for (option, configuration file), what is
// granted (roles, ranges), and why. Nothing is rewritten here.
//
//===----------------------------------------------------------------------===//

#include "GroupTypes.h"
#include "NarrowFloats.h"
#include "Saturation.h"
#include "WeightOnly.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/IntegerFormats.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Poles.h"
#include "mpc/Transforms/Ranges.h"
#include "mpc/Transforms/SeenRanges.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Regex.h"

namespace mpc {
#define GEN_PASS_DEF_ASSIGNPRECISION
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Products of an unsigned and a signed byte, |q_w| <= 127, that any sum of
/// 32 bits holds beside the largest bias (kMaxBias, 2^29):
/// K * 255 * 127 + 2^29 < 2^31.
static constexpr int64_t kMaxProducts =
    ((int64_t(1) << 31) - int64_t(kMaxBias)) / (255 * 127);

/// Where a value that only saturating functions read is more than this many
/// times as wide as what these tell apart, fewer than 6 of 8 bits are left for
/// that.
static constexpr double kMostOfReach = 4;

namespace {

/// What is asked of a group, and what it gets.
struct Decision {
  StringRef asked;     ///< a precision's name
  std::string source;  ///< who asked, as the start of a reason
  bool byName = false; ///< a configuration names this very group
  WeightFormat format; ///< what is asked of w8 and w4 beside the precision
  WeightsAttr weights; ///< what they get
  Precision precision = Precision::F32;
  std::string reason;
  std::string
      refusal; ///< why not what was asked for; empty where it was granted
};

class Assigner {
public:
  Assigner(ModuleOp module, PrecisionConfig config, StringRef configPath,
           StringRef uniform, WeightFormat weights)
      : module(module), config(std::move(config)), configPath(configPath),
        uniform(uniform), weights(std::move(weights)),
        fullyIntegral(module->hasAttr(kFullyIntegralAttrName)) {}
  LogicalResult run();

private:
  void gather();
  LogicalResult applyConfig();
  LogicalResult reportUnmatched(const PrecisionConfig::Entry &entry);
  Precision getOwnPrecision(GroupOp group);
  std::string whyNotContraction(GroupOp group, QuantizableOpInterface root);
  std::string whyNotOperands(GroupOp group);
  std::string whyNotGates(GroupOp group);
  void grantWeightOnly(GroupOp group, Precision asked, Decision &decision);
  void grant();
  bool isReadAsInt8(Value value);
  void grantToReaders();
  LogicalResult checkRanges();
  LogicalResult write();

  ModuleOp module;
  PrecisionConfig config;
  StringRef configPath, uniform;
  /// The format of weights where the configuration does not say.
  WeightFormat weights;
  bool fullyIntegral;
  llvm::MapVector<Operation *, Decision> decisions;
  F16Ranges f16Ranges;
};

/// The kind of a group, as configurations call it: its root's name.
StringRef getKind(GroupOp group) {
  return group.getRoot()->getName().stripDialect();
}

QuantRole getRole(Operation *op) {
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  return quantizable ? quantizable.getQuantRole() : QuantRole::Float;
}

/// Channels of what a group stores, as its root has them, else the last
/// dimension; elements of one sample. 0 for sizes that are not known.
int64_t getChannels(GroupOp group) {
  auto type = cast<RankedTensorType>(group->getResult(0).getType());
  if (type.getRank() == 0)
    return 1;
  int64_t axis = type.getRank() - 1;
  if (auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
      root && root.getQuantRole() == QuantRole::Contraction)
    if (auto own = cast<RankedTensorType>(root->getResult(0).getType());
        own.getRank() == type.getRank())
      axis = (root.getResultChannelAxis() + own.getRank()) % own.getRank();
  return type.isDynamicDim(axis) ? 0 : type.getDimSize(axis);
}

int64_t getElements(GroupOp group) {
  int64_t count = 1;
  for (int64_t size :
       cast<RankedTensorType>(group->getResult(0).getType()).getShape())
    count *= ShapedType::isDynamic(size) ? 1 : size;
  return count;
}

bool holdsFloats(Value value) {
  return isArithmeticFloat(getElementTypeOrSelf(value));
}

} // namespace

void Assigner::gather() {
  for (auto function : module.getOps<func::FuncOp>())
    for (auto group : function.getOps<GroupOp>()) {
      Decision &decision = decisions[group];
      if (config.defaultPrecision)
        decision.format = config.defaultWeights;
      decision.asked = config.defaultPrecision
                           ? StringRef(*config.defaultPrecision)
                           : uniform;
      decision.source = config.defaultPrecision ? "default of the configuration"
                        : uniform == "keep"     ? "as in the model"
                                                : "asked for all groups";
    }
}

/// A pattern that means no group is a typing error: say what it could have
/// been.
LogicalResult Assigner::reportUnmatched(const PrecisionConfig::Entry &entry) {
  llvm::SetVector<StringRef> words;
  for (auto &[op, decision] : decisions) {
    auto group = cast<GroupOp>(op);
    words.insert(entry.selector == PrecisionConfig::Selector::Kind
                     ? getKind(group)
                     : group.getName());
  }
  InFlightDiagnostic diagnostic =
      emitError(UnknownLoc::get(module.getContext()))
      << configPath << ": " << getSelectorKey(entry.selector) << " '"
      << entry.pattern << "' means no group"
      << (entry.shape.empty() ? "" : " of its shape");
  std::string nearest = listNearest(entry.pattern, words.getArrayRef());
  if (!nearest.empty())
    return diagnostic << ", nearest are " << nearest;
  if (entry.selector == PrecisionConfig::Selector::Kind)
    diagnostic << ", the kinds are " << llvm::join(words, ", ");
  return diagnostic;
}

LogicalResult Assigner::applyConfig() {
  bool allMatched = true;
  for (const PrecisionConfig::Entry &entry : config.entries) {
    // The whole name has to match.
    llvm::Regex regex("^(" + entry.pattern + ")$");
    bool matched = false;
    for (auto &[op, decision] : decisions) {
      auto group = cast<GroupOp>(op);
      switch (entry.selector) {
      case PrecisionConfig::Selector::Name:
        if (group.getName() != entry.pattern)
          continue;
        break;
      case PrecisionConfig::Selector::Match:
        if (!regex.match(group.getName()))
          continue;
        break;
      case PrecisionConfig::Selector::Kind:
        if (getKind(group) != entry.pattern)
          continue;
        break;
      }
      if (!entry.shape.holds(getChannels(group), getElements(group)))
        continue;
      matched = true;
      decision.asked = entry.precision;
      decision.format = entry.weights;
      decision.source = "set by the configuration";
      decision.byName = entry.selector == PrecisionConfig::Selector::Name;
    }
    if (!matched && failed(reportUnmatched(entry)))
      allMatched = false;
  }
  return success(allMatched);
}

/// What the model's own element types say.
Precision Assigner::getOwnPrecision(GroupOp group) {
  std::optional<Precision> found;
  auto look = [&](Value value) {
    Type element = getElementTypeOrSelf(value);
    if (isa<quant::QuantizedType>(element))
      found = Precision::INT8;
    else if (!found && element.isF16())
      found = Precision::F16;
    else if (!found && element.isBF16())
      found = Precision::BF16;
    else if (!found && isArithmeticFloat(element))
      found = Precision::F32;
  };
  // What the root makes decides before the operands: a cast alone belongs to
  // its result, one in an epilogue only stores.
  llvm::for_each(group.getRoot()->getResults(), look);
  llvm::for_each(group.getInputs(), look);
  return found.value_or(Precision::F32);
}

/// Why a contraction cannot be computed in integers, or nothing.
std::string Assigner::whyNotContraction(GroupOp group,
                                        QuantizableOpInterface root) {
  auto valuesOf = [](OpOperand *operand) -> std::optional<std::vector<float>> {
    ElementsAttr value = getConstantValue(operand->get());
    return value ? getFloatValues(value) : std::nullopt;
  };
  auto areFinite = [](const std::vector<float> &values) {
    return llvm::all_of(values,
                        [](float value) { return std::isfinite(value); });
  };
  OpOperand *weight = root.getWeightOperand(), *bias = root.getBiasOperand();
  auto type = cast<RankedTensorType>(weight->get().getType());
  int64_t channels = type.getDimSize(root.getWeightChannelAxis());
  if (int64_t products = channels ? type.getNumElements() / channels : 0;
      products > kMaxProducts && decisions[group].asked != "int16")
    return "sums of " + std::to_string(products) +
           " products may leave 32 bits (at most " +
           std::to_string(kMaxProducts) + " fit)";
  auto weights = valuesOf(weight);
  if (!weights)
    return "weights are not constant";
  if (!areFinite(*weights))
    return "weights are not finite";
  if (!bias)
    return {};
  auto biases = valuesOf(bias);
  if (!biases)
    return "bias is not constant";
  return areFinite(*biases) ? "" : "bias is not finite";
}

/// Why what a group reads cannot be converted to integers, or nothing.
std::string Assigner::whyNotOperands(GroupOp group) {
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  if (!root || isa<ElementwiseOpInterface>(group.getRoot()))
    return {};
  for (OpOperand *operand : root.getActivationOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand->get());
    if (!argument)
      continue;
    Value stored = throughReshapes(group.getInputs()[argument.getArgNumber()]);
    Operation *writer = stored.getDefiningOp();
    if (writer && holdsFloats(stored) && !getConstantValue(stored) &&
        !isObserved(writer))
      return "reads what no group stores, whose range is not observed";
    // An initial state, say, that is none in the samples and one in use.
    RangeAttr seen = getSeenRange(stored);
    if (seen && seen.getMin() == 0 && seen.getMax() == 0 && !fullyIntegral)
      return "reads what was 0 in all samples";
  }
  return {};
}

/// Why 8 bits, of what is stored or of the weights of a sum, whose noise grows
/// with the range, would be too few for what reads the result, or nothing.
std::string Assigner::whyNotGates(GroupOp group) {
  RangeAttr seen = getSeenRange(group->getResult(0));
  if (!seen || decisions[group].byName || fullyIntegral)
    return {};
  std::optional<double> reach = getReachOfReaders(group->getResult(0));
  if (!reach || seen.getMax() - seen.getMin() <= kMostOfReach * 2 * *reach)
    return {};
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format("its result is %.3g to %.3g, and what reads it saturates "
                      "beyond %g",
                      seen.getMin(), seen.getMax(), *reach);
  return text;
}

/// Contractions get integers for weights, everything else the type of
/// activations.
void Assigner::grantWeightOnly(GroupOp group, Precision asked,
                               Decision &decision) {
  decision.weights =
      getWeightsFormat(module.getContext(), decision.format, weights);
  decision.precision = decision.weights.getActivations();
  std::string refusal = whyNotWeightOnly(group, asked, decision.weights);
  if (refusal.empty()) {
    decision.precision = asked;
    decision.reason = decision.source + ": contraction with constant weights";
  } else if (getRole(group.getRoot()) == QuantRole::Contraction ||
             decision.byName) {
    decision.refusal = refusal;
  } else {
    decision.reason = decision.source + "; " + refusal;
  }
}

/// Everything that does not depend on other groups.
void Assigner::grant() {
  for (auto &[op, decision] : decisions) {
    auto group = cast<GroupOp>(op);
    Precision asked = decision.asked == "keep"
                          ? getOwnPrecision(group)
                          : *symbolizePrecision(decision.asked);
    bool hasFloats = llvm::any_of(group.getResults(), holdsFloats);
    auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
    QuantRole role = getRole(group.getRoot());

    // What a model has quantized itself keeps its own types.
    if (group.isQuantized()) {
      bool sumsFloats = root && root.getWeightOperand() &&
                        holdsFloats(root.getWeightOperand()->get());
      decision.precision = sumsFloats ? Precision::F32 : Precision::INT8;
      decision.reason = sumsFloats
                            ? "as quantized in the model; computed in f32"
                            : "as quantized in the model";
      continue;
    }
    if (computesInF64(group)) {
      if (isInteger(asked) || isWeightOnly(asked)) {
        decision.refusal = "computed in f64, as the model has it";
      } else {
        decision.precision = Precision::F32;
        decision.reason = decision.source + "; computed in f64";
      }
      continue;
    }
    if (isWeightOnly(asked)) {
      grantWeightOnly(group, asked, decision);
      continue;
    }
    if (asked == Precision::F16 && decision.asked != "keep") {
      decision.refusal = f16Ranges.whyNot(group);
      if (!decision.refusal.empty())
        continue;
    }
    if (!isInteger(asked)) {
      decision.precision = asked;
      decision.reason = decision.source;
      if (asked == Precision::F16 && f16Ranges.isProven(group))
        decision.reason += "; proven not to overflow for inputs in range";
      if (asked != Precision::F32 && role == QuantRole::Float)
        decision.reason += "; computed in f32";
      continue;
    }
    if (decision.asked == "keep") {
      decision.precision = asked;
      decision.reason = decision.source;
      continue;
    }
    bool isTable =
        fullyIntegral && isa<ElementwiseOpInterface>(group.getRoot());
    if (!hasFloats && fullyIntegral) {
      decision.precision = asked;
      decision.reason = "the model's own integers";
      continue;
    }
    if (!hasFloats || group->getNumResults() != 1) {
      decision.refusal = "stores no floating-point result";
    } else if (role == QuantRole::Float && !isTable) {
      decision.refusal =
          getKind(group).str() + " is computed in floating point only";
    } else if (std::string reason = whyNotOperands(group); !reason.empty()) {
      decision.refusal = reason;
    } else if (role == QuantRole::Contraction) {
      decision.refusal = whyNotContraction(group, root);
      if (decision.refusal.empty())
        decision.refusal = whyNotGates(group);
    } else if (!decision.byName && !fullyIntegral) {
      continue; // depends on the groups around it
    }
    if (!decision.refusal.empty())
      continue;
    decision.precision = asked;
    decision.reason =
        decision.source + (role == QuantRole::Contraction
                               ? ": contraction with constant weights"
                               : "");
  }
}

bool Assigner::isReadAsInt8(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (auto reshape = dyn_cast<ReshapeOp>(user))
      return isReadAsInt8(reshape.getResult());
    auto found = decisions.find(user);
    return found != decisions.end() && isInteger(found->second.precision) &&
           !cast<GroupOp>(user).isQuantized();
  });
}

/// Groups that move, select or average values follow their readers, to a fixed
/// point: readers come after what they read, so one walk backwards finds it.
void Assigner::grantToReaders() {
  for (auto &[op, decision] : llvm::reverse(decisions)) {
    if ((decision.asked != "int8" && decision.asked != "int16") ||
        isInteger(decision.precision) || !decision.refusal.empty())
      continue;
    if (!isReadAsInt8(op->getResult(0))) {
      decision.refusal =
          "no " + decision.asked.str() + " group reads the result";
      continue;
    }
    decision.refusal = whyNotGates(cast<GroupOp>(op));
    if (decision.refusal.empty() &&
        isReadNearPole(op->getResult(0), decision.asked == "int8" ? 8 : 16))
      decision.refusal = "what reads its result is not finite at 0, which "
                         "small numbers are rounded to";
    if (!decision.refusal.empty())
      continue;
    decision.precision = *symbolizePrecision(decision.asked);
    decision.reason =
        decision.source + ": read by an " + decision.asked.str() + " group";
  }
}

/// What an int8 group reads is stored, or converted, to integers: it needs a
/// range. One error for each value.
LogicalResult Assigner::checkRanges() {
  llvm::SetVector<Value> missing;
  for (auto &[op, decision] : decisions) {
    auto group = cast<GroupOp>(op);
    if (!isInteger(decision.precision) || group.isQuantized())
      continue;
    // What the root reads is converted to integers; an epilogue, or an
    // element-wise root, takes what its neighbours store.
    llvm::SmallDenseSet<Value> readAsIntegers;
    if (auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
        root && !isa<ElementwiseOpInterface>(group.getRoot()))
      for (OpOperand *operand : root.getActivationOperands())
        if (auto argument = dyn_cast<BlockArgument>(operand->get()))
          readAsIntegers.insert(group.getInputs()[argument.getArgNumber()]);
    for (Value input : group.getInputs()) {
      Value stored = throughReshapes(input);
      if (!holdsFloats(stored) || getConstantValue(stored) || getRange(stored))
        continue;
      auto writer = decisions.find(stored.getDefiningOp());
      bool isStoredAsIntegers = writer != decisions.end() &&
                                isInteger(writer->second.precision) &&
                                !cast<GroupOp>(writer->first).isQuantized();
      if (!(readAsIntegers.contains(input) || isStoredAsIntegers) ||
          !missing.insert(stored))
        continue;
      InFlightDiagnostic diagnostic = group.emitOpError()
                                      << "'" << group.getName() << "': ";
      if (auto argument = dyn_cast<BlockArgument>(stored))
        diagnostic << "expected a range of the input '"
                   << getArgumentName(cast<func::FuncOp>(
                                          argument.getOwner()->getParentOp()),
                                      argument.getArgNumber())
                   << "'";
      else if (auto source = stored.getDefiningOp<GroupOp>())
        diagnostic << "expected a range of what group '" << source.getName()
                   << "' stores";
      else if (isObserved(stored.getDefiningOp()))
        diagnostic << "expected a range of '"
                   << getResultName(cast<OpResult>(stored)) << "'";
      else
        diagnostic << "expected a range of its operands";
      diagnostic << " for " << stringifyPrecision(decision.precision)
                 << ", but it has none; calibrate first "
                    "(mpc-attach-ranges)";
    }
  }
  return success(missing.empty());
}

LogicalResult Assigner::write() {
  bool allGranted = true;
  MLIRContext *context = module.getContext();
  module.walk([&](GroupOp group) {
    if (!isa<func::FuncOp>(group->getParentOp()))
      group.setReasonAttr(StringAttr::get(
          context, "in a loop or a branch: computed in the model's own types"));
  });
  for (auto &[op, decision] : decisions) {
    auto group = cast<GroupOp>(op);
    if (!decision.refusal.empty()) {
      std::string asked = decision.asked.str();
      decision.reason = asked + " refused: " + decision.refusal;
      if (decision.byName) {
        allGranted = false;
        group.emitOpError()
            << "'" << group.getName() << "': " << asked << " is asked for in "
            << configPath << ", but " << decision.refusal;
        continue;
      }
    }
    group.setPrecision(decision.precision);
    group->removeAttr(kWeightsAttrName);
    if (isWeightOnly(decision.precision))
      group->setAttr(kWeightsAttrName, decision.weights);
    group.setReasonAttr(StringAttr::get(context, decision.reason));

    std::string text = "group '" + group.getName().str() +
                       "': " + stringifyPrecision(decision.precision).str() +
                       " (" + decision.reason + ")";
    remark::RemarkOpts options = remark::RemarkOpts::name("Precision")
                                     .category("precision")
                                     .function(group.getName());
    if (decision.refusal.empty())
      remark::passed(group.getLoc(), options) << StringRef(text);
    else
      remark::missed(group.getLoc(), options) << StringRef(text);
  }
  return success(allGranted);
}

LogicalResult Assigner::run() {
  if (failed(setIntegerFormat(module, config.integers, configPath)))
    return failure();
  gather();
  if (failed(applyConfig()))
    return failure();
  grant();
  grantToReaders();
  if (failed(checkRanges()))
    return failure();
  return write();
}

std::string mpc::writePrecisionConfig(ModuleOp module) {
  PrecisionConfig config;
  config.integers = getIntegerFormat(module);
  module.walk([&](GroupOp group) {
    if (std::optional<Precision> precision = group.getPrecision())
      config.entries.push_back(
          {PrecisionConfig::Selector::Name, group.getName().str(),
           stringifyPrecision(*precision).str(),
           isWeightOnly(*precision) ? toWeightFormat(getWeightsFormat(group))
                                    : WeightFormat()});
  });
  return config.str();
}

namespace {
struct AssignPrecision : mpc::impl::AssignPrecisionBase<AssignPrecision> {
  using AssignPrecisionBase::AssignPrecisionBase;

  void runOnOperation() override {
    Location loc = UnknownLoc::get(&getContext());
    if (!llvm::is_contained(getPrecisionNames(), StringRef(precision))) {
      emitError(loc) << "expected a precision ("
                     << llvm::join(getPrecisionNames(), ", ") << "), but got '"
                     << precision << "'";
      return signalPassFailure();
    }
    WeightFormat weights = {weightBlock, weightScheme, activationType};
    std::string problem = findProblem(weights);
    if (problem.empty() && precision == "w8" && weightScheme == "codebook")
      problem = "a codebook has 16 levels, which is w4, but got w8";
    if (!problem.empty()) {
      emitError(loc) << problem;
      return signalPassFailure();
    }
    PrecisionConfig choices;
    if (!config.empty()) {
      llvm::Expected<PrecisionConfig> loaded = PrecisionConfig::load(config);
      if (!loaded) {
        emitError(loc) << llvm::toString(loaded.takeError());
        return signalPassFailure();
      }
      choices = std::move(*loaded);
    }
    Assigner assigner(getOperation(), std::move(choices), config, precision,
                      std::move(weights));
    if (failed(assigner.run()))
      signalPassFailure();
  }
};
} // namespace
