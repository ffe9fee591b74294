// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @unary
func.func @unary(%x: tensor<?x4xf32>) {
  // CHECK: mpc.relu %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %relu = mpc.relu %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.sigmoid %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %sigmoid = mpc.sigmoid %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.tanh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %tanh = mpc.tanh %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.exp %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %exp = mpc.exp %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.log %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %log = mpc.log %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.sqrt %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %sqrt = mpc.sqrt %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.erf %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %erf = mpc.erf %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.neg %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %neg = mpc.neg %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.abs %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %abs = mpc.abs %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.reciprocal %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %reciprocal = mpc.reciprocal %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.floor %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %floor = mpc.floor %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.ceil %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %ceil = mpc.ceil %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.round %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %round = mpc.round %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.softplus %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %softplus = mpc.softplus %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.softsign %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %softsign = mpc.softsign %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.hard_swish %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %hard_swish = mpc.hard_swish %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @parameters
func.func @parameters(%x: tensor<?x4xf32>) {
  // Infinite bounds stand for none.
  // CHECK: mpc.clip %{{.*}} {max = 0x7FF0000000000000 : f64, min = 0.000000e+00 : f64}
  %0 = mpc.clip %x {min = 0.0 : f64, max = 0x7FF0000000000000 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.leaky_relu %{{.*}} {alpha = 1.000000e-01 : f64}
  %1 = mpc.leaky_relu %x {alpha = 0.1 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.elu
  %2 = mpc.elu %x {alpha = 1.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.hard_sigmoid %{{.*}} {alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64}
  %3 = mpc.hard_sigmoid %x {alpha = 0.2 : f64, beta = 0.5 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.cast %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xui8>
  %4 = mpc.cast %x : (tensor<?x4xf32>) -> tensor<?x4xui8>
  return
}

// Shapes broadcast from the right; the symbolic batch with itself and with 1.
// CHECK-LABEL: func @binary
func.func @binary(%x: tensor<?x4xf32>, %b: tensor<4xf32>, %s: tensor<f32>, %o: tensor<1x1xf32>) {
  // CHECK: mpc.add %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %add = mpc.add %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.sub %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %sub = mpc.sub %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.mul %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %mul = mpc.mul %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.div %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %div = mpc.div %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.min %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %min = mpc.min %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.max %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %max = mpc.max %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.pow %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %pow = mpc.pow %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.prelu %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %prelu = mpc.prelu %x, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.add %{{.*}} : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = mpc.add %s, %x : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: mpc.add %{{.*}} : (tensor<1x1xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %1 = mpc.add %o, %b : (tensor<1x1xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  return
}

// Quantized operands may differ in scale; float results may be stored in fewer bits.
// CHECK-LABEL: func @types
func.func @types(%x: tensor<4x!quant.uniform<u8:f32, 0.5>>, %y: tensor<4x!quant.uniform<u8:f32, 0.25:3>>, %h: tensor<4xf16>, %i: tensor<4xi64>) {
  // CHECK: mpc.add
  %0 = mpc.add %x, %y : (tensor<4x!quant.uniform<u8:f32, 0.5>>, tensor<4x!quant.uniform<u8:f32, 0.25:3>>) -> tensor<4x!quant.uniform<u8:f32, 1.0>>
  // CHECK: mpc.relu %{{.*}} : (tensor<4xf16>) -> tensor<4xf32>
  %1 = mpc.relu %h : (tensor<4xf16>) -> tensor<4xf32>
  // CHECK: mpc.mul %{{.*}} : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  %2 = mpc.mul %i, %i : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  return
}
