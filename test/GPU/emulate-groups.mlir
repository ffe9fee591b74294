// Warpgroups that wait for each other at mbarriers: each is a call of the function for a block and a group, and the runtime runs those of a block as fibers.
// RUN: mpc-opt %s --mpc-emulate-gpu | FileCheck %s

!map = !nvgpu.tensormap.descriptor<tensor = memref<8x64xf16, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = none, oob = zero, interleave = none>
!bars = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 2>

module attributes {gpu.container_module} {
  // A tensor map is a buffer of numbers: address, offset, element's bytes, rank, swizzle, sizes, strides, box.
  // CHECK-LABEL: func.func @main(
  // CHECK-SAME: %[[X:[a-z0-9]+]]: memref<20x64xf16>
  // CHECK: %[[MAP:.*]] = memref.alloca() : memref<20xi64>
  // CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[X]]
  // CHECK: %[[BITS:.*]] = arith.index_cast %[[ADDRESS]]
  // CHECK: memref.store %[[BITS]], %[[MAP]][%c0
  // Over three blocks.
  // CHECK: call @copy(%[[MAP]], %{{.*}}, %c3{{.*}}, %{{.*}}, %c3{{.*}}) {mpc.cost = {{[0-9]+}} : i64, mpc.dispatch = "mpc_rt_emulate_groups"}
  func.func @main(%x: memref<20x64xf16>, %y: memref<20x64xf16>) {
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    %c256 = arith.constant 256 : index
    %u = memref.cast %x : memref<20x64xf16> to memref<*xf16>
    %map = nvgpu.tma.create.descriptor %u box[%c8, %c64] : memref<*xf16> -> !map
    gpu.launch_func @gpu::@copy blocks in (%c3, %c1, %c1) threads in (%c256, %c1, %c1) args(%map : !map, %y : memref<20x64xf16>)
    return
  }
  gpu.module @gpu {
    // CHECK-LABEL: func.func private @copy(
    // CHECK-SAME: %[[M:[a-z0-9]+]]: memref<20xi64>, %{{[a-z0-9]+}}: memref<20x64xf16>, %[[FAULTS:[a-z0-9]+]]: memref<7xi32>, %{{[a-z0-9]+}}: index, %[[BLOCK:[a-z0-9]+]]: index, %[[GROUP:[a-z0-9]+]]: index
    // CHECK: %[[FIRST:.*]] = arith.muli %[[GROUP]], %c128
    // CHECK: %[[HANDLE:.*]] = call @mpc_rt_emulated_enter(%c256{{.*}}, %c128{{.*}}, %c2{{.*}}, %{{.*}}, %{{.*}})
    // CHECK: call @mpc_rt_emulated_buffer_at(%[[HANDLE]], %c0{{.*}}, %c1024{{.*}}, %c2{{.*}})
    gpu.func @copy(%map: !map, %y: memref<20x64xf16>) workgroup(%s: memref<8x64xf16, #gpu.address_space<workgroup>>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c8 = arith.constant 8 : index
      %c20 = arith.constant 20 : index
      %c64 = arith.constant 64 : index
      %c128 = arith.constant 128 : index
      %bytes = arith.constant 1024 : index
      %no = arith.constant false
      %tid = gpu.thread_id x
      %bid = gpu.block_id x
      %bars = nvgpu.mbarrier.create -> !bars
      // In each loop over threads: the number of the thread in the block.
      // CHECK: scf.for %[[LANE:.*]] = %c0{{.*}} to %c128
      // CHECK: %[[THREAD:.*]] = arith.addi %[[FIRST]], %[[LANE]]
      // CHECK: func.call @mpc_rt_emulated_init(%[[HANDLE]], %[[THREAD]], %c0{{.*}}, %c2{{.*}}, %c1{{.*}}, %c1{{.*}})
      // CHECK: func.call @mpc_rt_emulated_fence
      %isFirst = arith.cmpi eq, %tid, %c0 : index
      scf.if %isFirst {
        nvgpu.mbarrier.init %bars[%c1], %c1 : !bars
        nvvm.fence.mbarrier.init
      }
      // CHECK: call @mpc_rt_emulated_barrier(%[[HANDLE]], %c0{{.*}}, %c0{{.*}})
      gpu.barrier
      %row = arith.muli %bid, %c8 : index
      // One thread waits and copies: a mask says which one.
      // CHECK: %[[ANY:.*]] = call @mpc_rt_emulated_select(%[[HANDLE]], %c0{{.*}}, %{{.*}}, %c1{{.*}}, %{{.*}})
      // CHECK: arith.cmpi ne, %[[ANY]], %c0
      // CHECK: scf.if
      // CHECK: %[[ACTIVE:.*]] = memref.load %{{.*}} : memref<128xi1>
      // CHECK: scf.if %[[ACTIVE]]
      // CHECK: func.call @mpc_rt_emulated_arrive(%[[HANDLE]], %{{.*}}, %c0{{.*}}, %c2{{.*}}, %c1{{.*}}, %c1024
      // CHECK: func.call @mpc_rt_emulated_load_box(%[[HANDLE]], %{{.*}}, %c0{{.*}}, %c2{{.*}}, %c1{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %c0{{.*}}, %{{.*}}, %c0{{.*}}, %c0{{.*}}, %c0{{.*}})
      // CHECK: func.call @mpc_rt_emulated_try_wait
      %isProducer = arith.cmpi eq, %tid, %c128 : index
      scf.if %isProducer {
        nvgpu.mbarrier.arrive.expect_tx %bars[%c1], %bytes : !bars
        nvgpu.tma.async.load %map[%c0, %row], %bars[%c1] to %s : !map, !bars -> memref<8x64xf16, #gpu.address_space<workgroup>>
        nvgpu.mbarrier.try_wait.parity %bars[%c1], %no, %c1 : !bars
      }
      // CHECK: func.call @mpc_rt_emulated_read
      %i = arith.remui %tid, %c8 : index
      %j = arith.addi %row, %i : index
      %exists = arith.cmpi ult, %j, %c20 : index
      nvgpu.mbarrier.try_wait.parity %bars[%c1], %no, %c1 : !bars
      scf.if %exists {
        %v = memref.load %s[%i, %c0] : memref<8x64xf16, #gpu.address_space<workgroup>>
        memref.store %v, %y[%j, %c0] : memref<20x64xf16>
      }
      gpu.return
    }
  }
}
