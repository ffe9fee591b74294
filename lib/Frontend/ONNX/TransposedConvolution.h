//===- TransposedConvolution.h - ConvTranspose as convolutions -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_TRANSPOSEDCONVOLUTION_H
#define MPC_LIB_FRONTEND_ONNX_TRANSPOSEDCONVOLUTION_H

#include "Windows.h"

namespace mpc::frontend {

/// One entry per spatial dimension; `pads` are those at the begin, and the
/// sizes of the outputs decide those at the end.
struct TransposedWindows {
  llvm::SmallVector<int64_t> kernel, strides, dilations, pads, outputs;
};

/// The transposed convolution of `input` (N C spatial...) with `weight` (C, M /
/// groups, kernel...) in ops of the dialect; `bias` may be null. Null after an
/// error.
mlir::Value createTransposedConvolution(NodeContext &node,
                                        const TransposedWindows &windows,
                                        mlir::Value input, mlir::Value weight,
                                        mlir::Value bias, int64_t groups);

/// ONNX ConvTranspose.
void emitConvTranspose(NodeContext &node);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_TRANSPOSEDCONVOLUTION_H
