// RUN: mpc-opt %s --mpc-expand-math --split-input-file --verify-diagnostics

func.func @double(%x: f64) -> f64 {
  // expected-error @below {{has no expansion to arithmetic for 'f64'}}
  %0 = math.atan2 %x, %x : f64
  return %0 : f64
}
