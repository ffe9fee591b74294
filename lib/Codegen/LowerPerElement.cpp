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

#include "OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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
      SmallVector<Value> at{b.createOrFold<arith::DivUIOp>(column, lanes), tap,
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

void mpc::lowerPerElement(ContractOp op) { ElementLowering(op).run(); }
void mpc::lowerPerElement(DepthwiseOp op) { ElementLowering(op).run(); }
