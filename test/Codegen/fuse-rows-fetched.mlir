// How many rows that are summed up go side by side: four of what the second-level cache holds with a result of its size, two of what it does not, where vectors are
// lines of the cache and the next rows are fetched meanwhile; with shorter vectors four, and one of what no cache holds.
// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},func.func(mpc-fuse-rows))" | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},func.func(mpc-fuse-rows))" | FileCheck %s --check-prefixes=CHECK,NARROW

// CHECK-LABEL: func.func @near
// CHECK: scf.forall (%{{.*}}) in (127)
// CHECK: memref.alloc() : memref<4xf32>
func.func @near(%x: memref<508x256xf32>, %y: memref<508x256xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<508xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<508xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<508x256xf32>) outs(%sum : memref<508xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : memref<508x256xf32>, memref<508xf32>) outs(%y : memref<508x256xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    linalg.yield %0 : f32
  }
  return
}
// CHECK-LABEL: func.func @beyond
// WIDE: scf.forall (%{{.*}}) in (256)
// WIDE: memref.alloc() : memref<2xf32>
// NARROW: scf.forall (%{{.*}}) in (128)
// NARROW: memref.alloc() : memref<4xf32>
func.func @beyond(%x: memref<512x256xf32>, %y: memref<512x256xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<512xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<512xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<512x256xf32>) outs(%sum : memref<512xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : memref<512x256xf32>, memref<512xf32>) outs(%y : memref<512x256xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    linalg.yield %0 : f32
  }
  return
}
// CHECK-LABEL: func.func @far
// WIDE: scf.forall (%{{.*}}) in (32768)
// WIDE: memref.alloc() : memref<2xf32>
// NARROW: scf.forall (%{{.*}}) in (65536)
// NARROW: memref.alloc() : memref<1xf32>
func.func @far(%x: memref<65536x256xf32>, %y: memref<65536x256xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<65536xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<65536xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<65536x256xf32>) outs(%sum : memref<65536xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : memref<65536x256xf32>, memref<65536xf32>) outs(%y : memref<65536x256xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    linalg.yield %0 : f32
  }
  return
}
