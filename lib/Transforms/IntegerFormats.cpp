//===- IntegerFormats.cpp - how a module computes in integers -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/IntegerFormats.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Ranges.h"

using namespace mlir;
using namespace mpc;

/// "tflite-single" is tflite_single in the dialect.
static Attribute toAttribute(MLIRContext *context, const IntegerKey &key,
                             StringRef word) {
  if (key.member != &IntegerFormat::rounding)
    return StringAttr::get(context, word);
  std::string name = word.str();
  std::replace(name.begin(), name.end(), '-', '_');
  return RoundingAttr::get(context, *symbolizeRounding(name));
}

static std::string getAttrName(const IntegerKey &key) {
  return ("mpc." + key.key).str();
}

IntegerFormat mpc::getIntegerFormat(ModuleOp module) {
  IntegerFormat format;
  for (const IntegerKey &key : getIntegerKeys()) {
    Attribute attribute = module->getAttr(getAttrName(key));
    for (StringRef word : key.values)
      if (attribute && attribute == toAttribute(module.getContext(), key, word))
        format.*key.member = word.str();
  }
  return format;
}

LogicalResult mpc::setIntegerFormat(ModuleOp module,
                                    const IntegerFormat &format,
                                    StringRef source) {
  IntegerFormat known = getIntegerFormat(module);
  for (const IntegerKey &key : getIntegerKeys()) {
    const std::string &asked = format.*key.member, &has = known.*key.member;
    if (asked.empty())
      continue;
    if (!has.empty() && has != asked)
      return emitError(UnknownLoc::get(module.getContext()))
             << source << ": expected " << key.key << " to be " << has
             << ", as asked for elsewhere, but got " << asked;
    module->setAttr(getAttrName(key),
                    toAttribute(module.getContext(), key, asked));
  }
  return success();
}
