// What lies between two products shrinks to a few rows only where one loop over rows has all that touches it. Here a product stands between: a
// block of 16 rows would have 16 rows of f32 scores, which is more memory than it has. So the residual stays a kernel of its own.
// RUN: mpc-opt %s --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s
// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-describe-target,mpc-select-gpu-chains,mpc-tile-chains,symbol-dce,mpc-lower-gpu-chains,func.func(mpc-fuse-rows{threads}),mpc-lower-kernels{per-element},mpc-map-to-gpu)" \
// RUN:   | FileCheck %s --check-prefix=MAPPED

// CHECK-LABEL: func.func @kept(
// CHECK: call @scores{{.*}} {mpc.chain = array<i64: 0, 16>}
// CHECK: call @values{{.*}} {mpc.chain = array<i64: 0, 16>}
// CHECK: call @residual({{[^{]*$}}
// With half of the keys all three are one.
// CHECK-LABEL: func.func @kept_half(
// CHECK: call @half_scores{{.*}} {mpc.chain = array<i64: 1, 16>}
// CHECK: call @half_values{{.*}} {mpc.chain = array<i64: 1, 16>}
// CHECK: call @half_residual{{.*}} {mpc.chain = array<i64: 1, 16>}
// CHECK-LABEL: func.func private @scores(

// MAPPED-LABEL: func.func private @residual(
// MAPPED: gpu.launch
// MAPPED-LABEL: func.func private @scores_chain(
// MAPPED: gpu.launch {{.*}} %c128
// MAPPED-LABEL: func.func private @half_scores_chain(
// MAPPED: gpu.launch
// MAPPED-NOT: gpu.launch

#id = affine_map<(b, m, n) -> (b, m, n)>
module attributes {mpc.chips = ["sm_90"]} {
  func.func @kept(%q: memref<12x256x64xf16>, %k: memref<1500x1x32x16x2xf16>, %v: memref<1500x1x1000x16x2xf16>, %out: memref<12x256x2000xf32>) {
    %s = memref.alloc() : memref<12x256x2000xf16>
    %t = memref.alloc() : memref<12x256x2000xf32>
    call @scores(%q, %k, %s, %t) : (memref<12x256x64xf16>, memref<1500x1x32x16x2xf16>, memref<12x256x2000xf16>, memref<12x256x2000xf32>) -> ()
    %o = memref.alloc() : memref<12x256x2000xf16>
    call @values(%s, %v, %o) : (memref<12x256x2000xf16>, memref<1500x1x1000x16x2xf16>, memref<12x256x2000xf16>) -> ()
    call @residual(%o, %t, %out) : (memref<12x256x2000xf16>, memref<12x256x2000xf32>, memref<12x256x2000xf32>) -> ()
    return
  }
  func.func @kept_half(%q: memref<12x256x64xf16>, %k: memref<756x1x32x16x2xf16>, %v: memref<756x1x500x16x2xf16>, %out: memref<12x256x1000xf32>) {
    %s = memref.alloc() : memref<12x256x1000xf16>
    %t = memref.alloc() : memref<12x256x1000xf32>
    call @half_scores(%q, %k, %s, %t) : (memref<12x256x64xf16>, memref<756x1x32x16x2xf16>, memref<12x256x1000xf16>, memref<12x256x1000xf32>) -> ()
    %o = memref.alloc() : memref<12x256x1000xf16>
    call @half_values(%s, %v, %o) : (memref<12x256x1000xf16>, memref<756x1x500x16x2xf16>, memref<12x256x1000xf16>) -> ()
    call @half_residual(%o, %t, %out) : (memref<12x256x1000xf16>, memref<12x256x1000xf32>, memref<12x256x1000xf32>) -> ()
    return
  }
  func.func private @scores(%q: memref<12x256x64xf16>, %k: memref<1500x1x32x16x2xf16>, %s: memref<12x256x2000xf16>, %t: memref<12x256x2000xf32>) {
    kernel.contract ins(%q, %k : memref<12x256x64xf16>, memref<1500x1x32x16x2xf16>) outs(%s : memref<12x256x2000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%s : memref<12x256x2000xf16>) outs(%t : memref<12x256x2000xf32>) {
    ^bb0(%a: f16, %o: f32):
      %0 = arith.extf %a : f16 to f32
      linalg.yield %0 : f32
    }
    return
  }
  func.func private @values(%p: memref<12x256x2000xf16>, %v: memref<1500x1x1000x16x2xf16>, %o: memref<12x256x2000xf16>) {
    kernel.contract ins(%p, %v : memref<12x256x2000xf16>, memref<1500x1x1000x16x2xf16>) outs(%o : memref<12x256x2000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @residual(%o: memref<12x256x2000xf16>, %t: memref<12x256x2000xf32>, %y: memref<12x256x2000xf32>) {
    linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%o, %t : memref<12x256x2000xf16>, memref<12x256x2000xf32>) outs(%y : memref<12x256x2000xf32>) {
    ^bb0(%a: f16, %b: f32, %c: f32):
      %0 = arith.extf %a : f16 to f32
      %1 = arith.addf %0, %b : f32
      linalg.yield %1 : f32
    }
    return
  }
  func.func private @half_scores(%q: memref<12x256x64xf16>, %k: memref<756x1x32x16x2xf16>, %s: memref<12x256x1000xf16>, %t: memref<12x256x1000xf32>) {
    kernel.contract ins(%q, %k : memref<12x256x64xf16>, memref<756x1x32x16x2xf16>) outs(%s : memref<12x256x1000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%s : memref<12x256x1000xf16>) outs(%t : memref<12x256x1000xf32>) {
    ^bb0(%a: f16, %o: f32):
      %0 = arith.extf %a : f16 to f32
      linalg.yield %0 : f32
    }
    return
  }
  func.func private @half_values(%p: memref<12x256x1000xf16>, %v: memref<756x1x500x16x2xf16>, %o: memref<12x256x1000xf16>) {
    kernel.contract ins(%p, %v : memref<12x256x1000xf16>, memref<756x1x500x16x2xf16>) outs(%o : memref<12x256x1000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @half_residual(%o: memref<12x256x1000xf16>, %t: memref<12x256x1000xf32>, %y: memref<12x256x1000xf32>) {
    linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%o, %t : memref<12x256x1000xf16>, memref<12x256x1000xf32>) outs(%y : memref<12x256x1000xf32>) {
    ^bb0(%a: f16, %b: f32, %c: f32):
      %0 = arith.extf %a : f16 to f32
      %1 = arith.addf %0, %b : f32
      linalg.yield %1 : f32
    }
    return
  }
}
