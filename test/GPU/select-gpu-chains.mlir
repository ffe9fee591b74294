// Groups that become one GPU kernel: what their calls hand on fits the shared memory of a block.
// RUN: mpc-opt %s -split-input-file --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s

// 3072 rows are 192 blocks of 16, 96 of 32, which would be fewer than the multiprocessors.
// CHECK-LABEL: func.func @few_rows(
// CHECK: call @scores{{.*}} {mpc.chain = array<i64: 0, 16>}
// CHECK: call @negate{{.*}} {mpc.chain = array<i64: 0, 16>}
// CHECK: call @values{{.*}} {mpc.chain = array<i64: 0, 16>}

// Rows of 200 bytes and more leave room for 64 of them, and for another block.
// CHECK-LABEL: func.func @many_rows(
// CHECK: call @many_scores{{.*}} {mpc.chain = array<i64: 1, 64>}
// CHECK: call @many_negate{{.*}} {mpc.chain = array<i64: 1, 64>}

// 16 rows of 8000 keys are too much.
// CHECK-LABEL: func.func @many_keys(
// CHECK-NOT: mpc.chain

// Keys that are packed for wgmma stay with wgmma.
// CHECK-LABEL: func.func @warpgroups(
// CHECK-NOT: mpc.chain

// 40 bytes of each key, in the middle between other data, are no row.
// CHECK-LABEL: func.func @not_rows(
// CHECK-NOT: mpc.chain
// CHECK-LABEL: func.func private @scores

#id = affine_map<(b, m, n) -> (b, m, n)>
#four = affine_map<(b, m, n, c) -> (b, m, n, c)>
module attributes {mpc.chips = ["sm_90"]} {
  func.func @few_rows(%q: memref<12x256x64xf16>, %k: memref<96x1x32x16x2xf16>, %v: memref<48x1x64x16x2xf16>, %out: memref<12x256x64xf16>) {
    %s = memref.alloc() : memref<12x256x128xf16>
    call @scores(%q, %k, %s) : (memref<12x256x64xf16>, memref<96x1x32x16x2xf16>, memref<12x256x128xf16>) -> ()
    %p = memref.alloc() : memref<12x256x128xf16>
    call @negate(%s, %p) : (memref<12x256x128xf16>, memref<12x256x128xf16>) -> ()
    call @values(%p, %v, %out) : (memref<12x256x128xf16>, memref<48x1x64x16x2xf16>, memref<12x256x64xf16>) -> ()
    return
  }
  func.func @many_rows(%q: memref<24x1024x64xf16>, %k: memref<168x1x32x16x2xf16>, %out: memref<24x1024x100xf16>) {
    %s = memref.alloc() : memref<24x1024x100xf16>
    call @many_scores(%q, %k, %s) : (memref<24x1024x64xf16>, memref<168x1x32x16x2xf16>, memref<24x1024x100xf16>) -> ()
    call @many_negate(%s, %out) : (memref<24x1024x100xf16>, memref<24x1024x100xf16>) -> ()
    return
  }
  func.func @many_keys(%q: memref<12x256x64xf16>, %k: memref<6000x1x32x16x2xf16>, %out: memref<12x256x8000xf16>) {
    %s = memref.alloc() : memref<12x256x8000xf16>
    call @long_scores(%q, %k, %s) : (memref<12x256x64xf16>, memref<6000x1x32x16x2xf16>, memref<12x256x8000xf16>) -> ()
    call @long_negate(%s, %out) : (memref<12x256x8000xf16>, memref<12x256x8000xf16>) -> ()
    return
  }
  func.func @warpgroups(%q: memref<12x256x64xf16>, %k: memref<96x1x8x16x8xf16>, %out: memref<12x256x128xf16>) {
    %s = memref.alloc() : memref<12x256x128xf16>
    call @group_scores(%q, %k, %s) : (memref<12x256x64xf16>, memref<96x1x8x16x8xf16>, memref<12x256x128xf16>) -> ()
    call @negate(%s, %out) : (memref<12x256x128xf16>, memref<12x256x128xf16>) -> ()
    return
  }
  func.func @not_rows(%q: memref<12x256x64xf16>, %k: memref<96x1x32x16x2xf16>, %out: memref<12x256x128x1xf16>) {
    %s = memref.alloc() : memref<12x256x128x1xf16>
    %c = memref.collapse_shape %s [[0], [1], [2, 3]] : memref<12x256x128x1xf16> into memref<12x256x128xf16>
    call @scores(%q, %k, %c) : (memref<12x256x64xf16>, memref<96x1x32x16x2xf16>, memref<12x256x128xf16>) -> ()
    call @negate4(%s, %out) : (memref<12x256x128x1xf16>, memref<12x256x128x1xf16>) -> ()
    return
  }

