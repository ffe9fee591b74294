//===- ControlOperators.cpp - operators that hold graphs ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What import can decide is decided here: a known branch is imported in place,
// a short loop becomes straight-line code. The rest becomes upstream's control
// flow on tensors.
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include "Loops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;
using onnx::GraphProto;

/// Loops become straight-line code up to this many steps, or as long as that
/// has at most this many nodes.
static constexpr int64_t kMostUnrolledSteps = 4, kMostUnrolledNodes = 512;
/// Steps of a loop that nothing but its condition ends.
static constexpr int64_t kMostConditionalSteps = 1024;

/// Nodes of a graph and of those inside of it.
static int64_t countNodes(const GraphProto &graph) {
  int64_t count = graph.node_size();
  for (const auto &node : graph.node())
    for (const auto &attribute : node.attribute())
      if (attribute.has_g())
        count += countNodes(attribute.g());
  return count;
}

static bool isUnrolled(int64_t trips, const GraphProto &body) {
  return trips <= kMostUnrolledSteps ||
         trips <= kMostUnrolledNodes / std::max<int64_t>(1, countNodes(body));
}

/// Imports a body whose inputs are `arguments`; false after an error.
static bool importBody(NodeContext &node, const GraphProto &body,
                       ArrayRef<Tensor> arguments,
                       SmallVectorImpl<Tensor> &results) {
  if (node.hasFailed())
    return false;
  Scope inner(&node.getScope());
  for (auto [input, argument] : llvm::zip_equal(body.input(), arguments))
    inner.insert(input.name(), argument);
  if (failed(importGraph(node.getModel(), inner, body)))
    return node.setFailed(), false;
  for (const auto &output : body.output()) {
    Tensor &tensor = *inner.find(output.name());
    if (tensor.isPoisoned)
      return node.setFailed(), false;
    if (tensor.isMissing)
      return (void)node.error("output '" + output.name() +
                              "' of its graph is an optional output that is "
                              "not supported"),
             false;
    results.push_back(tensor);
  }
  return true;
}

/// The values of tensors, made where the builder stands; false after an error.
static bool getValues(NodeContext &node, MutableArrayRef<Tensor> tensors,
                      SmallVectorImpl<Value> &values) {
  for (Tensor &tensor : tensors) {
    Value value = materialize(node.getModel(), tensor, node.getName());
    if (!value)
      return (void)node.error("holds a tensor that depends on the batch size, "
                              "which is not known; --shape can fix it"),
             false;
    values.push_back(value);
  }
  return true;
}

/// The one boolean or integer of a tensor.
static Value extractScalar(NodeContext &node, Value tensor) {
  tensor = node.createReshape(tensor, {});
  if (!tensor)
    return {};
  return tensor::ExtractOp::create(node.getBuilder(), node.getLoc(), tensor,
                                   ValueRange());
}

