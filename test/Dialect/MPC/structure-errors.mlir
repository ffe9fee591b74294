// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// constant C1: the shape
func.func @test() {
  // expected-error @below {{expected a value of type 'tensor<2xf32>', but got 'tensor<3xf32>'}}
  %0 = mpc.constant dense<0.0> : tensor<3xf32> -> tensor<2xf32>
  return
}

// -----

// constant C1: a quantized type's storage
func.func @test() {
  // expected-error @below {{expected a value of type 'tensor<2xi8>', but got 'tensor<2xi32>'}}
  %0 = mpc.constant dense<0> : tensor<2xi32> -> tensor<2x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// constant C2: an elided resource
func.func @test() {
  // expected-error @below {{expected data for the resource '__elided__', but it is elided}}
  %0 = mpc.constant dense_resource<__elided__> : tensor<2xf32> -> tensor<2xf32>
  return
}

// -----

// constant C2: an aligned resource
func.func @test() {
  // expected-error @below {{expected the resource 'unaligned' to be aligned to 4 bytes, but got an alignment of 1}}
  %0 = mpc.constant dense_resource<unaligned> : tensor<2xf32> -> tensor<2xf32>
  return
}

{-#
  dialect_resources: {
    builtin: {
      unaligned: "0x010000000000803F00000040"
    }
  }
#-}

// -----

// constant C2: as many bytes as elements
func.func @test() {
  // expected-error @below {{expected 12 bytes of data in the resource 'short', but got 8}}
  %0 = mpc.constant dense_resource<short> : tensor<3xf32> -> tensor<3xf32>
  return
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x040000000000803F00000040"
    }
  }
#-}

// -----

// group C1: a block argument per operand
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected one block argument per operand, of types ('tensor<?x4xf32>'), but got ()}}
  "mpc.group"(%x) <{name = "g"}> ({
    mpc.yield
  }) : (tensor<?x4xf32>) -> ()
  return
}

// -----

// group C2: the results are yielded
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected the terminator to yield ('tensor<4xf32>'), but got ('tensor<?x4xf32>')}}
  %0 = mpc.group "g" ins(%a = %x : tensor<?x4xf32>) -> tensor<4xf32> {
    mpc.yield %a : tensor<?x4xf32>
  }
  return
}

// -----

// group C3: no group in a group
func.func @test() {
  mpc.group "outer" {
    // expected-error @below {{expected no group around a group}}
    mpc.group "inner" {
      mpc.yield
    }
    mpc.yield
  }
  return
}

// -----

// group: as many types as operands
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 1 types, but got 2}}
  %0 = mpc.group "g" ins(%a = %x : tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
    mpc.yield %a : tensor<?x4xf32>
  }
  return
}

// -----

// quantize C1: not from f64
func.func @test(%x: tensor<4xf64>) {
  // expected-error @below {{expected f32, f16 or bf16 elements quantized to a type that expresses f32, but got 'f64'}}
  %0 = mpc.quantize %x : (tensor<4xf64>) -> tensor<4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// dequantize C1: to f32
func.func @test(%x: tensor<4x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected a result of f32 elements, but got 'f16'}}
  %0 = mpc.dequantize %x : (tensor<4x!quant.uniform<u8:f32, 0.5>>) -> tensor<4xf16>
  return
}

// -----

// requantize C3: rounding onnx is from an accumulator
func.func @test(%x: tensor<4x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected a 32-bit accumulator and a result of 8 bits}}
  %0 = mpc.requantize %x : (tensor<4x!quant.uniform<u8:f32, 0.5>>) -> tensor<4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// requantize C1: one scale of the result
func.func @test(%x: tensor<2x!quant.uniform<i32:f32, 0.25>>) {
  // expected-error @below {{expected quantized integers of 8, 16 or 32 bits and a result of such with one scale}}
  %0 = mpc.requantize %x {rounding = #mpc.rounding<tosa>} : (tensor<2x!quant.uniform<i32:f32, 0.25>>) -> tensor<2x!quant.uniform<u8:f32:0, {0.5, 1.0}>>
  return
}

// -----

// requantize C3: a shift belongs to TensorFlow Lite's addition of bytes
func.func @test(%x: tensor<2x!quant.uniform<u8:f32, 0.25>>) {
  // expected-error @below {{expected a shift from 1 to 20, with rounding tflite or tflite_single and an 8-bit input, but got 20 with rounding tosa}}
  %0 = mpc.requantize %x {rounding = #mpc.rounding<tosa>, shift = 20 : i64} : (tensor<2x!quant.uniform<u8:f32, 0.25>>) -> tensor<2x!quant.uniform<i32:f32, 0.5>>
  return
}

// -----

// lookup C1: of bytes
func.func @test(%x: tensor<2x!quant.uniform<i16:f32, 0.25>>, %t: tensor<256x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected quantized elements of 8 bits}}
  %0 = mpc.lookup %x, %t : (tensor<2x!quant.uniform<i16:f32, 0.25>>, tensor<256x!quant.uniform<u8:f32, 0.5>>) -> tensor<2x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// lookup C2: a byte for each byte
func.func @test(%x: tensor<2x!quant.uniform<u8:f32, 0.25>>, %t: tensor<128x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected a table of 256 quantized elements of 8 bits}}
  %0 = mpc.lookup %x, %t : (tensor<2x!quant.uniform<u8:f32, 0.25>>, tensor<128x!quant.uniform<u8:f32, 0.5>>) -> tensor<2x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// requantize C2: bounds within the storage
