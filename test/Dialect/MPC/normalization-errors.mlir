// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// normalize C1: there is an axis
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected at least one axis}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.normalize %x {axes = array<i64>, epsilon = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// normalize C1: axes are sorted
func.func @test(%x: tensor<?x4x4xf32>) {
  // expected-error @below {{expected distinct, sorted axes below the rank 3, but got 1 after 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.normalize %x {axes = array<i64: 2, 1>, epsilon = 0.0 : f64} : (tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
  return
}

// -----

// normalize C2: not over the batch
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected axes of static size, but axis 0 of 'tensor<?x4xf32>' is the symbolic batch}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.normalize %x {axes = array<i64: 0>, epsilon = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// normalize C3: epsilon is not negative
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a finite epsilon >= 0, but got -1.0}}
  %0 = mpc.normalize %x {axes = array<i64: 1>, epsilon = -1.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// normalize C3: epsilon is finite
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a finite epsilon >= 0, but got nan}}
  %0 = mpc.normalize %x {axes = array<i64: 1>, epsilon = 0x7FF8000000000000 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// normalize computes numbers
func.func @test(%x: tensor<?x4xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of floating-point element values}}
  %0 = mpc.normalize %x {axes = array<i64: 1>, epsilon = 0.0 : f64} : (tensor<?x4xi32>) -> tensor<?x4xi32>
  return
}

// -----

// cumulate C1: the axis exists
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.cumulate %x {kind = #mpc.reduce<sum>, axis = 2 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// cumulate C1: not along the batch
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected an axis of static size, but axis 0 of 'tensor<?x4xf32>' is the symbolic batch}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.cumulate %x {kind = #mpc.reduce<sum>, axis = 0 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// cumulate C2: sums and products
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected kind sum or prod, but got max}}
  %0 = mpc.cumulate %x {kind = #mpc.reduce<max>, axis = 1 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}
