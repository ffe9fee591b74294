// Tiles of sums in tile registers, as LLVM IR, in which their numbers can be read: 0 to 3 hold sums, the others operands.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids-amx},mpc-lower-inner-tiles,canonicalize,cse,convert-scf-to-cf,expand-strided-metadata,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts)" \
// RUN:   | mlir-translate --mlir-to-llvmir | FileCheck %s

// The operand of ldtilecfg. Byte 0 is the palette, from byte 16 on the bytes of a row of each register, two bytes each, from byte 48 on their rows.
// 5 rows and 17 blocks, 16 and 1: rows of 64 bytes in register 4, of 4 bytes in register 6; weights of 16 rows in register 5, of one row in register 7.
// CHECK-DAG: @kernel_tiles_5_17 = private constant [64 x i8] c"\01{{(\\00){15}()}}@\00@\00@\00@\00@\00@\00\04\00@{{(\\00){17}()}}\05\05\05\05\05\10\05\01{{(\\00){8}()}}", align 64
// 16 rows and 18 blocks, two steps of 9: rows of 36 bytes in registers 4 and 5, weights of 9 rows in 6 and 7.
// CHECK-DAG: @kernel_tiles_16_18 = private constant [64 x i8] c"\01{{(\\00){15}()}}@\00@\00@\00@\00$\00$\00@\00@{{(\\00){17}()}}\10\10\10\10\10\10\09\09{{(\\00){8}()}}", align 64
// 16 rows and 16 blocks, one step of all registers' size.
// CHECK-DAG: @kernel_tiles_16_16 = private constant [64 x i8] c"\01{{(\\00){15}()}}@\00@\00@\00@\00@\00@\00@\00@{{(\\00){17}()}}\10\10\10\10\10\10\10\10{{(\\00){8}()}}", align 64

// One step: the second register of rows takes the panels backwards, for which weights are in their registers already. 32 rows of sums of 128 bytes.
// CHECK-LABEL: define void @two_by_two
// CHECK: call void @llvm.x86.ldtilecfg(ptr {{.*}}@kernel_tiles_16_16
// CHECK-COUNT-4: call void @llvm.x86.tilezero(i8
// CHECK-NOT: br i1
// CHECK: call void @llvm.x86.tileloadd64(i8 4, ptr %{{.*}}, i64 64)
// CHECK: call void @llvm.x86.tileloadd64(i8 6, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbusd(i8 0, i8 4, i8 6)
// CHECK: call void @llvm.x86.tileloadd64(i8 7, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbusd(i8 1, i8 4, i8 7)
// CHECK: call void @llvm.x86.tileloadd64(i8 5, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbusd(i8 3, i8 5, i8 7)
// CHECK-NEXT: call void @llvm.x86.tdpbusd(i8 2, i8 5, i8 6)
// CHECK: call void @llvm.x86.tilestored64(i8 0, ptr %{{.*}}, i64 128)
// CHECK: add i64 %{{.*}}, 64
// CHECK: call void @llvm.x86.tilestored64(i8 1, ptr %{{.*}}, i64 128)
// CHECK: add i64 %{{.*}}, 2048
// CHECK: call void @llvm.x86.tilestored64(i8 2, ptr %{{.*}}, i64 128)
// CHECK: add i64 %{{.*}}, 2112
// CHECK: call void @llvm.x86.tilestored64(i8 3, ptr %{{.*}}, i64 128)
// CHECK: call void @llvm.x86.tilerelease()
func.func @two_by_two(%x: memref<2x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<32x32xi32>, %i: index) {
  kernel.configure_tiles 16 rows, 16 blocks
  kernel.matrix_tile tdpbusd rows(%x : memref<2x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<32x32xi32>) {unsigned_rows}
  kernel.release_tiles
  return
}

