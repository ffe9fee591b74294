// RUN: mpc-opt %s -split-input-file -pass-pipeline="builtin.module(mpc-describe-target,mpc-select-chains)" | FileCheck %s

// Softmax stands here as a division by the row's sum.

// Scores, weights and results of 36 rows at a time. Packing what all rows read is no obstacle.
// CHECK-LABEL: func.func @attention(
// CHECK: call @scores{{.*}} {mpc.chain = array<i64: 0, [[ROWS:[0-9]+]]>}
// CHECK: call @normalize{{.*}} {mpc.chain = array<i64: 0, [[ROWS]]>}
// CHECK: call @values{{.*}} {mpc.chain = array<i64: 0, [[ROWS]]>}

// Somebody else reads the weights: they are stored, and what reads them stays apart.
// CHECK-LABEL: func.func @weights_are_a_result(
// CHECK: call @scores{{.*}} {mpc.chain = array<i64: 1,
// CHECK: call @normalize{{.*}} {mpc.chain = array<i64: 1,
// CHECK-NOT: mpc.chain

// The scores are read behind the calls.
// CHECK-LABEL: func.func @scores_are_read(
// CHECK-NOT: mpc.chain

// A column needs all rows.
// CHECK-LABEL: func.func @columns(
// CHECK-NOT: mpc.chain

// Something between the calls touches a buffer.
// CHECK-LABEL: func.func @apart(
// CHECK-NOT: mpc.chain
// CHECK: return

// A call between them that makes what only the next one reads is part of the chain.
// CHECK-LABEL: func.func @prepared(
// CHECK: call @scores{{.*}} {mpc.chain = array<i64: [[CHAIN:[0-9]+]],
// CHECK: call @normalize{{.*}} {mpc.chain = array<i64: [[CHAIN]],
// CHECK: call @negate{{.*}} {mpc.chain = array<i64: [[CHAIN]],
// CHECK: call @values{{.*}} {mpc.chain = array<i64: [[CHAIN]],

