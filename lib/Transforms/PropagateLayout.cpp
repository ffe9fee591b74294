//===- PropagateLayout.cpp - channels last inside the model ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-propagate-layout. One walk in program order, so that every op finds its
// operands' transposes already as far down as they go:
//
//   - an op that wants channels last gets its operands transposed (weights at
//   compile time, and a transpose of a transpose
//     vanishes) and its result transposed back;
//   - an op that can sink a transpose takes it from its operands to its result
//   (`sinkThrough` says when that pays);
//   - a reshape that splits or joins dimensions does so in the transposed
//   order;
//   - a reshape that only flattens what a transpose permuted hands the
//   permutation to the weights of the matmul after it.
//
// What is left at the end and moves only dimensions of size 1 becomes a
// reshape.
//
//===----------------------------------------------------------------------===//

#include "ConstantUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mpc {
#define GEN_PASS_DEF_PROPAGATELAYOUT
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

/// [N, C, spatial...] to [N, spatial..., C].
static SmallVector<int64_t> getChannelsLastPerm(int64_t rank) {
  SmallVector<int64_t> perm{0};
  for (int64_t d = 2; d < rank; ++d)
    perm.push_back(d);
  perm.push_back(1);
  return perm;
}

static SmallVector<int64_t> invert(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> inverse(perm.size());
  for (auto [d, from] : llvm::enumerate(perm))
    inverse[from] = d;
  return inverse;
}

static bool isIdentity(ArrayRef<int64_t> perm) {
  return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size()));
}

/// transpose(transpose(x, first), second) = transpose(x, compose(first,
/// second)).
static SmallVector<int64_t> compose(ArrayRef<int64_t> first,
                                    ArrayRef<int64_t> second) {
  return llvm::map_to_vector(second, [&](int64_t d) { return first[d]; });
}

/// Whether the permutation moves nothing but dimensions of size 1: the elements
/// stay in order.
static bool movesOnlyUnits(RankedTensorType type, ArrayRef<int64_t> perm) {
  int64_t last = -1;
  for (int64_t d : perm) {
    if (type.getDimSize(d) == 1)
      continue;
    if (d < last)
      return false;
    last = d;
  }
  return true;
}

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
class LayoutPropagation {
public:
  /// Of the ops in `block`, the body of a function, a loop or a branch.
  explicit LayoutPropagation(Block &block)
      : block(block), builder(block.getParentOp()->getContext()) {}
  void run();

private:
  void convertToChannelsLast(LayoutOpInterface op);
  void sinkThrough(LayoutOpInterface op);
  void raiseOperands(Operation *op, int64_t rank);
  void sinkThroughReshape(ReshapeOp op);
  void sinkThroughFlatten(Operation *op);
  void permuteFlattenedWeights(Operation *op);
  void mergeTransposes(TransposeOp op);
  void turnUnitTransposesIntoReshapes();
  void reportTransposes();
  void eraseDeadOps();

  /// transpose(value, perm) where it costs least: what is there already, a
  /// constant, a reshape, or else a new op.
  Value getPermuted(Value value, ArrayRef<int64_t> perm, Location loc);
  /// Whether getPermuted moves no data at run time.
  bool isFreeToPermute(Value value, ArrayRef<int64_t> perm);
  TransposeOp findTranspose(Value value, ArrayRef<int64_t> perm);
  Value createReshape(Value value, ArrayRef<int64_t> shape, Location loc);
  /// `op` again at the builder's position, with other operands and result
  /// types.
  Operation *clone(Operation *op, ValueRange operands,
                   ArrayRef<Type> resultTypes);
  void replace(Operation *op, Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }
  /// A name of its own for a transpose, so that the op it serves keeps its
  /// name.
  static Location suffixed(Location loc, StringRef suffix);

  Block &block;
  OpBuilder builder;
  /// Constants that were transposed already.
  llvm::DenseMap<std::pair<Value, ArrayAttr>, Value> permutedConstants;
};
} // namespace

