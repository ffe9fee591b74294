//===- OutputTile.cpp - what lowering kernel ops to loops shares ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpc;

//===----------------------------------------------------------------------===//
// Index arithmetic and loops
//===----------------------------------------------------------------------===//

Value mpc::indexConstant(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value mpc::add(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : add(b, lhs, indexConstant(b, rhs));
}

Value mpc::add(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return b.createOrFold<arith::AddIOp>(lhs, rhs);
}

Value mpc::mul(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs
                  : b.createOrFold<arith::MulIOp>(lhs, indexConstant(b, rhs));
}

void mpc::prefetch(ImplicitLocOpBuilder &b, Value memref,
                   SmallVector<Value> indices, int64_t elements,
                   unsigned locality) {
  int64_t bytes = llvm::divideCeil(
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth(), 8);
  Value first = indices.back();
  for (int64_t place = 0; place < elements; place += kLineBytes / bytes) {
    indices.back() = add(b, first, place);
    memref::PrefetchOp::create(b, memref, indices, /*isWrite=*/false, locality,
                               /*isDataCache=*/true);
  }
}

SmallVector<Value>
mpc::emitLoop(ImplicitLocOpBuilder &b, int64_t count, ValueRange init,
              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (count == 1)
    return body(indexConstant(b, 0), init);
  return emitLoop(b, indexConstant(b, 0), indexConstant(b, count), init, body);
}

SmallVector<Value>
mpc::emitLoop(ImplicitLocOpBuilder &b, Value lower, Value upper,
              ValueRange init,
              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, lower, upper, indexConstant(b, 1), init);
  OpBuilder::InsertionGuard guard(b);
  // Without carried values the builder adds the terminator itself.
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

void mpc::emitLoop(ImplicitLocOpBuilder &b, Value lower, Value upper,
                   int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, lower, upper, indexConstant(b, step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void mpc::emitChunks(ImplicitLocOpBuilder &b, int64_t size, int64_t chunk,
                     function_ref<void(Value, int64_t)> body) {
  int64_t whole = size / chunk * chunk;
  if (whole == chunk)
    body(indexConstant(b, 0), chunk);
  else if (whole != 0)
    emitLoop(b, indexConstant(b, 0), indexConstant(b, whole), chunk,
             [&](Value begin) { body(begin, chunk); });
  if (size != whole)
    body(indexConstant(b, whole), size - whole);
}

double mpc::getTileRegisterCost(int64_t rows, int64_t steps) {
  // Cycles of a product of a row, of loading the weights of a product, which a
  // tile does once, and of 16 sums on their way through memory to the result.
  constexpr double product = 1.2, weights = 18, sums = 3.5, gigahertz = 3;
  double step = product + weights / static_cast<double>(rows);
  return (static_cast<double>(steps) * step + sums) / gigahertz;
}

void mpc::emitForall(ImplicitLocOpBuilder &b, Value count, double cost,
                     function_ref<void(Value)> body) {
  SmallVector<OpFoldResult> bounds = {getAsOpFoldResult(count)};
  auto loop = scf::ForallOp::create(b, bounds, ValueRange(), std::nullopt);
  int64_t nanoseconds = std::max<int64_t>(1, static_cast<int64_t>(cost));
  loop->setAttr(kCostAttrName, b.getI64IntegerAttr(nanoseconds));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar(0));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

SmallVector<Operation *> mpc::takeBuffers(Operation *body) {
  SmallVector<Operation *> buffers, frees;
  body->walk([&](Operation *op) {
    if (isa<memref::AllocOp, memref::AllocaOp>(op))
      buffers.push_back(op);
    else if (isa<memref::DeallocOp>(op))
      frees.push_back(op);
  });
  for (Operation *op : frees)
    op->erase();
  return buffers;
}

Value mpc::collapseRows(ImplicitLocOpBuilder &b, Value memref) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  if (rank == 2)
    return memref;
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t dim = 0; dim < rank; ++dim)
    groups[dim + 1 == rank].push_back(dim);
  return memref::CollapseShapeOp::create(b, memref, groups);
}

Value mpc::flatten(ImplicitLocOpBuilder &b, Value memref) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  if (rank == 1)
    return memref;
  SmallVector<ReassociationIndices> groups(1);
  llvm::append_range(groups.front(), llvm::seq<int64_t>(rank));
  return memref::CollapseShapeOp::create(b, memref, groups);
}

