// Shared memory begins at a multiple of 16 bytes, unless it says otherwise, and is in NVVM's address space 3.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(mpc-lower-shared-memory))" | FileCheck %s
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(mpc-lower-shared-memory))" | FileCheck %s --check-prefix=DYNAMIC

gpu.module @gpu {
  memref.global "private" @mbarrier : memref<4xi64, 3> {alignment = 8 : i64}

  // CHECK: gpu.func @k() workgroup(%[[A:.*]] : memref<64xi8, 3> {llvm.align = 16 : i32}, %[[B:.*]] : memref<64xi8, 3> {llvm.align = 128 : i64})
  // CHECK: vector.load %[[A]]{{.*}} : memref<64xi8, 3>
  gpu.func @k() workgroup(%a : memref<64xi8, #gpu.address_space<workgroup>>,
                          %b : memref<64xi8, #gpu.address_space<workgroup>> {llvm.align = 128 : i64}) kernel {
    %c0 = arith.constant 0 : index
    %v = vector.load %a[%c0] : memref<64xi8, #gpu.address_space<workgroup>>, vector<16xi8>
    vector.store %v, %b[%c0] : memref<64xi8, #gpu.address_space<workgroup>>, vector<16xi8>
    gpu.return
  }

  // Where wgmma reads patterns of rows, they begin at multiples of 1024 bytes.
  // CHECK: gpu.func @patterns() workgroup(%{{.*}} : memref<64xi8, 3> {llvm.align = 1024 : i32})
  gpu.func @patterns() workgroup(%a : memref<64xi8, #gpu.address_space<workgroup>>) kernel {
    %zero = llvm.mlir.zero : !llvm.struct<(f32, f32, f32, f32)>
    %descriptor = arith.constant 0 : i64
    %sums = nvvm.wgmma.mma_async %descriptor, %descriptor, %zero, #nvvm.shape<m = 64, n = 8, k = 16>,
        D[<f32>, #nvvm.wgmma_scale_out<one>], A[<f16>, #nvvm.wgmma_scale_in<one>, <row>], B[<f16>, #nvvm.wgmma_scale_in<one>, <col>]
        : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    gpu.return
  }

  // Mbarriers stand behind them, and leave no array of their own.
  // DYNAMIC-NOT: memref.global
  // More than 48 KiB stand end to end in one external array.
  // DYNAMIC: llvm.mlir.global external @dynamic_shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
  // DYNAMIC: gpu.func @large() kernel
  // DYNAMIC: %[[ARRAY:.*]] = llvm.mlir.addressof @dynamic_shared_memory : !llvm.ptr<3>
  // DYNAMIC: llvm.getelementptr %[[ARRAY]][0] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  // DYNAMIC: %[[A:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<32x1024xi8, 3>
  // DYNAMIC: llvm.getelementptr %[[ARRAY]][32768] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  // DYNAMIC: %[[B:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<12288xf16, 3>
  // DYNAMIC: llvm.getelementptr %[[ARRAY]][57344] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  // DYNAMIC: %[[BARRIERS:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<4xi64, 3>
  // DYNAMIC: memref.load %[[A]]
  // DYNAMIC: memref.load %[[B]]
  // DYNAMIC: memref.load %[[BARRIERS]]
  gpu.func @large() workgroup(%a : memref<32x1024xi8, #gpu.address_space<workgroup>>, %b : memref<12288xf16, #gpu.address_space<workgroup>>) kernel {
    %c0 = arith.constant 0 : index
    %v = memref.load %a[%c0, %c0] : memref<32x1024xi8, #gpu.address_space<workgroup>>
    memref.store %v, %a[%c0, %c0] : memref<32x1024xi8, #gpu.address_space<workgroup>>
    %w = memref.load %b[%c0] : memref<12288xf16, #gpu.address_space<workgroup>>
    memref.store %w, %b[%c0] : memref<12288xf16, #gpu.address_space<workgroup>>
    %barriers = memref.get_global @mbarrier : memref<4xi64, 3>
    %phase = memref.load %barriers[%c0] : memref<4xi64, 3>
    memref.store %phase, %barriers[%c0] : memref<4xi64, 3>
    gpu.return
  }
}
