//===- Staging.h - how a GPU's block shares a tile --------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_STAGING_H
#define MPC_CODEGEN_STAGING_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"

namespace mpc {

/// Discardable attribute of a contraction whose tiling is `mma` or `wgmma`: a
/// dictionary of the numbers of Staging. It goes from the linalg op to
/// kernel.contract.
constexpr llvm::StringLiteral kStagingAttrName = "kernel.staging";

/// A warp, with wgmma a group of four, computes `warpRows` by `warpColumns`
/// outputs of the block's tile. Operands pass through shared memory in `stages`
/// pieces of `depth` k blocks (kv values: 4 bytes, 16 with wgmma); one is
/// multiplied while the others are being filled. With several `slices` of k,
/// each has blocks of its own, and a second kernel adds up their sums.
///
/// With wgmma and `resident` blocks there are that many at most: they take tile
/// after tile, and one more group of four warps does nothing but copy.
/// 0: a block for each tile, all of whose threads copy.
struct Staging {
  int64_t warpRows = 0, warpColumns = 0, depth = 0, stages = 0, slices = 1;
  int64_t resident = 0;

  mlir::DictionaryAttr toAttribute(mlir::Builder b) const {
    auto entry = [&](llvm::StringRef name, int64_t value) {
      return b.getNamedAttr(name, b.getI64IntegerAttr(value));
    };
    llvm::SmallVector<mlir::NamedAttribute> entries = {
        entry("warp_rows", warpRows), entry("warp_columns", warpColumns),
        entry("depth", depth), entry("stages", stages),
        entry("slices", slices)};
    if (resident)
      entries.push_back(entry("resident", resident));
    return b.getDictionaryAttr(entries);
  }

  /// What `op` carries; numbers that are missing are 0, slices 1.
  static Staging read(mlir::Operation *op) {
    auto values = op->getAttrOfType<mlir::DictionaryAttr>(kStagingAttrName);
    auto get = [&](llvm::StringRef name) {
      auto value =
          values ? values.getAs<mlir::IntegerAttr>(name) : mlir::IntegerAttr();
      return value ? value.getInt() : 0;
    };
    return {get("warp_rows"),
            get("warp_columns"),
            get("depth"),
            get("stages"),
            std::max<int64_t>(get("slices"), 1),
            get("resident")};
  }
};

} // namespace mpc

#endif // MPC_CODEGEN_STAGING_H
