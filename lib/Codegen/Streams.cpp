//===- Streams.cpp - stores past the caches -------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Such stores need aligned vectors, and a result may begin at any element. The
// first and the last vector of a row then stand where they fall and overlap
// with those between them. They are computed before and stored after these: a
// result may be written over what it is made of.
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

/// The elements from a place up to the next address that is a multiple of
/// `alignment`, a power of two.
static Value countUnaligned(ImplicitLocOpBuilder &b, ElementPlace place,
                            int64_t alignment) {
  int64_t bytes = getElementBytes(place.memref);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, place.memref);
  Value offset = metadata.getOffset();
  for (auto [index, stride] :
       llvm::zip_equal(place.indices, metadata.getStrides()))
    offset = add(b, offset, b.createOrFold<arith::MulIOp>(index, stride));
  Value pointer =
      memref::ExtractAlignedPointerAsIndexOp::create(b, place.memref);
  Value address = add(b, pointer, mul(b, offset, bytes));
  Value missing = b.createOrFold<arith::AndIOp>(
      b.createOrFold<arith::SubIOp>(indexConstant(b, 0), address),
      indexConstant(b, alignment - 1));
  return b.createOrFold<arith::DivUIOp>(missing, indexConstant(b, bytes));
}

static void emitStreamed(ImplicitLocOpBuilder &b, const VectorLoop &loop,
                         VectorType type, int64_t alignment) {
  Value lead = countUnaligned(b, loop.getPlace(loop.begin), alignment);
  Value last = add(b, loop.end, -loop.lanes);
  Value rest = b.createOrFold<arith::RemUIOp>(
      b.createOrFold<arith::SubIOp>(loop.end, loop.begin),
      indexConstant(b, loop.lanes));
  Value hasEdges = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::ne, b.createOrFold<arith::OrIOp>(lead, rest),
      indexConstant(b, 0));
  auto edges = scf::IfOp::create(
      b, hasEdges,
      [&](OpBuilder &, Location) {
        Value first = loop.compute(loop.begin);
        scf::YieldOp::create(b, ValueRange{first, loop.compute(last)});
      },
      [&](OpBuilder &, Location) {
        Value none = arith::ConstantOp::create(b, b.getZeroAttr(type));
        scf::YieldOp::create(b, ValueRange{none, none});
      });
  auto store = [&](Value value, Value at, bool isStreamed) {
    ElementPlace place = loop.getPlace(at);
    vector::StoreOp::create(b, value, place.memref, place.indices, isStreamed,
                            isStreamed ? llvm::MaybeAlign(alignment)
                                       : llvm::MaybeAlign());
  };
  emitLoop(b, add(b, loop.begin, lead), add(b, last, 1), loop.lanes,
           [&](Value iv) { store(loop.compute(iv), iv, true); });
  scf::IfOp::create(b, hasEdges, [&](OpBuilder &, Location) {
    store(edges.getResult(0), loop.begin, false);
    store(edges.getResult(1), last, false);
    scf::YieldOp::create(b);
  });
  // Other stores do not wait for these.
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.x86.sse.sfence"),
                                ValueRange());
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
  Value isLong = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::uge,
      b.createOrFold<arith::SubIOp>(loop.end, loop.begin),
      indexConstant(b, loop.lanes));
  Value isLarge = isLarger(b, getRoot(out), least.getInt());
  Value streams = b.createOrFold<arith::AndIOp>(isLong, isLarge);
  auto type =
      VectorType::get({loop.lanes}, getElementTypeOrSelf(out.getType()));
  if (matchPattern(streams, m_Zero()))
    return emitCached();
  if (matchPattern(streams, m_One()))
    return emitStreamed(b, loop, type, alignment);
  scf::IfOp::create(
      b, streams,
      [&](OpBuilder &, Location) {
        emitStreamed(b, loop, type, alignment);
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        emitCached();
        scf::YieldOp::create(b);
      });
}