Location LayoutPropagation::suffixed(Location loc, StringRef suffix) {
  NameLoc named;
  loc->walk([&](Location inner) {
    named = dyn_cast<NameLoc>(inner);
    return named ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (!named)
    return loc;
  return NameLoc::get(
      StringAttr::get(loc.getContext(), named.getName().getValue() + suffix),
      named.getChildLoc());
}

//===----------------------------------------------------------------------===//
// Values in another order
//===----------------------------------------------------------------------===//

TransposeOp LayoutPropagation::findTranspose(Value value,
                                             ArrayRef<int64_t> perm) {
  for (Operation *user : value.getUsers())
    if (auto transpose = dyn_cast<TransposeOp>(user))
      if (transpose.getPerm() == perm &&
          transpose->getBlock() == builder.getInsertionBlock() &&
          (builder.getInsertionPoint() == builder.getInsertionBlock()->end() ||
           transpose->isBeforeInBlock(&*builder.getInsertionPoint())))
        return transpose;
  return {};
}

Value LayoutPropagation::createReshape(Value value, ArrayRef<int64_t> shape,
                                       Location loc) {
  RankedTensorType type =
      RankedTensorType::get(shape, getType(value).getElementType());
  if (auto constant = value.getDefiningOp<ConstantOp>();
      constant && type.hasStaticShape()) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(constant);
    if (Value reshaped = createReshapedConstant(builder, constant, shape))
      return reshaped;
  }
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  if (value.getType() == type)
    return value;
  return ReshapeOp::create(builder, loc, type, value);
}

bool LayoutPropagation::isFreeToPermute(Value value, ArrayRef<int64_t> perm) {
  if (isIdentity(perm) || value.getDefiningOp<ConstantOp>() ||
      movesOnlyUnits(getType(value), perm) || findTranspose(value, perm))
    return true;
  auto transpose = value.getDefiningOp<TransposeOp>();
  return transpose && isIdentity(compose(transpose.getPerm(), perm));
}

Value LayoutPropagation::getPermuted(Value value, ArrayRef<int64_t> perm,
                                     Location loc) {
  if (auto transpose = value.getDefiningOp<TransposeOp>())
    return getPermuted(transpose.getInput(), compose(transpose.getPerm(), perm),
                       loc);
  if (isIdentity(perm))
    return value;
  if (auto constant = value.getDefiningOp<ConstantOp>()) {
    Value &permuted = permutedConstants[{value, builder.getI64ArrayAttr(perm)}];
    if (!permuted) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfter(constant);
      permuted = createTransposedConstant(builder, constant, perm);
    }
    if (permuted)
      return permuted;
  }
  if (TransposeOp existing = findTranspose(value, perm))
    return existing;
  RankedTensorType type = getPermutedType(getType(value), perm);
  if (movesOnlyUnits(getType(value), perm) &&
      type.getElementType() == getType(value).getElementType())
    return createReshape(value, type.getShape(), loc);
  return TransposeOp::create(builder, loc, type, value, perm);
}

Operation *LayoutPropagation::clone(Operation *op, ValueRange operands,
                                    ArrayRef<Type> resultTypes) {
  Operation *result = builder.clone(*op);
  result->setOperands(operands);
  for (auto [value, type] : llvm::zip(result->getResults(), resultTypes))
    value.setType(type);
  return result;
}

//===----------------------------------------------------------------------===//
// Ops that want channels last
//===----------------------------------------------------------------------===//

void LayoutPropagation::convertToChannelsLast(LayoutOpInterface op) {
  RankedTensorType resultType = getType(op->getResult(0));
  SmallVector<int64_t> perm = getChannelsLastPerm(resultType.getRank());
  builder.setInsertionPoint(op);
  for (OpOperand *operand : op.getLayoutOperands())
    operand->set(getPermuted(operand->get(), perm,
                             suffixed(op->getLoc(), "_to_channels_last")));
  op.setChannelsLast();
  Value result = op->getResult(0);
  result.setType(getPermutedType(resultType, perm));
  builder.setInsertionPointAfter(op);
  auto back = TransposeOp::create(builder,
                                  suffixed(op->getLoc(), "_from_channels_last"),
                                  resultType, result, invert(perm));
  result.replaceAllUsesExcept(back, back);
}

//===----------------------------------------------------------------------===//
// Sinking
//===----------------------------------------------------------------------===//

/// Whether a user of `value` takes transpose(value, perm), or will once the
/// walk reaches it.
static bool wantsPermuted(OpOperand &use, ArrayRef<int64_t> perm) {
  if (auto transpose = dyn_cast<TransposeOp>(use.getOwner()))
    return transpose.getPerm() == perm;
  auto layout = dyn_cast<LayoutOpInterface>(use.getOwner());
  return layout && layout.wantsChannelsLast() &&
         llvm::is_contained(layout.getLayoutOperands(), &use) &&
         getChannelsLastPerm(perm.size()) == SmallVector<int64_t>(perm);
}

