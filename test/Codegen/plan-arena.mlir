// RUN: mpc-opt %s --mpc-plan-arena --canonicalize --cse | FileCheck %s

func.func private @use(memref<?x8xf32>, memref<?x8xf32>)

// Buffers of a chain take turns in two places; sizes and offsets follow the batch.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[Y:.*]]: memref<?x8xf32>, %[[ARENA:.*]]: memref<?xi8>)
// CHECK-SAME: mpc.arena = {base = 128 : i64, per_batch = 128 : i64}
func.func @chain(%x: memref<?x8xf32>, %y: memref<?x8xf32>) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C32:.*]] = arith.constant 64 : index
  // CHECK: %[[N:.*]] = memref.dim %[[X]], %[[C0]]
  // CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][%[[N]]] : memref<?xi8> to memref<?x8xf32>
  // CHECK: call @use(%[[X]], %[[A]])
  // CHECK: %[[P:.*]] = arith.muli %[[N]], %[[C32]]
  // CHECK: %[[O:.*]] = arith.addi %[[P]], %[[C32]]
  // CHECK: %[[B:.*]] = memref.view %[[ARENA]][%[[O]]][%[[N]]]
  // CHECK: call @use(%[[A]], %[[B]])
  // CHECK: call @use(%[[B]], %[[A]])
  // CHECK: call @use(%[[A]], %[[Y]])
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %a = memref.alloc(%n) : memref<?x8xf32>
  call @use(%x, %a) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  %b = memref.alloc(%n) : memref<?x8xf32>
  call @use(%a, %b) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  %c = memref.alloc(%n) : memref<?x8xf32>
  call @use(%b, %c) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  call @use(%c, %y) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  return
}

// A view keeps its buffer alive, and sizes go through views and arithmetic: 2n rows of 4.
// CHECK-LABEL: func.func @views(
// CHECK-SAME: mpc.arena = {base = 128 : i64, per_batch = 128 : i64}
func.func @views(%x: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %a = memref.alloc(%n) : memref<?x8xf32>
  %flat = memref.collapse_shape %a [[0, 1]] : memref<?x8xf32> into memref<?xf32>
  %m = memref.dim %flat, %c0 : memref<?xf32>
  %b = memref.alloc(%m) : memref<?xf32>
  %f = memref.load %flat[%c2] : memref<?xf32>
  memref.store %f, %b[%c0] : memref<?xf32>
  return
}

// A buffer of fixed size can lie below or above one that grows, never beside it for some batches only. Here the fixed
// one is larger than the other for a batch of 1.
// CHECK-LABEL: func.func @mixed(
// CHECK-SAME: mpc.arena = {base = 4224 : i64, per_batch = 64 : i64}
func.func @mixed(%x: memref<?x8xf32>) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
  // CHECK: %[[N:.*]] = memref.dim
  // CHECK: %[[P:.*]] = arith.muli %[[N]], %[[C64]]
  // CHECK: %[[O:.*]] = arith.addi %[[P]], %[[C64]]
  // CHECK: memref.view %{{.*}}[%[[O]]][] : memref<?xi8> to memref<1024xf32>
  // CHECK: memref.view %{{.*}}[%[[C0]]][%[[N]]] : memref<?xi8> to memref<?x8xf32>
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %fixed = memref.alloc() : memref<1024xf32>
  %grows = memref.alloc(%n) : memref<?x8xf32>
  %f = memref.load %fixed[%c0] : memref<1024xf32>
  memref.store %f, %grows[%c0, %c0] : memref<?x8xf32>
  return
}

// Without buffers there is an arena, too: the runtime always passes one.
// CHECK-LABEL: func.func @none(
// CHECK-SAME: %{{.*}}: memref<8xf32>, %{{.*}}: memref<?xi8>)
// CHECK-SAME: mpc.arena = {base = 0 : i64, per_batch = 0 : i64}
func.func @none(%x: memref<8xf32>) {
  return
}

// The size of one buffer may be that of another, seen in another shape.
// CHECK-LABEL: func.func @collapsed(
// CHECK-SAME: mpc.arena = {base = 128 : i64, per_batch = 7680 : i64}
func.func @collapsed(%x: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  %a = memref.alloc(%n) : memref<?x4x4x8xf32>
  %rows = memref.collapse_shape %a [[0, 1, 2], [3]] : memref<?x4x4x8xf32> into memref<?x8xf32>
  %m = memref.dim %rows, %c0 : memref<?x8xf32>
  %b = memref.alloc(%m) : memref<2x?x56xf32>
  %f = memref.load %x[%c0, %c0] : memref<?x8xf32>
  memref.store %f, %rows[%c0, %c0] : memref<?x8xf32>
  memref.store %f, %b[%c0, %c0, %c0] : memref<2x?x56xf32>
  memref.store %f, %rows[%c0, %c0] : memref<?x8xf32>
  return
}

// What describes a buffer keeps it alive, too: both are there when the second one is written.
!map = !nvgpu.tensormap.descriptor<tensor = memref<64x64xf16, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = none, oob = zero, interleave = none>
func.func private @copy(!map, memref<64x64xf16>)
// CHECK-LABEL: func.func @descriptions(
// CHECK-SAME: mpc.arena = {base = 16512 : i64, per_batch = 0 : i64}
func.func @descriptions() {
  %c64 = arith.constant 64 : index
  %a = memref.alloc() : memref<64x64xf16>
  %any = memref.cast %a : memref<64x64xf16> to memref<*xf16>
  %map = nvgpu.tma.create.descriptor %any box[%c64, %c64] : memref<*xf16> -> !map
  %b = memref.alloc() : memref<64x64xf16>
  call @copy(%map, %b) : (!map, memref<64x64xf16>) -> ()
  return
}
