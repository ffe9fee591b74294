// PTX becomes machine code of each chip, which stands behind it.
// REQUIRES: ptxas
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-assemble-kernels{ptxas=%ptxas})" -split-input-file -verify-diagnostics | FileCheck %s
// Without an assembler nothing changes.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-assemble-kernels)" -split-input-file | FileCheck %s --check-prefix=NONE

// CHECK: gpu.binary @gpu
// CHECK-SAME: #gpu.object<#nvvm.target<chip = "sm_80">, assembly = "
// CHECK-SAME: #gpu.object<#nvvm.target<chip = "sm_90a">, assembly = "
// CHECK-SAME: #gpu.object<#nvvm.target<chip = "sm_80">, bin = "\7FELF
// CHECK-SAME: #gpu.object<#nvvm.target<chip = "sm_90a">, bin = "\7FELF
// NONE-NOT: bin =
gpu.binary @gpu [
  #gpu.object<#nvvm.target<chip = "sm_80">, assembly = ".version 8.0\0A.target sm_80\0A.address_size 64\0A.visible .entry k() { ret; }\0A">,
  #gpu.object<#nvvm.target<chip = "sm_90a">, assembly = ".version 8.0\0A.target sm_90a\0A.address_size 64\0A.visible .entry k() { ret; }\0A">]

// -----

// What ptxas refuses is told in one line.
// expected-error @+1 {{cannot be assembled for sm_80 by '}}
gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = ".version 8.0\0A.target sm_80\0A.address_size 64\0A.visible .entry k() { nothing; }\0A">]
