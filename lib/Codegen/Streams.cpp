//===- Streams.cpp - stores past the caches -------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Such stores need aligned vectors, and a result may begin at any element.
// Where a row of it has a line of the caches in common with the next one, that
// line would be read, in the middle of what is not: such rows are stored as
// ever.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpc;

/// The narrowest vectors that may be stored past the caches.
static constexpr int64_t kLeastVectorBytes = 16;

/// How far in front of a loop what it reads is asked for.
static constexpr int64_t kPrefetchBytes = 2048;

static int64_t getElementBytes(Value memref) {
  return llvm::divideCeil(
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth(), 8);
}

/// Whether `buffer` has more than `least` bytes.
static Value isLarger(ImplicitLocOpBuilder &b, Value buffer, int64_t least) {
  Value elements = indexConstant(b, 1);
  for (int64_t dim = 0; dim < cast<MemRefType>(buffer.getType()).getRank();
       ++dim)
    elements = b.createOrFold<arith::MulIOp>(
        elements, b.createOrFold<memref::DimOp>(buffer, dim));
  return b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::ugt, elements,
      indexConstant(b, least / getElementBytes(buffer)));
}

/// Whether an element is the first one of a line.
static Value beginsLine(ImplicitLocOpBuilder &b, ElementPlace place) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, place.memref);
  Value offset = metadata.getOffset();
  for (auto [index, stride] :
       llvm::zip_equal(place.indices, metadata.getStrides()))
    offset = add(b, offset, b.createOrFold<arith::MulIOp>(index, stride));
  Value pointer =
      memref::ExtractAlignedPointerAsIndexOp::create(b, place.memref);
  Value address =
      add(b, pointer, mul(b, offset, getElementBytes(place.memref)));
  return b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::eq,
      b.createOrFold<arith::AndIOp>(address, indexConstant(b, kLineBytes - 1)),
      indexConstant(b, 0));
}

/// Asks for what the loop over `iv` will read of buffers of more than `least`
/// bytes, or of unknown ones. Processors do so themselves, but not far enough
/// where an iteration computes more than it waits.
static void prefetchInputs(ImplicitLocOpBuilder &b, Value iv, int64_t least) {
  for (auto load :
       llvm::to_vector(iv.getParentBlock()->getOps<vector::LoadOp>())) {
    Value buffer = load.getBase();
    auto whole = cast<MemRefType>(getRoot(buffer).getType());
    if (load.getIndices().empty() || load.getIndices().back() != iv ||
        (whole.hasStaticShape() && getBytes(whole) <= least))
      continue;
    SmallVector<Value> indices(load.getIndices());
    indices.back() = add(b, iv, kPrefetchBytes / getElementBytes(buffer));
    prefetch(b, buffer, indices, load.getVectorType().getNumElements());
  }
}

/// Emits `loop` with stores past the caches; where `prefetchAbove` is given, it
/// asks ahead for inputs of more bytes than that.
static void emitStreamed(ImplicitLocOpBuilder &b, const VectorLoop &loop,
                         int64_t alignment,
                         std::optional<int64_t> prefetchAbove) {
  emitLoop(b, loop.begin, loop.end, loop.lanes, [&](Value iv) {
    Value value = loop.compute(iv);
    if (prefetchAbove)
      prefetchInputs(b, iv, *prefetchAbove);
    ElementPlace place = loop.getPlace(iv);
    vector::StoreOp::create(b, value, place.memref, place.indices,
                            /*nontemporal=*/true, llvm::MaybeAlign(alignment));
  });
  // Other stores do not wait for these.
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(kStreamFence), ValueRange());
}

void mpc::emitStream(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                     const TargetDescription &target, const VectorLoop &loop,
                     function_ref<void()> emitCached) {
  auto least = op->getAttrOfType<IntegerAttr>(kStreamAttrName);
  Value out = op.getDpsInits().front();
  int64_t bytes = loop.lanes * getElementBytes(out);
  int64_t alignment = std::min(bytes, target.vectorBits / 8);
  if (!least || alignment < kLeastVectorBytes)
    return emitCached();
  Value isWhole = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::eq,
      b.createOrFold<arith::RemUIOp>(
          b.createOrFold<arith::SubIOp>(loop.end, loop.begin),
          indexConstant(
              b, std::max(loop.lanes, kLineBytes / getElementBytes(out)))),
      indexConstant(b, 0));
  Value isLarge = isLarger(b, getRoot(out), least.getInt());
  Value streams = b.createOrFold<arith::AndIOp>(isWhole, isLarge);
  if (matchPattern(streams, m_Zero()))
    return emitCached();
  streams = b.createOrFold<arith::AndIOp>(
      streams, beginsLine(b, loop.getPlace(loop.begin)));
  scf::IfOp::create(
      b, streams,
      [&](OpBuilder &, Location) {
        // Rows that several loops pass over are fetched by mpc-prefetch-rows.
        std::optional<int64_t> prefetchAbove;
        if (!op->getParentOfType<scf::ForallOp>())
          prefetchAbove = least.getInt();
        emitStreamed(b, loop, alignment, prefetchAbove);
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        emitCached();
        scf::YieldOp::create(b);
      });
}
