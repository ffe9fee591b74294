//===- LowerInnerTiles.cpp - register tiles to instructions ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops carry one-dimensional vectors: a two-dimensional one becomes an array
// that LLVM keeps in memory. Vectors of 16 lanes serve 256-bit registers too,
// as pairs, but for instructions that are named, whose operands have the
// register's width.
//
//===----------------------------------------------------------------------===//

#include "BlockReader.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERINNERTILES
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Pairs of products that are summed in f16 where that is asked for.
static constexpr int64_t kF16Chunk = 64;

namespace {

/// Emits one inner tile. A subclass says how accumulators are carried, and what
/// one k block adds to them.
class InnerTile {
public:
  InnerTile(InnerTileOp op)
      : op(op), b(op.getLoc(), op),
        rowElement(
            cast<MemRefType>(op.getRows().front().getType()).getElementType()),
        weightsType(cast<MemRefType>(op.getWeights().getType())),
        rows(op.getRows().size()), panels(op.getAccumulators().size() / rows) {}
  virtual ~InnerTile() = default;

  virtual void run();

protected:
  /// Splits an accumulator into the vectors that the loop carries, and back.
  virtual SmallVector<Value> split(Value accumulator) { return {accumulator}; }
  virtual Value join(ValueRange parts, Type) { return parts.front(); }
  /// Adds the k blocks from `begin` to `end` to `parts`, by step.
  SmallVector<Value> emitSteps(Value begin, Value end, ValueRange parts);
  /// Adds k block `block` to `parts`, in the order of accumulators.
  virtual void step(Value block, MutableArrayRef<Value> parts) = 0;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  /// The index of panel `panel` of the tile.
  Value getPanel(int64_t panel);
  /// `lanes` elements of panel `panel` of the tile, k block `block`, from lane
  /// `lane`, all kv values of each.
  Value loadWeights(int64_t panel, Value block, int64_t lane, int64_t lanes);
  /// Asks for the weights that step `prefetch` of the tile from `block` on
  /// loads, if there is one.
  void prefetchWeights(int64_t panel, Value block);
  /// Four elements of a row.
  Value loadQuad(Value row, Value block) {
    Value k = arith::MulIOp::create(b, block, constant(4));
    return vector::LoadOp::create(b, vectorOf(4, rowElement), row,
                                  ValueRange{k});
  }
  /// 16, or 8 of a last panel that is at most half full.
  static int64_t getLanes(Value accumulator) {
    return cast<VectorType>(accumulator.getType()).getDimSize(0);
  }
  VectorType vectorOf(int64_t lanes, Type element) {
    return VectorType::get({lanes}, element);
  }
  VectorType vectorOf(int64_t lanes, unsigned bits) {
    return VectorType::get({lanes}, b.getIntegerType(bits));
  }

  InnerTileOp op;
  ImplicitLocOpBuilder b;
  Type rowElement;
  MemRefType weightsType;
  int64_t rows, panels;
};

} // namespace

Value InnerTile::getPanel(int64_t panel) {
  if (panel == 0)
    return op.getPanel();
  return arith::AddIOp::create(b, op.getPanel(), constant(panel));
}

Value InnerTile::loadWeights(int64_t panel, Value block, int64_t lane,
                             int64_t lanes) {
  int64_t kv = weightsType.getDimSize(4);
  Value index = getPanel(panel);
  // A panel's lanes and their kv values are contiguous.
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2}, {3, 4}};
  Value flat = op.getWeights();
  flat = memref::CollapseShapeOp::create(b, flat, groups);
  return vector::LoadOp::create(
      b, vectorOf(lanes * kv, weightsType.getElementType()), flat,
      ValueRange{index, op.getTap(), block, constant(lane * kv)});
}

