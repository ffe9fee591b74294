// A register tile becomes a loop over k blocks that carries one-dimensional accumulators.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-lower-inner-tiles)" | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-lower-inner-tiles)" | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-lower-inner-tiles)" | FileCheck %s --check-prefixes=CHECK,VNNI

// CHECK-LABEL: func.func @fma
func.func @fma(%r0: memref<8xf32>, %r1: memref<8xf32>, %w: memref<4x9x8x16x1xf32>, %panel: index, %tap: index,
               %a: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>) {
  // CHECK: %[[R:.*]]:2 = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[A0:.*]] = %{{.*}}, %[[A1:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
  // CHECK: %[[W:.*]] = vector.load {{.*}} vector<16xf32>
  // CHECK: %[[X0:.*]] = memref.load %{{.*}}[%[[K]]]
  // CHECK: %[[V0:.*]] = vector.broadcast %[[X0]]
  // CHECK: vector.fma %[[V0]], %[[W]], %[[A0]]
  // CHECK: vector.fma %{{.*}}, %[[W]], %[[A1]]
  // CHECK: return %[[R]]#0, %[[R]]#1
  %0:2 = kernel.inner_tile fma rows(%r0, %r1 : memref<8xf32>, memref<8xf32>) weights(%w[%panel, %tap] : memref<4x9x8x16x1xf32>)
      accumulators(%a, %a : vector<16xf32>, vector<16xf32>) -> vector<16xf32>, vector<16xf32>
  return %0#0, %0#1 : vector<16xf32>, vector<16xf32>
}

// Each step asks for the weights of a later one, of each panel: a line of the cache.
// CHECK-LABEL: func.func @prefetch
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<4x1x64x16x1xf32>, %[[PANEL:[a-z0-9]+]]: index
func.func @prefetch(%row: memref<64xf32>, %w: memref<4x1x64x16x1xf32>, %panel: index, %a: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>) {
  // CHECK: scf.for %[[K:.*]] = %{{.*}} to
  // CHECK: vector.load
  // CHECK: %[[AHEAD:.*]] = arith.addi %[[K]], %c32
  // CHECK: memref.prefetch %[[W]][%[[PANEL]], %{{.*}}, %[[AHEAD]], %c0{{.*}}, %c0{{.*}}], read, locality<3>, data
  // CHECK: vector.load
  // CHECK: %[[NEXT:.*]] = arith.addi %[[PANEL]], %c1
  // CHECK: memref.prefetch %[[W]][%[[NEXT]], %{{.*}}
  // CHECK-COUNT-2: vector.fma
  %0:2 = kernel.inner_tile fma rows(%row : memref<64xf32>) weights(%w[%panel, %panel] : memref<4x1x64x16x1xf32>)
      accumulators(%a, %a : vector<16xf32>, vector<16xf32>) {prefetch = 32 : i64} -> vector<16xf32>, vector<16xf32>
  return %0#0, %0#1 : vector<16xf32>, vector<16xf32>
}

