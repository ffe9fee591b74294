// Two convolutions and a matrix product with ReLU, a symbolic batch, and weights that are small integers: every sum is
// exact in f32, so results must equal those of check.c bit for bit.
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel = affine_map<(n, h, w, c) -> (c)>
#window = affine_map<(n, h, w, o, kh, kw, i) -> (n, h + kh, w + kw, i)>
#weights = affine_map<(n, h, w, o, kh, kw, i) -> (o, kh, kw, i)>
#result = affine_map<(n, h, w, o, kh, kw, i) -> (n, h, w, o)>

module attributes {mpc.model = {
    name = "net", hash = "00ff", precision = "f32",
    inputs = [{name = "the input", type = tensor<?x5x6x3xf32>, layout = "nhwc", range = [-2.0, 2.0]}],
    outputs = [{name = "scores", type = tensor<?x3xf32>}],
    groups = [{name = "conv1", precision = "f32", reason = "asked for"}]}} {
  func.func private @conv3x3(%x: tensor<?x5x6x3xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>,
                             %out: tensor<?x5x6x4xf32> {bufferization.writable = true}) -> tensor<?x5x6x4xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x5x6x3xf32>
    %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index, %l: index):
      tensor.yield %zero : f32
    } : tensor<?x5x6x3xf32> to tensor<?x7x8x3xf32>
    %e = tensor.empty(%n) : tensor<?x5x6x4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x5x6x4xf32>) -> tensor<?x5x6x4xf32>
    %acc = linalg.generic {indexing_maps = [#window, #weights, #result],
        iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
        ins(%p, %w : tensor<?x7x8x3xf32>, tensor<4x3x3x3xf32>) outs(%f : tensor<?x5x6x4xf32>) {
    ^bb0(%a: f32, %b0: f32, %c: f32):
      %m = arith.mulf %a, %b0 : f32
      %s = arith.addf %c, %m : f32
      linalg.yield %s : f32
    } -> tensor<?x5x6x4xf32>
    %r = linalg.generic {indexing_maps = [#id, #channel, #id],
        iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%acc, %b : tensor<?x5x6x4xf32>, tensor<4xf32>) outs(%out : tensor<?x5x6x4xf32>) {
    ^bb0(%a: f32, %b0: f32, %c: f32):
      %s = arith.addf %a, %b0 : f32
      %m = arith.maximumf %s, %zero : f32
      linalg.yield %m : f32
    } -> tensor<?x5x6x4xf32>
    return %r : tensor<?x5x6x4xf32>
  }

  func.func private @conv1x1(%x: tensor<?x5x6x4xf32>, %w: tensor<2x1x1x4xf32>,
                             %out: tensor<?x5x6x2xf32> {bufferization.writable = true}) -> tensor<?x5x6x2xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x5x6x4xf32>
    %e = tensor.empty(%n) : tensor<?x5x6x2xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x5x6x2xf32>) -> tensor<?x5x6x2xf32>
    %acc = linalg.generic {indexing_maps = [#window, #weights, #result],
        iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
        ins(%x, %w : tensor<?x5x6x4xf32>, tensor<2x1x1x4xf32>) outs(%f : tensor<?x5x6x2xf32>) {
    ^bb0(%a: f32, %b0: f32, %c: f32):
      %m = arith.mulf %a, %b0 : f32
      %s = arith.addf %c, %m : f32
      linalg.yield %s : f32
    } -> tensor<?x5x6x2xf32>
    %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%acc : tensor<?x5x6x2xf32>) outs(%out : tensor<?x5x6x2xf32>) {
    ^bb0(%a: f32, %c: f32):
      %m = arith.maximumf %a, %zero : f32
      linalg.yield %m : f32
    } -> tensor<?x5x6x2xf32>
    return %r : tensor<?x5x6x2xf32>
  }

  func.func private @dense(%x: tensor<?x60xf32>, %w: tensor<60x3xf32>, %b: tensor<3xf32>,
                           %out: tensor<?x3xf32> {bufferization.writable = true}) -> tensor<?x3xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x60xf32>
    %e = tensor.empty(%n) : tensor<?x3xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
    %acc = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                            affine_map<(m, n, k) -> (m, n)>],
        iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %w : tensor<?x60xf32>, tensor<60x3xf32>) outs(%f : tensor<?x3xf32>) {
    ^bb0(%a: f32, %b0: f32, %c: f32):
      %m = arith.mulf %a, %b0 : f32
      %s = arith.addf %c, %m : f32
      linalg.yield %s : f32
    } -> tensor<?x3xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>,
                                          affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
        ins(%acc, %b : tensor<?x3xf32>, tensor<3xf32>) outs(%out : tensor<?x3xf32>) {
    ^bb0(%a: f32, %b0: f32, %c: f32):
      %s = arith.addf %a, %b0 : f32
      linalg.yield %s : f32
    } -> tensor<?x3xf32>
    return %r : tensor<?x3xf32>
  }

  func.func @main(%x: tensor<?x5x6x3xf32>, %out: tensor<?x3xf32> {bufferization.writable = true}) -> tensor<?x3xf32> {
    %c0 = arith.constant 0 : index
    %w1 = arith.constant dense<1.0> : tensor<4x3x3x3xf32>
    %b1 = arith.constant dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
    %w2 = arith.constant dense<[[[[1.0, -1.0, 2.0, 0.0]]], [[[0.0, 1.0, 1.0, -2.0]]]]> : tensor<2x1x1x4xf32>
    %w3 = arith.constant dense<2.0> : tensor<60x3xf32>
    %b3 = arith.constant dense<[-1.0, 0.0, 1.0]> : tensor<3xf32>
    %n = tensor.dim %x, %c0 : tensor<?x5x6x3xf32>
    %e1 = tensor.empty(%n) : tensor<?x5x6x4xf32>
    %1 = call @conv3x3(%x, %w1, %b1, %e1) : (tensor<?x5x6x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>,
                                             tensor<?x5x6x4xf32>) -> tensor<?x5x6x4xf32>
    %e2 = tensor.empty(%n) : tensor<?x5x6x2xf32>
    %2 = call @conv1x1(%1, %w2, %e2) : (tensor<?x5x6x4xf32>, tensor<2x1x1x4xf32>, tensor<?x5x6x2xf32>)
                                       -> tensor<?x5x6x2xf32>
    %3 = tensor.collapse_shape %2 [[0], [1, 2, 3]] : tensor<?x5x6x2xf32> into tensor<?x60xf32>
    %4 = call @dense(%3, %w3, %b3, %out) : (tensor<?x60xf32>, tensor<60x3xf32>, tensor<3xf32>, tensor<?x3xf32>)
                                           -> tensor<?x3xf32>
    return %4 : tensor<?x3xf32>
  }
}
