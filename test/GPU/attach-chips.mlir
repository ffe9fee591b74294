// Kernels are for the chips of the module around them, else for those of the option.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(builtin.module(mpc-attach-chips{chips=sm_86,sm_90}))" | FileCheck %s
// RUN: not mpc-opt %s --pass-pipeline="builtin.module(builtin.module(mpc-attach-chips{chips=sm_80,sm_7}))" -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK-LABEL: module @named
// wgmma with unsigned bytes is of PTX 8.4.
// CHECK: gpu.module @gpu [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">, #nvvm.target<O = 3, chip = "sm_90a", features = "+ptx84">] {
module @named attributes {mpc.chips = ["sm_80", "sm_90a"]} {
  gpu.module @gpu {
  }
}

// CHECK-LABEL: module @unnamed
// CHECK: gpu.module @one [#nvvm.target<O = 3, chip = "sm_86", features = "+ptx80">, #nvvm.target<O = 3, chip = "sm_90", features = "+ptx80">] {
// CHECK: gpu.module @two [#nvvm.target<O = 3, chip = "sm_86", features = "+ptx80">, #nvvm.target<O = 3, chip = "sm_90", features = "+ptx80">] {
// UNKNOWN: attach-chips.mlir:[[#@LINE+1]]:1: error: unknown chip 'sm_7'; expected sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a
module @unnamed {
  gpu.module @one {
  }
  gpu.module @two {
  }
}
