//===- LowerPerElement.cpp - kernels as one loop over output elements -----===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For machines with a thread per element. Products are summed in the order and
// with the roundings of the register tiles, so that results are the same.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include <functional>
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Estimated cost of one multiplication in nanoseconds.
static constexpr double kMultiplyCost = 0.5;

/// Bytes of one access to memory, the most that GPUs have.
static constexpr int64_t kAccessBytes = 16;

template <typename AccessOp>
static void align(AccessOp access, VectorType type) {
  access.setAlignment(std::min<uint64_t>(
      kAccessBytes, llvm::PowerOf2Ceil(type.getNumElements() *
                                       type.getElementTypeBitWidth() / 8)));
}

/// The most elements up to `lanes` that all rows of `memref` begin at a
/// multiple of, counted from memory that is aligned to 64 bytes.
static int64_t getAlignedLanes(Value memref, int64_t lanes) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 0 || !type.isLastDimUnitStride())
    return 1;
  auto [strides, offset] = type.getStridesAndOffset();
  for (int64_t stride : ArrayRef(strides).drop_back())
    if (!ShapedType::isDynamic(stride))
      lanes = std::gcd(lanes, stride);
    else if (!type.getLayout().isIdentity())
      return 1;
  // A dynamic stride of whole memory is a product of sizes, the last included.
  if (type.getLayout().isIdentity() && type.getRank() > 1)
    lanes = ShapedType::isDynamic(type.getShape().back())
                ? 1
                : std::gcd(lanes, type.getShape().back());
  while (lanes > 1) {
    Operation *view = memref.getDefiningOp();
    if (auto part = dyn_cast_or_null<memref::SubViewOp>(view)) {
      auto source = part.getSourceType().getStridesAndOffset().first;
      for (auto [start, stride] :
           llvm::zip_equal(part.getMixedOffsets(), source)) {
        std::optional<int64_t> constant = getConstantIntValue(start);
        if (constant && *constant == 0)
          continue;
        if (ShapedType::isDynamic(stride))
          return 1;
        lanes = std::gcd(lanes, stride * constant.value_or(1));
      }
      memref = part.getSource();
    } else if (auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(view)) {
      memref = expand.getSrc();
    } else if (auto collapse =
                   dyn_cast_or_null<memref::CollapseShapeOp>(view)) {
      memref = collapse.getSrc();
    } else {
      return cast<MemRefType>(memref.getType()).getLayout().isIdentity() ? lanes
                                                                         : 1;
    }
  }
  return lanes;
}

/// Threads that a GPU has work for, whatever waits for memory.
static constexpr int64_t kBusyThreads = 16384;

/// The most of `lanes` that leave `elements / lanes >= threads`, but 4 bytes of
/// each thread.
static int64_t leaveThreads(int64_t lanes, int64_t elements, int64_t threads,
                            int64_t bytes) {
  while (lanes > 1 && lanes * bytes > 4 && elements / lanes < threads)
    lanes /= 2;
  return lanes;
}

