//===- OnlineAttention.cpp - attention, keys piece by piece ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp has 16 rows. Of 32 neighbouring keys a lane ends the first product
// with eight neighbours, 8t to 8t + 7, of rows g and g + 8 (LowerMMA.cpp).
// Rounded, they are the input of the second product as they are: a register of
// mma.sync holds any two keys, if the values of these two meet it. Instruction
// c of those 32 keys reads keys 8t + 4c + 2h of its block t + 4h, which is why
// stages of values have blocks of two keys in this order. What the four lanes
// of a row know of it they exchange.
//
// Pieces of keys and values have two buffers each: one is filled while the
// other is read, with one barrier in between.
//
//===----------------------------------------------------------------------===//

#include "OnlineAttention.h"
#include "BlockProduct.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Dialect/Kernel/ExtraMaps.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Buffers of a piece.
static constexpr int64_t kBuffers = 2;

/// k blocks of a step of the first product.
static constexpr int64_t kDepth = 16;

/// Rows of a warp.
static constexpr int64_t kWarpRows = 16;

//===----------------------------------------------------------------------===//
// What is attention
//===----------------------------------------------------------------------===//

static int64_t getWidth(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getShape().back();
}

/// Whether `buffer` is a whole buffer of the block's, and nobody else's.
static bool isOfBlock(Value buffer) {
  return buffer.getDefiningOp<memref::AllocOp>() != nullptr;
}

static bool isHalfProduct(ContractOp op) {
  if (!op || op.getTiling().getIntrinsic() != Intrinsic::mma ||
      op.getTiling().getKv() != 2 || op.getWindow() || op.getBlocks())
    return false;
  Type element = getElementTypeOrSelf(op.getInput());
  return (element.isF16() || element.isBF16()) &&
         element == getElementTypeOrSelf(op.getWeights());
}

/// Whether each element of the one result is computed alone.
static bool isElementwise(linalg::GenericOp op) {
  return op && op.hasPureBufferSemantics() && op.getNumDpsInits() == 1 &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         !op.hasIndexSemantics() && isOfBlock(op.getDpsInits()[0]) &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() &&
         !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0));
}

/// The operand of `op` that is all of `buffer`, element by element, if the
/// others are extras.
static OpOperand *findOperand(linalg::GenericOp op, Value buffer) {
  OpOperand *found = nullptr;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (input->get() == buffer && map.isIdentity() && !found)
      found = input;
    else if (!isa<MemRefType>(input->get().getType()) ||
             getRoot(input->get()) == getRoot(buffer) || !isExtraMap(map))
      return nullptr;
  }
  return found;
}

/// Which columns `view` has of `buffer`: the first, and how many; none if it
/// has not all rows.
static std::optional<std::pair<int64_t, int64_t>> getColumns(Value view,
                                                             Value buffer) {
  int64_t first = 0, count = getWidth(buffer);
  for (Value value = view; value != buffer;) {
    Operation *op = value.getDefiningOp();
    if (auto part = dyn_cast_or_null<memref::SubViewOp>(op)) {
      unsigned last = part.getType().getRank() - 1;
      if (part.getSource() != buffer ||
          part.getType().getRank() != part.getSourceType().getRank() ||
          part.isDynamicOffset(last) || part.isDynamicSize(last) ||
          part.getStaticStrides().back() != 1)
        return std::nullopt;
      for (unsigned dim = 0; dim < last; ++dim)
        if (!keepsDimension(part, dim))
          return std::nullopt;
      first = part.getStaticOffset(last);
      count = part.getStaticSize(last);
    } else if (!isa_and_nonnull<memref::ExpandShapeOp>(op)) {
      return std::nullopt;
    }
    value = op->getOperand(0);
  }
  return std::make_pair(first, count);
}

/// What the body of `op` computes of the elements of two operands: an operation
/// of type `Op` of theirs, in this order.
template <typename Op>
static Op findBinary(linalg::LinalgOp op, Value result, Value a, Value b) {
  auto binary = result.getDefiningOp<Op>();
  auto isElement = [&](Value element, Value buffer) {
    auto argument = dyn_cast<BlockArgument>(element);
    return argument && argument.getOwner() == op.getBlock() &&
           op->getOperand(argument.getArgNumber()) == buffer;
  };
  if (binary && isElement(binary.getLhs(), a) && isElement(binary.getRhs(), b))
    return binary;
  return {};
}

