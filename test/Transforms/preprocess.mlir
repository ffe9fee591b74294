// RUN: rm -rf %t && mkdir %t
// RUN: echo '{"x": {"layout": "nhwc", "color": "bgr", "size": [40, 60], "resize": 20, "crop": [16, 17], "scale": "1/255", "mean": [0.5, 0.25, 0], "std": 0.5}}' > %t/all.json
// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-preprocess{config=%t/all.json})' | FileCheck %s
// RUN: echo '{"v": {"type": "i8", "scale": 0.5}}' > %t/vector.json
// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-preprocess{config=%t/vector.json})' | FileCheck %s --check-prefix=VECTOR
// RUN: echo '{"x": {"layout": "nchw", "resize": 20, "crop": [16, 17]}}' > %t/nosize.json
// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-preprocess{config=%t/nosize.json})' | FileCheck %s --check-prefix=NOSIZE
// RUN: echo '{"x": {"layout": "nchw", "type": "f32", "size": [16, 17], "mean": 0, "std": 1}}' > %t/same.json
// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-preprocess{config=%t/same.json})' | FileCheck %s --check-prefix=SAME
// RUN: echo '{"x": {"std": [0.2, 0.2, 0.2]}}' > %t/warn.json
// RUN: mpc-opt %s -pass-pipeline='builtin.module(mpc-preprocess{config=%t/warn.json})' 2>&1 | FileCheck %s --check-prefix=WARN

// Pixels are moved as bytes: the shorter side becomes 20, the middle is taken (half pixels to the even side: (20 - 16) / 2 = 2,
// (30 - 17) / 2 = 6.5), channels are reversed by the same slice. Then numbers: one factor for all channels, one offset for each.
// The hash is another one.
// CHECK: mpc.model_hash = "{{[0-9a-f]+}}"
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x40x60x3xui8> {mpc.name = "x"}, %{{.*}}: tensor<?x4xf32> {mpc.name = "v"})
// CHECK: %[[R:.*]] = mpc.resize %[[X]] {antialias, coordinates = #mpc.coordinates<half_pixel>, {{.*}}exclude_outside, mode = #mpc.interpolation<linear>,
// CHECK-SAME: scales = array<f64: 1.000000e+00, 5.000000e-01, 5.000000e-01, 1.000000e+00>, sizes = array<i64: -1, 20, 30, 3>}
// CHECK: %[[S:.*]] = mpc.slice %[[R]] {sizes = array<i64: -1, 16, 17, 3>, starts = array<i64: 0, 2, 6, 2>, steps = array<i64: 1, 1, 1, -1>}
// CHECK: %[[T:.*]] = mpc.transpose %[[S]] {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x16x17x3xui8>) -> tensor<?x3x16x17xui8>
// CHECK: %[[C:.*]] = mpc.cast %[[T]]
// CHECK: %[[A:.*]] = mpc.constant {{.*}} tensor<1x1x1x1xf32>
// CHECK: %[[M:.*]] = mpc.mul %[[C]], %[[A]]
// CHECK: %[[B:.*]] = mpc.constant {{.*}} tensor<1x3x1x1xf32>
// CHECK: %[[P:.*]] = mpc.add %[[M]], %[[B]]
// CHECK: mpc.relu %[[P]]

// An input that is no picture has types and numbers only.
// VECTOR: @main(%{{.*}}: tensor<?x3x16x17xf32> {mpc.name = "x"}, %[[V:.*]]: tensor<?x4xi8> {mpc.name = "v"})
// VECTOR: %[[C:.*]] = mpc.cast %[[V]]
// VECTOR: %[[M:.*]] = mpc.mul %[[C]], %
// VECTOR-NOT: mpc.add
// VECTOR: return %{{.*}}, %[[M]]

// Without a size, whoever feeds the pictures resizes them.
// NOSIZE: @main(%{{.*}}: tensor<?x3x20x20xui8>
// NOSIZE-NOT: mpc.resize
// NOSIZE: mpc.slice {{.*}}starts = array<i64: 0, 0, 2, 2>
// NOSIZE-NOT: mpc.transpose

// What changes nothing leaves nothing.
// SAME: @main(%[[X:.*]]: tensor<?x3x16x17xf32>
// SAME-NEXT: mpc.relu %[[X]]

// WARN: warning: {{.*}}mean and std look like those of pixels in 0..1, but pixels of u8 are not: "scale": "1/255" goes with them
module attributes {mpc.model_hash = "0123"} {
func.func @main(%x: tensor<?x3x16x17xf32> {mpc.name = "x"}, %v: tensor<?x4xf32> {mpc.name = "v"}) -> (tensor<?x3x16x17xf32>, tensor<?x4xf32>) {
  %0 = mpc.relu %x : (tensor<?x3x16x17xf32>) -> tensor<?x3x16x17xf32>
  return %0, %v : tensor<?x3x16x17xf32>, tensor<?x4xf32>
}
}
