// RUN: mpc-opt %s --mpc-lower-entry | FileCheck %s

// What does not hold is reported to the runtime, and the function goes on.
// CHECK: llvm.func @mpc_rt_report(!llvm.ptr, !llvm.ptr)
// CHECK: llvm.mlir.global private constant @sentence{{.*}}("the sign is not known\00")
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[ENV:.*]]: !llvm.ptr, %[[DESCS:.*]]: !llvm.ptr)
// CHECK: %[[C:.*]] = memref.load
// CHECK: %[[FAILS:.*]] = arith.xori %[[C]]
// CHECK: scf.if %[[FAILS]] {
// CHECK: %[[TEXT:.*]] = llvm.mlir.addressof @sentence
// CHECK: llvm.call @mpc_rt_report(%[[ENV]], %[[TEXT]])
// CHECK: }
// CHECK: memref.store
func.func @main(%c: memref<i1>, %y: memref<i1>) {
  %0 = memref.load %c[] : memref<i1>
  cf.assert %0, "the sign is not known"
  memref.store %0, %y[] : memref<i1>
  return
}

// Each sentence has a name of its own.
// CHECK-LABEL: func.func @two(
// CHECK: llvm.mlir.addressof @[[FIRST:sentence[_0-9]*]]
// CHECK-NOT: llvm.mlir.addressof @[[FIRST]] :
// CHECK: llvm.mlir.addressof @sentence
func.func @two(%c: memref<i1>, %y: memref<i1>) {
  %0 = memref.load %c[] : memref<i1>
  cf.assert %0, "the sign is not known"
  cf.assert %0, "the sign is not known either"
  return
}
