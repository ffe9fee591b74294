// RUN: mpc-opt %s --mpc-bufferize --split-input-file --verify-diagnostics

// expected-error @below {{expected one output argument per result, but got 2 results and 1 arguments}}
func.func @few_outputs(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{expected the output argument of result #0 to have its type 'memref<4xf32>', but got 'memref<5xf32>'}}
func.func @other_type(%x: tensor<4xf32>, %out: tensor<5xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{result #0 is computed in the output argument of another}}
func.func @swapped(%a: tensor<4xf32> {bufferization.writable = true}, %b: tensor<4xf32> {bufferization.writable = true})
    -> (tensor<4xf32>, tensor<4xf32>) {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}
