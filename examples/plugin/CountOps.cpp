//===- CountOps.cpp - counts the ops of each group ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Passes.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

namespace example {
#define GEN_PASS_DEF_EXAMPLECOUNTOPS
#include "Passes.h.inc"
} // namespace example

namespace {
struct CountOps : example::impl::ExampleCountOpsBase<CountOps> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([&](mpc::GroupOp group) {
      // The terminator computes nothing.
      unsigned count = llvm::range_size(group.getBlock().without_terminator());
      if (count < minimum)
        return;
      std::optional<mpc::Precision> precision = group.getPrecision();
      emitRemark(group.getLoc())
          << "group '" << group.getName() << "' computes " << count
          << " ops in "
          << (precision ? mpc::stringifyPrecision(*precision)
                        : "the model's precision");
    });
    markAllAnalysesPreserved();
  }
};
} // namespace
