// RUN: mpc-opt %s -split-input-file --mpc-select-tiling -verify-diagnostics

// expected-error @+1 {{target description: expected 'l2_bytes' to be a positive i64 or a bool, but got "1M"}}
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
    "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false, "l2_bytes" = "1M">>} {}

// -----

// expected-error @+1 {{expected 'vector_bits' of 128, 256 or 512, but got 384}}
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
    "march" = "x86-64-v3", "vector_bits" = 384 : i64, "vector_registers" = 16 : i64, "vnni" = false>>} {}
