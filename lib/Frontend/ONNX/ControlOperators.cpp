//===- ControlOperators.cpp - operators that hold graphs
//-------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// A condition that is known selects a branch, which is imported in place.
static void emitIf(NodeContext &node) {
  const onnx::GraphProto *thenGraph = node.getGraph("then_branch");
  const onnx::GraphProto *elseGraph = node.getGraph("else_branch");
  if (!thenGraph || !elseGraph)
    return (void)node.error("expected attributes 'then_branch' and "
                            "'else_branch'");
  std::optional<KnownTensor> condition = node.getKnown(0);
  if (!condition)
    return (void)node.unsupported(
        " with a condition that is only known when the model runs");
  if (!condition->elementType.isInteger(1) || condition->getNumElements() != 1)
    return (void)node.error("expected one boolean as condition");
  const onnx::GraphProto &branch =
      condition->ints[0].offset ? *thenGraph : *elseGraph;
  if (static_cast<unsigned>(branch.output_size()) != node.getNumOutputs())
    return (void)node.error("expected branches with " +
                            Twine(node.getNumOutputs()) + " outputs, but got " +
                            Twine(branch.output_size()));
  Scope inner(&node.getScope());
  if (failed(importGraph(node.getModel(), inner, branch)))
    return node.setFailed();
  for (auto [index, output] : llvm::enumerate(branch.output()))
    node.setResult(index, *inner.find(output.name()));
}

ArrayRef<Operator> frontend::getControlOperators() {
  static const Operator rows[] = {
      {"If", 1, newestOpset, 1, 1, nullptr, emitIf},
  };
  return rows;
}
