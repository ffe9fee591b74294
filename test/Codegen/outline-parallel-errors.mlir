// RUN: mpc-opt %s --mpc-outline-parallel --split-input-file --verify-diagnostics

func.func @results(%t: tensor<8xf32>, %f: f32) -> tensor<8xf32> {
  // expected-error @below {{expected no results, but got 1}}
  %r = scf.forall (%i) in (8) shared_outs(%o = %t) -> tensor<8xf32> {
    %s = tensor.from_elements %f : tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  return %r : tensor<8xf32>
}

// -----

func.func @unknown_size(%x: memref<8xf32>, %n: index) {
  scf.forall (%i) in (8) {
    // expected-error @below {{expected a buffer of fixed size inside a parallel loop, but got 'memref<?xf32>'}}
    %t = memref.alloc(%n) : memref<?xf32>
    %a = memref.load %t[%i] : memref<?xf32>
    memref.store %a, %x[%i] : memref<8xf32>
  }
  return
}

// -----

func.func @too_big(%x: memref<8xf32>) {
  scf.forall (%i) in (8) {
    // expected-error @below {{expected at most 262144 bytes of buffers inside a parallel loop, but got 262148}}
    %t = memref.alloc() : memref<65537xf32>
    %a = memref.load %t[%i] : memref<65537xf32>
    memref.store %a, %x[%i] : memref<8xf32>
  }
  return
}
