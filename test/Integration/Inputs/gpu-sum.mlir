// y = -(x + w), w = 0, 1, ..., 63, in two kernels with the sum in the arena between them. The second one asks for 64 KiB of shared memory.
module attributes {mpc.model = {groups = [], hash = "", inputs = [{name = "x", type = tensor<?x64xf32>}], name = "sum",
    outputs = [{name = "y", type = tensor<?x64xf32>}], precision = "keep"}, mpc.weights = dense_resource<mpc_weights> : tensor<320xi8>} {
  module @x86_64_v3 attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>,
      gpu.container_module, mpc.march = "x86-64-v3"} {
    func.func @main(%x: memref<?x64xf32> {mpc.name = "x"}, %y: memref<?x64xf32> {mpc.name = "y"}, %a: memref<?xi8>, %w: memref<?xi8>)
        attributes {mpc.arena = {base = 0 : i64, per_batch = 256 : i64}} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %bytes = arith.constant 65536 : i32
      %batch = memref.dim %x, %c0 : memref<?x64xf32>
      %n = arith.muli %batch, %c64 : index
      %row = memref.view %w[%c0][] : memref<?xi8> to memref<64xf32>
      %t = memref.view %a[%c0][%batch] : memref<?xi8> to memref<?x64xf32>
      gpu.launch_func @gpu::@add blocks in (%batch, %c1, %c1) threads in (%c64, %c1, %c1)
          args(%n : index, %x : memref<?x64xf32>, %row : memref<64xf32>, %t : memref<?x64xf32>)
      gpu.launch_func @gpu::@negate blocks in (%batch, %c1, %c1) threads in (%c64, %c1, %c1) dynamic_shared_memory_size %bytes
          args(%n : index, %t : memref<?x64xf32>, %y : memref<?x64xf32>)
      return
    }
    gpu.module @gpu {
      gpu.func @add(%n: index, %x: memref<?x64xf32>, %w: memref<64xf32>, %y: memref<?x64xf32>) kernel {
        %b = gpu.block_id x
        %i = gpu.thread_id x
        %0 = memref.load %x[%b, %i] : memref<?x64xf32>
        %1 = memref.load %w[%i] : memref<64xf32>
        %2 = arith.addf %0, %1 : f32
        memref.store %2, %y[%b, %i] : memref<?x64xf32>
        gpu.return
      }
      gpu.func @negate(%n: index, %x: memref<?x64xf32>, %y: memref<?x64xf32>) kernel {
        %b = gpu.block_id x
        %i = gpu.thread_id x
        %0 = memref.load %x[%b, %i] : memref<?x64xf32>
        %1 = arith.negf %0 : f32
        memref.store %1, %y[%b, %i] : memref<?x64xf32>
        gpu.return
      }
    }
  }
}
{-#
  dialect_resources: { builtin: { mpc_weights: "0x10000000000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041000020410000304100004041000050410000604100007041000080410000884100009041000098410000A0410000A8410000B0410000B8410000C0410000C8410000D0410000D8410000E0410000E8410000F0410000F84100000042000004420000084200000C4200001042000014420000184200001C4200002042000024420000284200002C4200003042000034420000384200003C4200004042000044420000484200004C4200005042000054420000584200005C4200006042000064420000684200006C4200007042000074420000784200007C4200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" } }
#-}
