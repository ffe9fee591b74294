//===- RankingOperators.cpp - positions of the largest and smallest -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Folding.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

template <ReduceKind kind> static void emitArgReduce(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t axis = node.normalizeAxis(node.getInt("axis", 0), shape.size());
  bool keepsDims = node.getBool("keepdims", true);
  bool selectsLast =
      node.getVersion() >= 12 && node.getBool("select_last_index", false);
  if (node.hasFailed())
    return;
  SmallVector<NamedAttribute> attributes{
      node.i64("axis", axis),
      node.attr("kind", ReduceKindAttr::get(node.getContext(), kind))};
  if (selectsLast)
    attributes.push_back(
        node.attr("select_last", node.getBuilder().getUnitAttr()));
  Value value = node.create<ArgReduceOp>(node.getOperand(0), attributes);
  SmallVector<int64_t> kept(shape);
  kept.erase(kept.begin() + axis);
  node.setResult(0, keepsDims ? value : node.createReshape(value, kept));
}

/// k was an attribute before version 10; before version 11 the largest are
/// asked for, in order. Any order will do where none is asked for.
static void emitTopK(NodeContext &node) {
  int64_t version = node.getVersion();
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t axis = node.normalizeAxis(node.getInt("axis", -1), shape.size());
  bool isLargest = version < 11 || node.getBool("largest", true);
  if (version >= 11)
    (void)node.getBool("sorted", true);
  int64_t k = 0;
  if (version < 10) {
    k = node.getRequiredInt("k");
  } else if (!node.hasInput(1)) {
    (void)node.error("expected k");
  } else if (auto known = node.getKnownInts(1, "k")) {
    if (known->size() != 1)
      (void)node.error("expected one k, but got " + Twine(known->size()));
    else
      k = known->front();
  }
  if (k < 0)
    (void)node.error("expected k of at least 0, but got " + Twine(k));
  if (node.hasFailed())
    return;
  SmallVector<NamedAttribute> attributes{node.i64("axis", axis),
                                         node.i64("k", k)};
  if (!isLargest)
    attributes.push_back(
        node.attr("smallest", node.getBuilder().getUnitAttr()));
  Value data = node.getOperand(0);
  Value positions = node.create<TopKOp>(data, attributes);
  if (node.usesOutput(0))
    node.setResult(0, node.create<GatherElementsOp>({data, positions},
                                                    node.i64("axis", axis)));
  node.setResult(1, positions);
}

ArrayRef<Operator> frontend::getRankingOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"ArgMax", 1, last, 1, 1, nullptr, emitArgReduce<ReduceKind::Max>},
      {"ArgMin", 1, last, 1, 1, nullptr, emitArgReduce<ReduceKind::Min>},
      {"TopK", 1, last, 1, 2, nullptr, emitTopK},
  };
  return rows;
}