namespace {

/// One output element of kernel.contract or kernel.depthwise.
template <typename OpTy> class ElementLowering {
  static constexpr bool isDepthwise = std::is_same_v<OpTy, DepthwiseOp>;

public:
  explicit ElementLowering(OpTy op)
      : op(op), b(op.getLoc(), op), window(op.getWindowAttr()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()),
        input(collapseRows(b, op.getInput())) {}

  void run() {
    int64_t channels = outType.getShape().back();
    int64_t depth = isDepthwise ? 1 : inputType.getShape().back();
    int64_t taps = window ? window.getNumTaps() : 1;
    Value rows = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
    if constexpr (isDepthwise)
      lanes = getLanes();
    emitForall(b, mul(b, rows, channels / lanes),
               kMultiplyCost * depth * taps * lanes, [&](Value element) {
                 Value width = indexConstant(b, channels / lanes);
                 row = b.createOrFold<arith::DivUIOp>(element, width);
                 column = mul(b, b.createOrFold<arith::RemUIOp>(element, width),
                              lanes);
                 Value total = sum(depth);
                 Operation *last = &*std::prev(b.getInsertionPoint());
                 store(total);
                 for (Operation *op = last; op && lanes > 1;
                      op = op->getNextNode())
                   alignRows(op);
               });
  }

private:
  /// Neighbouring channels of a depthwise convolution that a thread computes:
  /// as many as one access brings, where that leaves threads enough.
  int64_t getLanes() {
    int64_t bytes = inputType.getElementTypeBitWidth() / 8, outputs = 1;
    int64_t most = std::gcd(kAccessBytes / std::max<int64_t>(1, bytes),
                            outType.getShape().back());
    SmallVector<Value> operands = {op.getInput(), op.getWeights(), op.getOut()};
    llvm::append_range(operands, op.getExtras());
    for (Value operand : operands) {
      auto type = cast<MemRefType>(operand.getType());
      // Extras of one channel are the same for all.
      if (type.getRank() != 0 && type.getShape().back() != 1)
        most = getAlignedLanes(operand, most);
    }
    for (int64_t size : outType.getShape())
      outputs *= ShapedType::isDynamic(size) ? 1 : size;
    return leaveThreads(most, outputs, kBusyThreads, bytes);
  }

  static void alignRows(Operation *op) {
    if (auto load = dyn_cast<vector::LoadOp>(op))
      align(load, load.getVectorType());
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      align(store, store.getVectorType());
  }

  void store(Value accumulator) {
    if (lanes == 1)
      accumulator = vector::BroadcastOp::create(
          b, VectorType::get({1}, accumulator.getType()), accumulator);
    writer.store(b, accumulator, row, column);
  }

  Type widenType(Type element) {
    return lanes > 1 ? Type(VectorType::get({lanes}, element)) : element;
  }
  Value load(Value memref, ValueRange indices) {
    if (lanes == 1)
      return memref::LoadOp::create(b, memref, indices);
    auto type = cast<VectorType>(
        widenType(cast<MemRefType>(memref.getType()).getElementType()));
    auto load = vector::LoadOp::create(b, type, memref, indices);
    align(load, type);
    return load;
  }
  Value constant(TypedAttr value) {
    Value scalar = arith::ConstantOp::create(b, value);
    if (lanes == 1)
      return scalar;
    return vector::BroadcastOp::create(b, widenType(scalar.getType()), scalar);
  }

  Value widen(Value value, bool isUnsigned) {
    Type wide = widenType(op.getAccumulatorType());
    if (value.getType() == wide)
      return value;
    if (isa<FloatType>(op.getAccumulatorType()))
      return arith::ExtFOp::create(b, wide, value);
    if (isUnsigned)
      return arith::ExtUIOp::create(b, wide, value);
    return arith::ExtSIOp::create(b, wide, value);
  }

  Value multiplyAdd(Value x, Value w, Value accumulator) {
    x = widen(x, op.getUnsignedInput());
    w = widen(w, /*isUnsigned=*/false);
    if (op.getAccumulatorType().isInteger())
      return arith::AddIOp::create(b, accumulator,
                                   arith::MulIOp::create(b, x, w));
    if (lanes > 1)
      return vector::FMAOp::create(b, x, w, accumulator);
    auto type = VectorType::get({1}, op.getAccumulatorType());
    auto lift = [&](Value value) -> Value {
      return vector::BroadcastOp::create(b, type, value);
    };
    Value fused = vector::FMAOp::create(b, lift(x), lift(w), lift(accumulator));
    return vector::ExtractOp::create(b, fused, ArrayRef<int64_t>{0});
  }

  /// Weight number k of tap (kh, kw) for the output's column.
  Value loadWeight(Value kh, Value kw, Value tap, Value k, int64_t depth) {
    if constexpr (isDepthwise) {
      return load(op.getWeights(), {kh, kw, column});
    } else {
      int64_t kv = op.getTiling().getKv();
      if (op.getTiling().getGather()) {
        k = add(b, mul(b, tap, depth), k);
        tap = indexConstant(b, 0);
      }
      Value lanes = indexConstant(b, kPanelWidth), parts = indexConstant(b, kv);
      Value panel = b.createOrFold<arith::DivUIOp>(column, lanes);
      if (op.getBatched()) {
        // Each position of the leading dimensions has panels of its own.
        int64_t rank = outType.getRank();
        Value rows = indexConstant(b, outType.getDimSize(rank - 2));
        int64_t panels =
            (outType.getDimSize(rank - 1) + kPanelWidth - 1) / kPanelWidth;
        panel =
            add(b, mul(b, b.createOrFold<arith::DivUIOp>(row, rows), panels),
                panel);
      }
      SmallVector<Value> at{panel, tap,
                            b.createOrFold<arith::DivUIOp>(k, parts),
                            b.createOrFold<arith::RemUIOp>(column, lanes),
                            b.createOrFold<arith::RemUIOp>(k, parts)};
      return memref::LoadOp::create(b, op.getWeights(), at);
    }
  }

  /// The products of one tap; `isInside` is null where every tap is.
  Value sumTap(Value pixel, Value isInside, Value kh, Value kw, Value tap,
               int64_t depth, Value accumulator) {
    return emitLoop(b, depth, accumulator,
                    [&](Value k, ValueRange carried) -> SmallVector<Value> {
                      Value channel = isDepthwise ? column : k;
                      auto loadInput = [&] {
                        return load(input, {pixel, channel});
                      };
                      Value x;
                      if (isInside) {
                        auto guard = scf::IfOp::create(
                            b, widenType(inputType.getElementType()), isInside,
                            true);
                        OpBuilder::InsertionGuard saved(b);
                        b.setInsertionPointToStart(guard.thenBlock());
                        scf::YieldOp::create(b, loadInput());
                        b.setInsertionPointToStart(guard.elseBlock());
                        scf::YieldOp::create(b, constant(*op.getPadValue()));
                        x = guard.getResult(0);
                      } else {
                        x = loadInput();
                      }
                      Value w = loadWeight(kh, kw, tap, k, depth);
                      return {multiplyAdd(x, w, carried.front())};
                    })
        .front();
  }

  Value sum(int64_t depth) {
    Value zero = constant(b.getZeroAttr(op.getAccumulatorType()));
    Value none = indexConstant(b, 0);
    if (!window)
      return sumTap(row, Value(), none, none, none, depth, zero);
    WindowRow place(b, window, inputType, outType, row);
    int64_t rowTaps = window.getRowTaps();
    auto loop = [&](Value kh, ValueRange outer) {
      return emitLoop(
          b, rowTaps, outer,
          [&](Value kw, ValueRange inner) -> SmallVector<Value> {
            auto [pixel, isInside] = place.getPosition(b, kh, kw);
            Value tap = add(b, mul(b, kh, rowTaps), kw);
            return {sumTap(pixel, isInside, kh, kw, tap, depth, inner.front())};
          });
    };
    return emitLoop(b, window.getNumRows(), zero, loop).front();
  }

  OpTy op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  OutputWriter writer;
  Value input, row, column;
  /// Channels from `column` on that are computed as vectors.
  int64_t lanes = 1;
};

} // namespace

