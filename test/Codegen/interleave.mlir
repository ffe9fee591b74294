// Rows are copied side by side, 16 in a panel: 20 rows are a panel and 4 rows of another one.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-lower-kernels)" | FileCheck %s

// CHECK-LABEL: func.func @lower
// CHECK: %[[COPY:.*]] = memref.alloc() : memref<2x1x64x16x1xf32>
// CHECK: scf.forall (%{{.*}}) in (2)
// CHECK: scf.forall (%[[PANEL:.*]]) in (6)
// CHECK-COUNT-16: memref.subview %{{.*}}[%{{.*}}, 0, {{[0-9]+}}] [1, 64, 1] [1, 1, 1] : memref<2x64x16xf32> to memref<64xf32, strided<[16]
// CHECK: kernel.inner_tile fma rows(%{{.*}}) weights(%{{.*}}[%[[PANEL]],
// CHECK-COUNT-4: memref.subview %{{.*}}[1, 0, {{[0-9]+}}] [1, 64, 1] [1, 1, 1] : memref<2x64x16xf32> to memref<64xf32, strided<[16]
// CHECK: kernel.inner_tile
// CHECK-NOT: kernel.inner_tile
func.func @lower(%x: memref<20x64xf32>, %w: memref<6x576xi8>, %o: memref<20x96xf32>) {
  kernel.contract ins(%x, %w : memref<20x64xf32>, memref<6x576xi8>) outs(%o : memref<20x96xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 16, kv = 1, interleave = true>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
