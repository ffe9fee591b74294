//===- LoopNest.cpp - loop nests of linalg ops ----------------------------===//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//
// The order of loops is chosen for LLVM's vectoriser: parallel loops in the
// order of the output outside, then reductions, and inside of them the loop
// over the output's last dimension if an input too lies contiguous along it
// (pooling of NHWC tensors: channels vectorise, and no sum is reordered).
//
// Where the innermost parallel loop walks along contiguous elements, and is of
// known size, vectors are written here: LLVM's vectoriser would have to prove,
// or ask at run time and per row, that buffers do not overlap, and gives up on
// rows of a few bytes. Sums and maxima then stay in registers.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;

/// Estimated cost of one of the lanes of a vector in nanoseconds.
static constexpr double kLaneCost = 0.05;

/// Outer loops are parallel until an iteration costs less than the first, or
/// less than the second where there are enough of them; in nanoseconds.
static constexpr double kMinIterationCost = 500, kMaxIterationCost = 10000;
static constexpr int64_t kEnoughIterations = 32;

/// Extremes that are taken side by side: their latency over their throughput.
static constexpr int64_t kExtremumChains = 4;

/// The most elements of which a vector's halves are compared.
static constexpr int64_t kMostHalved = 64;

/// Fewer elements are not worth a vector.
static constexpr int64_t kMinLanes = 4;

/// Elements that are read with a larger step are not worth a vector.
static constexpr int64_t kMostStep = 4;

/// Edge of the blocks in which a transposition reads and writes: one cache line
/// of f32.
static constexpr int64_t kTransposeBlock = 16;

/// Fewer elements side by side in the result, such as channels, are not worth a
/// block.
static constexpr int64_t kMinTransposed = 4;

namespace {
struct LoopOrder {
  /// Loop dimensions, outermost first.
  SmallVector<unsigned> dims;
  /// How many of them may form the parallel loop.
  unsigned numForall = 0;
  /// Set if the loop over `dims[numForall]` goes by vectors of so many lanes.
  int64_t lanes = 0;
};
} // namespace

namespace {
/// Every `step`-th element of a row, from element `skipped` of a vector on.
struct RowSteps {
  int64_t step = 1, skipped = 0;
};
} // namespace

/// How `operand` is read along loop `inner`, all of which it takes inside of a
/// row: side by side, or with a small step, where vectors that hold what is
/// between do not go beyond the row.
static std::optional<RowSteps> getRowSteps(linalg::LinalgOp op,
                                           OpOperand &operand, unsigned inner) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type || map.getNumResults() == 0 || !type.isLastDimUnitStride() ||
      map.dropResult(map.getNumResults() - 1).isFunctionOfDim(inner))
    return std::nullopt;
  AffineExpr expr = map.getResults().back(),
             dim = getAffineDimExpr(inner, op.getContext());
  if (expr == dim)
    return RowSteps();
  int64_t size = op.getStaticLoopRanges()[inner], row = type.getShape().back();
  if (op.isDpsInit(&operand) || ShapedType::isDynamic(size) ||
      ShapedType::isDynamic(row))
    return std::nullopt;
  for (int64_t step = 1; step <= kMostStep; ++step) {
    auto start = dyn_cast<AffineConstantExpr>(expr - dim * step);
    if (!start || start.getValue() < 0)
      continue;
    int64_t skipped =
        std::max<int64_t>(0, start.getValue() + size * step - row);
    if (skipped <= start.getValue() && skipped < step)
      return RowSteps{step, skipped};
  }
  return std::nullopt;
}

int64_t mpc::chooseLanes(linalg::LinalgOp op, unsigned inner,
                         const TargetDescription &target) {
  int64_t size = op.getStaticLoopRanges()[inner];
  if (ShapedType::isDynamic(size) || size < kMinLanes)
    return 0;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isInit = op.isDpsInit(&operand);
    if (!isInit && op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    bool isContiguous = getRowSteps(op, operand, inner).has_value();
    bool isConstant = !isa<MemRefType>(operand.get().getType()) ||
                      !map.isFunctionOfDim(inner);
    if (!isContiguous && (isInit || !isConstant))
      return 0;
  }
  return getLanes(op, target, inner);
}

