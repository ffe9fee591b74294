//===- GatherRows.cpp - rows of a tile, side by side ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How kernel.contract copies what the rows of a tile read into a buffer.
//
//===----------------------------------------------------------------------===//

#include "ContractLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

void ContractLowering::emitCopy(Value source, Value row, Value column,
                                int64_t size) {
  int64_t chunk = 512 / inputType.getElementTypeBitWidth();
  auto copy = [&](Value from, int64_t width) {
    auto type = VectorType::get({width}, inputType.getElementType());
    Value value = vector::LoadOp::create(b, type, source, ValueRange{from});
    vector::StoreOp::create(b, value, gathered,
                            ValueRange{row, add(b, column, from)});
  };
  emitChunks(b, size, chunk, copy);
}

void ContractLowering::emitGatherWindow(Value row, Value r) {
  WindowRow place(b, window, inputType, outType, row);
  int64_t rows = window.getNumRows(), rowTaps = window.getRowTaps();
  int64_t pixel = inputType.getShape().back(), run = rowTaps * pixel;
  auto copyTaps = [&] {
    emitLoop(b, rows, {}, [&](Value kh, ValueRange) {
      return emitLoop(b, rowTaps, {},
                      [&](Value kw, ValueRange) -> SmallVector<Value> {
                        Value tap = add(b, mul(b, kh, rowTaps), kw);
                        emitCopy(place.getTap(b, input, pad, kh, kw), r,
                                 mul(b, tap, pixel), pixel);
                        return {};
                      });
    });
  };
  auto copyRuns = [&] {
    emitLoop(b, rows, {}, [&](Value kh, ValueRange) -> SmallVector<Value> {
      emitCopy(place.getRun(b, flatInput, padRun, kh), r, mul(b, kh, run), run);
      return {};
    });
  };
  // Pixels of one row of the window lie side by side in the input, unless they
  // are parts of longer ones.
  if (!copiesRuns() || rowTaps == 1)
    return copyTaps();
  if (!window.isPaddedAlong())
    return copyRuns();
  auto branch = scf::IfOp::create(b, TypeRange(), place.isInsideRow(b), true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  copyRuns();
  b.setInsertionPointToStart(branch.elseBlock());
  copyTaps();
}

void ContractLowering::emitGather(Value row0, int64_t height) {
  if (!hasRuns() && (!copiesRuns() || height == 1))
    return emitGatherRows(row0, height);
  auto branch =
      scf::IfOp::create(b, TypeRange(), readsRuns(row0, height), true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  if (!hasRuns())
    emitGatherRuns(row0, height);
  b.setInsertionPointToStart(branch.elseBlock());
  emitGatherRows(row0, height);
}

void ContractLowering::emitGatherRest(Value r) {
  int64_t taps = window ? window.getNumTaps() : 1;
  int64_t used = taps * inputType.getShape().back();
  if (used == depth)
    return;
  auto type = VectorType::get({depth - used}, inputType.getElementType());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  vector::StoreOp::create(b, zero, gathered,
                          ValueRange{r, indexConstant(b, used)});
}

void ContractLowering::emitGatherRows(Value row0, int64_t height) {
  int64_t pixel = inputType.getShape().back();
  emitLoop(b, height, {}, [&](Value r, ValueRange) -> SmallVector<Value> {
    Value row = add(b, row0, r);
    if (!window)
      emitCopy(rowView(b, input, row, pixel), r, indexConstant(b, 0), pixel);
    else
      emitGatherWindow(row, r);
    emitGatherRest(r);
    return {};
  });
}

void ContractLowering::emitGatherRuns(Value row0, int64_t height) {
  WindowRow place(b, window, inputType, outType, row0);
  int64_t pixel = inputType.getShape().back();
  int64_t run = window.getRowTaps() * pixel;
  SmallVector<Value> begins;
  for (int64_t kh = 0; kh < window.getNumRows(); ++kh)
    begins.push_back(place.getRunBegin(b, indexConstant(b, kh)));
  emitLoop(b, height, {}, [&](Value r, ValueRange) -> SmallVector<Value> {
    Value distance = mul(b, r, window.getRowStride() * pixel);
    for (auto [kh, begin] : llvm::enumerate(begins))
      emitCopy(sliceView(b, flatInput, add(b, begin, distance), run), r,
               indexConstant(b, static_cast<int64_t>(kh) * run), run);
    emitGatherRest(r);
    return {};
  });
}
