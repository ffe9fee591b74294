// RUN: mpc-opt %s -split-input-file -mpc-store-bf16-as-integers -verify-diagnostics | FileCheck %s

// Types, scalars and vectors of constants become their bits; 1.0 is 0x3F80 = 16256, -2.0 is 0xC000 = -16384.
// CHECK-LABEL: llvm.func @move
// CHECK-SAME: (%[[A:.*]]: i16, %[[C:.*]]: i1) -> i16
// CHECK-DAG: %[[ONE:.*]] = llvm.mlir.constant(16256 : i16) : i16
// CHECK-DAG: llvm.mlir.constant(dense<-16384> : vector<4xi16>) : vector<4xi16>
// CHECK: llvm.select %[[C]], %[[A]], %[[ONE]] : i1, i16
// CHECK-NOT: bf16
llvm.func @move(%a: bf16, %c: i1) -> bf16 {
  %one = llvm.mlir.constant(1.0 : bf16) : bf16
  %two = llvm.mlir.constant(dense<-2.0> : vector<4xbf16>) : vector<4xbf16>
  %0 = llvm.select %c, %a, %one : i1, bf16
  llvm.return %0 : bf16
}

// -----

llvm.func @compute(%a: bf16) -> bf16 {
  // expected-error @below {{computes in bf16; expected f32}}
  %0 = llvm.fadd %a, %a : bf16
  llvm.return %0 : bf16
}