Value mpc::loadVector(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                      OpOperand &operand, unsigned inner, int64_t width,
                      SmallVector<Value> indices) {
  auto [step, skipped] = *getRowSteps(op, operand, inner);
  auto type = VectorType::get({width * step},
                              getElementTypeOrSelf(operand.get().getType()));
  indices.back() = add(b, indices.back(), -skipped);
  Value row = vector::LoadOp::create(b, type, operand.get(), indices);
  if (step == 1)
    return row;
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < width; ++lane)
    lanes.push_back(lane * step + skipped);
  return vector::ShuffleOp::create(b, row, row, lanes);
}

static LoopOrder chooseOrder(linalg::LinalgOp op,
                             const TargetDescription &target) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> parallel, reduction;
  for (AffineExpr expr : out.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr);
        dim && iterators[dim.getPosition()] == utils::IteratorType::parallel)
      parallel.push_back(dim.getPosition());
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator != utils::IteratorType::parallel)
      reduction.push_back(dim);
    else if (!llvm::is_contained(parallel, dim))
      parallel.push_back(dim);
  }

  LoopOrder order;
  unsigned inner = parallel.empty() ? 0 : parallel.back();
  bool vectorises = reduction.empty();
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.getNumResults() == 0)
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    vectorises |= last && last.getPosition() == inner;
  }
  bool innermost = !parallel.empty() && vectorises;
  if (innermost)
    order.lanes = chooseLanes(op, inner, target);
  int64_t interleaved = countInterleaved(*op.getBlock());
  if (reduction.empty() &&
      op.getStaticLoopRanges()[inner] >= interleaved * order.lanes)
    order.lanes *= interleaved;
  if (order.lanes != 0) {
    order.dims = parallel;
    order.numForall = parallel.size() - 1;
    order.dims.append(reduction);
    return order;
  }
  order.dims.assign(parallel.begin(), parallel.end() - innermost);
  order.numForall = order.dims.size();
  order.dims.append(reduction);
  if (innermost)
    order.dims.push_back(inner);
  return order;
}

namespace {
/// The loops of one op that is not flat.
class LoopNest {
public:
  LoopNest(linalg::LinalgOp op, const TargetDescription &target);
  void emit();

private:
  /// The loops from `position` on, with everything inside.
  void emitFrom(unsigned position);
  /// The same for reduction loops, which carry the accumulators.
  SmallVector<Value> emitReduction(unsigned position, ValueRange accumulators);
  /// The innermost reduction loop of an `extremum`, with several accumulators:
  /// the order does not matter, and one would wait for itself.
  Value emitExtremum(Operation *extremum, unsigned dim, Value accumulator);
  /// The same where a vector of all that it compares can be loaded: halves of
  /// that are compared, until one element is left; else null.
  Value emitHalving(Operation *extremum, unsigned dim, Value accumulator);
  void emitPoint();
  /// The results at the current position.
  SmallVector<Value> computePoint();
  /// The loop over dimension `dim`, from `begin` to `end`.
  void emitDim(unsigned dim, Value begin, Value end, function_ref<void()> body);
  /// The loop over `dim` by vectors; what is left of it by ever smaller ones.
  void emitVectors(unsigned dim, function_ref<void()> body);
  /// The element of `operand` at the current position, or the vector that
  /// begins there.
  Value load(OpOperand &operand);
  void store(Value value, OpOperand &operand);
  /// How many of the outer loops are parallel, and what is inside of them
  /// costs.
  std::pair<unsigned, double> chooseForall();
  /// Loads what does not change in the loops that are still to come: stores
  /// hide from LLVM that it does not.
  void loadInvariants();
  SmallVector<Value> access(OpOperand &operand);
  /// The dimension along which some input lies in memory, where that is
  /// another one than the innermost loop's: both then run in blocks.
  std::optional<unsigned> findTransposedDim();
  /// Whether blocks of a transposition go by vectors, which turns what lies
  /// along the other dimension in registers.
  bool hasVectorBlocks(unsigned transposed);
  /// The block of kTransposeBlock positions in both dimensions from `begin` of
  /// the transposed and `innerBegin` of the innermost dimension on.
  void emitVectorBlock(Value begin, Value innerBegin);
  bool liesAlong(OpOperand &operand, unsigned dim);

