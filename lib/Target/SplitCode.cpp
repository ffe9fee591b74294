//===- SplitCode.cpp - code in parts that compile in parallel -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitCode.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

using namespace mlir;
using LLVM::LLVMFuncOp;

/// Operations per part: enough that what every part costs anew, some hundred
/// declarations and LLVM's set-up, does not count.
static constexpr size_t operationsPerPart = 6000;
/// More parts than cores are of no use.
static constexpr size_t maxParts = 16;

static size_t countOperations(LLVMFuncOp function) {
  size_t count = 0;
  for (Block &block : function.getBody())
    count += block.getOperations().size();
  return count;
}

/// The functions that `function` calls or takes the address of.
static SmallVector<LLVMFuncOp> getUses(LLVMFuncOp function,
                                       const SymbolTable &symbols) {
  SmallVector<LLVMFuncOp> uses;
  function.walk([&](Operation *op) {
    FlatSymbolRefAttr symbol;
    if (auto call = dyn_cast<LLVM::CallOp>(op))
      symbol = call.getCalleeAttr();
    else if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
      symbol = address.getGlobalNameAttr();
    if (auto used = symbol ? symbols.lookup<LLVMFuncOp>(symbol.getAttr())
                           : LLVMFuncOp())
      uses.push_back(used);
  });
  return uses;
}

std::vector<mpc::CodePart> mpc::splitCode(ModuleOp module) {
  SymbolTable symbols(module);
  llvm::EquivalenceClasses<Operation *> together;
  SmallVector<LLVMFuncOp> functions;
  for (auto function : module.getOps<LLVMFuncOp>()) {
    if (function.isExternal())
      continue;
    functions.push_back(function);
    together.insert(function);
    if (function.getName() == "main")
      continue;
    for (LLVMFuncOp used : getUses(function, symbols))
      if (!used.isExternal())
        together.unionSets(function, used);
  }

  // Clusters in the order of the module, then the largest first, each to the
  // part that has least.
  struct Cluster {
    CodePart functions;
    size_t size = 0;
  };
  llvm::MapVector<Operation *, Cluster> clusters;
  size_t total = 0;
  for (LLVMFuncOp function : functions) {
    Cluster &cluster = clusters[together.getLeaderValue(function)];
    size_t size = countOperations(function);
    cluster.functions.push_back(function);
    cluster.size += size;
    total += size;
  }
  size_t numParts = std::clamp<size_t>(total / operationsPerPart, 1, maxParts);
  auto order = clusters.takeVector();
  llvm::stable_sort(order, [](const auto &a, const auto &b) {
    return a.second.size > b.second.size;
  });
  std::vector<Cluster> parts(numParts);
  for (auto &[leader, cluster] : order) {
    Cluster &part =
        *llvm::min_element(parts, [](const Cluster &a, const Cluster &b) {
          return a.size < b.size;
        });
    llvm::append_range(part.functions, cluster.functions);
    part.size += cluster.size;
  }

  std::vector<CodePart> result;
  for (Cluster &part : parts)
    if (!part.functions.empty())
      result.push_back(std::move(part.functions));
  auto hasMain = [](const CodePart &part) {
    return llvm::any_of(
        part, [](LLVMFuncOp function) { return function.getName() == "main"; });
  };
  if (auto main = llvm::find_if(result, hasMain); main != result.end())
    std::rotate(result.begin(), main, main + 1);
  return result;
}

OwningOpRef<ModuleOp> mpc::extractPart(ModuleOp module, const CodePart &part) {
  SymbolTable symbols(module);
  llvm::DenseSet<Operation *> inside(part.begin(), part.end());
  llvm::DenseSet<Operation *> usedByMain;
  if (auto main = symbols.lookup<LLVMFuncOp>("main"))
    for (LLVMFuncOp used : getUses(main, symbols))
      usedByMain.insert(used);
  bool hasMain = llvm::any_of(
      part, [](LLVMFuncOp function) { return function.getName() == "main"; });

  OwningOpRef<ModuleOp> result(
      ModuleOp::create(module.getLoc(), module.getName()));
  result.get()->setDiscardableAttrs(module->getDiscardableAttrDictionary());
  OpBuilder builder(result->getBodyRegion());
  for (Operation &op : *module.getBody()) {
    auto function = dyn_cast<LLVMFuncOp>(op);
    if (!function) { // data, which parts have copies of
      builder.clone(op);
      continue;
    }
    bool isHere = inside.contains(function);
    bool isShared = usedByMain.contains(function) && !(isHere && hasMain);
    if (!isHere && !function.isExternal() && !(hasMain && isShared))
      continue;
    auto copy = cast<LLVMFuncOp>(isHere ? builder.clone(op)
                                        : builder.cloneWithoutRegions(op));
    if (isShared && !function.isExternal())
      copy.setLinkage(LLVM::Linkage::External);
  }
  return result;
}
