// Attention with more keys than scores of 16 rows have shared memory for: one kernel that takes the keys piece by piece.
// RUN: mpc-opt %s --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,PIECES
// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-describe-target,mpc-select-gpu-chains,mpc-tile-chains,symbol-dce,mpc-lower-gpu-chains,canonicalize,cse)" | FileCheck %s

// Fewer keys fit, but with blocks of 32 rows only, where 64 leave one for each multiprocessor, too. Still fewer leave room for 64 rows.
// RUN: sed -e 's/\([<x]\)8000x/\11000x/g; s/12000x1x/1512x1x/; s/x1x4000x/x1x500x/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,PIECES
// RUN: sed -e 's/\([<x]\)8000x/\1320x/g; s/12000x1x/480x1x/; s/x1x4000x/x1x160x/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,ROWS
// Rows for less than half of the multiprocessors; f32, whose sums have one order.
// RUN: sed -e 's/x1024x/x128x/g' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// RUN: sed -e 's/intrinsic = mma/intrinsic = fma/g' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// What is no softmax: another combination, another beginning, some columns only, a product, a quotient the other way round.
// RUN: sed -e 's/maximumf/minimumf/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// RUN: sed -e 's/0xFF800000/0.0/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// RUN: sed -e 's|// SOME:||; s/ins(%x : memref<24x1024x8000xf32>) outs(%most/ins(%columns : memref<24x1024x160xf32, strided<[8192000, 8000, 1]>>) outs(%most/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// RUN: sed -e 's/divf %a, %n/mulf %a, %n/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// RUN: sed -e 's/divf %a, %n/divf %n, %a/' %s | mpc-opt --mpc-describe-target --mpc-select-gpu-chains | FileCheck %s --check-prefixes=SELECT,NONE
// Asked for where it is none.
// RUN: sed -e 's/divf/mulf/; s/\(call @.*)\) :/\1 {mpc.chain = array<i64: 0, 64, 64>} :/' %s | not mpc-opt --mpc-describe-target --mpc-tile-chains --mpc-lower-gpu-chains 2>&1 | FileCheck %s --check-prefix=ERROR
// RUN: sed -e 's/\(call @.*)\) :/\1 {mpc.chain = array<i64: 0, 64, 48>} :/' %s | not mpc-opt --mpc-describe-target --mpc-tile-chains --mpc-lower-gpu-chains 2>&1 | FileCheck %s --check-prefix=ERROR

// SELECT-LABEL: func.func @attention(
// PIECES-COUNT-4: {mpc.chain = array<i64: 0, 64, 64>}
// ROWS-COUNT-4: {mpc.chain = array<i64: 0, 64>}
// NONE-NOT: mpc.chain
// SELECT-LABEL: func.func private @scores

// ERROR: error: 'gpu.launch' op expected attention with f16 or bf16 and up to 128 columns of values for pieces of 32 or 64 keys

// Two buffers for 64 keys, in steps of 16 blocks, and two for their values.
// CHECK-LABEL: func.func private @scores_chain
// CHECK: gpu.launch {{.*}} threads({{.*}}) in (%{{.*}} = %c128, {{.*}} workgroup(%[[KEYS:.*]] : memref<256x32xf16, #gpu.address_space<workgroup>>, %[[VALUES:.*]] : memref<192x32xf16, #gpu.address_space<workgroup>>)
// The first piece is under way while queries are brought.
// CHECK: nvgpu.device_async_copy {{.*}}, %[[KEYS]]
// CHECK: nvgpu.device_async_copy {{.*}}, %[[VALUES]]
// CHECK: nvvm.cp.async.commit.group
// CHECK: %[[QUERIES:.*]] = memref.alloc() : memref<64x72xf16, #gpu.address_space<workgroup>>
// CHECK: vector.store {{.*}}, %[[QUERIES]]
// A thread has of two rows the maximum and the sum, and 24 sums of 48 columns; 125 pieces.
// CHECK: scf.for {{.*}} = %c0{{.*}} to %c125 {{.*}} -> (f32, f32, f32, f32{{(, f32)+}})
// CHECK-NEXT: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: scf.if
// CHECK: nvgpu.device_async_copy {{.*}}, %[[KEYS]]
// CHECK: nvgpu.device_async_copy {{.*}}, %[[VALUES]]
// CHECK: nvgpu.ldmatrix %[[QUERIES]]
// CHECK: vector.load %[[KEYS]]
// CHECK-COUNT-32: nvvm.mma.sync
// The epilogue, the mask and the type of the softmax: 8 neighbouring keys at a time.
// CHECK: arith.truncf {{.*}} : vector<8xf32> to vector<8xf16>
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<8000xf32>, vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: gpu.shuffle xor
// CHECK: arith.cmpf oeq
// CHECK: math.exp {{.*}} : f32
// CHECK-COUNT-2: math.exp {{.*}} : vector<8xf32>
// Probabilities are the second product's input as they are.
// CHECK-NOT: store
// CHECK: vector.load %[[VALUES]]
// CHECK: nvvm.mma.sync
// CHECK-NOT: store
// CHECK: scf.yield
// CHECK: gpu.shuffle xor
// CHECK: arith.divf
// CHECK: vector.store
// CHECK-NOT: scf.for
// CHECK-NOT: memref.alloc

