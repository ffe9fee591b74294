// Weights in blocks are multiplied as integers, and the sums of 32 products scaled.
// RUN: mpc-opt %s --mpc-lower-mma -canonicalize -cse | FileCheck %s

// 100 weights are four pieces of 32, two stages: 32 pieces of 16 bytes of input rows, 2 panels of 2 records of 48 + 256 bytes.
// CHECK-LABEL: func.func @four
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<5x100xf16>, %[[W:[a-z0-9]+]]: memref<2x1216xi8>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<983055> : vector<2xi32>
// CHECK-DAG: %[[MAGIC:.*]] = arith.constant dense<1677747200> : vector<2xi32>
// CHECK: gpu.launch
// CHECK-SAME: workgroup(%[[A:.*]] : memref<32x64xf16, #gpu.address_space<workgroup>>, %[[B:.*]] : memref<8x304xi8, #gpu.address_space<workgroup>>)
// CHECK: nvgpu.device_async_copy %[[W]][{{.*}}], %[[B]][{{.*}}], 16, %{{.*}} {bypassL1}
// CHECK: scf.for
// CHECK: nvgpu.ldmatrix %[[A]]
// CHECK: %[[BYTES:.*]] = vector.load %[[B]][{{.*}}] {alignment = 8 : i64} : {{.*}}, vector<8xi8>
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[BYTES]] : vector<8xi8> to vector<2xi32>
// CHECK: vector.load %[[B]][{{.*}}] {alignment = 2 : i64} : {{.*}}, vector<2xi8>
// CHECK: %[[ZERO:.*]] = vector.bitcast %{{.*}} : vector<2xi32> to vector<4xf16>
// CHECK: %[[LOW:.*]] = arith.andi %[[WORDS]], %[[MASK]]
// CHECK: %[[BITS:.*]] = arith.ori %[[LOW]], %[[MAGIC]]
// CHECK: %[[LARGE:.*]] = vector.bitcast %[[BITS]] : vector<2xi32> to vector<4xf16>
// CHECK: arith.subf %[[LARGE]], %[[ZERO]] : vector<4xf16>
// CHECK-COUNT-2: nvvm.mma.sync
// CHECK-COUNT-4: math.fma
// CHECK-COUNT-2: nvvm.mma.sync
// CHECK-COUNT-4: math.fma
func.func @four(%x: memref<5x100xf16>, %w: memref<2x1216xi8>, %o: memref<5x20xf32>) {
  kernel.contract ins(%x, %w : memref<5x100xf16>, memref<2x1216xi8>) outs(%o : memref<5x20xf32>)
      attributes {extra_maps = [], blocks = #kernel.blocks<bits = 4, block = 32, depth = 100, zero_points = true, fragments = true>,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 32, kv = 2>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 32, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// bf16 has no room for 8 bits beside 1024: numbers are made in f32, whose upper halves they are. A zero point of 128 is a constant.
// CHECK-LABEL: func.func @eight
// CHECK-DAG: %[[MAGIC:.*]] = arith.constant dense<1258291200> : vector<4xi32>
// CHECK-DAG: %[[LARGER:.*]] = arith.constant dense<1258291328> : vector<4xi32>
// CHECK: gpu.launch
// CHECK: %[[ZERO:.*]] = vector.bitcast %[[LARGER]] : vector<4xi32> to vector<4xf32>
// CHECK: %[[BITS:.*]] = arith.ori %{{.*}}, %[[MAGIC]]
// CHECK: %[[LARGE:.*]] = vector.bitcast %[[BITS]] : vector<4xi32> to vector<4xf32>
// CHECK: arith.subf %[[LARGE]], %[[ZERO]] : vector<4xf32>
// CHECK: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>
func.func @eight(%x: memref<5x64xbf16>, %w: memref<1x1056xi8>, %o: memref<5x16xf32>) {
  kernel.contract ins(%x, %w : memref<5x64xbf16>, memref<1x1056xi8>) outs(%o : memref<5x16xf32>)
      attributes {extra_maps = [], blocks = #kernel.blocks<bits = 8, block = 64, depth = 64, fragments = true>,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 16, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
