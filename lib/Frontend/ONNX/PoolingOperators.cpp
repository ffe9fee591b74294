//===- PoolingOperators.cpp - windows that are reduced
//---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static SmallVector<NamedAttribute> getWindowAttributes(NodeContext &node,
                                                       const Windows &windows) {
  return {node.i64s("kernel", windows.kernel),
          node.i64s("strides", windows.strides),
          node.i64s("dilations", windows.dilations),
          node.i64s("pads", windows.pads),
          node.attr("layout",
                    LayoutAttr::get(node.getContext(), Layout::ChannelsFirst))};
}

/// The output of indices stays missing: an error once something reads it.
static void emitMaxPool(NodeContext &node) {
  node.ignoreAttribute("storage_order");
  auto windows = readWindows(node);
  if (windows)
    node.setResult(0,
                   node.create<MaxPoolOp>(node.getOperand(0),
                                          getWindowAttributes(node, *windows)));
}

static void emitAveragePool(NodeContext &node) {
  auto windows = readWindows(node);
  if (!windows)
    return;
  auto attributes = getWindowAttributes(node, *windows);
  if (node.getBool("count_include_pad", false)) {
    attributes.push_back(
        node.attr("count_include_pad", UnitAttr::get(node.getContext())));
    if (llvm::any_of(windows->ceilExtra, [](int64_t n) { return n != 0; }))
      attributes.push_back(node.i64s("ceil_extra", windows->ceilExtra));
  }
  node.setResult(0, node.create<AveragePoolOp>(node.getOperand(0), attributes));
}

ArrayRef<Operator> frontend::getPoolingOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"MaxPool", 1, last, 1, 1, nullptr, emitMaxPool},
      {"AveragePool", 7, last, 1, 1, nullptr, emitAveragePool},
  };
  return rows;
}
