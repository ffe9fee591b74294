//===- LowerTMAWindows.cpp - convolutions in blocks that stay -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As LowerTMA.cpp, but for rows of the input that are windows: 128 threads copy
// them with cp.async, 16 bytes each, and TMA brings the weights alone. A thread
// has one chunk of every 16th row (32nd, 64th where rows have fewer chunks).
// Its copies arrive at the stage's mbarrier when they have come, without a wait
// of the thread, so that all stages may be under way. Where pixels outside of
// the picture are no zeros, the thread stores them, and arrives once more.
//
// wgmma sees what cp.async and stores write after a fence between the two ways
// to shared memory, which those that multiply pass when a stage has come.
//
// At the beginning of a tile a thread notes of each of its rows where the
// window begins and which of its rows and columns are inside of the picture, a
// bit for each. A copy is then an addition and a test of two bits.
//
//===----------------------------------------------------------------------===//

#include "TMAKernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

namespace {

class TMAWindowKernel : public TMAKernel {
public:
  using TMAKernel::TMAKernel;

private:
  /// The pixel at which the window of a row begins, counted from that of the
  /// tile's first row, and which of its rows and columns are inside of the
  /// input: two registers.
  struct Place {
    Value pixel, inside;
  };
  /// A tap of the window, for all rows: where its elements begin in the tile's
  /// first pixel, the pixel, counted from that of the window, and the bits of
  /// its row and column.
  struct Tap {
    Value begin, pixel, bits;
  };

  LogicalResult check() override;
  /// TMA's, a thread's copies, and what the thread has stored.
  int64_t countArrivals() const override {
    return 1 + (storesPads ? 2 : 1) * kWarpgroup;
  }
  uint32_t countCopierRegisters() const override { return 72; }
  void copyTiles() override;
  void beginTile() override;
  void receive() override;

  Value constantBits(uint32_t bits) {
    return arith::ConstantIntOp::create(b, static_cast<int32_t>(bits),
                                        /*width=*/32);
  }
  /// Rows of which the threads copy a chunk each at the same time: a multiple
  /// of those of a pattern of the swizzle.
  int64_t getRowsAtOnce() const { return kWarpgroup / staging.depth; }
  /// Bit `number` + `first`, if `condition`.
  Value getBit(Value number, int64_t first, Value condition = {});
  /// Where the window of a row begins: its number, less than 0 if outside.
  Value getPixel(const Row &row) {
    return row.place->getPosition(b, constant(0), constant(0)).first;
  }
  Place locateRow(Value inTile);
  /// The thread's chunks of a stage.
  void copyRows(Value slot, Value firstBlock);
  void copyChunk(const Place &place, const Tap &tap, ValueRange target);
  void arrive(Value slot);

  bool storesPads = false; // pixels outside are not zeros
  Value chunk, firstRow;   // of this thread
  Value firstPixel;        // of the tile
  Value flatInput;
  SmallVector<Place> places;
};

} // namespace

LogicalResult TMAWindowKernel::check() {
  if (failed(TMAKernel::check()))
    return failure();
  std::optional<TypedAttr> pad = op.getPadValue();
  storesPads = pad && *pad != b.getZeroAttr(element);
  bool fits = depth % kv == 0 &&
              llvm::all_of(window.getSizes().asArrayRef(), [](int64_t size) {
                return size <= kMostWindowSize;
              });
  if (fits)
    return success();
  return op.emitOpError("expected a window of at most ")
         << kMostWindowSize << " by " << kMostWindowSize
         << " and channels of whole 16 bytes for '" << kStagingAttrName
         << "' with 'resident' blocks";
}

//===----------------------------------------------------------------------===//
// The threads that copy
//===----------------------------------------------------------------------===//

Value TMAWindowKernel::getBit(Value number, int64_t first, Value condition) {
  Type i32 = b.getI32Type();
  Value bit =
      condition ? arith::ExtUIOp::create(b, i32, condition) : constantBits(1);
  Value place = arith::IndexCastUIOp::create(b, i32, add(b, number, first));
  return b.createOrFold<arith::ShLIOp>(bit, place);
}

