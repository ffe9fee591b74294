//===- GraphImporter.cpp - walks an ONNX graph
//-----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks what names a graph defines and uses, orders its nodes, and imports
// those that its outputs depend on.
//
//===----------------------------------------------------------------------===//

#include "FunctionCalls.h"
#include "Importer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/Path.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;
using onnx::GraphProto;
using onnx::NodeProto;

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Tensor Tensor::poisoned() {
  Tensor tensor;
  tensor.isPoisoned = true;
  return tensor;
}

Tensor Tensor::missing() {
  Tensor tensor;
  tensor.isMissing = true;
  return tensor;
}

Tensor Tensor::ofValue(Value value) {
  Tensor tensor;
  tensor.type = cast<RankedTensorType>(value.getType());
  tensor.value = value;
  return tensor;
}

Tensor Tensor::ofConstant(ElementsAttr elements) {
  Tensor tensor;
  tensor.type = cast<RankedTensorType>(elements.getShapedType());
  tensor.constant = elements;
  return tensor;
}

Tensor Tensor::ofKnown(KnownTensor known) {
  Tensor tensor;
  tensor.type = RankedTensorType::get(known.shape, known.elementType);
  tensor.known = std::move(known);
  return tensor;
}

Value frontend::materialize(ModelContext &model, Tensor &tensor,
                            StringRef name) {
  if (tensor.value)
    return tensor.value;
  if (!tensor.constant) {
    if (!tensor.known || !tensor.known->isConstant())
      return {};
    DenseElementsAttr elements = tensor.known->toElements();
    tensor.constant = elements;
    // Computed weights go the way of the model's own.
    FailureOr<std::vector<char>> bytes = getBytes(elements);
    if (succeeded(bytes) && !elements.isSplat())
      tensor.constant = makeElements({tensor.type, std::move(*bytes)}, name);
  }
  // Others than the body of a loop may read the constant: it stands before the
  // loop.
  OpBuilder::InsertionGuard guard(model.builder);
  Operation *around = model.builder.getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(around)) {
    model.builder.setInsertionPoint(around);
    around = around->getParentOp();
  }
  tensor.value = ConstantOp::create(model.builder, model.getLocation(name),
                                    tensor.constant);
  return tensor.value;
}

//===----------------------------------------------------------------------===//
// ModelContext
//===----------------------------------------------------------------------===//

Location ModelContext::getLocation(StringRef name) {
  StringRef file = llvm::sys::path::filename(diagnostics.getFile());
  return NameLoc::get(StringAttr::get(context, name),
                      FileLineColLoc::get(context, file, 0, 0));
}

Location ModelContext::getNodeLocation(StringRef name,
                                       const onnx::NodeProto &node) {
  Location loc = getLocation(name);
  StringRef tensor;
  for (const std::string &output : node.output()) {
    if (!output.empty() && !tensor.empty())
      return loc;
    if (!output.empty())
      tensor = output;
  }
  if (tensor.empty())
    return loc;
  return FusedLoc::get(context, loc,
                       StringAttr::get(context, namePrefix + tensor));
}

void ModelContext::reportUnsupported() {
  // One line per operator as long as there is room; all operators are named.
  constexpr size_t mostLines = 4, mostNodes = 3;
  std::string rest;
  for (auto [index, entry] : llvm::enumerate(unsupported)) {
    const auto &[description, nodes] = entry;
    if (index >= mostLines && unsupported.size() > mostLines + 1) {
      rest += (rest.empty() ? "" : ", ") +
              description.substr(0, description.find(')') + 1);
      continue;
    }
    std::string line = "operator " + description + "; used by " +
                       (nodes.size() == 1 ? "node " : "nodes ");
    for (size_t i = 0; i < std::min(nodes.size(), mostNodes); ++i)
      line += (i ? ", '" : "'") + nodes[i] + "'";
    if (nodes.size() > mostNodes)
      line += " and " + std::to_string(nodes.size() - mostNodes) + " more";
    (void)diagnostics.error(line);
  }
  if (!rest.empty())
    (void)diagnostics.error("operators not supported either: " + rest);
  unsupported.clear();
}

