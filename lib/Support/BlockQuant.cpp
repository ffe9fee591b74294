//===- BlockQuant.cpp - weights as integers in blocks ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/BlockQuant.h"
#include "mpc/Support/CancelErrors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace mpc;

/// Levels of a codebook, and in how many cells weights are counted to find
/// them.
static constexpr int kLevels = 16, kCells = 4096;
static constexpr int kIterations = 40;

/// Clip ratios that are tried with 4 bits, 1, 0.975 ... 0.65, and with 8 bits,
/// 1.008, 1.004 ... 0.996: there, clipping gains nothing, but the rounding of
/// scale and zero point should not cut off an end.
static constexpr int kRatios4 = 15, kRatios8 = 4;
static float getRatio(unsigned bits, int index) {
  return bits == 4 ? 1 - 0.025f * index : 1.008f - 0.004f * index;
}

float mpc::roundToBF16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  bits += 0x7fff + ((bits >> 16) & 1);
  bits &= 0xffff0000u;
  memcpy(&x, &bits, sizeof(bits));
  return x;
}

/// A usable scale: bf16, normal, positive, and at most `most`, a power of two,
/// so that no weight overflows where the range is that of f32.
static float chooseScale(float wanted, float most) {
  return std::clamp(roundToBF16(std::min(wanted, most)), 0x1p-126f, most);
}

/// To nearest, ties to even, for |x| < 2^22: what is added leaves no room for
/// fractions.
static float roundSmall(float x) {
  constexpr float kOnlyIntegers = 0x1.8p23f;
  return (x + kOnlyIntegers) - kOnlyIntegers;
}

namespace {

/// Quantizes one block after another into the arrays of a result.
class BlockQuantizer {
public:
  BlockQuantizer(const BlockFormat &format)
      : format(format), most((1 << format.bits) - 1),
        largestScale(format.scheme == BlockScheme::Codebook
                         ? 0x1p127f
                         : std::ldexp(1.0f, 128 - format.bits)) {}

  /// Linear levels: (q - z) * s.
  void quantizeLinear(ArrayRef<float> block, uint8_t *values, float &scale,
                      uint8_t &zeroPoint);

  /// Levels table[q] * s; `scale` comes with the largest weight of the block.
  void quantizeByTable(ArrayRef<float> block, ArrayRef<float> table,
                       uint8_t *values, float &scale);

private:
  double tryLinear(ArrayRef<float> block, float scale, int zeroPoint) const {
    double error = 0;
    for (float weight : block) {
      float q = std::clamp(
          roundSmall(std::clamp(weight / scale, -1024.0f, 1024.0f)) + zeroPoint,
          0.0f, most);
      double difference = weight - double(q - zeroPoint) * scale;
      error += difference * difference;
    }
    return error;
  }

  const BlockFormat &format;
  float most, largestScale;
};

} // namespace

void BlockQuantizer::quantizeLinear(ArrayRef<float> block, uint8_t *values,
                                    float &scale, uint8_t &zeroPoint) {
  float low = 0, high = 0;
  for (float weight : block) {
    low = std::min(low, weight);
    high = std::max(high, weight);
  }
  bool symmetric = format.scheme == BlockScheme::Symmetric;
  int middle = 1 << (format.bits - 1);
  // Halves do not overflow.
  float range = symmetric ? std::max(-low, high) / float(middle - 1)
                          : (high / 2 - low / 2) / (most / 2);
  double least = INFINITY;
  int tries = format.bits == 4 ? kRatios4 : kRatios8, best = middle;
  for (int i = 0; i < tries; ++i) {
    float ratio = getRatio(format.bits, i);
    float candidate = chooseScale(range * ratio, largestScale);
    int zero = middle;
    if (!symmetric)
      zero = int(std::clamp(roundSmall(-low * ratio / candidate), 0.0f, most));
    double error = tryLinear(block, candidate, zero);
    if (error < least) {
      least = error;
      scale = candidate;
      best = zero;
    }
  }
  zeroPoint = uint8_t(best);
  for (auto [i, weight] : llvm::enumerate(block))
    values[i] = uint8_t(std::clamp(
        roundSmall(std::clamp(weight / scale, -1024.0f, 1024.0f)) + best, 0.0f,
        most));
}