Value mpc::flattenRows(ImplicitLocOpBuilder &b, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getLayout().isIdentity())
    return flatten(b, memref);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
  Value rows = collapseRows(b, memref);
  int64_t pitch =
      cast<MemRefType>(rows.getType()).getStridesAndOffset().first[0];
  Value size = mul(b, b.createOrFold<memref::DimOp>(rows, 0), pitch);
  auto flat = MemRefType::get(
      {ShapedType::kDynamic}, type.getElementType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1}));
  return memref::ReinterpretCastOp::create(
      b, flat, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()),
      {getAsOpFoldResult(size)}, {b.getIndexAttr(1)});
}

/// A rank-1 view of `size` elements along dimension `dim`, with any offset.
static Value createView(ImplicitLocOpBuilder &b, Value memref,
                        ArrayRef<OpFoldResult> offsets, int64_t size,
                        int64_t dim) {
  auto source = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> sizes(offsets.size(), b.getIndexAttr(1));
  sizes[dim] = b.getIndexAttr(size);
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  auto inferred =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          {size}, source, offsets, sizes, strides));
  Value view =
      memref::SubViewOp::create(b, inferred, memref, offsets, sizes, strides);
  auto type = MemRefType::get(
      {size}, source.getElementType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic,
                             inferred.getStridesAndOffset().first));
  return inferred == type ? view
                          : memref::CastOp::create(b, type, view).getResult();
}

Value mpc::sliceView(ImplicitLocOpBuilder &b, Value memref, Value offset,
                     int64_t size) {
  return createView(b, memref, {getAsOpFoldResult(offset)}, size, /*dim=*/0);
}

Value mpc::rowView(ImplicitLocOpBuilder &b, Value rows, Value row,
                   int64_t size) {
  return createView(b, rows, {getAsOpFoldResult(row), b.getIndexAttr(0)}, size,
                    /*dim=*/1);
}

Value mpc::laneView(ImplicitLocOpBuilder &b, Value panels, Value panel,
                    int64_t lane, int64_t size) {
  return createView(
      b, panels,
      {getAsOpFoldResult(panel), b.getIndexAttr(0), b.getIndexAttr(lane)}, size,
      /*dim=*/1);
}

Value mpc::padRow(ImplicitLocOpBuilder &b, TypedAttr value, int64_t size) {
  auto type = MemRefType::get({size}, value.getType());
  APInt bits = isa<FloatAttr>(value)
                   ? cast<FloatAttr>(value).getValue().bitcastToAPInt()
                   : cast<IntegerAttr>(value).getValue();
  std::string name;
  llvm::raw_string_ostream(name)
      << "kernel_pad_" << value.getType() << "_" << size << "_"
      << llvm::utohexstr(bits.getZExtValue(), /*LowerCase=*/true);
  auto module =
      b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto tensor = RankedTensorType::get({size}, value.getType());
    memref::GlobalOp::create(
        b, name, b.getStringAttr("private"), type,
        DenseElementsAttr::get(tensor, ArrayRef<Attribute>{value}),
        /*constant=*/true, b.getI64IntegerAttr(64));
  }
  Value row = memref::GetGlobalOp::create(b, type, name);
  auto strided = MemRefType::get(
      {size}, value.getType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1}));
  return memref::CastOp::create(b, strided, row);
}

