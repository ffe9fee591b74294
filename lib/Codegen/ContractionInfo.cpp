//===- ContractionInfo.cpp - linalg ops that kernels compute --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/ContractionInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpc;

using Kind = ContractionInfo::Kind;

/// Loop dimension of a plain map result, or -1.
static int64_t getDim(AffineExpr expr) {
  auto dim = dyn_cast<AffineDimExpr>(expr);
  return dim ? static_cast<int64_t>(dim.getPosition()) : -1;
}

/// `dim * scale` or `dim`.
static bool matchTerm(AffineExpr expr, int64_t &dim, int64_t &scale) {
  scale = 1;
  if (auto product = dyn_cast<AffineBinaryOpExpr>(expr);
      product && product.getKind() == AffineExprKind::Mul) {
    auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
    if (!factor)
      return false;
    scale = factor.getValue();
    expr = product.getLHS();
  }
  dim = getDim(expr);
  return dim >= 0 && scale >= 1;
}

/// `out * stride + tap * dilation`.
static bool matchWindowDim(AffineExpr expr, int64_t out, int64_t tap,
                           int64_t &stride, int64_t &dilation) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return false;
  int64_t lhs, rhs, lhsScale, rhsScale;
  if (!matchTerm(sum.getLHS(), lhs, lhsScale) ||
      !matchTerm(sum.getRHS(), rhs, rhsScale))
    return false;
  if (lhs == tap && rhs == out) {
    std::swap(lhs, rhs);
    std::swap(lhsScale, rhsScale);
  }
  stride = lhsScale;
  dilation = rhsScale;
  return lhs == out && rhs == tap;
}

/// Recognises `acc + ext(a) * ext(b)`; sets the signedness.
static bool matchBody(linalg::LinalgOp op, ContractionInfo &info) {
  Block &body = *op.getBlock();
  if (body.getNumArguments() != 3)
    return false;
  Operation *add = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return false;
  Value product = add->getOperand(0);
  if (product == body.getArgument(2))
    product = add->getOperand(1);
  else if (add->getOperand(1) != body.getArgument(2))
    return false;
  Operation *mul = product.getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(mul))
    return false;
  info.integer = isa<arith::MulIOp>(mul);
  Type accumulator = product.getType();
  if (info.integer ? !accumulator.isInteger(32) : !accumulator.isF32())
    return false;

  auto strip = [&](Value value) {
    Operation *ext = value.getDefiningOp();
    return isa_and_nonnull<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(ext)
               ? ext->getOperand(0)
               : value;
  };
  Value lhs = mul->getOperand(0), rhs = mul->getOperand(1);
  if (strip(lhs) == body.getArgument(1))
    std::swap(lhs, rhs);
  if (strip(lhs) != body.getArgument(0) || strip(rhs) != body.getArgument(1))
    return false;
  if (!info.integer)
    return true;
  info.unsignedInput = isa_and_nonnull<arith::ExtUIOp>(lhs.getDefiningOp());
  // Instructions multiply signed words only.
  Type input = strip(lhs).getType();
  bool fits =
      input.isInteger(8) || (input.isInteger(16) && !info.unsignedInput);
  return fits && strip(rhs).getType().isInteger(8) &&
         isa_and_nonnull<arith::ExtSIOp>(rhs.getDefiningOp());
}

static bool matchMatmul(ArrayRef<AffineMap> maps, ContractionInfo &info) {
  AffineMap lhs = maps[0], rhs = maps[1], out = maps[2];
  unsigned rank = out.getNumResults();
  bool batched = rank > 2 && rhs.getNumResults() == rank;
  unsigned leading = batched ? rank - 2 : 0;
  if (rank < 2 || lhs.getNumResults() != rank ||
      rhs.getNumResults() != leading + 2 || out.getNumDims() != rank + 1)
    return false;
  for (unsigned i = 0; i + 1 < rank; ++i)
    if (getDim(lhs.getResult(i)) < 0 || lhs.getResult(i) != out.getResult(i))
      return false;
  for (unsigned i = 0; i < leading; ++i)
    if (rhs.getResult(i) != out.getResult(i))
      return false;
  AffineExpr k = lhs.getResult(rank - 1), n = out.getResult(rank - 1);
  if (getDim(k) < 0 || getDim(n) < 0)
    return false;
  AffineExpr first = rhs.getResult(leading),
             second = rhs.getResult(leading + 1);
  bool transposed = first == k && second == n;
  if (!transposed && (first != n || second != k))
    return false;
  info.kind = Kind::matmul;
  info.batched = batched;
  info.transposed = transposed;
  return true;
}

