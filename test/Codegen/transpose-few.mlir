// A transposition whose result has a few elements side by side, as channels that come last: 16 of each are read, turned in registers, and
// stored exactly.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-lower-kernels,canonicalize,cse)" | FileCheck %s

// CHECK-LABEL: func.func @twelve
// CHECK-SAME: %[[X:.*]]: memref<12x100xi8>, %[[O:.*]]: memref<100x12xi8>
// The last block moves back.
// CHECK: %[[BEGIN:.*]] = arith.minui %{{.*}}, %c84
// CHECK-COUNT-12: vector.load %[[X]][%{{.*}}, %[[BEGIN]]] : memref<12x100xi8>, vector<16xi8>
// CHECK-NOT: vector.load
// CHECK: vector.shuffle
// CHECK: %[[ROW:.*]] = vector.extract_strided_slice %{{.*}} : vector<16xi8> to vector<12xi8>
// CHECK: vector.store %[[ROW]], %[[O]][%[[BEGIN]], %c0] : memref<100x12xi8>, vector<12xi8>
// CHECK-COUNT-15: vector.store {{.*}} vector<12xi8>
// CHECK-NOT: vector.store
func.func @twelve(%x: memref<12x100xi8>, %o: memref<100x12xi8>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<12x100xi8>) outs(%o : memref<100x12xi8>) {
  ^bb0(%a: i8, %b: i8):
    linalg.yield %a : i8
  }
  return
}

// Three are copied one by one.
// CHECK-LABEL: func.func @three
// CHECK-NOT: vector.shuffle
// CHECK: memref.load
// CHECK: memref.store
// CHECK: return
func.func @three(%x: memref<3x100xi8>, %o: memref<100x3xi8>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<3x100xi8>) outs(%o : memref<100x3xi8>) {
  ^bb0(%a: i8, %b: i8):
    linalg.yield %a : i8
  }
  return
}
