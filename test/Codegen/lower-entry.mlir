// RUN: mpc-opt %s --mpc-lower-entry --split-input-file --verify-diagnostics | FileCheck %s

// Only the pointer and the symbolic size are read; the rest of the descriptor is constant.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[DESCS:.*]]: !llvm.ptr)
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[DATA:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.insertvalue %[[DATA]], %{{.*}}[0]
// CHECK: llvm.insertvalue %[[DATA]], %{{.*}}[1]
// CHECK: %[[N:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK: llvm.insertvalue %[[N]], %{{.*}}[3, 0]
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x8xf32>
// CHECK-NOT: llvm.load
// CHECK: memref.load %[[X]]
func.func @main(%x: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %f = memref.load %x[%c0, %c0] : memref<?x8xf32>
  memref.store %f, %x[%c0, %c0] : memref<?x8xf32>
  return
}

// Private functions keep their signature.
// CHECK-LABEL: func.func private @kernel(%{{.*}}: memref<8xf32>)
func.func private @kernel(%x: memref<8xf32>) {
  return
}

// -----

// expected-error @below {{expected no results, but got 1}}
func.func @result(%x: memref<8xf32>) -> memref<8xf32> {
  return %x : memref<8xf32>
}

// -----

// expected-error @below {{expected argument #0 to be a buffer of identity layout, but got 'tensor<8xf32>'}}
func.func @tensors(%x: tensor<8xf32>) {
  return
}
