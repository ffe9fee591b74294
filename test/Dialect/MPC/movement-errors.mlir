// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// reshape C1: as many elements
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected as many elements on both sides, but got 'tensor<?x4xf32>' and 'tensor<?x5xf32>'}}
  %0 = mpc.reshape %x : (tensor<?x4xf32>) -> tensor<?x5xf32>
  return
}

// -----

// reshape C1: the batch does not go
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected the symbolic batch once on both sides or on neither}}
  %0 = mpc.reshape %x : (tensor<?x4xf32>) -> tensor<4xf32>
  return
}

// -----

// reshape C2: element types agree
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected operand #0 to have the result's element type 'i32', but got 'f32'}}
  %0 = mpc.reshape %x : (tensor<?x4xf32>) -> tensor<?x2x2xi32>
  return
}

// -----

// transpose C1: perm is a permutation
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected perm to be a permutation of 2 dimensions, but got [0, 0]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.transpose %x {perm = array<i64: 0, 0>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// transpose C1: perm has every dimension
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected perm to be a permutation of 2 dimensions, but got [0]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.transpose %x {perm = array<i64: 0>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// concat C1: an operand
func.func @test() {
  // expected-error @below {{expected at least one operand}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.concat {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

// concat C1: the axis exists
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.concat %x, %x {axis = 2 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// concat C2: other sizes agree
func.func @test(%x: tensor<?x4xf32>, %y: tensor<2x4xf32>) {
  // expected-error @below {{expected sizes that agree in all dimensions but 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.concat %x, %y {axis = 1 : i64} : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// concat C2: not along the batch
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a static size along the axis, but got 'tensor<?x4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.concat %x, %x {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// concat C3: element types agree
func.func @test(%x: tensor<?x4xf32>, %y: tensor<?x1xf16>) {
  // expected-error @below {{expected operand #1 to have the result's element type 'f32', but got 'f16'}}
  %0 = mpc.concat %x, %y {axis = 1 : i64} : (tensor<?x4xf32>, tensor<?x1xf16>) -> tensor<?x5xf32>
  return
}

// -----

// slice C1: one entry per dimension
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 2 starts, sizes and steps, but got 1, 2 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.slice %x {starts = array<i64: 0>, sizes = array<i64: -1, 4>, steps = array<i64: 1, 1>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// slice C1: steps are not 0
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected steps other than 0, but dimension 1 has it}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.slice %x {starts = array<i64: 0, 0>, sizes = array<i64: -1, 4>, steps = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// slice C2: elements inside
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected elements inside the input, but dimension 1 of size 4 has start 1, size 2 and step 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.slice %x {starts = array<i64: 0, 1>, sizes = array<i64: -1, 2>, steps = array<i64: 1, 3>} : (tensor<?x4xf32>) -> tensor<?x2xf32>
  return
}

// -----

// slice C2: negative steps stay inside
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected elements inside the input, but dimension 1 of size 4 has start 1, size 3 and step -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.slice %x {starts = array<i64: 0, 1>, sizes = array<i64: -1, 3>, steps = array<i64: 1, -1>} : (tensor<?x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

// slice C2: the batch is whole
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected start 0, size -1 and step 1 in the symbolic dimension 0, but got 0, 2 and 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.slice %x {starts = array<i64: 0, 0>, sizes = array<i64: 2, 4>, steps = array<i64: 1, 1>} : (tensor<?x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

// pad C1: one entry per dimension
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 2 entries of low and high, but got 1 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.pad %x {low = array<i64: 0>, high = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// pad C1: not negative
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected padding >= 0, but dimension 1 has -1 and 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.pad %x {low = array<i64: 0, -1>, high = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// pad C1: not of the batch
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected no padding in the symbolic dimension 0, but got 1 and 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.pad %x {low = array<i64: 1, 0>, high = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// broadcast C1: the input's shape broadcasts
func.func @test(%x: tensor<3xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [3] and [?, 4]}}
  %0 = mpc.broadcast %x : (tensor<3xf32>) -> tensor<?x4xf32>
  return
}

// -----

// broadcast C1: to the result's
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected an input that broadcasts to 'tensor<4xf32>', but got 'tensor<?x4xf32>'}}
  %0 = mpc.broadcast %x : (tensor<?x4xf32>) -> tensor<4xf32>
  return
}

// -----

// broadcast C2: element types agree
func.func @test(%x: tensor<4xf32>) {
  // expected-error @below {{expected operand #0 to have the result's element type 'f16', but got 'f32'}}
  %0 = mpc.broadcast %x : (tensor<4xf32>) -> tensor<?x4xf16>
  return
}

// -----

// pad C2: nothing to mirror
func.func @test(%x: tensor<2x0xf32>) {
  // expected-error @below {{expected elements to pad with in dimension 1 of 'tensor<2x0xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.pad %x {low = array<i64: 0, 1>, high = array<i64: 0, 0>, value = 0.0 : f64, mode = #mpc.pad<edge>} : (tensor<2x0xf32>) -> tensor<2x1xf32>
  return
}
