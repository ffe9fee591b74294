// For GPUs: one parallel iteration per element, or per 16 bytes of neighbouring ones.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-lower-kernels{per-element},canonicalize,cse)" | FileCheck %s

#id = affine_map<(n, c) -> (n, c)>
#row = affine_map<(n, c) -> (c)>

// The widest operand is accessed in 16 bytes: four f32; 24 of a row are a whole number of vectors, whatever the batch.
// CHECK-LABEL: func.func @vectors
// CHECK: %[[X:.*]] = memref.collapse_shape %arg0
// CHECK: %[[O:.*]] = memref.collapse_shape %arg2
// CHECK: scf.forall
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c4
// CHECK: %[[A:.*]] = vector.load %[[X]][%[[FIRST]]] {alignment = 8 : i64} : memref<?xf16>, vector<4xf16>
// CHECK: %[[C:.*]] = arith.remui %[[FIRST]], %c24
// CHECK: %[[B:.*]] = vector.load %arg1[%[[C]]] {alignment = 16 : i64} : memref<24xf32>, vector<4xf32>
// CHECK: %[[W:.*]] = arith.extf %[[A]] : vector<4xf16> to vector<4xf32>
// CHECK: %[[S:.*]] = arith.addf %[[W]], %[[B]] : vector<4xf32>
// CHECK: vector.store %[[S]], %[[O]][%[[FIRST]]] {alignment = 16 : i64} : memref<?xf32>, vector<4xf32>
func.func @vectors(%x: memref<?x24xf16>, %b: memref<24xf32>, %o: memref<?x24xf32>) {
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : memref<?x24xf16>, memref<24xf32>) outs(%o : memref<?x24xf32>) {
  ^bb0(%a: f16, %c: f32, %d: f32):
    %w = arith.extf %a : f16 to f32
    %s = arith.addf %w, %c : f32
    linalg.yield %s : f32
  }
  return
}

// Rows of 20 halves are no whole number of 16 bytes, but of 8; those of 21 are of neither.
// CHECK-LABEL: func.func @ragged
// CHECK: vector.load {{.*}} {alignment = 8 : i64} : memref<?xf16>, vector<4xf16>
func.func @ragged(%x: memref<?x20xf16>, %o: memref<?x20xf16>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x20xf16>) outs(%o : memref<?x20xf16>) {
  ^bb0(%a: f16, %d: f16):
    %s = arith.negf %a : f16
    linalg.yield %s : f16
  }
  return
}

// CHECK-LABEL: func.func @odd
// CHECK-NOT: vector
// CHECK: return
func.func @odd(%x: memref<?x21xf16>, %o: memref<?x21xf16>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x21xf16>) outs(%o : memref<?x21xf16>) {
  ^bb0(%a: f16, %d: f16):
    %s = arith.negf %a : f16
    linalg.yield %s : f16
  }
  return
}

// A function is many instructions: eight elements at most, though 16 bytes have room for 16.
// CHECK-LABEL: func.func @function
// CHECK: %[[A:.*]] = vector.load {{.*}} {alignment = 8 : i64} : memref<?xi8>, vector<8xi8>
// CHECK: math.exp %{{.*}} : vector<8xf32>
func.func @function(%x: memref<?x32xi8>, %o: memref<?x32xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x32xi8>) outs(%o : memref<?x32xi8>) {
  ^bb0(%a: i8, %d: i8):
    %f = arith.sitofp %a : i8 to f32
    %s = math.exp %f : f32
    %q = arith.fptosi %s : f32 to i8
    linalg.yield %q : i8
  }
  return
}