WindowRow::WindowRow(ImplicitLocOpBuilder &b, kernel::WindowAttr window,
                     MemRefType input, MemRefType out, Value row)
    : window(window), channels(input.getShape().back()) {
  unsigned column = window.getRank() - 1, across = column - 1;
  height = input.getDimSize(column);
  width = input.getDimSize(column + 1);
  depth = column == 1 ? 1 : input.getDimSize(1);
  // Takes the coordinate of the last `size` pixels off `rest`.
  auto split = [&](Value &rest, int64_t size) {
    Value quotient =
        b.createOrFold<arith::DivUIOp>(rest, indexConstant(b, size));
    rest = b.createOrFold<arith::RemUIOp>(rest, indexConstant(b, size));
    return quotient;
  };
  auto toInput = [&](Value coordinate, unsigned dim) {
    return add(b, mul(b, coordinate, window.getStrides()[dim]),
               -window.getLow()[dim]);
  };
  int64_t outWidth = out.getDimSize(column + 1),
          plane = out.getDimSize(column) * outWidth;
  Value rest = row;
  Value n = split(rest, column == 1 ? plane : out.getDimSize(1) * plane);
  sample = mul(b, n, depth * height);
  if (column == 2)
    front = toInput(split(rest, plane), 0);
  top = toInput(split(rest, outWidth), across);
  left = toInput(rest, column);
}

/// Whether 0 <= position < size: a negative one is large when unsigned.
static Value isBelow(ImplicitLocOpBuilder &b, Value position, int64_t size) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position,
                               indexConstant(b, size));
}

Value WindowRow::getTap(ImplicitLocOpBuilder &b, Value input, Value pad,
                        Value kh, Value kw) const {
  return getPixel(b, input, pad, kh, mul(b, kw, window.getRowDilation()));
}

std::pair<Value, Value> WindowRow::getPosition(ImplicitLocOpBuilder &b,
                                               Value kh, Value kw) const {
  return locate(b, kh, mul(b, kw, window.getRowDilation()));
}

/// Null stands for true.
static Value bothInside(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return lhs && rhs ? b.createOrFold<arith::AndIOp>(lhs, rhs) : lhs ? lhs : rhs;
}

std::pair<Value, Value> WindowRow::locateRow(ImplicitLocOpBuilder &b,
                                             Value kh) const {
  unsigned across = window.getRank() - 2;
  Value above = sample, inside;
  if (front) {
    Value rows = indexConstant(b, window.getSizes()[across]);
    Value kd = b.createOrFold<arith::DivUIOp>(kh, rows);
    kh = b.createOrFold<arith::RemUIOp>(kh, rows);
    Value id = add(b, front, mul(b, kd, window.getDilations()[0]));
    above = add(b, sample, mul(b, id, height));
    if (window.isPadded(0))
      inside = isBelow(b, id, depth);
  }
  Value ih = add(b, top, mul(b, kh, window.getDilations()[across]));
  if (window.isPadded(across))
    inside = bothInside(b, inside, isBelow(b, ih, height));
  return {add(b, above, ih), inside};
}

std::pair<Value, Value> WindowRow::locate(ImplicitLocOpBuilder &b, Value kh,
                                          Value offset) const {
  auto [row, inside] = locateRow(b, kh);
  Value iw = add(b, left, offset);
  Value pixel = add(b, mul(b, row, width), iw);
  if (window.isPaddedAlong())
    inside = bothInside(b, inside, isBelow(b, iw, width));
  return {pixel, inside};
}

Value WindowRow::getPixel(ImplicitLocOpBuilder &b, Value input, Value pad,
                          Value kh, Value offset) const {
  auto [pixel, inside] = locate(b, kh, offset);
  Value row = rowView(b, input, pixel, channels);
  return inside && pad ? arith::SelectOp::create(b, inside, row, pad) : row;
}

Value WindowRow::getRunBegin(ImplicitLocOpBuilder &b, Value kh) const {
  Value pixel = add(b, mul(b, locateRow(b, kh).first, width), left);
  return mul(b, pixel, channels);
}

Value WindowRow::getRun(ImplicitLocOpBuilder &b, Value input, Value pad,
                        Value kh) const {
  Value run =
      sliceView(b, input, getRunBegin(b, kh), window.getRowTaps() * channels);
  Value inside = locateRow(b, kh).second;
  return inside ? arith::SelectOp::create(b, inside, run, pad) : run;
}

