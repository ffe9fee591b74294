//===- TargetDescription.h - what code generation knows of a CPU *- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The description stands on the module as a DLTI target system specification:
//
//   module attributes {dlti.target_system_spec = #dlti.target_system_spec<
//     "CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
//       "vector_bits" = 256 : i64, "vector_registers" = 16 : i64,
//       "fma_full_rate" = false, "vnni" = false, "vbmi" = false,
//       "bf16" = false, "bf16_full_rate" = false, "fp16" = false,
//       "amx" = false,
//       "l1_bytes" = 32768 : i64, "l2_bytes" = 262144 : i64,
//       "l3_bytes" = 8388608 : i64, "cores" = 1 : i64>>}
//
// so that passes read it from the IR, and a test or a user can edit it. The
// first four entries are needed, what else is absent is as above.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_TARGETDESCRIPTION_H
#define MPC_CODEGEN_TARGETDESCRIPTION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include <algorithm>
#include <string>

namespace mpc {

/// What the choice of tiles and instructions depends on.
struct TargetDescription {
  /// Name as clang's -march takes it.
  std::string march;
  /// Width of the vector registers that kernels use, in bits: 128, 256 or 512.
  int64_t vectorBits = 256;
  /// Number of architectural vector registers.
  int64_t vectorRegisters = 16;
  /// Whether two multiply-adds of whole registers begin in a cycle. Where
  /// registers of 512 bits are taken in two halves, it is one.
  bool fmaFullRate = false;
  /// AVX512-VNNI: vpdpbusd on 512-bit registers.
  bool vnni = false;
  /// AVX512-VBMI: vpermb and vpermi2b, tables of bytes in registers.
  bool vbmi = false;
  /// AVX512-BF16: vdpbf16ps on 512-bit registers; and whether that multiplies
  /// twice as many numbers in a time as f32's fma does. Where it does not, bf16
  /// widened to f32 is as fast, and rounds less often.
  bool bf16 = false, bf16FullRate = false;
  /// AVX512-FP16: arithmetic on 32 f16 lanes.
  bool fp16 = false;
  /// AMX: tile registers of 16 rows of 64 bytes, and their products of 8-bit
  /// integers and of bf16. Only levels that name it have it: using it takes a
  /// permission from the operating system.
  bool amx = false;
  /// Bytes of the caches for data: of a core's first and second level, and of
  /// the last one, which several cores share.
  int64_t l1Bytes = 32 << 10, l2Bytes = 256 << 10, l3Bytes = 8 << 20;
  /// Cores that a call may count on: 1 where the machine is not known.
  int64_t cores = 1;

  /// Bytes that the scratch buffers of a parallel iteration may take: half of
  /// the second-level cache, but at most 128 KiB, for they stand on the stack
  /// of a thread.
  int64_t getScratchBytes() const {
    return std::min<int64_t>(l2Bytes / 2, 128 << 10);
  }

  /// Describes the CPU `march`: any x86-64 name that LLVM knows, or `native`,
  /// the best known level of this machine with the caches and cores that it
  /// has. Emits an error at `loc` for an unknown name and for a CPU below
  /// x86-64-v3.
  static mlir::FailureOr<TargetDescription> get(llvm::StringRef march,
                                                mlir::Location loc);

  /// Reads the description of the module that holds `op`; emits an error if it
  /// is absent, incomplete, or has an entry of another type.
  static mlir::FailureOr<TargetDescription> read(mlir::Operation *op);

  /// Writes the description to `module`.
  void attach(mlir::ModuleOp module) const;
};

} // namespace mpc

#endif // MPC_CODEGEN_TARGETDESCRIPTION_H