  /// The loop that goes by vectors, inside of it.
  std::optional<unsigned> getVectorDim() const {
    return width == 0 ? std::nullopt
                      : std::optional(order.dims[order.numForall]);
  }

  ImplicitLocOpBuilder b;
  linalg::LinalgOp op;
  const TargetDescription &target;
  /// For the types of the body; 0 if it cannot be computed for vectors.
  int64_t lanes;
  LoopOrder order;
  SmallVector<int64_t> staticSizes;
  SmallVector<Value> sizes, ivs, arguments;
  std::optional<unsigned> transposedDim;
  Value transposedBegin;
  /// Lanes of the current vector, 0 outside of the loop over vectors.
  int64_t width = 0;
};
} // namespace

LoopNest::LoopNest(linalg::LinalgOp op, const TargetDescription &target)
    : b(op.getLoc(), op), op(op), target(target), lanes(getLanes(op, target)),
      order(chooseOrder(op, target)), staticSizes(op.getStaticLoopRanges()),
      ivs(staticSizes.size()), arguments(op->getNumOperands()) {
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    sizes.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  transposedDim = findTransposedDim();
}

std::optional<unsigned> LoopNest::findTransposedDim() {
  if (op.getNumParallelLoops() != op.getNumLoops() || order.dims.size() < 2 ||
      order.numForall + 1 != order.dims.size())
    return std::nullopt;
  auto isShort = [&](unsigned dim) {
    return !ShapedType::isDynamic(staticSizes[dim]) &&
           staticSizes[dim] < kTransposeBlock;
  };
  unsigned inner = order.dims.back();
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!isa<MemRefType>(input->get().getType()) || map.getNumResults() == 0)
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    if (!last || last.getPosition() == inner || !map.isFunctionOfDim(inner) ||
        isShort(last.getPosition()))
      continue;
    // Of fewer elements a block is a part of its registers.
    if (!isShort(inner) || (staticSizes[inner] >= kMinTransposed &&
                            hasVectorBlocks(last.getPosition())))
      return last.getPosition();
  }
  return std::nullopt;
}

bool LoopNest::liesAlong(OpOperand &operand, unsigned dim) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  unsigned last = map.getNumResults() - 1;
  return type && map.getNumResults() != 0 && type.isLastDimUnitStride() &&
         map.getResult(last) == getAffineDimExpr(dim, op.getContext()) &&
         !map.dropResult(last).isFunctionOfDim(dim);
}

bool LoopNest::hasVectorBlocks(unsigned transposed) {
  unsigned inner = order.dims.back();
  if (ShapedType::isDynamic(staticSizes[inner]) ||
      ShapedType::isDynamic(staticSizes[transposed]) || lanes == 0)
    return false;
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    if (op.isDpsInit(&operand))
      return liesAlong(operand, inner) &&
             op.getMatchingBlockArgument(&operand).use_empty();
    return liesAlong(operand, inner) || liesAlong(operand, transposed) ||
           !op.getMatchingIndexingMap(&operand).isFunctionOfDim(inner);
  });
}

