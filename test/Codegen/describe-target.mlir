// What passes know of a CPU follows from its name.
// RUN: mpc-opt %s --mpc-describe-target=march=x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: mpc-opt %s --mpc-describe-target=march=x86-64-v4 | FileCheck %s --check-prefix=V4
// RUN: mpc-opt %s --mpc-describe-target=march=sapphirerapids | FileCheck %s --check-prefix=SPR
// RUN: not mpc-opt %s --mpc-describe-target=march=x86-64-v2 2>&1 | FileCheck %s --check-prefix=FLOOR
// RUN: not mpc-opt %s --mpc-describe-target=march=pentagon 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not mpc-opt %s --mpc-select-tiling 2>&1 | FileCheck %s --check-prefix=ABSENT

// V3: "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false
// V4: "march" = "x86-64-v4", "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "vnni" = false
// SPR: "march" = "sapphirerapids", "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "vnni" = true
// FLOOR: error: expected a CPU of at least x86-64-v3, but got 'x86-64-v2'
// NAME: error: expected the name of an x86-64 CPU or level, but got 'pentagon'
// ABSENT: error: expected a target description with 'march', 'vector_bits', 'vector_registers' and 'vnni'; mpc-describe-target writes one
module {}
