// A large product becomes blocks of warpgroups that multiply with wgmma.
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse | FileCheck %s

// Two warpgroups, of 64 rows and 256 columns each. 40 blocks of eight values of k are five steps of 128 bytes; four stages, 192 KiB.
// CHECK-LABEL: func.func @halves
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<256x320xf16>, %[[W:[a-z0-9]+]]: memref<32x1x40x16x8xf16>
// CHECK: %[[PANELS:.*]] = memref.collapse_shape %[[W]] {{.*}} into memref<32x40x128xf16>
// CHECK: gpu.launch blocks(%{{.*}}) in (%{{.*}} = %c4, %{{.*}} = %c1, %{{.*}} = %c1) threads(%{{.*}}) in (%{{.*}} = %c256, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK-SAME: dynamic_shared_memory_size %c196608_i32 module(@gpu) function(@halves_wgmma0) workgroup(%[[A:.*]] : memref<512x64xf16, #gpu.address_space<workgroup>>, %[[B:.*]] : memref<32x2048xf16, #gpu.address_space<workgroup>>)
// CHECK: nvgpu.device_async_copy %[[X]][{{.*}}], %[[A]][{{.*}}], 8 {bypassL1}
// CHECK: nvgpu.device_async_copy %[[PANELS]][{{.*}}], %[[B]][{{.*}}], 8 {bypassL1}
// CHECK-COUNT-2: nvvm.cp.async.commit.group
// CHECK: scf.for %{{.*}} = %c0 to %c5 step %c1 iter_args(%[[SUMS:.*]] = %{{.*}}) -> (!llvm.struct<(f32, {{.*}}>)
// What has come is made known to wgmma before all threads meet.
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK-NEXT: gpu.barrier
// Rows of 128 bytes, swizzled, eight of them every 1024 bytes; columns in cores of 128 bytes, chunks of k every 4096 bytes.
// CHECK: memref.extract_aligned_pointer_as_index %[[A]]
// CHECK: arith.ori %{{.*}}, %c4611686293305360384_i64
// CHECK: memref.extract_aligned_pointer_as_index %[[B]]
// CHECK: arith.ori %{{.*}}, %c34376515584_i64
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: nvvm.wgmma.mma_async {{.*}}, %[[SUMS]], <m = 64, n = 256, k = 16>, D[<f32>, <one>], A[<f16>, <one>, <row>], B[<f16>, <one>, <col>]
// CHECK-COUNT-3: nvvm.wgmma.mma_async
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// While it runs the stage of two steps before is filled.
// CHECK: nvgpu.device_async_copy
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: llvm.extractvalue
// CHECK: vector.store {{.*}} : memref<256x512xf32>, vector<8xf32>
func.func @halves(%x: memref<256x320xf16>, %w: memref<32x1x40x16x8xf16>, %o: memref<256x512xf32>) {
  kernel.contract ins(%x, %w : memref<256x320xf16>, memref<32x1x40x16x8xf16>) outs(%o : memref<256x512xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 128, columns = 256, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 256, depth = 8, stages = 4}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Bytes by signed bytes, wrapping.
// CHECK-LABEL: func.func @bytes
// CHECK: nvvm.wgmma.mma_async {{.*}}<m = 64, n = 64, k = 32>, D[<s32>, <one>], A[<u8>, <one>, <row>], B[<s8>, <one>, <col>]
func.func @bytes(%x: memref<64x128xi8>, %w: memref<4x1x8x16x16xi8>, %o: memref<64x64xi32>) {
  kernel.contract ins(%x, %w : memref<64x128xi8>, memref<4x1x8x16x16xi8>) outs(%o : memref<64x64xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 16>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 1}} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Slices of k of two products with weights of their own: the sums of all their rows are added up.
// CHECK-LABEL: func.func @slices
// CHECK: memref.alloc() : memref<2x128x64xf32>
// CHECK: gpu.launch
// CHECK: scf.forall (%{{.*}}) in (2048)
func.func @slices(%x: memref<2x64x1024xf16>, %w: memref<8x1x128x16x8xf16>, %o: memref<2x64x64xf32>) {
  kernel.contract ins(%x, %w : memref<2x64x1024xf16>, memref<8x1x128x16x8xf16>) outs(%o : memref<2x64x64xf32>)
      attributes {extra_maps = [], batched, tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>,
                  kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 3, slices = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
