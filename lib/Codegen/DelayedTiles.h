//===- DelayedTiles.h - epilogues beside the next tile's products *- C++ -*-==//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_DELAYEDTILES_H
#define MPC_LIB_CODEGEN_DELAYEDTILES_H

#include "mpc/Codegen/OutputTile.h"

namespace mpc {

/// Buffers for the sums of two tiles. The epilogue of a tile is emitted behind
/// the products of the next one: it does not wait for them, and a processor
/// computes both at a time, the ones in tile registers, the other in vectors.
///
/// Which tile waits for its epilogue is known at run time alone; it stands in
/// memory with the buffers.
class DelayedTiles {
public:
  /// Emits the epilogue of a tile: its sums, and the two numbers that were
  /// given with it.
  using Store =
      llvm::function_ref<void(mlir::Value sums, mlir::Value, mlir::Value)>;

  /// Allocates on the stack, for sums of `rows` by `columns` of `element`. With
  /// `delays` false there is one buffer, and an epilogue follows its products:
  /// where it is long, its code twice costs more than waiting.
  DelayedTiles(mlir::ImplicitLocOpBuilder &b, int64_t rows, int64_t columns,
               mlir::Type element, bool delays);

  /// Where `columns` columns of the sums of the next tile go.
  mlir::Value getNext(mlir::ImplicitLocOpBuilder &b, int64_t columns);
  /// The next tile's sums are there: `store` for the one before, if there is
  /// one, of as many columns.
  void push(mlir::ImplicitLocOpBuilder &b, int64_t columns, mlir::Value first,
            mlir::Value second, Store store);
  /// `store` for the last one, before another `store` or at the end.
  void flush(mlir::ImplicitLocOpBuilder &b, int64_t columns, Store store);

private:
  mlir::Value load(mlir::ImplicitLocOpBuilder &b, int64_t entry);
  void save(mlir::ImplicitLocOpBuilder &b, int64_t entry, mlir::Value value);
  mlir::Value take(mlir::ImplicitLocOpBuilder &b, mlir::Value row,
                   int64_t columns);
  /// Emits `store` of what waits, where something does.
  void storeWaiting(mlir::ImplicitLocOpBuilder &b, int64_t columns,
                    Store store);

  int64_t rows;
  bool delays;
  mlir::Value sums, state;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_DELAYEDTILES_H
