// y = the box of 2 rows of 64 from row 1 of x on, with rows past the end as zeros; `copy` sees x only through a tensor map.
!map = !nvgpu.tensormap.descriptor<tensor = memref<2x64xf16, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = l2promo_128b, oob = zero, interleave = none>
!barriers = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 1>
module attributes {mpc.model = {groups = [], hash = "", inputs = [{name = "x", type = tensor<2x64xf16>}], name = "box",
    outputs = [{name = "y", type = tensor<2x64xf16>}], precision = "keep"}, mpc.weights = dense_resource<mpc_weights> : tensor<4xi8>} {
  module @x86_64_v3 attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>,
      gpu.container_module, mpc.march = "x86-64-v3"} {
    func.func @main(%x: memref<2x64xf16> {mpc.name = "x"}, %y: memref<2x64xf16> {mpc.name = "y"}, %a: memref<?xi8>, %w: memref<?xi8>)
        attributes {mpc.arena = {base = 0 : i64, per_batch = 0 : i64}} {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c64 = arith.constant 64 : index
      %any = memref.cast %x : memref<2x64xf16> to memref<*xf16>
      %map = nvgpu.tma.create.descriptor %any box[%c2, %c64] : memref<*xf16> -> !map
      gpu.launch_func @gpu::@box blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%c1 : index, %map : !map, %y : memref<2x64xf16>)
      return
    }
    gpu.module @gpu {
      gpu.func @box(%row: index, %map: !map, %y: memref<2x64xf16>) workgroup(%s: memref<2x64xf16, #gpu.address_space<workgroup>>) kernel {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c2 = arith.constant 2 : index
        %bytes = arith.constant 256 : index
        %ticks = arith.constant 1000 : index
        %false = arith.constant false
        %t = gpu.thread_id x
        %full = nvgpu.mbarrier.create -> !barriers
        %isFirst = arith.cmpi eq, %t, %c0 : index
        scf.if %isFirst {
          nvgpu.mbarrier.init %full[%c0], %c1 : !barriers
          nvvm.fence.mbarrier.init
          nvgpu.mbarrier.arrive.expect_tx %full[%c0], %bytes : !barriers
          nvgpu.tma.async.load %map[%c0, %row], %full[%c0] to %s : !map, !barriers -> memref<2x64xf16, #gpu.address_space<workgroup>>
        }
        gpu.barrier
        nvgpu.mbarrier.try_wait.parity %full[%c0], %false, %ticks : !barriers
        // Chunks of eight values are swizzled by the row.
        %c8 = arith.constant 8 : index
        scf.for %r = %c0 to %c2 step %c1 {
          %chunk = arith.divui %t, %c8 : index
          %in = arith.remui %t, %c8 : index
          %at = arith.xori %chunk, %r : index
          %from = arith.muli %at, %c8 : index
          %column = arith.addi %from, %in : index
          %v = memref.load %s[%r, %column] : memref<2x64xf16, #gpu.address_space<workgroup>>
          memref.store %v, %y[%r, %t] : memref<2x64xf16>
        }
        gpu.return
      }
    }
  }
}
{-#
  dialect_resources: { builtin: { mpc_weights: "0x1000000000000000" } }
#-}
