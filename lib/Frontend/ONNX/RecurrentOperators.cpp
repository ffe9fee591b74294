//===- RecurrentOperators.cpp - RNN, GRU, LSTM ----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The three differ in what one step computes. The inputs' part of all gates and
// steps is one matrix product; in the loop over time there is one product per
// gate, whose epilogue is the rest of the gate.
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include "Loops.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// Sequences up to this length become straight-line code: streaming models
/// advance one step per call.
static constexpr int64_t kMostUnrolledSteps = 4;
/// The numbers of all steps are a constant where sequences have lengths.
static constexpr int64_t kMostMaskedSteps = int64_t(1) << 24;

namespace {
enum class Cell { RNN, GRU, LSTM };

struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

/// What one direction computes with. Gates are in the order of the operator.
struct Direction {
  bool reversed = false;
  SmallVector<Activation> activations;
  Value projected;              // [T, B, G * H]
  SmallVector<Value> recurrent; // per gate [H, H]
  SmallVector<Value> peepholes; // i, o, f: [H]
  Value hiddenBias;             // GRU, linear_before_reset: [H]
  Value hidden, cell;           // initial states [B, H]
  Value mask;                   // [T, B, 1], where lengths differ
};

class RecurrentImporter {
public:
  RecurrentImporter(NodeContext &node, Cell kind)
      : node(node), kind(kind), numGates(kind == Cell::LSTM  ? 4
                                         : kind == Cell::GRU ? 3
                                                             : 1) {}
  void run();

private:
  bool readAttributes();
  bool readActivations();
  bool checkShapes();
  bool checkInput(unsigned index, StringRef what, ArrayRef<int64_t> shape);
  Value readMask();
  void prepare(Direction &direction, int64_t number);
  Value readState(unsigned index, int64_t number);
  Value getZeros(ArrayRef<int64_t> shape);
  /// Row `number` of an input, `size` of its last-but-`behind` elements.
  Value slice(Value value, int64_t number, int64_t start, int64_t size,
              ArrayRef<int64_t> shape, int64_t directionAxis = 0);

  Value add(Value a, Value b) { return node.create<AddOp>({a, b}); }
  Value mul(Value a, Value b) { return node.create<MulOp>({a, b}); }
  Value activate(const Activation &activation, Value value);
  /// Clips and activates.
  Value gate(const Direction &direction, unsigned activation, Value value);
  Value recur(const Direction &direction, unsigned gate, Value hidden);
  Value takeGate(const Direction &direction, LoopStep &step, unsigned gate);
  void stepRNN(const Direction &direction, LoopStep &step, Value &hidden);
  void stepGRU(const Direction &direction, LoopStep &step, Value &hidden);
  void stepLSTM(const Direction &direction, LoopStep &step, Value &hidden,
                Value &cell);
  void emitDirection(const Direction &direction);
  void joinResults();

  NodeContext &node;
  Cell kind;
  int64_t numGates;
  int64_t layout = 0, steps = 0, batch = 0, inputSize = 0, hiddenSize = 0;
  std::optional<double> clip;
  bool inputForget = false, linearBeforeReset = false;
  SmallVector<Direction, 2> directions;
  Value input, mask;
  Type element;
  // Per direction.
  SmallVector<Value> sequences, hiddens, cells;
};
} // namespace

//===----------------------------------------------------------------------===//
// Attributes and shapes
//===----------------------------------------------------------------------===//

