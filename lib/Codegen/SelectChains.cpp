//===- SelectChains.cpp - which groups run together -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-select-chains: a product of two activations whose result another kernel
// reads row by row, as in attention: the scores of some rows fit a cache that
// all of them do not.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Remarks.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTCHAINS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Calls of a chain at most.
static constexpr size_t kMostCalls = 8;

static bool hasBatchedContraction(func::CallOp call,
                                  SymbolTableCollection &symbols) {
  auto callee =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  return callee && callee
                       .walk([](ContractOp op) {
                         return op.getBatched() ? WalkResult::interrupt()
                                                : WalkResult::advance();
                       })
                       .wasInterrupted();
}

namespace {

class Selection {
public:
  Selection(StringRef pass,
            function_ref<std::optional<ChainBlocks>(const Chain &)> choose)
      : pass(pass), choose(choose) {}

  /// Decides about the first call of `run`; returns about how many it has.
  size_t select(ArrayRef<func::CallOp> run) {
    if (!hasBatchedContraction(run.front(), symbols))
      return 1;
    size_t best = 1;
    ChainBlocks blocks;
    int64_t saved = 0;
    for (size_t size = 2; size <= std::min(run.size(), kMostCalls); ++size) {
      std::string reason;
      FailureOr<Chain> chain = Chain::get(run.take_front(size), reason);
      // A group may prepare what only the next one reads.
      if (failed(chain))
        continue;
      int64_t bytes = chain->getSavedBytes();
      std::optional<ChainBlocks> chosen = choose(*chain);
      if (!chosen || chain->sharesWeights())
        break;
      // Another call is worth it if it takes a buffer, and leaves pieces.
      if (chosen->rows == 0 || bytes <= saved ||
          (blocks.piece != 0 && chosen->piece == 0))
        continue;
      best = size;
      blocks = *chosen;
      saved = bytes;
    }
    if (best == 1)
      return 1;
    func::CallOp first = run.front();
    SmallVector<int64_t> decision = {number++, blocks.rows};
    std::string pieces;
    if (blocks.piece != 0) {
      decision.push_back(blocks.piece);
      pieces = llvm::formatv(" and pieces of {0} columns", blocks.piece);
    }
    auto attribute = DenseI64ArrayAttr::get(first.getContext(), decision);
    for (func::CallOp call : run.take_front(best))
      call->setAttr(kChainAttrName, attribute);
    remark::passed(first.getLoc(),
                   remark::RemarkOpts::name("Chain").category(pass))
        << llvm::formatv("{0} groups run together by blocks of {1} rows{2}, "
                         "instead of handing on {3} bytes",
                         best, blocks.rows, pieces, saved)
               .str();
    return best;
  }

private:
  StringRef pass;
  function_ref<std::optional<ChainBlocks>(const Chain &)> choose;
  SymbolTableCollection symbols;
  int64_t number = 0;
};

} // namespace

void mpc::selectChains(
    ModuleOp module, StringRef pass,
    function_ref<std::optional<ChainBlocks>(const Chain &)> choose) {
  Selection selection(pass, choose);
  module.walk([&](Block *block) {
    // Calls with nothing between them that touches a buffer.
    SmallVector<SmallVector<func::CallOp>> runs(1);
    for (Operation &op : *block) {
      if (auto call = dyn_cast<func::CallOp>(op))
        runs.back().push_back(call);
      else if (!isBetweenCalls(&op))
        runs.emplace_back();
    }
    for (ArrayRef<func::CallOp> run : runs)
      while (run.size() > 1)
        run = run.drop_front(selection.select(run));
  });
}

namespace {

struct SelectChainsPass : public mpc::impl::SelectChainsBase<SelectChainsPass> {
  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    selectChains(getOperation(), getArgument(),
                 [&](const Chain &chain) -> std::optional<ChainBlocks> {
                   if (int64_t rows = chain.chooseRows(*target))
                     return ChainBlocks{rows};
                   return std::nullopt;
                 });
  }
};

} // namespace
