//===- RunPassesTest.cpp - passes and the verification of their result ----===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mpc/Pipelines/Pipelines.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace {

/// Gives functions a result type; what they return stays.
class ChangeSignature
    : public PassWrapper<ChangeSignature, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChangeSignature)
  explicit ChangeSignature(bool isValid) : isValid(isValid) {}
  void runOnOperation() override {
    Type i32 = IntegerType::get(&getContext(), 32);
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.setType(FunctionType::get(
          &getContext(), function.getArgumentTypes(),
          isValid ? ArrayRef(function.getArgumentTypes()) : ArrayRef(i32)));
  }

private:
  bool isValid;
};

/// What passes leave behind is verified, whichever of them did it.
TEST(RunPassesTest, VerifiesTheResult) {
  MLIRContext context;
  context.loadDialect<func::FuncDialect>();
  for (bool isValid : {true, false}) {
    auto module = parseSourceString<ModuleOp>(
        "func.func @f(%x: f32) -> f32 { return %x : f32 }", &context);
    ASSERT_TRUE(module);
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    PassManager pm(&context, ModuleOp::getOperationName());
    pm.addPass(std::make_unique<ChangeSignature>(isValid));
    EXPECT_EQ(succeeded(mpc::runPasses(pm, *module)), isValid);
    EXPECT_EQ(message.find("return") != std::string::npos, !isValid) << message;
  }
}

} // namespace