/// Takes operations from the front of `ops` that combine each row of `source`
/// by `Op`, in whatever steps: the buffer with a number for each row, or null.
template <typename Op>
static Value takeReduction(ArrayRef<Operation *> &ops, Value source,
                           const APFloat &first) {
  llvm::SmallDenseSet<Value> partial;
  SmallVector<std::pair<int64_t, int64_t>> read;
  Value result;
  for (; !ops.empty(); ops = ops.drop_front()) {
    auto op = cast<linalg::LinalgOp>(ops.front());
    if (op.getNumDpsInits() != 1 || op.getNumDpsInputs() != 1)
      break;
    Value out = op.getDpsInits()[0], in = op.getDpsInputs()[0];
    if (isa<linalg::FillOp>(op)) {
      APFloat number(first);
      if (!matchPattern(in, m_ConstantFloat(&number)) ||
          !number.bitwiseIsEqual(first) || !isOfBlock(out) ||
          !partial.insert(out).second)
        break;
      result = out;
      continue;
    }
    Value combined = op.getBlock()->getTerminator()->getOperand(0);
    if (!partial.contains(out) || op.getNumReductionLoops() == 0 ||
        !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity() ||
        (!findBinary<Op>(op, combined, out, in) &&
         !findBinary<Op>(op, combined, in, out)))
      break;
    if (getRoot(in) == getRoot(source)) {
      auto columns = getColumns(in, source);
      if (!columns)
        break;
      read.push_back(*columns);
    } else if (!partial.erase(in)) {
      break;
    }
    result = out;
  }
  // All columns, once, and no step that is left over.
  llvm::sort(read);
  int64_t end = 0;
  for (auto [first, count] : read) {
    if (first != end)
      return {};
    end = first + count;
  }
  return partial.size() == 1 && partial.contains(result) &&
                 end == getWidth(source)
             ? result
             : Value();
}

/// Takes an operation of all elements of `buffer` and of one number per row,
/// whose body `matches`; its result, or null.
static Value
takeByRow(ArrayRef<Operation *> &ops, Value buffer, Value number,
          llvm::function_ref<bool(linalg::LinalgOp, Value)> matches) {
  auto op = ops.empty() ? linalg::GenericOp()
                        : dyn_cast<linalg::GenericOp>(ops.front());
  if (!isElementwise(op) || op.getNumDpsInputs() != 2)
    return {};
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    auto all =
        AffineMap::getMultiDimIdentityMap(map.getNumDims(), op.getContext());
    if (input->get() == buffer
            ? map != all
            : input->get() != number ||
                  map != all.getMajorSubMap(all.getNumDims() - 1))
      return {};
  }
  if (!matches(op, op.getBlock()->getTerminator()->getOperand(0)))
    return {};
  ops = ops.drop_front();
  return op.getDpsInits()[0];
}

