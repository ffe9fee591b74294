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

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include <functional>
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Estimated cost of one multiplication in nanoseconds.
static constexpr double kMultiplyCost = 0.5;

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
    emitForall(b, mul(b, rows, channels), kMultiplyCost * depth * taps,
               [&](Value element) {
                 Value width = indexConstant(b, channels);
                 row = b.createOrFold<arith::DivUIOp>(element, width);
                 column = b.createOrFold<arith::RemUIOp>(element, width);
                 store(sum(depth));
               });
  }

private:
  void store(Value accumulator) {
    auto type = VectorType::get({1}, accumulator.getType());
    writer.store(b, vector::BroadcastOp::create(b, type, accumulator), row,
                 column);
  }

  Value widen(Value value, bool isUnsigned) {
    Type wide = op.getAccumulatorType();
    if (value.getType() == wide)
      return value;
    if (isa<FloatType>(wide))
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
    auto type = VectorType::get({1}, op.getAccumulatorType());
    auto lift = [&](Value value) -> Value {
      return vector::BroadcastOp::create(b, type, value);
    };
    Value fused =
        vector::FMAOp::create(b, lift(x), lift(w), lift(accumulator));
    return vector::ExtractOp::create(b, fused, ArrayRef<int64_t>{0});
  }

  /// Weight number k of tap (kh, kw) for the output's column.
  Value loadWeight(Value kh, Value kw, Value tap, Value k, int64_t depth) {
    if constexpr (isDepthwise) {
      return memref::LoadOp::create(b, op.getWeights(),
                                    ValueRange{kh, kw, column});
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
        int64_t panels = (outType.getDimSize(rank - 1) + kPanelWidth - 1) / kPanelWidth;
        panel = add(b, mul(b, b.createOrFold<arith::DivUIOp>(row, rows), panels), panel);
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
    return emitLoop(
               b, depth, accumulator,
               [&](Value k, ValueRange carried) -> SmallVector<Value> {
                 Value channel = isDepthwise ? column : k;
                 auto load = [&]() -> Value {
                   return memref::LoadOp::create(b, input,
                                                 ValueRange{pixel, channel});
                 };
                 Value x;
                 if (isInside) {
                   auto guard = scf::IfOp::create(
                       b, inputType.getElementType(), isInside, true);
                   OpBuilder::InsertionGuard saved(b);
                   b.setInsertionPointToStart(guard.thenBlock());
                   scf::YieldOp::create(b, load());
                   b.setInsertionPointToStart(guard.elseBlock());
                   scf::YieldOp::create(
                       b, arith::ConstantOp::create(b, *op.getPadValue())
                              .getResult());
                   x = guard.getResult(0);
                 } else {
                   x = load();
                 }
                 Value w = loadWeight(kh, kw, tap, k, depth);
                 return {multiplyAdd(x, w, carried.front())};
               })
        .front();
  }

  Value sum(int64_t depth) {
    Value zero =
        arith::ConstantOp::create(b, b.getZeroAttr(op.getAccumulatorType()));
    Value none = indexConstant(b, 0);
    if (!window)
      return sumTap(row, Value(), none, none, none, depth, zero);
    WindowRow place(b, window, inputType, outType, row);
    ArrayRef<int64_t> sizes = window.getSizes();
    auto loop = [&](Value kh, ValueRange outer) {
      return emitLoop(
          b, sizes[1], outer,
          [&](Value kw, ValueRange inner) -> SmallVector<Value> {
            auto [pixel, isInside] = place.getPosition(b, kh, kw);
            Value tap = add(b, mul(b, kh, sizes[1]), kw);
            return {
                sumTap(pixel, isInside, kh, kw, tap, depth, inner.front())};
          });
    };
    return emitLoop(b, sizes[0], zero, loop).front();
  }

  OpTy op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  OutputWriter writer;
  Value input, row, column;
};

} // namespace

//===----------------------------------------------------------------------===//
// Linalg ops
//===----------------------------------------------------------------------===//

