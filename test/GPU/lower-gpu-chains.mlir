// A loop over blocks of rows becomes one kernel: the products are a block's own, and all the rest is left to its threads.
// RUN: mpc-opt %s -split-input-file -verify-diagnostics --mpc-lower-gpu-chains -canonicalize -cse | FileCheck %s
// RUN: mpc-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(mpc-describe-target,mpc-lower-gpu-chains,func.func(mpc-fuse-rows{threads}),mpc-lower-kernels{per-element},mpc-map-to-gpu,canonicalize,cse)" \
// RUN:   | FileCheck %s --check-prefix=MAPPED

// CHECK-LABEL: func.func @attention
// CHECK-SAME: memref<2x40x32xf16>
// Three stages of 128 columns by 16 blocks of two halves.
// CHECK: gpu.launch {{.*}} threads({{.*}}) in (%{{.*}} = %c128, {{.*}} workgroup(%[[STAGES:.*]] : memref<{{384|192|256}}x32xf16, #gpu.address_space<workgroup>>)
// Rows of 200 halves are 7 × 64 + 16 bytes apart.
// CHECK: %[[SCORES:.*]] = memref.alloc() : memref<1x20x232xf16, #gpu.address_space<workgroup>>
// CHECK: %[[KEPT:.*]] = memref.subview %[[SCORES]]
// CHECK: gpu.barrier
// CHECK: nvgpu.device_async_copy {{.*}}, %[[STAGES]]
// The rows of queries, once; 20 of them where instructions have 32.
// CHECK: %[[ROWS:.*]] = memref.alloc() : memref<20x40xf16, #gpu.address_space<workgroup>>
// CHECK: vector.store {{.*}}, %[[ROWS]]{{.*}} vector<8xf16>
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group
// CHECK: gpu.barrier
// CHECK: arith.minui {{.*}}, %c19
// CHECK: nvgpu.ldmatrix %[[ROWS]]
// CHECK: nvvm.mma.sync
// CHECK: vector.store {{.*}} vector<8xf16>
// CHECK: linalg.generic {{.*}} ins(%[[KEPT]] : {{.*}} outs(%[[KEPT]]
// The second product reads them where they are, 200 values of 224, of which the rest are zeros.
// CHECK: gpu.barrier
// CHECK: memref.store %{{.*}}, %[[SCORES]]
// CHECK: nvgpu.ldmatrix %[[SCORES]]
// CHECK: nvvm.mma.sync
// CHECK: kernel.block_threads = 128
// CHECK-NOT: gpu.launch

// All memory is the block's, and a barrier stands before each loop that it divides among its threads.
// MAPPED-LABEL: func.func @attention
// MAPPED: gpu.launch {{.*}} workgroup(%{{.*}} : memref<{{.*}}x32xf16, #gpu.address_space<workgroup>>, %[[SCORES:.*]] : memref<4640xf16, #gpu.address_space<workgroup>>, %[[ROWS:.*]] : memref<800xf16,
// MAPPED: nvgpu.ldmatrix %[[ROWS]]
// MAPPED: vector.store {{.*}}, %[[SCORES]]
// MAPPED: gpu.barrier
// MAPPED-NEXT: scf.for %{{.*}} = %{{.*}} to %c500 step %c128
// MAPPED: arith.negf
// MAPPED: vector.store {{.*}}, %[[SCORES]]
// MAPPED: gpu.barrier
// MAPPED: nvgpu.ldmatrix %[[SCORES]]
// MAPPED-NOT: memref.alloc

#id = affine_map<(b, m, n) -> (b, m, n)>
func.func @attention(%q: memref<2x40x32xf16>, %k: memref<26x1x16x16x2xf16>, %v: memref<4x1x100x16x2xf16>, %out: memref<2x40x32xf16>) {
  scf.forall (%h, %m) = (0, 0) to (2, 40) step (1, 20) {
    %s = memref.alloc() : memref<1x20x200xf16>
    %rows = memref.subview %q[%h, %m, 0] [1, 20, 32] [1, 1, 1] : memref<2x40x32xf16> to memref<1x20x32xf16, strided<[1280, 32, 1], offset: ?>>
    %k0 = affine.apply affine_map<(d0) -> (d0 * 13)>(%h)
    %keys = memref.subview %k[%k0, 0, 0, 0, 0] [13, 1, 16, 16, 2] [1, 1, 1, 1, 1]
        : memref<26x1x16x16x2xf16> to memref<13x1x16x16x2xf16, strided<[512, 512, 32, 2, 1], offset: ?>>
    kernel.contract ins(%rows, %keys : memref<1x20x32xf16, strided<[1280, 32, 1], offset: ?>>, memref<13x1x16x16x2xf16, strided<[512, 512, 32, 2, 1], offset: ?>>)
        outs(%s : memref<1x20x200xf16>) attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : memref<1x20x200xf16>) outs(%s : memref<1x20x200xf16>) {
    ^bb0(%a: f16, %o: f16):
      %0 = arith.negf %a : f16
      linalg.yield %0 : f16
    }
    %v0 = affine.apply affine_map<(d0) -> (d0 * 2)>(%h)
    %values = memref.subview %v[%v0, 0, 0, 0, 0] [2, 1, 100, 16, 2] [1, 1, 1, 1, 1]
        : memref<4x1x100x16x2xf16> to memref<2x1x100x16x2xf16, strided<[3200, 3200, 32, 2, 1], offset: ?>>
    %o = memref.subview %out[%h, %m, 0] [1, 20, 32] [1, 1, 1] : memref<2x40x32xf16> to memref<1x20x32xf16, strided<[1280, 32, 1], offset: ?>>
    kernel.contract ins(%s, %values : memref<1x20x200xf16>, memref<2x1x100x16x2xf16, strided<[3200, 3200, 32, 2, 1], offset: ?>>)
        outs(%o : memref<1x20x32xf16, strided<[1280, 32, 1], offset: ?>>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
  }
  return
}