//===----------------------------------------------------------------------===//
// Linalg ops
//===----------------------------------------------------------------------===//

/// The constant that a reduction begins with in place of what is in its output.
static constexpr StringLiteral kInitialAttrName = "kernel.initial";

/// Elements that a thread computes at once where one is many instructions: more
/// would need more registers than there are.
static constexpr int64_t kMostFunctions = 8;

namespace {

/// One output element of a linalg op, or some neighbouring ones: its reductions
/// in their order.
class LinalgElement {
public:
  explicit LinalgElement(linalg::LinalgOp op)
      : op(op), b(op.getLoc(), op), iterators(op.getIteratorTypesArray()),
        ivs(op.getNumLoops()) {}
  void run();

private:
  /// The widest vectors that the types allow, in elements; 1 where the body is
  /// not element by element.
  int64_t getMostLanes();
  /// Those of a tensor in which rows do not matter, and along dimension `dim`.
  int64_t getFlatLanes();
  int64_t getLanesAlong(unsigned dim);
  void runFlat();
  void runNest();
  void findLoops();

  SmallVector<Value> access(OpOperand &operand) {
    return SmallVector<Value>(*affine::expandAffineMap(
        b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs));
  }
  bool isUsed(OpOperand &operand) {
    return !op.getMatchingBlockArgument(&operand).use_empty();
  }
  bool isVector(OpOperand &operand) {
    return lanes > 1 &&
           op.getMatchingIndexingMap(&operand).isFunctionOfDim(parallel.back());
  }
  Value load(Value memref, ValueRange indices, bool isVector);
  void store(Value value, Value memref, ValueRange indices);
  /// The body at this position; `sums` are the outputs' values.
  SmallVector<Value> emitBody(ValueRange sums);
  SmallVector<Value> loadOutputs();
  void storeOutputs(ValueRange values);
  /// The reductions from `position` on; they carry the outputs' values.
  SmallVector<Value> emitReductions(unsigned position, ValueRange sums);

