// RUN: mpc-opt %s --mpc-fork-variants=march=cascadelake,x86-64-v3,cascadelake | FileCheck %s
// RUN: mpc-opt %s --mpc-fork-variants | FileCheck %s --check-prefix=DEFAULT
// RUN: mpc-opt %s --mpc-fork-variants=march=sapphirerapids-amx,sapphirerapids | FileCheck %s --check-prefix=AMX
// RUN: not mpc-opt %s --mpc-fork-variants=march=pentium 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// One module per distinct name, the least demanding first, each with everything.
// CHECK: module @x86_64_v3
// CHECK-SAME: mpc.march = "x86-64-v3"
// CHECK: func.func @main
// CHECK: module @cascadelake
// CHECK-SAME: mpc.march = "cascadelake"
// CHECK: func.func @main
// CHECK-NOT: module

// DEFAULT: module @x86_64_v3
// DEFAULT: module @x86_64_v4
// DEFAULT: module @cascadelake
// DEFAULT: module @sapphirerapids_amx
// DEFAULT-NOT: module

// Tile registers are a level of their own, after the one without.
// AMX: module @sapphirerapids attributes
// AMX: module @sapphirerapids_amx
// AMX-SAME: mpc.march = "sapphirerapids-amx"

// UNKNOWN: error: unknown instruction set 'pentium', expected one of native, x86-64-v3, x86-64-v4, cascadelake, cooperlake, icelake-server, znver4, sapphirerapids, sapphirerapids-amx
func.func @main() {
  return
}