static bool isOneElement(RankedTensorType type) {
  return type.hasStaticShape() && type.getNumElements() == 1;
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

namespace {
/// Two branches of which one is chosen when the model runs.
class BranchImporter {
public:
  BranchImporter(NodeContext &node, const GraphProto &thenGraph,
                 const GraphProto &elseGraph)
      : node(node), builder(node.getBuilder()), graphs{&thenGraph, &elseGraph} {
  }
  void run();

private:
  bool import(int branch);
  void useOnly(int branch, StringRef why);
  scf::IfOp build(TypeRange types) {
    return scf::IfOp::create(builder, node.getLoc(), types, condition,
                             /*addThenBlock=*/true, /*addElseBlock=*/true);
  }

  NodeContext &node;
  OpBuilder &builder;
  const GraphProto *graphs[2];
  Value condition;
  /// Holds the branches until their types are known.
  scf::IfOp draft;
  SmallVector<Value> values[2];
};
} // namespace

bool BranchImporter::import(int branch) {
  OpBuilder::InsertionGuard guard(builder);
  Block *block = branch ? draft.elseBlock() : draft.thenBlock();
  if (!block->empty())
    block->back().erase();
  builder.setInsertionPointToEnd(block);
  Tensors results;
  return importBody(node, *graphs[branch], {}, results) &&
         getValues(node, results, values[branch]);
}

/// The other branch cannot be computed with these shapes: which one the model
/// takes is only known when it runs, and it may not be that.
void BranchImporter::useOnly(int branch, StringRef why) {
  const char *names[] = {"then_branch", "else_branch"};
  std::string message = "node '" + node.getName() + "' (If) chooses its " +
                        names[1 - branch] +
                        ", which these shapes do not allow: " + why.str();
  emitWarning(node.getLoc(), "only the " + Twine(names[branch]) + " of node '" +
                                 node.getName() +
                                 "' (If) is compiled; with these shapes the "
                                 "other is an error: " +
                                 why);
  Value holds = condition;
  if (branch == 1) {
    Value one = arith::ConstantIntOp::create(builder, node.getLoc(), 1, 1);
    holds = arith::XOrIOp::create(builder, node.getLoc(), condition, one);
  }
  cf::AssertOp::create(builder, node.getLoc(), holds, message);
  Block *block = branch ? draft.elseBlock() : draft.thenBlock();
  draft->getBlock()->getOperations().splice(Block::iterator(draft),
                                            block->getOperations());
  draft.erase();
  for (auto [index, value] : llvm::enumerate(values[branch]))
    node.setResult(index, value);
}

void BranchImporter::run() {
  condition = extractScalar(node, node.getOperand(0));
  if (!condition)
    return;
  draft = build({});
  // Where no operator is missing, a branch that cannot be imported may be one
  // that is never taken with these shapes.
  Diagnostics &diagnostics = node.getModel().diagnostics;
  size_t start = diagnostics.mark();
  std::string why[2];
  for (int branch : {0, 1}) {
    auto unsupported = node.getModel().unsupported;
    if (import(branch))
      continue;
    if (node.getModel().unsupported == unsupported)
      why[branch] = diagnostics.takeBack(start);
    if (why[branch].empty())
      return;
    node.setFailed(false);
  }
  if (!why[0].empty() && !why[1].empty()) {
    for (const std::string &reason : why)
      (void)diagnostics.error(reason);
    return (void)node.error("neither branch can be computed with these shapes");
  }
  for (int branch : {0, 1})
    if (!why[branch].empty())
      return useOnly(1 - branch, why[branch]);

  for (int branch : {0, 1}) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(branch ? draft.elseBlock()
                                          : draft.thenBlock());
    scf::YieldOp::create(builder, node.getLoc(), values[branch]);
  }
  for (auto [index, a, b] : llvm::enumerate(values[0], values[1]))
    if (a.getType() != b.getType()) {
      std::string types;
      llvm::raw_string_ostream(types) << a.getType() << " and " << b.getType();
      return (void)node.unsupported(
          " with a condition that is only known when the model runs and "
          "branches whose output " +
          Twine(index) + " is " + types);
    }
  scf::IfOp made = build(ValueRange(values[0]).getTypes());
  made.getThenRegion().takeBody(draft.getThenRegion());
  made.getElseRegion().takeBody(draft.getElseRegion());
  draft.erase();
  for (auto [index, result] : llvm::enumerate(made.getResults()))
    node.setResult(index, result);
}

