//===- Import.cpp - from ONNX models to the mpc dialect
//--------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses a model, checks what concerns it as a whole, and wraps its graph in
// `@main`.
//
//===----------------------------------------------------------------------===//

#include "mpc/Frontend/ONNX/Import.h"
#include "Importer.h"
#include "ModelHash.h"
#include "ModelInputs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <limits>
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// IR versions of the ONNX releases that hold opsets 6 to 28.
static constexpr int64_t oldestIR = 3, newestIR = 14;

static LogicalResult parseModel(llvm::MemoryBufferRef buffer,
                                onnx::ModelProto &model,
                                Diagnostics &diagnostics) {
  if (buffer.getBufferSize() == 0)
    return diagnostics.error("expected an ONNX model, but the file is empty");
  if (buffer.getBufferSize() > std::numeric_limits<int>::max())
    return diagnostics.error(
        "expected at most 2 GiB; larger models keep their weights in external "
        "data");
  // Protobuf would write its own opinion to stderr.
  google::protobuf::LogSilencer silence;
  google::protobuf::io::ArrayInputStream stream(
      buffer.getBufferStart(), static_cast<int>(buffer.getBufferSize()));
  google::protobuf::io::CodedInputStream coded(&stream);
  if (!model.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    return diagnostics.error(
        "expected an ONNX model, but it is truncated, nested too deeply, or "
        "not in that format");
  if (!model.has_graph())
    return diagnostics.error("expected an ONNX model, but it has no graph");
  return success();
}

static LogicalResult readVersions(const onnx::ModelProto &model,
                                  llvm::StringMap<int64_t> &opsets,
                                  Diagnostics &diagnostics) {
  if (model.ir_version() < oldestIR || model.ir_version() > newestIR)
    return diagnostics.error("expected an ONNX IR version from " +
                             Twine(oldestIR) + " to " + Twine(newestIR) +
                             ", but got " + Twine(model.ir_version()));
  for (const auto &opset : model.opset_import()) {
    StringRef domain = opset.domain();
    if (domain == "ai.onnx")
      domain = "";
    auto [it, isNew] = opsets.try_emplace(domain, opset.version());
    if (!isNew && it->second != opset.version())
      return diagnostics.error("the opset of domain '" + opset.domain() +
                               "' is given as " + Twine(it->second) +
                               " and as " + Twine(opset.version()));
  }
  auto standard = opsets.find("");
  if (standard == opsets.end())
    return diagnostics.error("the model imports no opset of ai.onnx");
  if (standard->second < oldestOpset || standard->second > newestOpset)
    return diagnostics.error("expected an opset from " + Twine(oldestOpset) +
                             " to " + Twine(newestOpset) + ", but got " +
                             Twine(standard->second));
  return success();
}

/// Whether a computed type can be what the model declares.
static bool isCompatible(RankedTensorType type, const DeclaredType &declared) {
  if (declared.elementType && declared.elementType != type.getElementType())
    return false;
  if (!declared.shape)
    return true;
  return declared.shape->size() == static_cast<size_t>(type.getRank()) &&
         llvm::all_of(llvm::zip(*declared.shape, type.getShape()),
                      [](auto sizes) {
                        auto [declared, size] = sizes;
                        return ShapedType::isDynamic(declared) ||
                               ShapedType::isDynamic(size) || declared == size;
                      });
}

namespace {
class ModelImporter {
public:
  ModelImporter(const onnx::ModelProto &model, StringRef path,
                MLIRContext *context, const ImportOptions &options,
                Diagnostics &diagnostics)
      : proto(model), options(options), diagnostics(diagnostics),
        externalData(path), model{context,   diagnostics, externalData,
                                  operators, {},          OpBuilder(context),
                                  {},        {},          0,
                                  {},        {}} {}

  OwningOpRef<ModuleOp> run();

private:
  func::FuncOp createEntry(ModuleOp module, ArrayRef<ModelInput> inputs,
                           Scope &scope);
  LogicalResult createReturn(func::FuncOp entry, Scope &scope);
  std::string getProducer(StringRef tensor);

  const onnx::ModelProto &proto;
  const ImportOptions &options;
  Diagnostics &diagnostics;
  ExternalData externalData;
  OperatorTable operators;
  ModelContext model;
};
} // namespace

func::FuncOp ModelImporter::createEntry(ModuleOp module,
                                        ArrayRef<ModelInput> inputs,
                                        Scope &scope) {
  OpBuilder &builder = model.builder;
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> types;
  for (const ModelInput &input : inputs)
    if (!input.binding)
      types.push_back(input.type);
  auto entry = func::FuncOp::create(builder, module.getLoc(), "main",
                                    builder.getFunctionType(types, {}));
  Block *block = builder.createBlock(&entry.getBody());
  for (const ModelInput &input : inputs) {
    if (input.binding) {
      scope.insert(input.name,
                   Tensor::ofConstant(makeElements(
                       {input.type, input.binding->data}, input.name)));
      continue;
    }
    Value argument =
        block->addArgument(input.type, model.getLocation(input.name));
    scope.insert(input.name, Tensor::ofValue(argument));
    entry.setArgAttr(block->getNumArguments() - 1, "mpc.name",
                     builder.getStringAttr(input.name));
  }
  return entry;
}

std::string ModelImporter::getProducer(StringRef tensor) {
  for (auto [index, node] : llvm::enumerate(proto.graph().node()))
    if (llvm::is_contained(node.output(), tensor.str()))
      return "node '" +
             (node.name().empty() ? node.op_type() + "_" + std::to_string(index)
                                  : node.name()) +
             "' computes ";
  return "it is ";
}

LogicalResult ModelImporter::createReturn(func::FuncOp entry, Scope &scope) {
  OpBuilder &builder = model.builder;
  SmallVector<Value> values;
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  llvm::StringSet<> names;
  bool ok = true;
  for (const auto &output : proto.graph().output()) {
    std::string what = "output '" + output.name() + "'";
    auto fail = [&](const Twine &message) {
      (void)diagnostics.error(what + ": " + message);
      ok = false;
    };
    if (!names.insert(output.name()).second) {
      fail("listed twice");
      continue;
    }
    FailureOr<DeclaredType> declared =
        getDeclaredType(output, what, model.context, diagnostics);
    if (failed(declared)) {
      ok = false;
      continue;
    }
    Tensor &tensor = *scope.find(output.name());
    if (tensor.isMissing) {
      fail("this optional output of its node is not supported");
      continue;
    }
    Value value = materialize(model, tensor, output.name());
    if (!value) {
      fail("depends on the batch size, which is not known; --shape can fix it");
      continue;
    }
    if (!isCompatible(tensor.type, *declared)) {
      std::string types;
      llvm::raw_string_ostream os(types);
      os << "the model declares ";
      Type element = declared->elementType ? declared->elementType
                                           : tensor.type.getElementType();
      if (declared->shape)
        os << RankedTensorType::get(*declared->shape, element);
      else
        os << "elements of type " << element;
      os << ", but " << getProducer(output.name()) << tensor.type;
      fail(types);
      continue;
    }
    values.push_back(value);
    types.push_back(value.getType());
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
        "mpc.name", builder.getStringAttr(output.name()))));
  }
  func::ReturnOp::create(builder, entry.getLoc(), values);
  entry.setFunctionType(
      builder.getFunctionType(entry.getArgumentTypes(), types));
  entry.setAllResultAttrs(attributes);
  return success(ok);
}

