//===- ElementwiseBodiesTest.cpp - what ops on elements compute -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds scalar bodies on constants and folds them, so that the same IR that is
// compiled is executed here, and compares with double precision.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "gtest/gtest.h"
#include <functional>

using namespace mlir;
using namespace mpc;

namespace {

constexpr double kInfinity = INFINITY;
const double kNaN = std::nan("");

class ElementwiseBodies : public ::testing::Test {
protected:
  ElementwiseBodies() {
    context.loadDialect<MPCDialect, func::FuncDialect, arith::ArithDialect,
                        math::MathDialect>();
  }

  /// The constant that `op` ("relu", or "clip" with attributes) computes.
  /// `from` and `to` are element types as written.
  Attribute evaluate(StringRef op, StringRef attributes, StringRef from,
                     StringRef to, ArrayRef<Attribute> inputs) {
    std::string operand = ("tensor<1x" + from + ">").str(), types = operand,
                arguments = "%0: " + operand, operands = "%0";
    if (inputs.size() == 2) {
      types += ", " + operand;
      arguments += ", %1: " + operand;
      operands += ", %1";
    }
    std::string text = "func.func @f(" + arguments + ") {\n %r = mpc." +
                       op.str() + " " + operands + " " + attributes.str() +
                       " : (" + types + ") -> tensor<1x" + to.str() +
                       ">\n return }";
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return {};
    auto function = *module->getOps<func::FuncOp>().begin();
    auto body =
        cast<ElementwiseOpInterface>(function.getBody().front().front());
    OpBuilder builder(function.getBody().front().getTerminator());
    SmallVector<Value> scalars;
    for (Attribute input : inputs)
      scalars.push_back(arith::ConstantOp::create(builder, body.getLoc(),
                                                  cast<TypedAttr>(input)));
    return fold(body.buildScalarBody(builder, body.getLoc(), scalars));
  }

  double evaluate(StringRef op, double x, StringRef attributes = "") {
    Attribute result = evaluate(op, attributes, "f32", "f32", {number(x)});
    return result ? cast<FloatAttr>(result).getValueAsDouble() : kNaN;
  }
  double evaluate(StringRef op, double x, double y) {
    Attribute result = evaluate(op, "", "f32", "f32", {number(x), number(y)});
    return result ? cast<FloatAttr>(result).getValueAsDouble() : kNaN;
  }
  int64_t evaluateInt(StringRef op, unsigned width, bool isUnsigned,
                      ArrayRef<int64_t> inputs, StringRef attributes = "") {
    std::string type = (isUnsigned ? "ui" : "i") + std::to_string(width);
    SmallVector<Attribute> values;
    for (int64_t input : inputs)
      values.push_back(IntegerAttr::get(IntegerType::get(&context, width),
                                        APInt(width, input, true, true)));
    auto result =
        cast<IntegerAttr>(evaluate(op, attributes, type, type, values));
    return isUnsigned ? result.getValue().getZExtValue()
                      : result.getValue().getSExtValue();
  }

  Attribute number(double x) {
    return FloatAttr::get(Float32Type::get(&context), x);
  }

private:
  Attribute fold(Value value) {
    Attribute constant;
    if (matchPattern(value, m_Constant(&constant)))
      return constant;
    Operation *op = value.getDefiningOp();
    // What is not taken may be undefined: a conversion out of range.
    if (auto select = dyn_cast<arith::SelectOp>(op)) {
      auto condition =
          dyn_cast_or_null<IntegerAttr>(fold(select.getCondition()));
      return condition
                 ? fold(condition.getValue().isZero() ? select.getFalseValue()
                                                      : select.getTrueValue())
                 : Attribute();
    }
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(fold(operand));
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.empty()) {
      ADD_FAILURE() << op->getName().getStringRef().str() << " does not fold";
      return {};
    }
    if (auto attribute = dyn_cast<Attribute>(results.front()))
      return attribute;
    return fold(cast<Value>(results.front()));
  }

  MLIRContext context;
};

