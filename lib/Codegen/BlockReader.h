//===- BlockReader.h - weights in blocks to vectors -------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_BLOCKREADER_H
#define MPC_LIB_CODEGEN_BLOCKREADER_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {

/// Emits code that reads panels of weights in blocks (#kernel.blocks) from
/// start to end. A weight is the same f32 number on every instruction set.
class BlockReader {
public:
  /// `stream` is a memref of panels × bytes; `vectorBits` those of the target.
  BlockReader(mlir::ImplicitLocOpBuilder &b, kernel::BlocksAttr blocks,
              mlir::Value stream, int64_t vectorBits)
      : b(b), blocks(blocks), stream(stream), vectorBits(vectorBits) {}

  /// Emits the body for weight `k` of `count` panels from `panel` on: one
  /// vector of 16 f32 per panel. `carried` go from one k to the next; returns
  /// what they are in the end.
  using Body = llvm::function_ref<void(
      mlir::Value k, mlir::ArrayRef<mlir::Value> weights,
      mlir::MutableArrayRef<mlir::Value> carried)>;
  mlir::SmallVector<mlir::Value> forEach(mlir::Value panel, int64_t count,
                                         mlir::ValueRange init, Body body);

  /// Emits `body` for each pair of the 32 weights from `k` on of a panel, all
  /// of one block: the integers q - z of two neighbours, bf16, side by side for
  /// one lane after the other. Only without a table.
  void readIntegers(mlir::Value panel, mlir::Value k,
                    llvm::function_ref<void(int64_t pair, mlir::Value)> body);
  /// The scales of weight `k` of a panel.
  mlir::Value readScales(mlir::Value panel, mlir::Value k) {
    return loadScales(panel, 0, getRunOffset(k));
  }

private:
  /// `size` bytes of panel `panel` + `p` from byte `offset` on.
  mlir::Value load(mlir::Value panel, int64_t p, mlir::Value offset,
                   int64_t size);
  /// Where in a panel the run of weight `k` begins.
  mlir::Value getRunOffset(mlir::Value k);
  /// In f32, of panel `panel` + `p`, whose run begins at `offset`.
  mlir::Value loadScales(mlir::Value panel, int64_t p, mlir::Value offset);
  mlir::Value loadZeroPoints(mlir::Value panel, int64_t p, mlir::Value offset);
  mlir::SmallVector<mlir::Value> emitRun(mlir::Value panel, int64_t count,
                                         mlir::Value offset, mlir::Value first,
                                         int64_t length, mlir::ValueRange init,
                                         Body body);
  mlir::Value toFloat(mlir::Value integers);
  /// Integer `i` of each lane of a group (#kernel.blocks), in f32, one of 4
  /// bits times 16; or what the blocks' table has for it.
  mlir::Value getInteger(mlir::Value group, int64_t i);
  mlir::Value lookUp(mlir::Value indices);
  /// That as a weight; `offset` is the zero point's number, less than 0, unless
  /// the blocks have a table.
  mlir::Value dequantize(mlir::Value group, int64_t i, mlir::Value scale,
                         mlir::Value offset);

  mlir::VectorType lanesOf(mlir::Type element) const;
  mlir::VectorType lanesOf(unsigned bits) const;
  mlir::Value splat(unsigned bits, int64_t value);

  mlir::ImplicitLocOpBuilder &b;
  kernel::BlocksAttr blocks;
  mlir::Value stream;
  int64_t vectorBits;
  /// The levels of 4 bits: the blocks', or 16 times the integers from 0 to 15
  /// where an instruction looks them up; for `readIntegers` those.
  mlir::Value table;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_BLOCKREADER_H
