// A contraction becomes blocks of threads that multiply with mma.sync.
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse | FileCheck %s
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse --gpu-kernel-outlining | FileCheck %s --check-prefix=OUTLINED

// 64 rows, 16 columns: one block of four warps. 72 blocks of four values of k are nine instructions; one tap has 8 blocks.
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x8x8x32xi8>, %[[W:[a-z0-9]+]]: memref<1x9x8x16x4xi8>
// CHECK: %[[ROWS:.*]] = memref.collapse_shape %[[X]]
// CHECK: gpu.launch blocks(%{{.*}}) in (%{{.*}} = %c1, %{{.*}} = %c1, %{{.*}} = %c1) threads(%{{.*}}) in (%{{.*}} = %c128, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK: scf.for %{{.*}} = %c0 to %c9 step %c1 iter_args
// Outside of the picture the pad value is read, without a load.
// CHECK: scf.if
// CHECK: vector.load %[[ROWS]][{{.*}}] {alignment = 4 : i64} : memref<64x32xi8>, vector<4xi8>
// CHECK: else
// CHECK: scf.yield %cst{{.*}} : vector<4xi8>
// CHECK: vector.load %[[W]]{{.*}} {alignment = 4 : i64} : memref<1x9x8x16x4xi8>, vector<4xi8>
// CHECK-COUNT-2: nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>{{.*}}multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK-NOT: nvvm.mma.sync
// The epilogue, on pairs of columns.
// CHECK: arith.addi %{{.*}} : vector<2xi32>
// CHECK: vector.store
// OUTLINED: gpu.module @gpu
// OUTLINED: gpu.func @conv_mma0
func.func @conv(%x: memref<1x8x8x32xi8>, %w: memref<1x9x8x16x4xi8>, %bias: memref<10xi32>, %o: memref<1x8x8x10xi32>) {
  kernel.contract ins(%x, %w : memref<1x8x8x32xi8>, memref<1x9x8x16x4xi8>) extras(%bias : memref<10xi32>) outs(%o : memref<1x8x8x10xi32>)
      attributes {extra_maps = [affine_map<(n, h, w, c) -> (c)>], unsigned_input, pad_value = 7 : i8,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 16, kv = 4>,
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
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
