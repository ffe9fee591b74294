// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// binary C1: sizes broadcast
func.func @test(%x: tensor<?x4xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [?, 4] and [3]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.add %x, %y : (tensor<?x4xf32>, tensor<3xf32>) -> tensor<?x4xf32>
  return
}

// -----

// binary C1: the symbolic batch is no other size
func.func @test(%x: tensor<?x4xf32>, %y: tensor<2x4xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [?, 4] and [2, 4]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.mul %x, %y : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// binary C2: element types agree
func.func @test(%x: tensor<?x4xf32>, %y: tensor<4xf16>) {
  // expected-error @below {{expected operands of the same element type, but got 'f32' and 'f16'}}
  %0 = mpc.add %x, %y : (tensor<?x4xf32>, tensor<4xf16>) -> tensor<?x4xf32>
  return
}

// -----

// an op does not convert
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a result computed from elements of type 'f32', but got elements of type 'i32'}}
  %0 = mpc.relu %x : (tensor<?x4xf32>) -> tensor<?x4xi32>
  return
}

// -----

// the shape stays
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{inferred type(s) 'tensor<?x4xf32>' are incompatible with return type(s) of operation 'tensor<4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.relu %x : (tensor<?x4xf32>) -> tensor<4xf32>
  return
}

// -----

// real functions take no integers
func.func @test(%x: tensor<4xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of floating-point element or quantized type values, but got 'tensor<4xi32>'}}
  %0 = mpc.exp %x : (tensor<4xi32>) -> tensor<4xi32>
  return
}

// -----

// clip C1: the bounds are ordered
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected min <= max, but got 1.000000e+00 and 0.000000e+00}}
  %0 = mpc.clip %x {min = 1.0 : f64, max = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// clip C1: no bound is NaN
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected min <= max, but got nan and 0.000000e+00}}
  %0 = mpc.clip %x {min = 0x7FF8000000000000 : f64, max = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// cast C1: quantize and dequantize convert quantized types
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected float or integer elements, but got '!quant.uniform<u8:f32, 5.000000e-01>'}}
  %0 = mpc.cast %x : (tensor<?x4xf32>) -> tensor<?x4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// elu C1: the divisor is not 0
func.func @test(%x: tensor<4xf32>) {
  // expected-error @below {{expected a divisor other than 0, but got 0.0}}
  %0 = mpc.elu %x {alpha = 1.0, divisor = 0.0} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// cast C2: overflow belongs to small floats
func.func @test(%x: tensor<4xf32>) {
  // expected-error @below {{expected overflow only with floats of 8 or 4 bits, but the result has elements of type 'f16'}}
  %0 = mpc.cast %x {overflow = #mpc.overflow<special>} : (tensor<4xf32>) -> tensor<4xf16>
  return
}

// -----

// cast C2: rounding belongs to powers of two
func.func @test(%x: tensor<4xf32>) {
  // expected-error @below {{expected rounding only with f8E8M0FNU, but the result has elements of type 'f8E5M2'}}
  %0 = mpc.cast %x {rounding = #mpc.scale_rounding<down>} : (tensor<4xf32>) -> tensor<4xf8E5M2>
  return
}

// -----

// elements that are only stored are not computed with
func.func @test(%x: tensor<4xf8E5M2>) {
  // expected-error @below {{must be ranked tensor of floating-point element or integer element or quantized type values}}
  %0 = mpc.add %x, %x : (tensor<4xf8E5M2>, tensor<4xf8E5M2>) -> tensor<4xf8E5M2>
  return
}