bool RecurrentImporter::readAttributes() {
  StringRef direction = node.getString("direction", "forward");
  if (direction == "bidirectional")
    directions.resize(2);
  else if (direction == "forward" || direction == "reverse")
    directions.resize(1);
  else
    return (void)node.error("attribute 'direction': expected forward, reverse "
                            "or bidirectional, but got '" +
                            direction + "'"),
           false;
  directions.back().reversed = direction != "forward";
  if (node.getVersion() >= 14) {
    layout = node.getInt("layout", 0);
    if (layout != 0 && layout != 1)
      return (void)node.error("attribute 'layout': expected 0 or 1, but got " +
                              Twine(layout)),
             false;
  }
  if (node.hasAttribute("clip")) {
    clip = node.getFloat("clip", 0);
    if (!(*clip >= 0))
      return (void)node.error("attribute 'clip': expected a number that is not "
                              "negative"),
             false;
  }
  if (kind == Cell::LSTM)
    inputForget = node.getBool("input_forget", false);
  if (kind == Cell::GRU)
    linearBeforeReset = node.getBool("linear_before_reset", false);
  return readActivations() && !node.hasFailed();
}

/// Activations by name, each with the numbers that it takes if none are given.
/// A name that is not here is not known.
static std::optional<Activation>
findActivation(StringRef name, bool &takesAlpha, bool &takesBeta) {
  struct Row {
    StringLiteral name;
    bool takesAlpha, takesBeta;
    double alpha, beta;
  };
  static const Row rows[] = {
      {"relu", false, false, 0, 0},
      {"tanh", false, false, 0, 0},
      {"sigmoid", false, false, 0, 0},
      {"affine", true, true, 1, 0},
      {"leakyrelu", true, false, 0.01, 0},
      {"thresholdedrelu", true, false, 1, 0},
      {"scaledtanh", true, true, 1, 1},
      {"hardsigmoid", true, true, 0.2, 0.5},
      {"elu", true, false, 1, 0},
      {"softsign", false, false, 0, 0},
      {"softplus", false, false, 0, 0},
  };
  std::string lower = name.lower();
  for (const Row &row : rows)
    if (row.name == lower) {
      takesAlpha = row.takesAlpha;
      takesBeta = row.takesBeta;
      return Activation{lower, row.alpha, row.beta};
    }
  return std::nullopt;
}

bool RecurrentImporter::readActivations() {
  SmallVector<StringRef> defaults{"Tanh"};
  if (kind == Cell::GRU)
    defaults = {"Sigmoid", "Tanh"};
  if (kind == Cell::LSTM)
    defaults = {"Sigmoid", "Tanh", "Tanh"};
  size_t perDirection = defaults.size();
  SmallVector<StringRef> names = node.getStrings("activations");
  if (names.empty())
    for (size_t i = 0; i < directions.size(); ++i)
      llvm::append_range(names, defaults);
  if (names.size() != perDirection * directions.size())
    return (void)node.error("attribute 'activations': expected " +
                            Twine(perDirection * directions.size()) +
                            " names, but got " + Twine(names.size())),
           false;
  // The numbers go to those activations that take one, in their order.
  SmallVector<double> alphas = node.getFloats("activation_alpha"),
                      betas = node.getFloats("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  for (auto [index, name] : llvm::enumerate(names)) {
    bool takesAlpha = false, takesBeta = false;
    std::optional<Activation> activation =
        findActivation(name, takesAlpha, takesBeta);
    if (!activation)
      return (void)node.error("attribute 'activations': '" + name +
                              "' is not supported"),
             false;
    if (takesAlpha && nextAlpha < alphas.size())
      activation->alpha = alphas[nextAlpha++];
    if (takesBeta && nextBeta < betas.size())
      activation->beta = betas[nextBeta++];
    directions[index / perDirection].activations.push_back(*activation);
  }
  return true;
}

bool RecurrentImporter::checkInput(unsigned index, StringRef what,
                                   ArrayRef<int64_t> shape) {
  if (!node.hasInput(index))
    return true;
  RankedTensorType type = node.getInputType(index);
  if (type.getShape() == shape && type.getElementType() == element)
    return true;
  std::string text;
  llvm::raw_string_ostream(text)
      << "expected " << what << " of type "
      << RankedTensorType::get(shape, element) << ", but got " << type;
  return (void)node.error(text), false;
}

