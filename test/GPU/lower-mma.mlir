// A contraction becomes blocks of threads that multiply with mma.sync.
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse | FileCheck %s
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse --gpu-kernel-outlining | FileCheck %s --check-prefix=OUTLINED

// 64 rows, 16 columns: one block of four warps. 72 blocks of four values of k are five steps of 16; three of four stages are ahead.
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x8x8x32xi8>, %[[W:[a-z0-9]+]]: memref<1x9x8x16x4xi8>
// CHECK-DAG: %[[ROWS:.*]] = memref.collapse_shape %[[X]]
// CHECK-DAG: %[[PANELS:.*]] = memref.collapse_shape %[[W]] {{.*}} into memref<1x72x64xi8>
// CHECK: gpu.launch blocks(%{{.*}}) in (%{{.*}} = %c1, %{{.*}} = %c1, %{{.*}} = %c1) threads(%{{.*}}) in (%{{.*}} = %c128, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK-SAME: workgroup(%[[A:.*]] : memref<256x64xi8, #gpu.address_space<workgroup>>, %[[B:.*]] : memref<64x64xi8, #gpu.address_space<workgroup>>)
// Inside of the picture 16 bytes are copied, none where k has ended; outside of it the pad value is stored.
// CHECK: scf.if
// CHECK: nvgpu.device_async_copy %[[ROWS]][{{.*}}], %[[A]][{{.*}}], 16, %{{.*}} {bypassL1}
// CHECK: else
// CHECK: vector.store %cst{{.*}}, %[[A]]{{.*}} {alignment = 16 : i64} : {{.*}}, vector<16xi8>
// Weights are copied as they lie there, by as many threads as there are chunks.
// CHECK: scf.if
// CHECK: nvgpu.device_async_copy %[[PANELS]][{{.*}}], %[[B]][{{.*}}], 16, %{{.*}} {bypassL1}
// CHECK-COUNT-3: nvvm.cp.async.commit.group
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1 iter_args
// CHECK: nvvm.cp.async.wait.group 2
// CHECK: gpu.barrier
// CHECK: nvgpu.device_async_copy %[[PANELS]][{{.*}}], %[[B]][{{.*}}], 16, %{{.*}} {bypassL1}
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvgpu.ldmatrix %[[A]][{{.*}}] {numTiles = 4 : i32, transpose = false} : {{.*}} -> vector<4x4xi8>
// CHECK: vector.load %[[B]][{{.*}}] {alignment = 8 : i64} : {{.*}}, vector<8xi8>
// CHECK-COUNT-4: nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>{{.*}}multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK-NOT: nvvm.mma.sync
// The epilogue, on as many channels as end with the row.
// CHECK: arith.addi %{{.*}} : vector<2xi32>
// CHECK: vector.store {{.*}} {alignment = 8 : i64}
// OUTLINED: gpu.module @gpu
// OUTLINED: gpu.func @conv_mma0
// OUTLINED-SAME: workgroup(
func.func @conv(%x: memref<1x8x8x32xi8>, %w: memref<1x9x8x16x4xi8>, %bias: memref<10xi32>, %o: memref<1x8x8x10xi32>) {
  kernel.contract ins(%x, %w : memref<1x8x8x32xi8>, memref<1x9x8x16x4xi8>) extras(%bias : memref<10xi32>) outs(%o : memref<1x8x8x10xi32>)
      attributes {extra_maps = [affine_map<(n, h, w, c) -> (c)>], unsigned_input, pad_value = 7 : i8,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 16, kv = 4>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 16, stages = 4},
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: i32, %b: i32):
    %s = arith.addi %acc, %b : i32
    kernel.yield %s : i32
  }
  return
}

// f16 stays in pairs. An odd number of columns is stored one by one.
// CHECK-LABEL: func.func @halves
// CHECK: gpu.launch {{.*}} threads({{.*}}) in (%{{.*}} = %c32,
// CHECK: nvvm.mma.sync {{.*}}m = 16, n = 8, k = 16{{.*}}(vector<2xf16>, vector<2xf16>, f32)
// CHECK: vector.store %{{.*}} : memref<5x3xf32>, vector<1xf32>
func.func @halves(%x: memref<5x32xf16>, %w: memref<1x1x16x16x2xf16>, %o: memref<5x3xf32>) {
  kernel.contract ins(%x, %w : memref<5x32xf16>, memref<1x1x16x16x2xf16>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 16, stages = 1}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Slices of k have blocks of their own and store sums; a loop adds them up in their order, then comes the epilogue.
// CHECK-LABEL: func.func @slices
// CHECK: %[[SUMS:.*]] = memref.alloc(%{{.*}}) : memref<3x?x12xf32>
// CHECK: gpu.launch
// CHECK: nvvm.mma.sync
// CHECK: vector.store %{{.*}}, %[[SUMS]][{{.*}}] {alignment = 16 : i64} : memref<3x?x12xf32>, vector<4xf32>
// CHECK: scf.forall
// CHECK: %[[A:.*]] = vector.load %[[SUMS]][%c0
// CHECK: %[[B:.*]] = vector.load %[[SUMS]][%c1
// CHECK: %[[AB:.*]] = arith.addf %[[A]], %[[B]] : vector<4xf32>
// CHECK: %[[C:.*]] = vector.load %[[SUMS]][%c2
// CHECK: %[[ABC:.*]] = arith.addf %[[AB]], %[[C]] : vector<4xf32>
// CHECK: arith.truncf %[[ABC]] : vector<4xf32> to vector<4xf16>
// CHECK: vector.store {{.*}} {alignment = 8 : i64} : memref<?x12xf16>, vector<4xf16>
func.func @slices(%x: memref<?x256xf16>, %w: memref<1x1x128x16x2xf16>, %o: memref<?x12xf16>) {
  kernel.contract ins(%x, %w : memref<?x256xf16>, memref<1x1x128x16x2xf16>) outs(%o : memref<?x12xf16>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 8, stages = 2, slices = 3}} {
  ^bb0(%acc: f32):
    %h = arith.truncf %acc : f32 to f16
    kernel.yield %h : f16
  }
  return
}
