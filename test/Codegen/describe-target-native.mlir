// `native` is a known level, with this machine's own caches.
// REQUIRES: avx2
// RUN: mpc-opt %s --mpc-describe-target=march=native | FileCheck %s
// RUN: mpc-opt %s --mpc-fork-variants=march=native | FileCheck %s

// CHECK: "march" = "{{x86-64-v3|x86-64-v4|cascadelake|cooperlake|icelake-server|znver4|sapphirerapids|sapphirerapids-amx}}"
// CHECK-SAME: "l1_bytes" = {{[1-9][0-9]+}} : i64
// CHECK-SAME: "cores" = {{[1-9][0-9]*}} : i64
module {}
