//===- TileRegisterTiling.h - tiles of sums in tile registers ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_TILEREGISTERTILING_H
#define MPC_LIB_CODEGEN_TILEREGISTERTILING_H

#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {

/// How many bf16 numbers a floating-point number of a type is the sum of.
int64_t countPieces(mlir::Type type);

/// The tile of a contraction whose sums are in tile registers.
class TileRegisterTiling {
public:
  TileRegisterTiling(mlir::linalg::LinalgOp op, const ContractionInfo &info,
                     const TargetDescription &target);

  /// The tile, if there may be one; sets what a row of output costs, in cycles.
  kernel::TilingAttr get(double &cost) const;

private:
  /// Of a window that is read in place.
  kernel::TilingAttr getWindow(double &cost) const;
  /// Of rows by weights in blocks.
  kernel::TilingAttr getBlocks(double &cost) const;
  /// Of rows that are as far apart as they are long, maybe after a copy.
  kernel::TilingAttr getRows(double &cost) const;
  /// Cycles of a row where registers have `height` rows and sums take `steps`
  /// products; tiles cover `covered` rows.
  double getCost(int64_t height, int64_t steps, int64_t covered) const;
  kernel::TilingAttr create(int64_t rows, int64_t panels, bool gather) const;

  mlir::linalg::LinalgOp op;
  const ContractionInfo &info;
  const TargetDescription &target;
  /// Of an element; 0 where the instructions do not multiply such.
  int64_t bytes = 0, kv = 0;
  int64_t taps, total, allPanels;
  /// Rows are those of the input, one after the other.
  bool isPointwise;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_TILEREGISTERTILING_H