/// What broadcasts along leading dimensions gets them, so that it can be
/// permuted too; a reduction keeps its dimensions, and a reshape drops them.
void LayoutPropagation::raiseOperands(Operation *op, int64_t rank) {
  builder.setInsertionPoint(op);
  if (isa<ElementwiseOpInterface>(op)) {
    for (OpOperand &operand : op->getOpOperands()) {
      RankedTensorType type = getType(operand.get());
      if (type.getRank() >= rank || !type.hasStaticShape() ||
          type.getNumElements() == 1)
        continue;
      SmallVector<int64_t> shape(rank - type.getRank(), 1);
      llvm::append_range(shape, type.getShape());
      operand.set(createReshape(operand.get(), shape, op->getLoc()));
    }
  } else if (auto reduce = dyn_cast<ReduceOp>(op);
             reduce && !reduce.getKeepdims()) {
    RankedTensorType type = getType(reduce);
    SmallVector<int64_t> shape(getType(reduce.getInput()).getShape());
    for (int64_t axis : reduce.getAxes())
      shape[axis] = 1;
    reduce.setKeepdims(true);
    reduce.getResult().setType(
        RankedTensorType::get(shape, type.getElementType()));
    builder.setInsertionPointAfter(op);
    auto reshape =
        ReshapeOp::create(builder, op->getLoc(), type, reduce.getResult());
    reduce.getResult().replaceAllUsesExcept(reshape, reshape);
  }
}

