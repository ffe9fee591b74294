// RUN: mpc-opt %s --mpc-extract-weights --split-input-file --verify-diagnostics

// expected-error @below {{expected elements of whole bytes or i1, but got 'i4'}}
memref.global "private" constant @w : memref<2xi4> = dense<1>
func.func @main() {
  %w = memref.get_global @w : memref<2xi4>
  return
}

// -----

memref.global "private" @state : memref<2xf32> = dense<1.0>
func.func @main() {
  // expected-error @below {{expected a constant with a value, but got 'state'}}
  %w = memref.get_global @state : memref<2xf32>
  return
}

// -----

// expected-error @below {{the value of this constant was elided: resource 'gone' has no data}}
memref.global "private" constant @w : memref<2xf32> = dense_resource<gone>
func.func @main() {
  %w = memref.get_global @w : memref<2xf32>
  return
}