namespace {

/// One output element of a linalg op: its reductions in their order.
class LinalgElement {
public:
  explicit LinalgElement(linalg::LinalgOp op)
      : op(op), b(op.getLoc(), op), ivs(op.getNumLoops()) {}
  void run();

private:
  /// Neighbouring elements that one iteration computes as vectors, or 0.
  int64_t getLanes();
  void runVectors(int64_t lanes);

  SmallVector<Value> access(OpOperand &operand) {
    return SmallVector<Value>(*affine::expandAffineMap(
        b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs));
  }
  bool isUsed(OpOperand &operand) {
    return !op.getMatchingBlockArgument(&operand).use_empty();
  }
  /// The body at this position; `sums` are the outputs' values.
  SmallVector<Value> emitBody(ValueRange sums);
  SmallVector<Value> loadOutputs();
  void storeOutputs(ValueRange values);
  /// The reductions from `position` on; they carry the outputs' values.
  SmallVector<Value> emitReductions(unsigned position, ValueRange sums);

  linalg::LinalgOp op;
  ImplicitLocOpBuilder b;
  SmallVector<Value> ivs, sizes;
  SmallVector<unsigned> reductions;
};

} // namespace

SmallVector<Value> LinalgElement::emitBody(ValueRange sums) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!isa<MemRefType>(input->get().getType()))
      mapping.map(argument, input->get());
    else if (isUsed(*input))
      mapping.map(argument, memref::LoadOp::create(b, input->get(),
                                                   access(*input))
                                .getResult());
  }
  for (auto [init, sum] : llvm::zip_equal(op.getDpsInitsMutable(), sums))
    mapping.map(op.getMatchingBlockArgument(&init), sum);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  return llvm::map_to_vector(
      op.getBlock()->getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}

SmallVector<Value> LinalgElement::loadOutputs() {
  SmallVector<Value> values;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    if (isUsed(init))
      values.push_back(memref::LoadOp::create(b, init.get(), access(init)));
    else
      values.push_back(arith::ConstantOp::create(
          b, b.getZeroAttr(getElementTypeOrSelf(init.get().getType()))));
  }
  return values;
}

void LinalgElement::storeOutputs(ValueRange values) {
  for (auto [init, value] : llvm::zip_equal(op.getDpsInitsMutable(), values))
    memref::StoreOp::create(b, value, init.get(), access(init));
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
  scf::YieldOp::create(b, emitReductions(position + 1, loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

/// Bytes of one access to memory, the most that GPUs have.
static constexpr int64_t kAccessBytes = 16;

/// Whether `map` reads a row of as many elements as the last loop has.
static bool isLastDim(AffineMap map) {
  return map.getNumResults() == 1 &&
         map.getResult(0) == getAffineDimExpr(map.getNumDims() - 1,
                                              map.getContext());
}

/// Functions become many instructions: several at once would need more
/// registers than there are, and memory is not what such a loop waits for.
static bool isLong(Operation *op) {
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
         !isa<math::AbsFOp, math::CeilOp, math::FloorOp, math::FmaOp,
              math::RoundEvenOp, math::TruncOp>(op);
}

int64_t LinalgElement::getLanes() {
  if (op.getNumLoops() == 0 || op.getNumParallelLoops() != op.getNumLoops())
    return 0;
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!inner.hasTrait<OpTrait::ConstantLike>() &&
        (!OpTrait::hasElementwiseMappableTraits(&inner) || isLong(&inner)))
      return 0;
  // The narrowest operand is accessed in whole; no row ends within a vector.
  int64_t lanes = 1, together = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isRow = op.isDpsInput(&operand) && isLastDim(map);
    if (!type.getLayout().isIdentity() || !(map.isIdentity() || isRow) ||
        !type.getElementType().isIntOrFloat() ||
        type.getElementTypeBitWidth() % 8 != 0)
      return 0;
    int64_t elements = 1;
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size))
        elements *= size;
      else if (isRow)
        return 0;
    together = std::gcd(together, elements);
    lanes = std::max<int64_t>(lanes, kAccessBytes * 8 /
                                         type.getElementTypeBitWidth());
  }
  return lanes > 1 && together % lanes == 0 ? lanes : 0;
}

