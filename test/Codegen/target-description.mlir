// A description may be written by hand: of a machine that has no name here, and with only what a pass cannot do without.
// RUN: mpc-opt %s -split-input-file --mpc-select-tiling | FileCheck %s

// NEON's registers hold a quarter of a panel: 32 of them are four rows of accumulators and more.
// CHECK: rows = 6, columns = 16, kv = 1
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
    "march" = "armv8.2-a", "vector_bits" = 128 : i64, "vector_registers" = 32 : i64, "vnni" = false>>} {
  func.func @product(%x: tensor<512x64xf32>, %w: tensor<64x100xf32>) -> tensor<512x100xf32> {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<512x100xf32>
    %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<512x100xf32>) -> tensor<512x100xf32>
    %r = linalg.matmul ins(%x, %w : tensor<512x64xf32>, tensor<64x100xf32>) outs(%init : tensor<512x100xf32>) -> tensor<512x100xf32>
    return %r : tensor<512x100xf32>
  }
}