/// Real functions against double precision. f32 functions of the host are good
/// to a few units in the last place, 2^-23 relative each.
TEST_F(ElementwiseBodies, RealFunctions) {
  struct Function {
    const char *op, *attributes;
    std::function<double(double)> reference;
  };
  const Function functions[] = {
      {"relu", "", [](double x) { return std::max(x, 0.0); }},
      {"sigmoid", "", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"tanh", "", [](double x) { return std::tanh(x); }},
      {"exp", "", [](double x) { return std::exp(x); }},
      {"erf", "", [](double x) { return std::erf(x); }},
      {"neg", "", [](double x) { return -x; }},
      {"abs", "", [](double x) { return std::abs(x); }},
      {"reciprocal", "", [](double x) { return 1 / x; }},
      {"floor", "", [](double x) { return std::floor(x); }},
      {"ceil", "", [](double x) { return std::ceil(x); }},
      {"round", "", [](double x) { return std::nearbyint(x); }},
      {"softplus", "", [](double x) { return std::log1p(std::exp(x)); }},
      {"softsign", "", [](double x) { return x / (1 + std::abs(x)); }},
      {"hard_swish", "",
       [](double x) { return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }},
      {"hard_sigmoid", "{alpha = 0.25 : f64, beta = 0.5 : f64}",
       [](double x) { return std::min(std::max(0.25 * x + 0.5, 0.0), 1.0); }},
      {"leaky_relu", "{alpha = 0.25 : f64}",
       [](double x) { return x < 0 ? 0.25 * x : x; }},
      {"elu", "{alpha = 0.5 : f64}",
       [](double x) { return x < 0 ? 0.5 * std::expm1(x) : x; }},
      {"clip", "{min = -1.0 : f64, max = 2.0 : f64}",
       [](double x) { return std::min(std::max(x, -1.0), 2.0); }},
  };
  for (const Function &function : functions)
    for (double x :
         {-20.0, -3.5, -2.5, -1.0, -0.25, 0.125, 0.5, 1.5, 2.5, 4.0, 30.0}) {
      double expected = function.reference(x);
      // 2^-20: hard_swish's constant 1/6 and the sum before it round as well.
      EXPECT_NEAR(evaluate(function.op, x, function.attributes), expected,
                  std::abs(expected) * 0x1p-20 + 1e-9)
          << function.op << "(" << x << ")";
    }
  for (double x : {0.25, 1.0, 9.0}) {
    EXPECT_NEAR(evaluate("log", x), std::log(x), 1e-6);
    EXPECT_NEAR(evaluate("sqrt", x), std::sqrt(x), 1e-6);
  }
}

/// NaN comes out of every function; infinities give the limits, not NaN.
TEST_F(ElementwiseBodies, SpecialValues) {
  // Softplus too, but upstream does not fold log1p of NaN.
  for (const char *op : {"relu", "sigmoid", "tanh", "exp", "neg", "abs",
                         "softsign", "hard_swish", "floor", "round"})
    EXPECT_TRUE(std::isnan(evaluate(op, kNaN))) << op;
  EXPECT_TRUE(
      std::isnan(evaluate("clip", kNaN, "{min = 0.0 : f64, max = 1.0 : f64}")));
  EXPECT_TRUE(std::isnan(evaluate("leaky_relu", kNaN, "{alpha = 0.5 : f64}")));
  EXPECT_TRUE(std::isnan(evaluate("elu", kNaN, "{alpha = 0.5 : f64}")));
  for (double x : {1.0, kNaN}) {
    EXPECT_TRUE(std::isnan(evaluate("min", x, kNaN)));
    EXPECT_TRUE(std::isnan(evaluate("max", kNaN, x)));
  }
  EXPECT_EQ(evaluate("sigmoid", -kInfinity), 0.0);
  EXPECT_EQ(evaluate("sigmoid", kInfinity), 1.0);
  EXPECT_EQ(evaluate("sigmoid", -200.0), 0.0);
  EXPECT_EQ(evaluate("softplus", kInfinity), kInfinity);
  EXPECT_EQ(evaluate("softplus", -kInfinity), 0.0);
  EXPECT_EQ(evaluate("softplus", 200.0), 200.0);
  EXPECT_EQ(evaluate("clip", kInfinity,
                     "{min = 0.0 : f64, max = 0x7FF0000000000000 : f64}"),
            kInfinity);
}

