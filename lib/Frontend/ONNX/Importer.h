//===- Importer.h - walks an ONNX graph ------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GraphImporter walks the nodes of a graph in order of their dependences and
// hands each one to its entry of the operator table, as a NodeContext. A
// handler reads attributes and inputs, creates ops and sets results; the first
// error of a node is reported and its results are poisoned, so that handlers
// need not look whether the calls they make succeed: what fails yields a null
// value, and null values pass through everything.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_IMPORTER_H
#define MPC_LIB_FRONTEND_ONNX_IMPORTER_H

#include "Diagnostics.h"
#include "KnownTensor.h"
#include "OperatorTable.h"
#include "TensorData.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace onnx {
class AttributeProto;
class FunctionProto;
class GraphProto;
class NodeProto;
class SparseTensorProto;
} // namespace onnx

namespace mpc::frontend {

/// What is known about a tensor of the model: its value in the function, its
/// contents, or both. Contents become a value when an op reads them.
struct Tensor {
  mlir::RankedTensorType type;
  mlir::Value value;
  mlir::ElementsAttr constant;
  std::optional<KnownTensor> known;
  /// The node that should have computed it has failed and was reported.
  bool isPoisoned = false;
  /// An output of a node that its handler does not compute; an error once
  /// something reads it.
  bool isMissing = false;

  static Tensor poisoned();
  static Tensor missing();
  static Tensor ofValue(mlir::Value value);
  static Tensor ofConstant(mlir::ElementsAttr elements);
  /// Its type is that of the constant; `known` may depend on the batch.
  static Tensor ofKnown(KnownTensor known);
};

/// Tensors by name. A subgraph sees those of the graph around it.
class Scope {
public:
  explicit Scope(Scope *outer = nullptr) : outer(outer) {}
  Tensor *find(llvm::StringRef name) {
    auto it = tensors.find(name);
    if (it != tensors.end())
      return &it->second;
    return outer ? outer->find(name) : nullptr;
  }
  void insert(llvm::StringRef name, Tensor tensor) {
    tensors[name] = std::move(tensor);
  }

private:
  llvm::StringMap<Tensor> tensors;
  Scope *outer;
};

/// What is the same for a model's main graph and its subgraphs.
struct ModelContext {
  mlir::MLIRContext *context;
  Diagnostics &diagnostics;
  ExternalData &externalData;
  const OperatorTable &operators;
  /// Version of each domain; the default domain is "".
  llvm::StringMap<int64_t> opsets;
  mlir::OpBuilder builder;
  /// The model's own functions by domain, a point and name, those that are
  /// being imported inside of each other, and how often any was.
  llvm::StringMap<const onnx::FunctionProto *> functions;
  llvm::SmallVector<const onnx::FunctionProto *> activeFunctions;
  int64_t numCalls = 0;
  /// Goes before the names of nodes: the calls that lead to them.
  std::string namePrefix;
  /// Operators without a way to import them, as described, and their nodes.
  std::map<std::string, std::vector<std::string>> unsupported;

  /// `name` in the model's file.
  mlir::Location getLocation(llvm::StringRef name);
  /// The same of a node; where it computes one tensor, the location carries
  /// that tensor's name, too, as the metadata of a fused location.
  mlir::Location getNodeLocation(llvm::StringRef name,
                                 const onnx::NodeProto &node);
  void reportUnsupported();
};

class NodeContext {
public:
  NodeContext(ModelContext &model, Scope &scope, const onnx::NodeProto &node,
              int64_t index);

  //===--------------------------------------------------------------------===//
  // The node
  //===--------------------------------------------------------------------===//

  const onnx::NodeProto &getNode() const { return node; }
  llvm::StringRef getOperator() const;
  /// Version of the operator's domain that the model asks for.
  int64_t getVersion() const { return version; }
  const std::string &getName() const { return name; }
  ModelContext &getModel() { return model; }
  Scope &getScope() { return scope; }
  mlir::MLIRContext *getContext() { return model.context; }
  mlir::OpBuilder &getBuilder() { return model.builder; }
  mlir::Location getLoc() const { return loc; }

  /// Reports the node's first problem; later ones follow from it.
  llvm::LogicalResult error(const llvm::Twine &message);
  /// The operator exists but cannot be imported as it is used here.
  llvm::LogicalResult unsupported(const llvm::Twine &because);
  bool hasFailed() const { return failed; }
  /// What went wrong has been reported by other means.
  void setFailed(bool hasFailed = true) { failed = hasFailed; }

  //===--------------------------------------------------------------------===//
  // Attributes
  //===--------------------------------------------------------------------===//
  // Each reports an attribute of another type, and returns the default then.

