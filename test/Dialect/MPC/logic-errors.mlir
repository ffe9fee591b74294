// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// compare C1: the shapes broadcast
func.func @test(%x: tensor<?x4xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [?, 4] and [3]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.compare %x, %y {predicate = #mpc.predicate<eq>} : (tensor<?x4xf32>, tensor<3xf32>) -> tensor<?x4xi1>
  return
}

// -----

// compare C2: the element types agree
func.func @test(%x: tensor<4xf32>, %y: tensor<4xi32>) {
  // expected-error @below {{expected operands of the same element type, but got 'f32' and 'i32'}}
  %0 = mpc.compare %x, %y {predicate = #mpc.predicate<eq>} : (tensor<4xf32>, tensor<4xi32>) -> tensor<4xi1>
  return
}

// -----

// where C1: the shapes broadcast
func.func @test(%c: tensor<2xi1>, %x: tensor<4xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [2] and [4]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.where %c, %x, %x : (tensor<2xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// where C2: the element types of what is chosen agree
func.func @test(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf16>) {
  // expected-error @below {{expected operands of the same element type, but got 'f32' and 'f16'}}
  %0 = mpc.where %c, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>
  return
}

// -----

// where: the result is of their type
func.func @test(%c: tensor<4xi1>, %x: tensor<4xi32>) {
  // expected-error @below {{expected a result chosen from elements of type 'i32', but got elements of type 'i1'}}
  %0 = mpc.where %c, %x, %x : (tensor<4xi1>, tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  return
}

// -----

// bitwise C2: the element types agree
func.func @test(%x: tensor<4xi32>, %y: tensor<4xui32>) {
  // expected-error @below {{expected operands of the same element type, but got 'i32' and 'ui32'}}
  %0 = mpc.and %x, %y : (tensor<4xi32>, tensor<4xui32>) -> tensor<4xi32>
  return
}

// -----

// bitcast C1: as many bits
func.func @test(%x: tensor<4xi1>) {
  // expected-error @below {{expected elements of as many bits as 'i1' has, but got 'i16'}}
  %0 = mpc.bitcast %x : (tensor<4xi1>) -> tensor<4xi16>
  return
}