TEST_F(ElementwiseBodies, Binary) {
  EXPECT_EQ(evaluate("add", 1.5, 2.0), 3.5);
  EXPECT_EQ(evaluate("sub", 1.5, 2.0), -0.5);
  EXPECT_EQ(evaluate("mul", 1.5, -2.0), -3.0);
  EXPECT_EQ(evaluate("div", 3.0, -2.0), -1.5);
  EXPECT_EQ(evaluate("div", 1.0, 0.0), kInfinity);
  EXPECT_EQ(evaluate("min", 1.0, -2.0), -2.0);
  EXPECT_EQ(evaluate("max", 1.0, -2.0), 1.0);
  EXPECT_EQ(evaluate("pow", 3.0, 2.0), 9.0);
  EXPECT_EQ(evaluate("prelu", -2.0, 0.25), -0.5);
  EXPECT_EQ(evaluate("prelu", 2.0, 0.25), 2.0);
}

/// Integers have the sign of their type, wrap, and divide without a trap.
TEST_F(ElementwiseBodies, Integers) {
  EXPECT_EQ(evaluateInt("add", 8, false, {127, 1}), -128);
  EXPECT_EQ(evaluateInt("max", 8, false, {-1, 1}), 1);
  EXPECT_EQ(evaluateInt("max", 8, true, {255, 1}), 255);
  EXPECT_EQ(evaluateInt("min", 8, true, {255, 1}), 1);
  EXPECT_EQ(evaluateInt("relu", 8, false, {-5}), 0);
  EXPECT_EQ(evaluateInt("relu", 8, true, {251}), 251);
  EXPECT_EQ(evaluateInt("abs", 32, false, {-7}), 7);
  EXPECT_EQ(evaluateInt("neg", 32, false, {7}), -7);
  EXPECT_EQ(evaluateInt("clip", 8, false, {100},
                        "{min = -1000.0 : f64, max = 6.0 : f64}"),
            6);
  EXPECT_EQ(evaluateInt("div", 32, false, {-7, 2}), -3);
  EXPECT_EQ(evaluateInt("div", 32, false, {7, 0}), 0);
  EXPECT_EQ(evaluateInt("div", 32, false, {INT32_MIN, -1}), INT32_MIN);
  EXPECT_EQ(evaluateInt("div", 8, true, {251, 2}), 125);
}

/// Towards zero, saturated; NaN is 0, and true.
TEST_F(ElementwiseBodies, CastToInteger) {
  auto cast = [&](double x, StringRef to, bool isUnsigned) -> int64_t {
    APInt value =
        mlir::cast<IntegerAttr>(evaluate("cast", "", "f32", to, {number(x)}))
            .getValue();
    return isUnsigned ? value.getZExtValue() : value.getSExtValue();
  };
  EXPECT_EQ(cast(-1.75, "i8", false), -1);
  EXPECT_EQ(cast(127.9, "i8", false), 127);
  EXPECT_EQ(cast(128.0, "i8", false), 127);
  EXPECT_EQ(cast(-1000.0, "i8", false), -128);
  EXPECT_EQ(cast(-1.0, "ui8", true), 0);
  EXPECT_EQ(cast(-0.5, "ui8", true), 0);
  EXPECT_EQ(cast(255.5, "ui8", true), 255);
  EXPECT_EQ(cast(kInfinity, "i32", false), INT32_MAX);
  EXPECT_EQ(cast(-kInfinity, "i64", false), INT64_MIN);
  EXPECT_EQ(cast(kNaN, "i32", false), 0);
  EXPECT_EQ(cast(0.0, "i1", true), 0);
  EXPECT_EQ(cast(kNaN, "i1", true), 1);
}

} // namespace