static void emitIf(NodeContext &node) {
  const GraphProto *thenGraph = node.getGraph("then_branch");
  const GraphProto *elseGraph = node.getGraph("else_branch");
  if (!thenGraph || !elseGraph)
    return (void)node.error("expected attributes 'then_branch' and "
                            "'else_branch'");
  RankedTensorType type = node.getInputType(0);
  if (!type.getElementType().isInteger(1) || !isOneElement(type))
    return (void)node.error("expected one boolean as condition");
  std::optional<KnownTensor> condition = node.getKnown(0);
  for (const GraphProto *branch : {thenGraph, elseGraph}) {
    bool isUsed =
        !condition || (condition->ints[0].offset != 0) == (branch == thenGraph);
    if (isUsed &&
        static_cast<unsigned>(branch->output_size()) != node.getNumOutputs())
      return (void)node.error(
          "expected branches with " + Twine(node.getNumOutputs()) +
          " outputs, but got " + Twine(branch->output_size()));
    if (branch->input_size() != 0 && isUsed)
      return (void)node.error("expected branches without inputs");
  }
  if (!condition)
    return BranchImporter(node, *thenGraph, *elseGraph).run();
  Tensors results;
  if (!importBody(node, condition->ints[0].offset ? *thenGraph : *elseGraph, {},
                  results))
    return;
  for (auto [index, result] : llvm::enumerate(results))
    node.setResult(index, result);
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

namespace {
class LoopImporter {
public:
  LoopImporter(NodeContext &node) : node(node) {}
  void run();

private:
  bool readInputs();
  void importCounted(int64_t trips);
  void importUnrolled(int64_t most);
  void importWhile();

  NodeContext &node;
  const GraphProto *body = nullptr;
  unsigned numCarried = 0, numOutputs = 0;
  std::optional<int64_t> trips;
  /// The condition before the first step, as far as it is known.
  std::optional<bool> starts;
  Tensors inits;
};
} // namespace

/// The boolean that a tensor is known to hold.
static std::optional<bool> getKnownBool(const Tensor &tensor) {
  std::optional<KnownTensor> known = tensor.known;
  if (!known && tensor.constant)
    known = KnownTensor::fromElements(tensor.constant);
  if (!known || known->isReal() || known->ints.size() != 1 ||
      !known->isConstant())
    return std::nullopt;
  return known->ints[0].offset != 0;
}

static Tensor makeBool(NodeContext &node, bool value) {
  return Tensor::ofKnown(KnownTensor::makeInts(node.getBuilder().getI1Type(),
                                               {}, Size::constant(value)));
}

bool LoopImporter::readInputs() {
  body = node.getGraph("body");
  if (!body)
    return (void)node.error("expected attribute 'body'"), false;
  numCarried = std::max(2u, node.getNumInputs()) - 2;
  if (body->input_size() != static_cast<int>(numCarried) + 2 ||
      body->output_size() < static_cast<int>(numCarried) + 1)
    return (void)node.error("expected a body with " + Twine(numCarried + 2) +
                            " inputs and at least " + Twine(numCarried + 1) +
                            " outputs, but got " + Twine(body->input_size()) +
                            " and " + Twine(body->output_size())),
           false;
  numOutputs = body->output_size() - 1 - numCarried;
  if (node.getNumOutputs() > numCarried + numOutputs)
    return (void)node.error("expected at most " +
                            Twine(numCarried + numOutputs) +
                            " outputs, but got " + Twine(node.getNumOutputs())),
           false;
  for (unsigned i : {0u, 1u}) {
    if (!node.hasInput(i))
      continue;
    RankedTensorType type = node.getInputType(i);
    if (!isOneElement(type) || !type.getElementType().isInteger(i ? 1 : 64))
      return (void)node.error(i ? "expected one boolean as condition"
                                : "expected one i64 as number of steps"),
             false;
  }
  if (std::optional<KnownTensor> count = node.getKnown(0);
      count && count->isConstant())
    trips = std::max<int64_t>(0, count->ints[0].offset);
  starts = node.hasInput(1) ? getKnownBool(*node.getInput(1)) : true;
  for (unsigned i = 0; i < numCarried; ++i) {
    Tensor *init = node.getInput(i + 2);
    if (!init)
      return (void)node.error("input " + Twine(i + 2) + " is left out"), false;
    inits.push_back(*init);
  }
  return true;
}

/// Step by step, for as long as the condition is known.
void LoopImporter::importUnrolled(int64_t most) {
  Tensors carried(inits);
  std::vector<Tensors> steps;
  bool goesOn = *starts;
  for (int64_t step = 0; goesOn && (!trips || step < *trips); ++step) {
    if (step == most)
      return (void)node.unsupported(" with more than " + Twine(most) +
                                    " steps and no constant number of them");
    Tensors arguments{
        Tensor::ofKnown(KnownTensor::makeInts(node.getBuilder().getI64Type(),
                                              {}, Size::constant(step))),
        makeBool(node, true)};
    llvm::append_range(arguments, carried);
    Tensors results;
    if (!importBody(node, *body, arguments, results))
      return;
    std::optional<bool> condition = getKnownBool(results.front());
    bool isLast = trips && step + 1 == *trips;
    if (!condition && !isLast)
      return importWhile();
    goesOn = condition.value_or(false);
    carried.assign(results.begin() + 1, results.begin() + 1 + numCarried);
    steps.emplace_back(results.begin() + 1 + numCarried, results.end());
  }
  for (auto [index, tensor] : llvm::enumerate(carried))
    node.setResult(index, tensor);
  for (unsigned i = 0; i < numOutputs; ++i) {
    if (!node.usesOutput(numCarried + i))
      continue;
    Tensors all;
    for (Tensors &step : steps)
      all.push_back(step[i]);
    node.setResult(numCarried + i, stackSteps(node, all, false));
  }
}

void LoopImporter::importCounted(int64_t count) {
  SmallVector<bool> reversed(numOutputs, false);
  bool isCounted = true;
  auto results =
      buildLoop(node, count, inits, reversed, /*unroll=*/false,
                [&](LoopStep &step, SmallVectorImpl<Tensor> &carried,
                    SmallVectorImpl<Tensor> &outputs) {
                  Tensors arguments{step.getNumber(), makeBool(node, true)};
                  llvm::append_range(arguments, carried);
                  Tensors all;
                  if (!importBody(node, *body, arguments, all))
                    return;
                  isCounted = getKnownBool(all.front()).value_or(false);
                  carried.assign(all.begin() + 1, all.begin() + 1 + numCarried);
                  outputs.assign(all.begin() + 1 + numCarried, all.end());
                });
  if (!results)
    return;
  // What was built has no users and goes away.
  if (!isCounted)
    return importWhile();
  for (auto [index, result] : llvm::enumerate(*results))
    node.setResult(index, result);
}

/// Step by step for as long as the model says.
void LoopImporter::importWhile() {
  for (unsigned i = 0; i < numOutputs; ++i)
    if (node.usesOutput(numCarried + i)) {
      // Their size would only be known when the model runs.
      if (node.hasInput(0) && !trips)
        return (void)node.getRequiredKnown(0, "number of steps");
      if (!starts)
        return (void)node.getRequiredKnown(1, "condition");
      return (void)node.unsupported(
          " with a condition that is only known when the model runs and "
          "outputs that grow with each step");
    }
  OpBuilder &builder = node.getBuilder();
  Location loc = node.getLoc();
  auto makeInt = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI64IntegerAttr(value));
  };
  Value most = node.hasInput(0) ? extractScalar(node, node.getOperand(0))
                                : makeInt(std::numeric_limits<int64_t>::max());
  Value condition = starts ? Value(arith::ConstantOp::create(
                                 builder, loc, builder.getBoolAttr(*starts)))
                           : extractScalar(node, node.getOperand(1));
  SmallVector<Value> values;
  if (!most || !condition || !getValues(node, inits, values))
    return;
  SmallVector<Value> operands{condition, makeInt(0)};
  llvm::append_range(operands, values);
  SmallVector<Type> types(ValueRange(operands).getTypes());
  SmallVector<Location> locs(types.size(), loc);
  auto loop = scf::WhileOp::create(builder, loc, types, operands);

  OpBuilder::InsertionGuard guard(builder);
  Block *before = builder.createBlock(&loop.getBefore(), {}, types, locs);
  Value isLeft = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                       before->getArgument(1), most);
  Value goesOn =
      arith::AndIOp::create(builder, loc, before->getArgument(0), isLeft);
  scf::ConditionOp::create(builder, loc, goesOn, before->getArguments());

  Block *after = builder.createBlock(&loop.getAfter(), {}, types, locs);
  Value number = after->getArgument(1);
  Tensors arguments{
      Tensor::ofValue(tensor::FromElementsOp::create(
          builder, loc, RankedTensorType::get({}, number.getType()), number)),
      makeBool(node, true)};
  for (Value argument : after->getArguments().drop_front(2))
    arguments.push_back(Tensor::ofValue(argument));
  Tensors results;
  if (!importBody(node, *body, arguments, results))
    return;
  results.truncate(1 + numCarried);
  SmallVector<Value> next;
  if (!getValues(node, results, next))
    return;
  auto conditionType = cast<RankedTensorType>(next.front().getType());
  if (!isOneElement(conditionType) ||
      !conditionType.getElementType().isInteger(1))
    return (void)node.error("expected a body whose first output is one "
                            "boolean");
  for (auto [init, value] : llvm::zip(values, llvm::drop_begin(next)))
    if (init.getType() != value.getType()) {
      std::string text;
      llvm::raw_string_ostream(text)
          << init.getType() << " and then " << value.getType();
      return (void)node.error("expected tensors that keep their shape from "
                              "step to step, but got " +
                              text);
    }
  SmallVector<Value> yielded{
      extractScalar(node, next.front()),
      arith::AddIOp::create(builder, loc, number, makeInt(1))};
  yielded.append(next.begin() + 1, next.end());
  if (!yielded.front())
    return;
  scf::YieldOp::create(builder, loc, yielded);
  for (unsigned i = 0; i < numCarried; ++i)
    node.setResult(i, loop.getResult(i + 2));
}

