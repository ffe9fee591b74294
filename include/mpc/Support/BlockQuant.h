//===- BlockQuant.h - weights as integers in blocks ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight-only quantization: each output channel of a contraction is a row of
// weights in the order in which their products are summed, cut into blocks that
// share a scale. What a block of integers means is defined here, once; what is
// emitted computes the same numbers.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_BLOCKQUANT_H
#define MPC_SUPPORT_BLOCKQUANT_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mpc {

enum class BlockScheme {
  Asymmetric, ///< (q - z) * s, z of each block
  Symmetric,  ///< (q - 2^(bits-1)) * s
  Codebook    ///< table[q] * s, one table of 16 levels; only with 4 bits
};

struct BlockFormat {
  unsigned bits = 4; ///< 8 or 4
  /// Weights that share a scale; the last block of a row may have fewer.
  int64_t block = 32;
  BlockScheme scheme = BlockScheme::Asymmetric;
};

/// Quantized rows, row-major. Scales are bf16 numbers, finite and positive.
struct BlockWeights {
  std::vector<uint8_t> values;     ///< rows x length, each 0 to 2^bits - 1
  std::vector<float> scales;       ///< rows x blocks
  std::vector<uint8_t> zeroPoints; ///< rows x blocks; none unless asymmetric
  std::vector<float> table;        ///< 16 levels; none unless by codebook
};

/// The nearest bf16 number, ties to even, as f32. `x` is finite.
float roundToBF16(float x);

/// One weight: f32(q - zeroPoint) * scale.
inline float dequantizeInBlock(uint8_t q, uint8_t zeroPoint, float scale) {
  return static_cast<float>(static_cast<int>(q) - zeroPoint) * scale;
}

/// Quantizes `rows` rows of finite weights. The scale of a block
/// is the one of several clip ratios, from about 1 (and, with 4 bits, down to
/// 0.65), that has the least squared error, the largest of equals. The levels
/// of a codebook come from weighted k-means over all weights relative to the
/// largest of their blocks; one of them is 0.
///
/// With 4 bits, single weights are then rounded the other way where that makes
/// the errors of a row cancel (CancelErrors.h).
/// `inputChannels` is the number of those, if a row is (positions, input
/// channels), else 0: each weight has its own. Zeros stay zeros.
///
/// The result depends on the arguments only.
BlockWeights quantizeInBlocks(llvm::ArrayRef<float> weights, int64_t rows,
                              const BlockFormat &format,
                              int64_t inputChannels = 0);

/// The weights that `quantized` stands for, rows x length.
std::vector<float> dequantizeBlocks(const BlockWeights &quantized, int64_t rows,
                                    const BlockFormat &format);

} // namespace mpc

#endif // MPC_SUPPORT_BLOCKQUANT_H