bool RecurrentImporter::checkShapes() {
  for (unsigned i : {0u, 1u, 2u})
    if (node.getInputRank(i) != 3)
      return (void)node.error("expected an input " + Twine(i) +
                              " of rank 3, but got rank " +
                              Twine(node.getInputRank(i))),
             false;
  RankedTensorType x = node.getInputType(0);
  element = x.getElementType();
  if (!isa<FloatType>(element))
    return (void)node.error("expected floating-point elements"), false;
  steps = x.getDimSize(layout == 0 ? 0 : 1);
  batch = x.getDimSize(layout == 0 ? 1 : 0);
  inputSize = x.getDimSize(2);
  if (ShapedType::isDynamic(steps))
    return (void)node.error("the length of the sequence '" +
                            node.getInputName(0) +
                            "' is not known; --shape can fix it"),
           false;
  if (ShapedType::isDynamic(inputSize) || steps == 0 || inputSize == 0 ||
      batch == 0)
    return (void)node.error("expected a sequence of fixed sizes that are not "
                            "0"),
           false;
  RankedTensorType r = node.getInputType(2);
  hiddenSize = node.getInt("hidden_size", r.getDimSize(2));
  // Sizes that multiply without overflow, and shapes to compare with.
  if (hiddenSize < 1 || hiddenSize > (int64_t(1) << 31))
    return (void)node.error("attribute 'hidden_size': expected a positive "
                            "number, but got " +
                            Twine(hiddenSize)),
           false;
  int64_t count = directions.size(), rows = numGates * hiddenSize;
  SmallVector<int64_t> state = {count, batch, hiddenSize};
  if (layout == 1)
    std::swap(state[0], state[1]);
  return checkInput(1, "weights", {count, rows, inputSize}) &&
         checkInput(2, "recurrent weights", {count, rows, hiddenSize}) &&
         checkInput(3, "biases", {count, 2 * rows}) &&
         checkInput(5, "initial states", state) &&
         (kind != Cell::LSTM ||
          (checkInput(6, "initial cell states", state) &&
           checkInput(7, "peepholes", {count, 3 * hiddenSize})));
}

//===----------------------------------------------------------------------===//
// Weights and states
//===----------------------------------------------------------------------===//

Value RecurrentImporter::slice(Value value, int64_t number, int64_t start,
                               int64_t size, ArrayRef<int64_t> shape,
                               int64_t directionAxis) {
  if (!value || node.hasFailed())
    return {};
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> starts(type.getRank(), 0), steps(type.getRank(), 1),
      sizes(type.getShape());
  starts[directionAxis] = number;
  sizes[directionAxis] = 1;
  if (directionAxis == 0) {
    starts[1] = start;
    sizes[1] = size;
  }
  if (ArrayRef<int64_t>(sizes) != type.getShape()) {
    std::replace(sizes.begin(), sizes.end(), ShapedType::kDynamic, int64_t(-1));
    value = node.create<SliceOp>(value, {node.i64s("starts", starts),
                                         node.i64s("sizes", sizes),
                                         node.i64s("steps", steps)});
  }
  return node.createReshape(value, shape);
}

Value RecurrentImporter::getZeros(ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, element);
  if (type.hasStaticShape())
    return ConstantOp::create(
        node.getBuilder(), node.getLoc(),
        cast<ElementsAttr>(node.getBuilder().getZeroAttr(type)));
  return node.createTyped(BroadcastOp::getOperationName(),
                          node.createScalar(0, element), type);
}

Value RecurrentImporter::readState(unsigned index, int64_t number) {
  SmallVector<int64_t> shape{batch, hiddenSize};
  if (!node.hasInput(index))
    return getZeros(shape);
  if (layout == 1)
    return slice(node.getOperand(index), number, 0, 0, shape,
                 /*directionAxis=*/1);
  return slice(node.getOperand(index), number, 0, batch, shape);
}

