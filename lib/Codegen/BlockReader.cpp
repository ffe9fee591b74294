//===- BlockReader.cpp - weights in blocks to vectors ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockReader.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Time to dequantize a vector of 16 weights and store it, in nanoseconds: a
/// dozen instructions.
static constexpr double kVectorCost = 1.5;

VectorType BlockReader::lanesOf(Type element) const {
  return VectorType::get({kPanelWidth}, element);
}

VectorType BlockReader::lanesOf(unsigned bits) const {
  return lanesOf(b.getIntegerType(bits));
}

Value BlockReader::splat(unsigned bits, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             lanesOf(bits),
             b.getIntegerAttr(b.getIntegerType(bits), APInt(bits, value))));
}

Value BlockReader::load(Value panel, int64_t p, Value offset, int64_t size) {
  return vector::LoadOp::create(b, VectorType::get({size}, b.getI8Type()),
                                stream, ValueRange{add(b, panel, p), offset});
}

/// The table's level of each index from 0 to 15: the table is in one register,
/// or in two, of which bit 3 of the index chooses.
Value BlockReader::lookUp(Value indices) {
  auto permute = [&](StringRef name, Value levels, Value at) {
    return LLVM::CallIntrinsicOp::create(b, levels.getType(),
                                         b.getStringAttr(name),
                                         ValueRange{levels, at})
        .getResult(0);
  };
  if (vectorBits == 512)
    return permute("llvm.x86.avx512.permvar.sf.512", table, indices);
  auto slice = [&](Value vector, int64_t half) -> Value {
    return vector::ExtractStridedSliceOp::create(b, vector, half * 8, 8, 1);
  };
  Value low = slice(table, 0), high = slice(table, 1);
  Value limit = arith::ConstantOp::create(
      b, DenseElementsAttr::get(VectorType::get({8}, b.getI32Type()),
                                b.getI32IntegerAttr(7)));
  Value result =
      arith::ConstantOp::create(b, b.getZeroAttr(lanesOf(b.getF32Type())));
  for (int64_t half : {0, 1}) {
    Value at = slice(indices, half);
    Value isHigh =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, at, limit);
    Value levels = arith::SelectOp::create(
        b, isHigh, permute("llvm.x86.avx2.permps", high, at),
        permute("llvm.x86.avx2.permps", low, at));
    result =
        vector::InsertStridedSliceOp::create(b, levels, result, half * 8, 1);
  }
  return result;
}

Value BlockReader::toFloat(Value integers) {
  return arith::SIToFPOp::create(b, lanesOf(b.getF32Type()), integers);
}

/// An integer of 4 bits is in the lowest byte of its word. An upper half stays
/// where it is, 16 times as large, and a lower half becomes so.
Value BlockReader::getInteger(Value group, int64_t i) {
  if (blocks.getBits() == 8)
    return toFloat(arith::ExtUIOp::create(b, lanesOf(32), group));
  Value words = vector::BitCastOp::create(b, lanesOf(32), group);
  if (!table || (!blocks.getTable() && i % 2 == 1)) {
    if (i % 2 == 0)
      words = arith::ShLIOp::create(b, words, splat(32, 4));
    return toFloat(arith::AndIOp::create(b, words, splat(32, 15 << 4)));
  }
  if (i % 2 == 1)
    words = arith::ShRUIOp::create(b, words, splat(32, 4));
  // Where an instruction looks at four bits only, LLVM drops the mask.
  return lookUp(arith::AndIOp::create(b, words, splat(32, 15)));
}

/// q * s - z * s is (q - z) * s: with at most 8 bits in q, z and s none of it
/// is rounded.
Value BlockReader::dequantize(Value group, int64_t i, Value scale,
                              Value offset) {
  Value number = getInteger(group, i);
  return offset ? vector::FMAOp::create(b, number, scale, offset).getResult()
                : arith::MulFOp::create(b, number, scale).getResult();
}

Value BlockReader::getRunOffset(Value k) {
  Value run =
      b.createOrFold<arith::DivUIOp>(k, indexConstant(b, blocks.getBlock()));
  return add(b, mul(b, run, blocks.getRunBytes(blocks.getBlock())),
             blocks.getTableBytes());
}

