//===- SwitchedModel.cpp - a model with a switch per group ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SwitchedModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Transforms/Exposure.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mpc;

static bool isQuantizedType(Type type) {
  return isa<quant::QuantizedType>(getElementTypeOrSelf(type));
}

static LogicalResult insertQuantization(ModuleOp module) {
  PassManager pm(module->getContext(), ModuleOp::getOperationName());
  buildQuantizationPipeline(pm);
  return pm.run(module);
}

namespace {
/// Puts the lowered groups into the f32 module.
class Merger {
public:
  Merger(ModuleOp annotated, ModuleOp reference, ModuleOp lowered,
         StringRef only)
      : only(only), annotated(annotated.lookupSymbol<func::FuncOp>("main")),
        target(reference.lookupSymbol<func::FuncOp>("main")),
        source(lowered.lookupSymbol<func::FuncOp>("main")),
        builder(reference.getContext()) {}
  void run(std::vector<std::string> &switches,
           std::vector<SwitchedModel::Tap> &taps);

private:
  struct Seen {
    OpResult value;
    Value lowered; // null: the group computes in f32
    int switchIndex;
    bool isQuantized;
  };
  void addGroup(GroupOp group, GroupOp counterpart,
                std::vector<std::string> &switches);
  Value convert(Value value, Type element);
  Value makeGroup(Location loc, const Twine &name, ValueRange operands,
                  llvm::function_ref<Value(OpBuilder &, ValueRange)> build);

  StringRef only;
  func::FuncOp annotated, target, source;
  OpBuilder builder;
  /// What a value of the lowered module is here, in the same type.
  IRMapping mapping;
  llvm::StringMap<Operation *> counterparts;
  llvm::StringSet<> lowers;
  std::vector<Seen> seen;
};
} // namespace

Value Merger::makeGroup(
    Location loc, const Twine &name, ValueRange operands,
    llvm::function_ref<Value(OpBuilder &, ValueRange)> build) {
  auto block = std::make_unique<Block>();
  SmallVector<Value> arguments;
  for (Value operand : operands)
    arguments.push_back(
        block->addArgument(operand.getType(), operand.getLoc()));
  OpBuilder body(builder.getContext());
  body.setInsertionPointToEnd(block.get());
  Value result = build(body, arguments);
  YieldOp::create(body, loc, result);
  auto group = GroupOp::create(builder, loc, TypeRange{result.getType()},
                               builder.getStringAttr(name), operands,
                               PrecisionAttr(), StringAttr(), RangeAttr());
  group.getBody().push_back(block.release());
  return group->getResult(0);
}

/// `value` in another element type, by a group of its own.
Value Merger::convert(Value value, Type element) {
  Type from = getElementTypeOrSelf(value);
  if (from == element)
    return value;
  return makeGroup(
      value.getLoc(), "convert", value,
      [&](OpBuilder &body, ValueRange arguments) -> Value {
        Value now = arguments[0];
        auto in = [&](Type type) {
          return cast<RankedTensorType>(now.getType()).clone(type);
        };
        if (isQuantizedType(now.getType()))
          now = DequantizeOp::create(body, value.getLoc(),
                                     in(body.getF32Type()), now);
        if (getElementTypeOrSelf(now) == element)
          return now;
        if (!isa<quant::QuantizedType>(element))
          return CastOp::create(body, value.getLoc(), in(element), now);
        if (getElementTypeOrSelf(now).isF64())
          now =
              CastOp::create(body, value.getLoc(), in(body.getF32Type()), now);
        return QuantizeOp::create(body, value.getLoc(), in(element), now);
      });
}

/// The lowered group beside its f32 counterpart, and the switch behind both.
void Merger::addGroup(GroupOp group, GroupOp counterpart,
                      std::vector<std::string> &switches) {
  builder.setInsertionPointAfter(counterpart);
  if (!lowers.contains(group.getName())) {
    for (auto [before, here] :
         llvm::zip_equal(group->getResults(), counterpart->getResults())) {
      if (isArithmeticFloat(getElementTypeOrSelf(here)))
        seen.push_back({cast<OpResult>(here), Value(), -1, false});
      mapping.map(before, convert(here, getElementTypeOrSelf(before)));
    }
    return;
  }
  auto copy = cast<GroupOp>(builder.clone(*group, mapping));
  copy.setName(("lowered:" + group.getName()).str());
  int index = switches.size();
  switches.push_back(group.getName().str());
  // Fails only on types that a function cannot have.
  (void)target.insertArgument(target.getNumArguments(),
                              RankedTensorType::get({}, builder.getI1Type()),
                              {}, target.getLoc());
  Value on = target.getArguments().back();
  for (auto [before, here, made] :
       llvm::zip_equal(group->getResults(), counterpart->getResults(),
                       copy->getResults())) {
    if (!isArithmeticFloat(getElementTypeOrSelf(here))) {
      mapping.map(before, made);
      continue;
    }
    Value lowered = convert(made, getElementTypeOrSelf(here));
    Type type = here.getType();
    Value chosen = makeGroup(
        copy.getLoc(), "switch:" + group.getName(), {on, lowered, here},
        [&](OpBuilder &body, ValueRange arguments) {
          return Value(WhereOp::create(body, copy.getLoc(), type, arguments));
        });
    here.replaceAllUsesExcept(chosen, chosen.getDefiningOp());
    seen.push_back({cast<OpResult>(here), lowered, index,
                    isQuantizedType(made.getType())});
    mapping.map(before, convert(chosen, getElementTypeOrSelf(before)));
  }
}

