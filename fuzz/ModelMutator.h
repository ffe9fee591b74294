//===- ModelMutator.h - changes models but keeps them models ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mutations for libFuzzer on the level of the ModelProto: random bytes rarely
// get past protobuf's parser.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_FUZZ_MODELMUTATOR_H
#define MPC_FUZZ_MODELMUTATOR_H

#include <cstddef>
#include <cstdint>

namespace mpc::fuzz {

/// Changes one to four things in a serialized model: a number becomes a hard
/// one, a name that of something else, a node, attribute, dimension or tensor
/// goes, comes twice or moves. Returns the new size; 0 if `data` is no model or
/// the result does not fit, and `data` is as before.
size_t mutateModel(uint8_t *data, size_t size, size_t maxSize, unsigned seed);

/// Writes the first model with a part of the second one to `out`. Returns its
/// size; 0 where it does not work out.
size_t crossModels(const uint8_t *data, size_t size, const uint8_t *other,
                   size_t otherSize, uint8_t *out, size_t maxSize,
                   unsigned seed);

} // namespace mpc::fuzz

#endif // MPC_FUZZ_MODELMUTATOR_H
