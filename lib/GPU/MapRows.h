//===- MapRows.h - rows that threads share ----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_MAPROWS_H
#define MPC_LIB_GPU_MAPROWS_H

#include "Launch.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mpc {

/// The iterations of each dimension of `loop`.
mlir::SmallVector<mlir::Value> countIterations(mlir::ImplicitLocOpBuilder &b,
                                               mlir::scf::ForallOp loop);

/// The variables of `loop` at iteration `id` of all.
void mapVariables(mlir::ImplicitLocOpBuilder &b, mlir::scf::ForallOp loop,
                  mlir::ArrayRef<mlir::Value> counts, mlir::Value id,
                  mlir::IRMapping &mapping);

/// A loop over rows with `kernel.row_threads` becomes a launch in which so many
/// threads share each row; it is erased.
mlir::LogicalResult mapRows(mlir::scf::ForallOp loop, llvm::StringRef name);

/// The loops inside of a launch with `kernel.block_threads` are divided among
/// the threads of its blocks, and buffers inside become shared memory.
mlir::LogicalResult mapToBlock(mlir::gpu::LaunchOp launch);

} // namespace mpc

#endif // MPC_LIB_GPU_MAPROWS_H