void Merger::run(std::vector<std::string> &switches,
                 std::vector<SwitchedModel::Tap> &taps) {
  for (auto group : annotated.getOps<GroupOp>())
    if ((only.empty() || group.getName() == only) &&
        group.getPrecision().value_or(Precision::F32) != Precision::F32 &&
        !group.isQuantized() &&
        llvm::any_of(group.getResultTypes(), [](Type type) {
          return isArithmeticFloat(getElementTypeOrSelf(type));
        }))
      lowers.insert(group.getName());
  for (Operation &op : target.getBody().front()) {
    if (auto group = dyn_cast<GroupOp>(op))
      counterparts[group.getName()] = &op;
    else if (auto name = op.getAttrOfType<StringAttr>(kNameAttrName))
      counterparts[name] = &op;
  }
  unsigned numResults = target.getNumResults();
  for (auto [before, here] :
       llvm::zip_equal(source.getArguments(), target.getArguments()))
    mapping.map(before, here);

  builder.setInsertionPointToStart(&target.getBody().front());
  for (Operation &op : source.getBody().front()) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    auto group = dyn_cast<GroupOp>(op);
    auto name = group ? group.getNameAttr()
                      : op.getAttrOfType<StringAttr>(kNameAttrName);
    Operation *counterpart = name ? counterparts.lookup(name) : nullptr;
    if (group && counterpart && isa<GroupOp>(counterpart)) {
      addGroup(group, cast<GroupOp>(counterpart), switches);
      continue;
    }
    if (counterpart) { // loops and branches compute in the model's own types
      builder.setInsertionPointAfter(counterpart);
      for (auto [before, here] :
           llvm::zip_equal(op.getResults(), counterpart->getResults())) {
        if (isArithmeticFloat(getElementTypeOrSelf(here)))
          seen.push_back({cast<OpResult>(here), Value(), -1, false});
        mapping.map(before, convert(here, getElementTypeOrSelf(before)));
      }
      continue;
    }
    Operation *copy = builder.clone(op, mapping);
    if (auto conversion = dyn_cast<GroupOp>(copy))
      conversion.setName(("lowered:" + group.getName()).str());
  }

  // Who reads which tensor in integers, for those who want to raise one.
  llvm::StringMap<unsigned> switchOf;
  for (auto [i, name] : llvm::enumerate(switches))
    switchOf[name] = i;
  llvm::StringMap<llvm::SmallSetVector<unsigned, 4>> readers;
  llvm::StringMap<RangeAttr> ranges;
  for (auto group : annotated.getOps<GroupOp>()) {
    for (OpResult result : group->getResults())
      if (RangeAttr range = getRange(result))
        ranges[getResultName(result)] = range;
    auto found = switchOf.find(group.getName());
    if (found == switchOf.end())
      continue;
    for (Value input : group.getInputs()) {
      while (auto reshape = input.getDefiningOp<ReshapeOp>())
        input = reshape.getInput();
      if (auto result = dyn_cast<OpResult>(input);
          result && isObserved(result.getOwner()))
        readers[getResultName(result)].insert(found->second);
    }
  }
  if (!only.empty()) {
    (void)target.eraseResults(llvm::BitVector(numResults, true));
    target.getBody().front().getTerminator()->setOperands({});
    numResults = 0;
    llvm::erase_if(seen, [](const Seen &entry) { return !entry.lowered; });
  }
  unsigned next = numResults;
  for (Seen &entry : seen) {
    SwitchedModel::Tap tap;
    tap.tensor = getResultName(entry.value);
    tap.switchIndex = entry.switchIndex;
    tap.isQuantized = entry.isQuantized;
    tap.readers.assign(readers[tap.tensor].begin(), readers[tap.tensor].end());
    if (RangeAttr range = ranges.lookup(tap.tensor))
      tap.range = {range.getMin(), range.getMax()};
    tap.reference = tap.lowered = next++;
    exposeValue(target, entry.value, kExposesAttrName, tap.tensor);
    if (entry.lowered) {
      tap.lowered = next++;
      exposeValue(target, entry.lowered, kExposesAttrName, tap.tensor);
    }
    taps.push_back(std::move(tap));
  }
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(target.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

FailureOr<std::unique_ptr<SwitchedModel>>
SwitchedModel::create(ModuleOp annotated, const LibraryOptions &options,
                      StringRef only) {
  OwningOpRef<ModuleOp> lowered = annotated.clone(),
                        reference = annotated.clone();
  // Groups that the model itself quantizes have no other form.
  reference->walk([](GroupOp group) {
    if (group.getPrecision() && !group.isQuantized())
      group.setPrecision(Precision::F32);
  });
  if (failed(insertQuantization(*lowered)) ||
      failed(insertQuantization(*reference)))
    return failure();
  auto model = std::make_unique<SwitchedModel>();
  ModelInfo info = describeModel(annotated);
  model->inputs = std::move(info.inputs);
  if (only.empty())
    model->outputs = std::move(info.outputs);
  model->context = annotated.getContext();
  Merger(annotated, *reference, *lowered, only)
      .run(model->switches, model->taps);
  if (failed(verify(*reference)))
    return failure();
  auto runner = ModelRunner::create(*reference, options, Phase::Quantized);
  if (failed(runner))
    return failure();
  model->runner = std::move(*runner);
  return model;
}

LogicalResult SwitchedModel::run(const std::vector<Tensor> &sample,
                                 const llvm::BitVector &lowered) {
  std::vector<Tensor> inputs = sample;
  for (unsigned i = 0; i < switches.size(); ++i) {
    Tensor on;
    on.type = ElementType::Bool;
    on.data.push_back(lowered.test(i));
    inputs.push_back(std::move(on));
  }
  return runner->run(inputs);
}
