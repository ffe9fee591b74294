//===- Sensitivity.h - what each group loses in each precision --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_SENSITIVITY_H
#define MPC_LIB_COMPILER_SENSITIVITY_H

#include "SearchGraph.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Support/SampleSet.h"

namespace mpc {

/// Fills in the noise of `graph`: compiles `module` (groups with ranges) once
/// with every group in all of its candidates behind switches, and runs it on a
/// few samples with one switch after another on. The noise is the power of the
/// difference to f32 at each floating-point output, as a share of the output's
/// power. Progress counts runs.
mlir::LogicalResult measureSensitivity(SearchGraph &graph,
                                       mlir::ModuleOp module,
                                       SampleSet &samples,
                                       const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_SENSITIVITY_H