static bool matchConvolution(ArrayRef<AffineMap> maps, ContractionInfo &info) {
  AffineMap lhs = maps[0], rhs = maps[1], out = maps[2];
  unsigned rank = out.getNumResults(), spatial = rank - 2;
  if (lhs.getNumResults() != rank || (rank != 4 && rank != 5))
    return false;
  bool depthwise = rank == 4 && rhs.getNumResults() == 3;
  if (!depthwise && rhs.getNumResults() != rank)
    return false;
  for (auto *list : {&info.sizes, &info.strides, &info.dilations})
    list->resize(spatial);
  unsigned firstTap = depthwise ? 0 : 1;
  AffineExpr channel = rhs.getResult(firstTap + spatial);
  for (unsigned i = 0; i < spatial; ++i) {
    int64_t pixel = getDim(out.getResult(i + 1));
    int64_t tap = getDim(rhs.getResult(firstTap + i));
    if (pixel < 0 || tap < 0 ||
        !matchWindowDim(lhs.getResult(i + 1), pixel, tap, info.strides[i],
                        info.dilations[i]))
      return false;
  }
  info.kind = depthwise ? Kind::depthwise : Kind::convolution;
  unsigned loops = rank + spatial + !depthwise;
  return out.getNumDims() == loops && getDim(lhs.getResult(0)) >= 0 &&
         lhs.getResult(0) == out.getResult(0) &&
         lhs.getResult(rank - 1) == channel &&
         out.getResult(rank - 1) == (depthwise ? channel : rhs.getResult(0)) &&
         getDim(channel) >= 0 && getDim(out.getResult(rank - 1)) >= 0;
}

FailureOr<ContractionInfo> ContractionInfo::match(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return failure();
  auto weights =
      dyn_cast<ShapedType>(op.getDpsInputOperand(1)->get().getType());
  auto input = dyn_cast<ShapedType>(op.getDpsInputOperand(0)->get().getType());
  if (!weights || !input || input.getRank() == 0 ||
      input.isDynamicDim(input.getRank() - 1))
    return failure();
  // Kernels have work to share out; loops have none to do.
  if (llvm::is_contained(weights.getShape(), 0) ||
      llvm::is_contained(input.getShape(), 0))
    return failure();
  ContractionInfo info;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!matchBody(op, info) ||
      (!matchMatmul(maps, info) && !matchConvolution(maps, info)))
    return failure();
  ArrayRef<int64_t> shape = weights.getShape();
  // Batches may be dynamic, but not the sizes of one product.
  if (info.batched) {
    if (input.isDynamicDim(input.getRank() - 2))
      return failure();
    shape = shape.take_back(2);
  }
  if (llvm::any_of(shape, ShapedType::isDynamic))
    return failure();
  if (info.kind == Kind::matmul) {
    info.channels = shape[info.transposed ? 1 : 0];
    info.depth = shape[info.transposed ? 0 : 1];
    return info;
  }
  // Kernels index the input by compile-time sizes.
  for (unsigned dim : llvm::seq<unsigned>(1, input.getRank() - 1))
    if (input.isDynamicDim(dim))
      return failure();
  bool depthwise = info.kind == Kind::depthwise;
  llvm::copy(shape.slice(depthwise ? 0 : 1, info.sizes.size()),
             info.sizes.begin());
  info.depth = depthwise ? 1 : shape.back();
  info.channels = depthwise ? shape.back() : shape.front();
  return info;
}

int64_t ContractionInfo::getRowsPerSample(linalg::LinalgOp op) const {
  auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
  int64_t rows = 1;
  ArrayRef<int64_t> sizes = out.getShape().drop_back();
  for (int64_t size : batched ? sizes.take_back() : sizes)
    rows *= ShapedType::isDynamic(size) ? 1 : size;
  return std::max<int64_t>(rows, 1);
}

void mpc::fuseProducts(linalg::GenericOp op) {
  Block &body = *op.getBlock();
  Value accumulator = body.getArguments().back();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return;
  Value product = add.getLhs() == accumulator ? add.getRhs() : add.getLhs();
  auto mul = product.getDefiningOp<arith::MulFOp>();
  OpBuilder b(add);
  add.replaceAllUsesWith(Value(math::FmaOp::create(
      b, add.getLoc(), mul.getLhs(), mul.getRhs(), accumulator)));
  add.erase();
  mul.erase();
}

bool mpc::startsAtZero(linalg::LinalgOp op) {
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  return fill && (matchPattern(fill.value(), m_Zero()) ||
                  matchPattern(fill.value(), m_PosZeroFloat()));
}
