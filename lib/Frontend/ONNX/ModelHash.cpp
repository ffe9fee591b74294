//===- ModelHash.cpp - identity of an ONNX model
//---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelHash.h"
#include "llvm/Support/SHA256.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

namespace {
/// Writes every item with its length in front, so that no two different models
/// write the same bytes.
class ModelHasher {
public:
  ModelHasher(ExternalData &externalData, MLIRContext *context)
      : externalData(externalData), context(context) {}

  void add(const onnx::ModelProto &model) {
    for (const auto &opset : model.opset_import()) {
      add(opset.domain());
      add(opset.version());
    }
    add(model.graph());
  }

  std::string finish() {
    return isComplete ? llvm::toHex(hash.final(), /*LowerCase=*/true)
                      : std::string();
  }

private:
  void add(int64_t number) { addBytes(&number, sizeof(number)); }
  void add(StringRef text) {
    add(static_cast<int64_t>(text.size()));
    addBytes(text.data(), text.size());
  }
  void add(const onnx::TensorProto &tensor) {
    ImportErrorHandler ignore = [](StringRef) {};
    Diagnostics muted("", ignore);
    FailureOr<TensorData> data =
        readTensor(tensor, "", externalData, context, muted);
    if (failed(data)) {
      isComplete = false;
      return;
    }
    add(tensor.name());
    add(static_cast<int64_t>(tensor.data_type()));
    add(static_cast<int64_t>(tensor.dims_size()));
    for (int64_t size : tensor.dims())
      add(size);
    add(StringRef(data->bytes.data(), data->bytes.size()));
  }
  void add(const onnx::ValueInfoProto &value) {
    add(value.name());
    add(static_cast<int64_t>(value.type().tensor_type().elem_type()));
    for (const auto &dim : value.type().tensor_type().shape().dim()) {
      add(dim.has_dim_value() ? dim.dim_value() : int64_t(-1));
      add(dim.dim_param());
    }
  }
  template <typename List> void addList(const List &list) {
    add(static_cast<int64_t>(list.size()));
    for (const auto &item : list)
      add(item);
  }
  void add(const onnx::AttributeProto &attribute) {
    add(attribute.name());
    float number = attribute.f();
    addBytes(&number, sizeof(number));
    add(static_cast<int64_t>(attribute.i()));
    add(attribute.s());
    add(static_cast<int64_t>(attribute.floats_size()));
    for (float f : attribute.floats())
      addBytes(&f, sizeof(f));
    add(static_cast<int64_t>(attribute.ints_size()));
    for (int64_t i : attribute.ints())
      add(i);
    addList(attribute.strings());
    if (attribute.has_t())
      add(attribute.t());
    if (attribute.has_g())
      add(attribute.g());
    addList(attribute.tensors());
    addList(attribute.graphs());
  }
  void add(const onnx::NodeProto &node) {
    add(node.domain());
    add(node.op_type());
    add(node.name());
    addList(node.input());
    addList(node.output());
    addList(node.attribute());
  }
  void add(const onnx::GraphProto &graph) {
    addList(graph.input());
    addList(graph.output());
    addList(graph.initializer());
    addList(graph.node());
  }
  void addBytes(const void *bytes, size_t size) {
    hash.update(ArrayRef<uint8_t>(static_cast<const uint8_t *>(bytes), size));
  }

  ExternalData &externalData;
  MLIRContext *context;
  llvm::SHA256 hash;
  bool isComplete = true;
};
} // namespace

std::string frontend::hashModel(const onnx::ModelProto &model,
                                ExternalData &externalData,
                                MLIRContext *context) {
  ModelHasher hasher(externalData, context);
  hasher.add(model);
  return hasher.finish();
}
