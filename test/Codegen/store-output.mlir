// Epilogues that are computed in a loop over the rows of a tile and end in bytes: four vectors at a time become one register of bytes.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-lower-kernels,canonicalize,cse)" | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-lower-kernels,canonicalize,cse)" | FileCheck %s --check-prefixes=CHECK,NARROW

// Four panels of a row: nothing is stored before all are computed, and then once. In registers of 256 bits each is stored alone.
// CHECK-LABEL: func.func @whole
// WIDE: kernel.inner_tile
// WIDE: scf.for %[[R:.*]] = %c0 to %c6 step %c1 {
// WIDE-COUNT-4: math.tanh {{.*}} : vector<16xf32>
// WIDE-NOT: vector.store
// WIDE-COUNT-2: "llvm.x86.avx512.packssdw.512"
// WIDE: "llvm.x86.avx512.packuswb.512"
// WIDE: vector.store %{{.*}}, %{{.*}}[%[[R]], %c0] : memref<6x64xi8>, vector<64xi8>
// WIDE-NOT: vector.store
// WIDE: return
// NARROW-NOT: packuswb
// NARROW: math.tanh {{.*}} : vector<16xf32>
// NARROW: vector.store {{.*}} vector<16xi8>
func.func @whole(%x: memref<6x32xi8>, %w: memref<4x1x8x16x4xi8>, %scale: memref<64xf32>, %o: memref<6x64xi8>) {
  kernel.contract ins(%x, %w : memref<6x32xi8>, memref<4x1x8x16x4xi8>) extras(%scale : memref<64xf32>) outs(%o : memref<6x64xi8>)
      attributes {extra_maps = [affine_map<(n, c) -> (c)>], unsigned_input, tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 6, columns = 64, kv = 4>} {
  ^bb0(%acc: i32, %s: f32):
    %one = arith.constant 1.0 : f32
    %low = arith.constant -12.0 : f32
    %high = arith.constant 243.0 : f32
    %zero = arith.constant 12 : i32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = math.tanh %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = math.roundeven %7 : f32
    %9 = arith.fptosi %8 : f32 to i32
    %10 = arith.addi %9, %zero : i32
    %11 = arith.trunci %10 : i32 to i8
    kernel.yield %11 : i8
  }
  return
}

// Two rows of two panels, and the row that is left: its vectors are packed with one of their own.
// CHECK-LABEL: func.func @pairs
// WIDE: scf.for %[[R:.*]] = %c0 to %c4 step %c2 {
// WIDE: %[[NEXT:.*]] = arith.addi %[[R]], %c1
// WIDE-COUNT-4: math.tanh
// WIDE: packuswb
// WIDE: vector.store %{{.*}}[%[[R]], %c0] : memref<5x32xi8>, vector<32xi8>
// WIDE: vector.store %{{.*}}[%[[NEXT]], %c0] : memref<5x32xi8>, vector<32xi8>
// WIDE: }
// WIDE-COUNT-2: math.tanh
// WIDE-NOT: math.tanh
// WIDE: vector.store %{{.*}}[%c4, %c0] : memref<5x32xi8>, vector<32xi8>
func.func @pairs(%x: memref<5x32xi8>, %w: memref<2x1x8x16x4xi8>, %scale: memref<32xf32>, %o: memref<5x32xi8>) {
  kernel.contract ins(%x, %w : memref<5x32xi8>, memref<2x1x8x16x4xi8>) extras(%scale : memref<32xf32>) outs(%o : memref<5x32xi8>)
      attributes {extra_maps = [affine_map<(n, c) -> (c)>], unsigned_input, tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 5, columns = 32, kv = 4>} {
  ^bb0(%acc: i32, %s: f32):
    %one = arith.constant 1.0 : f32
    %low = arith.constant -12.0 : f32
    %high = arith.constant 243.0 : f32
    %zero = arith.constant 12 : i32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = math.tanh %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = math.roundeven %7 : f32
    %9 = arith.fptosi %8 : f32 to i32
    %10 = arith.addi %9, %zero : i32
    %11 = arith.trunci %10 : i32 to i8
    kernel.yield %11 : i8
  }
  return
}