std::optional<OnlineAttention>
OnlineAttention::match(ArrayRef<Operation *> ops) {
  if (ops.size() < 2)
    return std::nullopt;
  OnlineAttention attention;
  attention.scores = dyn_cast<ContractOp>(ops.front());
  attention.values = dyn_cast<ContractOp>(ops.back());
  if (!isHalfProduct(attention.scores) || !isHalfProduct(attention.values) ||
      !isOfBlock(attention.scores.getOut()))
    return std::nullopt;
  ops = ops.drop_front().drop_back();
  if (!llvm::all_of(ops, llvm::IsaPred<linalg::LinalgOp>))
    return std::nullopt;
  Value x = attention.scores.getOut();
  for (; !ops.empty(); ops = ops.drop_front()) {
    auto op = dyn_cast<linalg::GenericOp>(ops.front());
    if (!isElementwise(op) || !findOperand(op, x))
      break;
    attention.between.push_back(op);
    x = op.getDpsInits()[0];
  }
  if (!getElementTypeOrSelf(x).isF32())
    return std::nullopt;
  const llvm::fltSemantics &single = llvm::APFloat::IEEEsingle();
  Value most = takeReduction<arith::MaximumFOp>(
      ops, x, APFloat::getInf(single, /*Negative=*/true));
  Value exponentials =
      most ? takeByRow(ops, x, most,
                       [&](linalg::LinalgOp op, Value result) {
                         auto exp = result.getDefiningOp<math::ExpOp>();
                         return exp && findBinary<arith::SubFOp>(
                                           op, exp.getOperand(), x, most);
                       })
           : Value();
  Value sum = exponentials ? takeReduction<arith::AddFOp>(
                                 ops, exponentials, APFloat::getZero(single))
                           : Value();
  Value probabilities =
      sum ? takeByRow(
                ops, exponentials, sum,
                [&](linalg::LinalgOp op, Value result) {
                  if (auto round = result.getDefiningOp<arith::TruncFOp>())
                    result = round.getIn();
                  return bool(
                      findBinary<arith::DivFOp>(op, result, exponentials, sum));
                })
          : Value();
  if (!probabilities || !ops.empty() ||
      probabilities != attention.values.getInput())
    return std::nullopt;
  return attention;
}

//===----------------------------------------------------------------------===//
// What a block needs
//===----------------------------------------------------------------------===//

bool OnlineAttention::fitsRegisters() {
  return getWidth(values.getOut()) <= kOnlineColumns;
}

/// Pairs of k that `op` sums up.
static int64_t countBlocks(ContractOp op) {
  return cast<MemRefType>(op.getWeights().getType()).getDimSize(2);
}

static void setTile(ContractOp op, int64_t columns, int64_t depth,
                    int64_t stages) {
  Staging staging;
  staging.warpRows = kWarpRows;
  staging.warpColumns = columns;
  staging.depth = depth;
  staging.stages = stages;
  op.setTilingAttr(TilingAttr::get(op.getContext(), Intrinsic::mma, kOnlineRows,
                                   columns, op.getTiling().getKv(),
                                   /*gather=*/false, /*expand=*/false,
                                   /*planar=*/false));
  op->setAttr(kStagingAttrName, staging.toAttribute(Builder(op)));
}

/// Bytes of the buffers of keys and of values.
static std::pair<int64_t, int64_t>
getBufferBytes(ContractOp scores, ContractOp values, int64_t keys) {
  int64_t steps = llvm::divideCeilSigned(countBlocks(scores), kDepth);
  return {kBuffers * steps * kDepth * 4 * keys,
          kBuffers * keys * 2 *
              llvm::alignTo(getWidth(values.getOut()), kPanelWidth)};
}