/// y = f(transpose(z, perm), ...) → transpose(f'(z, ...), perm). Free where
/// every other operand can be permuted the other way at no cost. Where some
/// cannot, it pays if more transposes go than come.
void LayoutPropagation::sinkThrough(LayoutOpInterface op) {
  if (op->getNumResults() != 1)
    return;
  int64_t rank = -1;
  SmallVector<int64_t> perm;
  for (Value operand : op->getOperands())
    if (auto transpose = operand.getDefiningOp<TransposeOp>()) {
      perm.assign(transpose.getPerm().begin(), transpose.getPerm().end());
      rank = perm.size();
      // Prefer the permutation of a transpose that costs something.
      if (!movesOnlyUnits(getType(transpose.getInput()), perm))
        break;
    }
  if (rank < 0)
    return;
  raiseOperands(op, rank);
  RankedTensorType resultType = getType(op->getResult(0));
  if (resultType.getRank() != rank || !op.canSinkTranspose(perm))
    return;

  SmallVector<int64_t> inverse = invert(perm);
  int64_t removed = 0, added = 0;
  for (Value operand : op->getOperands()) {
    if (getType(operand).getRank() != rank)
      continue; // one element: the same in every layout
    auto transpose = operand.getDefiningOp<TransposeOp>();
    bool costs = transpose && !movesOnlyUnits(getType(transpose.getInput()),
                                              transpose.getPerm());
    if (transpose && isIdentity(compose(transpose.getPerm(), inverse)))
      removed += costs && operand.hasOneUse();
    else if (!isFreeToPermute(operand, inverse))
      ++added;
  }
  if (added != 0) {
    // The result's transpose comes too, unless all users want the value as it
    // is then.
    bool resultIsWanted =
        llvm::all_of(op->getResult(0).getUses(), [&](OpOperand &use) {
          return wantsPermuted(use, inverse);
        });
    if (added + (resultIsWanted ? 0 : 1) >= removed + (resultIsWanted ? 1 : 0))
      return;
  }

  builder.setInsertionPoint(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (getType(operand).getRank() == rank)
      operand = getPermuted(operand, inverse,
                            suffixed(op->getLoc(), "_to_channels_last"));
    operands.push_back(operand);
  }
  Operation *sunk = clone(op, operands, {getPermutedType(resultType, inverse)});
  cast<LayoutOpInterface>(sunk).sinkTranspose(perm);
  replace(op, TransposeOp::create(builder,
                                  suffixed(op->getLoc(), "_from_channels_last"),
                                  resultType, sunk->getResult(0), perm));
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

namespace {
/// Neighbouring dimensions [inBegin, inEnd) that a reshape turns into
/// [outBegin, outEnd).
struct ReshapeBlock {
  int64_t inBegin, inEnd, outBegin, outEnd;
};
} // namespace

/// Cuts a reshape into the smallest blocks that hold as many elements before as
/// after.
static SmallVector<ReshapeBlock> getReshapeBlocks(ArrayRef<int64_t> in,
                                                  ArrayRef<int64_t> out) {
  struct Product {
    int64_t size = 1;
    bool hasBatch = false;
    void take(int64_t dim) {
      ShapedType::isDynamic(dim) ? void(hasBatch = true) : void(size *= dim);
    }
  };
  SmallVector<ReshapeBlock> blocks;
  int64_t i = 0, o = 0, inRank = in.size(), outRank = out.size();
  while (i < inRank && o < outRank) {
    ReshapeBlock block{i, i + 1, o, o + 1};
    Product inProduct, outProduct;
    inProduct.take(in[i++]);
    outProduct.take(out[o++]);
    while (inProduct.size != outProduct.size ||
           inProduct.hasBatch != outProduct.hasBatch) {
      bool takeIn = inProduct.hasBatch == outProduct.hasBatch
                        ? inProduct.size < outProduct.size
                        : outProduct.hasBatch;
      if (takeIn ? i == inRank : o == outRank)
        return {};
      takeIn ? inProduct.take(in[i++]) : outProduct.take(out[o++]);
    }
    blocks.push_back({block.inBegin, i, block.outBegin, o});
  }
  if (blocks.empty())
    return {};
  // Only sizes of 1 are left.
  blocks.back().inEnd = inRank;
  blocks.back().outEnd = outRank;
  return blocks;
}

/// reshape(transpose(z, perm)) → transpose(reshape'(transpose(z, inner)),
/// outer): inner brings the dimensions of each block together, outer puts the
/// blocks into their order. Where inner moves no data (the reshape splits
/// dimensions, say) the transpose has moved down; else it pays if the users
/// take away outer: a channel shuffle between two convolutions.
void LayoutPropagation::sinkThroughReshape(ReshapeOp op) {
  auto transpose = op.getInput().getDefiningOp<TransposeOp>();
  if (!transpose || isa<quant::QuantizedType>(getType(op).getElementType()))
    return;
  ArrayRef<int64_t> perm = transpose.getPerm(),
                    outShape = getType(op).getShape();
  SmallVector<ReshapeBlock> blocks =
      getReshapeBlocks(getType(transpose).getShape(), outShape);
  if (blocks.size() < 2)
    return;

  // The blocks in the order in which z holds them; dimensions of size 1 are
  // anywhere.
  ArrayRef<int64_t> inShape = getType(transpose).getShape();
  auto firstInZ = [&](const ReshapeBlock &b) {
    int64_t first = perm.size(), firstUnit = first;
    for (int64_t d = b.inBegin; d < b.inEnd; ++d) {
      int64_t &least = inShape[d] == 1 ? firstUnit : first;
      least = std::min(least, perm[d]);
    }
    return first < static_cast<int64_t>(perm.size()) ? first : firstUnit;
  };
  SmallVector<ReshapeBlock> ordered(blocks);
  llvm::sort(ordered, [&](const ReshapeBlock &a, const ReshapeBlock &b) {
    return firstInZ(a) < firstInZ(b);
  });
  SmallVector<int64_t> inner, shape, position;
  for (const ReshapeBlock &block : ordered) {
    for (int64_t d = block.inBegin; d < block.inEnd; ++d)
      inner.push_back(perm[d]);
    for (int64_t d = block.outBegin; d < block.outEnd; ++d) {
      shape.push_back(outShape[d]);
      position.push_back(d);
    }
  }
  SmallVector<int64_t> outer = invert(position);
  if (isIdentity(outer))
    return;
  bool resultIsWanted =
      llvm::all_of(op.getResult().getUses(), [&](OpOperand &use) {
        return wantsPermuted(use, position);
      });
  bool innerIsFree =
      isIdentity(inner) || movesOnlyUnits(getType(transpose.getInput()), inner);
  if (!resultIsWanted && !(innerIsFree && transpose->hasOneUse()))
    return;
  builder.setInsertionPoint(op);
  Value ordering = getPermuted(transpose.getInput(), inner, transpose.getLoc());
  Value reshaped = createReshape(ordering, shape, op.getLoc());
  replace(op, TransposeOp::create(builder, transpose.getLoc(), getType(op),
                                  reshaped, outer));
}

//===----------------------------------------------------------------------===//
// Flattening
//===----------------------------------------------------------------------===//

namespace {
/// reshape(transpose(z, perm)) to [N, K] where perm keeps the batch and the
/// reshape joins all other dimensions.
struct Flatten {
  ReshapeOp reshape;
  TransposeOp transpose;
  SmallVector<int64_t> innerShape,
      innerPerm; // of the transposed value without the batch; perm from z to it
};
} // namespace

static std::optional<Flatten> matchFlatten(Value value) {
  Flatten flatten;
  flatten.reshape = value.getDefiningOp<ReshapeOp>();
  flatten.transpose =
      flatten.reshape ? flatten.reshape.getInput().getDefiningOp<TransposeOp>()
                      : TransposeOp();
  if (!flatten.transpose)
    return std::nullopt;
  RankedTensorType type = getType(flatten.transpose),
                   flat = getType(flatten.reshape);
  ArrayRef<int64_t> perm = flatten.transpose.getPerm();
  if (perm.empty() || perm[0] != 0 || flat.getRank() != 2 ||
      flat.isDynamicDim(1) || flat.getDimSize(0) != type.getDimSize(0))
    return std::nullopt;
  for (size_t d = 1; d < perm.size(); ++d) {
    if (type.isDynamicDim(d))
      return std::nullopt;
    flatten.innerShape.push_back(type.getDimSize(d));
    flatten.innerPerm.push_back(perm[d] - 1);
  }
  return flatten;
}

/// f(reshape(transpose(z))) → reshape(transpose(f(z))) for an element-wise op
/// whose other operands are constants that are one value or one value per
/// column.
void LayoutPropagation::sinkThroughFlatten(Operation *op) {
  if (op->getNumResults() != 1 || getType(op->getResult(0)).getRank() != 2)
    return;
  std::optional<Flatten> flatten;
  unsigned position = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    if (auto match = matchFlatten(operand.get()); match && !flatten) {
      flatten = match;
      position = operand.getOperandNumber();
      continue;
    }
    RankedTensorType type = getType(operand.get());
    if (!operand.get().getDefiningOp<ConstantOp>() ||
        (type.getRank() == 2 && type.getDimSize(0) != 1))
      return;
  }
  if (!flatten || getType(op->getResult(0)).getShape() !=
                      getType(flatten->reshape).getShape())
    return;

  Value z = flatten->transpose.getInput();
  int64_t columns = getType(flatten->reshape).getDimSize(1);
  builder.setInsertionPoint(op);
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    if (operand.getOperandNumber() == position) {
      operands.push_back(z);
    } else if (getType(operand.get()).getNumElements() == 1) {
      operands.push_back(createReshape(operand.get(), {}, op->getLoc()));
    } else if (getType(operand.get()).getNumElements() == columns) {
      Value shaped =
          createReshape(operand.get(), flatten->innerShape, op->getLoc());
      operands.push_back(
          getPermuted(shaped, invert(flatten->innerPerm), op->getLoc()));
    } else {
      return;
    }
  }
  Type elementType = getType(op->getResult(0)).getElementType();
  Operation *moved =
      clone(op, operands,
            {RankedTensorType::get(getType(z).getShape(), elementType)});
  Value back = TransposeOp::create(
      builder, suffixed(op->getLoc(), "_from_channels_last"),
      RankedTensorType::get(getType(flatten->transpose).getShape(),
                            elementType),
      moved->getResult(0), flatten->transpose.getPerm());
  replace(op, ReshapeOp::create(builder, flatten->reshape.getLoc(),
                                getType(op->getResult(0)), back));
}