void LoopImporter::run() {
  if (!readInputs())
    return;
  if (starts && !*starts)
    trips = 0;
  if (!starts || (node.hasInput(0) && !trips))
    return importWhile();
  if (!trips)
    return importUnrolled(kMostConditionalSteps);
  if (isUnrolled(*trips, *body))
    return importUnrolled(*trips);
  importCounted(*trips);
}

static void emitLoop(NodeContext &node) { LoopImporter(node).run(); }

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

namespace {
class ScanImporter {
public:
  ScanImporter(NodeContext &node) : node(node) {}
  void run();

private:
  bool readAttributes();
  std::optional<Tensors> scan(ArrayRef<Tensor> states,
                              ArrayRef<Value> sequences);
  void runBatch();

  NodeContext &node;
  const GraphProto *body = nullptr;
  /// Inputs before the first state.
  unsigned firstInput = 0;
  unsigned numStates = 0, numSequences = 0, numOutputs = 0;
  SmallVector<bool> inputReversed, outputReversed;
  SmallVector<int64_t> inputAxes, outputAxes;
};
} // namespace

bool ScanImporter::readAttributes() {
  bool isBatched = node.getVersion() < 9;
  firstInput = isBatched ? 1 : 0;
  body = node.getGraph("body");
  if (!body)
    return (void)node.error("expected attribute 'body'"), false;
  int64_t sequences = node.getRequiredInt("num_scan_inputs");
  int64_t inputs = int64_t(node.getNumInputs()) - firstInput;
  if (node.hasFailed())
    return false;
  if (sequences < 1 || sequences > inputs || body->input_size() != inputs)
    return (void)node.error("expected a body with as many inputs, and at "
                            "least 1 of them a sequence, but got " +
                            Twine(inputs) + " inputs, " +
                            Twine(body->input_size()) + " of the body and " +
                            Twine(sequences) + " sequences"),
           false;
  numSequences = sequences;
  numStates = inputs - sequences;
  if (static_cast<unsigned>(body->output_size()) < numStates ||
      static_cast<unsigned>(body->output_size()) != node.getNumOutputs())
    return (void)node.error("expected a body with " +
                            Twine(node.getNumOutputs()) + " outputs, but got " +
                            Twine(body->output_size())),
           false;
  numOutputs = body->output_size() - numStates;
  for (unsigned i = firstInput; i < node.getNumInputs(); ++i)
    if (!node.hasInput(i))
      return (void)node.error("input " + Twine(i) + " is left out"), false;

  auto read = [&](StringRef name, unsigned count) {
    SmallVector<int64_t> values = node.getInts(name);
    if (values.empty())
      values.assign(count, 0);
    if (values.size() != count)
      (void)node.error("attribute '" + name + "': expected " + Twine(count) +
                       " values, but got " + Twine(values.size()));
    return values;
  };
  auto readDirections = [&](StringRef name, unsigned count) {
    SmallVector<bool> reversed;
    for (int64_t value : read(name, count)) {
      if (value != 0 && value != 1)
        (void)node.error("attribute '" + name + "': expected 0 or 1, but got " +
                         Twine(value));
      reversed.push_back(value == 1);
    }
    return reversed;
  };
  inputReversed = readDirections(
      isBatched ? "directions" : "scan_input_directions", numSequences);
  outputReversed.assign(numOutputs, false);
  inputAxes.assign(numSequences, 0);
  outputAxes.assign(numOutputs, 0);
  if (!isBatched) {
    outputReversed = readDirections("scan_output_directions", numOutputs);
    inputAxes = read("scan_input_axes", numSequences);
    outputAxes = read("scan_output_axes", numOutputs);
  }
  return !node.hasFailed();
}

