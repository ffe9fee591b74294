// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-describe-target,mpc-tile-chains)" | FileCheck %s

// One call in place of two, which counts for the first group. Weights are packed in front of the loop; a block has those of its
// position. 40 rows are three blocks of 16, of which the last one moves back by 8. The result goes where its transposition puts it.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT: kernel.begin_group 0
// CHECK-NOT: memref.alloc
// CHECK-NOT: kernel.begin_group
// CHECK: call @scores_chain(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NEXT: return
// CHECK: func.func private @scores_chain(
// CHECK-SAME: %{{[^:]*}}: index, %[[Q:[^:]*]]: memref<?x2x40x8xf32>, %[[K:[^:]*]]: memref<?x2x8x24xf32>, %[[M:[^:]*]]: memref<?x24xf32>, %[[OUT:[^:]*]]: memref<?x40x2x24xf32>
// CHECK: kernel.pack ins(%[[K]] {{.*}} outs(%[[PACKED:.*]] :
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]], %[[I:.*]]) = (0, 0, 0) to (%{{.*}}, 2, 40) step (1, 1, 16)
// CHECK: %[[START:.*]] = affine.min #{{.*}}(%[[I]])
// CHECK: %[[S:.*]] = memref.alloc() : memref<1x1x16x24xf32>
// CHECK: %[[ROWS:.*]] = memref.subview %[[Q]][%[[B]], %[[H]], %[[START]], 0] [1, 1, 16, 8]
// CHECK: %[[PANEL:.*]] = affine.apply #{{.*}}()[%[[B]], %[[H]]]
// CHECK: %[[WEIGHTS:.*]] = memref.subview %[[PACKED]][%[[PANEL]], 0, 0, 0, 0] [2, 1, 8, 16, 1]
// CHECK: %[[MASK:.*]] = memref.subview %[[M]][%[[B]], 0] [1, 24]
// CHECK: kernel.contract ins(%[[ROWS]], %[[WEIGHTS]] {{.*}} extras(%[[MASK]] {{.*}} outs(%[[S]] : memref<1x1x16x24xf32>)
// CHECK: %[[PLACE:.*]] = memref.subview %[[OUT]][%[[B]], %[[START]], %[[H]], 0] [1, 16, 1, 24]
// CHECK: linalg.generic {{.*}} ins(%[[S]] {{.*}} outs(%[[PLACE]]
// CHECK: } {mpc.cost = {{[0-9]+}} : i64}

#mask = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
#in = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1, d3)>
#out = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
module {
  func.func @main(%q: memref<?x2x40x8xf32>, %k: memref<?x2x8x24xf32>, %m: memref<?x24xf32>, %out: memref<?x40x2x24xf32>) {
    kernel.begin_group 0
    %c0 = arith.constant 0 : index
    %n = memref.dim %q, %c0 : memref<?x2x40x8xf32>
    %s = memref.alloc(%n) : memref<?x2x40x24xf32>
    call @scores(%q, %k, %m, %s) {mpc.chain = array<i64: 0, 16>} : (memref<?x2x40x8xf32>, memref<?x2x8x24xf32>, memref<?x24xf32>, memref<?x2x40x24xf32>) -> ()
    kernel.begin_group 1
    call @transpose(%s, %out) {mpc.chain = array<i64: 0, 16>} : (memref<?x2x40x24xf32>, memref<?x40x2x24xf32>) -> ()
    return
  }
  func.func private @scores(%q: memref<?x2x40x8xf32>, %k: memref<?x2x8x24xf32>, %m: memref<?x24xf32>, %s: memref<?x2x40x24xf32>) {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %n = memref.dim %k, %c0 : memref<?x2x8x24xf32>
    %panels = arith.muli %n, %c4 : index
    %packed = memref.alloc(%panels) : memref<?x1x8x16x1xf32>
    kernel.pack ins(%k : memref<?x2x8x24xf32>) outs(%packed : memref<?x1x8x16x1xf32>) attributes {transposed}
    kernel.contract ins(%q, %packed : memref<?x2x40x8xf32>, memref<?x1x8x16x1xf32>) extras(%m : memref<?x24xf32>) outs(%s : memref<?x2x40x24xf32>)
        attributes {batched, extra_maps = [#mask], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 32, kv = 1>} {
    ^bb0(%acc: f32, %bias: f32):
      %0 = arith.addf %acc, %bias : f32
      kernel.yield %0 : f32
    }
    return
  }
  func.func private @transpose(%s: memref<?x2x40x24xf32>, %out: memref<?x40x2x24xf32>) {
    linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%s : memref<?x2x40x24xf32>) outs(%out : memref<?x40x2x24xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    }
    return
  }
}
