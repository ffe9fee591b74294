//===- sanitizer-defaults.cpp - options of sanitized programs -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The packaged libLLVM.so and libMLIR.so are not instrumented. LLVM's arenas
// poison their memory in code that headers inline into mpc, and the libraries,
// which take memory from the same arenas, do not unpoison it. ASAN_OPTIONS
// still has the last word.
//
//===----------------------------------------------------------------------===//

extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_leaks=0";
}