static uint8_t findNearest(ArrayRef<float> table, float x) {
  // Sorted; of two as near, the lower one.
  size_t above = llvm::lower_bound(table, x) - table.begin();
  if (above == 0)
    return 0;
  if (above == table.size())
    return uint8_t(above - 1);
  return uint8_t(x - table[above - 1] <= table[above] - x ? above - 1 : above);
}

void BlockQuantizer::quantizeByTable(ArrayRef<float> block,
                                     ArrayRef<float> table, uint8_t *values,
                                     float &scale) {
  // The levels of a scale, then the scale that fits these levels best, while
  // that helps.
  double least = INFINITY;
  float candidate = scale;
  std::vector<uint8_t> levels(block.size());
  for (int i = 0; i < 4; ++i) {
    double error = 0, products = 0, squares = 0;
    for (auto [k, weight] : llvm::enumerate(block)) {
      levels[k] = findNearest(table, weight / candidate);
      double level = table[levels[k]];
      double difference = weight - level * candidate;
      error += difference * difference;
      products += weight * level;
      squares += level * level;
    }
    if (!(error < least))
      return;
    least = error;
    scale = candidate;
    llvm::copy(levels, values);
    if (!(squares > 0 && products > 0))
      return;
    candidate = chooseScale(float(products / squares), largestScale);
  }
}

/// Sixteen levels within [-1, 1] by Lloyd's algorithm on a histogram whose
/// cells weigh what the weights in them contribute to the squared error.
static std::vector<float> findLevels(ArrayRef<double> mass,
                                     ArrayRef<double> moment) {
  double total = 0;
  for (double m : mass)
    total += m;
  std::vector<double> levels(kLevels, 0.0);
  // Start with as much mass below each level.
  double seen = 0;
  int level = 0;
  for (int cell = 0; cell < kCells && level < kLevels; ++cell) {
    seen += mass[cell];
    while (level < kLevels && seen * kLevels >= total * (level + 0.5))
      levels[level++] = (cell + 0.5) * 2 / kCells - 1;
  }
  // The ends count although few weights are there.
  levels.front() = std::min(levels.front(), -0.9);
  levels.back() = std::max(levels.back(), 0.9);
  int zero = 0;
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    zero = 0;
    for (int i = 1; i < kLevels; ++i)
      if (std::abs(levels[i]) < std::abs(levels[zero]))
        zero = i;
    levels[zero] = 0;
    std::vector<double> sum(kLevels, 0.0), count(kLevels, 0.0);
    int nearest = 0;
    for (int cell = 0; cell < kCells; ++cell) {
      if (mass[cell] == 0)
        continue;
      double x = moment[cell] / mass[cell];
      while (nearest + 1 < kLevels &&
             levels[nearest + 1] - x < x - levels[nearest])
        ++nearest;
      sum[nearest] += moment[cell];
      count[nearest] += mass[cell];
    }
    for (int i = 0; i < kLevels; ++i)
      if (count[i] > 0 && i != zero)
        levels[i] = sum[i] / count[i];
  }
  std::vector<float> table(levels.begin(), levels.end());
  llvm::sort(table);
  return table;
}

