//===- DescribeGroups.cpp - what each group is and how much it computes ---===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest's list of groups. Its order is that of convert-mpc-to-linalg: a
// group's position is its index in profiles.
//
//===----------------------------------------------------------------------===//

#include "GroupSizes.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mlir;
using namespace mpc;

int64_t mpc::countElements(Value tensor) {
  int64_t count = 1;
  for (int64_t size : cast<RankedTensorType>(tensor.getType()).getShape())
    count *= ShapedType::isDynamic(size) ? 1 : size;
  return count;
}

int64_t mpc::countBytes(Value tensor) {
  Type element = getElementTypeOrSelf(tensor);
  unsigned bits = 8;
  if (auto quantized = dyn_cast<quant::QuantizedType>(element))
    bits = quantized.getStorageTypeIntegralWidth();
  else if (element.isIntOrFloat())
    bits = element.getIntOrFloatBitWidth();
  if (bits == 1 || !tensor.getDefiningOp<ConstantOp>())
    bits = std::max(8u, bits);
  return llvm::divideCeil(countElements(tensor) * bits, 8);
}

int64_t mpc::countMACs(Operation *root) {
  auto quantizable = dyn_cast<QuantizableOpInterface>(root);
  if (!quantizable || isa<ElementwiseOpInterface>(root) ||
      root->getNumResults() != 1)
    return 0;
  int64_t outputs = countElements(root->getResult(0));
  if (OpOperand *weight = quantizable.getWeightOperand()) {
    int64_t channels = cast<RankedTensorType>(weight->get().getType())
                           .getDimSize(quantizable.getWeightChannelAxis());
    return channels > 0 ? outputs * (countElements(weight->get()) / channels)
                        : 0;
  }
  SmallVector<OpOperand *> activations = quantizable.getActivationOperands();
  if (quantizable.getResultChannelAxis() < 0 || activations.size() != 2)
    return 0;
  auto type = cast<RankedTensorType>(activations[0]->get().getType());
  int64_t length = type.getRank() ? type.getShape().back() : 1;
  return ShapedType::isDynamic(length) ? 0 : outputs * length;
}

std::vector<GroupInfo> mpc::describeGroups(ModuleOp module) {
  std::vector<GroupInfo> groups;
  module->walk([&](GroupOp group) {
    GroupInfo entry;
    entry.name = group.getName().str();
    entry.precision =
        stringifyPrecision(group.getPrecision().value_or(Precision::F32)).str();
    entry.reason = group.getReason().value_or("").str();
    entry.kind = group.getRoot()->getName().stripDialect().str();
    entry.macs = countMACs(group.getRoot());
    for (Value value :
         llvm::concat<Value>(SmallVector<Value>(group->getOperands()),
                             SmallVector<Value>(group->getResults())))
      entry.bytes += countBytes(value);
    groups.push_back(std::move(entry));
  });
  return groups;
}