  bool hasAttribute(llvm::StringRef name);
  int64_t getInt(llvm::StringRef name, int64_t defaultValue);
  bool getBool(llvm::StringRef name, bool defaultValue);
  double getFloat(llvm::StringRef name, double defaultValue);
  llvm::StringRef getString(llvm::StringRef name, llvm::StringRef defaultValue);
  llvm::SmallVector<int64_t> getInts(llvm::StringRef name);
  llvm::SmallVector<double> getFloats(llvm::StringRef name);
  llvm::SmallVector<llvm::StringRef> getStrings(llvm::StringRef name);
  /// Null after an error, or where there is none.
  mlir::ElementsAttr getTensor(llvm::StringRef name);
  const onnx::SparseTensorProto *getSparseTensor(llvm::StringRef name);
  const onnx::GraphProto *getGraph(llvm::StringRef name);
  int64_t getRequiredInt(llvm::StringRef name);
  llvm::SmallVector<int64_t> getRequiredInts(llvm::StringRef name);
  /// An attribute that does not matter to inference.
  void ignoreAttribute(llvm::StringRef name);
  /// Reports attributes that no one asked for: results would differ from what
  /// the model's author meant.
  void checkAllAttributesRead();
  /// An axis within [-rank, rank), made nonnegative; 0 after an error.
  int64_t normalizeAxis(int64_t axis, int64_t rank);
  /// Distinct axes, sorted.
  llvm::SmallVector<int64_t> normalizeAxes(llvm::ArrayRef<int64_t> axes,
                                           int64_t rank);

  //===--------------------------------------------------------------------===//
  // Inputs
  //===--------------------------------------------------------------------===//

  unsigned getNumInputs() const;
  unsigned getNumOutputs() const;
  bool hasInput(unsigned index) const;
  bool usesOutput(unsigned index) const;
  /// Null where there is none.
  Tensor *getInput(unsigned index);
  /// The tensor's name in the model; empty where there is none.
  llvm::StringRef getInputName(unsigned index) const;
  mlir::RankedTensorType getInputType(unsigned index);
  int64_t getInputRank(unsigned index) { return getInputType(index).getRank(); }
  /// The input as a value of the function.
  mlir::Value getOperand(unsigned index);
  /// The contents, where they are known and few.
  std::optional<KnownTensor> getKnown(unsigned index);
  /// Contents that have to be known; `what` ("shape") names them in the error.
  std::optional<KnownTensor> getRequiredKnown(unsigned index,
                                              llvm::StringRef what);
  /// Integers that have to be known and free of the batch.
  std::optional<llvm::SmallVector<int64_t>> getKnownInts(unsigned index,
                                                         llvm::StringRef what);
  /// A number that has to be known.
  std::optional<double> getKnownNumber(unsigned index, llvm::StringRef what);
  /// An argument that was an attribute until it became an input: integers, or
  /// none where neither is there.
  std::optional<llvm::SmallVector<int64_t>>
  getIntsFromInputOrAttribute(unsigned index, llvm::StringRef name);

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  void setResult(unsigned index, mlir::Value value);
  void setResult(unsigned index, Tensor tensor);
  llvm::SmallVector<std::optional<Tensor>> &getResults() { return results; }

  /// Creates an op whose result type is inferred. The op's own diagnostics are
  /// the node's error.
  mlir::Value create(llvm::StringRef op, mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  template <typename OpT>
  mlir::Value create(mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    return create(OpT::getOperationName(), operands, attributes);
  }
  /// The same with a given result type.
  mlir::Value createTyped(llvm::StringRef op, mlir::ValueRange operands,
                          mlir::Type type,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value createReshape(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  mlir::Value createTranspose(mlir::Value input, llvm::ArrayRef<int64_t> perm);
  mlir::Value createCast(mlir::Value input, mlir::Type elementType);
  /// A tensor of rank 0 that holds `value`.
  mlir::Value createScalar(double value, mlir::Type elementType);

  mlir::NamedAttribute attr(llvm::StringRef name, mlir::Attribute value);
  mlir::NamedAttribute i64(llvm::StringRef name, int64_t value);
  mlir::NamedAttribute f64(llvm::StringRef name, double value);
  mlir::NamedAttribute i64s(llvm::StringRef name,
                            llvm::ArrayRef<int64_t> values);

private:
  const onnx::AttributeProto *findAttribute(llvm::StringRef name, int type,
                                            llvm::StringRef typeName);

  ModelContext &model;
  Scope &scope;
  const onnx::NodeProto &node;
  std::string name;
  int64_t version = 0;
  mlir::Location loc;
  bool failed = false;
  llvm::StringSet<> readAttributes;
  llvm::SmallVector<std::optional<Tensor>> results;
};

/// The value of a tensor in the function, created if need be; null, without an
/// error, where its contents depend on the batch.
mlir::Value materialize(ModelContext &model, Tensor &tensor,
                        llvm::StringRef name);

/// Imports the nodes that `graph`'s outputs depend on. Initialisers are added
/// to `scope`; the graph's inputs must be there already.
llvm::LogicalResult importGraph(ModelContext &model, Scope &scope,
                                const onnx::GraphProto &graph);

/// Names that a graph and its subgraphs read from around it.
void collectFreeNames(const onnx::GraphProto &graph,
                      llvm::SmallVectorImpl<llvm::StringRef> &names);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_IMPORTER_H
