//===- FunctionCalls.h - a model's own functions ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_FUNCTIONCALLS_H
#define MPC_LIB_FRONTEND_ONNX_FUNCTIONCALLS_H

#include "Importer.h"

namespace mpc::frontend {

/// The function that a node calls, or null where it is an operator.
const onnx::FunctionProto *findFunction(NodeContext &node);

/// While it lives, nodes are those of a function that a node calls: they have
/// its versions of operators, and names behind the call's.
class FunctionScope {
public:
  FunctionScope(NodeContext &call, const onnx::FunctionProto &function);
  ~FunctionScope();

private:
  ModelContext &model;
  llvm::StringMap<int64_t> opsets;
  std::string namePrefix;
};

/// Imports the function's nodes in place of the call.
void importCall(NodeContext &node, const onnx::FunctionProto &function);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_FUNCTIONCALLS_H
