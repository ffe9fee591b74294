// Sums in f16 are chosen where they are asked for and the target has them; a remark says where it has not.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling{f16-accumulation=chunked})" | FileCheck %s --check-prefix=CHUNKED
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling)" | FileCheck %s --check-prefix=F32
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling{f16-accumulation=chunked})" --remarks-filter=mpc-select-tiling 2>&1 | FileCheck %s --check-prefixes=REMARK,F32
// RUN: not mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target,mpc-select-tiling{f16-accumulation=f64})" 2>&1 | FileCheck %s --check-prefix=ERROR

// REMARK: remark: {{.*}}f16 is summed in f32: x86-64-v4 has no AVX512-FP16
// ERROR: error: expected f16-accumulation to be f32 or chunked, but got f64

#mm_x = affine_map<(m, n, k) -> (m, k)>
#mm_w = affine_map<(m, n, k) -> (k, n)>
#mm_o = affine_map<(m, n, k) -> (m, n)>

// CHUNKED: kernel.tiling = #kernel.tiling<intrinsic = vfmaddph, rows = {{[0-9]+}}, columns = 64, kv = 2>
// CHUNKED: kernel.tiling = #kernel.tiling<intrinsic = fma,
// F32: kernel.tiling = #kernel.tiling<intrinsic = fma,
// F32: kernel.tiling = #kernel.tiling<intrinsic = fma,
func.func @main(%x: tensor<512x64xf16> {mpc.name = "x"}, %y: tensor<512x64xf32> {mpc.name = "y"}, %w: tensor<64x64xf16> {mpc.name = "w"},
                %o: tensor<512x64xf32> {bufferization.writable = true, mpc.name = "o"}, %p: tensor<512x64xf32> {bufferization.writable = true, mpc.name = "p"})
    -> (tensor<512x64xf32>, tensor<512x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %i0 = linalg.fill ins(%zero : f32) outs(%o : tensor<512x64xf32>) -> tensor<512x64xf32>
  %0 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x64xf16>, tensor<64x64xf16>) outs(%i0 : tensor<512x64xf32>) {
  ^bb0(%a: f16, %b: f16, %c: f32):
    %ax = arith.extf %a : f16 to f32
    %bx = arith.extf %b : f16 to f32
    %m = arith.mulf %ax, %bx : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<512x64xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%p : tensor<512x64xf32>) -> tensor<512x64xf32>
  %1 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%y, %w : tensor<512x64xf32>, tensor<64x64xf16>) outs(%i1 : tensor<512x64xf32>) {
  ^bb0(%a: f32, %b: f16, %c: f32):
    %bx = arith.extf %b : f16 to f32
    %m = arith.mulf %a, %bx : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<512x64xf32>
  return %0, %1 : tensor<512x64xf32>, tensor<512x64xf32>
}