// What is the same along a row is read once and spread; a part of a larger buffer is as aligned as its position is.
#number = affine_map<(n, c) -> (n)>
// CHECK-LABEL: func.func @spread
// CHECK: scf.forall
// CHECK: vector.load %{{.*}}[%[[N:.*]], %{{.*}}] {alignment = 16 : i64} : memref<?x16xf32, {{.*}}>, vector<4xf32>
// CHECK: %[[S:.*]] = memref.load %arg1[%[[N]]]
// CHECK: vector.broadcast %[[S]] : f32 to vector<4xf32>
// CHECK: vector.store
func.func @spread(%x: memref<?x24xf32>, %s: memref<?xf32>, %o: memref<?x16xf32>, %n: index) {
  %part = memref.subview %x[0, 8] [%n, 16] [1, 1] : memref<?x24xf32> to memref<?x16xf32, strided<[24, 1], offset: 8>>
  linalg.generic {indexing_maps = [#id, #number, #id], iterator_types = ["parallel", "parallel"]}
      ins(%part, %s : memref<?x16xf32, strided<[24, 1], offset: 8>>, memref<?xf32>) outs(%o : memref<?x16xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32):
    %q = arith.divf %a, %c : f32
    linalg.yield %q : f32
  }
  return
}

// A maximum over windows begins with its constant, which no loop of its own writes; there are threads enough for 16 bytes of channels each.
#in = affine_map<(h, w, c, k) -> (h, w + k, c)>
#win = affine_map<(h, w, c, k) -> (k)>
#out = affine_map<(h, w, c, k) -> (h, w, c)>
// CHECK-LABEL: func.func @window
// CHECK: scf.forall (%{{.*}}) in (131072)
// CHECK-NOT: vector.load %arg2
// CHECK: scf.for {{.*}} iter_args(%[[MAX:.*]] = %{{.*}}) -> (vector<8xf16>)
// CHECK: %[[X:.*]] = vector.load %arg0[{{.*}}] {alignment = 16 : i64} : memref<64x66x256xf16>, vector<8xf16>
// CHECK: arith.maximumf %[[MAX]], %[[X]]
// CHECK: vector.store %{{.*}}, %arg2[{{.*}}] {alignment = 16 : i64}
// CHECK-NOT: scf.forall
func.func @window(%x: memref<64x66x256xf16>, %k: memref<3xf16>, %o: memref<64x64x256xf16>) {
  %lowest = arith.constant 0xFC00 : f16
  linalg.fill ins(%lowest : f16) outs(%o : memref<64x64x256xf16>)
  linalg.generic {indexing_maps = [#in, #win, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %k : memref<64x66x256xf16>, memref<3xf16>) outs(%o : memref<64x64x256xf16>) {
  ^bb0(%a: f16, %b: f16, %d: f16):
    %s = arith.maximumf %d, %a : f16
    linalg.yield %s : f16
  }
  return
}

// What the fill wrote is seen before: it stays.
#first = affine_map<(n, c) -> (n)>
// CHECK-LABEL: func.func @seen
// CHECK-COUNT-3: scf.forall
func.func @seen(%x: memref<8x5xf32>, %y: memref<8xf32>, %o: memref<8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%o : memref<8xf32>)
  linalg.copy ins(%o : memref<8xf32>) outs(%y : memref<8xf32>)
  linalg.generic {indexing_maps = [#id, #first], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<8x5xf32>) outs(%o : memref<8xf32>) {
  ^bb0(%a: f32, %d: f32):
    %s = arith.addf %d, %a : f32
    linalg.yield %s : f32
  }
  return
}

// Channels of a depthwise convolution that one access brings, where threads are enough; epilogue and result with them.
// CHECK-LABEL: func.func @depthwise
// CHECK: scf.forall (%{{.*}}) in (16384)
// CHECK: vector.load {{.*}} {alignment = 8 : i64} : memref<4096x32xf16>, vector<4xf16>
// CHECK: vector.load %arg1[{{.*}}] {alignment = 8 : i64}
// CHECK: vector.fma
// CHECK: vector.store {{.*}} {alignment = 8 : i64}
func.func @depthwise(%x: memref<1x64x64x32xf16>, %w: memref<1x1x32xf16>, %o: memref<1x64x32x32xf16>) {
  kernel.depthwise ins(%x, %w : memref<1x64x64x32xf16>, memref<1x1x32xf16>) outs(%o : memref<1x64x32x32xf16>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [1, 1], strides = [1, 2], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  }
  return
}
