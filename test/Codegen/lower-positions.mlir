// kernel.scatter and kernel.top_k become loops over independent lines, in parallel, and a sequence within each.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-lower-kernels,canonicalize)" | FileCheck %s

// Columns run in parallel, in blocks of neighbours; rows keep their order, and those outside are left out.
// CHECK-LABEL: func.func @scatter
func.func @scatter(%at: memref<4x1xi64>, %u: memref<4x600xf32>, %o: memref<16x600xf32>) {
  // CHECK: scf.forall (%[[BLOCK:.*]]) in (3)
  // CHECK:   scf.for %[[ROW:.*]] = %c0 to %c4
  // CHECK:     memref.load %{{.*}}[%[[ROW]], %c0] : memref<4x1xi64>
  // CHECK:     %[[INSIDE:.*]] = arith.cmpi ult, %{{.*}}, %c16
  // CHECK:     scf.if %[[INSIDE]]
  // CHECK:       scf.for
  // CHECK:         arith.addf
  // CHECK:         memref.store
  kernel.scatter ins(%at, %u : memref<4x1xi64>, memref<4x600xf32>) outs(%o : memref<16x600xf32>) {
  ^bb0(%update: f32, %old: f32):
    %s = arith.addf %old, %update : f32
    kernel.yield %s : f32
  }
  return
}

// Lines of the batch run in parallel; a heap of three positions lies in the output.
// CHECK-LABEL: func.func @top_k
func.func @top_k(%x: memref<?x100xf32>, %o: memref<?x3xi64>) {
  // CHECK: %[[LINES:.*]] = memref.dim %{{.*}}, %c0
  // CHECK: scf.forall (%{{.*}}) in (%[[LINES]])
  // CHECK: scf.for %{{.*}} = %c3 to %c100
  // CHECK:   scf.if
  // CHECK:     scf.while
  kernel.top_k ins(%x : memref<?x100xf32>) outs(%o : memref<?x3xi64>) attributes {axis = 1 : i64} {
  ^bb0(%a: f32, %b: f32):
    %first = arith.cmpf ogt, %a, %b : f32
    kernel.yield %first : i1
  }
  return
}

// One thread clears the bins and counts; what is not within the range, NaN included, counts as zero.
// CHECK-LABEL: func.func @histogram
func.func @histogram(%x: memref<?x100xf16>, %r: memref<2xf32>, %o: memref<4096xi64>) {
  // CHECK: scf.for %[[BIN:.*]] = %c0 to %c4096
  // CHECK:   memref.store %{{.*}}, %{{.*}}[%[[BIN]]]
  // CHECK: scf.for
  // CHECK:   scf.for %{{.*}} = %c0 to %c100
  // CHECK:     arith.extf
  // CHECK:     %[[B:.*]] = arith.andi
  // CHECK:     %[[A:.*]] = arith.bitcast %[[B]]
  // CHECK:     %[[S:.*]] = arith.mulf %[[A]]
  // CHECK:     %[[INSIDE:.*]] = arith.cmpf olt, %[[S]]
  // CHECK:     %[[SAFE:.*]] = arith.select %[[INSIDE]], %[[S]]
  // CHECK:     arith.fptosi %[[SAFE]]
  kernel.histogram ins(%x, %r : memref<?x100xf16>, memref<2xf32>) outs(%o : memref<4096xi64>)
  return
}
