//===- LowerMMABlocks.cpp - weights in blocks on tensor cores -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f16 and bf16 hold q - z exactly, but not (q - z) * s: tensor cores multiply
// the input by q - z, which f32 has room for, and the sum of 32 such products
// is multiplied by s, in f32, when it is added to the others.
//
// A stage holds weights as they are packed (#kernel.blocks with `fragments`):
// of each panel, of each 32 values of k, a record of 16 scales, 16 zero points
// if there are any, and the integers, as the threads of a warp have them in
// registers. A thread reads its own with one load of 8 or 16 bytes. Its
// fragments are two for a panel: channels 2g and 2g + 1 as columns of mma.sync,
// channels 4t to 4t + 3 as sums.
//
//===----------------------------------------------------------------------===//

#include "MMAKernel.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

namespace {

class BlocksKernel : public MMAKernel {
public:
  explicit BlocksKernel(ContractOp op)
      : MMAKernel(op), blocks(*op.getBlocks()),
        headerBytes(blocks.getHeaderBytes()),
        recordBytes(blocks.getRunBytes(kFragmentDepth)) {}

private:
  LogicalResult check() override;
  std::pair<int64_t, int64_t> getWeightsShape() const override {
    return {staging.stages * panels * getGroups(), recordBytes};
  }
  void loadWeights(Value step, Value stage) override;
  SmallVector<Value> multiplyStage(Value stage, ValueRange sums) override;

  /// Groups of 32 values of k in a stage.
  int64_t getGroups() const { return staging.depth * kv / kFragmentDepth; }
  Value loadBytes(Value record, Value at, int64_t count);
  VectorType wordsOf(Type type) const {
    return VectorType::get({blocks.getBits() / 2}, type);
  }
  Value splat(int64_t bits) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(wordsOf(b.getI32Type()),
                                  static_cast<int32_t>(bits)));
  }
  /// Zero points, for each word of the thread's weights.
  Value loadZeroPoints(Value record);
  SmallVector<Value> loadScales(Value record);
  /// q - z as registers of mma.sync: of each of the thread's two channels four,
  /// weights 8i + 2t and 8i + 2t + 1.
  SmallVector<SmallVector<Value>> loadNumbers(Value record);

  BlocksAttr blocks;
  int64_t headerBytes, recordBytes;
};

} // namespace

LogicalResult BlocksKernel::check() {
  if ((!element.isF16() && !element.isBF16()) || kv != 2)
    return op.emitOpError("expected f16 or bf16 with kv = 2 for mma of weights "
                          "in blocks");
  if (staging.depth * kv % kFragmentDepth != 0)
    return op.emitOpError("expected a depth of 16 or 32 for mma of weights in "
                          "blocks, but got ")
           << staging.depth;
  return checkStaging(/*most=*/2);
}

/// Blocks of more than 32 weights have their header copied with each 32.
void BlocksKernel::loadWeights(Value step, Value stage) {
  int64_t perRecord = recordBytes / kChunkBytes;
  int64_t total = panels * getGroups() * perRecord;
  int64_t groupBytes = recordBytes - headerBytes;
  // A block of a whole channel may be of any length.
  int64_t perRun = blocks.getBlock() / kFragmentDepth;
  bool isChannel = blocks.getBlock() >= blocks.getDepth();
  for (int64_t pass = 0; pass * threads < total; ++pass) {
    Value number = add(b, thread, pass * threads);
    Value isBusy;
    if ((pass + 1) * threads > total)
      isBusy = isBelow(number, constant(total));
    emitIf(isBusy, [&] {
      Value record = divide(number, perRecord);
      Value chunk = remainder(number, perRecord);
      Value panel = divide(record, getGroups());
      Value group =
          add(b, mul(b, step, getGroups()), remainder(record, getGroups()));
      auto [source, isValid] =
          getPanel(panel, mul(b, group, kFragmentDepth / kv));
      Value inRun = isChannel ? group : remainder(group, perRun);
      Value isHeader = isBelow(chunk, constant(headerBytes / kChunkBytes));
      Value from = add(b, mul(b, chunk, kChunkBytes),
                       arith::SelectOp::create(b, isHeader, constant(0),
                                               mul(b, inRun, groupBytes)));
      if (!isChannel)
        from = add(b, from,
                   mul(b, divide(group, perRun),
                       blocks.getRunBytes(blocks.getBlock())));
      Value row = add(b, mul(b, stage, panels * getGroups()), record);
      copy(weights, {source, from}, sharedWeights,
           {row, mul(b, chunk, kChunkBytes)}, kChunkBytes, isValid);
    });
  }
}

Value BlocksKernel::loadBytes(Value record, Value at, int64_t count) {
  auto load = vector::LoadOp::create(b, VectorType::get({count}, b.getI8Type()),
                                     sharedWeights, ValueRange{record, at});
  load.setAlignment(count);
  return load;
}

Value BlocksKernel::loadZeroPoints(Value record) {
  if (!blocks.getZeroPoints())
    return splat(int64_t(1) << (blocks.getBits() - 1));
  Value bytes =
      loadBytes(record, add(b, mul(b, g, 2), 2 * kPanelWidth), /*count=*/2);
  SmallVector<Value> words;
  for (int64_t f = 0; f < fragments; ++f)
    words.append(blocks.getBits() / 4,
                 arith::ExtUIOp::create(
                     b, b.getI32Type(),
                     vector::ExtractOp::create(b, bytes, ArrayRef{f})));
  return vector::FromElementsOp::create(b, wordsOf(b.getI32Type()), words);
}

