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

// -----

!bars = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 1>
module attributes {gpu.container_module} {
  func.func @main() {
    %c1 = arith.constant 1 : index
    %c192 = arith.constant 192 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c192, %c1, %c1)
    return
  }
  gpu.module @gpu {
    // expected-error @+1 {{cannot be emulated: expected whole warpgroups of 128 threads, 8 at most, where they go their own ways, but the block has 192 threads}}
    gpu.func @k() kernel {
      %bars = nvgpu.mbarrier.create -> !bars
      gpu.return
    }
  }
}

// -----

!bars = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 1>
module attributes {gpu.container_module} {
  func.func @main() {
    %c1 = arith.constant 1 : index
    %c128 = arith.constant 128 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c128, %c1, %c1)
    return
  }
  gpu.module @gpu {
    gpu.func @k() kernel {
      %c0 = arith.constant 0 : index
      %bars = nvgpu.mbarrier.create -> !bars
      // expected-error @+1 {{cannot be emulated: its token is used}}
      %t = nvgpu.mbarrier.arrive %bars[%c0] : !bars -> !nvgpu.mbarrier.token
      %use = builtin.unrealized_conversion_cast %t : !nvgpu.mbarrier.token to i64
      gpu.return
    }
  }
}

// -----

!map = !nvgpu.tensormap.descriptor<tensor = memref<8x64xf16, #gpu.address_space<workgroup>>, swizzle = none, l2promo = none, oob = nan, interleave = none>
func.func @main(%x: memref<16x64xf16>) {
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %u = memref.cast %x : memref<16x64xf16> to memref<*xf16>
  // expected-error @+1 {{cannot be emulated: expected no interleaving, and zeros outside}}
  %map = nvgpu.tma.create.descriptor %u box[%c8, %c64] : memref<*xf16> -> !map
  return
}

// -----

!map = !nvgpu.tensormap.descriptor<tensor = memref<8x64xf16, #gpu.address_space<workgroup>>, swizzle = none, l2promo = none, oob = zero, interleave = none>
func.func @main(%u: memref<*xf16>) {
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  // expected-error @+1 {{cannot be emulated: expected the cast of a memref of 1 to 5 dimensions, and a box of as many}}
  %map = nvgpu.tma.create.descriptor %u box[%c8, %c64] : memref<*xf16> -> !map
  return
}

// -----

module attributes {gpu.container_module} {
  gpu.module @gpu {
    gpu.func @k(%x: memref<128xi32>) kernel {
      %tid = gpu.thread_id x
      %c1 = arith.constant 1 : i32
      // expected-error @+1 {{cannot be emulated: a barrier that reduces a predicate}}
      %any = nvvm.barrier #nvvm.reduction<or> %c1 -> i32
      memref.store %any, %x[%tid] : memref<128xi32>
      gpu.return
    }
  }
  func.func @main(%x: memref<128xi32>) {
    %c1 = arith.constant 1 : index
    %c128 = arith.constant 128 : index
    gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c128, %c1, %c1) args(%x : memref<128xi32>)
    return
  }
}