// f16 is widened in registers.
// CHECK-LABEL: func.func @widened
func.func @widened(%row: memref<8xf16>, %w: memref<4x1x8x16x1xf16>, %i: index, %a: vector<16xf32>) -> vector<16xf32> {
  // CHECK-COUNT-2: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
  // CHECK: vector.fma
  %0 = kernel.inner_tile fma rows(%row : memref<8xf16>) weights(%w[%i, %i] : memref<4x1x8x16x1xf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return %0 : vector<16xf32>
}

// Of the last panel half may be computed; each row's number is read once.
// CHECK-LABEL: func.func @half_fma
func.func @half_fma(%row: memref<8xf16>, %w: memref<4x1x8x16x1xf16>, %i: index, %a: vector<16xf32>, %h: vector<8xf32>)
    -> (vector<16xf32>, vector<8xf32>) {
  // CHECK: vector.load {{.*}} vector<16xf16>
  // CHECK: vector.load {{.*}} vector<8xf16>
  // CHECK: memref.load
  // CHECK-NOT: memref.load
  // CHECK: vector.fma {{.*}} : vector<16xf32>
  // CHECK: vector.fma {{.*}} : vector<8xf32>
  %0:2 = kernel.inner_tile fma rows(%row : memref<8xf16>) weights(%w[%i, %i] : memref<4x1x8x16x1xf16>)
      accumulators(%a, %h : vector<16xf32>, vector<8xf32>) -> vector<16xf32>, vector<8xf32>
  return %0#0, %0#1 : vector<16xf32>, vector<8xf32>
}

// Pairs of bf16: the lower halves of the lanes first, then the upper ones, which are f32 but for the lower bits.
// CHECK-LABEL: func.func @pairs
func.func @pairs(%row: memref<8xbf16>, %w: memref<4x1x4x16x2xbf16>, %i: index, %a: vector<16xf32>) -> vector<16xf32> {
  // CHECK: scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}})
  // CHECK: %[[W:.*]] = vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
  // CHECK: arith.shli %[[W]]
  // CHECK: %[[S:.*]] = vector.fma %{{.*}}, %{{.*}}, %[[A]]
  // CHECK: arith.andi %[[W]]
  // CHECK: vector.fma %{{.*}}, %{{.*}}, %[[S]]
  %0 = kernel.inner_tile fma rows(%row : memref<8xbf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xbf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func.func @vdpbf16ps
func.func @vdpbf16ps(%row: memref<8xbf16>, %w: memref<4x1x4x16x2xbf16>, %i: index, %a: vector<16xf32>) -> vector<16xf32> {
  // CHECK: vector.broadcast %{{.*}} : i32 to vector<16xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%{{.*}}, %{{.*}}, %{{.*}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
  %0 = kernel.inner_tile vdpbf16ps rows(%row : memref<8xbf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xbf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return %0 : vector<16xf32>
}

// Sums of f16 start anew after 64 pairs; each column has a sum of the first values and one of the second, which end as one.
// CHECK-LABEL: func.func @vfmaddph
func.func @vfmaddph(%row: memref<140xf16>, %w: memref<4x1x70x16x2xf16>, %i: index, %a: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>) {
  // CHECK: %[[S:.*]]:2 = scf.for %[[C:.*]] = %c0{{.*}} to %c64{{.*}} step %c64{{.*}} iter_args(%[[A:.*]] = %{{.*}}, %{{.*}} = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
  // CHECK: %[[P:.*]]:2 = scf.for %[[K:.*]] = %[[C]] to %{{.*}} iter_args(%[[ONE:.*]] = %cst{{.*}}, %[[OTHER:.*]] = %cst{{.*}}) -> (vector<32xf16>, vector<32xf16>)
  // CHECK: %[[W:.*]] = vector.load %{{.*}} : memref<4x1x70x32xf16>, vector<32xf16>
  // CHECK: %[[B:.*]] = vector.broadcast %{{.*}} : i32 to vector<16xi32>
  // CHECK: %[[X:.*]] = vector.bitcast %[[B]] : vector<16xi32> to vector<32xf16>
  // CHECK: vector.fma %[[X]], %[[W]], %[[ONE]] : vector<32xf16>
  // CHECK: vector.fma %[[X]], %{{.*}}, %[[OTHER]] : vector<32xf16>
  // CHECK: %[[T:.*]] = vector.shuffle %[[P]]#0, %[[P]]#0 [1, 0, 3, 2, {{.*}}, 31, 30]
  // CHECK: %[[D:.*]] = arith.addf %[[P]]#0, %[[T]] : vector<32xf16>
  // CHECK: %[[H:.*]] = vector.shuffle %[[D]], %[[D]] [0, 2, 4, {{.*}}, 30]
  // CHECK: %[[F:.*]] = arith.extf %[[H]] : vector<16xf16> to vector<16xf32>
  // CHECK: arith.addf %[[A]], %[[F]]
  // CHECK: scf.for %{{.*}} = %c64{{.*}} to %c70
  %0:2 = kernel.inner_tile vfmaddph rows(%row : memref<140xf16>) weights(%w[%i, %i] : memref<4x1x70x16x2xf16>)
      accumulators(%a, %a : vector<16xf32>, vector<16xf32>) -> vector<16xf32>, vector<16xf32>
  return %0#0, %0#1 : vector<16xf32>, vector<16xf32>
}

// CHECK-LABEL: func.func @vpdpbusd
func.func @vpdpbusd(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %i: index, %a: vector<16xi32>) -> vector<16xi32> {
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %{{.*}}, %{{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
  %0 = kernel.inner_tile vpdpbusd rows(%row : memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%a : vector<16xi32>) {unsigned_rows} -> vector<16xi32>
  return %0 : vector<16xi32>
}

// Of the last panel half may be computed.
// CHECK-LABEL: func.func @half_panel
func.func @half_panel(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %i: index, %a: vector<16xi32>, %h: vector<8xi32>)
    -> (vector<16xi32>, vector<8xi32>) {
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"({{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"({{.*}}) : (vector<8xi32>, vector<32xi8>, vector<32xi8>) -> vector<8xi32>
  %0:2 = kernel.inner_tile vpdpbusd rows(%row : memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%a, %h : vector<16xi32>, vector<8xi32>) {unsigned_rows} -> vector<16xi32>, vector<8xi32>
  return %0#0, %0#1 : vector<16xi32>, vector<8xi32>
}

// Sixteen lanes of two partial sums: four 256-bit registers, or two of 512 bits. VNNI adds in the same instruction.
// CHECK-LABEL: func.func @pmaddwd
func.func @pmaddwd(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %i: index, %a: vector<32xi32>) -> vector<32xi32> {
  // CHECK: arith.extui %{{.*}} : vector<4xi8> to vector<4xi16>
  // AVX2-COUNT-4: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"({{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
  // AVX512-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"({{.*}}) : (vector<32xi16>, vector<32xi16>) -> vector<16xi32>
  // VNNI-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.vpdpwssd.512"({{.*}}) : (vector<16xi32>, vector<32xi16>, vector<32xi16>) -> vector<16xi32>
  // CHECK-NOT: llvm.call_intrinsic
  %0 = kernel.inner_tile pmaddwd rows(%row : memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%a : vector<32xi32>) {unsigned_rows} -> vector<32xi32>
  return %0 : vector<32xi32>
}

// Activations of 16 bits are multiplied as they are.
// CHECK-LABEL: func.func @words
func.func @words(%row: memref<64xi16>, %w: memref<4x1x16x16x4xi8>, %i: index, %a: vector<32xi32>) -> vector<32xi32> {
  // CHECK: %[[X:.*]] = vector.load {{.*}} : memref<64xi16>, vector<4xi16>
  // CHECK-NEXT: vector.bitcast %[[X]] : vector<4xi16> to vector<1xi64>
  // CHECK: arith.extsi %{{.*}} : vector<{{.*}}xi8> to vector<{{.*}}xi16>
  %0 = kernel.inner_tile pmaddwd rows(%row : memref<64xi16>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%a : vector<32xi32>) -> vector<32xi32>
  return %0 : vector<32xi32>
}