void LoopNest::emitVectorBlock(Value begin, Value innerBegin) {
  unsigned inner = order.dims.back();
  int64_t columns = std::min(staticSizes[inner], kTransposeBlock);
  auto load = [&](OpOperand &operand, int64_t size) -> Value {
    auto type =
        VectorType::get({size}, getElementTypeOrSelf(operand.get().getType()));
    return vector::LoadOp::create(b, type, operand.get(), access(operand));
  };
  // What is turned, by operand and row.
  llvm::SmallDenseMap<unsigned, SmallVector<Value>> turned;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (!liesAlong(*input, *transposedDim) ||
        op.getMatchingBlockArgument(input).use_empty())
      continue;
    SmallVector<Value> square;
    ivs[*transposedDim] = begin;
    for (int64_t column = 0; column < columns; ++column) {
      ivs[inner] = add(b, innerBegin, column);
      square.push_back(load(*input, kTransposeBlock));
    }
    square.resize(kTransposeBlock, square.back());
    turned[input->getOperandNumber()] = transposeVectors(b, square);
  }
  ivs[inner] = innerBegin;
  for (int64_t row = 0; row < kTransposeBlock; ++row) {
    ivs[*transposedDim] = add(b, begin, row);
    SmallVector<Value> now(op->getNumOperands());
    for (OpOperand *input : op.getDpsInputOperands()) {
      unsigned number = input->getOperandNumber();
      if (op.getMatchingBlockArgument(input).use_empty())
        continue;
      if (turned.contains(number))
        now[number] = turned[number][row];
      else if (!isa<MemRefType>(input->get().getType()))
        now[number] = input->get();
      else if (liesAlong(*input, inner))
        now[number] = repeatLanes(b, load(*input, columns), kTransposeBlock);
      else
        now[number] = memref::LoadOp::create(b, input->get(), access(*input));
    }
    SmallVector<Value> results = emitBody(b, op, ivs, now, kTransposeBlock);
    for (auto [value, init] :
         llvm::zip_equal(results, op.getDpsInitsMutable())) {
      Value part = value;
      if (columns != kTransposeBlock)
        part = vector::ExtractStridedSliceOp::create(b, value, 0, columns, 1);
      vector::StoreOp::create(b, part, init.get(), access(init));
    }
  }
  ivs[inner] = ivs[*transposedDim] = {};
}

SmallVector<Value> LoopNest::access(OpOperand &operand) {
  return SmallVector<Value>(*affine::expandAffineMap(
      b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs));
}

Value LoopNest::load(OpOperand &operand) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (width == 0 || !map.isFunctionOfDim(order.dims[order.numForall]))
    return memref::LoadOp::create(b, operand.get(), access(operand));
  return loadVector(b, op, operand, order.dims[order.numForall], width,
                    access(operand));
}

void LoopNest::store(Value value, OpOperand &operand) {
  if (width == 0)
    memref::StoreOp::create(b, value, operand.get(), access(operand));
  else
    vector::StoreOp::create(b, value, operand.get(), access(operand));
}