Value BlockReader::loadScales(Value panel, int64_t p, Value offset) {
  // bf16 numbers are the upper halves of f32 ones.
  Value halves = vector::BitCastOp::create(
      b, lanesOf(16), load(panel, p, offset, 2 * kPanelWidth));
  Value words = arith::ShLIOp::create(
      b, arith::ExtUIOp::create(b, lanesOf(32), halves), splat(32, 16));
  return vector::BitCastOp::create(b, lanesOf(b.getF32Type()), words);
}

Value BlockReader::loadZeroPoints(Value panel, int64_t p, Value offset) {
  Value bytes =
      blocks.getZeroPoints()
          ? load(panel, p, add(b, offset, 2 * kPanelWidth), kPanelWidth)
          : splat(8, 1 << (blocks.getBits() - 1));
  return toFloat(arith::ExtUIOp::create(b, lanesOf(32), bytes));
}

SmallVector<Value> BlockReader::emitRun(Value panel, int64_t count,
                                        Value offset, Value first,
                                        int64_t length, ValueRange init,
                                        Body body) {
  Type f32 = b.getF32Type();
  SmallVector<Value> scales, offsets(count);
  for (int64_t p = 0; p < count; ++p) {
    scales.push_back(loadScales(panel, p, offset));
    if (blocks.getTable())
      continue;
    offsets[p] = arith::NegFOp::create(
        b,
        arith::MulFOp::create(b, loadZeroPoints(panel, p, offset), scales[p]));
    // Exact, even where it is subnormal: a scale has 8 bits.
    if (blocks.getBits() == 4)
      scales[p] = arith::MulFOp::create(
          b, scales[p],
          arith::ConstantOp::create(
              b, DenseElementsAttr::get(lanesOf(f32), 1.0f / 16)));
  }

  Value data = add(b, offset, blocks.getHeaderBytes());
  int64_t perGroup = blocks.getPerGroup(), bytes = blocks.getGroupBytes();
  auto emitGroup = [&](Value group, ValueRange carriedIn,
                       int64_t size) -> SmallVector<Value> {
    SmallVector<Value> carried(carriedIn);
    Value at = add(b, data, mul(b, group, bytes));
    SmallVector<Value> groups(count);
    for (int64_t i = 0; i < size; ++i) {
      SmallVector<Value> weights;
      for (int64_t p = 0; p < count; ++p) {
        if (i % 2 == 0) // The next byte as the lowest: cheaper than a shift.
          groups[p] = load(panel, p, add(b, at, i / 2), bytes);
        weights.push_back(dequantize(groups[p], i, scales[p], offsets[p]));
      }
      body(add(b, first, add(b, mul(b, group, perGroup), i)), weights, carried);
    }
    return carried;
  };

  SmallVector<Value> carried(init);
  int64_t groups = length / perGroup;
  if (groups > 0)
    carried = emitLoop(b, groups, carried, [&](Value group, ValueRange values) {
      return emitGroup(group, values, perGroup);
    });
  if (int64_t rest = length % perGroup)
    carried = emitGroup(indexConstant(b, groups), carried, rest);
  return carried;
}

SmallVector<Value> BlockReader::forEach(Value panel, int64_t count,
                                        ValueRange init, Body body) {
  VectorType lanes = lanesOf(b.getF32Type());
  if (blocks.getTable()) { // of the tensor, and the same in every panel
    table = vector::BitCastOp::create(
        b, lanes, load(panel, 0, indexConstant(b, 0), blocks.getTableBytes()));
  } else if (blocks.getBits() == 4 && vectorBits == 512) {
    auto integers = llvm::map_to_vector<16>(
        llvm::seq(16), [](int i) { return 16.0f * static_cast<float>(i); });
    table = arith::ConstantOp::create(
        b, DenseElementsAttr::get(lanes, ArrayRef<float>(integers)));
  }
  int64_t runs = blocks.getDepth() / blocks.getBlock();
  int64_t runBytes = blocks.getRunBytes(blocks.getBlock());
  SmallVector<Value> carried(init);
  if (runs > 0)
    carried = emitLoop(b, runs, carried, [&](Value run, ValueRange values) {
      return emitRun(
          panel, count, add(b, mul(b, run, runBytes), blocks.getTableBytes()),
          mul(b, run, blocks.getBlock()), blocks.getBlock(), values, body);
    });
  if (int64_t rest = blocks.getDepth() % blocks.getBlock())
    carried = emitRun(
        panel, count,
        indexConstant(b, blocks.getTableBytes() + runs * runBytes),
        indexConstant(b, runs * blocks.getBlock()), rest, carried, body);
  return carried;
}