TMAWindowKernel::Place TMAWindowKernel::locateRow(Value inTile) {
  Row row = getRow(add(b, row0, inTile));
  Value inside = constantBits(0);
  for (unsigned dim = 0; dim < 2; ++dim)
    for (int64_t i = 0; i < window.getSizes()[dim]; ++i) {
      Value number = constant(i);
      Value bit = getBit(number, dim * kMostWindowSize,
                         row.place->isInside(b, dim, number));
      inside = b.createOrFold<arith::OrIOp>(inside, bit);
    }
  if (row.isValid)
    inside = arith::SelectOp::create(b, row.isValid, inside, constantBits(0));
  Value distance = arith::SubIOp::create(b, getPixel(row), firstPixel);
  return {arith::IndexCastOp::create(b, b.getI32Type(), distance), inside};
}

void TMAWindowKernel::beginTile() {
  places.clear();
  firstPixel = getPixel(getRow(row0));
  for (int64_t row = 0; row < tiling.getRows(); row += getRowsAtOnce())
    places.push_back(locateRow(add(b, firstRow, row)));
}

void TMAWindowKernel::copyChunk(const Place &place, const Tap &tap,
                                ValueRange target) {
  Value found = arith::AndIOp::create(b, place.inside, tap.bits);
  Value isInside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, found, tap.bits);
  Value pixel = arith::IndexCastOp::create(
      b, b.getIndexType(), arith::AddIOp::create(b, place.pixel, tap.pixel));
  Value from = add(b, mul(b, pixel, depth), tap.begin);
  if (!storesPads)
    return copy(flatInput, from, sharedInput, target, kv, isInside);
  emitIf(
      isInside,
      [&] { copy(flatInput, from, sharedInput, target, kv, Value()); },
      [&] {
        Value pad = vector::BroadcastOp::create(
            b, VectorType::get({kv}, element), getPad());
        auto store = vector::StoreOp::create(b, pad, sharedInput, target);
        store.setAlignment(kChunkBytes);
      });
}

void TMAWindowKernel::copyRows(Value slot, Value firstBlock) {
  Position position = getPosition(add(b, firstBlock, chunk));
  int64_t width = window.getSizes()[1];
  Value kh = divide(position.tap, width), kw = remainder(position.tap, width);
  Value pixel =
      add(b, mul(b, kh, window.getDilations()[0] * inputType.getDimSize(2)),
          mul(b, kw, window.getDilations()[1]));
  Tap tap;
  tap.begin = add(b, mul(b, firstPixel, depth), mul(b, position.inTap, kv));
  tap.pixel = arith::IndexCastOp::create(b, b.getI32Type(), pixel);
  tap.bits =
      b.createOrFold<arith::OrIOp>(getBit(kh, 0), getBit(kw, kMostWindowSize));
  if (position.isValid) // behind the end of k nothing is inside
    tap.bits = arith::SelectOp::create(b, position.isValid, tap.bits,
                                       constantBits(1u << 31));
  Value column = mul(b, swizzle(chunk, firstRow), kv);
  Value row0 = add(b, mul(b, slot, tiling.getRows()), firstRow);
  for (auto [index, place] : llvm::enumerate(places)) {
    Value row = add(b, row0, static_cast<int64_t>(index) * getRowsAtOnce());
    copyChunk(place, tap, {row, column});
  }
}

void TMAWindowKernel::arrive(Value slot) {
  Value address = nvgpu::MBarrierGetOp::create(b, b.getI64Type(), full, slot);
  Type shared = LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared));
  Value pointer = LLVM::IntToPtrOp::create(b, shared, address);
  NVVM::CpAsyncMBarrierArriveOp::create(b, pointer, /*noinc=*/true);
  if (storesPads)
    nvgpu::MBarrierArriveOp::create(
        b, nvgpu::MBarrierTokenType::get(b.getContext()), full, slot);
}

void TMAWindowKernel::copyTiles() {
  Value isFirst = isFirstCopier();
  Value copier = remainder(thread, kWarpgroup);
  chunk = remainder(copier, staging.depth);
  firstRow = divide(copier, staging.depth);
  flatInput = flatten(b, op.getInput());
  copySteps([&](Value slot, Value firstBlock) {
    emitIf(isFirst, [&] {
      expectBytes(slot, tiling.getColumns());
      loadWeightsBox(slot, firstBlock);
    });
    copyRows(slot, firstBlock);
    arrive(slot);
  });
}

//===----------------------------------------------------------------------===//
// Those that multiply
//===----------------------------------------------------------------------===//

void TMAWindowKernel::receive() {
  NVVM::FenceProxyOp::create(
      b, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}

std::unique_ptr<ContractKernel> mpc::createTMAWindowKernel(ContractOp op) {
  return std::make_unique<TMAWindowKernel>(op);
}
