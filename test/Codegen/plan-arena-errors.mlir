// RUN: mpc-opt %s --mpc-plan-arena --split-input-file --verify-diagnostics

func.func @quadratic(%x: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  // expected-error @below {{expected a size that is affine in the batch, base + per_batch * batch, for a buffer 'memref<?x?xf32>'}}
  %a = memref.alloc(%n, %n) : memref<?x?xf32>
  memref.dealloc %a : memref<?x?xf32>
  return
}

// -----

func.func @unknown(%x: memref<8xf32>, %n: index) {
  // expected-error @below {{expected a size that is affine in the batch}}
  %a = memref.alloc(%n) : memref<?xf32>
  memref.dealloc %a : memref<?xf32>
  return
}

// -----

func.func @layout(%x: memref<8xf32>) {
  // expected-error @below {{expected a buffer of numbers with identity layout, but got 'memref<8xf32, strided<[2]>>'}}
  %a = memref.alloc() : memref<8xf32, strided<[2]>>
  memref.dealloc %a : memref<8xf32, strided<[2]>>
  return
}
