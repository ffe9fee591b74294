// RUN: mpc-opt %s --mpc-lower-dispatch --split-input-file --verify-diagnostics | FileCheck %s

// Captured: %a in both calls differs (a field), %c is one constant (in the range function), %unused is dropped, %b twice
// the same value (one field).
// CHECK: llvm.func @mpc_rt_parallel_for(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64)
// CHECK-LABEL: llvm.func @main(
// CHECK-SAME: %[[ENV:.*]]: !llvm.ptr, %[[A:.*]]: !llvm.ptr, %[[B:.*]]: !llvm.ptr)
llvm.func @main(%env: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  // CHECK-DAG: %[[ARGS0:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(ptr, ptr)> {alignment = 64 : i64}
  // CHECK-DAG: %[[ARGS1:.*]] = llvm.alloca
  %zero = llvm.mlir.constant(0 : i64) : i64
  %n = llvm.mlir.constant(100 : i64) : i64
  %c = llvm.mlir.constant(7 : i64) : i64
  // CHECK: llvm.store %[[A]]
  // CHECK: llvm.store %[[B]]
  // CHECK: %[[F0:.*]] = llvm.mlir.addressof @k_range
  // CHECK: %[[COST:.*]] = llvm.mlir.constant(5 : i64)
  // CHECK: llvm.call @mpc_rt_parallel_for(%[[ENV]], %[[F0]], %{{.*}}, %{{.*}}, %[[COST]])
  llvm.call @k(%a, %c, %env, %b, %b, %zero, %n) {mpc.dispatch, mpc.cost = 5 : i64}
      : (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> ()
  // CHECK: llvm.store %[[B]]
  // CHECK: llvm.store %[[A]]
  // CHECK: %[[NO_COST:.*]] = llvm.mlir.constant(0 : i64)
  // CHECK: llvm.call @mpc_rt_parallel_for(%[[ENV]], %{{.*}}, %{{.*}}, %{{.*}}, %[[NO_COST]])
  llvm.call @k(%b, %c, %env, %a, %a, %zero, %n) {mpc.dispatch}
      : (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> ()
  llvm.return
}

// CHECK-LABEL: llvm.func internal @k(
llvm.func @k(%a: !llvm.ptr, %c: i64, %unused: !llvm.ptr, %b: !llvm.ptr, %b2: !llvm.ptr, %lo: i64, %hi: i64)
    attributes {sym_visibility = "private"} {
  llvm.store %c, %a : i64, !llvm.ptr
  llvm.store %lo, %b : i64, !llvm.ptr
  llvm.store %hi, %b2 : i64, !llvm.ptr
  llvm.return
}

// CHECK-LABEL: llvm.func internal @k_range(
// CHECK-SAME: %[[ARGS:.*]]: !llvm.ptr, %[[LO:.*]]: i64, %[[HI:.*]]: i64)
// CHECK: %[[F0:.*]] = llvm.load
// CHECK: %[[F1:.*]] = llvm.load
// CHECK: %[[C:.*]] = llvm.mlir.constant(7 : i64)
// CHECK: %[[DEAD:.*]] = llvm.mlir.poison
// CHECK: llvm.call @k(%[[F0]], %[[C]], %[[DEAD]], %[[F1]], %[[F1]], %[[LO]], %[[HI]])

// -----

llvm.func @k(%lo: i64, %hi: i64) attributes {sym_visibility = "private"} {
  llvm.return
}
llvm.func @no_environment(%n: i64) {
  // expected-error @below {{expected a dispatch in a function whose first argument is the runtime's environment}}
  llvm.call @k(%n, %n) {mpc.dispatch} : (i64, i64) -> ()
  llvm.return
}

// -----

llvm.func @k(i64, i64)
llvm.func @no_body(%env: !llvm.ptr, %n: i64) {
  // expected-error @below {{expected a dispatch to call a function of captured values and a range}}
  llvm.call @k(%n, %n) {mpc.dispatch} : (i64, i64) -> ()
  llvm.return
}

// -----

// A mark tests the pointer with which the environment starts, and calls the runtime only where it is set.
// CHECK: llvm.func @mpc_rt_begin_group(!llvm.ptr, i32)
// CHECK-LABEL: llvm.func @main(
// CHECK-SAME: %[[ENV:.*]]: !llvm.ptr, %[[A:.*]]: !llvm.ptr)
llvm.func @main(%env: !llvm.ptr, %a: !llvm.ptr) {
  %c = llvm.mlir.constant(7 : i64) : i64
  // CHECK: %[[PROFILE:.*]] = llvm.load %[[ENV]] : !llvm.ptr -> !llvm.ptr
  // CHECK: %[[WANTED:.*]] = llvm.icmp "ne" %[[PROFILE]]
  // CHECK: llvm.cond_br %[[WANTED]] weights([1, 1048576]), ^[[CALL:.*]], ^[[REST:.*]]
  // CHECK: ^[[CALL]]:
  // CHECK: %[[INDEX:.*]] = llvm.mlir.constant(3 : i32)
  // CHECK: llvm.call @mpc_rt_begin_group(%[[ENV]], %[[INDEX]])
  // CHECK: llvm.br ^[[REST]]
  // CHECK: ^[[REST]]:
  kernel.begin_group 3
  // CHECK: llvm.store
  llvm.store %c, %a : i64, !llvm.ptr
  // What belongs to no group has the largest index.
  // CHECK: llvm.mlir.constant(-1 : i32)
  kernel.begin_group
  llvm.store %c, %a : i64, !llvm.ptr
  llvm.return
}

// -----

llvm.func @no_environment(%n: i64) {
  // expected-error @below {{expected to be in a function whose first argument is the runtime's environment}}
  kernel.begin_group 0
  llvm.return
}

// -----

// Another function of the runtime, with the same signature.
// CHECK: llvm.func @other(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64)
// CHECK: llvm.call @other(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> ()
llvm.func @k(%lo: i64, %hi: i64) attributes {sym_visibility = "private"} {
  llvm.return
}
llvm.func @main(%env: !llvm.ptr, %n: i64) {
  llvm.call @k(%n, %n) {mpc.dispatch = "other"} : (i64, i64) -> ()
  llvm.return
}
