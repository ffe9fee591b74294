// Kernels become loops over threads, cut where threads meet.
// RUN: mpc-opt %s --mpc-emulate-gpu | FileCheck %s

module attributes {gpu.container_module} {
  // The launch is a dispatch over all threads; what the kernel did wrong ends the call.
  // CHECK-LABEL: func.func @main
  // CHECK: %[[FAULTS:.*]] = memref.alloca() : memref<7xi32>
  // CHECK: call @copy(%{{.*}}, %{{.*}}, %[[FAULTS]], %c2{{.*}}, %{{.*}}, %c64{{.*}}) {mpc.dispatch}
  // CHECK: cf.assert %{{.*}}, "the GPU kernel 'copy' loads or stores outside of a buffer"
  // CHECK: cf.assert %{{.*}}, "the GPU kernel 'copy' reads shared memory that nothing has written"
  // CHECK: cf.assert %{{.*}}, "the GPU kernel 'copy' reads shared memory before a copy to it has come: a wait or a barrier is missing"
  // CHECK: cf.assert %{{.*}}, "the GPU kernel 'copy' has a race on shared memory: a barrier is missing"
  // CHECK: cf.assert %{{.*}}, "the GPU kernel 'copy' loads or stores at an address that is not aligned as it says"
  // Threads that meet: over blocks, each a fiber of the runtime, whose stack holds the indices that live in both pieces.
  // CHECK: call @swap(%{{.*}}, %[[FAULTS]], %c2{{.*}}, %{{.*}}, %c2{{.*}}) {mpc.cost = 256 : i64, mpc.dispatch = "mpc_rt_emulate_groups"}
  func.func @main(%x: memref<64xf32>, %y: memref<64xf32>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @gpu::@copy blocks in (%c2, %c1, %c1) threads in (%c32, %c1, %c1) args(%x : memref<64xf32>, %y : memref<64xf32>)
    gpu.launch_func @gpu::@swap blocks in (%c2, %c1, %c1) threads in (%c32, %c1, %c1) args(%y : memref<64xf32>)
    return
  }
  gpu.module @gpu {
    // CHECK-LABEL: func.func private @copy
    // CHECK-SAME: %[[LO:[a-z0-9]+]]: index, %[[HI:[a-z0-9]+]]: index) attributes {no_inline}
    // CHECK: scf.for %[[I:.*]] = %[[LO]] to %[[HI]]
    // CHECK: arith.divui %[[I]], %c32
    // CHECK: arith.remui %[[I]], %c32
    // A load outside reads zero, and is noted.
    // CHECK: scf.if %{{.*}} -> (f32)
    // CHECK: memref.load
    // CHECK: else
    // CHECK: memref.store %{{.*}} : memref<7xi32>
    gpu.func @copy(%x: memref<64xf32>, %y: memref<64xf32>) kernel {
      %b = gpu.block_id x
      %t = gpu.thread_id x
      %n = gpu.block_dim x
      %f = arith.muli %b, %n : index
      %i = arith.addi %f, %t : index
      %v = memref.load %x[%i] : memref<64xf32>
      memref.store %v, %y[%i] : memref<64xf32>
      gpu.return
    }

    // Two pieces; %i lives in both, and has a value per thread.
    // CHECK-LABEL: func.func private @swap
    // CHECK: %[[OWN:.*]] = memref.alloca() {{.*}} : memref<32xindex>
    // The runtime has the block's shared memory, 128 bytes, and knows who wrote each element and who read it.
    // CHECK: %[[BLOCK:.*]] = call @mpc_rt_emulated_enter(%c32{{.*}}, %c32{{.*}}, %c0{{.*}}, %{{.*}}, %{{.*}})
    // CHECK: %[[BUFFER:.*]] = call @mpc_rt_emulated_buffer_at(%[[BLOCK]], %c0{{.*}}, %c128{{.*}}, %c4{{.*}})
    // CHECK: scf.for %[[T:.*]] = %{{.*}} to %c32
    // CHECK: func.call @mpc_rt_emulated_write(%[[BLOCK]], %[[BUFFER]], %{{.*}}, %c1{{.*}}, %[[T]], %c0{{.*}})
    // CHECK: memref.store %{{.*}}, %[[OWN]][%[[T]]]
    // CHECK: call @mpc_rt_emulated_barrier(%[[BLOCK]], %c0{{.*}}, %c0{{.*}})
    // CHECK: scf.for %[[U:.*]] = %{{.*}} to %c32
    // CHECK: func.call @mpc_rt_emulated_read(%[[BLOCK]], %[[BUFFER]], %{{.*}}, %c1{{.*}}, %[[U]])
    // CHECK: memref.load %[[OWN]][%[[U]]]
    gpu.func @swap(%y: memref<64xf32>) workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>) kernel {
      %b = gpu.block_id x
      %t = gpu.thread_id x
      %c32 = arith.constant 32 : index
      %c31 = arith.constant 31 : index
      %f = arith.muli %b, %c32 : index
      %i = arith.addi %f, %t : index
      %v = memref.load %y[%i] : memref<64xf32>
      memref.store %v, %s[%t] : memref<32xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %u = arith.subi %c31, %t : index
      %w = memref.load %s[%u] : memref<32xf32, #gpu.address_space<workgroup>>
      memref.store %w, %y[%i] : memref<64xf32>
      gpu.return
    }
  }
}
