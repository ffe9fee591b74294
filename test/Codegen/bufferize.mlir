// RUN: mpc-opt %s --mpc-bufferize --canonicalize --cse | FileCheck %s

// A group that writes to its destination needs no copy, at its call neither.
// CHECK-LABEL: func.func private @relu(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[OUT:.*]]: memref<?x8xf32>)
// CHECK-NOT: alloc
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[X]] : memref<?x8xf32>) outs(%[[OUT]] : memref<?x8xf32>)
// CHECK-NOT: linalg.copy
// CHECK: return
func.func private @relu(%x: tensor<?x8xf32>, %out: tensor<?x8xf32> {bufferization.writable = true}) -> tensor<?x8xf32> {
  %zero = arith.constant 0.0 : f32
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%out : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[OUT:.*]]: memref<?x8xf32>) {
// CHECK: %[[T:.*]] = memref.alloc
// CHECK-NEXT: call @relu(%[[X]], %[[T]])
// CHECK-NEXT: call @relu(%[[T]], %[[OUT]])
// CHECK-NEXT: return
func.func @main(%x: tensor<?x8xf32>, %out: tensor<?x8xf32> {bufferization.writable = true}) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %0 = call @relu(%x, %e) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = call @relu(%0, %out) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// A result that is somewhere else is copied, as a linalg op.
// CHECK-LABEL: func.func @identity(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[OUT:.*]]: memref<4xf32>) {
// CHECK-NEXT: linalg.copy ins(%[[X]] : memref<4xf32>) outs(%[[OUT]] : memref<4xf32>)
// CHECK-NEXT: return
func.func @identity(%x: tensor<4xf32>, %out: tensor<4xf32> {bufferization.writable = true}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// Slices that are written in place are not copied onto themselves.
// CHECK-LABEL: func.func @concat(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[OUT:.*]]: memref<8xf32>) {
// CHECK: %[[LEFT:.*]] = memref.subview %[[OUT]][0] [4] [1]
// CHECK-NEXT: linalg.copy ins(%[[X]] : memref<4xf32>) outs(%[[LEFT]]
// CHECK: %[[RIGHT:.*]] = memref.subview %[[OUT]][4] [4] [1]
// CHECK-NEXT: linalg.copy ins(%[[X]] : memref<4xf32>) outs(%[[RIGHT]]
// CHECK-NEXT: return
func.func @concat(%x: tensor<4xf32>, %out: tensor<8xf32> {bufferization.writable = true}) -> tensor<8xf32> {
  %left = tensor.extract_slice %out[0] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %0 = linalg.copy ins(%x : tensor<4xf32>) outs(%left : tensor<4xf32>) -> tensor<4xf32>
  %1 = tensor.insert_slice %0 into %out[0] [4] [1] : tensor<4xf32> into tensor<8xf32>
  %right = tensor.extract_slice %1[4] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %2 = linalg.copy ins(%x : tensor<4xf32>) outs(%right : tensor<4xf32>) -> tensor<4xf32>
  %3 = tensor.insert_slice %2 into %1[4] [4] [1] : tensor<4xf32> into tensor<8xf32>
  return %3 : tensor<8xf32>
}