Value WindowRow::getInputRow(ImplicitLocOpBuilder &b, Value input, Value pad,
                             Value kh, int64_t pitch) const {
  auto [row, inside] = locateRow(b, kh);
  Value view = sliceView(b, input, mul(b, row, width * pitch), width * pitch);
  return inside && pad ? arith::SelectOp::create(b, inside, view, pad) : view;
}

Value WindowRow::isInsideRow(ImplicitLocOpBuilder &b) const {
  return isBelow(b, left,
                 std::max<int64_t>(0, width - window.getRowTaps() + 1));
}

Value WindowRow::isInside(ImplicitLocOpBuilder &b) const {
  auto test = [&](Value corner, unsigned dim, int64_t size) {
    int64_t reach = (window.getSizes()[dim] - 1) * window.getDilations()[dim];
    return isBelow(b, corner, std::max<int64_t>(0, size - reach));
  };
  Value inside = test(top, window.getRank() - 2, height);
  return front ? bothInside(b, test(front, 0, depth), inside) : inside;
}

Value WindowRow::isInsideFrom(ImplicitLocOpBuilder &b, Value offset,
                              int64_t pixels) const {
  return isBelow(b, add(b, left, offset),
                 std::max<int64_t>(0, width - pixels + 1));
}

Value WindowRow::areInside(ImplicitLocOpBuilder &b,
                           const WindowRow &last) const {
  auto equal = [&](Value lhs, Value rhs) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
  };
  Value inside =
      bothInside(b, equal(sample, last.sample), equal(top, last.top));
  if (front)
    inside = bothInside(b, inside, equal(front, last.front));
  if (window.isPaddedAcross())
    inside = bothInside(b, inside, isInside(b));
  if (window.isPaddedAlong())
    inside = bothInside(b, inside,
                        bothInside(b, isInsideRow(b), last.isInsideRow(b)));
  return inside;
}

Value WindowRow::isInside(ImplicitLocOpBuilder &b, unsigned dim,
                          Value number) const {
  bool isColumn = dim == 1;
  Value offset = mul(
      b, number, isColumn ? window.getRowDilation() : window.getDilations()[0]);
  return isBelow(b, add(b, isColumn ? left : top, offset),
                 isColumn ? width : height);
}

Value WindowRow::countRowsAbove(ImplicitLocOpBuilder &b, int64_t edge) const {
  int64_t dilation = window.getDilations()[0];
  Value distance = arith::MaxSIOp::create(
      b, b.createOrFold<arith::SubIOp>(indexConstant(b, edge), top),
      indexConstant(b, 0));
  Value rows = b.createOrFold<arith::DivUIOp>(add(b, distance, dilation - 1),
                                              indexConstant(b, dilation));
  return arith::MinUIOp::create(b, rows,
                                indexConstant(b, window.getSizes()[0]));
}

std::pair<Value, Value> WindowRow::getInsideRows(ImplicitLocOpBuilder &b,
                                                 const WindowRow &last) const {
  // Further down in a sample fewer rows of the window are above the input, and
  // more below. Where the next sample begins, all of them may be inside.
  Value same =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, sample, last.sample);
  Value begin = arith::SelectOp::create(b, same, last.countRowsAbove(b, 0),
                                        indexConstant(b, 0));
  Value end = arith::SelectOp::create(b, same, countRowsAbove(b, height),
                                      indexConstant(b, window.getSizes()[0]));
  return {begin, end};
}

//===----------------------------------------------------------------------===//
// OutputWriter
//===----------------------------------------------------------------------===//

OutputWriter::OutputWriter(ImplicitLocOpBuilder &b, Region &epilogue,
                           ValueRange extras, ArrayAttr maps, Value out)
    : epilogue(epilogue), outType(cast<MemRefType>(out.getType())),
      originalOut(out), out(collapseRows(b, out)) {
  for (auto [extra, attribute] : llvm::zip_equal(extras, maps)) {
    AffineMap map = cast<AffineMapAttr>(attribute).getValue();
    bool collapsed =
        map.isIdentity() &&
        cast<MemRefType>(extra.getType()).getShape() == outType.getShape();
    this->extras.push_back(
        {collapsed ? collapseRows(b, extra) : extra, map, collapsed});
  }
}