void LoopNest::loadInvariants() {
  for (OpOperand &operand : op->getOpOperands()) {
    Value &argument = arguments[operand.getOperandNumber()];
    if (argument || op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    if (!isa<MemRefType>(operand.get().getType())) {
      argument = operand.get();
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isKnown = !op.isDpsInit(&operand);
    for (unsigned dim = 0; dim < ivs.size(); ++dim)
      isKnown &= ivs[dim] || !map.isFunctionOfDim(dim);
    if (isKnown)
      argument = load(operand);
  }
}

SmallVector<Value> LoopNest::computePoint() {
  SmallVector<Value> saved(arguments);
  loadInvariants();
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!op.getMatchingBlockArgument(&init).use_empty())
      arguments[init.getOperandNumber()] = load(init);
  SmallVector<Value> results =
      emitBody(b, op, ivs, arguments, width, getVectorDim());
  arguments = saved;
  return results;
}

void LoopNest::emitPoint() {
  for (auto [value, init] :
       llvm::zip_equal(computePoint(), op.getDpsInitsMutable()))
    store(value, init);
}

/// The operation that makes the result of `op` the largest or the smallest of
/// what its body computes; null if it is something else.
static Operation *matchExtremum(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  if (op.getNumDpsInits() != 1)
    return nullptr;
  Operation *combiner = body->getTerminator()->getOperand(0).getDefiningOp();
  BlockArgument accumulator =
      op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  bool isExtremum =
      isa_and_nonnull<arith::MaximumFOp, arith::MinimumFOp, arith::MaxSIOp,
                      arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp>(combiner);
  return isExtremum && accumulator.hasOneUse() &&
                 *accumulator.getUsers().begin() == combiner
             ? combiner
             : nullptr;
}

Value LoopNest::emitHalving(Operation *extremum, unsigned dim,
                            Value accumulator) {
  OpOperand *input = op.getDpsInputOperand(0);
  int64_t left = staticSizes[dim];
  if (width != 0 || left > kMostHalved || !llvm::isPowerOf2_64(left) ||
      op.getNumDpsInputs() != 1 || !liesAlong(*input, dim) ||
      !llvm::hasSingleElement(op.getBlock()->without_terminator()))
    return {};
  auto combine = [&](Value a, Value b) {
    Operation *merged = this->b.clone(*extremum);
    merged->setOperands({a, b});
    merged->getResult(0).setType(a.getType());
    return merged->getResult(0);
  };
  ivs[dim] = indexConstant(b, 0);
  Value values =
      vector::LoadOp::create(b, VectorType::get({left}, accumulator.getType()),
                             input->get(), access(*input));
  ivs[dim] = {};
  while ((left /= 2) > 0) {
    auto half = [&](int64_t from) -> Value {
      return vector::ExtractStridedSliceOp::create(b, values, from, left,
                                                   int64_t(1));
    };
    values = combine(half(0), half(left));
  }
  return combine(accumulator, vector::ExtractOp::create(b, values, int64_t(0)));
}

Value LoopNest::emitExtremum(Operation *extremum, unsigned dim,
                             Value accumulator) {
  unsigned position = order.dims.size();
  int64_t whole = staticSizes[dim] / kExtremumChains * kExtremumChains;
  auto loop =
      scf::ForOp::create(b, indexConstant(b, 0), indexConstant(b, whole),
                         indexConstant(b, kExtremumChains),
                         SmallVector<Value>(kExtremumChains, accumulator));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next;
    for (int64_t chain = 0; chain < kExtremumChains; ++chain) {
      ivs[dim] = add(b, loop.getInductionVar(), chain);
      next.push_back(
          emitReduction(position, loop.getRegionIterArgs()[chain]).front());
    }
    scf::YieldOp::create(b, next);
  }
  Value result = loop.getResult(0);
  for (Value other : llvm::drop_begin(loop.getResults())) {
    Operation *merged = b.clone(*extremum);
    merged->setOperands({result, other});
    result = merged->getResult(0);
    result.setType(other.getType());
  }
  for (int64_t at = whole; at < staticSizes[dim]; ++at) {
    ivs[dim] = indexConstant(b, at);
    result = emitReduction(position, result).front();
  }
  ivs[dim] = {};
  return result;
}

SmallVector<Value> LoopNest::emitReduction(unsigned position,
                                           ValueRange accumulators) {
  SmallVector<Value> saved(arguments);
  loadInvariants();
  SmallVector<Value> result;
  if (position == order.dims.size()) {
    for (auto [init, value] :
         llvm::zip_equal(op.getDpsInitsMutable(), accumulators))
      arguments[init.getOperandNumber()] = value;
    result = emitBody(b, op, ivs, arguments, width, getVectorDim());
  } else if (Operation *extremum = matchExtremum(op);
             extremum && position + 1 == order.dims.size() &&
             staticSizes[order.dims[position]] >= 4 * kExtremumChains) {
    unsigned dim = order.dims[position];
    Value value = emitHalving(extremum, dim, accumulators.front());
    result = {value ? value
                    : emitExtremum(extremum, dim, accumulators.front())};
  } else {
    unsigned dim = order.dims[position];
    auto loop = scf::ForOp::create(b, indexConstant(b, 0), sizes[dim],
                                   indexConstant(b, 1), accumulators);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ivs[dim] = loop.getInductionVar();
    scf::YieldOp::create(b,
                         emitReduction(position + 1, loop.getRegionIterArgs()));
    ivs[dim] = {};
    result = SmallVector<Value>(loop.getResults());
  }
  arguments = saved;
  return result;
}