void RecurrentImporter::prepare(Direction &direction, int64_t number) {
  int64_t rows = numGates * hiddenSize;
  Value weights = slice(node.getOperand(1), number, 0, rows, {rows, inputSize});
  SmallVector<Value> operands{input, weights};
  if (node.hasInput(3)) {
    Value all = node.getOperand(3);
    auto part = [&](int64_t start, int64_t size) {
      return slice(all, number, start, size, size);
    };
    if (kind == Cell::GRU && linearBeforeReset) {
      // The hidden gate's recurrent bias is multiplied by the reset gate.
      int64_t others = 2 * hiddenSize;
      direction.hiddenBias = part(rows + others, hiddenSize);
      operands.push_back(node.create<ConcatOp>(
          {add(part(0, others), part(rows, others)), part(others, hiddenSize)},
          node.i64("axis", 0)));
    } else {
      operands.push_back(add(part(0, rows), part(rows, rows)));
    }
  }
  auto transposed = node.attr("transpose_b", UnitAttr::get(node.getContext()));
  direction.projected = node.create<MatMulOp>(operands, transposed);
  for (int64_t gate = 0; gate < numGates; ++gate)
    direction.recurrent.push_back(slice(node.getOperand(2), number,
                                        gate * hiddenSize, hiddenSize,
                                        {hiddenSize, hiddenSize}));
  direction.hidden = readState(5, number);
  if (kind == Cell::LSTM) {
    direction.cell = readState(6, number);
    if (node.hasInput(7))
      for (int64_t i = 0; i < 3; ++i)
        direction.peepholes.push_back(slice(node.getOperand(7), number,
                                            i * hiddenSize, hiddenSize,
                                            hiddenSize));
  }
  direction.mask = mask;
}

/// Whether a step lies within its sequence, or null where all do.
Value RecurrentImporter::readMask() {
  if (!node.hasInput(4))
    return {};
  RankedTensorType type = node.getInputType(4);
  if (type.getRank() != 1 || type.getDimSize(0) != batch ||
      !type.getElementType().isInteger(32))
    return (void)node.error(
               "expected sequence lengths of one i32 per sequence"),
           Value();
  if (steps > kMostMaskedSteps)
    return (void)node.error("expected at most " + Twine(kMostMaskedSteps) +
                            " steps beside sequence lengths, but got " +
                            Twine(steps)),
           Value();
  std::optional<KnownTensor> known = node.getKnown(4);
  if (known && llvm::all_of(known->ints, [&](Size length) {
        return length == Size::constant(steps);
      }))
    return {};
  // number of the step < length, for [T, 1, 1] numbers and [1, B, 1] lengths
  auto numbersType =
      RankedTensorType::get({steps, 1, 1}, type.getElementType());
  SmallVector<int32_t> numbers =
      llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(steps)));
  Value count = ConstantOp::create(
      node.getBuilder(), node.getLoc(),
      makeElements(
          {numbersType,
           {reinterpret_cast<const char *>(numbers.data()),
            reinterpret_cast<const char *>(numbers.data() + numbers.size())}},
          node.getName()));
  Value lengths = node.createReshape(node.getOperand(4), {1, batch, 1});
  return node.create<CompareOp>(
      {count, lengths},
      node.attr("predicate", ComparePredicateAttr::get(node.getContext(),
                                                       ComparePredicate::LT)));
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Value RecurrentImporter::activate(const Activation &activation, Value value) {
  auto scaled = [&](Value x, double factor) {
    return factor == 1 ? x : mul(x, node.createScalar(factor, element));
  };
  StringRef name = activation.name;
  NamedAttribute alpha = node.f64("alpha", activation.alpha),
                 beta = node.f64("beta", activation.beta);
  if (name == "tanh")
    return node.create<TanhOp>(value);
  if (name == "sigmoid")
    return node.create<SigmoidOp>(value);
  if (name == "relu")
    return node.create<ReluOp>(value);
  if (name == "affine") {
    Value product = scaled(value, activation.alpha);
    return activation.beta == 0
               ? product
               : add(product, node.createScalar(activation.beta, element));
  }
  if (name == "leakyrelu")
    return node.create<LeakyReluOp>(value, alpha);
  if (name == "scaledtanh")
    return scaled(node.create<TanhOp>(scaled(value, activation.beta)),
                  activation.alpha);
  if (name == "hardsigmoid")
    return node.create<HardSigmoidOp>(value, {alpha, beta});
  if (name == "elu")
    return node.create<EluOp>(value, alpha);
  if (name == "softsign")
    return node.create<SoftsignOp>(value);
  if (name == "thresholdedrelu")
    return node.create<ThresholdedReluOp>(value, alpha);
  return node.create<SoftplusOp>(value);
}

