// RUN: mpc-opt %s --mpc-share-kernels --split-input-file --verify-diagnostics | FileCheck %s

// Equal code becomes a declaration that names the first module that has it; the callees go. What is shared has external
// linkage, and is tuned for the last that shares it.
// CHECK-LABEL: module @x86_64_v4
module @x86_64_v4 attributes {mpc.march = "x86-64-v4"} {
  // CHECK: llvm.func internal @relu()
  llvm.func internal @relu() {
    llvm.return
  }
  // CHECK: llvm.func @relu_range(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) attributes {tune_cpu = "sapphirerapids"} {
  llvm.func internal @relu_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @relu() : () -> ()
    llvm.return
  }
  // CHECK: llvm.func internal @add_range
  llvm.func internal @add_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.store %lo, %args : i64, !llvm.ptr
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @relu_range : !llvm.ptr
    %1 = llvm.mlir.addressof @add_range : !llvm.ptr
    llvm.return
  }
}
// CHECK-LABEL: module @cascadelake
module @cascadelake attributes {mpc.march = "cascadelake"} {
  // CHECK-NOT: @relu()
  llvm.func internal @relu() {
    llvm.return
  }
  // CHECK: llvm.func @relu_range(!llvm.ptr, i64, i64) attributes {mpc.shared = "x86_64_v4"}
  llvm.func internal @relu_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @relu() : () -> ()
    llvm.return
  }
  // Another operand.
  // CHECK: llvm.func @add_range({{.*}}) attributes {tune_cpu = "sapphirerapids"} {
  llvm.func internal @add_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.store %hi, %args : i64, !llvm.ptr
    llvm.return
  }
  // CHECK: llvm.func @main({{.*}}) {
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @relu_range : !llvm.ptr
    %1 = llvm.mlir.addressof @add_range : !llvm.ptr
    llvm.return
  }
}
// CHECK-LABEL: module @sapphirerapids_amx
module @sapphirerapids_amx attributes {mpc.march = "sapphirerapids-amx"} {
  // Also what others have from elsewhere.
  // CHECK: llvm.func @relu_range(!llvm.ptr, i64, i64) attributes {mpc.shared = "x86_64_v4"}
  llvm.func internal @relu() {
    llvm.return
  }
  llvm.func internal @relu_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @relu() : () -> ()
    llvm.return
  }
  // CHECK: llvm.func @add_range(!llvm.ptr, i64, i64) attributes {mpc.shared = "cascadelake"}
  llvm.func internal @add_range(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.store %hi, %args : i64, !llvm.ptr
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @relu_range : !llvm.ptr
    %1 = llvm.mlir.addressof @add_range : !llvm.ptr
    llvm.return
  }
}

// -----

// Equal text with callees or constants that differ is not the same code. A callee that another kernel needs, too, stays.
// CHECK-LABEL: module @x86_64_v4
module @x86_64_v4 attributes {mpc.march = "x86-64-v4"} {
  llvm.mlir.global private constant @table(1 : i64) : i64
  llvm.func internal @dot(%p: !llvm.ptr, %x: i64) {
    llvm.store %x, %p : i64, !llvm.ptr
    llvm.return
  }
  llvm.func internal @shared(%p: !llvm.ptr) {
    llvm.return
  }
  llvm.func internal @by_callee(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @dot(%args, %lo) : (!llvm.ptr, i64) -> ()
    llvm.call @shared(%args) : (!llvm.ptr) -> ()
    llvm.return
  }
  llvm.func internal @by_constant(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    %0 = llvm.mlir.addressof @table : !llvm.ptr
    llvm.return
  }
  llvm.func internal @same(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @shared(%args) : (!llvm.ptr) -> ()
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @by_callee : !llvm.ptr
    %1 = llvm.mlir.addressof @by_constant : !llvm.ptr
    %2 = llvm.mlir.addressof @same : !llvm.ptr
    llvm.return
  }
}
// CHECK-LABEL: module @cascadelake
module @cascadelake attributes {mpc.march = "cascadelake"} {
  llvm.mlir.global private constant @table(2 : i64) : i64
  llvm.func internal @dot(%p: !llvm.ptr, %x: i64) {
    llvm.return
  }
  // CHECK: llvm.func internal @shared(
  llvm.func internal @shared(%p: !llvm.ptr) {
    llvm.return
  }
  // CHECK: llvm.func internal @by_callee(
  llvm.func internal @by_callee(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @dot(%args, %lo) : (!llvm.ptr, i64) -> ()
    llvm.call @shared(%args) : (!llvm.ptr) -> ()
    llvm.return
  }
  // CHECK: llvm.func internal @by_constant(
  llvm.func internal @by_constant(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    %0 = llvm.mlir.addressof @table : !llvm.ptr
    llvm.return
  }
  // CHECK: llvm.func @same(!llvm.ptr, i64, i64) attributes {mpc.shared = "x86_64_v4"}
  llvm.func internal @same(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.call @shared(%args) : (!llvm.ptr) -> ()
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @by_callee : !llvm.ptr
    %1 = llvm.mlir.addressof @by_constant : !llvm.ptr
    %2 = llvm.mlir.addressof @same : !llvm.ptr
    llvm.return
  }
}

// -----

// Vectors of 512 bits take nothing from where they have 256.
// CHECK-NOT: mpc.shared
module @x86_64_v3 attributes {mpc.march = "x86-64-v3"} {
  llvm.func internal @copy(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @copy : !llvm.ptr
    llvm.return
  }
}
module @x86_64_v4 attributes {mpc.march = "x86-64-v4"} {
  llvm.func internal @copy(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @copy : !llvm.ptr
    llvm.return
  }
}

// -----

// Nor do those that compute in f16 take code with f16 from those that do not; from their like they do.
// CHECK-LABEL: module @cascadelake
module @cascadelake attributes {mpc.march = "cascadelake"} {
  llvm.func internal @half(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    %0 = llvm.load %args : !llvm.ptr -> vector<32xf16>
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @half : !llvm.ptr
    llvm.return
  }
}
// CHECK-LABEL: module @sapphirerapids attributes
// CHECK: llvm.func @half({{.*}}) attributes {tune_cpu = "sapphirerapids"} {
module @sapphirerapids attributes {mpc.march = "sapphirerapids"} {
  llvm.func internal @half(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    %0 = llvm.load %args : !llvm.ptr -> vector<32xf16>
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @half : !llvm.ptr
    llvm.return
  }
}
// CHECK-LABEL: module @sapphirerapids_amx
// CHECK: llvm.func @half(!llvm.ptr, i64, i64) attributes {mpc.shared = "sapphirerapids"}
module @sapphirerapids_amx attributes {mpc.march = "sapphirerapids-amx"} {
  llvm.func internal @half(%args: !llvm.ptr, %lo: i64, %hi: i64) {
    %0 = llvm.load %args : !llvm.ptr -> vector<32xf16>
    llvm.return
  }
  llvm.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
    %0 = llvm.mlir.addressof @half : !llvm.ptr
    llvm.return
  }
}

// -----

module {
  // expected-error @below {{unknown instruction set 'pentium'}}
  module @pentium attributes {mpc.march = "pentium"} {
  }
}
