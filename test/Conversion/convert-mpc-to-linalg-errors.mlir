// RUN: mpc-opt %s -split-input-file -verify-diagnostics -convert-mpc-to-linalg

// The entry function must have been grouped.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'mpc.relu' op expected only constants, reshapes, control flow and groups in the entry function; run mpc-form-groups first}}
  %y = mpc.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected a function @main with a body}}
module {
  func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

// expected-error @+1 {{'func.func' op expected inputs that are ranked tensors, but got 'f32'}}
func.func @main(%x: f32) {
  return
}

// -----

// Integer profiles subtract one zero point.
!a = !quant.uniform<i32:f32:0, {0.5:1, 0.5:2, 0.5, 0.5}>
!y = !quant.uniform<u8:f32, 0.5>
func.func @main(%x: tensor<4x!a>) -> tensor<4x!y> {
  %y = mpc.group "y" ins(%a = %x : tensor<4x!a>) -> tensor<4x!y> {
    // expected-error @+1 {{'mpc.requantize' op expected a type with one zero point, quantized per tensor or per axis}}
    %0 = mpc.requantize %a {rounding = #mpc.rounding<tflite>} : (tensor<4x!a>) -> tensor<4x!y>
    mpc.yield %0 : tensor<4x!y>
  }
  return %y : tensor<4x!y>
}

// -----

// The zero point of activations is folded at compile time.
!x = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8:f32, 0.25>
!a = !quant.uniform<i32:f32, 0.125>
func.func @main(%x: tensor<?x4x!x>, %w: tensor<4x2x!w>) -> tensor<?x2x!a> {
  %y = mpc.group "y" ins(%a = %x, %b = %w : tensor<?x4x!x>, tensor<4x2x!w>) -> tensor<?x2x!a> {
    // expected-error @+1 {{'mpc.matmul' op expected constant weights, since the activations' zero point is 3}}
    %0 = mpc.matmul %a, %b : (tensor<?x4x!x>, tensor<4x2x!w>) -> tensor<?x2x!a>
    mpc.yield %0 : tensor<?x2x!a>
  }
  return %y : tensor<?x2x!a>
}

// -----

!x = !quant.uniform<u8:f32:0, {0.5:3, 0.25:4}>
func.func @main(%x: tensor<2xf32>) -> tensor<2x!x> {
  %y = mpc.group "y" ins(%a = %x : tensor<2xf32>) -> tensor<2x!x> {
    // expected-error @+1 {{'mpc.quantize' op quantization with a zero point per channel is not supported yet}}
    %0 = mpc.quantize %a : (tensor<2xf32>) -> tensor<2x!x>
    mpc.yield %0 : tensor<2x!x>
  }
  return %y : tensor<2x!x>
}

// -----

!x = !quant.uniform<u8:f32, 0.5:3>
func.func @main(%x: tensor<2x2x!x>) -> tensor<2x!x> {
  %y = mpc.group "y" ins(%a = %x : tensor<2x2x!x>) -> tensor<2x!x> {
    // expected-error @+1 {{'mpc.reduce' op reduction prod of '!quant.uniform<u8:f32, 5.000000e-01:3>' is not supported yet}}
    %0 = mpc.reduce %a {kind = #mpc.reduce<prod>, axes = array<i64: 1>, keepdims = false} : (tensor<2x2x!x>) -> tensor<2x!x>
    mpc.yield %0 : tensor<2x!x>
  }
  return %y : tensor<2x!x>
}

// -----

// Every symbolic size is the batch of an input.
func.func @main(%x: tensor<1x4xf32>) -> tensor<?x4xf32> {
  %y = mpc.group "y" ins(%a = %x : tensor<1x4xf32>) -> tensor<?x4xf32> {
    %0 = mpc.broadcast %a : (tensor<1x4xf32>) -> tensor<?x4xf32>
    mpc.yield %0 : tensor<?x4xf32>
  }
  // expected-error @below {{'mpc.group' op expected a model input with the symbolic size of 'tensor<?x4xf32>'}}
  %z = mpc.group "z" ins(%a = %x : tensor<1x4xf32>) -> tensor<?x4xf32> {
    %0 = mpc.broadcast %a : (tensor<1x4xf32>) -> tensor<?x4xf32>
    mpc.yield %0 : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}

// -----

// A size that nothing at the border of the group has.
func.func @main(%x: tensor<1x4xf32>) -> tensor<2xf32> {
  %y = mpc.group "y" ins(%a = %x : tensor<1x4xf32>) -> tensor<2xf32> {
    // expected-error @+1 {{'mpc.broadcast' op expected an operand or a result of the group with the symbolic size of 'tensor<?x4xf32>'}}
    %0 = mpc.broadcast %a : (tensor<1x4xf32>) -> tensor<?x4xf32>
    %1 = mpc.observe "y" %0 : (tensor<?x4xf32>) -> tensor<2xf32>
    mpc.yield %1 : tensor<2xf32>
  }
  return %y : tensor<2xf32>
}
