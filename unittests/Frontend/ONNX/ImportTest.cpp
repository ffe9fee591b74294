//===- ImportTest.cpp - options of the ONNX importer ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Frontend/ONNX/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;

namespace {
class ImportTest : public ::testing::Test {
protected:
  ImportTest() {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(13);
  }

  /// An input of type f32[N,2].
  void addInput(const char *name) {
    auto *input = model.mutable_graph()->add_input();
    input->set_name(name);
    auto *type = input->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("N");
    type->mutable_shape()->add_dim()->set_dim_value(2);
  }

  void addNode(const char *op, std::initializer_list<const char *> inputs,
               const char *output) {
    auto *node = model.mutable_graph()->add_node();
    node->set_op_type(op);
    for (const char *input : inputs)
      node->add_input(input);
    node->add_output(output);
  }

  OwningOpRef<ModuleOp> import() {
    lines.clear();
    std::string bytes = model.SerializeAsString();
    return importONNX(
        llvm::MemoryBufferRef(bytes, "model.onnx"), context, options,
        [&](llvm::StringRef line) { lines.push_back(line.str()); });
  }

  BoundTensor makeBinding(llvm::ArrayRef<int64_t> shape,
                          llvm::ArrayRef<float> values) {
    const char *begin = reinterpret_cast<const char *>(values.data());
    return {Builder(&context).getF32Type(), llvm::SmallVector<int64_t>(shape),
            std::vector<char>(begin, begin + values.size() * sizeof(float))};
  }

  MLIRContext context;
  onnx::ModelProto model;
  ImportOptions options;
  std::vector<std::string> lines;
};
} // namespace

TEST(ParseShapeOption, ReadsSizes) {
  ImportOptions options;
  std::string error;
  EXPECT_TRUE(parseShapeOption("x=8x3x?", options, error));
  EXPECT_TRUE(parseShapeOption("name=with=2", options, error));
  EXPECT_TRUE(parseShapeOption("scalar=", options, error));
  ASSERT_EQ(options.shapes.size(), 3u);
  EXPECT_EQ(options.shapes[0].first, "x");
  EXPECT_EQ(options.shapes[0].second,
            (llvm::SmallVector<int64_t>{8, 3, ShapedType::kDynamic}));
  EXPECT_EQ(options.shapes[1].first, "name=with");
  EXPECT_TRUE(options.shapes[2].second.empty());
}

TEST(ParseShapeOption, TakesSizesOfNothing) {
  ImportOptions options;
  std::string error;
  EXPECT_TRUE(parseShapeOption("x=0x3", options, error)) << error;
  EXPECT_EQ(options.shapes.size(), 1u);
}

TEST(ParseShapeOption, RefusesWhatIsNoSize) {
  for (const char *text :
       {"x", "=2", "x=-1", "x=2x", "x=x2", "x=2.5", "x=4294967296", "x=AxB"}) {
    ImportOptions options;
    std::string error;
    EXPECT_FALSE(parseShapeOption(text, options, error)) << text;
    EXPECT_NE(error.find(text), std::string::npos) << error;
    EXPECT_TRUE(options.shapes.empty());
  }
}

TEST_F(ImportTest, BindingBecomesConstantAndFixesTheBatch) {
  addInput("x");
  addInput("y");
  addNode("Sub", {"x", "y"}, "z");
  model.mutable_graph()->add_output()->set_name("z");
  options.bindings.emplace_back("y", makeBinding({1, 2}, {3, 4}));
  OwningOpRef<ModuleOp> module = import();
  ASSERT_TRUE(module) << lines.front();
  auto main = module->lookupSymbol<func::FuncOp>("main");
  ASSERT_EQ(main.getNumArguments(), 1u);
  EXPECT_EQ(cast<RankedTensorType>(main.getArgumentTypes()[0]).getShape(),
            llvm::ArrayRef<int64_t>({1, 2}));
  auto constants = main.getOps<ConstantOp>();
  ASSERT_FALSE(constants.empty());
  auto values = (*constants.begin()).getValue().getValues<float>();
  EXPECT_EQ(llvm::to_vector(values), (llvm::SmallVector<float>{3, 4}));
}

TEST_F(ImportTest, BindingOfAnotherKindIsRefused) {
  addInput("x");
  addNode("Relu", {"x"}, "z");
  model.mutable_graph()->add_output()->set_name("z");
  auto expectError = [&](BoundTensor binding, const char *name,
                         const char *what) {
    options.bindings.clear();
    options.bindings.emplace_back(name, std::move(binding));
    EXPECT_FALSE(import());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines.front().find(what), std::string::npos) << lines.front();
  };
  expectError(makeBinding({1, 2}, {3, 4}), "q", "no input 'q'");
  expectError(makeBinding({2}, {3, 4}), "x", "has 2 dimensions");
  expectError(makeBinding({1, 2}, {3}), "x", "expected as many bytes");
  BoundTensor integers = makeBinding({1, 2}, {3, 4});
  integers.elementType = Builder(&context).getI32Type();
  expectError(integers, "x", "expected elements of type f32, but got i32");
}

TEST_F(ImportTest, ProblemsAreAtMostSixPrintableLines) {
  addInput("x");
  for (int i = 0; i < 40; ++i)
    addNode("Relu", {("missing\n\x1b" + std::to_string(i)).c_str()},
            ("t" + std::to_string(i)).c_str());
  model.mutable_graph()->add_output()->set_name("t0");
  EXPECT_FALSE(import());
  EXPECT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines.back(), "model.onnx: 35 more problems");
  for (const std::string &line : lines)
    for (char c : line)
      EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}