  linalg::LinalgOp op;
  ImplicitLocOpBuilder b;
  SmallVector<utils::IteratorType> iterators;
  SmallVector<Value> ivs, sizes;
  /// Loops, parallel ones in the order of the output.
  SmallVector<unsigned> parallel, reductions;
  /// Whether outputs change from step to step of a reduction.
  bool isScan = false;
  /// Elements along the last parallel loop that are computed as vectors.
  int64_t lanes = 1;
};

} // namespace

Value LinalgElement::load(Value memref, ValueRange indices, bool isVector) {
  if (!isVector)
    return memref::LoadOp::create(b, memref, indices);
  auto type = VectorType::get({lanes}, getElementTypeOrSelf(memref.getType()));
  auto load = vector::LoadOp::create(b, type, memref, indices);
  align(load, type);
  return load;
}

void LinalgElement::store(Value value, Value memref, ValueRange indices) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type) {
    memref::StoreOp::create(b, value, memref, indices);
    return;
  }
  align(vector::StoreOp::create(b, value, memref, indices), type);
}

SmallVector<Value> LinalgElement::emitBody(ValueRange sums) {
  SmallVector<Value> arguments(op->getNumOperands());
  for (OpOperand *input : op.getDpsInputOperands())
    if (!isa<MemRefType>(input->get().getType()))
      arguments[input->getOperandNumber()] = input->get();
    else if (isUsed(*input))
      arguments[input->getOperandNumber()] =
          load(input->get(), access(*input), isVector(*input));
  for (auto [init, sum] : llvm::zip_equal(op.getDpsInitsMutable(), sums))
    arguments[init.getOperandNumber()] = sum;
  return mpc::emitBody(b, op, ivs, arguments, lanes > 1 ? lanes : 0);
}

SmallVector<Value> LinalgElement::loadOutputs() {
  SmallVector<Value> values;
  auto initial = op->getAttrOfType<TypedAttr>(kInitialAttrName);
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Type type = getElementTypeOrSelf(init.get().getType());
    if (isUsed(init) && !initial) {
      values.push_back(load(init.get(), access(init), lanes > 1));
      continue;
    }
    values.push_back(arith::ConstantOp::create(
        b, initial ? initial : TypedAttr(b.getZeroAttr(type))));
    if (lanes > 1)
      values.back() = vector::BroadcastOp::create(
          b, VectorType::get({lanes}, type), values.back());
  }
  return values;
}

void LinalgElement::storeOutputs(ValueRange values) {
  for (auto [init, value] : llvm::zip_equal(op.getDpsInitsMutable(), values))
    store(value, init.get(), access(init));
}

