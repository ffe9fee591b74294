// Weights in blocks, at every level: what they are, packed into streams, expanded, and multiplied.
// RUN: mpc-opt %s | mpc-opt | FileCheck %s

#linear = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>
#table = #kernel.blocks<bits = 4, block = 32, depth = 64, table = true>
#bytes = #kernel.blocks<bits = 8, block = 64, depth = 64>

// CHECK-LABEL: func.func @tensors
func.func @tensors(%q: tensor<70x20xi8>, %s: tensor<20x3xbf16>, %z: tensor<20x3xi8>, %t: tensor<16xf32>,
                   %stream: tensor<2x720xi8>, %o: tensor<2x1x70x16x1xf32>) {
  // CHECK: kernel.dequantize %{{.*}}, %{{.*}} zero_points(%{{.*}}) {axis = 1 : i64, bits = 4 : i64, block = 32 : i64}
  %0 = kernel.dequantize %q, %s zero_points(%z) {axis = 1 : i64, bits = 4 : i64, block = 32 : i64}
      : (tensor<70x20xi8>, tensor<20x3xbf16>, tensor<20x3xi8>) -> tensor<70x20xf32>
  // CHECK: kernel.dequantize %{{.*}}, %{{.*}} table(%{{.*}})
  %1 = kernel.dequantize %q, %s table(%t) {axis = 1 : i64, bits = 4 : i64, block = 32 : i64}
      : (tensor<70x20xi8>, tensor<20x3xbf16>, tensor<16xf32>) -> tensor<70x20xf32>
  // A panel: three headers of 48 bytes, 9 groups of 64 bytes, in runs of 32, 32 and 6 weights.
  // CHECK: kernel.unpack %{{.*}} {blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>, transposed}
  %2 = kernel.unpack %stream {blocks = #linear, transposed} : tensor<2x720xi8> to tensor<70x20xf32>
  // CHECK: kernel.expand ins(%{{.*}} : tensor<2x720xi8>) outs(%{{.*}} : tensor<2x1x70x16x1xf32>)
  %3 = kernel.expand ins(%stream : tensor<2x720xi8>) outs(%o : tensor<2x1x70x16x1xf32>) attributes {blocks = #linear} -> tensor<2x1x70x16x1xf32>
  return
}

// CHECK-LABEL: func.func @tiles
func.func @tiles(%row: memref<64xf16>, %w: memref<4x640xi8>, %v: memref<4x1056xi8>, %i: index, %a: vector<16xf32>) {
  // CHECK: blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, table = true>
  %0 = kernel.inner_tile fma rows(%row : memref<64xf16>) weights(%w[%i, %i] : memref<4x640xi8>) accumulators(%a : vector<16xf32>) {blocks = #table} -> vector<16xf32>
  %1 = kernel.inner_tile fma rows(%row : memref<64xf16>) weights(%v[%i, %i] : memref<4x1056xi8>) accumulators(%a : vector<16xf32>) {blocks = #bytes} -> vector<16xf32>
  return
}
