//===- FunctionCalls.cpp - a model's own functions ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionCalls.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;

/// Functions that call others twice can make a small file a model without end.
static constexpr int64_t kMostCalls = 1 << 16;

const onnx::FunctionProto *frontend::findFunction(NodeContext &node) {
  const NodeProto &proto = node.getNode();
  return node.getModel().functions.lookup(proto.domain() + "." +
                                          proto.op_type());
}

FunctionScope::FunctionScope(NodeContext &call,
                             const onnx::FunctionProto &function)
    : model(call.getModel()), opsets(model.opsets),
      namePrefix(model.namePrefix) {
  model.activeFunctions.push_back(&function);
  for (const auto &opset : function.opset_import())
    model.opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] =
        opset.version();
  model.namePrefix = call.getName() + "/";
}

FunctionScope::~FunctionScope() {
  model.activeFunctions.pop_back();
  model.opsets = std::move(opsets);
  model.namePrefix = std::move(namePrefix);
}

/// Gives attributes that stand for one of the call's their value; those that
/// the call leaves out are left out.
static void bindAttributes(const NodeProto &call, GraphProto &graph);

static void bindAttributes(const NodeProto &call, NodeProto &node) {
  google::protobuf::RepeatedPtrField<AttributeProto> bound;
  for (AttributeProto &attribute : *node.mutable_attribute()) {
    if (!attribute.ref_attr_name().empty()) {
      for (const AttributeProto &given : call.attribute()) {
        if (given.name() != attribute.ref_attr_name())
          continue;
        AttributeProto &copy = *bound.Add();
        copy = given;
        copy.set_name(attribute.name());
      }
      continue;
    }
    if (attribute.has_g())
      bindAttributes(call, *attribute.mutable_g());
    for (GraphProto &graph : *attribute.mutable_graphs())
      bindAttributes(call, graph);
    *bound.Add() = attribute;
  }
  node.mutable_attribute()->Swap(&bound);
}

static void bindAttributes(const NodeProto &call, GraphProto &graph) {
  for (NodeProto &node : *graph.mutable_node())
    bindAttributes(call, node);
}

void frontend::importCall(NodeContext &node,
                          const onnx::FunctionProto &function) {
  ModelContext &model = node.getModel();
  const NodeProto &call = node.getNode();
  if (llvm::is_contained(model.activeFunctions, &function))
    return (void)node.error("is a call of the function inside of itself");
  if (++model.numCalls > kMostCalls)
    return (void)node.error("expected at most " + Twine(kMostCalls) +
                            " calls of functions");
  if (call.input_size() > function.input_size() ||
      call.output_size() > function.output_size())
    return (void)node.error("expected at most " + Twine(function.input_size()) +
                            " inputs and " + Twine(function.output_size()) +
                            " outputs, but got " + Twine(call.input_size()) +
                            " and " + Twine(call.output_size()));

  // The function sees its own inputs, versions and nothing else.
  GraphProto graph;
  graph.mutable_node()->CopyFrom(function.node());
  Scope scope;
  llvm::StringSet<> absent;
  for (int i = 0; i < function.input_size(); ++i) {
    if (Tensor *tensor = node.getInput(i))
      scope.insert(function.input(i), *tensor);
    else
      absent.insert(function.input(i));
  }
  for (NodeProto &inner : *graph.mutable_node()) {
    for (std::string &input : *inner.mutable_input())
      if (absent.contains(input))
        input.clear();
    bindAttributes(call, inner);
  }
  for (int i = 0; i < call.output_size(); ++i)
    if (node.usesOutput(i))
      graph.add_output()->set_name(function.output(i));

  FunctionScope inside(node, function);
  if (failed(importGraph(model, scope, graph)))
    return node.setFailed();
  for (int i = 0; i < call.output_size(); ++i)
    if (node.usesOutput(i))
      node.setResult(i, *scope.find(function.output(i)));
}