/// Vectors that are computed at a time where each operation waits long for the
/// one before: as many as processors look ahead, and registers hold.
static constexpr int64_t kFunctions = 2, kQuotients = 4;

int64_t mpc::countInterleaved(Block &body) {
  int64_t count = 1;
  for (Operation &op : body.without_terminator()) {
    // Estimates look up in single registers (EstimateRounding.cpp).
    if (isa<math::RoundEvenOp>(op))
      return 1;
    if (isa<math::ExpOp, math::ErfOp, math::TanhOp, math::LogOp>(op))
      count = kFunctions;
    else if (isa<arith::DivFOp>(op) && count == 1)
      count = kQuotients;
  }
  return count;
}

/// Operations of a short epilogue, constants not counted.
static constexpr int64_t kShortEpilogue = 12;

bool OutputWriter::isShort() const {
  int64_t count = 0;
  for (Operation &op : epilogue.front().without_terminator()) {
    if (isa<arith::DivFOp>(op) || (isa<math::MathDialect>(op.getDialect()) &&
                                   !isa<math::RoundEvenOp, math::FmaOp>(op)))
      return false;
    count += !op.hasTrait<OpTrait::ConstantLike>();
  }
  return count <= kShortEpilogue;
}

Value OutputWriter::loadExtra(ImplicitLocOpBuilder &b, const Extra &extra,
                              int64_t width, Value row, Value column) const {
  auto type = VectorType::get(
      {width}, cast<MemRefType>(extra.memref.getType()).getElementType());
  SmallVector<Value> indices;
  bool contiguous = extra.collapsed;
  if (extra.collapsed)
    indices = {row, column};
  unsigned last = outType.getRank() - 1;
  ArrayRef<AffineExpr> exprs = extra.map.getResults();
  for (AffineExpr expr : extra.collapsed ? ArrayRef<AffineExpr>() : exprs) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim) {
      indices.push_back(indexConstant(b, 0));
      continue;
    }
    if (dim.getPosition() == last) {
      contiguous = true;
      indices.push_back(column);
      continue;
    }
    // Coordinate of the row: everything to the right divided away.
    Value index = row;
    for (unsigned right = last - 1; right > dim.getPosition(); --right)
      index = b.createOrFold<arith::DivUIOp>(
          index, b.createOrFold<memref::DimOp>(originalOut, right));
    if (dim.getPosition() > 0)
      index = b.createOrFold<arith::RemUIOp>(
          index, b.createOrFold<memref::DimOp>(
                     originalOut, static_cast<int64_t>(dim.getPosition())));
    indices.push_back(index);
  }
  // Each truth value has a byte, which a vector of them has not.
  if (contiguous && type.getElementType().isInteger(1)) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < width; ++i) {
      SmallVector<Value> at(indices);
      at.back() = add(b, column, i);
      elements.push_back(memref::LoadOp::create(b, extra.memref, at));
    }
    return vector::FromElementsOp::create(b, type, elements);
  }
  if (contiguous)
    return vector::LoadOp::create(b, type, extra.memref, indices);
  Value scalar = memref::LoadOp::create(b, extra.memref, indices);
  return vector::BroadcastOp::create(b, type, scalar);
}

void OutputWriter::startAtBias() {
  BlockArgument sum = epilogue.front().getArgument(0);
  auto addition = sum.hasOneUse()
                      ? dyn_cast<arith::AddIOp>(*sum.getUsers().begin())
                      : arith::AddIOp();
  if (!addition || addition->getBlock() != sum.getOwner())
    return;
  auto other = dyn_cast<BlockArgument>(
      addition.getLhs() == sum ? addition.getRhs() : addition.getLhs());
  if (!other || other.getOwner() != sum.getOwner())
    return;
  size_t number = other.getArgNumber() - 1;
  const Extra &extra = extras[number];
  unsigned last = outType.getRank() - 1;
  if (extra.collapsed || !extra.map.isFunctionOfDim(last) ||
      !llvm::all_of(llvm::seq(last), [&](unsigned dim) {
        return !extra.map.isFunctionOfDim(dim);
      }))
    return;
  bias = addition;
  start = number;
}

