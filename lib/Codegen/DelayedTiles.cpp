//===- DelayedTiles.cpp - epilogues beside the next tile's products -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DelayedTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mpc;

/// Entries of the state: the first row of the buffer for the next tile, whether
/// a tile waits (in the other one), and what was given with it.
enum { kNext, kWaits, kFirst, kSecond, kNumEntries };

DelayedTiles::DelayedTiles(ImplicitLocOpBuilder &b, int64_t rows,
                           int64_t columns, Type element, bool delays)
    : rows(rows), delays(delays) {
  auto allocate = [&](ArrayRef<int64_t> shape, Type type) -> Value {
    return memref::AllocaOp::create(b, MemRefType::get(shape, type),
                                    b.getI64IntegerAttr(kBufferAlignment));
  };
  sums = allocate({delays ? 2 * rows : rows, columns}, element);
  if (!delays)
    return;
  state = allocate({kNumEntries}, b.getI64Type());
  save(b, kNext, indexConstant(b, 0));
  save(b, kWaits, indexConstant(b, 0));
}

Value DelayedTiles::load(ImplicitLocOpBuilder &b, int64_t entry) {
  Value value = memref::LoadOp::create(b, state, indexConstant(b, entry));
  return arith::IndexCastOp::create(b, b.getIndexType(), value);
}

void DelayedTiles::save(ImplicitLocOpBuilder &b, int64_t entry, Value value) {
  value = arith::IndexCastOp::create(b, b.getI64Type(), value);
  memref::StoreOp::create(b, value, state, indexConstant(b, entry));
}

Value DelayedTiles::take(ImplicitLocOpBuilder &b, Value row, int64_t columns) {
  SmallVector<OpFoldResult> offsets = {getAsOpFoldResult(row),
                                       b.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(rows),
                                     b.getIndexAttr(columns)};
  SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
  return memref::SubViewOp::create(b, sums, offsets, sizes, ones);
}

Value DelayedTiles::getNext(ImplicitLocOpBuilder &b, int64_t columns) {
  return take(b, delays ? load(b, kNext) : indexConstant(b, 0), columns);
}

void DelayedTiles::storeWaiting(ImplicitLocOpBuilder &b, int64_t columns,
                                Store store) {
  Value waits = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                      load(b, kWaits), indexConstant(b, 0));
  auto branch = scf::IfOp::create(b, TypeRange(), waits, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value other =
      arith::SubIOp::create(b, indexConstant(b, rows), load(b, kNext));
  store(take(b, other, columns), load(b, kFirst), load(b, kSecond));
}

void DelayedTiles::push(ImplicitLocOpBuilder &b, int64_t columns, Value first,
                        Value second, Store store) {
  if (!delays)
    return store(getNext(b, columns), first, second);
  storeWaiting(b, columns, store);
  Value other =
      arith::SubIOp::create(b, indexConstant(b, rows), load(b, kNext));
  save(b, kNext, other);
  save(b, kWaits, indexConstant(b, 1));
  save(b, kFirst, first);
  save(b, kSecond, second);
}

void DelayedTiles::flush(ImplicitLocOpBuilder &b, int64_t columns,
                         Store store) {
  if (!delays)
    return;
  storeWaiting(b, columns, store);
  save(b, kWaits, indexConstant(b, 0));
}