void InnerTile::prefetchWeights(int64_t panel, Value block) {
  if (op.getPrefetch() == 0)
    return;
  // The address alone counts: past the panel it is one of the next panel.
  Value ahead = arith::AddIOp::create(
      b, block, constant(static_cast<int64_t>(op.getPrefetch())));
  Value zero = constant(0);
  prefetch(b, op.getWeights(),
           {getPanel(panel), op.getTap(), ahead, zero, zero},
           kPanelWidth * weightsType.getDimSize(4));
}

SmallVector<Value> InnerTile::emitSteps(Value begin, Value end,
                                        ValueRange parts) {
  auto loop = scf::ForOp::create(b, begin, end, constant(1), parts);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs());
  step(loop.getInductionVar(), carried);
  scf::YieldOp::create(b, carried);
  return SmallVector<Value>(loop.getResults());
}

void InnerTile::run() {
  SmallVector<Value> parts;
  size_t perAccumulator = 0;
  for (Value accumulator : op.getAccumulators()) {
    SmallVector<Value> split = this->split(accumulator);
    perAccumulator = split.size();
    parts.append(split);
  }
  parts = emitSteps(constant(0), constant(weightsType.getDimSize(2)), parts);
  SmallVector<Value> results;
  ValueRange carried = parts;
  for (Type type : op.getResultTypes()) {
    results.push_back(join(carried.take_front(perAccumulator), type));
    carried = carried.drop_front(perAccumulator);
  }
  op.replaceAllUsesWith(results);
  op.erase();
}

namespace {

/// f32, and f16 or bf16 widened: one fused multiply-add per k and accumulator.
class FmaTile : public InnerTile {
public:
  using InnerTile::InnerTile;

  Value widen(Value vector) {
    auto type = cast<VectorType>(vector.getType()).clone(b.getF32Type());
    return vector.getType() == type
               ? vector
               : arith::ExtFOp::create(b, type, vector).getResult();
  }

  void step(Value block, MutableArrayRef<Value> parts) override {
    SmallVector<Value> weights;
    SmallVector<int64_t> lanes;
    for (int64_t p = 0; p < panels; ++p) {
      lanes.push_back(getLanes(parts[p]));
      weights.push_back(widen(loadWeights(p, block, 0, lanes[p])));
      prefetchWeights(p, block);
    }
    for (auto [r, row] : llvm::enumerate(op.getRows())) {
      Value scalar = memref::LoadOp::create(b, row, block);
      for (int64_t p = 0; p < panels; ++p) {
        Value x = widen(vector::BroadcastOp::create(
            b, vectorOf(lanes[p], rowElement), scalar));
        Value &part = parts[r * panels + p];
        part = vector::FMAOp::create(b, x, weights[p], part);
      }
    }
  }
};

/// Pairs of bf16, in lanes of 32 bits.
class PairsTile : public InnerTile {
public:
  using InnerTile::InnerTile;

protected:
  VectorType words() { return vectorOf(kPanelWidth, 32); }
  /// Two values of a row, in all lanes.
  Value loadPair(Value row, Value block) {
    Value k = arith::MulIOp::create(b, block, constant(2));
    Value pair =
        vector::LoadOp::create(b, vectorOf(2, rowElement), row, ValueRange{k});
    Value word = vector::BitCastOp::create(b, vectorOf(1, 32), pair);
    Value scalar = vector::ExtractOp::create(b, word, ArrayRef<int64_t>{0});
    return vector::BroadcastOp::create(b, words(), scalar);
  }
};

/// Without a dot product: the halves of a lane, widened, one after the other.
class PairsFmaTile : public PairsTile {
public:
  using PairsTile::PairsTile;

  /// bf16 are the upper halves of f32.
  Value widen(Value pairs, bool second) {
    auto splat = [&](uint32_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(words(), APInt(32, value)));
    };
    Value bits =
        second ? arith::AndIOp::create(b, pairs, splat(0xffff0000)).getResult()
               : arith::ShLIOp::create(b, pairs, splat(16)).getResult();
    return vector::BitCastOp::create(b, vectorOf(kPanelWidth, b.getF32Type()),
                                     bits);
  }

