// What passes know of a CPU follows from its name.
// RUN: mpc-opt %s --mpc-describe-target=march=x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: mpc-opt %s --mpc-describe-target=march=x86-64-v4 | FileCheck %s --check-prefix=V4
// RUN: mpc-opt %s --mpc-describe-target=march=sapphirerapids | FileCheck %s --check-prefix=SPR
// RUN: mpc-opt %s --mpc-describe-target=march=sapphirerapids-amx | FileCheck %s --check-prefix=AMX
// RUN: mpc-opt %s --mpc-describe-target=march=znver4 | FileCheck %s --check-prefix=ZEN4
// RUN: mpc-opt %s --mpc-describe-target=march=cascadelake | FileCheck %s --check-prefix=LEVEL
// RUN: not mpc-opt %s --mpc-describe-target=march=x86-64-v2 2>&1 | FileCheck %s --check-prefix=FLOOR
// RUN: not mpc-opt %s --mpc-describe-target=march=pentagon 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not mpc-opt %s --mpc-select-tiling 2>&1 | FileCheck %s --check-prefix=ABSENT

// V3: "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "fma_full_rate" = false, "vnni" = false, "vbmi" = false, "bf16" = false,
// V3-SAME: "bf16_full_rate" = false, "fp16" = false, "amx" = false, "l1_bytes" = 32768 : i64, "l2_bytes" = 262144 : i64, "l3_bytes" = 8388608 : i64, "cores" = 1 : i64
// V4: "march" = "x86-64-v4", "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "fma_full_rate" = false, "vnni" = false,
// V4-SAME: "l2_bytes" = 1048576 : i64
// SPR: "march" = "sapphirerapids", "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "fma_full_rate" = true, "vnni" = true, "vbmi" = true, "bf16" = true,
// SPR-SAME: "bf16_full_rate" = false, "fp16" = true, "amx" = false, "l1_bytes" = 49152 : i64, "l2_bytes" = 2097152 : i64
// As sapphirerapids, with tile registers.
// AMX: "march" = "sapphirerapids-amx", "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "fma_full_rate" = true, "vnni" = true, "vbmi" = true, "bf16" = true,
// AMX-SAME: "bf16_full_rate" = false, "fp16" = true, "amx" = true, "l1_bytes" = 49152 : i64, "l2_bytes" = 2097152 : i64
// ZEN4: "fma_full_rate" = false, {{.*}}"bf16" = true, "bf16_full_rate" = true, "fp16" = false
// A name without caches of its own has those of its vector width.
// LEVEL: "vnni" = true, {{.*}}"l2_bytes" = 1048576 : i64
// FLOOR: error: expected a CPU of at least x86-64-v3, but got 'x86-64-v2'
// NAME: error: expected the name of an x86-64 CPU or level, but got 'pentagon'
// ABSENT: error: expected a target description with 'march', 'vector_bits', 'vector_registers' and 'vnni'; mpc-describe-target writes one
module {}
