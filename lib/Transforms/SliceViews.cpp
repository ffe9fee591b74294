//===- SliceViews.cpp - parts of rearranged tensors -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ShuffleNet V2 (Ma et al., 2018) exchanges channels between two branches by a
// reshape, a transpose and a reshape, of which each branch takes a half. A half
// is every second channel of what was shuffled: one slice with step 2, which
// leaves the tensor's dimensions, and thus its layout, as they are.
//
// Of a slice of a slice, one dimension after the other as importers have them,
// one copies less.
//
//===----------------------------------------------------------------------===//

#include "SliceViews.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mlir;
using namespace mpc;

namespace {

/// Loops over a tensor's elements in row-major order, of which a dimension may
/// take several: how often, and how far apart.
struct Loop {
  int64_t count, stride;
};

/// Elements of a tensor, in an order and of a shape of their own.
class View {
public:
  explicit View(RankedTensorType type) : dims(type.getRank()) {
    int64_t stride = 1;
    for (int64_t d = type.getRank() - 1; d >= 0; --d) {
      append(dims[d], {type.getDimSize(d), stride});
      stride *= type.getDimSize(d);
    }
  }

  /// The view that `op` makes of this one; false if none can say it.
  bool apply(Operation *op);
  /// The slice of a tensor of `type` that this view of it is.
  bool getSlice(RankedTensorType type, ArrayRef<int64_t> sizes,
                SmallVector<int64_t> &starts,
                SmallVector<int64_t> &steps) const;

private:
  /// Adds a loop inside of others; one that goes on where they end joins them.
  static void append(SmallVector<Loop, 2> &loops, Loop loop) {
    if (loop.count == 1)
      return;
    if (!loops.empty() && loops.back().stride == loop.count * loop.stride)
      loops.back() = {loops.back().count * loop.count, loop.stride};
    else
      loops.push_back(loop);
  }
  bool reshape(ArrayRef<int64_t> shape);
  bool slice(SliceOp op);

  SmallVector<SmallVector<Loop, 2>> dims;
  int64_t offset = 0;
};

} // namespace

bool View::reshape(ArrayRef<int64_t> shape) {
  SmallVector<Loop, 2> rest;
  for (const SmallVector<Loop, 2> &loops : dims)
    for (Loop loop : loops)
      append(rest, loop);
  std::reverse(rest.begin(), rest.end());
  dims.assign(shape.size(), {});
  for (auto [loops, size] : llvm::zip_equal(dims, shape))
    for (int64_t left = size; left != 1;) {
      Loop &outer = rest.back();
      if (left % outer.count == 0) {
        append(loops, outer);
        left /= outer.count;
        rest.pop_back();
      } else if (outer.count % left == 0) {
        outer.count /= left;
        append(loops, {left, outer.stride * outer.count});
        left = 1;
      } else {
        return false;
      }
    }
  return true;
}

bool View::slice(SliceOp op) {
  for (auto [d, start, size, step] :
       llvm::enumerate(op.getStarts(), op.getSizes(), op.getSteps())) {
    if (start == 0 && size == op.getInput().getType().getDimSize(d))
      continue;
    if (dims[d].size() != 1 || step < 1)
      return false;
    int64_t stride = dims[d].front().stride;
    dims[d].clear();
    append(dims[d], {size, stride * step});
    offset += start * stride;
  }
  return true;
}

bool View::apply(Operation *op) {
  if (auto reshapeOp = dyn_cast<ReshapeOp>(op))
    return reshape(cast<RankedTensorType>(reshapeOp.getType()).getShape());
  if (auto sliceOp = dyn_cast<SliceOp>(op))
    return slice(sliceOp);
  SmallVector<SmallVector<Loop, 2>> permuted;
  for (int64_t d : cast<TransposeOp>(op).getPerm())
    permuted.push_back(dims[d]);
  dims = std::move(permuted);
  return true;
}

bool View::getSlice(RankedTensorType type, ArrayRef<int64_t> sizes,
                    SmallVector<int64_t> &starts,
                    SmallVector<int64_t> &steps) const {
  if (type.getRank() != static_cast<int64_t>(sizes.size()))
    return false;
  int64_t stride = type.getNumElements(), rest = offset;
  for (auto [d, size] : llvm::enumerate(sizes)) {
    stride /= type.getDimSize(d);
    int64_t step = 1;
    if (size != 1) {
      if (dims[d].size() != 1 || dims[d].front().stride % stride != 0)
        return false;
      step = dims[d].front().stride / stride;
    }
    int64_t start = rest / stride;
    rest %= stride;
    if (start + (size - 1) * step >= type.getDimSize(d))
      return false;
    starts.push_back(start);
    steps.push_back(step);
  }
  return true;
}

namespace {

/// Of `Op`, the last of reshapes, transposes and slices.
template <typename Op> struct SliceSource : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Operation *> chain;
    for (Operation *next = op;
         isa_and_nonnull<ReshapeOp, TransposeOp, SliceOp>(next) &&
         isKnown(next->getOperand(0)) && isKnown(next->getResult(0));
         next = next->getOperand(0).getDefiningOp())
      chain.push_back(next);
    // Of the first tensor that it is a slice of.
    for (; isRearranged(chain); chain.pop_back()) {
      Value source = chain.back()->getOperand(0);
      auto type = cast<RankedTensorType>(source.getType());
      ArrayRef<int64_t> sizes = cast<RankedTensorType>(op.getType()).getShape();
      View view(type);
      SmallVector<int64_t> starts, steps;
      if (!llvm::all_of(llvm::reverse(chain),
                        [&](Operation *next) { return view.apply(next); }) ||
          !view.getSlice(type, sizes, starts, steps))
        continue;
      rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), source, starts,
                                           sizes, steps);
      return success();
    }
    return failure();
  }

private:
  /// Whether a slice would take fewer copies than `chain`.
  static bool isRearranged(ArrayRef<Operation *> chain) {
    int64_t slices = llvm::count_if(chain, llvm::IsaPred<SliceOp>);
    return slices > 1 ||
           (slices == 1 && llvm::any_of(chain, llvm::IsaPred<TransposeOp>));
  }
  static bool isKnown(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.hasStaticShape() && type.getNumElements() != 0 &&
           !isa<quant::QuantizedType>(type.getElementType());
  }
};

} // namespace

void mpc::populateSliceViewsPatterns(RewritePatternSet &patterns) {
  patterns.add<SliceSource<ReshapeOp>, SliceSource<SliceOp>,
               SliceSource<TransposeOp>>(patterns.getContext());
}