//===----------------------------------------------------------------------===//
// Order of nodes
//===----------------------------------------------------------------------===//

/// Names that a node reads, those of its subgraphs included.
static void collectInputs(const NodeProto &node,
                          SmallVectorImpl<StringRef> &names) {
  for (const std::string &input : node.input())
    if (!input.empty())
      names.push_back(input);
  for (const auto &attribute : node.attribute()) {
    if (attribute.has_g())
      collectFreeNames(attribute.g(), names);
    for (const GraphProto &graph : attribute.graphs())
      collectFreeNames(graph, names);
  }
}

void frontend::collectFreeNames(const GraphProto &graph,
                                SmallVectorImpl<StringRef> &names) {
  llvm::StringSet<> defined;
  for (const auto &input : graph.input())
    defined.insert(input.name());
  for (const auto &initializer : graph.initializer())
    defined.insert(initializer.name());
  for (const NodeProto &node : graph.node())
    for (const std::string &output : node.output())
      defined.insert(output);
  SmallVector<StringRef> used;
  for (const NodeProto &node : graph.node())
    collectInputs(node, used);
  for (const auto &output : graph.output())
    used.push_back(output.name());
  for (StringRef name : used)
    if (!defined.contains(name))
      names.push_back(name);
}

namespace {
/// The nodes of one graph and the names that connect them.
class GraphOrder {
public:
  GraphOrder(ModelContext &model, Scope &scope, const GraphProto &graph)
      : model(model), scope(scope), graph(graph) {}

  /// Every name has one definition, and every use has one.
  LogicalResult check();
  /// The nodes that the outputs depend on, each after those that it uses.
  FailureOr<SmallVector<int>> sort();

private:
  std::string describe(const NodeProto &node, int index) const {
    return "node '" +
           (node.name().empty() ? node.op_type() + "_" + std::to_string(index)
                                : node.name()) +
           "'";
  }

  ModelContext &model;
  Scope &scope;
  const GraphProto &graph;
  /// The node that computes each name.
  llvm::StringMap<int> producers;
};
} // namespace

LogicalResult GraphOrder::check() {
  bool ok = true;
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    for (const std::string &output : node.output()) {
      if (output.empty())
        continue;
      auto [it, isNew] = producers.try_emplace(output, index);
      std::string other;
      if (!isNew)
        other = describe(graph.node(it->second), it->second);
      else if (scope.find(output))
        other = "an input, an initialiser or a tensor of the graph around it";
      else
        continue;
      ok = false;
      (void)model.diagnostics.error(describe(node, index) + ": tensor '" +
                                    output + "' is already defined by " +
                                    other);
    }
  }
  llvm::StringSet<> reported;
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    SmallVector<StringRef> inputs;
    collectInputs(node, inputs);
    for (StringRef input : inputs) {
      if (producers.contains(input) || scope.find(input) ||
          !reported.insert(input).second)
        continue;
      ok = false;
      (void)model.diagnostics.error(
          describe(node, index) + ": input '" + input +
          "' is defined nowhere: no initialiser, input or node has that name");
    }
  }
  for (const auto &output : graph.output()) {
    if (producers.contains(output.name()) || scope.find(output.name()))
      continue;
    ok = false;
    (void)model.diagnostics.error("output '" + output.name() +
                                  "' is computed by no node");
  }
  return success(ok);
}

