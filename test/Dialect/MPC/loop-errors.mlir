// RUN: mpc-opt %s -split-input-file -verify-diagnostics

// (C1)
func.func @extract_scalar(%x: tensor<f32>, %i: index) {
  // expected-error @+1 {{expected a sequence whose first dimension has a fixed size of at least 1, but got 'tensor<f32>'}}
  %0 = mpc.extract_step %x[%i] : tensor<f32> -> tensor<f32>
  return
}

// -----

func.func @extract_batch(%x: tensor<?x4xf32>, %i: index) {
  // expected-error @+1 {{expected a sequence whose first dimension has a fixed size of at least 1, but got 'tensor<?x4xf32>'}}
  %0 = mpc.extract_step %x[%i] : tensor<?x4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @extract_nothing(%x: tensor<0x4xf32>, %i: index) {
  // expected-error @+1 {{expected a sequence whose first dimension has a fixed size of at least 1}}
  %0 = mpc.extract_step %x[%i] : tensor<0x4xf32> -> tensor<4xf32>
  return
}

// -----

// (C2)
func.func @extract_rank(%x: tensor<2x4xf32>, %i: index) {
  // expected-error @+1 {{expected a step of 'tensor<2x4xf32>' from offset 0 on, but got 'tensor<1x4xf32>'}}
  %0 = mpc.extract_step %x[%i] : tensor<2x4xf32> -> tensor<1x4xf32>
  return
}

// -----

func.func @extract_outside(%x: tensor<2x3x4xf32>, %i: index) {
  // expected-error @+1 {{expected a step of 'tensor<2x3x4xf32>' from offset 3 on, but got 'tensor<3x2xf32>'}}
  %0 = mpc.extract_step %x[%i] {offset = 3 : i64} : tensor<2x3x4xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @extract_overflow(%x: tensor<2x3x4xf32>, %i: index) {
  // expected-error @+1 {{from offset 9223372036854775807 on}}
  %0 = mpc.extract_step %x[%i] {offset = 9223372036854775807 : i64} : tensor<2x3x4xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @extract_part_of_batch(%x: tensor<2x?xf32>, %i: index) {
  // expected-error @+1 {{expected a step of 'tensor<2x?xf32>' from offset 0 on, but got 'tensor<2xf32>'}}
  %0 = mpc.extract_step %x[%i] : tensor<2x?xf32> -> tensor<2xf32>
  return
}

// -----

// (C3)
func.func @extract_type(%x: tensor<2x4xf32>, %i: index) {
  // expected-error @+1 {{expected elements of type 'f32', but got 'f16'}}
  %0 = mpc.extract_step %x[%i] : tensor<2x4xf32> -> tensor<4xf16>
  return
}

// -----

// (C1)
func.func @insert_batch(%x: tensor<?x4xf32>, %v: tensor<4xf32>, %i: index) {
  // expected-error @+1 {{expected a sequence whose first dimension has a fixed size of at least 1, but got 'tensor<?x4xf32>'}}
  %0 = mpc.insert_step %v into %x[%i] : tensor<4xf32> into tensor<?x4xf32>
  return
}

// -----

// (C2)
func.func @insert_shape(%x: tensor<2x4xf32>, %v: tensor<3xf32>, %i: index) {
  // expected-error @+1 {{expected a step of 'tensor<2x4xf32>', but got 'tensor<3xf32>'}}
  %0 = mpc.insert_step %v into %x[%i] : tensor<3xf32> into tensor<2x4xf32>
  return
}

// -----

// (C3)
func.func @insert_type(%x: tensor<2x4xf32>, %v: tensor<4xf16>, %i: index) {
  // expected-error @+1 {{expected elements of type 'f32', but got 'f16'}}
  %0 = mpc.insert_step %v into %x[%i] : tensor<4xf16> into tensor<2x4xf32>
  return
}
