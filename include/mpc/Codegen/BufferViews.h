//===- BufferViews.h - what passes over rows know of buffers ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For passes that look through views of buffers, and put smaller buffers, with
// room for some rows, in the place of whole ones.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_BUFFERVIEWS_H
#define MPC_CODEGEN_BUFFERVIEWS_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mpc {

/// Whether `op` is a view that these passes look through: another shape, or a
/// part.
bool isView(mlir::Operation *op);

/// The buffer behind views of any kind.
mlir::Value getRoot(mlir::Value buffer);

/// Whether a part of a buffer has the whole of dimension `dim`.
bool keepsDimension(mlir::memref::SubViewOp view, unsigned dim);

/// The bytes that a buffer has room for; unknown sizes count as 1.
int64_t getBytes(mlir::MemRefType type);

/// Where the size of a buffer's dimension comes from: a number (of no value),
/// another value, or dimension -1 - number of a buffer.
std::pair<mlir::Value, int64_t> getExtent(mlir::Value buffer, int64_t dim);

/// `view` once more, of `source`, whose shape differs: the result has `shape`.
/// Of a part, unknown sizes stay as they are.
mlir::Value createView(mlir::OpBuilder &builder, mlir::Operation *view,
                       mlir::Value source, llvm::ArrayRef<int64_t> shape);

/// Erases buffers and all that uses them, such as views.
void eraseWithViews(llvm::ArrayRef<mlir::Value> buffers);

} // namespace mpc

#endif // MPC_CODEGEN_BUFFERVIEWS_H