/// matmul(reshape(transpose(z)), W) → matmul(reshape(z), W with its rows
/// permuted): the order in which the terms of a sum stand does not matter to
/// the weights. (The order of the f32 additions changes with it, as it does
/// with the layout itself.)
void LayoutPropagation::permuteFlattenedWeights(Operation *op) {
  auto matmul = dyn_cast<MatMulOp>(op);
  std::optional<Flatten> flatten =
      matmul ? matchFlatten(matmul.getLhs()) : std::nullopt;
  auto weight =
      flatten ? matmul.getRhs().getDefiningOp<ConstantOp>() : ConstantOp();
  if (!weight || getType(weight).getRank() != 2 ||
      isa<quant::QuantizedType>(getType(weight).getElementType()))
    return;
  RankedTensorType type = getType(weight);
  bool rowsFirst = !matmul.getTransposeB();
  int64_t outputs = type.getDimSize(rowsFirst ? 1 : 0);

  // W's rows as [innerShape...], permuted back into z's order, flat again.
  SmallVector<int64_t> shape(flatten->innerShape),
      perm = invert(flatten->innerPerm);
  if (rowsFirst) {
    shape.push_back(outputs);
    perm.push_back(perm.size());
  } else {
    shape.insert(shape.begin(), outputs);
    llvm::for_each(perm, [](int64_t &d) { ++d; });
    perm.insert(perm.begin(), 0);
  }
  builder.setInsertionPointAfter(weight);
  Value permuted = createReshapedConstant(builder, weight, shape);
  permuted = permuted ? createTransposedConstant(
                            builder, permuted.getDefiningOp<ConstantOp>(), perm)
                      : Value();
  permuted = permuted
                 ? createReshapedConstant(builder,
                                          permuted.getDefiningOp<ConstantOp>(),
                                          type.getShape())
                 : Value();
  if (!permuted)
    return;
  builder.setInsertionPoint(op);
  Value lhs = createReshape(flatten->transpose.getInput(),
                            getType(flatten->reshape).getShape(),
                            flatten->reshape.getLoc());
  matmul.getLhsMutable().assign(lhs);
  matmul.getRhsMutable().assign(permuted);
}

