// RUN: mpc-opt --mpc-verify-precision --split-input-file --verify-diagnostics %s

// V1: a float product in an int8 group
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>} {
    // expected-error @below {{in group 'fc' of precision int8: expected operand #0 of 8-bit quantized elements, but got 'f32'}}
    %1 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}

// -----

// V2: wider operands than the group's precision
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<bf16>} {
    // expected-error @below {{in group 'fc' of precision bf16: expected operand #0 of 'bf16' elements, but got 'f32'}}
    %1 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}

// -----

// V2: a narrow accumulator
func.func @main(%x: tensor<?x2xf16>) -> tensor<?x2xf16> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf16> -> tensor<2x2xf16>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf16> attributes {precision = #mpc.precision<f16>} {
    // expected-error @below {{in group 'fc' of precision f16: expected an accumulator of f32 elements, but got 'f16'}}
    %1 = mpc.matmul %a, %k : (tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf16>
    mpc.yield %1 : tensor<?x2xf16>
  }
  return %0 : tensor<?x2xf16>
}

// -----

// V3: wide storage between groups
func.func @main(%x: tensor<?x2xf16>) -> tensor<?x2xf32> {
  // expected-error @below {{'wide': expected to store f16 elements, but got 'f32'}}
  %0 = mpc.group "wide" ins(%a = %x : tensor<?x2xf16>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<f16>} {
    %1 = mpc.relu %a : (tensor<?x2xf16>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %2 = mpc.group "last" ins(%a = %0 : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<f16>} {
    %3 = mpc.relu %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  return %2 : tensor<?x2xf32>
}

// -----

// V4: an accumulator that leaves its group
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32, 0.25>
!acc = !quant.uniform<i32:f32, 0.125>
func.func @main(%x: tensor<?x2x!x>, %w: tensor<2x2x!w>) -> tensor<?x2x!acc> {
  // expected-error @below {{'fc': expected to store quantized elements of 8 or 16 bits, but got '!quant.uniform<i32:f32, 1.250000e-01>'}}
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2x!x>, tensor<2x2x!w>) -> tensor<?x2x!acc> attributes {precision = #mpc.precision<int8>} {
    %1 = mpc.matmul %a, %k : (tensor<?x2x!x>, tensor<2x2x!w>) -> tensor<?x2x!acc>
    mpc.yield %1 : tensor<?x2x!acc>
  }
  return %0 : tensor<?x2x!acc>
}

// V5 has no case: a type with such a scale can be built, but not written down.

// -----

// V6: weights that are numbers already
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<w4>} {
    // expected-error @below {{in group 'fc' of precision w4: expected weights of mpc.dequantize_blocks from integers of 4 bits, but got 'tensor<2x2xf32>'}}
    %1 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}

// -----

// V6: activations of another type than the format's
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %q = mpc.constant dense<5> : tensor<2x2xui8> -> tensor<2x2xui8>
  %s = mpc.constant dense<0.5> : tensor<2x1xbf16> -> tensor<2x1xbf16>
  %0 = mpc.group "fc" ins(%a = %x, %k = %q, %l = %s : tensor<?x2xf32>, tensor<2x2xui8>, tensor<2x1xbf16>) -> tensor<?x2xf32>
      attributes {precision = #mpc.precision<w8>, mpc.weights = #mpc.weights<block = 32, scheme = symmetric, activations = f16>} {
    %1 = mpc.dequantize_blocks %k, %l {axis = 1 : i64, block = 32 : i64} : (tensor<2x2xui8>, tensor<2x1xbf16>) -> tensor<2x2xf32>
    // expected-error @below {{in group 'fc' of precision w8: expected operand #0 of 'f16' elements, but got 'f32'}}
    %2 = mpc.matmul %a, %1 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %2 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}

// -----

// V1b: 8-bit activations in an int16 group
func.func @main(%x: tensor<?x2x!quant.uniform<u8:f32, 0.5>>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<1> : tensor<2x2xi8> -> tensor<2x2x!quant.uniform<i8:f32, 0.5>>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2x!quant.uniform<u8:f32, 0.5>>, tensor<2x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int16>} {
    // expected-error @below {{in group 'fc' of precision int16: expected operand #0 of 16-bit quantized elements}}
    %1 = mpc.matmul %a, %k : (tensor<?x2x!quant.uniform<u8:f32, 0.5>>, tensor<2x2x!quant.uniform<i8:f32, 0.5>>) -> tensor<?x2x!quant.uniform<i32:f32, 0.25>>
    %2 = mpc.dequantize %1 : (tensor<?x2x!quant.uniform<i32:f32, 0.25>>) -> tensor<?x2xf32>
    mpc.yield %2 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}