  void step(Value block, MutableArrayRef<Value> parts) override {
    SmallVector<Value> weights, xs;
    for (int64_t p = 0; p < panels; ++p)
      weights.push_back(vector::BitCastOp::create(
          b, words(), loadWeights(p, block, 0, kPanelWidth)));
    for (Value row : op.getRows())
      xs.push_back(loadPair(row, block));
    for (bool second : {false, true}) {
      SmallVector<Value> wide;
      for (Value pairs : weights)
        wide.push_back(widen(pairs, second));
      for (auto [r, pairs] : llvm::enumerate(xs)) {
        Value x = widen(pairs, second);
        for (int64_t p = 0; p < panels; ++p) {
          Value &part = parts[r * panels + p];
          part = vector::FMAOp::create(b, x, wide[p], part);
        }
      }
    }
  }
};

/// AVX512-BF16: per f32 lane the sum of two products.
class Vdpbf16psTile : public PairsTile {
public:
  using PairsTile::PairsTile;

  void step(Value block, MutableArrayRef<Value> parts) override {
    auto pairs = vectorOf(2 * kPanelWidth, rowElement);
    SmallVector<Value> weights;
    for (int64_t p = 0; p < panels; ++p)
      weights.push_back(loadWeights(p, block, 0, kPanelWidth));
    for (auto [r, row] : llvm::enumerate(op.getRows())) {
      // The last operand may be a broadcast from memory.
      Value x = vector::BitCastOp::create(b, pairs, loadPair(row, block));
      for (int64_t p = 0; p < panels; ++p) {
        Value &part = parts[r * panels + p];
        part = LLVM::CallIntrinsicOp::create(
                   b, part.getType(),
                   b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                   ValueRange{part, weights[p], x})
                   .getResult(0);
      }
    }
  }
};

/// AVX512-FP16: 32 lanes, two for each column, which a pair's products go to.
/// Both sums of a chunk stay in f16, what they add up to is f32. Written as
/// plain arithmetic, which LLVM computes on other processors, too.
class VfmaddphTile : public PairsTile {
public:
  using PairsTile::PairsTile;

  void run() override {
    SmallVector<Value> sums(op.getAccumulators());
    int64_t depth = weightsType.getDimSize(2),
            whole = depth / kF16Chunk * kF16Chunk;
    if (whole != 0) {
      auto loop = scf::ForOp::create(b, constant(0), constant(whole),
                                     constant(kF16Chunk), sums);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value begin = loop.getInductionVar();
      scf::YieldOp::create(
          b,
          addChunk(begin, arith::AddIOp::create(b, begin, constant(kF16Chunk)),
                   loop.getRegionIterArgs()));
      sums.assign(loop.result_begin(), loop.result_end());
    }
    if (whole != depth)
      sums = addChunk(constant(whole), constant(depth), sums);
    op.replaceAllUsesWith(sums);
    op.erase();
  }

  void step(Value block, MutableArrayRef<Value> parts) override {
    SmallVector<Value> weights;
    for (int64_t p = 0; p < panels; ++p)
      weights.push_back(loadWeights(p, block, 0, kPanelWidth));
    for (auto [r, row] : llvm::enumerate(op.getRows())) {
      Value x = vector::BitCastOp::create(b, pairs(), loadPair(row, block));
      for (int64_t p = 0; p < panels; ++p) {
        Value &part = parts[r * panels + p];
        part = vector::FMAOp::create(b, x, weights[p], part);
      }
    }
  }

private:
  VectorType pairs() { return vectorOf(2 * kPanelWidth, rowElement); }

