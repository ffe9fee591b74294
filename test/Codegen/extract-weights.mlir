// RUN: mpc-opt %s --mpc-extract-weights --canonicalize | FileCheck %s

// Equal bytes are stored once, across modules and types; each constant is followed by 64 bytes that may be read.
// CHECK: module attributes {mpc.weights = dense_resource<mpc_weights> : tensor<256xi8>}
module {
  // CHECK-LABEL: module @a
  // CHECK-NOT: memref.global
  module @a {
    memref.global "private" constant @w : memref<2xf32> = dense<[1.0, 2.0]>
    memref.global "private" constant @same : memref<2xi32> = dense<[0x3f800000, 0x40000000]>
    // CHECK: func.func @main(%{{.*}}: memref<2xf32>, %[[W:.*]]: memref<?xi8>)
    func.func @main(%x: memref<2xf32>) {
      // CHECK: %[[C0:.*]] = arith.constant 0 : index
      // CHECK: memref.view %[[W]][%[[C0]]][] : memref<?xi8> to memref<2xf32>
      // CHECK: memref.view %[[W]][%[[C0]]][] : memref<?xi8> to memref<2xi32>
      %w = memref.get_global @w : memref<2xf32>
      %same = memref.get_global @same : memref<2xi32>
      call @use(%w, %same) : (memref<2xf32>, memref<2xi32>) -> ()
      return
    }
    func.func private @use(memref<2xf32>, memref<2xi32>)
  }
  // CHECK-LABEL: module @b
  module @b {
    memref.global "private" constant @w : memref<2xf32> = dense<[1.0, 2.0]>
    // i1 is a byte in memory.
    memref.global "private" constant @flags : memref<3xi1> = dense<[true, false, true]>
    // Constants of private functions stay.
    // CHECK: memref.global "private" constant @row
    memref.global "private" constant @row : memref<2xf32> = dense<0.0>
    // CHECK: func.func @main(%[[W:.*]]: memref<?xi8>)
    func.func @main() {
      // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
      // CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
      // CHECK-DAG: memref.view %[[W]][%[[C128]]][] : memref<?xi8> to memref<3xi1>
      // CHECK-DAG: memref.view %[[W]][%[[C0]]][] : memref<?xi8> to memref<2xf32>
      %flags = memref.get_global @flags : memref<3xi1>
      %w = memref.get_global @w : memref<2xf32>
      call @use(%w, %flags) : (memref<2xf32>, memref<3xi1>) -> ()
      return
    }
    func.func private @use(%w: memref<2xf32>, %flags: memref<3xi1>) {
      // CHECK: memref.get_global @row
      %c0 = arith.constant 0 : index
      %row = memref.get_global @row : memref<2xf32>
      %f = memref.load %row[%c0] : memref<2xf32>
      memref.store %f, %w[%c0] : memref<2xf32>
      return
    }
  }
}
// The bytes: alignment 64, then 1.0 and 2.0; 1, 0, 1 at 128.
// CHECK: mpc_weights: "0x400000000000803F0000004000
// CHECK-SAME: 00010001000000
