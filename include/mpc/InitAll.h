//===- InitAll.h - registers everything that mpc's tools know ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that lists dialects, extensions, passes and pipelines. All the
// tools call it, so that a file that one of them writes is read by the others.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_INITALL_H
#define MPC_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mpc {

/// Adds mpc's dialects, the upstream dialects that mpc lowers through, and the
/// interface implementations that they attach to each other.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers mpc's passes and pipelines, and upstream's passes, by their
/// command line names.
void registerAllPasses();

} // namespace mpc

#endif // MPC_INITALL_H
