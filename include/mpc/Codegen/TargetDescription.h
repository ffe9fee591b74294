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
//       "vnni" = false>>}
//
// so that passes read it from the IR, and a test or a user can edit it.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_TARGETDESCRIPTION_H
#define MPC_CODEGEN_TARGETDESCRIPTION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include <string>

namespace mpc {

/// What the choice of tiles and instructions depends on.
struct TargetDescription {
  /// Name as clang's -march takes it.
  std::string march;
  /// Width of the vector registers that kernels use, in bits: 256 or 512.
  int64_t vectorBits = 256;
  /// Number of architectural vector registers.
  int64_t vectorRegisters = 16;
  /// AVX512-VNNI: vpdpbusd on 512-bit registers.
  bool vnni = false;

  /// Describes the CPU `march` (any name that LLVM knows); emits an error at
  /// `loc` for an unknown one and for one below x86-64-v3.
  static mlir::FailureOr<TargetDescription> get(llvm::StringRef march,
                                                mlir::Location loc);

  /// Reads the description of the module that holds `op`; emits an error if it
  /// is absent or incomplete.
  static mlir::FailureOr<TargetDescription> read(mlir::Operation *op);

  /// Writes the description to `module`.
  void attach(mlir::ModuleOp module) const;
};

} // namespace mpc

#endif // MPC_CODEGEN_TARGETDESCRIPTION_H