int64_t OnlineAttention::getSharedBytes(int64_t rows, int64_t keys) {
  auto [keyBytes, valueBytes] = getBufferBytes(scores, values, keys);
  return keyBytes + valueBytes +
         rows * getRowPitch(2 * getWidth(scores.getInput()));
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

namespace {

/// Keys: the weights of the first product.
class Scores : public BlockProduct {
public:
  Scores(ContractOp op, gpu::LaunchOp launch, OpBuilder::InsertPoint at)
      : BlockProduct(op, launch) {
    b.restoreInsertionPoint(at);
  }
  using BlockProduct::bringInput;
  using BlockProduct::enter;
  ImplicitLocOpBuilder &getBuilder() { return b; }
  int64_t countPieces() const { return getTileColumns(); }

  void load(Value piece);
  /// The scores of rows g and g + 8: vectors of eight.
  std::array<SmallVector<Value>, 2> computeScores(Value piece);

private:
  Value getStage(Value piece, int64_t step) {
    return add(b, mul(b, remainder(piece, kBuffers), steps), step);
  }
  /// The epilogue; past the end, where nothing is, -∞.
  Value finish(ValueRange sums, Value row, Value column);
};

/// Values: those of the second, whose input is in registers.
class Values : public BlockProduct {
public:
  using BlockProduct::BlockProduct;
  using BlockProduct::enter;
  using BlockProduct::getFirstSums;
  ImplicitLocOpBuilder &getBuilder() { return b; }

  void load(Value piece) {
    column0 = constant(0);
    loadWeights(piece, remainder(piece, kBuffers));
  }
  /// `probabilities`: of rows g and g + 8, vectors of eight. Added to `sums`.
  SmallVector<Value> addProducts(Value piece,
                                 const std::array<SmallVector<Value>, 2> &rows,
                                 ValueRange sums);
  using ContractKernel::store;

private:
  SmallVector<SmallVector<Value>> loadInputs(Value, int64_t k) override {
    return {inputs[k]};
  }
  Value getBlock(Value inStage) override {
    Value first = mul(b, divide(inStage, 16), 16);
    Value inGroup = remainder(inStage, 16);
    return add(b, add(b, first, mul(b, remainder(inGroup, 4), 4)),
               divide(inGroup, 4));
  }

  SmallVector<SmallVector<Value>> inputs; // of each instruction along k
};

} // namespace

void Scores::load(Value piece) {
  column0 = mul(b, piece, tiling.getColumns());
  for (int64_t number = 0; number < steps; ++number)
    loadWeights(constant(number), getStage(piece, number));
}

Value Scores::finish(ValueRange sums, Value row, Value column) {
  auto type =
      VectorType::get({static_cast<int64_t>(sums.size())}, b.getF32Type());
  auto apply = [&]() -> Value {
    Operation *sum = vector::FromElementsOp::create(b, type, sums);
    Value result = writer.apply(b, sum->getResult(0), row, column);
    alignAccesses(sum);
    return result;
  };
  if (channels % tiling.getColumns() == 0)
    return apply();
  auto branch = scf::IfOp::create(b, type, isBelow(column, constant(channels)),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, apply());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(
      b, arith::ConstantOp::create(
             b, DenseElementsAttr::get(type,
                                       -std::numeric_limits<float>::infinity()))
             .getResult());
  return branch.getResult(0);
}

std::array<SmallVector<Value>, 2> Scores::computeScores(Value piece) {
  SmallVector<Value> sums = getFirstSums();
  for (int64_t number = 0; number < steps; ++number) {
    step = constant(number);
    sums = multiplyStage(getStage(piece, number), sums);
  }
  int64_t count = 2 * fragments, width = std::gcd(count, channels);
  auto type = VectorType::get({count}, b.getF32Type());
  std::array<SmallVector<Value>, 2> result;
  for (int64_t i = 0; i < 2; ++i) {
    Value row = add(b, add(b, warpRow, g), 8 * i);
    if (rows % tiling.getRows() != 0)
      row = arith::MinUIOp::create(b, row, constant(rows - 1));
    for (int64_t first = 0; first < tiling.getColumns(); first += 4 * count) {
      Value column = add(b, add(b, mul(b, piece, tiling.getColumns()), first),
                         mul(b, t, count));
      Value whole;
      for (int64_t part = 0; part < count; part += width) {
        SmallVector<Value> elements;
        for (int64_t e = part; e < part + width; ++e)
          elements.push_back(sums[first / kColumns * 4 + e % fragments * 4 +
                                  2 * i + e / fragments]);
        Value some = finish(elements, row, add(b, column, part));
        if (width == count) {
          whole = some;
          continue;
        }
        if (!whole)
          whole = arith::ConstantOp::create(b, b.getZeroAttr(type));
        whole = vector::InsertStridedSliceOp::create(
            b, some, whole, ArrayRef<int64_t>{part}, ArrayRef<int64_t>{1});
      }
      result[i].push_back(whole);
    }
  }
  return result;
}

SmallVector<Value>
Values::addProducts(Value piece, const std::array<SmallVector<Value>, 2> &rows,
                    ValueRange sums) {
  // Register i + 2h: row g + 8i.
  inputs.clear();
  for (size_t group = 0; group < rows[0].size(); ++group)
    for (int64_t c = 0; c < 2; ++c) {
      SmallVector<Value> &registers = inputs.emplace_back();
      for (int64_t h = 0; h < 2; ++h)
        for (int64_t i = 0; i < 2; ++i)
          registers.push_back(toRegister(rows[i][group], 2 * c + h));
    }
  return multiplyStage(remainder(piece, kBuffers), sums);
}

/// One number of the elements of `vectors`.
static Value reduce(ImplicitLocOpBuilder &b, ValueRange vectors,
                    llvm::function_ref<Value(Value, Value)> combine) {
  Value all = vectors.front();
  for (Value vector : vectors.drop_front())
    all = combine(all, vector);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < cast<VectorType>(all.getType()).getDimSize(0); ++i)
    elements.push_back(vector::ExtractOp::create(b, all, ArrayRef<int64_t>{i}));
  for (size_t half = elements.size() / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i)
      elements[i] = combine(elements[i], elements[i + half]);
  return elements.front();
}

