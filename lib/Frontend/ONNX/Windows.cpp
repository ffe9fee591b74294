//===- Windows.cpp - sliding windows of ONNX operators
//---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

std::optional<SmallVector<int64_t>>
frontend::readExtents(NodeContext &node, StringRef name, size_t count,
                      int64_t least, int64_t defaultValue) {
  if (!node.hasAttribute(name))
    return SmallVector<int64_t>(count, defaultValue);
  SmallVector<int64_t> values = node.getInts(name);
  if (node.hasFailed())
    return std::nullopt;
  if (values.size() != count) {
    (void)node.error("attribute '" + name + "': expected " + Twine(count) +
                     " numbers, but got " + Twine(values.size()));
    return std::nullopt;
  }
  for (int64_t value : values) {
    if (value < least || value > mostExtent) {
      (void)node.error("attribute '" + name + "': expected numbers from " +
                       Twine(least) + " to " + Twine(mostExtent) +
                       ", but got " + Twine(value));
      return std::nullopt;
    }
  }
  return values;
}

/// auto_pad SAME: as many windows as strides begin in the input, and padding
/// for the last; the odd element goes to the end (UPPER) or the begin (LOWER).
static void padSame(Windows &windows, ArrayRef<int64_t> sizes, bool upper) {
  size_t rank = sizes.size();
  for (size_t i = 0; i < rank; ++i) {
    int64_t count = llvm::divideCeil(sizes[i], windows.strides[i]);
    int64_t extent = (windows.kernel[i] - 1) * windows.dilations[i] + 1;
    int64_t total = std::max<int64_t>(
        (count - 1) * windows.strides[i] + extent - sizes[i], 0);
    windows.pads[i] = upper ? total / 2 : total - total / 2;
    windows.pads[rank + i] = total - windows.pads[i];
  }
}

/// ceil_mode: a last window that is only partly inside counts, unless it begins
/// in the padding at the end.
static void padCeil(Windows &windows, ArrayRef<int64_t> sizes) {
  size_t rank = sizes.size();
  for (size_t i = 0; i < rank; ++i) {
    int64_t extent = (windows.kernel[i] - 1) * windows.dilations[i] + 1;
    int64_t padded = sizes[i] + windows.pads[i] + windows.pads[rank + i];
    if (padded < extent)
      continue; // the op's verifier reports it
    int64_t stride = windows.strides[i];
    int64_t last = llvm::divideCeil(padded - extent, stride) * stride;
    if (last >= sizes[i] + windows.pads[i])
      last -= stride;
    windows.ceilExtra[i] = std::max<int64_t>(last + extent - padded, 0);
    windows.pads[rank + i] += windows.ceilExtra[i];
  }
}

std::optional<Windows>
frontend::readWindows(NodeContext &node,
                      std::optional<ArrayRef<int64_t>> kernel) {
  RankedTensorType type = node.getInputType(0);
  if (type.getRank() < 3) {
    (void)node.error("expected an input with a batch, channels and spatial "
                     "dimensions, but got rank " +
                     Twine(type.getRank()));
    return std::nullopt;
  }
  size_t rank = type.getRank() - 2;
  ArrayRef<int64_t> sizes = type.getShape().drop_front(2);
  Windows windows;
  if (!kernel && !node.hasAttribute("kernel_shape")) {
    (void)node.error("expected attribute 'kernel_shape'");
    return std::nullopt;
  }
  auto extents = readExtents(node, "kernel_shape", rank, 1, 0);
  auto strides = readExtents(node, "strides", rank, 1, 1);
  auto dilations = readExtents(node, "dilations", rank, 1, 1);
  auto pads = readExtents(node, "pads", 2 * rank, 0, 0);
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  if (!extents || !strides || !dilations || !pads || node.hasFailed())
    return std::nullopt;
  if (kernel) {
    if (kernel->size() != rank) {
      (void)node.error("expected weights of rank " + Twine(rank + 2) +
                       ", as the input's, but got rank " +
                       Twine(kernel->size() + 2));
      return std::nullopt;
    }
    if (node.hasAttribute("kernel_shape") && ArrayRef(*extents) != *kernel) {
      (void)node.error("attribute 'kernel_shape' contradicts the weights");
      return std::nullopt;
    }
    extents = llvm::to_vector(*kernel);
  }
  windows.kernel = *extents;
  windows.strides = *strides;
  windows.dilations = *dilations;
  windows.pads = *pads;
  windows.ceilExtra.assign(rank, 0);

  bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  bool isCeil = !kernel && node.getBool("ceil_mode", false);
  if (!isSame && autoPad != "VALID" && autoPad != "NOTSET") {
    (void)node.error("attribute 'auto_pad': expected NOTSET, SAME_UPPER, "
                     "SAME_LOWER or VALID, but got '" +
                     autoPad + "'");
    return std::nullopt;
  }
  if ((isSame || isCeil) && llvm::any_of(sizes, ShapedType::isDynamic)) {
    (void)node.error("padding depends on a symbolic size; --shape can fix it");
    return std::nullopt;
  }
  if (autoPad == "VALID")
    windows.pads.assign(2 * rank, 0);
  if (isSame)
    padSame(windows, sizes, autoPad == "SAME_UPPER");
  else if (isCeil)
    padCeil(windows, sizes);
  return windows;
}