Value RecurrentImporter::gate(const Direction &direction, unsigned activation,
                              Value value) {
  if (clip)
    value = node.create<ClipOp>(
        value, {node.f64("min", -*clip), node.f64("max", *clip)});
  return activate(direction.activations[activation], value);
}

Value RecurrentImporter::recur(const Direction &direction, unsigned gate,
                               Value hidden) {
  return node.create<MatMulOp>(
      {hidden, direction.recurrent[gate]},
      node.attr("transpose_b", UnitAttr::get(node.getContext())));
}

Value RecurrentImporter::takeGate(const Direction &direction, LoopStep &step,
                                  unsigned gate) {
  return step.take(direction.projected, direction.reversed, gate * hiddenSize,
                   hiddenSize);
}

/// h' = f(x W + h R + b)
void RecurrentImporter::stepRNN(const Direction &direction, LoopStep &step,
                                Value &hidden) {
  hidden = gate(direction, 0,
                add(recur(direction, 0, hidden), takeGate(direction, step, 0)));
}

/// z and r as in RNN; n = g(x W + (r h) R + b), or g(x W + b + r (h R + b'))
/// with linear_before_reset; h' = (1 - z) n + z h
void RecurrentImporter::stepGRU(const Direction &direction, LoopStep &step,
                                Value &hidden) {
  Value update =
      gate(direction, 0,
           add(recur(direction, 0, hidden), takeGate(direction, step, 0)));
  Value reset =
      gate(direction, 0,
           add(recur(direction, 1, hidden), takeGate(direction, step, 1)));
  Value part;
  if (linearBeforeReset) {
    part = recur(direction, 2, hidden);
    if (direction.hiddenBias)
      part = add(part, direction.hiddenBias);
    part = mul(part, reset);
  } else {
    part = recur(direction, 2, mul(reset, hidden));
  }
  Value fresh = gate(direction, 1, add(part, takeGate(direction, step, 2)));
  // The same as above, with all that depends on n behind its product.
  hidden = add(fresh, mul(node.create<SubOp>({hidden, fresh}), update));
}

/// i, o, f as in RNN plus peepholes; c' = f c + i g(x W + h R + b);
/// h' = o h(c')
void RecurrentImporter::stepLSTM(const Direction &direction, LoopStep &step,
                                 Value &hidden, Value &cell) {
  enum Gate { In, Out, Forget, Fresh };
  auto sum = [&](Gate number, Value peeped) {
    Value result = add(recur(direction, number, hidden),
                       takeGate(direction, step, number));
    if (number != Fresh && !direction.peepholes.empty())
      result = add(result, mul(peeped, direction.peepholes[number]));
    return result;
  };
  Value in = gate(direction, 0, sum(In, cell));
  Value forget;
  if (inputForget)
    forget = node.create<SubOp>({node.createScalar(1, element), in});
  else
    forget = gate(direction, 0, sum(Forget, cell));
  Value kept = mul(forget, cell);
  Value fresh = gate(direction, 1, sum(Fresh, Value()));
  Value next = add(mul(fresh, in), kept);
  Value shown = gate(direction, 2, next);
  Value out = gate(direction, 0, sum(Out, next));
  hidden = mul(out, shown);
  cell = next;
}

