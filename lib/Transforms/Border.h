//===- Border.h - types and layouts at the model's border -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_BORDER_H
#define MPC_LIB_TRANSFORMS_BORDER_H

#include "mlir/IR/Builders.h"

namespace mpc {

/// The element type that users name u8, i8, u16, i16, i32, f16, bf16 or f32;
/// null for other names.
mlir::Type parseBorderType(llvm::StringRef name, mlir::Builder &builder);

/// Permutations of mpc.transpose between [N, C, spatial...] and [N, spatial...,
/// C].
llvm::SmallVector<int64_t>
getChannelsLast(int64_t rank); // moves them to the end
llvm::SmallVector<int64_t>
getChannelsFirst(int64_t rank); // moves them from the end to dimension 1

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_BORDER_H