  /// `sums` plus the products of the blocks from `begin` to `end`.
  SmallVector<Value> addChunk(Value begin, Value end, ValueRange sums) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(pairs()));
    SmallVector<Value> results;
    for (auto [sum, part] : llvm::zip_equal(
             sums,
             emitSteps(begin, end, SmallVector<Value>(sums.size(), zero)))) {
      Value added = arith::ExtFOp::create(b, sum.getType(), addPairs(part));
      results.push_back(arith::AddFOp::create(b, sum, added));
    }
    return results;
  }

  /// The sum of the two lanes of each column. All lanes add, which takes one
  /// shuffle less than to take the halves apart first.
  Value addPairs(Value lanes) {
    SmallVector<int64_t> swapped, first;
    for (int64_t column = 0; column < kPanelWidth; ++column) {
      swapped.append({2 * column + 1, 2 * column});
      first.push_back(2 * column);
    }
    Value others = vector::ShuffleOp::create(b, lanes, lanes, swapped);
    Value both = arith::AddFOp::create(b, lanes, others);
    return vector::ShuffleOp::create(b, both, both, first);
  }
};

/// Products of f32 with weights in blocks, dequantized on the way.
void lowerBlocksTile(InnerTileOp op, int64_t vectorBits) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto type = VectorType::get({kPanelWidth}, b.getF32Type());
  auto rowType = cast<MemRefType>(op.getRows().front().getType());
  auto panels =
      static_cast<int64_t>(op.getAccumulators().size() / op.getRows().size());
  BlockReader reader(b, *op.getBlocks(), op.getWeights(), vectorBits);
  SmallVector<Value> results = reader.forEach(
      op.getPanel(), panels, op.getAccumulators(),
      [&](Value k, ArrayRef<Value> weights, MutableArrayRef<Value> parts) {
        for (auto [r, row] : llvm::enumerate(op.getRows())) {
          Value x = memref::LoadOp::create(b, row, k);
          if (!rowType.getElementType().isF32())
            x = arith::ExtFOp::create(b, b.getF32Type(), x);
          x = vector::BroadcastOp::create(b, type, x);
          for (int64_t p = 0; p < panels; ++p) {
            Value &part = parts[r * panels + p];
            part = vector::FMAOp::create(b, x, weights[p], part);
          }
        }
      });
  op.replaceAllUsesWith(results);
  op.erase();
}

/// AVX512-VNNI: per 32-bit lane the sum of four u8×s8 products.
class VpdpbusdTile : public InnerTile {
public:
  using InnerTile::InnerTile;

  void step(Value block, MutableArrayRef<Value> parts) override {
    SmallVector<Value> weights;
    SmallVector<int64_t> lanes;
    for (int64_t p = 0; p < panels; ++p) {
      lanes.push_back(getLanes(parts[p]));
      weights.push_back(loadWeights(p, block, 0, lanes[p]));
    }
    for (auto [r, row] : llvm::enumerate(op.getRows())) {
      Value word =
          vector::BitCastOp::create(b, vectorOf(1, 32), loadQuad(row, block));
      Value scalar = vector::ExtractOp::create(b, word, ArrayRef<int64_t>{0});
      for (int64_t p = 0; p < panels; ++p) {
        Value words =
            vector::BroadcastOp::create(b, vectorOf(lanes[p], 32), scalar);
        Value x =
            vector::BitCastOp::create(b, vectorOf(4 * lanes[p], 8), words);
        StringRef name = lanes[p] == kPanelWidth
                             ? "llvm.x86.avx512.vpdpbusd.512"
                             : "llvm.x86.avx512.vpdpbusd.256";
        Value &part = parts[r * panels + p];
        part = LLVM::CallIntrinsicOp::create(b, part.getType(),
                                             b.getStringAttr(name),
                                             ValueRange{part, x, weights[p]})
                   .getResult(0);
      }
    }
  }
};

/// i16, or i8 widened to it, and pairs of products summed in i32 lanes. Four
/// elements make two pairs, whose sums stay apart until the end. VNNI adds in
/// the same instruction.
class PmaddwdTile : public InnerTile {
public:
  PmaddwdTile(InnerTileOp op, const TargetDescription &target)
      : InnerTile(op), words(target.vectorBits / 16),
        adds(target.vnni && target.vectorBits == 512),
        intrinsic(adds                       ? "llvm.x86.avx512.vpdpwssd.512"
                  : target.vectorBits == 512 ? "llvm.x86.avx512.pmaddw.d.512"
                                             : "llvm.x86.avx2.pmadd.wd") {}

