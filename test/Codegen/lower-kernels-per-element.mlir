// For GPUs: one parallel iteration per element, or per 16 bytes of neighbouring ones.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-lower-kernels{per-element},canonicalize,cse)" | FileCheck %s

#id = affine_map<(n, c) -> (n, c)>
#row = affine_map<(n, c) -> (c)>

// The narrowest operand is read in 16 bytes: eight halves; 24 of a row are a whole number of vectors, whatever the batch.
// CHECK-LABEL: func.func @vectors
// CHECK: %[[X:.*]] = memref.collapse_shape %arg0
// CHECK: %[[O:.*]] = memref.collapse_shape %arg2
// CHECK: scf.forall
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c8
// CHECK: %[[A:.*]] = vector.load %[[X]][%[[FIRST]]] {alignment = 16 : i64} : memref<?xf16>, vector<8xf16>
// CHECK: %[[C:.*]] = arith.remui %[[FIRST]], %c24
// CHECK: %[[B:.*]] = vector.load %arg1[%[[C]]] {alignment = 16 : i64} : memref<24xf32>, vector<8xf32>
// CHECK: %[[W:.*]] = arith.extf %[[A]] : vector<8xf16> to vector<8xf32>
// CHECK: %[[S:.*]] = arith.addf %[[W]], %[[B]] : vector<8xf32>
// CHECK: vector.store %[[S]], %[[O]][%[[FIRST]]] {alignment = 16 : i64} : memref<?xf32>, vector<8xf32>
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

// Rows of 20 halves are no whole number of vectors.
// CHECK-LABEL: func.func @ragged
// CHECK-NOT: vector
func.func @ragged(%x: memref<?x20xf16>, %o: memref<?x20xf16>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x20xf16>) outs(%o : memref<?x20xf16>) {
  ^bb0(%a: f16, %d: f16):
    %s = arith.negf %a : f16
    linalg.yield %s : f16
  }
  return
}

// A function is many instructions: one element at a time.
// CHECK-LABEL: func.func @function
// CHECK-NOT: vector
// CHECK: return
func.func @function(%x: memref<?x24xf32>, %o: memref<?x24xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x24xf32>) outs(%o : memref<?x24xf32>) {
  ^bb0(%a: f32, %d: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  }
  return
}
