// RUN: mpc-opt %s -split-input-file --mpc-merge-kernels | FileCheck %s

// What differs in value becomes an argument, scalar or vector, one for those that always agree; what agrees stays.
// CHECK-LABEL: func.func @main(
// CHECK: %[[A0:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: call @conv_3(%[[A0]], %{{.*}}, %{{.*}}, %{{.*}}) {mpc.cost = 2 : i64, mpc.dispatch}
// CHECK: %[[A1:.*]] = arith.constant 2.500000e-01 : f32
// CHECK: call @conv_3(%[[A1]], %{{.*}}, %{{.*}}, %{{.*}}) {mpc.cost = 3 : i64, mpc.dispatch}
// CHECK: %[[A2:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: call @conv_3(%[[A2]], %{{.*}}, %{{.*}}, %{{.*}}) {mpc.dispatch}
func.func @main(%x: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  call @conv_3(%x, %c0, %c4) {mpc.cost = 2 : i64, mpc.dispatch} : (memref<64xf32>, index, index) -> ()
  call @conv_7(%x, %c0, %c4) {mpc.cost = 3 : i64, mpc.dispatch} : (memref<64xf32>, index, index) -> ()
  call @conv_3(%x, %c0, %c4) {mpc.dispatch} : (memref<64xf32>, index, index) -> ()
  call @inlined(%x, %c0, %c4) : (memref<64xf32>, index, index) -> ()
  call @wider(%x, %c0, %c4) : (memref<64xf32>, index, index) -> ()
  return
}
// CHECK-LABEL: func.func private @conv_3(
// CHECK-SAME: %[[S:.*]]: f32, %[[X:.*]]: memref<64xf32>, %[[LO:.*]]: index, %[[HI:.*]]: index) attributes {no_inline}
// CHECK-DAG: %[[V:.*]] = vector.broadcast %[[S]] : f32 to vector<4xf32>
// CHECK-DAG: arith.constant dense<0.000000e+00> : vector<4xf32>
// CHECK: scf.for %{{.*}} = %[[LO]] to %[[HI]]
// CHECK: arith.divf %{{.*}}, %[[V]]
// CHECK: memref.store %[[S]], %[[X]]
// CHECK-NOT: @conv_7(
func.func private @conv_3(%x: memref<64xf32>, %lo: index, %hi: index) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %scale = arith.constant dense<0.5> : vector<4xf32>
  %last = arith.constant 0.5 : f32
  scf.for %i = %lo to %hi step %c1 {
    %a = vector.load %x[%i] : memref<64xf32>, vector<4xf32>
    %b = arith.maximumf %a, %zero : vector<4xf32>
    %c = arith.divf %b, %scale : vector<4xf32>
    vector.store %c, %x[%i] : memref<64xf32>, vector<4xf32>
  }
  memref.store %last, %x[%c0] : memref<64xf32>
  return
}
func.func private @conv_7(%y: memref<64xf32>, %from: index, %to: index) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %scale = arith.constant dense<0.25> : vector<4xf32>
  %last = arith.constant 0.25 : f32
  scf.for %i = %from to %to step %c1 {
    %a = vector.load %y[%i] : memref<64xf32>, vector<4xf32>
    %b = arith.maximumf %a, %zero : vector<4xf32>
    %c = arith.divf %b, %scale : vector<4xf32>
    vector.store %c, %y[%i] : memref<64xf32>, vector<4xf32>
  }
  memref.store %last, %y[%c0] : memref<64xf32>
  return
}
// Functions that may be inlined, and those with other sizes, stay.
// CHECK-LABEL: func.func private @inlined(
func.func private @inlined(%y: memref<64xf32>, %from: index, %to: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %scale = arith.constant dense<0.25> : vector<4xf32>
  %last = arith.constant 0.25 : f32
  scf.for %i = %from to %to step %c1 {
    %a = vector.load %y[%i] : memref<64xf32>, vector<4xf32>
    %b = arith.maximumf %a, %zero : vector<4xf32>
    %c = arith.divf %b, %scale : vector<4xf32>
    vector.store %c, %y[%i] : memref<64xf32>, vector<4xf32>
  }
  memref.store %last, %y[%c0] : memref<64xf32>
  return
}
// CHECK-LABEL: func.func private @wider(
func.func private @wider(%y: memref<64xf32>, %from: index, %to: index) attributes {no_inline} {
  %c8 = arith.constant 8 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %scale = arith.constant dense<0.25> : vector<4xf32>
  %last = arith.constant 0.25 : f32
  scf.for %i = %from to %to step %c1 {
    %a = vector.load %y[%i] : memref<64xf32>, vector<4xf32>
    %b = arith.maximumf %a, %zero : vector<4xf32>
    %c = arith.divf %b, %scale : vector<4xf32>
    vector.store %c, %y[%i] : memref<64xf32>, vector<4xf32>
  }
  memref.store %last, %y[%c8] : memref<64xf32>
  return
}