Value mpc::repeatLanes(ImplicitLocOpBuilder &b, Value vector, int64_t lanes) {
  int64_t size = cast<VectorType>(vector.getType()).getDimSize(0);
  if (size == lanes)
    return vector;
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes; ++lane)
    order.push_back(lane % size);
  return vector::ShuffleOp::create(b, vector, vector, order);
}

Value OutputWriter::getStart(ImplicitLocOpBuilder &b, Type element,
                             int64_t size, Value column, int64_t used) const {
  auto type = VectorType::get({size}, element);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  if (!start)
    return zero;
  Value value = loadExtra(b, extras[*start], used, /*row=*/Value(), column);
  return used == size
             ? value
             : vector::InsertStridedSliceOp::create(b, value, zero, 0, 1);
}

bool OutputWriter::readsChannelsOnly() const {
  unsigned last = outType.getRank() - 1;
  return llvm::all_of(extras, [&](const Extra &extra) {
    auto type = cast<MemRefType>(extra.memref.getType());
    if (extra.map.isFunctionOfDim(last) &&
        (type.getRank() != 1 || type.getElementTypeBitWidth() < 8))
      return false;
    return !extra.collapsed &&
           llvm::none_of(llvm::seq(last), [&](unsigned dim) {
             return extra.map.isFunctionOfDim(dim);
           });
  });
}

void OutputWriter::replaceChannels(function_ref<Value(Value)> replace) {
  unsigned rank = outType.getRank();
  for (Extra &extra : extras) {
    if (!extra.map.isFunctionOfDim(rank - 1))
      continue;
    extra.memref = replace(extra.memref);
    MLIRContext *context = extra.map.getContext();
    extra.map =
        AffineMap::get(rank, 0, getAffineDimExpr(rank - 1, context), context);
  }
}

Value OutputWriter::apply(ImplicitLocOpBuilder &b, Value accumulator, Value row,
                          Value column, Value result, int64_t used) const {
  int64_t width = cast<VectorType>(accumulator.getType()).getDimSize(0);
  auto widen = [&](Type type) { return VectorType::get({width}, type); };
  IRMapping mapping;
  Block &block = epilogue.front();
  mapping.map(block.getArgument(0), accumulator);
  for (auto [index, extra] : llvm::enumerate(extras))
    if (llvm::any_of(block.getArgument(index + 1).getUsers(),
                     [&](Operation *user) { return user != bias; }))
      mapping.map(
          block.getArgument(index + 1),
          repeatLanes(b, loadExtra(b, extra, used, row, column), width));
  if (bias)
    mapping.map(bias->getResult(0), accumulator);
  for (Operation &op : block.without_terminator()) {
    if (mapping.contains(result))
      break;
    if (&op == bias)
      continue;
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto splat = DenseElementsAttr::get(
          widen(constant.getType()), ArrayRef<Attribute>{constant.getValue()});
      mapping.map(constant.getResult(),
                  arith::ConstantOp::create(b, splat).getResult());
      continue;
    }
    // Element-wise ops are the same op on vectors.
    Operation *vectorOp = b.clone(op, mapping);
    for (OpResult result : vectorOp->getResults())
      result.setType(widen(result.getType()));
  }
  return mapping.lookup(result);
}

Value OutputWriter::apply(ImplicitLocOpBuilder &b, Value accumulator, Value row,
                          Value column) const {
  return apply(b, accumulator, row, column,
               epilogue.front().getTerminator()->getOperand(0),
               cast<VectorType>(accumulator.getType()).getDimSize(0));
}