SmallVector<Value> LinalgElement::emitReductions(unsigned position,
                                                 ValueRange sums) {
  if (position == reductions.size())
    return emitBody(sums);
  unsigned dim = reductions[position];
  auto loop = scf::ForOp::create(b, indexConstant(b, 0), sizes[dim],
                                 indexConstant(b, 1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ivs[dim] = loop.getInductionVar();
  scf::YieldOp::create(b,
                       emitReductions(position + 1, loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

/// Whether `map` reads a row of as many elements as the last loop has.
static bool isLastDim(AffineMap map) {
  return map.getNumResults() == 1 &&
         map.getResult(0) ==
             getAffineDimExpr(map.getNumDims() - 1, map.getContext());
}

/// Functions become many instructions.
static bool isLong(Operation *op) {
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
         !isa<math::AbsFOp, math::CeilOp, math::FloorOp, math::FmaOp,
              math::RoundEvenOp, math::TruncOp>(op);
}

int64_t LinalgElement::getMostLanes() {
  int64_t widest = 0, most = kAccessBytes;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (!OpTrait::hasElementwiseMappableTraits(&inner))
      return 1;
    if (isLong(&inner))
      most = kMostFunctions;
  }
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type || (op.isDpsInput(&operand) && !isUsed(operand)))
      continue;
    if (!type.getElementType().isIntOrFloat() ||
        !llvm::isPowerOf2_64(type.getElementTypeBitWidth()) ||
        type.getElementTypeBitWidth() < 8)
      return 1;
    widest = std::max<int64_t>(widest, type.getElementTypeBitWidth() / 8);
  }
  return widest == 0
             ? 1
             : std::max<int64_t>(1, std::min(most, kAccessBytes / widest));
}

int64_t LinalgElement::getFlatLanes() {
  if (op.getNumLoops() == 0 || op.getNumParallelLoops() != op.getNumLoops())
    return 1;
  // No row ends within a vector.
  int64_t most = getMostLanes(), together = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isRow = op.isDpsInput(&operand) && isLastDim(map);
    if (!type.getLayout().isIdentity() || !(map.isIdentity() || isRow))
      return 1;
    int64_t elements = 1;
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size))
        elements *= size;
      else if (isRow)
        return 1;
    together = std::gcd(together, elements);
  }
  return std::gcd(most, together);
}

int64_t LinalgElement::getLanesAlong(unsigned dim) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t size = ranges[dim];
  if (isScan || ShapedType::isDynamic(size))
    return 1;
  int64_t most = std::gcd(getMostLanes(), size);
  for (OpOperand &operand : op->getOpOperands()) {
    bool isInput = op.isDpsInput(&operand);
    if (!isa<MemRefType>(operand.get().getType()) ||
        (isInput && !isUsed(operand)))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (isInput && !map.isFunctionOfDim(dim))
      continue;
    if (map.getNumResults() == 0 ||
        map.getResults().back() != getAffineDimExpr(dim, op.getContext()) ||
        map.dropResult(map.getNumResults() - 1).isFunctionOfDim(dim))
      return 1;
    most = getAlignedLanes(operand.get(), most);
  }
  if (reductions.empty())
    return most;
  // Each thread has long work here.
  int64_t threads = kBusyThreads, elements = 1;
  if (auto rows = op->getParentOfType<scf::ForallOp>())
    if (auto attribute = rows->getAttrOfType<IntegerAttr>(kRowThreadsAttrName))
      threads = attribute.getInt();
  for (unsigned loop : parallel)
    elements *= ShapedType::isDynamic(ranges[loop]) ? 1 : ranges[loop];
  Type out = getElementTypeOrSelf(op.getDpsInits().front().getType());
  return leaveThreads(most, elements, threads, out.getIntOrFloatBitWidth() / 8);
}

void LinalgElement::runFlat() {
  Value count = indexConstant(b, 1);
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    count = b.createOrFold<arith::MulIOp>(
        count, getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  count = b.createOrFold<arith::DivUIOp>(count, indexConstant(b, lanes));
  SmallVector<Value> flat;
  for (Value operand : op->getOperands())
    flat.push_back(isa<MemRefType>(operand.getType()) ? flatten(b, operand)
                                                      : operand);
  emitForall(b, count, kMultiplyCost * lanes, [&](Value index) {
    Value first = mul(b, index, lanes);
    SmallVector<Value> arguments(op->getNumOperands());
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isUsed(operand))
        continue;
      Value source = flat[operand.getOperandNumber()], at = first;
      Value &argument = arguments[operand.getOperandNumber()];
      if (!isa<MemRefType>(source.getType())) {
        argument = source;
        continue;
      }
      if (!op.getMatchingIndexingMap(&operand).isIdentity())
        at = b.createOrFold<arith::RemUIOp>(
            first,
            indexConstant(b, cast<MemRefType>(source.getType()).getDimSize(0)));
      argument = load(source, at, /*isVector=*/true);
    }
    for (auto [init, value] :
         llvm::zip_equal(op.getDpsInitsMutable(),
                         mpc::emitBody(b, op, {}, arguments, lanes)))
      store(value, flat[init.getOperandNumber()], first);
  });
}