// -----

// Equal functions are shared as they are; the order of operands counts.
// CHECK-LABEL: func.func @main(
// CHECK: %[[A:.*]] = call @sum(%{{.*}}) : (memref<64xf32>) -> f32
// CHECK: %[[B:.*]] = call @sum(%{{.*}}) : (memref<64xf32>) -> f32
// CHECK: call @reversed(
func.func @main(%x: memref<64xf32>, %y: memref<64xf32>) -> (f32, f32, f32) {
  %a = call @sum(%x) : (memref<64xf32>) -> f32
  %b = call @sum_again(%y) : (memref<64xf32>) -> f32
  %c = call @reversed(%y) : (memref<64xf32>) -> f32
  return %a, %b, %c : f32, f32, f32
}
// CHECK-LABEL: func.func private @sum(
// CHECK: arith.constant 1.000000e+00
// CHECK-NOT: @sum_again
// CHECK-LABEL: func.func private @reversed(
func.func private @sum(%x: memref<64xf32>) -> f32 attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %a = memref.load %x[%c0] : memref<64xf32>
  %s = arith.subf %a, %one : f32
  return %s : f32
}
func.func private @sum_again(%x: memref<64xf32>) -> f32 attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %a = memref.load %x[%c0] : memref<64xf32>
  %s = arith.subf %a, %one : f32
  return %s : f32
}
func.func private @reversed(%x: memref<64xf32>) -> f32 attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %a = memref.load %x[%c0] : memref<64xf32>
  %s = arith.subf %one, %a : f32
  return %s : f32
}

// -----

// A byte that stands for padding becomes an argument as scales do; an integer of its own is a size, which stays.
// CHECK-LABEL: func.func @main(
// CHECK: %[[A:.*]] = arith.constant 16 : i8
// CHECK: call @pad(%[[A]], %{{.*}})
// CHECK: %[[B:.*]] = arith.constant 11 : i8
// CHECK: call @pad(%[[B]], %{{.*}})
// CHECK: call @pad_longer(
func.func @main(%x: memref<64xi8>) {
  call @pad(%x) : (memref<64xi8>) -> ()
  call @pad_again(%x) : (memref<64xi8>) -> ()
  call @pad_longer(%x) : (memref<64xi8>) -> ()
  return
}
// CHECK-LABEL: func.func private @pad(
// CHECK-SAME: %[[BYTE:.*]]: i8, %{{.*}}: memref<64xi8>)
// CHECK: %[[V:.*]] = vector.broadcast %[[BYTE]] : i8 to vector<16xi8>
// CHECK: vector.store %[[V]]
// CHECK-NOT: @pad_again
// CHECK-LABEL: func.func private @pad_longer(
func.func private @pad(%x: memref<64xi8>) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %padding = arith.constant dense<16> : vector<16xi8>
  %last = arith.constant 3 : i8
  vector.store %padding, %x[%c0] : memref<64xi8>, vector<16xi8>
  memref.store %last, %x[%c0] : memref<64xi8>
  return
}
func.func private @pad_again(%x: memref<64xi8>) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %padding = arith.constant dense<11> : vector<16xi8>
  %last = arith.constant 3 : i8
  vector.store %padding, %x[%c0] : memref<64xi8>, vector<16xi8>
  memref.store %last, %x[%c0] : memref<64xi8>
  return
}
func.func private @pad_longer(%x: memref<64xi8>) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %padding = arith.constant dense<11> : vector<16xi8>
  %last = arith.constant 4 : i8
  vector.store %padding, %x[%c0] : memref<64xi8>, vector<16xi8>
  memref.store %last, %x[%c0] : memref<64xi8>
  return
}