#id = affine_map<(b, m, n) -> (b, m, n)>
#row = affine_map<(b, m, n) -> (b, m)>
#column = affine_map<(b, m, n) -> (n)>
module attributes {mpc.chips = ["sm_90"]} {
  func.func @attention(%q: memref<24x1024x64xf16>, %k: memref<12000x1x32x16x2xf16>, %v: memref<72x1x4000x16x2xf16>, %mask: memref<8000xf32>, %out: memref<24x1024x48xf32>) {
    %s = memref.alloc() : memref<24x1024x8000xf16>
    call @scores(%q, %k, %s) : (memref<24x1024x64xf16>, memref<12000x1x32x16x2xf16>, memref<24x1024x8000xf16>) -> ()
    %x = memref.alloc() : memref<24x1024x8000xf32>
    call @add_mask(%s, %mask, %x) : (memref<24x1024x8000xf16>, memref<8000xf32>, memref<24x1024x8000xf32>) -> ()
    %p = memref.alloc() : memref<24x1024x8000xf16>
    call @softmax(%x, %p) : (memref<24x1024x8000xf32>, memref<24x1024x8000xf16>) -> ()
    call @values(%p, %v, %out) : (memref<24x1024x8000xf16>, memref<72x1x4000x16x2xf16>, memref<24x1024x48xf32>) -> ()
    return
  }
  func.func private @scores(%q: memref<24x1024x64xf16>, %k: memref<12000x1x32x16x2xf16>, %s: memref<24x1024x8000xf16>) {
    kernel.contract ins(%q, %k : memref<24x1024x64xf16>, memref<12000x1x32x16x2xf16>) outs(%s : memref<24x1024x8000xf16>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      %0 = arith.truncf %acc : f32 to f16
      kernel.yield %0 : f16
    }
    return
  }
  func.func private @add_mask(%s: memref<24x1024x8000xf16>, %mask: memref<8000xf32>, %x: memref<24x1024x8000xf32>) {
    linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%s, %mask : memref<24x1024x8000xf16>, memref<8000xf32>) outs(%x : memref<24x1024x8000xf32>) {
    ^bb0(%a: f16, %b: f32, %o: f32):
      %0 = arith.extf %a : f16 to f32
      %1 = arith.addf %0, %b : f32
      linalg.yield %1 : f32
    }
    return
  }
  func.func private @softmax(%x: memref<24x1024x8000xf32>, %p: memref<24x1024x8000xf16>) {
    %first = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.000000e+00 : f32
    %most = memref.alloc() : memref<24x1024xf32>
    linalg.fill ins(%first : f32) outs(%most : memref<24x1024xf32>)
    // SOME: %columns = memref.subview %x[0, 0, 0] [24, 1024, 160] [1, 1, 1] : memref<24x1024x8000xf32> to memref<24x1024x160xf32, strided<[8192000, 8000, 1]>>
    linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x : memref<24x1024x8000xf32>) outs(%most : memref<24x1024xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.maximumf %o, %a : f32
      linalg.yield %0 : f32
    }
    %e = memref.alloc() : memref<24x1024x8000xf32>
    linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %most : memref<24x1024x8000xf32>, memref<24x1024xf32>) outs(%e : memref<24x1024x8000xf32>) {
    ^bb0(%a: f32, %m: f32, %o: f32):
      %0 = arith.subf %a, %m : f32
      %1 = math.exp %0 : f32
      linalg.yield %1 : f32
    }
    %sum = memref.alloc() : memref<24x1024xf32>
    linalg.fill ins(%zero : f32) outs(%sum : memref<24x1024xf32>)
    linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%e : memref<24x1024x8000xf32>) outs(%sum : memref<24x1024xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%e, %sum : memref<24x1024x8000xf32>, memref<24x1024xf32>) outs(%p : memref<24x1024x8000xf16>) {
    ^bb0(%a: f32, %n: f32, %o: f16):
      %0 = arith.divf %a, %n : f32
      %1 = arith.truncf %0 : f32 to f16
      linalg.yield %1 : f16
    }
    return
  }
  func.func private @values(%p: memref<24x1024x8000xf16>, %v: memref<72x1x4000x16x2xf16>, %out: memref<24x1024x48xf32>) {
    kernel.contract ins(%p, %v : memref<24x1024x8000xf16>, memref<72x1x4000x16x2xf16>) outs(%out : memref<24x1024x48xf32>)
        attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 2>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    }
    return
  }
}
