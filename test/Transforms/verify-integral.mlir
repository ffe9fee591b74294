// RUN: mpc-opt %s -split-input-file -mpc-verify-integral -verify-diagnostics

!q = !quant.uniform<u8:f32, 0.5:3>

// Bytes of what the model takes, and numbers of what it gives, may be floating point.
func.func @borders(%x: tensor<2x4xf32> {mpc.name = "x"}) -> tensor<8xf32> {
  %q = mpc.group "quantize:x" ins(%a = %x : tensor<2x4xf32>) -> tensor<2x4x!q> {
    %0 = mpc.quantize %a : (tensor<2x4xf32>) -> tensor<2x4x!q>
    mpc.yield %0 : tensor<2x4x!q>
  }
  %y = mpc.group "relu" ins(%a = %q : tensor<2x4x!q>) -> tensor<2x4xf32> {
    %0 = mpc.relu %a : (tensor<2x4x!q>) -> tensor<2x4x!q>
    %1 = mpc.dequantize %0 : (tensor<2x4x!q>) -> tensor<2x4xf32>
    mpc.yield %1 : tensor<2x4xf32>
  }
  %z = mpc.reshape %y : (tensor<2x4xf32>) -> tensor<8xf32>
  return %z : tensor<8xf32>
}

// -----

!q = !quant.uniform<u8:f32, 0.5:3>

// Everything between is listed, with the kind and the reason.
// expected-error @unknown {{not fully integral: 2 groups compute in floating point: 'sum' (softmax: softmax is computed in floating point only), 'act' (tanh: reads what has no calibrated range)}}
module {
  func.func @main(%x: tensor<2x4x!q>) -> tensor<2x4xf32> {
    %y = mpc.group "sum" ins(%a = %x : tensor<2x4x!q>) -> tensor<2x4xf32> attributes {reason = "int8 refused: softmax is computed in floating point only"} {
      %0 = mpc.dequantize %a : (tensor<2x4x!q>) -> tensor<2x4xf32>
      %1 = mpc.softmax %0 {axis = 1 : i64} : (tensor<2x4xf32>) -> tensor<2x4xf32>
      mpc.yield %1 : tensor<2x4xf32>
    }
    %z = mpc.group "act" ins(%a = %y : tensor<2x4xf32>) -> tensor<2x4xf32> attributes {reason = "asked; in floating point: reads what has no calibrated range"} {
      %0 = mpc.tanh %a : (tensor<2x4xf32>) -> tensor<2x4xf32>
      mpc.yield %0 : tensor<2x4xf32>
    }
    return %z : tensor<2x4xf32>
  }
}

// -----

!q = !quant.uniform<u8:f32, 0.5:3>

// Bytes are added in f32 where nothing rescales them.
// expected-error @unknown {{not fully integral: 1 group computes in floating point: 'sum' (add)}}
module {
  func.func @main(%x: tensor<2x4x!q>) -> tensor<2x4x!q> {
    %y = mpc.group "sum" ins(%a = %x : tensor<2x4x!q>) -> tensor<2x4x!q> {
      %0 = mpc.add %a, %a : (tensor<2x4x!q>, tensor<2x4x!q>) -> tensor<2x4x!q>
      mpc.yield %0 : tensor<2x4x!q>
    }
    return %y : tensor<2x4x!q>
  }
}