void BlockReader::readIntegers(Value panel, Value k,
                               function_ref<void(int64_t, Value)> body) {
  VectorType words = lanesOf(32);
  bool isNibble = blocks.getBits() == 4;
  if (isNibble) {
    auto levels = llvm::map_to_vector<16>(llvm::seq(16), [&](int i) {
      return static_cast<float>(blocks.getZeroPoints() ? i : i - 8);
    });
    table = arith::ConstantOp::create(
        b, DenseElementsAttr::get(lanesOf(b.getF32Type()),
                                  ArrayRef<float>(levels)));
  }
  Value offset = getRunOffset(k), zeroPoints;
  if (blocks.getZeroPoints() || !isNibble)
    zeroPoints = loadZeroPoints(panel, 0, offset);
  Value inRun =
      b.createOrFold<arith::RemUIOp>(k, indexConstant(b, blocks.getBlock()));
  int64_t perGroup = blocks.getPerGroup(), bytes = blocks.getGroupBytes();
  Value group =
      b.createOrFold<arith::DivUIOp>(inRun, indexConstant(b, perGroup));
  Value data =
      add(b, add(b, offset, blocks.getHeaderBytes()), mul(b, group, bytes));
  Value word;
  auto getNumber = [&](int64_t i) -> Value {
    Value at = add(b, data, i / perGroup * bytes + i % perGroup / 2), number;
    if (!isNibble) {
      number =
          toFloat(arith::ExtUIOp::create(b, words, load(panel, 0, at, bytes)));
    } else {
      if (i % 2 == 0)
        word = vector::BitCastOp::create(b, words, load(panel, 0, at, bytes));
      Value index =
          i % 2 == 0 ? word : arith::ShRUIOp::create(b, word, splat(32, 4));
      number = lookUp(arith::AndIOp::create(b, index, splat(32, 15)));
    }
    if (zeroPoints)
      number = arith::SubFOp::create(b, number, zeroPoints);
    return vector::BitCastOp::create(b, words, number);
  };
  for (int64_t pair = 0; pair < kTileDepth / 2; ++pair) {
    // Of numbers of 8 bits the upper halves are all there is.
    Value first = arith::ShRUIOp::create(b, getNumber(2 * pair), splat(32, 16));
    Value second = arith::AndIOp::create(b, getNumber(2 * pair + 1),
                                         splat(32, 0xffff0000));
    Value both = arith::OrIOp::create(b, first, second);
    body(pair,
         vector::BitCastOp::create(
             b, VectorType::get({2 * kPanelWidth}, b.getBF16Type()), both));
  }
}

void mpc::lowerExpand(ExpandOp op, const TargetDescription &target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}, {3, 4}};
  Value out = memref::CollapseShapeOp::create(b, op.getOut(), groups);
  auto type = cast<MemRefType>(op.getStream().getType());
  double cost = kVectorCost * op.getBlocks().getDepth();
  emitForall(b, indexConstant(b, type.getDimSize(0)), cost, [&](Value panel) {
    BlockReader reader(b, op.getBlocks(), op.getStream(), target.vectorBits);
    reader.forEach(
        panel, 1, {},
        [&](Value k, ArrayRef<Value> weights, MutableArrayRef<Value>) {
          vector::StoreOp::create(b, weights[0], out,
                                  ValueRange{panel, k, indexConstant(b, 0)});
        });
  });
}
