// RUN: mpc-opt %s --split-input-file --verify-diagnostics

// C1 of mpc.dequantize_blocks
func.func @c1(%q: tensor<64x16xi8>, %s: tensor<16x2xbf16>) {
  // expected-error @below {{expected ui8 or ui4 values and an f32 result of one static shape, but got 'tensor<64x16xi8>' and 'tensor<64x16xf32>'}}
  %0 = mpc.dequantize_blocks %q, %s {axis = 1 : i64, block = 32 : i64} : (tensor<64x16xi8>, tensor<16x2xbf16>) -> tensor<64x16xf32>
  return
}

// -----

// C2
func.func @c2(%q: tensor<64x16xui4>, %s: tensor<16x2xbf16>) {
  // expected-error @below {{expected 0 <= axis < 2 and a block of a positive multiple of 2, but got 1 and 33}}
  %0 = mpc.dequantize_blocks %q, %s {axis = 1 : i64, block = 33 : i64} : (tensor<64x16xui4>, tensor<16x2xbf16>) -> tensor<64x16xf32>
  return
}

// -----

// C3
func.func @c3(%q: tensor<65x16xui4>, %s: tensor<16x2xbf16>) {
  // expected-error @below {{expected bf16 scales of shape 16x3, but got 'tensor<16x2xbf16>'}}
  %0 = mpc.dequantize_blocks %q, %s {axis = 1 : i64, block = 32 : i64} : (tensor<65x16xui4>, tensor<16x2xbf16>) -> tensor<65x16xf32>
  return
}

// -----

// C4
func.func @c4(%q: tensor<64x16xui8>, %s: tensor<16x2xbf16>, %t: tensor<16xf32>) {
  // expected-error @below {{expected a table of 16 f32 elements only with values of 4 bits and without zero points, but got 'tensor<16xf32>' with 'ui8'}}
  %0 = mpc.dequantize_blocks %q, %s table(%t) {axis = 1 : i64, block = 32 : i64} : (tensor<64x16xui8>, tensor<16x2xbf16>, tensor<16xf32>) -> tensor<64x16xf32>
  return
}

// -----

// C1 of #mpc.weights
// expected-error @below {{expected a block of 0 or a multiple of 2 weights, but got 31}}
func.func private @w1() attributes {w = #mpc.weights<block = 31, scheme = symmetric, activations = f32>}

// -----

// C2 of #mpc.weights
// expected-error @below {{expected activations of f32, f16 or bf16, but got int8}}
func.func private @w2() attributes {w = #mpc.weights<block = 32, scheme = symmetric, activations = int8>}