/// bf16 numbers are the upper halves of f32 ones.
SmallVector<Value> BlocksKernel::loadScales(Value record) {
  Value pairs =
      vector::BitCastOp::create(b, VectorType::get({2}, b.getI32Type()),
                                loadBytes(record, mul(b, t, 8), /*count=*/8));
  SmallVector<Value> scales;
  for (int64_t i = 0; i < 4; ++i) {
    Value pair = vector::ExtractOp::create(b, pairs, ArrayRef{i / 2});
    Value upper =
        i % 2 == 0
            ? arith::ShLIOp::create(
                  b, pair, arith::ConstantIntOp::create(b, b.getI32Type(), 16))
                  .getResult()
            : arith::AndIOp::create(
                  b, pair,
                  arith::ConstantIntOp::create(b, b.getI32Type(), -(1 << 16)))
                  .getResult();
    scales.push_back(arith::BitcastOp::create(b, b.getF32Type(), upper));
  }
  return scales;
}

/// An integer of few bits in the lowest ones of 1024 in f16, or of 2^23 in f32,
/// is what that number is larger by.
SmallVector<SmallVector<Value>> BlocksKernel::loadNumbers(Value record) {
  int64_t bits = blocks.getBits(), perWord = 16 / bits;
  Value words = vector::BitCastOp::create(
      b, wordsOf(b.getI32Type()),
      loadBytes(record, add(b, mul(b, lane, 2 * bits), headerBytes), 2 * bits));
  Value zero = loadZeroPoints(record);
  auto both = [](int64_t half) { return half << 16 | half; };
  auto toF32 = [&](Value integers) -> Value {
    return vector::BitCastOp::create(
        b, wordsOf(b.getF32Type()),
        arith::OrIOp::create(b, integers, splat(0x4B000000)));
  };
  auto halves = VectorType::get({bits}, element);
  Value offset;
  if (element.isF16()) {
    Value pairs = arith::OrIOp::create(
        b, zero, arith::ShLIOp::create(b, zero, splat(16)).getResult());
    offset = vector::BitCastOp::create(
        b, halves, arith::OrIOp::create(b, pairs, splat(both(0x6400))));
  } else {
    offset = toF32(zero);
  }
  auto shift = [&](int64_t by) -> Value {
    return by == 0 ? words : arith::ShRUIOp::create(b, words, splat(by));
  };
  int64_t mask = (1 << bits) - 1;
  auto convert = [&](int64_t by) -> Value {
    if (element.isF16()) {
      Value pairs = arith::AndIOp::create(b, shift(by), splat(both(mask)));
      Value numbers = vector::BitCastOp::create(
          b, halves, arith::OrIOp::create(b, pairs, splat(both(0x6400))));
      return arith::SubFOp::create(b, numbers, offset);
    }
    // There is no bf16 number with 8 bits to spare.
    auto upper = [&](int64_t by) -> Value {
      Value integers = arith::AndIOp::create(b, shift(by), splat(mask));
      Value number = arith::SubFOp::create(b, toF32(integers), offset);
      return vector::BitCastOp::create(b, words.getType(), number);
    };
    Value low = arith::ShRUIOp::create(b, upper(by), splat(16));
    Value high = arith::AndIOp::create(b, upper(by + 16), splat(-(1 << 16)));
    return vector::BitCastOp::create(b, halves,
                                     arith::OrIOp::create(b, low, high));
  };
  SmallVector<Value> converted;
  for (int64_t i = 0; i < perWord; ++i)
    converted.push_back(convert(i * bits));
  SmallVector<SmallVector<Value>> registers(fragments);
  for (int64_t f = 0; f < fragments; ++f)
    for (int64_t i = 0; i < 4; ++i)
      registers[f].push_back(
          toRegister(converted[i % perWord], f * (bits / 4) + i / perWord));
  return registers;
}

SmallVector<Value> BlocksKernel::multiplyStage(Value stage, ValueRange sums) {
  int64_t tiles = staging.warpRows / kRows;
  int64_t warpPanels = staging.warpColumns / kPanelWidth;
  int64_t perGroup = kFragmentDepth / kv / kBlocks; // instructions
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.getF32Type()));
  SmallVector<Value> next(sums);
  for (int64_t group = 0; group < getGroups(); ++group) {
    SmallVector<SmallVector<SmallVector<Value>>> a;
    for (int64_t k = 0; k < perGroup; ++k)
      a.push_back(loadInputs(stage, group * perGroup + k));
    for (int64_t inWarp = 0; inWarp < warpPanels; ++inWarp) {
      Value panel = add(b, divide(warpColumn, kPanelWidth), inWarp);
      Value record = add(
          b, mul(b, add(b, mul(b, stage, panels), panel), getGroups()), group);
      SmallVector<SmallVector<Value>> w = loadNumbers(record);
      SmallVector<Value> scales = loadScales(record);
      for (int64_t f = 0; f < fragments; ++f)
        for (int64_t tile = 0; tile < tiles; ++tile) {
          SmallVector<Value> part(4, zero);
          for (int64_t k = 0; k < perGroup; ++k)
            part = multiply(a[k][tile], ValueRange(w[f]).slice(2 * k, 2), part);
          int64_t at = 4 * ((tile * warpPanels + inWarp) * fragments + f);
          for (int64_t i = 0; i < 4; ++i)
            next[at + i] = math::FmaOp::create(
                b, part[i], scales[i % 2 * fragments + f], next[at + i]);
        }
    }
  }
  return next;
}

std::unique_ptr<ContractKernel> mpc::createBlocksMMAKernel(ContractOp op) {
  return std::make_unique<BlocksKernel>(op);
}
