// RUN: mpc-opt %s --mpc-emulate-gpu -split-input-file -verify-diagnostics

// Half of the threads would wait for the others, forever.
module attributes {gpu.container_module} {
  func.func @main(%y: memref<64xf32>) {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1) args(%y : memref<64xf32>)
    return
  }
  gpu.module @gpu {
    gpu.func @k(%y: memref<64xf32>) kernel {
      %t = gpu.thread_id x
      %c16 = arith.constant 16 : index
      %half = arith.cmpi ult, %t, %c16 : index
      // expected-error @+1 {{expected a condition that is the same for all threads, since they meet inside; others would wait forever}}
      scf.if %half {
        gpu.barrier
      }
      gpu.return
    }
  }
}

// -----

module attributes {gpu.container_module} {
  func.func @main(%y: memref<64xf32>) {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1) args(%y : memref<64xf32>)
    return
  }
  gpu.module @gpu {
    gpu.func @k(%y: memref<64xf32>) kernel {
      %t = gpu.thread_id x
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      // expected-error @+1 {{expected bounds that are the same for all threads, since they meet inside; others would wait forever}}
      scf.for %i = %c0 to %t step %c1 {
        gpu.barrier
      }
      gpu.return
    }
  }
}

// -----

module attributes {gpu.container_module} {
  func.func @main(%y: memref<64xf32>, %n: index) {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{cannot be emulated: expected one dimension, and a constant block size}}
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%n, %c1, %c1) args(%y : memref<64xf32>)
    return
  }
  gpu.module @gpu {
    gpu.func @k(%y: memref<64xf32>) kernel {
      gpu.return
    }
  }
}

// -----

module attributes {gpu.container_module} {
  func.func @main(%y: memref<64xf32>) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<64xf32>)
    return
  }
  gpu.module @gpu {
    gpu.func @k(%y: memref<64xf32>) kernel {
      // expected-error @+1 {{cannot be emulated}}
      %lane = gpu.lane_id
      gpu.return
    }
  }
}