/// The same of the four lanes of a row, for each of them.
static Value exchange(ImplicitLocOpBuilder &b, Value value,
                      llvm::function_ref<Value(Value, Value)> combine) {
  for (int32_t distance : {1, 2}) {
    Value other =
        gpu::ShuffleOp::create(b, value, distance, kWarp, gpu::ShuffleMode::XOR)
            .getShuffleResult();
    value = combine(value, other);
  }
  return value;
}

/// The numbers of rows g and g + 8, for each of a thread's sums.
static SmallVector<Value>
forEachSum(ValueRange sums, ArrayRef<Value> ofRows,
           llvm::function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> result;
  for (auto [index, sum] : llvm::enumerate(sums))
    result.push_back(combine(sum, ofRows[index / 2 % 2]));
  return result;
}

/// `op` with what `next` does to its result as part of the epilogue, at its
/// place.
static ContractOp addToEpilogue(ContractOp op, linalg::GenericOp next) {
  OpOperand *from = findOperand(next, op.getOut());
  SmallVector<Value> operands(op->getOperands().drop_back());
  SmallVector<Attribute> maps(op.getExtraMaps().getValue());
  Region epilogue;
  epilogue.takeBody(op.getEpilogue());
  Block &block = epilogue.front();
  Operation *yield = block.getTerminator();
  IRMapping mapping;
  for (OpOperand *input : next.getDpsInputOperands()) {
    Value element = yield->getOperand(0);
    if (input != from) {
      operands.push_back(input->get());
      maps.push_back(AffineMapAttr::get(next.getMatchingIndexingMap(input)));
      element = block.addArgument(getElementTypeOrSelf(input->get()),
                                  input->get().getLoc());
    }
    mapping.map(next.getMatchingBlockArgument(input), element);
  }
  operands.push_back(next.getDpsInits()[0]);
  OpBuilder inside(yield);
  for (Operation &each : next.getBlock()->without_terminator())
    inside.clone(each, mapping);
  yield->setOperands(
      mapping.lookupOrDefault(next.getBlock()->getTerminator()->getOperand(0)));
  OpBuilder b(next);
  NamedAttrList attributes(op->getAttrDictionary());
  attributes.set(op.getExtraMapsAttrName(), b.getArrayAttr(maps));
  OperationState state(op.getLoc(), ContractOp::getOperationName(), operands,
                       TypeRange(), attributes);
  state.addRegion()->takeBody(epilogue);
  auto result = cast<ContractOp>(b.create(state));
  op.erase();
  next.erase();
  return result;
}