//===----------------------------------------------------------------------===//
// The walk, and what is left after it
//===----------------------------------------------------------------------===//

void LayoutPropagation::mergeTransposes(TransposeOp op) {
  auto inner = op.getInput().getDefiningOp<TransposeOp>();
  if (!inner && !isIdentity(op.getPerm()))
    return;
  SmallVector<int64_t> perm = inner ? compose(inner.getPerm(), op.getPerm())
                                    : SmallVector<int64_t>(op.getPerm());
  Value input = inner ? inner.getInput() : op.getInput();
  if (isIdentity(perm))
    return replace(op, input);
  op.getInputMutable().assign(input);
  op.setPerm(perm);
}

void LayoutPropagation::turnUnitTransposesIntoReshapes() {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    builder.setInsertionPoint(&op);
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      RankedTensorType type = getType(transpose.getInput());
      if (movesOnlyUnits(type, transpose.getPerm()) &&
          getType(transpose).getElementType() == type.getElementType())
        replace(&op, createReshape(transpose.getInput(),
                                   getType(transpose).getShape(), op.getLoc()));
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (reshape.getInput().getDefiningOp<ReshapeOp>() ||
          reshape.getInput().getType() == reshape.getType())
        replace(&op, createReshape(reshape.getInput(),
                                   getType(reshape).getShape(), op.getLoc()));
    }
  }
}

void LayoutPropagation::reportTransposes() {
  for (auto transpose : block.getOps<TransposeOp>())
    remark::missed(transpose.getLoc(),
                   remark::RemarkOpts::name("Layout").category("layout"))
        << llvm::formatv("transpose of {0} by [{1}] is left",
                         transpose.getInput().getType(),
                         llvm::make_range(transpose.getPerm().begin(),
                                          transpose.getPerm().end()))
               .str();
}

void LayoutPropagation::eraseDeadOps() {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void LayoutPropagation::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  for (Operation *op : ops) {
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      mergeTransposes(transpose);
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      sinkThroughReshape(reshape);
    } else if (auto layout = dyn_cast<LayoutOpInterface>(op)) {
      if (layout.wantsChannelsLast())
        convertToChannelsLast(layout);
      else if (isa<ElementwiseOpInterface>(op) &&
               llvm::any_of(op->getOperands(),
                            [](Value v) { return bool(matchFlatten(v)); }))
        sinkThroughFlatten(op);
      else
        sinkThrough(layout);
    } else {
      permuteFlattenedWeights(op);
    }
  }
  eraseDeadOps();
  turnUnitTransposesIntoReshapes();
  eraseDeadOps();
  reportTransposes();
}

/// What crosses the border of a loop or a branch keeps the model's layout.
static void propagate(Block &block) {
  LayoutPropagation(block).run();
  for (Operation &op : block)
    if (!isa<GroupOp>(op))
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          propagate(inner);
}

namespace {
struct PropagateLayoutPass
    : mpc::impl::PropagateLayoutBase<PropagateLayoutPass> {
  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      if (!func.getBody().hasOneBlock()) {
        func.emitOpError("expected one block, but got control flow");
        return signalPassFailure();
      }
      propagate(func.getBody().front());
    }
  }
};
} // namespace