/// Makes the errors of each row cancel, of what has been rounded to nearest.
static void cancelRowErrors(ArrayRef<float> weights, int64_t rows,
                            const BlockFormat &format, int64_t inputChannels,
                            BlockWeights &result) {
  int64_t length = weights.size() / rows;
  int64_t blocks = divideCeilSigned(length, format.block);
  int most = (1 << format.bits) - 1;
  int64_t numChannels = inputChannels ? inputChannels : length;
  std::vector<int64_t> channels(length);
  for (int64_t k = 0; k < length; ++k)
    channels[k] = k % numChannels;
  for (int64_t row = 0; row < rows; ++row)
    cancelErrors(weights.slice(row * length, length),
                 MutableArrayRef(result.values).slice(row * length, length), 0,
                 most, channels, numChannels, [&](int64_t k, int q) {
                   int64_t block = row * blocks + k / format.block;
                   if (!result.table.empty())
                     return result.table[q] * result.scales[block];
                   return dequantizeInBlock(uint8_t(q),
                                            result.zeroPoints.empty()
                                                ? uint8_t(most / 2 + 1)
                                                : result.zeroPoints[block],
                                            result.scales[block]);
                 });
}

BlockWeights mpc::quantizeInBlocks(ArrayRef<float> weights, int64_t rows,
                                   const BlockFormat &format,
                                   int64_t inputChannels) {
  assert(rows > 0 && weights.size() % rows == 0 && format.block > 0);
  int64_t length = weights.size() / rows;
  int64_t blocks = divideCeilSigned(length, format.block);
  BlockWeights result;
  result.values.resize(weights.size());
  result.scales.resize(rows * blocks);
  auto forEachBlock = [&](auto callback) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t b = 0; b < blocks; ++b) {
        int64_t first = row * length + b * format.block;
        int64_t size = std::min(format.block, length - b * format.block);
        callback(weights.slice(first, size), result.values.data() + first,
                 row * blocks + b);
      }
  };

  BlockQuantizer quantizer(format);
  if (format.scheme != BlockScheme::Codebook) {
    bool symmetric = format.scheme == BlockScheme::Symmetric;
    if (!symmetric)
      result.zeroPoints.resize(result.scales.size());
    forEachBlock([&](ArrayRef<float> block, uint8_t *values, int64_t index) {
      uint8_t zero;
      quantizer.quantizeLinear(block, values, result.scales[index],
                               symmetric ? zero : result.zeroPoints[index]);
    });
    if (format.bits == 4)
      cancelRowErrors(weights, rows, format, inputChannels, result);
    return result;
  }

  // Squares of scales relative to the largest one, so that none overflows.
  float largest = 0;
  for (float weight : weights)
    largest = std::max(largest, std::abs(weight));
  std::vector<double> mass(kCells, 0.0), moment(kCells, 0.0);
  forEachBlock([&](ArrayRef<float> block, uint8_t *, int64_t index) {
    float most = 0;
    for (float weight : block)
      most = std::max(most, std::abs(weight));
    float scale = result.scales[index] = chooseScale(most, 0x1p127f);
    double share = largest > 0 ? double(most) / largest : 0;
    for (float weight : block) {
      double x = std::clamp(double(weight) / scale, -1.0, 1.0);
      int cell = std::min(int((x + 1) * (kCells / 2)), kCells - 1);
      mass[cell] += share * share;
      moment[cell] += share * share * x;
    }
  });
  result.table = findLevels(mass, moment);
  forEachBlock([&](ArrayRef<float> block, uint8_t *values, int64_t index) {
    quantizer.quantizeByTable(block, result.table, values,
                              result.scales[index]);
  });
  cancelRowErrors(weights, rows, format, inputChannels, result);
  return result;
}

std::vector<float> mpc::dequantizeBlocks(const BlockWeights &quantized,
                                         int64_t rows,
                                         const BlockFormat &format) {
  int64_t length = quantized.values.size() / rows;
  int64_t blocks = divideCeilSigned(length, format.block);
  std::vector<float> result(quantized.values.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < length; ++k) {
      int64_t i = row * length + k, block = row * blocks + k / format.block;
      float scale = quantized.scales[block];
      if (!quantized.table.empty())
        result[i] = quantized.table[quantized.values[i]] * scale;
      else
        result[i] = dequantizeInBlock(quantized.values[i],
                                      quantized.zeroPoints.empty()
                                          ? uint8_t(1 << (format.bits - 1))
                                          : quantized.zeroPoints[block],
                                      scale);
    }
  return result;
}