#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#row = affine_map<(d0, d1, d2) -> (d0, d1)>
#column = affine_map<(d0, d1, d2) -> (d0, d2)>
module {
  func.func @attention(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    %p = memref.alloc() : memref<12x128x256xf32>
    call @normalize(%s, %p) : (memref<12x128x256xf32>, memref<12x128x256xf32>) -> ()
    call @values(%p, %v, %out) : (memref<12x128x256xf32>, memref<12x256x64xf32>, memref<12x128x64xf32>) -> ()
    return
  }
  func.func @weights_are_a_result(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>, %p: memref<12x128x256xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    call @normalize(%s, %p) : (memref<12x128x256xf32>, memref<12x128x256xf32>) -> ()
    call @values(%p, %v, %out) : (memref<12x128x256xf32>, memref<12x256x64xf32>, memref<12x128x64xf32>) -> ()
    return
  }
  func.func @scores_are_read(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>, %o: memref<12x128x256xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    %p = memref.alloc() : memref<12x128x256xf32>
    call @normalize(%s, %p) : (memref<12x128x256xf32>, memref<12x128x256xf32>) -> ()
    linalg.copy ins(%s : memref<12x128x256xf32>) outs(%o : memref<12x128x256xf32>)
    return
  }
  func.func @columns(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %out: memref<12x256xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    call @add_rows(%s, %out) : (memref<12x128x256xf32>, memref<12x256xf32>) -> ()
    return
  }
  func.func @apart(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>, %o: memref<12x256x64xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    linalg.copy ins(%v : memref<12x256x64xf32>) outs(%o : memref<12x256x64xf32>)
    call @values(%s, %v, %out) : (memref<12x128x256xf32>, memref<12x256x64xf32>, memref<12x128x64xf32>) -> ()
    return
  }

  func.func @prepared(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>) {
    %s = memref.alloc() : memref<12x128x256xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x256xf32>, memref<12x128x256xf32>) -> ()
    %p = memref.alloc() : memref<12x128x256xf32>
    call @normalize(%s, %p) : (memref<12x128x256xf32>, memref<12x128x256xf32>) -> ()
    %n = memref.alloc() : memref<12x256x64xf32>
    call @negate(%v, %n) : (memref<12x256x64xf32>, memref<12x256x64xf32>) -> ()
    call @values(%p, %n, %out) : (memref<12x128x256xf32>, memref<12x256x64xf32>, memref<12x128x64xf32>) -> ()
    return
  }

  func.func private @negate(%v: memref<12x256x64xf32>, %n: memref<12x256x64xf32>) {
    linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%v : memref<12x256x64xf32>) outs(%n : memref<12x256x64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    }
    return
  }
  func.func private @scores(%q: memref<12x128x64xf32>, %k: memref<12x64x256xf32>, %s: memref<12x128x256xf32>) {
    %packed = memref.alloc() : memref<192x1x64x16x1xf32>
    kernel.pack ins(%k : memref<12x64x256xf32>) outs(%packed : memref<192x1x64x16x1xf32>) attributes {transposed}
    kernel.contract ins(%q, %packed : memref<12x128x64xf32>, memref<192x1x64x16x1xf32>) outs(%s : memref<12x128x256xf32>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 32, kv = 1>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    }
    return
  }
  func.func private @normalize(%s: memref<12x128x256xf32>, %p: memref<12x128x256xf32>) {
    %zero = arith.constant 0.0 : f32
    %sum = memref.alloc() : memref<12x128xf32>
    linalg.fill ins(%zero : f32) outs(%sum : memref<12x128xf32>)
    linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%s : memref<12x128x256xf32>) outs(%sum : memref<12x128xf32>) {
    ^bb0(%a: f32, %t: f32):
      %0 = arith.addf %t, %a : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s, %sum : memref<12x128x256xf32>, memref<12x128xf32>) outs(%p : memref<12x128x256xf32>) {
    ^bb0(%a: f32, %t: f32, %o: f32):
      %0 = arith.divf %a, %t : f32
      linalg.yield %0 : f32
    }
    return
  }
  func.func private @values(%p: memref<12x128x256xf32>, %v: memref<12x256x64xf32>, %out: memref<12x128x64xf32>) {
    %packed = memref.alloc() : memref<48x1x256x16x1xf32>
    kernel.pack ins(%v : memref<12x256x64xf32>) outs(%packed : memref<48x1x256x16x1xf32>) attributes {transposed}
    kernel.contract ins(%p, %packed : memref<12x128x256xf32>, memref<48x1x256x16x1xf32>) outs(%out : memref<12x128x64xf32>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 32, kv = 1>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    }
    return
  }
  func.func private @add_rows(%s: memref<12x128x256xf32>, %out: memref<12x256xf32>) {
    linalg.generic {indexing_maps = [#whole, #column], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%s : memref<12x128x256xf32>) outs(%out : memref<12x256xf32>) {
    ^bb0(%a: f32, %t: f32):
      %0 = arith.addf %t, %a : f32
      linalg.yield %0 : f32
    }
    return
  }
}

// -----

// Rows of fewer than 64 elements are better handled side by side.
// CHECK-LABEL: func.func @short(
// CHECK-NOT: mpc.chain

#whole = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
module {
  func.func @short(%q: memref<12x128x64xf32>, %k: memref<12x64x48xf32>, %out: memref<12x128x48xf32>) {
    %s = memref.alloc() : memref<12x128x48xf32>
    call @scores(%q, %k, %s) : (memref<12x128x64xf32>, memref<12x64x48xf32>, memref<12x128x48xf32>) -> ()
    call @negate(%s, %out) : (memref<12x128x48xf32>, memref<12x128x48xf32>) -> ()
    return
  }
  func.func private @scores(%q: memref<12x128x64xf32>, %k: memref<12x64x48xf32>, %s: memref<12x128x48xf32>) {
    %packed = memref.alloc() : memref<36x1x64x16x1xf32>
    kernel.pack ins(%k : memref<12x64x48xf32>) outs(%packed : memref<36x1x64x16x1xf32>) attributes {transposed}
    kernel.contract ins(%q, %packed : memref<12x128x64xf32>, memref<36x1x64x16x1xf32>) outs(%s : memref<12x128x48xf32>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 32, kv = 1>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    }
    return
  }
  func.func private @negate(%s: memref<12x128x48xf32>, %p: memref<12x128x48xf32>) {
    linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : memref<12x128x48xf32>) outs(%p : memref<12x128x48xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    }
    return
  }
}