void LinalgElement::runVectors(int64_t lanes) {
  Value count = indexConstant(b, 1);
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    count = b.createOrFold<arith::MulIOp>(
        count, getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  count = b.createOrFold<arith::DivUIOp>(count, indexConstant(b, lanes));
  SmallVector<Value> flat;
  for (Value operand : op->getOperands())
    flat.push_back(isa<MemRefType>(operand.getType()) ? flatten(b, operand)
                                                      : operand);
  auto widen = [&](Type type) { return VectorType::get({lanes}, type); };
  auto align = [](auto access, VectorType type) {
    access.setAlignment(std::min<uint64_t>(
        kAccessBytes, type.getNumElements() * type.getElementTypeBitWidth() / 8));
  };
  emitForall(b, count, kMultiplyCost * lanes, [&](Value index) {
    Value first = mul(b, index, lanes);
    IRMapping mapping;
    for (OpOperand &operand : op->getOpOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(&operand);
      if (argument.use_empty())
        continue;
      Value source = flat[operand.getOperandNumber()], at = first;
      VectorType type = widen(argument.getType());
      if (!isa<MemRefType>(source.getType())) {
        mapping.map(argument,
                    vector::BroadcastOp::create(b, type, source).getResult());
        continue;
      }
      if (!op.getMatchingIndexingMap(&operand).isIdentity())
        at = b.createOrFold<arith::RemUIOp>(
            first, indexConstant(b, cast<MemRefType>(source.getType()).getDimSize(0)));
      auto load = vector::LoadOp::create(b, type, source, ValueRange{at});
      align(load, type);
      mapping.map(argument, load.getResult());
    }
    auto lookup = [&](Value value) {
      if (!mapping.contains(value))
        mapping.map(value, vector::BroadcastOp::create(
                               b, widen(value.getType()), value)
                               .getResult());
      return mapping.lookup(value);
    };
    for (Operation &inner : op.getBlock()->without_terminator()) {
      if (inner.hasTrait<OpTrait::ConstantLike>()) {
        // Broadcast where it is used.
        Operation *scalar = b.clone(inner);
        mapping.map(inner.getResult(0),
                    vector::BroadcastOp::create(
                        b, widen(scalar->getResult(0).getType()),
                        scalar->getResult(0))
                        .getResult());
        continue;
      }
      for (Value operand : inner.getOperands())
        lookup(operand);
      // Element-wise ops are the same op on vectors.
      Operation *wide = b.clone(inner, mapping);
      for (OpResult result : wide->getResults())
        result.setType(widen(result.getType()));
    }
    for (auto [init, value] :
         llvm::zip_equal(op.getDpsInitsMutable(),
                         op.getBlock()->getTerminator()->getOperands())) {
      auto type = widen(value.getType());
      auto store = vector::StoreOp::create(
          b, lookup(value), flat[init.getOperandNumber()], ValueRange{first});
      align(store, type);
    }
  });
}

void LinalgElement::run() {
  if (int64_t lanes = getLanes())
    return runVectors(lanes);
  SmallVector<unsigned> parallel;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  // Neighbouring threads write neighbouring elements.
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : out.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr);
        dim && iterators[dim.getPosition()] == utils::IteratorType::parallel)
      parallel.push_back(dim.getPosition());
  bool isScan = false;
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
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    sizes.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  Value count = indexConstant(b, 1);
  for (unsigned dim : parallel)
    count = b.createOrFold<arith::MulIOp>(count, sizes[dim]);
  emitForall(b, count, kMultiplyCost, [&](Value index) {
    for (unsigned position = parallel.size(); position-- > 0;) {
      unsigned dim = parallel[position];
      ivs[dim] = index;
      if (position == 0)
        continue;
      ivs[dim] = b.createOrFold<arith::RemUIOp>(index, sizes[dim]);
      index = b.createOrFold<arith::DivUIOp>(index, sizes[dim]);
    }
    if (!isScan)
      return storeOutputs(emitReductions(0, loadOutputs()));
    // Outputs change from step to step.
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

void mpc::lowerPerElement(linalg::LinalgOp op) { LinalgElement(op).run(); }
void mpc::lowerPerElement(ContractOp op) { ElementLowering(op).run(); }
void mpc::lowerPerElement(DepthwiseOp op) { ElementLowering(op).run(); }