LogicalResult OnlineAttention::emit(gpu::LaunchOp launch, int64_t keys) {
  for (linalg::GenericOp op : between)
    scores = addToEpilogue(scores, op);
  between.clear();
  std::pair<int64_t, int64_t> bytes = getBufferBytes(scores, values, keys);
  int64_t steps = llvm::divideCeilSigned(countBlocks(scores), kDepth);
  setTile(scores, keys, kDepth, kBuffers * steps);
  setTile(values, llvm::alignTo(getWidth(values.getOut()), kPanelWidth),
          keys / 2, kBuffers);
  auto addMemory = [&](ContractOp op, int64_t bytes) {
    constexpr int64_t kRowElements = kPanelWidth * 2;
    return launch.addWorkgroupAttribution(
        MemRefType::get({bytes / (2 * kRowElements), kRowElements},
                        getElementTypeOrSelf(op.getInput()),
                        MemRefLayoutAttrInterface(),
                        getSharedSpace(op.getContext())),
        op.getLoc());
  };
  Values second(values, launch);
  ImplicitLocOpBuilder &b = second.getBuilder();
  Scores first(scores, launch, b.saveInsertionPoint());
  // One place for both.
  auto inFirst = [&](function_ref<void()> body) {
    first.getBuilder().restoreInsertionPoint(b.saveInsertionPoint());
    body();
    b.restoreInsertionPoint(first.getBuilder().saveInsertionPoint());
  };
  LogicalResult isRight = success();
  inFirst([&] { isRight = first.enter(addMemory(scores, bytes.first)); });
  if (failed(isRight) || failed(second.enter(addMemory(values, bytes.second))))
    return failure();
  auto load = [&](Value piece) {
    inFirst([&] { first.load(piece); });
    second.load(piece);
  };
  auto larger = [&](Value x, Value y) -> Value {
    return arith::MaximumFOp::create(b, x, y);
  };
  auto plus = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, x, y);
  };
  auto number = [&](float value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();

  load(indexConstant(b, 0));
  NVVM::CpAsyncCommitGroupOp::create(b);
  inFirst([&] { first.bringInput(); });
  // Of rows g and g + 8: the largest score and the sum of exponentials of the
  // thread's own columns; then the sums of the second product.
  SmallVector<Value> init = {number(-kInfinity), number(-kInfinity), number(0),
                             number(0)};
  llvm::append_range(init, second.getFirstSums());
  Type half = getElementTypeOrSelf(values.getInput());
  int64_t pieces = first.countPieces();
  SmallVector<Value> last =
      emitLoop(b, pieces, init, [&](Value piece, ValueRange carried) {
        NVVM::CpAsyncWaitGroupOp::create(b, b.getI32IntegerAttr(0));
        // Everybody's copies have come, and the piece before is read.
        gpu::BarrierOp::create(b);
        if (pieces > 1) {
          Value next = add(b, piece, 1);
          auto branch = scf::IfOp::create(
              b,
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, next,
                                    indexConstant(b, pieces)),
              /*withElseRegion=*/false);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(branch.thenBlock());
          load(next);
          NVVM::CpAsyncCommitGroupOp::create(b);
        }
        std::array<SmallVector<Value>, 2> x;
        inFirst([&] { x = first.computeScores(piece); });
        SmallVector<Value> carry(4), shrink(2);
        for (int64_t i = 0; i < 2; ++i) {
          Value most =
              larger(carried[i], exchange(b, reduce(b, x[i], larger), larger));
          // Rows of which nothing but -∞ has come have no exponentials yet.
          Value isNone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                               most, number(-kInfinity));
          Value base = arith::SelectOp::create(b, isNone, number(0), most);
          shrink[i] = math::ExpOp::create(
              b, arith::SubFOp::create(b, carried[i], base).getResult());
          for (Value &some : x[i]) {
            Value all = vector::BroadcastOp::create(b, some.getType(), base);
            some = math::ExpOp::create(
                b, arith::SubFOp::create(b, some, all).getResult());
          }
          carry[i] = most;
          carry[2 + i] =
              plus(arith::MulFOp::create(b, carried[2 + i], shrink[i]),
                   reduce(b, x[i], plus));
          for (Value &some : x[i])
            some = arith::TruncFOp::create(
                b, cast<VectorType>(some.getType()).clone(half), some);
        }
        SmallVector<Value> sums = forEachSum(
            carried.drop_front(4), shrink, [&](Value sum, Value by) -> Value {
              return arith::MulFOp::create(b, sum, by);
            });
        llvm::append_range(carry, second.addProducts(piece, x, sums));
        return carry;
      });
  SmallVector<Value> total = {exchange(b, last[2], plus),
                              exchange(b, last[3], plus)};
  second.store(forEachSum(ValueRange(last).drop_front(4), total,
                          [&](Value sum, Value by) -> Value {
                            return arith::DivFOp::create(b, sum, by);
                          }));
  return success();
}
