//===- Passes.td - passes of Conversion --------------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CONVERSION_PASSES_TD
#define MPC_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertMPCToLinalg : Pass<"convert-mpc-to-linalg", "::mlir::ModuleOp"> {
  let summary = "turn groups into destination-passing functions on linalg";
  let description = [{
    Each `mpc.group` becomes a call of a private function that computes into its last arguments; groups whose code is equal
    share one function, whatever their weights. Inside, a contraction, a pool or a reduction fills and updates an accumulator, and all
    elementwise ops around it are one `linalg.generic`. `@main` keeps constants, intermediate tensors, calls and views, and
    takes its results as arguments too.

    Quantized elements become their storage integers. The zero point of a contraction's activations is folded into its bias, in C++;
    per-channel multipliers become constant arguments. Constant weights of channels-last depthwise convolutions become
    `[K..., C]`, those of `mpc.matmul` with `transpose_b` `[K, N]`.

    Before:
    ```mlir
    %y = mpc.group "relu1" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> {
      %0 = mpc.relu %a : (tensor<?x4xf32>) -> tensor<?x4xf32>
      mpc.yield %0 : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
    ```
    After (`%out` is an argument of @main):
    ```mlir
    %y = call @relu1(%x, %out) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
    ```
    with
    ```mlir
    func.func private @relu1(%x: tensor<?x4xf32>, %out: tensor<?x4xf32> {bufferization.writable = true}) -> tensor<?x4xf32> {
      %0 = linalg.generic {...} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) { ... } -> tensor<?x4xf32>
      return %0 : tensor<?x4xf32>
    }
    ```

    Precondition: `@main` holds constants, reshapes and groups only (mpc-form-groups). Postcondition: no op of the mpc dialect
    is left. What has no lowering (other rounding profiles than onnx, weights with a zero point …) is an error that names the op.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect", "::mpc::kernel::KernelDialect"];
}

#endif // MPC_CONVERSION_PASSES_TD
