// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-adapt-io{types=x=u8,y=f16 layouts=x=nhwc,y=nhwc})' | FileCheck %s
// RUN: not mpc-opt %s -pass-pipeline='builtin.module(mpc-adapt-io{types=z=u8})' 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not mpc-opt %s -pass-pipeline='builtin.module(mpc-adapt-io{types=x=u7})' 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not mpc-opt %s -pass-pipeline='builtin.module(mpc-adapt-io{layouts=v=nhwc})' 2>&1 | FileCheck %s --check-prefix=RANK
// RUN: not mpc-opt %s -pass-pipeline='builtin.module(mpc-adapt-io{layouts=x=chwn})' 2>&1 | FileCheck %s --check-prefix=LAYOUT

// The input is cast and transposed behind the border, the output before it; what is not named stays.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x8x9x3xui8> {mpc.name = "x"}, %{{.*}}: tensor<?x4xf32> {mpc.name = "v"})
// CHECK-SAME: -> (tensor<?x8x9x3xf16> {mpc.name = "y"})
// CHECK: %[[F:.*]] = mpc.cast %[[X]] : (tensor<?x8x9x3xui8>) -> tensor<?x8x9x3xf32>
// CHECK: %[[T:.*]] = mpc.transpose %[[F]] {perm = array<i64: 0, 3, 1, 2>} : {{.*}} -> tensor<?x3x8x9xf32>
// CHECK: %[[R:.*]] = mpc.relu %[[T]]
// CHECK: %[[B:.*]] = mpc.transpose %[[R]] {perm = array<i64: 0, 2, 3, 1>} : {{.*}} -> tensor<?x8x9x3xf32>
// CHECK: %[[H:.*]] = mpc.cast %[[B]] : {{.*}} -> tensor<?x8x9x3xf16>
// CHECK: return %[[H]]
// NAME: error: --io-type, --io-layout: no input or output is named 'z'; there are x, v, y
// TYPE: error: --io-type=x=u7: expected NAME=TYPE
// RANK: error: --io-layout=v=nhwc: expected a tensor of at least three dimensions
// LAYOUT: error: --io-layout=x=chwn: expected NAME=nhwc or NAME=nchw
func.func @main(%x: tensor<?x3x8x9xf32> {mpc.name = "x"}, %v: tensor<?x4xf32> {mpc.name = "v"}) -> (tensor<?x3x8x9xf32> {mpc.name = "y"}) {
  %0 = mpc.relu %x : (tensor<?x3x8x9xf32>) -> tensor<?x3x8x9xf32>
  return %0 : tensor<?x3x8x9xf32>
}