func.func @test(%x: tensor<4x!quant.uniform<i32:f32, 0.25>>) {
  // expected-error @below {{expected low <= high within [0, 255], but got 0 and 256}}
  %0 = mpc.requantize %x {high = 256 : i64} : (tensor<4x!quant.uniform<i32:f32, 0.25>>) -> tensor<4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// requantize C2: ordered bounds
func.func @test(%x: tensor<4x!quant.uniform<i32:f32, 0.25>>) {
  // expected-error @below {{expected low <= high within [0, 255], but got 9 and 8}}
  %0 = mpc.requantize %x {low = 9 : i64, high = 8 : i64} : (tensor<4x!quant.uniform<i32:f32, 0.25>>) -> tensor<4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// quantization keeps the shape
func.func @test(%x: tensor<4x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{requires the same shape for all operands and results}}
  %0 = mpc.dequantize %x : (tensor<4x!quant.uniform<u8:f32, 0.5>>) -> tensor<5xf32>
  return
}

// -----

// storage_cast C1: as many bits
func.func @test(%x: tensor<4x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected quantized elements on one side and integers like their storage on the other}}
  %0 = mpc.storage_cast %x : (tensor<4x!quant.uniform<u8:f32, 0.5>>) -> tensor<4xui16>
  return
}

// -----

// storage_cast C1: the same signedness
func.func @test(%x: tensor<4xi8>) {
  // expected-error @below {{expected quantized elements on one side and integers like their storage on the other}}
  %0 = mpc.storage_cast %x : (tensor<4xi8>) -> tensor<4x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// storage_cast C1: one side is quantized
func.func @test(%x: tensor<4xi8>) {
  // expected-error @below {{expected quantized elements on one side and integers like their storage on the other}}
  %0 = mpc.storage_cast %x : (tensor<4xi8>) -> tensor<4xui8>
  return
}

// -----

// observe C1: two values
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a result of shape [2], but got 'tensor<1xf32>'}}
  %0 = mpc.observe "x" %x : (tensor<?x4xf32>) -> tensor<1xf32>
  return
}

// -----

// channel_sums C1: a number of channels
func.func @test(%x: tensor<4x?xf32>) {
  // expected-error @below {{expected an input whose last dimension is a number of channels, but got 'tensor<4x?xf32>'}}
  %0 = mpc.channel_sums "x" %x : (tensor<4x?xf32>) -> tensor<5xi64>
  return
}

// -----

// channel_sums C2: one element more than channels
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a result of one dimension with 5 elements, but got 'tensor<4xi64>'}}
  %0 = mpc.channel_sums "x" %x : (tensor<?x4xf32>) -> tensor<4xi64>
  return
}

// -----

// histogram C1: the range has two ends
func.func @test(%x: tensor<?x4xf32>, %r: tensor<3xf32>) {
  // expected-error @below {{expected a range of shape [2], but got 'tensor<3xf32>'}}
  %0 = mpc.histogram "x" %x, %r : (tensor<?x4xf32>, tensor<3xf32>) -> tensor<4096xi64>
  return
}

// -----

// histogram C2: a power of two of bins
func.func @test(%x: tensor<?x4xf32>, %r: tensor<2xf32>) {
  // expected-error @below {{whose size is a power of two from 4 to 65536, but got 'tensor<1000xi64>'}}
  %0 = mpc.histogram "x" %x, %r : (tensor<?x4xf32>, tensor<2xf32>) -> tensor<1000xi64>
  return
}

// -----

// range: ordered
// expected-error @below {{expected finite min <= max, but got 2.000000e+00 and 1.000000e+00}}
func.func private @test(tensor<4xf32> {mpc.range = #mpc.range<2.0, 1.0>})