/// The permutation that brings `axis` to the front, or takes it from there.
static SmallVector<int64_t> moveAxis(int64_t rank, int64_t from, int64_t to) {
  SmallVector<int64_t> perm;
  for (int64_t d = 0; d < rank; ++d)
    if (d != from)
      perm.push_back(d);
  perm.insert(perm.begin() + to, from);
  return perm;
}

/// Sequences have their steps in front; so have the outputs.
std::optional<Tensors> ScanImporter::scan(ArrayRef<Tensor> states,
                                          ArrayRef<Value> sequences) {
  int64_t trips = -1;
  for (auto [index, sequence] : llvm::enumerate(sequences)) {
    int64_t size = cast<RankedTensorType>(sequence.getType()).getDimSize(0);
    unsigned input = firstInput + numStates + index;
    if (ShapedType::isDynamic(size))
      return (void)node.error("the length of the sequence '" +
                              node.getInputName(input) +
                              "' is not known; --shape can fix it"),
             std::nullopt;
    if (trips >= 0 && size != trips)
      return (void)node.error("expected sequences of one length, but got " +
                              Twine(trips) + " and " + Twine(size)),
             std::nullopt;
    trips = size;
  }
  return buildLoop(
      node, trips, states, outputReversed, isUnrolled(trips, *body),
      [&](LoopStep &step, SmallVectorImpl<Tensor> &carried,
          SmallVectorImpl<Tensor> &outputs) {
        Tensors arguments(carried.begin(), carried.end()), results;
        for (auto [sequence, isReversed] :
             llvm::zip(sequences, inputReversed)) {
          Value element = step.take(sequence, isReversed);
          if (!element)
            return;
          arguments.push_back(Tensor::ofValue(element));
        }
        if (!importBody(node, *body, arguments, results))
          return;
        carried.assign(results.begin(), results.begin() + numStates);
        outputs.assign(results.begin() + numStates, results.end());
      });
}