  int64_t pieces() const { return 4 * kPanelWidth / words; }

  SmallVector<Value> split(Value accumulator) override {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < pieces(); ++i)
      parts.push_back(vector::ExtractStridedSliceOp::create(
          b, accumulator, i * words / 2, words / 2, 1));
    return parts;
  }

  Value join(ValueRange parts, Type type) override {
    Value whole = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (auto [i, part] : llvm::enumerate(parts))
      whole = vector::InsertStridedSliceOp::create(
          b, part, whole, static_cast<int64_t>(i) * words / 2, 1);
    return whole;
  }

  void step(Value block, MutableArrayRef<Value> parts) override {
    SmallVector<Value> xs;
    for (Value row : op.getRows()) {
      Value wide = loadQuad(row, block);
      if (op.getUnsignedRows())
        wide = arith::ExtUIOp::create(b, vectorOf(4, 16), wide);
      else if (rowElement.isInteger(8))
        wide = arith::ExtSIOp::create(b, vectorOf(4, 16), wide);
      Value quad = vector::BitCastOp::create(b, vectorOf(1, 64), wide);
      Value scalar = vector::ExtractOp::create(b, quad, ArrayRef<int64_t>{0});
      Value quads =
          vector::BroadcastOp::create(b, vectorOf(words / 4, 64), scalar);
      xs.push_back(vector::BitCastOp::create(b, vectorOf(words, 16), quads));
    }
    for (int64_t p = 0; p < panels; ++p)
      for (int64_t i = 0; i < pieces(); ++i) {
        Value bytes = loadWeights(p, block, i * words / 4, words / 4);
        Value w = arith::ExtSIOp::create(b, vectorOf(words, 16), bytes);
        for (int64_t r = 0; r < rows; ++r) {
          Value &part = parts[(r * panels + p) * pieces() + i];
          SmallVector<Value> operands = {xs[r], w};
          if (adds)
            operands.insert(operands.begin(), part);
          Value sum = LLVM::CallIntrinsicOp::create(b, part.getType(),
                                                    b.getStringAttr(intrinsic),
                                                    operands)
                          .getResult(0);
          part = adds ? sum : arith::AddIOp::create(b, part, sum).getResult();
        }
      }
  }

private:
  /// 16-bit words per register.
  int64_t words;
  /// The instruction takes the sum, too.
  bool adds;
  StringRef intrinsic;
};

struct LowerInnerTilesPass
    : public mpc::impl::LowerInnerTilesBase<LowerInnerTilesPass> {
  void runOnOperation() override {
    lowerTileRegisters(getOperation());
    SmallVector<InnerTileOp> ops;
    getOperation().walk([&](InnerTileOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    for (InnerTileOp op : ops) {
      if (op.getBlocks()) {
        lowerBlocksTile(op, target->vectorBits);
        continue;
      }
      switch (op.getIntrinsic()) {
      case Intrinsic::fma:
        if (cast<MemRefType>(op.getWeights().getType()).getDimSize(4) == 2)
          PairsFmaTile(op).run();
        else
          FmaTile(op).run();
        break;
      case Intrinsic::vdpbf16ps:
        Vdpbf16psTile(op).run();
        break;
      case Intrinsic::vfmaddph:
        VfmaddphTile(op).run();
        break;
      case Intrinsic::vpdpbusd:
        VpdpbusdTile(op).run();
        break;
      case Intrinsic::pmaddwd:
        PmaddwdTile(op, *target).run();
        break;
      case Intrinsic::tdpbusd:
      case Intrinsic::tdpbf16ps:
      case Intrinsic::mma:
      case Intrinsic::wgmma:
      case Intrinsic::muladd:
        llvm_unreachable("refused by the verifier");
      }
    }
  }
};

} // namespace
