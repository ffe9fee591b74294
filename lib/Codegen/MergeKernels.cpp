//===- MergeKernels.cpp - one function for kernels alike ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-merge-kernels: networks repeat their blocks, and what differs between two
// layers of the same shape are weights, which are arguments already, and a few
// scales. Such kernels are compiled once.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/Passes.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

namespace mpc {
#define GEN_PASS_DEF_MERGEKERNELS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// The value of a constant that may become an argument: a floating-point scalar
/// or a vector of equal ones, or a vector of equal integers (zero points, and
/// bytes that stand for padding). Null
/// for all others. Scalar integers stay: they are sizes and offsets, which code
/// is specialised by.
TypedAttr getParameter(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (!constant)
    return {};
  if (auto scalar = dyn_cast<FloatAttr>(constant.getValue()))
    return scalar;
  auto vector = dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!vector || !isa<VectorType>(vector.getType()) ||
      !(isa<FloatType>(vector.getElementType()) ||
        vector.getElementType().isInteger(8) ||
        vector.getElementType().isInteger(32)))
    return {};
  return vector.getSplatValue<TypedAttr>();
}

/// A body without regard to names, locations and parameters.
llvm::hash_code hashBody(func::FuncOp function) {
  llvm::hash_code hash = hash_value(function.getFunctionType());
  function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    hash = llvm::hash_combine(hash, op->getName(), op->getNumOperands(),
                              op->getResultTypes());
    if (!getParameter(op))
      hash = llvm::hash_combine(hash, op->getRawDictionaryAttrs(),
                                op->hashProperties());
  });
  return hash;
}

/// Whether two regions do the same, up to parameters. `values` leads from those
/// of `a` to those of `b`.
bool isAlike(Region &a, Region &b, DenseMap<Value, Value> &values);

bool isAlike(Operation &a, Operation &b, DenseMap<Value, Value> &values) {
  if (a.getName() != b.getName() || a.getNumSuccessors() ||
      b.getNumSuccessors() || a.getNumRegions() != b.getNumRegions() ||
      a.getNumOperands() != b.getNumOperands() ||
      a.getResultTypes() != b.getResultTypes())
    return false;
  if (!getParameter(&a) || !getParameter(&b))
    if (a.getRawDictionaryAttrs() != b.getRawDictionaryAttrs() ||
        !a.getName().compareOpProperties(a.getPropertiesStorage(),
                                         b.getPropertiesStorage()))
      return false;
  for (auto [x, y] : llvm::zip_equal(a.getOperands(), b.getOperands()))
    if (values.lookup(x) != y)
      return false;
  for (auto [x, y] : llvm::zip_equal(a.getRegions(), b.getRegions()))
    if (!isAlike(x, y, values))
      return false;
  for (auto [x, y] : llvm::zip_equal(a.getResults(), b.getResults()))
    values[x] = y;
  return true;
}

bool isAlike(Region &a, Region &b, DenseMap<Value, Value> &values) {
  if (a.empty() || b.empty())
    return a.empty() && b.empty();
  if (!a.hasOneBlock() || !b.hasOneBlock() ||
      a.getArgumentTypes() != b.getArgumentTypes() ||
      a.front().getOperations().size() != b.front().getOperations().size())
    return false;
  for (auto [x, y] : llvm::zip_equal(a.getArguments(), b.getArguments()))
    values[x] = y;
  for (auto [x, y] : llvm::zip_equal(a.front(), b.front()))
    if (!isAlike(x, y, values))
      return false;
  return true;
}

bool isAlike(func::FuncOp a, func::FuncOp b) {
  DenseMap<Value, Value> values;
  return a.getFunctionType() == b.getFunctionType() &&
         isAlike(a.getBody(), b.getBody(), values);
}

/// The parameters of a body, in the order of the text.
SmallVector<Operation *> collectParameters(func::FuncOp function) {
  SmallVector<Operation *> parameters;
  function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (getParameter(op))
      parameters.push_back(op);
  });
  return parameters;
}

class MergeKernels : public mpc::impl::MergeKernelsBase<MergeKernels> {
  void runOnOperation() override;
  void merge(ArrayRef<func::FuncOp> kernels);

  DenseMap<StringAttr, SmallVector<func::CallOp>> calls; // by callee
};

/// Makes the first kernel do for all of them.
void MergeKernels::merge(ArrayRef<func::FuncOp> kernels) {
  SmallVector<SmallVector<Operation *>> parameters;
  for (func::FuncOp kernel : kernels)
    parameters.push_back(collectParameters(kernel));

  // What differs becomes an argument; several that always agree, one.
  SmallVector<SmallVector<TypedAttr>> arguments; // their values per kernel
  SmallVector<SmallVector<Operation *>> replaced;
  for (unsigned i = 0, e = parameters.front().size(); i != e; ++i) {
    auto values =
        llvm::map_to_vector(parameters, [&](ArrayRef<Operation *> ops) {
          return getParameter(ops[i]);
        });
    if (llvm::all_equal(values))
      continue;
    auto position = llvm::find(arguments, values) - arguments.begin();
    if (position == static_cast<ptrdiff_t>(arguments.size())) {
      arguments.push_back(values);
      replaced.emplace_back();
    }
    replaced[position].push_back(parameters.front()[i]);
  }

  func::FuncOp shared = kernels.front();
  for (auto [index, ops] : llvm::enumerate(replaced)) {
    Type type = arguments[index].front().getType();
    // The range, last, stays last.
    (void)shared.insertArgument(index, type, {}, shared.getLoc());
    Value argument = shared.getArgument(index);
    for (Operation *op : ops) {
      Value value = argument;
      if (auto vector = dyn_cast<VectorType>(op->getResult(0).getType())) {
        OpBuilder builder(op);
        value =
            vector::BroadcastOp::create(builder, op->getLoc(), vector, value);
      }
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
  }

  for (auto [index, value] : llvm::enumerate(kernels)) {
    func::FuncOp kernel = value;
    for (func::CallOp call : calls.lookup(kernel.getNameAttr())) {
      OpBuilder builder(call);
      SmallVector<Value> operands;
      for (ArrayRef<TypedAttr> values : arguments)
        operands.push_back(
            arith::ConstantOp::create(builder, call.getLoc(), values[index]));
      call->insertOperands(0, operands);
      call.setCallee(shared.getName());
    }
    if (kernel != shared)
      kernel.erase();
  }
}

void MergeKernels::runOnOperation() {
  ModuleOp module = getOperation();
  // Functions that are only called, by what they look like.
  calls.clear();
  SymbolTableCollection tables;
  SymbolUserMap users(tables, module);
  llvm::MapVector<size_t, SmallVector<SmallVector<func::FuncOp>>> alike;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPrivate() || function.isExternal() ||
        !function.getNoInline())
      continue;
    SmallVector<func::CallOp> callers;
    for (Operation *user : users.getUsers(function))
      if (auto call = dyn_cast<func::CallOp>(user))
        callers.push_back(call);
    if (callers.size() != users.getUsers(function).size())
      continue;
    calls[function.getNameAttr()] = std::move(callers);
    SmallVector<SmallVector<func::FuncOp>> &sets = alike[hashBody(function)];
    auto set = llvm::find_if(sets, [&](ArrayRef<func::FuncOp> kernels) {
      return isAlike(kernels.front(), function);
    });
    if (set == sets.end())
      sets.push_back({function});
    else
      set->push_back(function);
  }
  for (auto &[hash, sets] : alike)
    for (ArrayRef<func::FuncOp> kernels : sets)
      if (kernels.size() > 1)
        merge(kernels);
}

} // namespace
