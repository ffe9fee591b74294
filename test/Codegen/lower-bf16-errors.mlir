// RUN: mpc-opt %s --mpc-lower-bf16 --split-input-file --verify-diagnostics

func.func @computes(%x: bf16) -> bf16 {
  // expected-error @below {{expected bf16 values to be computed in f32}}
  %0 = arith.addf %x, %x : bf16
  return %0 : bf16
}
