//===- TileChains.cpp - groups that run together as one loop --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-tile-chains: the calls of a chain become one, of a function that runs all
// of them for one block of rows after the other. What is computed, and in which
// order, stays; what one hands on to the next has the room of a block.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_TILECHAINS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

struct TileChainsPass : public mpc::impl::TileChainsBase<TileChainsPass> {
  void runOnOperation() override {
    // By number; the calls of one stand in one block.
    llvm::MapVector<std::pair<Block *, int64_t>, SmallVector<func::CallOp>>
        chains;
    WalkResult walk = getOperation().walk([&](func::CallOp call) {
      Attribute attribute = call->getAttr(kChainAttrName);
      if (!attribute)
        return WalkResult::advance();
      auto decision = dyn_cast<DenseI64ArrayAttr>(attribute);
      if (!decision || decision.size() != 2 || decision[1] < 1) {
        call.emitOpError("expected ")
            << kChainAttrName << " = array<i64: chain, rows>, but got "
            << attribute;
        return WalkResult::interrupt();
      }
      chains[{call->getBlock(), decision[0]}].push_back(call);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    if (chains.empty())
      return;
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (auto &[key, calls] : chains) {
      func::CallOp first = calls.front();
      std::string reason;
      FailureOr<Chain> chain = Chain::get(calls, reason);
      if (failed(chain)) {
        first.emitOpError("is no chain with the calls behind it: ") << reason;
        return signalPassFailure();
      }
      int64_t rows = first->getAttrOfType<DenseI64ArrayAttr>(kChainAttrName)[1];
      if (rows > chain->getNumRows()) {
        first.emitOpError("expected blocks of at most ")
            << chain->getNumRows() << " rows, but got " << rows;
        return signalPassFailure();
      }
      chain->tile(rows, *target);
      chain->replaceCalls(symbols);
    }
  }
};

} // namespace
