//===- DescribeTarget.cpp - writes the target description -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"

namespace mpc {
#define GEN_PASS_DEF_DESCRIBETARGET
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

struct DescribeTargetPass
    : public mpc::impl::DescribeTargetBase<DescribeTargetPass> {
  using DescribeTargetBase::DescribeTargetBase;

  void runOnOperation() override {
    FailureOr<mpc::TargetDescription> target =
        mpc::TargetDescription::get(march, getOperation().getLoc());
    if (failed(target))
      return signalPassFailure();
    target->attach(getOperation());
  }
};

} // namespace
