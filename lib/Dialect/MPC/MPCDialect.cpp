//===- MPCDialect.cpp - the mpc dialect -----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mpc;

#include "mpc/Dialect/MPC/MPCDialect.cpp.inc"

void MPCDialect::initialize() {}
