//===- Border.cpp - types and layouts at the model's border ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Border.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mpc;

Type mpc::parseBorderType(StringRef name, Builder &builder) {
  auto integer = [&](unsigned width, bool isSigned) -> Type {
    return isSigned ? builder.getIntegerType(width)
                    : builder.getIntegerType(width, /*isSigned=*/false);
  };
  return llvm::StringSwitch<Type>(name)
      .Case("f32", builder.getF32Type())
      .Case("f16", builder.getF16Type())
      .Case("bf16", builder.getBF16Type())
      .Case("u8", integer(8, false))
      .Case("i8", integer(8, true))
      .Case("u16", integer(16, false))
      .Case("i16", integer(16, true))
      .Case("i32", integer(32, true))
      .Default(Type());
}

SmallVector<int64_t> mpc::getChannelsLast(int64_t rank) {
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  return perm;
}

SmallVector<int64_t> mpc::getChannelsFirst(int64_t rank) {
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  return perm;
}