void LinalgElement::findLoops() {
  // Neighbouring threads write neighbouring elements.
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : out.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr);
        dim && iterators[dim.getPosition()] == utils::IteratorType::parallel)
      parallel.push_back(dim.getPosition());
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator == utils::IteratorType::parallel) {
      if (!llvm::is_contained(parallel, dim))
        parallel.push_back(dim);
      continue;
    }
    reductions.push_back(dim);
    for (OpOperand &init : op.getDpsInitsMutable())
      isScan |= op.getMatchingIndexingMap(&init).isFunctionOfDim(dim);
  }
}

void LinalgElement::runNest() {
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    sizes.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  if (lanes > 1)
    sizes[parallel.back()] =
        indexConstant(b, op.getStaticLoopRanges()[parallel.back()] / lanes);
  Value count = indexConstant(b, 1);
  for (unsigned dim : parallel)
    count = b.createOrFold<arith::MulIOp>(count, sizes[dim]);
  emitForall(b, count, kMultiplyCost * lanes, [&](Value index) {
    for (unsigned position = parallel.size(); position-- > 0;) {
      unsigned dim = parallel[position];
      ivs[dim] = index;
      if (position == 0)
        continue;
      ivs[dim] = b.createOrFold<arith::RemUIOp>(index, sizes[dim]);
      index = b.createOrFold<arith::DivUIOp>(index, sizes[dim]);
    }
    if (lanes > 1)
      ivs[parallel.back()] = mul(b, ivs[parallel.back()], lanes);
    if (!isScan)
      return storeOutputs(emitReductions(0, loadOutputs()));
    std::function<void(unsigned)> nest = [&](unsigned position) {
      if (position == reductions.size())
        return storeOutputs(emitBody(loadOutputs()));
      unsigned dim = reductions[position];
      emitLoop(b, indexConstant(b, 0), sizes[dim], 1, [&](Value iv) {
        ivs[dim] = iv;
        nest(position + 1);
      });
    };
    nest(0);
  });
}

void LinalgElement::run() {
  lanes = getFlatLanes();
  if (lanes > 1)
    return runFlat();
  findLoops();
  if (!parallel.empty())
    lanes = getLanesAlong(parallel.back());
  runNest();
}

/// The reduction that begins with what `fill` writes and leaves nothing of it,
/// where nothing else sees it: it may begin with the constant.
static linalg::LinalgOp findReduction(linalg::FillOp fill) {
  Attribute value;
  Value out = fill.getOutputs().front(), root = getRoot(out);
  if (!matchPattern(fill.getInputs().front(), m_Constant(&value)) ||
      cast<TypedAttr>(value).getType() != getElementTypeOrSelf(out.getType()))
    return {};
  for (Operation *next = fill->getNextNode(); next;
       next = next->getNextNode()) {
    bool isSeen = false;
    next->walk([&](Operation *inner) {
      if (isa<ViewLikeOpInterface, memref::DimOp>(inner))
        return;
      isSeen |= isa<CallOpInterface>(inner) ||
                llvm::any_of(inner->getOperands(), [&](Value operand) {
                  return isa<MemRefType>(operand.getType()) &&
                         getRoot(operand) == root;
                });
    });
    if (!isSeen)
      continue;
    auto op = dyn_cast<linalg::LinalgOp>(next);
    if (!op || op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 ||
        op.getDpsInits().front() != out)
      return {};
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    bool isWhole = map.isProjectedPermutation();
    for (auto [dim, iterator] : llvm::enumerate(iterators))
      isWhole &= (iterator == utils::IteratorType::parallel) ==
                 map.isFunctionOfDim(dim);
    bool isRead = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      return isa<MemRefType>(input->get().getType()) &&
             getRoot(input->get()) == root;
    });
    return isWhole && !isRead ? op : linalg::LinalgOp();
  }
  return {};
}

void mpc::lowerPerElement(linalg::LinalgOp op) {
  if (auto fill = dyn_cast<linalg::FillOp>(op.getOperation()))
    if (linalg::LinalgOp reduction = findReduction(fill)) {
      Attribute value;
      matchPattern(fill.getInputs().front(), m_Constant(&value));
      reduction->setAttr(kInitialAttrName, value);
      return;
    }
  LinalgElement(op).run();
}
void mpc::lowerPerElement(ContractOp op) { ElementLowering(op).run(); }
void mpc::lowerPerElement(DepthwiseOp op) { ElementLowering(op).run(); }
