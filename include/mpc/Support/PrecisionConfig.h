//===- PrecisionConfig.h - precisions that a user asks for -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file of --precision-config, which docs/PrecisionConfig.md describes:
//
//   {"version": 1, "default": "int8", "groups": [
//     {"kind": "softmax", "precision": "f32"},
//     {"match": "block1/.*", "precision": "f16"},
//     {"kind": "matmul", "precision": "w4", "block": 64},
//     {"name": "conv1", "precision": "f32"}],
//    "integers": {"activations": "symmetric", "scales": "power-of-two"}}
//
// Later entries win. This is the file alone; mpc-assign-precision applies it.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_PRECISIONCONFIG_H
#define MPC_SUPPORT_PRECISIONCONFIG_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace mpc {

/// The names of precisions: keep, f32, f16, bf16, int8, int16, w8, w4.
llvm::ArrayRef<llvm::StringRef> getPrecisionNames();

/// How weights of w8 and w4 are stored, in words; what is empty is left to
/// whoever reads it.
struct WeightFormat {
  std::string block;       ///< 32, 64, 128 or channel
  std::string scheme;      ///< asymmetric, symmetric or codebook
  std::string activations; ///< f32, f16 or bf16

  bool empty() const {
    return block.empty() && scheme.empty() && activations.empty();
  }
};

/// How a model computes in integers, in words; what is empty is left to whoever
/// reads it.
struct IntegerFormat {
  std::string rounding;    ///< onnx, tflite, tflite-single, tosa or tosa-double
  std::string activations; ///< asymmetric, symmetric, signed or
                           ///< signed-symmetric
  std::string scales;      ///< any or power-of-two
};

/// A member of IntegerFormat, what files and flags call it, and its values, the
/// default first.
struct IntegerKey {
  llvm::StringRef key;
  std::string IntegerFormat::*member;
  llvm::ArrayRef<llvm::StringRef> values;
};
llvm::ArrayRef<IntegerKey> getIntegerKeys();

/// What is wrong with the words of a format, or nothing.
std::string findProblem(const WeightFormat &format);
std::string findProblem(const IntegerFormat &format);

/// Of `candidates` those nearest to `name` by edit distance, best first, at
/// most `count`; none that differ in more than half of their letters. In
/// quotes, separated by commas, for messages.
std::string listNearest(llvm::StringRef name,
                        llvm::ArrayRef<llvm::StringRef> candidates,
                        unsigned count = 3);

/// The sizes of what a group stores: bounds of its channels, and of its
/// elements in one sample; 0 for a bound that is not there.
struct ShapeCondition {
  uint64_t minChannels = 0, maxChannels = 0, minElements = 0, maxElements = 0;

  bool empty() const {
    return !minChannels && !maxChannels && !minElements && !maxElements;
  }
  bool holds(uint64_t channels, uint64_t elements) const {
    return channels >= minChannels && elements >= minElements &&
           (!maxChannels || channels <= maxChannels) &&
           (!maxElements || elements <= maxElements);
  }
};

struct PrecisionConfig {
  /// How an entry says which groups it means.
  enum class Selector {
    Name,  ///< the group of this name
    Match, ///< all groups whose whole name the extended regular expression
           ///< matches
    Kind,  ///< all groups whose root is this op: conv, matmul, max_pool …
  };
  struct Entry {
    Selector selector;
    std::string pattern;
    std::string precision;
    WeightFormat weights = {}; ///< of w8 and w4
    ShapeCondition shape = {}; ///< further condition
  };

  /// The precision of groups that no entry means; nothing where the command
  /// line decides.
  std::optional<std::string> defaultPrecision;
  WeightFormat defaultWeights; ///< of a default of w8 or w4
  IntegerFormat integers;      ///< of the whole model
  std::vector<Entry> entries;

  /// Reads a file. Errors name the file, what is wrong and where, and the
  /// nearest right word.
  static llvm::Expected<PrecisionConfig> load(llvm::StringRef path);
  static llvm::Expected<PrecisionConfig> parse(llvm::StringRef text,
                                               llvm::StringRef source);
  /// The text of the file: `parse` gives the same configuration back.
  std::string str() const;
};

/// The key under which a selector stands in the file.
llvm::StringRef getSelectorKey(PrecisionConfig::Selector selector);

} // namespace mpc

#endif // MPC_SUPPORT_PRECISIONCONFIG_H
