// Blocks that stay: one thread copies boxes of both matrices by TMA into a ring of stages, two warpgroups multiply.
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @halves
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x320xf16>, %[[W:[a-z0-9]+]]: memref<32x1x40x16x8xf16>
// Rows of 128 bytes, swizzled; of weights chunks of k × panels of 16 channels × 16 bytes.
// CHECK: %[[PANELS:.*]] = memref.collapse_shape %[[W]] {{.*}} into memref<32x40x128xf16>
// CHECK: %[[TILES:.*]] = arith.muli
// CHECK: %[[GRID:.*]] = arith.minui %[[TILES]], %c3 : index
// CHECK: %[[ROWS:.*]] = memref.cast %[[X]] : memref<?x320xf16> to memref<*xf16>
// CHECK: %[[A:.*]] = nvgpu.tma.create.descriptor %[[ROWS]] box[%c128, %c64] {mpc.resident} {{.*}}memref<128x64xf16, {{.*}}swizzle = swizzle_128b
// CHECK: %[[BY_BLOCK:.*]] = memref.transpose %[[PANELS]] (d0, d1, d2) -> (d1, d0, d2)
// CHECK: %[[COLUMNS:.*]] = memref.cast %[[BY_BLOCK]]
// CHECK: %[[B:.*]] = nvgpu.tma.create.descriptor %[[COLUMNS]] box[%c8, %c16, %c128] {mpc.resident} {{.*}}memref<8x16x128xf16, {{.*}}swizzle = none
// Four stages of 48 KiB, and eight mbarriers.
// CHECK: gpu.launch blocks(%[[BLOCK:.*]], %{{.*}}, %{{.*}}) in (%[[SIZE:.*]] = %[[GRID]], {{.*}}) threads(%[[THREAD:.*]], %{{.*}}, %{{.*}}) in (%{{.*}} = %c384,
// CHECK-SAME: dynamic_shared_memory_size %c196672_i32
// CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create -> <{{.*}}num_barriers = 4>
// CHECK: %[[EMPTY:.*]] = nvgpu.mbarrier.create -> <{{.*}}num_barriers = 4>
// CHECK: nvgpu.mbarrier.init %[[FULL]][%c0], %c1 :
// CHECK: nvgpu.mbarrier.init %[[EMPTY]][%c0], %c8 :
// CHECK: nvgpu.mbarrier.init %[[EMPTY]][%c3], %c8 :
// CHECK: nvvm.fence.mbarrier.init
// CHECK: gpu.barrier
// CHECK: %[[MULTIPLIES:.*]] = arith.cmpi ult, %[[THREAD]], %c256
// CHECK: scf.if %[[MULTIPLIES]]
// CHECK: nvvm.setmaxregister increase 232
// CHECK: scf.for %{{.*}} = %[[BLOCK]] to %[[TILES]] step %[[SIZE]] {
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1
// CHECK: %[[ODD:.*]] = arith.cmpi eq, %{{.*}}, %c1
// CHECK: nvgpu.mbarrier.try_wait.parity %[[FULL]][%{{.*}}], %[[ODD]],
// CHECK-COUNT-4: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// The step before is read.
// CHECK-NEXT: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvgpu.mbarrier.arrive %[[EMPTY]]
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK-NOT: nvgpu.mbarrier.arrive
// CHECK: vector.store {{.*}}vector<2xf32>
// CHECK: } else {
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: %[[COPIES:.*]] = arith.cmpi eq, %[[THREAD]], %c256
// CHECK: scf.if %[[COPIES]]
// CHECK: scf.for %{{.*}} = %[[BLOCK]] to %[[TILES]] step %[[SIZE]] {
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1
// CHECK: %[[EVEN:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: nvgpu.mbarrier.try_wait.parity %[[EMPTY]][%{{.*}}], %[[EVEN]],
// CHECK: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%[[SLOT:.*]]], %c49152
// CHECK: nvgpu.tma.async.load %[[A]][%{{.*}}, %{{.*}}], %[[FULL]][%[[SLOT]]]
// CHECK: nvgpu.tma.async.load %[[B]][%c0, %{{.*}}, %{{.*}}], %[[FULL]][%[[SLOT]]]
func.func @halves(%x: memref<?x320xf16>, %w: memref<32x1x40x16x8xf16>, %o: memref<?x512xf32>) {
  kernel.contract ins(%x, %w : memref<?x320xf16>, memref<32x1x40x16x8xf16>) outs(%o : memref<?x512xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 128, columns = 256, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 256, depth = 8, stages = 4, resident = 3}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// One warpgroup multiplies: registers stay where they are. Its four warps read each stage.
// CHECK-LABEL: func.func @bytes
// CHECK: threads({{.*}}) in (%{{.*}} = %c256,
// CHECK: nvgpu.mbarrier.init %{{.*}}[%c0], %c4 :
// CHECK-NOT: nvvm.setmaxregister
// CHECK: nvvm.wgmma.mma_async {{.*}}<m = 64, n = 64, k = 32>, D[<s32>, <one>], A[<u8>, <one>, <row>], B[<s8>, <one>, <col>]
// CHECK: nvgpu.mbarrier.arrive.expect_tx %{{.*}}, %c16384
func.func @bytes(%x: memref<64x512xi8>, %w: memref<4x1x32x16x16xi8>, %o: memref<64x64xi32>) {
  kernel.contract ins(%x, %w : memref<64x512xi8>, memref<4x1x32x16x16xi8>) outs(%o : memref<64x64xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 16>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, resident = 132}} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// Of a window TMA brings the weights alone. 128 threads copy pixels, each a chunk of every 16th row, and their copies arrive at the mbarrier by themselves;
// pixels outside of the picture are zeros.
// CHECK-LABEL: func.func @window
// CHECK: nvgpu.tma.create.descriptor
// CHECK-NOT: nvgpu.tma.create.descriptor
// CHECK: gpu.launch
// CHECK: %[[FULL:.*]] = nvgpu.mbarrier.create
// CHECK: nvgpu.mbarrier.init %[[FULL]][%c0], %c129 :
// CHECK: nvgpu.mbarrier.try_wait.parity %[[FULL]]
// CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK: } else {
// CHECK: %[[PIXELS:.*]] = memref.collapse_shape %{{.*}} : memref<1x9x9x64xf16> into memref<5184xf16>
// CHECK: scf.for
// Three rows and three columns of the window are inside or not; none are of a row of the output that does not exist.
// CHECK: arith.shli %{{.*}}, %c17_i32
// CHECK: %[[INSIDE:.*]] = arith.ori
// CHECK-NEXT: %[[BITS:.*]] = arith.select %{{.*}}, %[[INSIDE]], %c0_i32
// CHECK: scf.for
// CHECK: nvgpu.mbarrier.arrive.expect_tx %[[FULL]][%[[SLOT:.*]]], %c8192
// CHECK-NEXT: memref.expand_shape
// CHECK: nvgpu.tma.async.load
// CHECK-NOT: nvgpu.tma.async.load
// CHECK: %[[FOUND:.*]] = arith.andi %[[BITS]], %[[TAP:.*]] : i32
// CHECK: %[[IS_INSIDE:.*]] = arith.cmpi eq, %[[FOUND]], %[[TAP]] : i32
// CHECK: %[[COUNT:.*]] = arith.select %[[IS_INSIDE]], %c8, %c0
// CHECK: nvgpu.device_async_copy %[[PIXELS]][%{{.*}}], %{{.*}}, 8, %[[COUNT]] {bypassL1}
// CHECK-COUNT-3: nvgpu.device_async_copy
// CHECK-NOT: nvgpu.device_async_copy
// CHECK: nvgpu.mbarrier.get %[[FULL]][%[[SLOT]]]
// CHECK: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
// CHECK-NOT: nvgpu.mbarrier.arrive
func.func @window(%x: memref<1x9x9x64xf16>, %w: memref<4x9x8x16x8xf16>, %o: memref<1x9x9x64xf32>) {
  kernel.contract ins(%x, %w : memref<1x9x9x64xf16>, memref<4x9x8x16x8xf16>) outs(%o : memref<1x9x9x64xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f16, window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>,
                  tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, resident = 132}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// Another pad value is stored, and its threads arrive, too.
// CHECK-LABEL: func.func @pads
// CHECK: nvgpu.mbarrier.init %{{.*}}[%c0], %c257 :
// CHECK: nvgpu.device_async_copy
// CHECK-NEXT: } else {
// CHECK-NEXT: vector.store %{{.*}} {alignment = 16 : i64}
// CHECK: nvvm.cp.async.mbarrier.arrive
// CHECK-NEXT: nvgpu.mbarrier.arrive
func.func @pads(%x: memref<1x9x9x64xi8>, %w: memref<4x9x4x16x16xi8>, %o: memref<1x9x9x64xi32>) {
  kernel.contract ins(%x, %w : memref<1x9x9x64xi8>, memref<4x9x4x16x16xi8>) outs(%o : memref<1x9x9x64xi32>)
      attributes {extra_maps = [], pad_value = 5 : i8, window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>,
                  tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 16>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, resident = 132}} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

func.func @large_window(%x: memref<1x20x20x64xi8>, %w: memref<4x16x4x16x16xi8>, %o: memref<1x5x20x64xi32>) {
  // expected-error @+1 {{expected a window of at most 15 by 15 and channels of whole 16 bytes for 'kernel.staging' with 'resident' blocks}}
  kernel.contract ins(%x, %w : memref<1x20x20x64xi8>, memref<4x16x4x16x16xi8>) outs(%o : memref<1x5x20x64xi32>)
      attributes {extra_maps = [], window = #kernel.window<sizes = [16, 1], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>,
                  tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 16>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, resident = 132}} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// Rows of 64 bytes.
// CHECK-LABEL: func.func @short_rows
// CHECK: nvgpu.tma.create.descriptor %{{.*}} box[%c64, %c32] {{.*}}swizzle = swizzle_64b
func.func @short_rows(%x: memref<64x256xf16>, %w: memref<4x1x32x16x8xf16>, %o: memref<64x64xf32>) {
  kernel.contract ins(%x, %w : memref<64x256xf16>, memref<4x1x32x16x8xf16>) outs(%o : memref<64x64xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 4, stages = 3, resident = 132}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @four_groups(%x: memref<128x256xf16>, %w: memref<8x1x32x16x8xf16>, %o: memref<128x128xf32>) {
  // expected-error @+1 {{expected 'kernel.staging' with 'resident' blocks of 1 or 2 warpgroups that multiply, and two stages or more}}
  kernel.contract ins(%x, %w : memref<128x256xf16>, memref<8x1x32x16x8xf16>) outs(%o : memref<128x128xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 128, columns = 128, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, resident = 132}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @one_stage(%x: memref<128x64xf16>, %w: memref<4x1x8x16x8xf16>, %o: memref<128x64xf32>) {
  // expected-error @+1 {{expected 'kernel.staging' with 'resident' blocks of 1 or 2 warpgroups that multiply, and two stages or more}}
  kernel.contract ins(%x, %w : memref<128x64xf16>, memref<4x1x8x16x8xf16>) outs(%o : memref<128x64xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 1, resident = 132}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
