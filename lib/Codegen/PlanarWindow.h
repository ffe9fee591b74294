//===- PlanarWindow.h - windows of lanes that are pixels --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_PLANARWINDOW_H
#define MPC_LIB_CODEGEN_PLANARWINDOW_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "mpc/Codegen/ContractionInfo.h"

namespace mpc {

/// The window of a convolution whose lanes are pixels, (b, h, w, c) to
/// (b, oh, ow, n), and what it is computed as.
///
/// A column of taps that meets all pixels of a row, which has no padding at its
/// ends, meets those of all rows in the same way: they are one row, in which
/// the taps are a width apart. Vectors are full then, whatever the width. Where
/// several iterations are worth it, rows stay apart.
struct PlanarWindow {
  /// `kv` channels are multiplied at a time.
  PlanarWindow(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides,
               llvm::ArrayRef<int64_t> dilations, mlir::ShapedType input,
               mlir::ShapedType out, int64_t kv);

  llvm::SmallVector<int64_t, 2> sizes, strides, dilations;
  int64_t inHeight, inWidth, outHeight, outWidth;
  /// Rows of pixels are one; `inWidth` and `outWidth` are those of all.
  bool isOneRow = false;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_PLANARWINDOW_H
