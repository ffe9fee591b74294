//===- Passes.td - passes of Codegen --------------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_PASSES_TD
#define MPC_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Contractions: from linalg to vector code
//===----------------------------------------------------------------------===//

def DescribeTarget : Pass<"mpc-describe-target", "mlir::ModuleOp"> {
  let summary = "write what a CPU can do onto the module";
  let description = [{
    Writes `dlti.target_system_spec` for the CPU named by `march`: vector width, number of vector registers, AVX512-VNNI.
    Later passes read only this attribute, so that a description may also be written or edited by hand.

    Postcondition: `TargetDescription::read` succeeds.
  }];
  let options = [Option<"march", "march", "std::string", "\"x86-64-v3\"",
      "CPU or level as clang's -march names it; the floor is x86-64-v3">];
  let dependentDialects = ["mlir::DLTIDialect"];
}

def SelectTiling : Pass<"mpc-select-tiling", "mlir::ModuleOp"> {
  let summary = "choose register tile and instruction of each contraction";
  let description = [{
    Writes `kernel.tiling` on every linalg op that multiplies by constant weights and that kernels exist for: matrix products,
    NHWC convolutions, depthwise convolutions. The choice follows from shapes and from the target description:
    accumulators fill the vector registers, columns split evenly over 16-wide panels, and rows divide the output with
    little waste. Ops that already carry the attribute keep it. `kv` and `gather`, which decide the layout of weights,
    depend on the shapes alone, so that all instruction sets share the weights.

    Before: `linalg.generic {...} ins(%x, %w) outs(%acc)`
    After:  `linalg.generic {..., kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 64, kv = 1>} ...`

    Precondition: a target description (mpc-describe-target). Remarks: one per contraction.
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::DLTIDialect"];
}

def PackConstants : Pass<"mpc-pack-constants", "mlir::ModuleOp"> {
  let summary = "store the weights of contractions in the layout of the kernels";
  let description = [{
    For each contraction with `kernel.tiling` whose weights are a constant, or an argument of a private function that every
    caller passes a constant for: rewrites the constant into panels of 16 output channels (see the kernel dialect), once
    for each distinct constant, and puts `kernel.unpack` in front of the contraction. Where weights are no constants it
    removes `kernel.tiling`, and the contraction is lowered to loops.

    Before: `func.func private @conv(%x: ..., %w: tensor<32x3x3x64xi8>, ...)`
    After:  `func.func private @conv(%x: ..., %p: tensor<2x9x16x16x4xi8>, ...)` and
            `%w = kernel.unpack %p : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>`

    Precondition: weights are dense or dense_resource constants in memory order.
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::arith::ArithDialect"];
}

def TileAndFuse : Pass<"mpc-tile-and-fuse", "mlir::func::FuncOp"> {
  let summary = "padding, contraction and epilogue become one kernel op";
  let description = [{
    Replaces each linalg op that carries `kernel.tiling` by `kernel.contract` or `kernel.depthwise`. A `tensor.pad` of the
    input by a constant becomes part of the window. A single element-wise consumer of the result becomes the
    epilogue, if it reads the result in place and everything else by plain dimensions; otherwise the op stores its
    accumulators and the consumer stays a linalg op.

    Precondition: mpc-pack-constants. The accumulator starts as `linalg.fill` of zero; another start leaves the op alone.
    Postcondition: no `kernel.unpack` and no `kernel.tiling` on a linalg op.
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::tensor::TensorDialect"];
}

def LowerKernels : Pass<"mpc-lower-kernels", "mlir::ModuleOp"> {
  let summary = "kernels and remaining linalg ops become loops over tiles";
  let description = [{
    On memrefs. `kernel.contract` becomes an implicit matrix product: an `scf.forall` over blocks of output rows or of
    columns, in it loops over register tiles, each of them `kernel.inner_tile` per tap of the window and then the epilogue on
    vectors. Row pointers into the padding point at a constant row of pad values, so that inner loops check nothing.
    A last tile of rows moves back to stay inside the output and recomputes some rows; where the output may be smaller than a
    tile, single rows remain. A last ragged panel is computed in full and stored in part. `kernel.depthwise` becomes loops over
    pixels and channel vectors. Every other linalg op becomes `scf.forall` over its outer parallel dimensions and plain
    loops within.

    `mpc.cost` on `scf.forall` estimates one iteration in nanoseconds.

    Precondition: bufferized; operands of kernels are contiguous. Stack buffers are `memref.alloca` inside `scf.forall`.
    Postcondition: no linalg op, no kernel op but `kernel.inner_tile`.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::memref::MemRefDialect",
      "mlir::scf::SCFDialect", "mlir::vector::VectorDialect", "mpc::kernel::KernelDialect"];
}

def LowerInnerTiles : Pass<"mpc-lower-inner-tiles", "mlir::ModuleOp"> {
  let summary = "register tiles become loops of the named instruction";
  let description = [{
    `kernel.inner_tile` becomes an `scf.for` over k blocks that carries the accumulators as one-dimensional vectors:
    `vector.fma`, `llvm.x86.avx512.vpdpbusd.512`, or widening and `pmadd.wd`. f16 and bf16 operands are widened in
    registers.

    Precondition: a target description.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
      "mlir::vector::VectorDialect", "mlir::LLVM::LLVMDialect"];
}

#endif // MPC_CODEGEN_PASSES_TD