// Half a panel behind two: its lanes are there twice, those of the scales, too, so that the vector is as wide as the others. 40 bytes are
// stored.
// CHECK-LABEL: func.func @ragged
// WIDE: scf.for %[[R:.*]] = %c0 to %c6 step %c1 {
// WIDE: %[[HALF:.*]] = vector.load %{{.*}}[%[[R]], %c32] : memref<6x48xi32>, vector<8xi32>
// WIDE-DAG: vector.shuffle %[[HALF]], %[[HALF]] [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7] : vector<8xi32>, vector<8xi32>
// WIDE-DAG: %[[SCALES:.*]] = vector.load %{{.*}}[%c32] : memref<40xf32>, vector<8xf32>
// WIDE-DAG: vector.shuffle %[[SCALES]], %[[SCALES]] [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7] : vector<8xf32>, vector<8xf32>
// WIDE: packuswb
// WIDE: vector.store {{.*}} memref<6x40xi8>, vector<40xi8>
func.func @ragged(%x: memref<6x32xi8>, %w: memref<3x1x8x16x4xi8>, %scale: memref<40xf32>, %o: memref<6x40xi8>) {
  kernel.contract ins(%x, %w : memref<6x32xi8>, memref<3x1x8x16x4xi8>) extras(%scale : memref<40xf32>) outs(%o : memref<6x40xi8>)
      attributes {extra_maps = [affine_map<(n, c) -> (c)>], unsigned_input, tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 6, columns = 48, kv = 4>} {
  ^bb0(%acc: i32, %s: f32):
    %one = arith.constant 1.0 : f32
    %low = arith.constant -12.0 : f32
    %high = arith.constant 243.0 : f32
    %zero = arith.constant 12 : i32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = math.tanh %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = math.roundeven %7 : f32
    %9 = arith.fptosi %8 : f32 to i32
    %10 = arith.addi %9, %zero : i32
    %11 = arith.trunci %10 : i32 to i8
    kernel.yield %11 : i8
  }
  return
}

// Rows of one panel, four at a time. Bounds that a signed byte has.
// CHECK-LABEL: func.func @signed
// WIDE-NOT: step %c4
// WIDE-COUNT-4: math.tanh
// WIDE: packsswb
// WIDE-COUNT-4: vector.store {{.*}} memref<4x16xi8>, vector<16xi8>
func.func @signed(%x: memref<4x32xi8>, %w: memref<1x1x8x16x4xi8>, %scale: memref<16xf32>, %o: memref<4x16xi8>) {
  kernel.contract ins(%x, %w : memref<4x32xi8>, memref<1x1x8x16x4xi8>) extras(%scale : memref<16xf32>) outs(%o : memref<4x16xi8>)
      attributes {extra_maps = [affine_map<(n, c) -> (c)>], unsigned_input, tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 4, columns = 16, kv = 4>} {
  ^bb0(%acc: i32, %s: f32):
    %one = arith.constant 1.0 : f32
    %low = arith.constant -108.0 : f32
    %high = arith.constant 147.0 : f32
    %zero = arith.constant -20 : i32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = math.tanh %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = math.roundeven %7 : f32
    %9 = arith.fptosi %8 : f32 to i32
    %10 = arith.addi %9, %zero : i32
    %11 = arith.trunci %10 : i32 to i8
    kernel.yield %11 : i8
  }
  return
}

// Bounds that no byte has cut bits off: that is no saturation.
// CHECK-LABEL: func.func @too_wide
// CHECK-NOT: pack{{us|ss}}wb
// CHECK: math.tanh
// CHECK: return
func.func @too_wide(%x: memref<6x32xi8>, %w: memref<4x1x8x16x4xi8>, %scale: memref<64xf32>, %o: memref<6x64xi8>) {
  kernel.contract ins(%x, %w : memref<6x32xi8>, memref<4x1x8x16x4xi8>) extras(%scale : memref<64xf32>) outs(%o : memref<6x64xi8>)
      attributes {extra_maps = [affine_map<(n, c) -> (c)>], unsigned_input, tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 6, columns = 64, kv = 4>} {
  ^bb0(%acc: i32, %s: f32):
    %one = arith.constant 1.0 : f32
    %low = arith.constant -12.0 : f32
    %high = arith.constant 244.0 : f32
    %zero = arith.constant 12 : i32
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = math.tanh %1 : f32
    %3 = arith.divf %2, %s : f32
    %4 = arith.cmpf ogt, %3, %low : f32
    %5 = arith.select %4, %3, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = math.roundeven %7 : f32
    %9 = arith.fptosi %8 : f32 to i32
    %10 = arith.addi %9, %zero : i32
    %11 = arith.trunci %10 : i32 to i8
    kernel.yield %11 : i8
  }
  return
}