  func.func private @scores(%q: memref<12x256x64xf16>, %k: memref<96x1x32x16x2xf16>, %s: memref<12x256x128xf16>) {
    kernel.contract ins(%q, %k : memref<12x256x64xf16>, memref<96x1x32x16x2xf16>) outs(%s : memref<12x256x128xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @values(%p: memref<12x256x128xf16>, %v: memref<48x1x64x16x2xf16>, %o: memref<12x256x64xf16>) {
    kernel.contract ins(%p, %v : memref<12x256x128xf16>, memref<48x1x64x16x2xf16>) outs(%o : memref<12x256x64xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @many_scores(%q: memref<24x1024x64xf16>, %k: memref<168x1x32x16x2xf16>, %s: memref<24x1024x100xf16>) {
    kernel.contract ins(%q, %k : memref<24x1024x64xf16>, memref<168x1x32x16x2xf16>) outs(%s : memref<24x1024x100xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @long_scores(%q: memref<12x256x64xf16>, %k: memref<6000x1x32x16x2xf16>, %s: memref<12x256x8000xf16>) {
    kernel.contract ins(%q, %k : memref<12x256x64xf16>, memref<6000x1x32x16x2xf16>) outs(%s : memref<12x256x8000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @group_scores(%q: memref<12x256x64xf16>, %k: memref<96x1x8x16x8xf16>, %s: memref<12x256x128xf16>) {
    kernel.contract ins(%q, %k : memref<12x256x64xf16>, memref<96x1x8x16x8xf16>) outs(%s : memref<12x256x128xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @negate(%s: memref<12x256x128xf16>, %p: memref<12x256x128xf16>) {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : memref<12x256x128xf16>) outs(%p : memref<12x256x128xf16>) {
    ^bb0(%a: f16, %o: f16):
      %0 = arith.negf %a : f16
      linalg.yield %0 : f16
    }
    return
  }
  func.func private @many_negate(%s: memref<24x1024x100xf16>, %p: memref<24x1024x100xf16>) {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : memref<24x1024x100xf16>) outs(%p : memref<24x1024x100xf16>) {
    ^bb0(%a: f16, %o: f16):
      %0 = arith.negf %a : f16
      linalg.yield %0 : f16
    }
    return
  }
  func.func private @long_negate(%s: memref<12x256x8000xf16>, %p: memref<12x256x8000xf16>) {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s : memref<12x256x8000xf16>) outs(%p : memref<12x256x8000xf16>) {
    ^bb0(%a: f16, %o: f16):
      %0 = arith.negf %a : f16
      linalg.yield %0 : f16
    }
    return
  }
  func.func private @negate4(%s: memref<12x256x128x1xf16>, %p: memref<12x256x128x1xf16>) {
    linalg.generic {indexing_maps = [#four, #four], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%s : memref<12x256x128x1xf16>) outs(%p : memref<12x256x128x1xf16>) {
    ^bb0(%a: f16, %o: f16):
      %0 = arith.negf %a : f16
      linalg.yield %0 : f16
    }
    return
  }
}
