//===- Paths.h - Files and folders of samples -------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_SUPPORT_PATHS_H
#define MPC_LIB_SUPPORT_PATHS_H

#include <string>
#include <vector>

namespace mpc {

bool isFolder(const std::string &path);

/// The names in a folder but hidden ones, "input_2" before "input_10".
bool listFolder(const std::string &path, std::vector<std::string> &names,
                std::string &error);

} // namespace mpc

#endif // MPC_LIB_SUPPORT_PATHS_H