void LoopNest::emitDim(unsigned dim, Value begin, Value end,
                       function_ref<void()> body) {
  if (staticSizes[dim] == 1) {
    ivs[dim] = indexConstant(b, 0);
    body();
  } else {
    emitLoop(b, begin, end, 1, [&](Value iv) {
      ivs[dim] = iv;
      body();
    });
  }
  ivs[dim] = {};
}

void LoopNest::emitVectors(unsigned dim, function_ref<void()> body) {
  int64_t size = staticSizes[dim];
  auto emitOne = [&](Value iv, int64_t lanes) {
    ivs[dim] = iv;
    width = lanes;
    body();
  };
  int64_t whole = size / order.lanes * order.lanes;
  if (whole > order.lanes)
    emitLoop(b, indexConstant(b, 0), indexConstant(b, whole), order.lanes,
             [&](Value iv) { emitOne(iv, order.lanes); });
  else if (whole == order.lanes)
    emitOne(indexConstant(b, 0), order.lanes);
  for (int64_t lanes = order.lanes / 2, at = whole; lanes > 0; lanes /= 2)
    if (at + lanes <= size) {
      emitOne(indexConstant(b, at), lanes == 1 ? 0 : lanes);
      at += lanes;
    }
  ivs[dim] = {};
  width = 0;
}

void LoopNest::emitFrom(unsigned position) {
  if (position == order.dims.size())
    return emitPoint();
  SmallVector<Value> saved(arguments);
  loadInvariants();
  bool isReduction =
      llvm::all_of(ArrayRef(order.dims).drop_front(position), [&](unsigned d) {
        return op.getIteratorTypesArray()[d] ==
                   utils::IteratorType::reduction &&
               llvm::none_of(
                   llvm::make_pointer_range(op.getDpsInitsMutable()),
                   [&](OpOperand *init) {
                     return op.getMatchingIndexingMap(init).isFunctionOfDim(d);
                   });
      });
  if (isReduction) {
    // Accumulators stay in registers, for LLVM would have to prove that storing
    // them does not change the input.
    SmallVector<Value> accumulators;
    for (OpOperand &init : op.getDpsInitsMutable())
      accumulators.push_back(load(init));
    for (auto [value, init] : llvm::zip_equal(
             emitReduction(position, accumulators), op.getDpsInitsMutable()))
      store(value, init);
  } else if (order.lanes != 0 && position == order.numForall) {
    unsigned dim = order.dims[position];
    auto at = [&](Value iv) {
      ivs[dim] = iv;
      width = order.lanes;
    };
    VectorLoop loop = {indexConstant(b, 0), sizes[dim], order.lanes,
                       [&](Value iv) {
                         at(iv);
                         return computePoint().front();
                       },
                       [&](Value iv) {
                         at(iv);
                         OpOperand &init = *op.getDpsInitOperand(0);
                         return ElementPlace{init.get(), access(init)};
                       }};
    emitStream(b, op, target, loop,
               [&] { emitVectors(dim, [&] { emitFrom(position + 1); }); });
    ivs[dim] = {};
    width = 0;
  } else {
    unsigned dim = order.dims[position];
    emitDim(dim, indexConstant(b, 0), sizes[dim],
            [&] { emitFrom(position + 1); });
  }
  arguments = saved;
}

std::pair<unsigned, double> LoopNest::chooseForall() {
  auto sizeOf = [&](unsigned dim) -> int64_t {
    return ShapedType::isDynamic(staticSizes[dim]) ? 64 : staticSizes[dim];
  };
  double cost = order.lanes != 0 ? kLaneCost : kElementCost;
  for (unsigned dim : order.dims)
    cost *= sizeOf(dim);
  // Transpositions go by blocks of all their loops.
  unsigned number = 0;
  for (int64_t count = 1; number < order.numForall; ++number) {
    bool isEnough = cost <= kMinIterationCost ||
                    (cost <= kMaxIterationCost && count >= kEnoughIterations);
    if (isEnough && number != 0 && !transposedDim)
      break;
    unsigned dim = order.dims[number];
    count *= ShapedType::isDynamic(staticSizes[dim]) ? 1 : staticSizes[dim];
    cost /= std::max<int64_t>(1, sizeOf(dim));
  }
  return {number, cost};
}