void RecurrentImporter::emitDirection(const Direction &direction) {
  Tensors inits{Tensor::ofValue(direction.hidden)};
  if (kind == Cell::LSTM)
    inits.push_back(Tensor::ofValue(direction.cell));
  SmallVector<bool> reversed;
  if (node.usesOutput(0))
    reversed.push_back(direction.reversed);
  auto body = [&](LoopStep &step, SmallVectorImpl<Tensor> &carried,
                  SmallVectorImpl<Tensor> &outputs) {
    Value hidden = carried[0].value;
    Value cell = carried.size() > 1 ? carried[1].value : Value();
    if (kind == Cell::RNN)
      stepRNN(direction, step, hidden);
    else if (kind == Cell::GRU)
      stepGRU(direction, step, hidden);
    else
      stepLSTM(direction, step, hidden, cell);
    if (node.hasFailed())
      return;
    // Behind the end of its sequence the state stays and the output is 0.
    Value output = hidden;
    if (direction.mask) {
      Value isInside = step.take(direction.mask, direction.reversed);
      auto select = [&](Value inside, Value outside) {
        return node.create<WhereOp>({isInside, inside, outside});
      };
      hidden = select(hidden, carried[0].value);
      if (node.usesOutput(0))
        output = select(hidden, node.createScalar(0, element));
      if (cell)
        cell = select(cell, carried[1].value);
      if (node.hasFailed())
        return;
    }
    carried[0] = Tensor::ofValue(hidden);
    if (cell)
      carried[1] = Tensor::ofValue(cell);
    if (node.usesOutput(0))
      outputs.push_back(Tensor::ofValue(output));
  };
  auto results = buildLoop(node, steps, inits, reversed,
                           steps <= kMostUnrolledSteps, body);
  if (!results)
    return;
  hiddens.push_back((*results)[0].value);
  if (kind == Cell::LSTM)
    cells.push_back((*results)[1].value);
  if (node.usesOutput(0))
    sequences.push_back(results->back().value);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Y is [T, D, B, H] of [T, B, H] per direction, or [B, T, D, H] in layout 1;
/// Y_h and Y_c are [D, B, H] or [B, D, H].
void RecurrentImporter::joinResults() {
  auto join = [&](ArrayRef<Value> parts, int64_t axis) -> Value {
    SmallVector<Value> expanded;
    for (Value part : parts) {
      if (!part)
        return {};
      SmallVector<int64_t> shape(
          cast<RankedTensorType>(part.getType()).getShape());
      shape.insert(shape.begin() + axis, 1);
      expanded.push_back(node.createReshape(part, shape));
    }
    return expanded.size() == 1
               ? expanded.front()
               : node.create<ConcatOp>(expanded, node.i64("axis", axis));
  };
  if (node.usesOutput(0)) {
    if (layout == 1)
      for (Value &sequence : sequences)
        sequence = node.createTranspose(sequence, {1, 0, 2});
    node.setResult(0, join(sequences, layout == 0 ? 1 : 2));
  }
  node.setResult(1, join(hiddens, layout));
  if (kind == Cell::LSTM)
    node.setResult(2, join(cells, layout));
}

void RecurrentImporter::run() {
  if (!readAttributes() || !checkShapes())
    return;
  mask = readMask();
  input = node.getOperand(0);
  if (layout == 1)
    input = node.createTranspose(input, {1, 0, 2});
  for (auto [number, direction] : llvm::enumerate(directions)) {
    prepare(direction, number);
    if (node.hasFailed())
      return;
    emitDirection(direction);
    if (node.hasFailed())
      return;
  }
  joinResults();
}

static void emitRNN(NodeContext &node) {
  RecurrentImporter(node, Cell::RNN).run();
}
static void emitGRU(NodeContext &node) {
  RecurrentImporter(node, Cell::GRU).run();
}
static void emitLSTM(NodeContext &node) {
  RecurrentImporter(node, Cell::LSTM).run();
}

ArrayRef<Operator> frontend::getRecurrentOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"RNN", 7, last, 3, 6, nullptr, emitRNN},
      {"GRU", 7, last, 3, 6, nullptr, emitGRU},
      {"LSTM", 7, last, 3, 8, nullptr, emitLSTM},
  };
  return rows;
}