FailureOr<SmallVector<int>> GraphOrder::sort() {
  // Depth-first from the outputs, with an own stack: graphs are deep.
  enum State { Unseen, Open, Done };
  SmallVector<State> states(graph.node_size(), Unseen);
  SmallVector<int> order;
  struct Frame {
    int node;
    SmallVector<StringRef> inputs;
    size_t next = 0;
  };
  std::vector<Frame> stack;
  auto open = [&](int node) {
    states[node] = Open;
    stack.emplace_back();
    stack.back().node = node;
    collectInputs(graph.node(node), stack.back().inputs);
  };
  for (const auto &output : graph.output()) {
    auto producer = producers.find(output.name());
    if (producer == producers.end() || states[producer->second] != Unseen)
      continue;
    open(producer->second);
    while (!stack.empty()) {
      Frame &frame = stack.back();
      if (frame.next == frame.inputs.size()) {
        states[frame.node] = Done;
        order.push_back(frame.node);
        stack.pop_back();
        continue;
      }
      auto input = producers.find(frame.inputs[frame.next++]);
      if (input == producers.end() || states[input->second] == Done)
        continue;
      if (states[input->second] == Open)
        return model.diagnostics.error(
            describe(graph.node(frame.node), frame.node) + ": input '" +
            input->first() +
            "' depends on the node itself: the graph has a "
            "cycle");
      open(input->second);
    }
  }
  // The order of the file, where it is one: it is what people read.
  llvm::DenseSet<int> wanted(order.begin(), order.end());
  SmallVector<int> sorted(order);
  llvm::sort(sorted);
  llvm::DenseSet<int> seen;
  for (int node : sorted) {
    SmallVector<StringRef> inputs;
    collectInputs(graph.node(node), inputs);
    for (StringRef input : inputs) {
      auto producer = producers.find(input);
      if (producer != producers.end() && !seen.contains(producer->second))
        return order;
    }
    seen.insert(node);
  }
  return sorted;
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

static LogicalResult importInitializers(ModelContext &model, Scope &scope,
                                        const GraphProto &graph) {
  bool ok = true;
  if (graph.sparse_initializer_size())
    return model.diagnostics.error("sparse initialisers are not supported");
  llvm::StringSet<> names;
  for (const auto &initializer : graph.initializer()) {
    std::string what = "initialiser '" + initializer.name() + "'";
    if (initializer.name().empty()) {
      ok = false;
      (void)model.diagnostics.error("initialiser without a name");
      continue;
    }
    if (!names.insert(initializer.name()).second) {
      ok = false;
      (void)model.diagnostics.error(what + ": defined twice");
      continue;
    }
    FailureOr<TensorData> data =
        readTensor(initializer, what, model.externalData, model.context,
                   model.diagnostics);
    if (failed(data)) {
      ok = false;
      scope.insert(initializer.name(), Tensor::poisoned());
      continue;
    }
    scope.insert(initializer.name(),
                 Tensor::ofConstant(makeElements(*data, initializer.name())));
  }
  return success(ok);
}

/// Whether the inputs are as many as the operator takes, and all are there.
static bool checkInputs(NodeContext &node, const Operator &op) {
  const NodeProto &proto = node.getNode();
  unsigned count = node.getNumInputs();
  auto plural = [](unsigned n) { return n == 1 ? " input" : " inputs"; };
  if (count > op.maxInputs)
    return (void)node.error("expected at most " + Twine(op.maxInputs) +
                            plural(op.maxInputs) + ", but got " + Twine(count)),
           false;
  if (count < op.minInputs)
    return (void)node.error("expected at least " + Twine(op.minInputs) +
                            plural(op.minInputs) + ", but got " + Twine(count)),
           false;
  for (unsigned i = 0; i < op.minInputs; ++i)
    if (!node.hasInput(i))
      return (void)node.error("input " + Twine(i) + " is left out"), false;
  SmallVector<StringRef> names;
  collectInputs(proto, names);
  bool isPoisoned = false;
  for (StringRef name : names) {
    // Names that a subgraph itself defines are not in this scope.
    Tensor *tensor = node.getScope().find(name);
    if (tensor && tensor->isMissing)
      return (void)node.error("input '" + name +
                              "' is an optional output of its node that is not "
                              "supported"),
             false;
    isPoisoned |= tensor && tensor->isPoisoned;
  }
  return !isPoisoned;
}

static void importNode(NodeContext &node, const Operator &op) {
  if (op.fold && op.fold(node))
    return;
  if (node.hasFailed())
    return;
  if (!op.emit)
    return (void)node.unsupported(
        " on tensors that are only known when the model runs");
  op.emit(node);
  if (!node.hasFailed())
    node.checkAllAttributesRead();
}

static bool isKnownOperator(NodeContext &node) {
  const NodeProto &proto = node.getNode();
  return findFunction(node) ||
         node.getModel().operators.find(proto.domain(), proto.op_type(),
                                        node.getVersion());
}

/// Records the operators that are not known in the graphs that a node holds, or
/// in the function that it calls.
static void
reportUnknownInside(ModelContext &model, Scope &scope, const NodeProto &proto,
                    int64_t index,
                    llvm::SmallPtrSetImpl<const onnx::FunctionProto *> &seen) {
  auto visit = [&](const auto &nodes) {
    for (auto [inner, node] : llvm::enumerate(nodes)) {
      NodeContext context(model, scope, node, inner);
      if (!isKnownOperator(context))
        (void)context.unsupported("");
      reportUnknownInside(model, scope, node, inner, seen);
    }
  };
  for (const auto &attribute : proto.attribute()) {
    if (attribute.has_g())
      visit(attribute.g().node());
    for (const GraphProto &graph : attribute.graphs())
      visit(graph.node());
  }
  NodeContext node(model, scope, proto, index);
  const onnx::FunctionProto *function = findFunction(node);
  if (!function || !seen.insert(function).second)
    return;
  FunctionScope inside(node, *function);
  visit(function->node());
}

/// What calls of the model's own functions have of a row of the table.
static const Operator functionCall = {"function", 1,       variadic, 0,
                                      variadic,   nullptr, nullptr};

LogicalResult frontend::importGraph(ModelContext &model, Scope &scope,
                                    const GraphProto &graph) {
  LogicalResult initializers = importInitializers(model, scope, graph);
  GraphOrder order(model, scope, graph);
  LogicalResult names = order.check();
  if (failed(initializers) || failed(names))
    return failure();
  FailureOr<SmallVector<int>> sorted = order.sort();
  if (failed(sorted))
    return failure();

  // All operators that are missing, before any other problem of the nodes.
  bool isSupported = true;
  for (int index : *sorted) {
    const NodeProto &proto = graph.node(index);
    NodeContext node(model, scope, proto, index);
    if (!isKnownOperator(node))
      isSupported = succeeded(node.unsupported("")) && isSupported;
  }
  if (!isSupported) {
    // Inner graphs may hold more of them.
    llvm::SmallPtrSet<const onnx::FunctionProto *, 4> seen;
    for (int index : *sorted)
      reportUnknownInside(model, scope, graph.node(index), index, seen);
    return failure();
  }

  bool ok = true;
  for (int index : *sorted) {
    const NodeProto &proto = graph.node(index);
    NodeContext node(model, scope, proto, index);
    const onnx::FunctionProto *function = findFunction(node);
    const Operator &op =
        function ? functionCall
                 : *model.operators.find(proto.domain(), proto.op_type(),
                                         node.getVersion());
    bool canImport = checkInputs(node, op);
    if (canImport && function)
      importCall(node, *function);
    else if (canImport)
      importNode(node, op);
    bool isPoisoned = !canImport || node.hasFailed();
    ok &= !node.hasFailed();
    for (unsigned i = 0; i < node.getNumOutputs(); ++i) {
      if (!node.usesOutput(i))
        continue;
      std::optional<Tensor> &result = node.getResults()[i];
      scope.insert(proto.output(i), isPoisoned ? Tensor::poisoned()
                                    : result   ? std::move(*result)
                                               : Tensor::missing());
    }
  }
  return success(ok);
}
