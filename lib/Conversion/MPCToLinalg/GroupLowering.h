//===- GroupLowering.h - one group becomes one function --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the families of ops share when a group is lowered: the function that is
// built, its arguments, and expressions.
//
// An expression is what a group computes for one element of a tensor, as a
// function of the loop indices. Elementwise ops, quantization and data movement
// that is only indexing never make a tensor of their own: they extend the
// expression that the next store (or reduction) evaluates. Contractions,
// pooling, reductions, concatenation make tensors, which are leaves.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CONVERSION_MPCTOLINALG_GROUPLOWERING_H
#define MPC_LIB_CONVERSION_MPCTOLINALG_GROUPLOWERING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Support/QuantMath.h"
#include <functional>

namespace mpc::lowering {

/// Where callers of a group's function get an argument from: a value of the
/// caller, or a constant made at compile time.
struct ArgumentSource {
  mlir::Value value;
  mlir::ElementsAttr constant;
};

/// Builds one scalar from the scalars of operands.
using ScalarBuilder = std::function<mlir::Value(
    mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

/// A DAG of scalar computations over elements of tensors. Scalars are f32 where
/// tensors store f16 or bf16, and the storage integers of quantized elements.
class Expression {
public:
  using Node = unsigned;

  /// The element of `tensor` at `map`, a map from the loops to the tensor's
  /// dimensions.
  Node addLeaf(mlir::Value tensor, mlir::AffineMap map);
  /// A scalar computed from `operands`.
  Node addNode(llvm::ArrayRef<Node> operands, mlir::Location loc,
               ScalarBuilder builder);

  llvm::ArrayRef<mlir::Value> getInputs() const { return inputs; }
  llvm::ArrayRef<mlir::AffineMap> getMaps() const { return maps; }
  /// Emits the whole DAG; `scalars` are the elements of the inputs.
  mlir::Value emit(mlir::OpBuilder &builder, mlir::ValueRange scalars,
                   Node root) const;

private:
  friend class GroupLowering;
  struct NodeInfo {
    llvm::SmallVector<Node> operands;
    mlir::Location loc;
    ScalarBuilder builder;
    /// Index into inputs, for a leaf.
    std::optional<unsigned> input;
  };
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<mlir::AffineMap> maps;
  llvm::SmallVector<NodeInfo> nodes;
  /// What was expressed already: a value at an index is computed once.
  llvm::SmallVector<std::tuple<mlir::Value, mlir::AffineMap, Node>> known;
};

using Node = Expression::Node;

/// Builds one scalar from the position in a tensor and the scalars of operands.
using IndexedBuilder = std::function<mlir::Value(
    mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> at,
    mlir::ValueRange scalars)>;
/// Builds a position in another tensor from that.
using PositionBuilder = std::function<llvm::SmallVector<mlir::Value>(
    mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> at,
    mlir::ValueRange scalars)>;

class GroupLowering {
public:
  explicit GroupLowering(GroupOp group);

  /// Builds the function, detached from any module. Errors are reported on the
  /// op at fault.
  mlir::FailureOr<mlir::func::FuncOp> run(llvm::StringRef name);
  /// The sources of the arguments that precede the results' destinations.
  llvm::ArrayRef<ArgumentSource> getArguments() const { return arguments; }

private:
  //===--- GroupLowering.cpp: tensors, arguments, expressions ---===//

  /// The tensor of a block argument of the group, or of a value that was stored
  /// already; else null.
  mlir::Value lookupTensor(mlir::Value value) { return tensors.lookup(value); }
  /// A tensor that holds `value`, in its storage type.
  mlir::FailureOr<mlir::Value> materialize(mlir::Value value);
  /// Computes `value` into `dest`; returns the tensor.
  mlir::FailureOr<mlir::Value> store(mlir::Value value, mlir::Value dest);
  /// Adds the element of `value` at `index` (loops to dimensions of `value`) to
  /// `expression`.
  mlir::FailureOr<Node> express(mlir::Value value, mlir::AffineMap index,
                                Expression &expression);
  mlir::FailureOr<Node> expressOp(mlir::Operation *op, mlir::AffineMap index,
                                  Expression &expression);
  /// Adds a leaf; unit dimensions that are read at a constant 0 are dropped
  /// from the tensor first.
  Node addLeaf(mlir::Value tensor, mlir::AffineMap map, Expression &expression);
  /// Adds a one-dimensional tensor that is indexed by one dimension of a value
  /// at `index`.
  Node addChannelLeaf(mlir::Value tensor, int64_t axis, mlir::AffineMap index,
                      Expression &expression);

  /// One linalg.generic over an expression. With `combine`, the value at
  /// `destMap` is read and combined.
  mlir::Value buildGeneric(
      mlir::Location loc, const Expression &expression, Node root,
      mlir::Value dest, mlir::AffineMap destMap,
      llvm::ArrayRef<mlir::utils::IteratorType> iterators,
      llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value element,
                                     mlir::Value accumulator)>
          combine = nullptr);
  /// An expression stored elementwise into `dest`.
  mlir::Value buildStore(mlir::Location loc, const Expression &expression,
                         Node root, mlir::Value dest);

  /// An argument that callers bind to `constant`.
  mlir::Value addConstantArgument(mlir::Location loc,
                                  mlir::ElementsAttr constant);
  /// An uninitialised tensor.
  mlir::Value createEmpty(mlir::Location loc, llvm::ArrayRef<int64_t> shape,
                          mlir::Type elementType);
  mlir::Value createFill(mlir::Location loc, mlir::TypedAttr value,
                         mlir::Value dest);
  /// The sizes of `shape` as tensor.empty and tensor.extract_slice want them.
  llvm::SmallVector<mlir::OpFoldResult> getSizes(mlir::Location loc,
                                                 llvm::ArrayRef<int64_t> shape);
  /// The symbolic batch.
  mlir::Value getBatch();

  //===--- Elementwise.cpp ---===//
  mlir::FailureOr<Node> expressElementwise(ElementwiseOpInterface op,
                                           mlir::AffineMap index,
                                           Expression &expression);
  mlir::FailureOr<Node> expressBatchNorm(BatchNormOp op, mlir::AffineMap index,
                                         Expression &expression);

  //===--- Quantization.cpp ---===//
  mlir::FailureOr<Node> expressQuantize(QuantizeOp op, mlir::AffineMap index,
                                        Expression &expression);
  mlir::FailureOr<Node> expressDequantize(DequantizeOp op,
                                          mlir::AffineMap index,
                                          Expression &expression);
  mlir::FailureOr<Node> expressRequantize(RequantizeOp op,
                                          mlir::AffineMap index,
                                          Expression &expression);
  /// f32 → storage integer of `type`, and back; `index` leads to the dimensions
  /// of the tensor that has that type.
  mlir::FailureOr<Node> addQuantize(mlir::Operation *op, Node x,
                                    mlir::quant::QuantizedType type,
                                    mlir::AffineMap index,
                                    Expression &expression);
  mlir::FailureOr<Node> addDequantize(mlir::Operation *op, Node q,
                                      mlir::quant::QuantizedType type,
                                      mlir::AffineMap index,
                                      Expression &expression);
  /// i32 → storage integer: clamp(round(f32(acc) * multiplier) + z, low, high).
  mlir::FailureOr<Node> addRequantize(mlir::Operation *op, Node acc,
                                      Node multiplier, float largestMultiplier,
                                      mlir::quant::UniformQuantizedType type,
                                      int64_t low, int64_t high,
                                      Expression &expression);
  /// One value as a literal, several as a constant argument of `shape` that is
  /// read at the dimensions `axes` of `index`.
  Node addFloatParameter(mlir::Location loc, llvm::ArrayRef<float> values,
                         llvm::ArrayRef<int64_t> shape,
                         llvm::ArrayRef<int64_t> axes, mlir::AffineMap index,
                         Expression &expression);
  Node addChannelParameter(mlir::Location loc, llvm::ArrayRef<float> values,
                           int64_t axis, mlir::AffineMap index,
                           Expression &expression);

  //===--- IntegerArithmetic.cpp ---===//
  mlir::FailureOr<Node> expressFixedRequantize(RequantizeOp op,
                                               mlir::AffineMap index,
                                               Expression &expression);
  mlir::FailureOr<Node> expressLookup(LookupOp op, mlir::AffineMap index,
                                      Expression &expression);
  /// Elements of 32-bit results computed on the integers; nothing for other
  /// ops and types.
  std::optional<Node> addIntegerForm(ElementwiseOpInterface op,
                                     llvm::ArrayRef<Node> operands,
                                     Expression &expression);
  /// A storage integer as i32, less its zero point.
  Node addCentered(mlir::Location loc, Node q, mlir::quant::QuantizedType type,
                   Expression &expression);
  /// i32 → storage integer: clamp(scale(x) + z, low, high). `scales` is one, or
  /// those of a tensor of `shape` over the dimensions `axes` of `index`.
  Node
  addFixedScale(mlir::Location loc, Node x, llvm::ArrayRef<FixedScale> scales,
                llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes,
                mlir::quant::UniformQuantizedType type, int64_t low,
                int64_t high, mlir::AffineMap index, Expression &expression);
  /// addFloatParameter for i32; equal values are a literal.
  Node addIntParameter(mlir::Location loc, llvm::ArrayRef<int64_t> values,
                       llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> axes, mlir::AffineMap index,
                       Expression &expression);
  /// addAverage of integers in another profile than onnx.
  mlir::FailureOr<Node>
  addFixedAverage(mlir::Operation *op, Rounding profile, Node sum,
                  int64_t terms, llvm::ArrayRef<int64_t> divisors,
                  llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes,
                  mlir::AffineMap index, Expression &expression);

  //===--- Contractions.cpp ---===//
  mlir::FailureOr<Node> expressContraction(mlir::Operation *op,
                                           mlir::AffineMap index,
                                           Expression &expression);
  /// The sum of products, bias and the activation's zero point left out; into
  /// `dest` where it is given.
  mlir::FailureOr<mlir::Value> lowerContraction(mlir::Operation *op,
                                                mlir::Value dest);
  /// Weights that kernels read as integers.
  mlir::FailureOr<mlir::Value> lowerDequantizeBlocks(DequantizeBlocksOp op);
  mlir::FailureOr<mlir::Value> lowerConv(ConvOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerMatMul(MatMulOp op, mlir::Value dest);
  mlir::Value buildContraction(mlir::Operation *op, mlir::ValueRange inputs,
                               llvm::ArrayRef<mlir::AffineMap> maps,
                               unsigned parallelLoops, mlir::Value dest);
  /// What is added to the sum of products: the bias, less what the zero point
  /// counted too much. Null for nothing.
  mlir::FailureOr<mlir::Value> getContractionBias(mlir::Operation *op);

  //===--- Pooling.cpp ---===//
  mlir::FailureOr<Node> expressMaxPool(MaxPoolOp op, mlir::AffineMap index,
                                       Expression &expression);
  mlir::FailureOr<Node> expressAveragePool(AveragePoolOp op,
                                           mlir::AffineMap index,
                                           Expression &expression);
  mlir::FailureOr<mlir::Value> lowerMaxPool(MaxPoolOp op, mlir::Value dest);

  mlir::FailureOr<mlir::Value> lowerMaxPoolIndices(MaxPoolIndicesOp op,
                                                   mlir::Value dest);

  //===--- Resize.cpp ---===//
  mlir::FailureOr<Node> expressResize(ResizeOp op, mlir::AffineMap index,
                                      Expression &expression);
  /// `source` resized along `axis` to `shape`, with a loop over many taps; the
  /// tables are [size, taps].
  mlir::Value buildLongResize(mlir::Location loc, mlir::Value source,
                              llvm::ArrayRef<int64_t> shape, int64_t axis,
                              int64_t taps, llvm::ArrayRef<int64_t> indices,
                              llvm::ArrayRef<float> weights,
                              mlir::Type computeType, bool isUnsigned);

  //===--- Sampling.cpp ---===//
  mlir::FailureOr<Node> expressSample(SampleOp op, mlir::AffineMap index,
                                      Expression &expression);
  mlir::FailureOr<Node> expressRoiPool(RoiPoolOp op, mlir::AffineMap index,
                                       Expression &expression);

  //===--- Reductions.cpp ---===//
  using Combiner = llvm::function_ref<mlir::Value(
      mlir::OpBuilder &, mlir::Value element, mlir::Value accumulator)>;
  mlir::FailureOr<Node> expressReduce(ReduceOp op, mlir::AffineMap index,
                                      Expression &expression);
  mlir::FailureOr<Node> expressSoftmax(mlir::Operation *op,
                                       mlir::AffineMap index,
                                       Expression &expression);
  /// The reduction alone, into `dest` where it is given: null where the op
  /// computes more than that.
  mlir::FailureOr<mlir::Value> lowerReduce(ReduceOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerObserve(ObserveOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerHistogram(HistogramOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerChannelSums(ChannelSumsOp op,
                                                mlir::Value dest);
  /// Reduces an expression over a space of `shape` along `axes`, which go,
  /// starting from `init`; into `dest` where it is given. `merge` combines
  /// what parts of the elements have been reduced to; where it is given, long
  /// rows are reduced in lanes.
  mlir::Value buildReduction(mlir::Location loc, const Expression &expression,
                             Node root, llvm::ArrayRef<int64_t> shape,
                             llvm::ArrayRef<int64_t> axes, mlir::TypedAttr init,
                             Combiner combine, mlir::Value dest = nullptr,
                             Combiner merge = nullptr);
  /// Restricts an expression to `size` iterations of a loop from `begin` on,
  /// and splits the loop in two where there is more than one of `lanes`: (i)
  /// becomes (i / lanes, i mod lanes). False, and no change, where inputs are
  /// not indexed by the loop alone.
  bool sliceLoop(Expression &expression, unsigned loop, int64_t begin,
                 int64_t size, int64_t lanes);
  /// The mean of `sum`, which counts `terms` elements (padding by the zero
  /// point included). `divisors` is one number, or a tensor of `shape` over the
  /// dimensions `axes` of the op's result.
  mlir::FailureOr<Node> addAverage(mlir::Operation *op, Node sum, int64_t terms,
                                   llvm::ArrayRef<int64_t> divisors,
                                   llvm::ArrayRef<int64_t> shape,
                                   llvm::ArrayRef<int64_t> axes,
                                   mlir::AffineMap index,
                                   Expression &expression);

  //===--- Normalization.cpp ---===//
  mlir::FailureOr<Node> expressNormalize(NormalizeOp op, mlir::AffineMap index,
                                         Expression &expression);
  mlir::FailureOr<mlir::Value> lowerCumulate(CumulateOp op, mlir::Value dest);

  //===--- Movement.cpp ---===//
  mlir::FailureOr<Node> expressMovement(mlir::Operation *op,
                                        mlir::AffineMap index,
                                        Expression &expression);
  mlir::FailureOr<mlir::Value> lowerConcat(ConcatOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerPad(PadOp op, mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerReshape(ReshapeOp op);
  /// Computes `value` into the box of `dest` that starts at `offsets`.
  mlir::FailureOr<mlir::Value> storeSlice(mlir::Value value, mlir::Value dest,
                                          llvm::ArrayRef<int64_t> offsets);
  /// `input` with `low` and `high` elements of `value` around each dimension.
  mlir::Value padTensor(mlir::Location loc, mlir::Value input,
                        llvm::ArrayRef<int64_t> low,
                        llvm::ArrayRef<int64_t> high, mlir::TypedAttr value);

  //===--- Indexing.cpp ---===//
  mlir::FailureOr<Node> expressIndexing(mlir::Operation *op,
                                        mlir::AffineMap index,
                                        Expression &expression);
  /// The element of `data` whose dimension d is dimension sources[d] of the
  /// result, or the next one of `indices` where that is negative.
  mlir::FailureOr<Node> expressGather(mlir::Operation *op, mlir::Value data,
                                      llvm::ArrayRef<mlir::Value> indices,
                                      llvm::ArrayRef<mlir::AffineMap> indexMaps,
                                      llvm::ArrayRef<int64_t> sources,
                                      mlir::AffineMap index,
                                      Expression &expression);
  mlir::FailureOr<Node> expressTensorScatter(TensorScatterOp op,
                                             mlir::AffineMap index,
                                             Expression &expression);
  mlir::FailureOr<Node> expressReverseSequence(ReverseSequenceOp op,
                                               mlir::AffineMap index,
                                               Expression &expression);
  mlir::FailureOr<Node> expressOneHot(OneHotOp op, mlir::AffineMap index,
                                      Expression &expression);
  mlir::FailureOr<Node> expressPad(PadOp op, mlir::AffineMap index,
                                   Expression &expression);
  mlir::FailureOr<mlir::Value> lowerScatter(mlir::Operation *op,
                                            mlir::Value dest);
  mlir::FailureOr<mlir::Value> lowerArgReduce(ArgReduceOp op);
  mlir::FailureOr<mlir::Value> lowerTopK(TopKOp op, mlir::Value dest);
  /// A scalar that depends on the position `index`.
  Node addIndexed(mlir::Location loc, mlir::AffineMap index,
                  llvm::ArrayRef<Node> operands, IndexedBuilder builder,
                  Expression &expression);
  /// The element of `tensor` at positions that are computed.
  Node addElement(mlir::Location loc, mlir::Value tensor, mlir::AffineMap index,
                  llvm::ArrayRef<Node> operands, PositionBuilder positions,
                  Expression &expression);

  GroupOp group;
  mlir::OpBuilder builder;
  mlir::func::FuncOp function;
  llvm::SmallVector<ArgumentSource> arguments;
  llvm::DenseMap<mlir::Value, mlir::Value> tensors;
  /// Tensors that an op's expression reads beside its operands.
  enum Partial : unsigned {
    kAccumulator,
    kBias,
    kMaximum,
    kPowers,
    kMean,
    kDeviation
  };
  llvm::DenseMap<std::pair<mlir::Operation *, unsigned>, mlir::Value> partials;
  mlir::Value batch;
};

//===--- Types (GroupLowering.cpp) ---===//

/// The element type that holds `type` in linalg: signless integers, the storage
/// of quantized types.
mlir::Type getStorageElementType(mlir::Type type);
mlir::RankedTensorType getStorageType(mlir::Type tensorType);
/// The type that elements of `type` are computed in: f32 for f16 and bf16, else
/// as stored.
mlir::Type getComputeType(mlir::Type type);
/// Whether integers of this (not yet converted) element type are unsigned.
bool isUnsignedElement(mlir::Type type);
/// Conversion between float types; a float that was widened from `type` is the
/// narrow one again.
mlir::Value convertFloat(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value scalar, mlir::Type type);
mlir::Value createFloat(mlir::OpBuilder &builder, mlir::Location loc,
                        double value, mlir::Type type);
/// `index` of a result, for an operand of `operandShape` that broadcasts to
/// `resultShape`.
mlir::AffineMap getBroadcastIndex(llvm::ArrayRef<int64_t> operandShape,
                                  llvm::ArrayRef<int64_t> resultShape,
                                  mlir::AffineMap index);

//===--- Elements at computed positions (Resize.cpp) ---===//

/// `expr` of the loops inside of a linalg.generic.
mlir::Value createIndex(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::AffineExpr expr);
/// The element of `tensor` at `indices`, widened to `computeType` (integers to
/// real numbers, where that is a floating-point type).
mlir::Value loadElement(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value tensor, mlir::ValueRange indices,
                        mlir::Type computeType, bool isUnsigned = false);

//===--- Quantized types (Quantization.cpp) ---===//

/// Scales in f32: one, or one per channel.
llvm::SmallVector<float> getScales(mlir::quant::QuantizedType type);
llvm::SmallVector<int64_t> getZeroPoints(mlir::quant::QuantizedType type);
/// The axis of per-channel parameters, or -1.
int64_t getQuantizedAxis(mlir::quant::QuantizedType type);
/// x < low → low, x > high → high, by compare and select.
mlir::Value clampFloat(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value x, double low, double high);

//===--- Constants (Constants.cpp) ---===//

/// The same bytes under another shape, or an element type of the same width;
/// 4-bit integers become bytes.
mlir::ElementsAttr retypeConstant(mlir::ElementsAttr constant,
                                  mlir::RankedTensorType type);
/// `constant` with its dimensions permuted: dimension d of the result is
/// dimension perm[d] of `constant`. Null for one that cannot be read.
mlir::ElementsAttr transposeConstant(mlir::ElementsAttr constant,
                                     llvm::ArrayRef<int64_t> perm);

//===--- Views (Movement.cpp) ---===//

/// `value` under another shape, as views; `batch` is asked for where the result
/// has a symbolic size.
mlir::Value buildReshape(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value value, mlir::RankedTensorType resultType,
                         llvm::function_ref<mlir::Value()> batch);

} // namespace mpc::lowering

#endif // MPC_LIB_CONVERSION_MPCTOLINALG_GROUPLOWERING_H