// A last step of one block, 64 bytes of rows and 1024 of weights further on; signed rows. Panels are 1088 bytes apart.
// CHECK-LABEL: define void @rest
// CHECK: call void @llvm.x86.ldtilecfg(ptr {{.*}}@kernel_tiles_5_17
// CHECK: call void @llvm.x86.tileloadd64(i8 4, ptr %{{.*}}, i64 68)
// CHECK: call void @llvm.x86.tileloadd64(i8 5, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbssd(i8 0, i8 4, i8 5)
// CHECK: add i64 %{{.*}}, 1088
// CHECK: call void @llvm.x86.tileloadd64(i8 5, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbssd(i8 1, i8 4, i8 5)
// CHECK: add i64 %{{.*}}, 64
// CHECK: add i64 %{{.*}}, 1024
// CHECK: call void @llvm.x86.tileloadd64(i8 6, ptr %{{.*}}, i64 68)
// CHECK: call void @llvm.x86.tileloadd64(i8 7, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbssd(i8 0, i8 6, i8 7)
// CHECK: call void @llvm.x86.tileloadd64(i8 7, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbssd(i8 1, i8 6, i8 7)
// CHECK: call void @llvm.x86.tilestored64(i8 0, ptr %{{.*}}, i64 128)
// CHECK: call void @llvm.x86.tilestored64(i8 1, ptr %{{.*}}, i64 128)
// CHECK-NOT: call void @llvm.x86.tilestored64
// CHECK: ret void
func.func @rest(%x: memref<1x5x1x68xi8>, %w: memref<4x1x17x16x4xi8>, %s: memref<5x32xi32>, %i: index) {
  kernel.configure_tiles 5 rows, 17 blocks
  kernel.matrix_tile tdpbusd rows(%x : memref<1x5x1x68xi8>) weights(%w[%i] : memref<4x1x17x16x4xi8>) sums(%s : memref<5x32xi32>)
  kernel.release_tiles
  return
}

// Two equal steps of bf16, 36 bytes of rows and 576 of weights apart, of each of three segments, 480 and 1152 bytes apart.
// CHECK-LABEL: define void @segments
// CHECK: call void @llvm.x86.ldtilecfg(ptr {{.*}}@kernel_tiles_16_18
// CHECK: icmp slt i64 %[[S:.*]], 3
// CHECK-DAG: mul i64 %[[S]], 480
// CHECK-DAG: mul i64 %[[S]], 1152
// CHECK: icmp slt i64 %[[K:.*]], 2
// CHECK-DAG: mul i64 %[[K]], 36
// CHECK-DAG: mul i64 %[[K]], 576
// CHECK: call void @llvm.x86.tileloadd64(i8 4, ptr %{{.*}}, i64 24)
// CHECK: call void @llvm.x86.tileloadd64(i8 6, ptr %{{.*}}, i64 64)
// CHECK-NEXT: call void @llvm.x86.tdpbf16ps(i8 0, i8 4, i8 6)
// CHECK-NOT: call void @llvm.x86.tdp
// CHECK: call void @llvm.x86.tilestored64(i8 0, ptr %{{.*}}, i64 64)
func.func @segments(%x: memref<1x16x3x36xbf16, strided<[720, 12, 240, 1]>>, %w: memref<2x9x6x16x2xbf16>, %s: memref<16x16xf32>, %i: index) {
  kernel.configure_tiles 16 rows, 18 blocks
  kernel.matrix_tile tdpbf16ps rows(%x : memref<1x16x3x36xbf16, strided<[720, 12, 240, 1]>>) weights(%w[%i] : memref<2x9x6x16x2xbf16>) sums(%s : memref<16x16xf32>)
  kernel.release_tiles
  return
}

// What is configured alike reads one constant.
// CHECK-LABEL: define void @again
// CHECK: call void @llvm.x86.ldtilecfg(ptr {{.*}}@kernel_tiles_16_16
func.func @again() {
  kernel.configure_tiles 16 rows, 16 blocks
  kernel.release_tiles
  return
}

// Segments that meet the same weights: the address of the rows moves on, that of the weights does not.
// CHECK-LABEL: define void @same_weights
// CHECK: %[[SEGMENT:.*]] = phi i64
// CHECK: %[[PLACE:.*]] = mul i64 %[[SEGMENT]], 1024
// CHECK: add i64 %{{.*}}, %[[PLACE]]
// CHECK: call void @llvm.x86.tileloadd64(i8 4, ptr %{{.*}}, i64 64)
// CHECK: call void @llvm.x86.tileloadd64(i8 6, ptr %{{.*}}, i64 64)
// CHECK: call void @llvm.x86.tdpbf16ps(i8 0, i8 4, i8 6)
func.func @same_weights(%x: memref<1x16x3x32xbf16, strided<[1536, 32, 512, 1]>>, %w: memref<1x3x16x16x2xbf16, strided<[512, 0, 32, 2, 1]>>, %sums: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  kernel.configure_tiles 16 rows, 16 blocks
  kernel.matrix_tile tdpbf16ps rows(%x : memref<1x16x3x32xbf16, strided<[1536, 32, 512, 1]>>)
      weights(%w[%c0] : memref<1x3x16x16x2xbf16, strided<[512, 0, 32, 2, 1]>>) sums(%sums : memref<16x16xf32>)
  kernel.release_tiles
  return
}