void LoopNest::emit() {
  std::pair<unsigned, double> choice = chooseForall();
  unsigned numForall = choice.first;
  double cost = choice.second;
  SmallVector<unsigned> outer;
  for (unsigned dim : ArrayRef(order.dims).take_front(numForall)) {
    if (staticSizes[dim] == 1)
      ivs[dim] = indexConstant(b, 0);
    else
      outer.push_back(dim);
  }
  SmallVector<Value> counts;
  for (unsigned dim : outer) {
    counts.push_back(sizes[dim]);
    if (dim == transposedDim) {
      counts.back() = b.createOrFold<arith::DivUIOp>(
          add(b, sizes[dim], kTransposeBlock - 1),
          indexConstant(b, kTransposeBlock));
      cost *= kTransposeBlock;
    }
  }
  // Short iterations over several loops spend more on their position than on
  // their work, and LLVM sees no loop in them: they go by blocks of the last.
  int64_t block = 1;
  if (outer.size() > 1 && !transposedDim && cost < kMinIterationCost)
    if (int64_t size = staticSizes[outer.back()]; size > 1) {
      auto most =
          static_cast<int64_t>(kMinIterationCost / std::max(cost, kLaneCost));
      block = llvm::divideCeilSigned(size, llvm::divideCeilSigned(size, most));
      counts.back() = indexConstant(b, llvm::divideCeilSigned(size, block));
      cost *= block;
    }
  Value count = indexConstant(b, 1);
  for (Value size : counts)
    count = b.createOrFold<arith::MulIOp>(count, size);
  if (outer.empty())
    return emitFrom(numForall);
  emitForall(b, count, cost, [&](Value index) {
    // Row-major position within the parallel loops.
    for (unsigned position = outer.size(); position-- > 0;) {
      Value at = index;
      if (position > 0) {
        at = b.createOrFold<arith::RemUIOp>(index, counts[position]);
        index = b.createOrFold<arith::DivUIOp>(index, counts[position]);
      }
      if (outer[position] == transposedDim)
        transposedBegin = mul(b, at, kTransposeBlock);
      else
        ivs[outer[position]] = at;
    }
    if (block > 1) {
      unsigned dim = outer.back();
      Value begin = mul(b, ivs[dim], block), end = add(b, begin, block);
      if (staticSizes[dim] % block != 0)
        end = arith::MinUIOp::create(b, end, sizes[dim]);
      return emitDim(dim, begin, end, [&] { emitFrom(numForall); });
    }
    if (!transposedDim)
      return emitFrom(numForall);
    auto endOf = [&](Value begin, unsigned dim) -> Value {
      return arith::MinUIOp::create(b, add(b, begin, kTransposeBlock),
                                    sizes[dim]);
    };
    unsigned inner = order.dims.back();
    if (hasVectorBlocks(*transposedDim)) {
      // The last blocks move back and compute some elements again.
      auto clamp = [&](Value begin, unsigned dim) -> Value {
        int64_t last = staticSizes[dim] - kTransposeBlock;
        if (last < 0 || staticSizes[dim] % kTransposeBlock == 0)
          return begin;
        return arith::MinUIOp::create(b, begin, indexConstant(b, last));
      };
      return emitLoop(b, indexConstant(b, 0), sizes[inner], kTransposeBlock,
                      [&](Value begin) {
                        emitVectorBlock(clamp(transposedBegin, *transposedDim),
                                        clamp(begin, inner));
                      });
    }
    Value end = endOf(transposedBegin, *transposedDim);
    emitLoop(b, indexConstant(b, 0), sizes[inner], kTransposeBlock,
             [&](Value begin) {
               Value innerEnd = endOf(begin, inner);
               emitDim(*transposedDim, transposedBegin, end, [&] {
                 emitDim(inner, begin, innerEnd, [&] { emitPoint(); });
               });
             });
  });
}

void mpc::lowerNest(linalg::LinalgOp op, const TargetDescription &target) {
  LoopNest(op, target).emit();
}