/// Version 8: everything has the batch in front, which the body does not see.
void ScanImporter::runBatch() {
  RankedTensorType first = node.getInputType(firstInput);
  for (unsigned i = firstInput; i < node.getNumInputs(); ++i) {
    RankedTensorType type = node.getInputType(i);
    bool isSequence = i >= firstInput + numStates;
    if (type.getRank() < 1 + isSequence || type.isDynamicDim(0) ||
        type.getDimSize(0) != first.getDimSize(0) || type.getDimSize(0) == 0)
      return (void)node.error("expected inputs with one fixed batch size; "
                              "--shape can fix it");
  }
  if (node.hasInput(0))
    return (void)node.unsupported(" with sequences of different lengths");
  std::vector<Tensors> results(numStates + numOutputs);
  for (int64_t sample = 0; sample < first.getDimSize(0); ++sample) {
    Tensors states;
    SmallVector<Value> sequences;
    LoopStep step(node, first.getDimSize(0), Value(), sample);
    for (unsigned i = firstInput; i < node.getNumInputs(); ++i) {
      Value value = step.take(node.getOperand(i), false);
      if (!value)
        return;
      if (i < firstInput + numStates)
        states.push_back(Tensor::ofValue(value));
      else
        sequences.push_back(value);
    }
    auto scanned = scan(states, sequences);
    if (!scanned)
      return;
    for (auto [all, result] : llvm::zip_equal(results, *scanned))
      all.push_back(result);
  }
  for (auto [index, all] : llvm::enumerate(results))
    if (node.usesOutput(index))
      node.setResult(index, stackSteps(node, all, false));
}

void ScanImporter::run() {
  if (!readAttributes())
    return;
  if (firstInput)
    return runBatch();
  Tensors states;
  SmallVector<Value> sequences;
  for (unsigned i = 0; i < numStates; ++i)
    states.push_back(*node.getInput(i));
  for (unsigned i = 0; i < numSequences; ++i) {
    Value value = node.getOperand(numStates + i);
    if (!value)
      return;
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    int64_t axis = node.normalizeAxis(inputAxes[i], rank);
    if (axis != 0)
      value = node.createTranspose(value, moveAxis(rank, axis, 0));
    if (!value || node.hasFailed())
      return;
    sequences.push_back(value);
  }
  auto results = scan(states, sequences);
  if (!results)
    return;
  for (unsigned i = 0; i < numOutputs; ++i) {
    Tensor &result = (*results)[numStates + i];
    int64_t rank = result.type.getRank();
    int64_t axis = node.normalizeAxis(outputAxes[i], rank);
    if (axis == 0 || node.hasFailed())
      continue;
    Value moved = node.createTranspose(result.value, moveAxis(rank, 0, axis));
    if (!moved)
      return;
    result = Tensor::ofValue(moved);
  }
  for (auto [index, result] : llvm::enumerate(*results))
    node.setResult(index, result);
}

static void emitScan(NodeContext &node) { ScanImporter(node).run(); }

ArrayRef<Operator> frontend::getControlOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"If", 1, last, 1, 1, nullptr, emitIf},
      {"Loop", 1, last, 0, variadic, nullptr, emitLoop},
      {"Scan", 8, last, 0, variadic, nullptr, emitScan},
  };
  return rows;
}
