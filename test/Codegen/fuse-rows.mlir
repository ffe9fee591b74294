// RUN: mpc-opt %s -split-input-file -pass-pipeline="builtin.module(mpc-describe-target,func.func(mpc-fuse-rows))" | FileCheck %s
// RUN: mpc-opt %s -split-input-file -pass-pipeline="builtin.module(mpc-describe-target,func.func(mpc-fuse-rows{threads}))" | FileCheck %s --check-prefix=THREADS

#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>
#lanes = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#lane = affine_map<(d0, d1, d2) -> (d0, d2)>
#point = affine_map<(d0) -> (d0)>

// One loop over rows; what is handed on has the room of an iteration's rows, also behind a reshape. Rows that are summed up go by four,
// what is left of them one by one.
// CHECK-DAG: #[[FOURS:.*]] = affine_map<()[s0] -> (s0 * 4)>
// CHECK-DAG: #[[FROM:.*]] = affine_map<()[s0, s1] -> (s0 + s1)>
// CHECK-LABEL: func.func @normalize(
// CHECK-SAME: %[[X:.*]]: memref<?x128xf32>, %[[BIAS:.*]]: memref<128xf32>, %[[Y:.*]]: memref<?x128xf32>)
// CHECK-NOT: memref.alloc
// CHECK: %[[BLOCKS:.*]] = arith.divui %{{.*}}, %c4
// CHECK: %[[REST:.*]] = arith.remui %{{.*}}, %c4
// CHECK: %[[WHOLE:.*]] = arith.muli %[[BLOCKS]], %c4
// CHECK: scf.forall (%[[B:.*]]) in (%[[BLOCKS]]) {
// CHECK: %[[I:.*]] = affine.apply #[[FOURS]]()[%[[B]]]
// CHECK: %[[PART:.*]] = memref.alloc() : memref<4x16xf32>
// CHECK: %[[SUM:.*]] = memref.alloc() : memref<4xf32>
// CHECK: linalg.fill {{.*}} outs(%[[PART]] : memref<4x16xf32>)
// CHECK: memref.subview %{{.*}}[%[[I]], 0, 0] [4, 8, 16] [1, 1, 1]
// CHECK: linalg.generic {{.*}} outs(%[[PART]]
// CHECK: linalg.fill {{.*}} outs(%[[SUM]] : memref<4xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[PART]] {{.*}} outs(%[[SUM]]
// CHECK: %[[ROW:.*]] = memref.subview %[[X]][%[[I]], 0] [4, 128] [1, 1]
// CHECK: %[[OUT:.*]] = memref.subview %[[Y]][%[[I]], 0] [4, 128] [1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[ROW]], %[[SUM]], %[[BIAS]] {{.*}} outs(%[[OUT]]
// CHECK: } {mpc.cost = 346 : i64}
// CHECK: scf.forall (%[[B:.*]]) in (%[[REST]]) {
// CHECK: %[[I:.*]] = affine.apply #[[FROM]]()[%[[WHOLE]], %[[B]]]
// CHECK: %[[PART:.*]] = memref.alloc() : memref<1x16xf32>
// CHECK: %[[SUM:.*]] = memref.alloc() : memref<1xf32>
// CHECK: memref.subview %[[X]][%[[I]], 0] [1, 128] [1, 1]
// CHECK: } {mpc.cost = 86 : i64}
// CHECK-NOT: scf.forall
func.func @normalize(%x: memref<?x128xf32>, %bias: memref<128xf32>, %y: memref<?x128xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?x128xf32>
  %m = memref.dim %y, %c0 : memref<?x128xf32>
  %split = memref.expand_shape %x [[0], [1, 2]] output_shape [%n, 8, 16] : memref<?x128xf32> into memref<?x8x16xf32>
  %part = memref.alloc(%n) : memref<?x16xf32>
  linalg.fill ins(%zero : f32) outs(%part : memref<?x16xf32>)
  linalg.generic {indexing_maps = [#lanes, #lane], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%split : memref<?x8x16xf32>) outs(%part : memref<?x16xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  %sum = memref.alloc(%n) : memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<?xf32>)
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%part : memref<?x16xf32>) outs(%sum : memref<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #row, #column, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %bias : memref<?x128xf32>, memref<?xf32>, memref<128xf32>) outs(%y : memref<?x128xf32>) {
  ^bb0(%a: f32, %s: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// What is used elsewhere stays whole; the position within the tensor stays the same one.
#whole = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @used_later(
// CHECK: %[[T:.*]] = memref.alloc() : memref<8x64xf32>
// CHECK: scf.forall (%[[I:.*]]) in (8)
// CHECK: memref.subview %[[T]][%[[I]], 0]
// CHECK: linalg.index 0
// CHECK: affine.apply #{{.*}}(%[[I]])
// CHECK: memref.load %[[T]]
func.func @used_later(%x: memref<8x64xf32>, %y: memref<8x64xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %t = memref.alloc() : memref<8x64xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<8x64xf32>) outs(%t : memref<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i32
    %f = arith.sitofp %j : i32 to f32
    %0 = arith.mulf %a, %f : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<8x64xf32>) outs(%y : memref<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  %first = memref.load %t[%c0, %c0] : memref<8x64xf32>
  return %first : f32
}

// -----

// An op that reads other rows of what another one writes ends the chain.
#whole = affine_map<(d0, d1) -> (d0, d1)>
#transposed = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @other_rows(
// CHECK-NOT: scf.forall
func.func @other_rows(%x: memref<64x64xf32>, %y: memref<64x64xf32>) {
  %t = memref.alloc() : memref<64x64xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<64x64xf32>) outs(%t : memref<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#transposed, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<64x64xf32>) outs(%y : memref<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// So does one that reads a buffer whole which an op before wrote by rows.
#whole = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func.func @first_row_of_all(
// CHECK-NOT: scf.forall
func.func @first_row_of_all(%x: memref<64x64xf32>, %y: memref<64x64xf32>) {
  %t = memref.alloc() : memref<64x64xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<64x64xf32>) outs(%t : memref<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#first, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<64x64xf32>) outs(%y : memref<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Short rows and single ones stay.
#whole = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @short_rows(
// CHECK-NOT: scf.forall
// Threads fuse both.
// THREADS-LABEL: func.func @short_rows(
// THREADS: scf.forall {{.*}} in (64)
// THREADS: kernel.row_threads = 4
// THREADS: scf.forall {{.*}} in (1)
// THREADS: kernel.row_threads = 8
func.func @short_rows(%x: memref<64x8xf32>, %y: memref<64x8xf32>, %u: memref<1x64xf32>, %v: memref<1x64xf32>) {
  %t = memref.alloc() : memref<64x8xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<64x8xf32>) outs(%t : memref<64x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<64x8xf32>) outs(%y : memref<64x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  }
  %s = memref.alloc() : memref<1x64xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%u : memref<1x64xf32>) outs(%s : memref<1x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<1x64xf32>) outs(%v : memref<1x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Rows of a part of a buffer, as padding writes them, stay.
#whole = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @inner_part(
// CHECK-NOT: scf.forall
func.func @inner_part(%x: memref<8x64xf32>, %y: memref<10x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %part = memref.subview %y[1, 0] [8, 64] [1, 1] : memref<10x64xf32> to memref<8x64xf32, strided<[64, 1], offset: 64>>
  linalg.fill ins(%zero : f32) outs(%part : memref<8x64xf32, strided<[64, 1], offset: 64>>)
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<8x64xf32>) outs(%part : memref<8x64xf32, strided<[64, 1], offset: 64>>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A view that is not followed may show any memory: here the first op's result, whole.
#whole = affine_map<(d0, d1) -> (d0, d1)>
#first = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func.func @behind_a_cast(
// CHECK-NOT: scf.forall
func.func @behind_a_cast(%x: memref<8x64xf32>, %y: memref<8x64xf32>) {
  %t = memref.alloc() : memref<8x64xf32>
  %u = memref.alloc() : memref<8x64xf32>
  %cast = memref.cast %t : memref<8x64xf32> to memref<?x64xf32>
  linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<8x64xf32>) outs(%t : memref<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #first, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %cast : memref<8x64xf32>, memref<?x64xf32>) outs(%u : memref<8x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #whole, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%t, %u : memref<8x64xf32>, memref<8x64xf32>) outs(%y : memref<8x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A number per channel is read at the row's; parts of rows of a dynamic batch are seen to have all of them.
#whole = affine_map<(n, c, x) -> (n, c, x)>
#row = affine_map<(n, c, x) -> (n, c)>
#channel = affine_map<(n, c, x) -> (c)>
// CHECK-LABEL: func.func @channels(
// CHECK: scf.forall (%[[N:.*]], %[[B:.*]]) in (%{{.*}}, 1)
// CHECK: %[[C:.*]] = affine.apply #{{.*}}()[%[[B]]]
// CHECK: memref.subview %{{.*}}[%[[N]], %[[C]], 0] [1, 4, 64] [1, 1, 1]
// CHECK: %[[S:.*]] = memref.subview %arg1[%[[C]]] [4] [1]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[S]]
// THREADS-LABEL: func.func @channels(
// THREADS: kernel.row_threads = 16
func.func @channels(%x: memref<?x4x80xf32>, %scale: memref<4xf32>, %y: memref<?x4x80xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?x4x80xf32>
  %sum = memref.alloc(%n) : memref<?x4xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<?x4xf32>)
  %part = memref.subview %x[0, 0, 0] [%n, 4, 64] [1, 1, 1] : memref<?x4x80xf32> to memref<?x4x64xf32, strided<[320, 80, 1]>>
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%part : memref<?x4x64xf32, strided<[320, 80, 1]>>) outs(%sum : memref<?x4xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #row, #channel, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %sum, %scale : memref<?x4x80xf32>, memref<?x4xf32>, memref<4xf32>) outs(%y : memref<?x4x80xf32>) {
  ^bb0(%a: f32, %s: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// Few long rows would leave most of a GPU idle: their quotients are every thread's. The sum, of many terms, is that of pieces which threads copy,
// the largest that divide the row and fit into 16 KiB.
#whole = affine_map<(n, x) -> (n, x)>
#row = affine_map<(n, x) -> (n)>
// THREADS-LABEL: func.func @long_rows(
// THREADS: scf.forall (%[[I:.*]]) in (8) {
// THREADS: %[[ROW:.*]] = memref.subview %arg0[%[[I]], 0] [1, 20000] [1, 1]
// THREADS: %[[PIECE:.*]] = memref.alloc() : memref<1x4000xf32>
// THREADS: scf.for %[[BEGIN:.*]] = %c0{{.*}} to %c20000{{.*}} step %c4000
// THREADS: %[[PART:.*]] = memref.subview %[[ROW]][0, %[[BEGIN]]] [1, 4000] [1, 1]
// THREADS: linalg.copy ins(%[[PART]] {{.*}} outs(%[[PIECE]]
// THREADS: linalg.generic {{.*}} ins(%[[PIECE]]
// THREADS: kernel.row_threads = 256
// THREADS-NOT: scf.forall
// THREADS: arith.divf
func.func @long_rows(%x: memref<8x20000xf32>, %y: memref<8x20000xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<8xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8xf32>)
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<8x20000xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : memref<8x20000xf32>, memref<8xf32>) outs(%y : memref<8x20000xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Summed rows of two dimensions go by four along the last one; of six, two are left. Those of a tensor beyond the last-level cache, 8 MiB,
// go one by one.
#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#row = affine_map<(d0, d1, d2) -> (d0, d1)>
// THREADS-LABEL: func.func @sizes(
// THREADS: scf.forall {{.*}} in (3, 6)
// CHECK-LABEL: func.func @sizes(
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (3, 1)
// CHECK: memref.alloc() : memref<1x4xf32>
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (3, 2)
// CHECK: memref.alloc() : memref<1x1xf32>
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (2, 2048)
// CHECK-NOT: scf.forall
func.func @sizes(%x: memref<3x6x64xf32>, %y: memref<3x6x64xf32>, %u: memref<2x2048x1024xf32>, %v: memref<2x2048x1024xf32>) {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<3x6xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<3x6xf32>)
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : memref<3x6x64xf32>) outs(%s : memref<3x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %s : memref<3x6x64xf32>, memref<3x6xf32>) outs(%y : memref<3x6x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  }
  %t = memref.alloc() : memref<2x2048xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<2x2048xf32>)
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%u : memref<2x2048x1024xf32>) outs(%t : memref<2x2048xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%u, %t : memref<2x2048x1024xf32>, memref<2x2048xf32>) outs(%v : memref<2x2048x1024xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}
