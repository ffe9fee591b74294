// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// gather C1: an axis of data
func.func @test(%x: tensor<?x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather %x, %i {axis = 2 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  return
}

// -----

// gather C2: nothing to choose from
func.func @test(%x: tensor<2x0xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{expected elements in dimension 1 of 'tensor<2x0xf32>', which positions choose from}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather %x, %i {axis = 1 : i64} : (tensor<2x0xf32>, tensor<2xi64>) -> tensor<2x2xf32>
  return
}

// -----

// gather C3: data's elements
func.func @test(%x: tensor<?x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{expected a result with elements of 'f32', but got 'f16'}}
  %0 = mpc.gather %x, %i {axis = 1 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<?x2xf16>
  return
}

// -----

// gather_elements C1: indices of data's rank
func.func @test(%x: tensor<?x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{expected indices of rank 2, but got 'tensor<2xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_elements %x, %i {axis = 0 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

// gather_elements C2: within data
func.func @test(%x: tensor<?x4xf32>, %i: tensor<?x5xi64>) {
  // expected-error @below {{expected sizes of indices within those of data, but got 'tensor<?x5xi64>' and 'tensor<?x4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_elements %x, %i {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?x5xi64>) -> tensor<?x5xf32>
  return
}

// -----

// gather_elements C2: a batch may have one sample only
func.func @test(%x: tensor<?x4xf32>, %i: tensor<2x4xi64>) {
  // expected-error @below {{expected sizes of indices within those of data}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_elements %x, %i {axis = 1 : i64} : (tensor<?x4xf32>, tensor<2x4xi64>) -> tensor<2x4xf32>
  return
}

// -----

// gather_elements C3: nothing to choose from
func.func @test(%x: tensor<2x0xf32>, %i: tensor<2x1xi64>) {
  // expected-error @below {{expected elements in dimension 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x0xf32>, tensor<2x1xi64>) -> tensor<2x1xf32>
  return
}

// -----

// gather_nd C1: how many coordinates
func.func @test(%x: tensor<?x4xf32>, %i: tensor<2x?xi64>) {
  // expected-error @below {{expected indices with a fixed last size, but got 'tensor<2x?xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<?x4xf32>, tensor<2x?xi64>) -> tensor<2xf32>
  return
}

// -----

// gather_nd C2: no more coordinates than dimensions
func.func @test(%x: tensor<?x4xf32>, %i: tensor<?x2xi64>) {
  // expected-error @below {{expected at most 2 dimensions of 'tensor<?x4xf32>', but got 1 of the batch and 2 coordinates}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<?x4xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  return
}

// -----

// gather_nd C3: as many samples
func.func @test(%x: tensor<?x4xf32>, %i: tensor<3x1xi64>) {
  // expected-error @below {{expected the first 1 sizes of data and indices to agree}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<?x4xf32>, tensor<3x1xi64>) -> tensor<3xf32>
  return
}

// -----

// gather_nd C4: nothing to choose from
func.func @test(%x: tensor<0x4xf32>, %i: tensor<2x1xi64>) {
  // expected-error @below {{expected elements in dimension 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<0x4xf32>, tensor<2x1xi64>) -> tensor<2x4xf32>
  return
}

// -----

// scatter_elements C1: an axis of data
func.func @test(%x: tensor<4x6xf32>, %i: tensor<2x6xi64>, %u: tensor<2x6xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.scatter_elements %x, %i, %u {axis = -1 : i64} : (tensor<4x6xf32>, tensor<2x6xi64>, tensor<2x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// scatter_elements C2: an update for each index
func.func @test(%x: tensor<4x6xf32>, %i: tensor<2x6xi64>, %u: tensor<2x5xf32>) {
  // expected-error @below {{expected updates of the shape of indices, but got 'tensor<2x5xf32>' and 'tensor<2x6xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.scatter_elements %x, %i, %u {axis = 0 : i64} : (tensor<4x6xf32>, tensor<2x6xi64>, tensor<2x5xf32>) -> tensor<4x6xf32>
  return
}

// -----

// scatter_elements C3: within data
func.func @test(%x: tensor<4x6xf32>, %i: tensor<2x7xi64>, %u: tensor<2x7xf32>) {
  // expected-error @below {{expected sizes of indices within those of data}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.scatter_elements %x, %i, %u {axis = 0 : i64} : (tensor<4x6xf32>, tensor<2x7xi64>, tensor<2x7xf32>) -> tensor<4x6xf32>
  return
}

// -----

// scatter_elements C4: data's elements
func.func @test(%x: tensor<4x6xf32>, %i: tensor<2x6xi64>, %u: tensor<2x6xf16>) {
  // expected-error @below {{expected updates with elements of 'f32', but got 'f16'}}
  %0 = mpc.scatter_elements %x, %i, %u {axis = 0 : i64} : (tensor<4x6xf32>, tensor<2x6xi64>, tensor<2x6xf16>) -> tensor<4x6xf32>
  return
}

// -----

// scatter_elements C4: sums need real numbers
func.func @test(%x: tensor<4x6x!quant.uniform<u8:f32, 0.5>>, %i: tensor<2x6xi64>, %u: tensor<2x6x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{expected elements that are not quantized, where updates are added or multiplied}}
  %0 = mpc.scatter_elements %x, %i, %u {axis = 0 : i64, kind = #mpc.scatter<add>} : (tensor<4x6x!quant.uniform<u8:f32, 0.5>>, tensor<2x6xi64>, tensor<2x6x!quant.uniform<u8:f32, 0.5>>) -> tensor<4x6x!quant.uniform<u8:f32, 0.5>>
  return
}

// -----

// scatter_nd C1: no more coordinates than dimensions
func.func @test(%x: tensor<4xf32>, %i: tensor<3x2xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{expected indices with a fixed last size of at most 1, but got 'tensor<3x2xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.scatter_nd %x, %i, %u : (tensor<4xf32>, tensor<3x2xi64>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

// scatter_nd C2: updates of what coordinates name
func.func @test(%x: tensor<4x6xf32>, %i: tensor<3x1xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{expected updates of 'tensor<3x6xf32>', but got 'tensor<3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.scatter_nd %x, %i, %u : (tensor<4x6xf32>, tensor<3x1xi64>, tensor<3xf32>) -> tensor<4x6xf32>
  return
}

// -----

// scatter_nd C3: data's elements
func.func @test(%x: tensor<4xf32>, %i: tensor<3x1xi64>, %u: tensor<3xi32>) {
  // expected-error @below {{expected updates with elements of 'f32', but got 'i32'}}
  %0 = mpc.scatter_nd %x, %i, %u : (tensor<4xf32>, tensor<3x1xi64>, tensor<3xi32>) -> tensor<4xf32>
  return
}

// -----

// tensor_scatter C1: not along the samples
func.func @test(%c: tensor<2x8x4xf32>, %u: tensor<2x3x4xf32>, %w: tensor<2xi64>) {
  // expected-error @below {{expected a fixed axis from 1 to 2 of 'tensor<2x8x4xf32>', but got 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.tensor_scatter %c, %u, %w {axis = 0 : i64} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x8x4xf32>
  return
}

// -----

// tensor_scatter C2: updates fit
func.func @test(%c: tensor<2x8x4xf32>, %u: tensor<2x3x4xf32>, %w: tensor<2xi64>) {
  // expected-error @below {{expected updates that fit into the cache along axis 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.tensor_scatter %c, %u, %w {axis = 2 : i64} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x8x4xf32>
  return
}

// -----

// tensor_scatter C3: a start for each sample
func.func @test(%c: tensor<2x8x4xf32>, %u: tensor<2x3x4xf32>, %w: tensor<3xi64>) {
  // expected-error @below {{expected one start for each sample of 'tensor<2x8x4xf32>', but got 'tensor<3xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.tensor_scatter %c, %u, %w {axis = 1 : i64} : (tensor<2x8x4xf32>, tensor<2x3x4xf32>, tensor<3xi64>) -> tensor<2x8x4xf32>
  return
}

// -----

// tensor_scatter C4: the cache's elements
func.func @test(%c: tensor<2x8x4xf32>, %u: tensor<2x3x4xf16>, %w: tensor<2xi64>) {
  // expected-error @below {{expected updates with elements of 'f32', but got 'f16'}}
  %0 = mpc.tensor_scatter %c, %u, %w {axis = 1 : i64} : (tensor<2x8x4xf32>, tensor<2x3x4xf16>, tensor<2xi64>) -> tensor<2x8x4xf32>
  return
}

// -----

// reverse_sequence C1: two axes
func.func @test(%x: tensor<?x4xf32>, %l: tensor<?xi64>) {
  // expected-error @below {{expected two different axes, but got 1 twice}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reverse_sequence %x, %l {batch_axis = 1 : i64, time_axis = 1 : i64} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  return
}

// -----

// reverse_sequence C2: time has a size
func.func @test(%x: tensor<?x4xf32>, %l: tensor<?xi64>) {
  // expected-error @below {{expected a time axis of fixed size, but got axis 0 of 'tensor<?x4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reverse_sequence %x, %l {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  return
}

// -----

// reverse_sequence C3: a length for each sample
func.func @test(%x: tensor<?x4xf32>, %l: tensor<3xi64>) {
  // expected-error @below {{expected one length for each sample of 'tensor<?x4xf32>', but got 'tensor<3xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reverse_sequence %x, %l {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<?x4xf32>, tensor<3xi64>) -> tensor<?x4xf32>
  return
}

// -----

// reverse_sequence C4: the input's elements
func.func @test(%x: tensor<?x4xf32>, %l: tensor<?xi64>) {
  // expected-error @below {{expected a result with elements of 'f32', but got 'f16'}}
  %0 = mpc.reverse_sequence %x, %l {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<?x4xf16>
  return
}

// -----

// one_hot C1: where the result has an axis
func.func @test(%i: tensor<3xi64>, %v: tensor<2xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.one_hot %i, %v {axis = 2 : i64, depth = 4 : i64} : (tensor<3xi64>, tensor<2xf32>) -> tensor<3x4xf32>
  return
}

// -----

// one_hot C1: depth
func.func @test(%i: tensor<3xi64>, %v: tensor<2xf32>) {
  // expected-error @below {{expected depth >= 0, but got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.one_hot %i, %v {axis = 1 : i64, depth = -1 : i64} : (tensor<3xi64>, tensor<2xf32>) -> tensor<3x4xf32>
  return
}

// -----

// one_hot C2: off and on
func.func @test(%i: tensor<3xi64>, %v: tensor<3xf32>) {
  // expected-error @below {{expected the values for off and on, but got 'tensor<3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.one_hot %i, %v {axis = 1 : i64, depth = 4 : i64} : (tensor<3xi64>, tensor<3xf32>) -> tensor<3x4xf32>
  return
}

// -----

// one_hot C3: the values' elements
func.func @test(%i: tensor<3xi64>, %v: tensor<2xf32>) {
  // expected-error @below {{expected a result with elements of 'f32', but got 'i32'}}
  %0 = mpc.one_hot %i, %v {axis = 1 : i64, depth = 4 : i64} : (tensor<3xi64>, tensor<2xf32>) -> tensor<3x4xi32>
  return
}

// -----

// arg_reduce C1: an axis of the input
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.arg_reduce %x {axis = 2 : i64, kind = #mpc.reduce<max>} : (tensor<?x4xf32>) -> tensor<?x1xi64>
  return
}

// -----

// arg_reduce C2: not the batch
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected an axis of fixed size, but axis 0 of 'tensor<?x4xf32>' is the symbolic batch}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.arg_reduce %x {axis = 0 : i64, kind = #mpc.reduce<max>} : (tensor<?x4xf32>) -> tensor<1x4xi64>
  return
}

// -----

// arg_reduce C2: elements
func.func @test(%x: tensor<3x0xf32>) {
  // expected-error @below {{expected at least 1 elements along axis 1 of 'tensor<3x0xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.arg_reduce %x {axis = 1 : i64, kind = #mpc.reduce<max>} : (tensor<3x0xf32>) -> tensor<3x1xi64>
  return
}

// -----

// arg_reduce C3: the largest or the smallest
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected kind max or min, but got sum}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.arg_reduce %x {axis = 1 : i64, kind = #mpc.reduce<sum>} : (tensor<?x4xf32>) -> tensor<?x1xi64>
  return
}

// -----

// top_k C1: an axis of the input
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.top_k %x {axis = -1 : i64, k = 1 : i64} : (tensor<?x4xf32>) -> tensor<?x1xi64>
  return
}

// -----

// top_k C2: k elements
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected at least 5 elements along axis 1 of 'tensor<?x4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.top_k %x {axis = 1 : i64, k = 5 : i64} : (tensor<?x4xf32>) -> tensor<?x5xi64>
  return
}
