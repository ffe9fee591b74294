// Where wgmma would multiply probabilities with values, mma.sync does: attention is one kernel, and a product of its own is not part of it.
// RUN: mpc-opt %s --mpc-select-gpu-tiling | FileCheck %s

// The groups between are the softmax and its like: one operand has the shape of the result.
// CHECK-LABEL: func.func private @values
// CHECK: intrinsic = mma
// Nothing in front of it, a product whose operands are not both computed, and more channels than a thread has registers for.
// CHECK-LABEL: func.func private @alone
// CHECK: intrinsic = wgmma
// CHECK-LABEL: func.func private @shared
// CHECK: intrinsic = wgmma
// CHECK-LABEL: func.func private @wide
// CHECK: intrinsic = wgmma

#x = affine_map<(b, m, n, k) -> (b, m, k)>
#w = affine_map<(b, m, n, k) -> (b, n, k)>
#o = affine_map<(b, m, n, k) -> (b, m, n)>
#all = affine_map<(b, m, n, k) -> (n, k)>
#id = affine_map<(b, m, n) -> (b, m, n)>
#last = affine_map<(b, m, n) -> (n)>
module attributes {mpc.chips = ["sm_90a"]} {
func.func @attention(%q: tensor<24x256x64xf16>, %k: tensor<24x512x64xf16>, %v: tensor<24x64x512xf16>, %u: tensor<24x192x512xf16>, %mask: tensor<512xf16>, %w: tensor<512x64xf16>)
    -> (tensor<24x256x64xf16>, tensor<24x256x192xf16>, tensor<24x256x64xf16>, tensor<24x256x64xf16>) {
  %s = call @scores(%q, %k) : (tensor<24x256x64xf16>, tensor<24x512x64xf16>) -> tensor<24x256x512xf16>
  %m = call @mask(%mask, %s) : (tensor<512xf16>, tensor<24x256x512xf16>) -> tensor<24x256x512xf16>
  %p = call @mask(%mask, %m) : (tensor<512xf16>, tensor<24x256x512xf16>) -> tensor<24x256x512xf16>
  %0 = call @values(%p, %v) : (tensor<24x256x512xf16>, tensor<24x64x512xf16>) -> tensor<24x256x64xf16>
  %1 = call @wide(%p, %u) : (tensor<24x256x512xf16>, tensor<24x192x512xf16>) -> tensor<24x256x192xf16>
  %e = tensor.empty() : tensor<24x256x512xf16>
  %n = call @mask(%mask, %e) : (tensor<512xf16>, tensor<24x256x512xf16>) -> tensor<24x256x512xf16>
  %2 = call @alone(%n, %v) : (tensor<24x256x512xf16>, tensor<24x64x512xf16>) -> tensor<24x256x64xf16>
  %l = call @linear(%q, %w) : (tensor<24x256x64xf16>, tensor<512x64xf16>) -> tensor<24x256x512xf16>
  %3 = call @shared(%l, %v) : (tensor<24x256x512xf16>, tensor<24x64x512xf16>) -> tensor<24x256x64xf16>
  return %0, %1, %2, %3 : tensor<24x256x64xf16>, tensor<24x256x192xf16>, tensor<24x256x64xf16>, tensor<24x256x64xf16>
}
func.func private @scores(%x: tensor<24x256x64xf16>, %w: tensor<24x512x64xf16>) -> tensor<24x256x512xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x512xf32>) -> tensor<24x256x512xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x64xf16>, tensor<24x512x64xf16>) outs(%f : tensor<24x256x512xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x512xf32>
  %h = arith.truncf %r : tensor<24x256x512xf32> to tensor<24x256x512xf16>
  return %h : tensor<24x256x512xf16>
}
func.func private @mask(%mask: tensor<512xf16>, %s: tensor<24x256x512xf16>) -> tensor<24x256x512xf16> {
  %r = linalg.generic {indexing_maps = [#last, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%mask : tensor<512xf16>) outs(%s : tensor<24x256x512xf16>) {
  ^bb0(%a: f16, %b: f16):
    %0 = arith.addf %a, %b : f16
    linalg.yield %0 : f16
  } -> tensor<24x256x512xf16>
  return %r : tensor<24x256x512xf16>
}
func.func private @linear(%x: tensor<24x256x64xf16>, %w: tensor<512x64xf16>) -> tensor<24x256x512xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x512xf32>) -> tensor<24x256x512xf32>
  %r = linalg.generic {indexing_maps = [#x, #all, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x64xf16>, tensor<512x64xf16>) outs(%f : tensor<24x256x512xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x512xf32>
  %h = arith.truncf %r : tensor<24x256x512xf32> to tensor<24x256x512xf16>
  return %h : tensor<24x256x512xf16>
}
func.func private @values(%x: tensor<24x256x512xf16>, %w: tensor<24x64x512xf16>) -> tensor<24x256x64xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x64xf32>) -> tensor<24x256x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x512xf16>, tensor<24x64x512xf16>) outs(%f : tensor<24x256x64xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x64xf32>
  %h = arith.truncf %r : tensor<24x256x64xf32> to tensor<24x256x64xf16>
  return %h : tensor<24x256x64xf16>
}
func.func private @alone(%x: tensor<24x256x512xf16>, %w: tensor<24x64x512xf16>) -> tensor<24x256x64xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x64xf32>) -> tensor<24x256x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x512xf16>, tensor<24x64x512xf16>) outs(%f : tensor<24x256x64xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x64xf32>
  %h = arith.truncf %r : tensor<24x256x64xf32> to tensor<24x256x64xf16>
  return %h : tensor<24x256x64xf16>
}
func.func private @shared(%x: tensor<24x256x512xf16>, %w: tensor<24x64x512xf16>) -> tensor<24x256x64xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x64xf32>) -> tensor<24x256x64xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x512xf16>, tensor<24x64x512xf16>) outs(%f : tensor<24x256x64xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x64xf32>
  %h = arith.truncf %r : tensor<24x256x64xf32> to tensor<24x256x64xf16>
  return %h : tensor<24x256x64xf16>
}
func.func private @wide(%x: tensor<24x256x512xf16>, %w: tensor<24x192x512xf16>) -> tensor<24x256x192xf16> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x256x192xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x256x192xf32>) -> tensor<24x256x192xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<24x256x512xf16>, tensor<24x192x512xf16>) outs(%f : tensor<24x256x192xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<24x256x192xf32>
  %h = arith.truncf %r : tensor<24x256x192xf32> to tensor<24x256x192xf16>
  return %h : tensor<24x256x192xf16>
}
}