static void eraseDeadOps(Region &region) {
  for (Block &block : region)
    for (Operation &op :
         llvm::make_early_inc_range(llvm::reverse(block.getOperations()))) {
      if (isOpTriviallyDead(&op)) {
        op.erase();
        continue;
      }
      for (Region &inner : op.getRegions())
        eraseDeadOps(inner);
    }
}

OwningOpRef<ModuleOp> ModelImporter::run() {
  if (failed(readVersions(proto, model.opsets, diagnostics)))
    return {};
  const onnx::GraphProto &graph = proto.graph();
  if (graph.output_size() == 0)
    return (void)diagnostics.error("the graph has no output"), nullptr;
  auto inputs = resolveInputs(graph, options, model.context, diagnostics);
  if (failed(inputs))
    return {};

  OwningOpRef<ModuleOp> module =
      ModuleOp::create(model.getLocation(graph.name()));
  for (const onnx::FunctionProto &function : proto.functions())
    model.functions[function.domain() + "." + function.name()] = &function;
  Scope scope;
  func::FuncOp entry = createEntry(*module, *inputs, scope);
  LogicalResult imported = importGraph(model, scope, graph);
  model.reportUnsupported();
  if (failed(imported) || failed(createReturn(entry, scope)))
    return {};

  // What only fed shape arithmetic is left without users.
  eraseDeadOps(entry.getBody());
  (*module)->setAttr("mpc.model_hash",
                     model.builder.getStringAttr(
                         hashModel(proto, externalData, model.context)));

  std::string message;
  ScopedDiagnosticHandler handler(model.context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  if (failed(verify(*module)))
    return (void)diagnostics.error(message), nullptr;
  return module;
}

OwningOpRef<ModuleOp> mpc::importONNX(llvm::MemoryBufferRef buffer,
                                      MLIRContext &context,
                                      const ImportOptions &options,
                                      const ImportErrorHandler &onError) {
  context.loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                      func::FuncDialect, scf::SCFDialect, tensor::TensorDialect,
                      MPCDialect>();
  Diagnostics diagnostics(buffer.getBufferIdentifier(), onError);
  onnx::ModelProto model;
  if (failed(parseModel(buffer, model, diagnostics)))
    return {};
  return ModelImporter(model, buffer.getBufferIdentifier(), &context, options,
                       diagnostics)
      .run();
}

OwningOpRef<ModuleOp> mpc::importONNX(StringRef path, MLIRContext &context,
                                      const ImportOptions &options,
                                      const ImportErrorHandler &onError) {
  auto fail = [&](const Twine &message) {
    onError((path + ": " + message).str());
    return OwningOpRef<ModuleOp>();
  };
  if (llvm::sys::fs::is_directory(path))
    return fail("expected an ONNX model, but it is a folder");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(buffer.getError().message());
  return importONNX((*buffer)->getMemBufferRef(), context, options, onError);
}
