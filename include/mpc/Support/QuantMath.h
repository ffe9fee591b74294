//===- QuantMath.h - the scalar definition of quantized arithmetic -*- C++
//-*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One definition of every rounding that quantized arithmetic performs. Constant
// folding, the compile-time part of lowerings and the tests call these
// functions; code that is emitted computes the same values, operation by
// operation. All arithmetic is IEEE binary32 with round-to-nearest-even, except
// where a function says otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_QUANTMATH_H
#define MPC_SUPPORT_QUANTMATH_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace mpc {

/// The smallest scale that the quantizer chooses. The product of two such
/// scales is still a normal number, so that multipliers stay finite and
/// positive; real tensors whose range is smaller quantize to their zero point.
inline constexpr float kMinScale = 0x1p-48f;

/// The largest number of products of a u8 and an s8 value whose sum always fits
/// into an i32: floor((2^31 - 1) / (255 * 128)).
inline constexpr int64_t kMaxExactProductsU8S8 = 65793;

/// An affine map from integers in [qmin, qmax] to reals: x = (q - zeroPoint) *
/// scale.
struct QuantParams {
  float scale = 1.0f;
  int32_t zeroPoint = 0;
  int32_t qmin = 0;
  int32_t qmax = 255;

  bool operator==(const QuantParams &other) const {
    return scale == other.scale && zeroPoint == other.zeroPoint &&
           qmin == other.qmin && qmax == other.qmax;
  }
};

/// `x` rounded to the nearest integer, ties to even.
float roundHalfEven(float x);

/// q = clamp(roundHalfEven(x / scale) + zeroPoint, qmin, qmax); NaN becomes the
/// zero point. Exact for up to 24 bits of storage.
int32_t quantize(float x, const QuantParams &params);

/// x = f32(q - zeroPoint) * scale.
float dequantize(int32_t q, const QuantParams &params);

/// The scale of an accumulator of products: the f32 product of the operands'
/// scales.
float accumulatorScale(float inputScale, float weightScale);

/// What requantization in the onnx profile multiplies with: f32 quotient of the
/// accumulator's and the result's scale.
float requantMultiplier(float accumulatorScale, float resultScale);

/// Profile onnx: clamp(roundHalfEven(f32(acc) * multiplier) + zeroPoint, low,
/// high).
int32_t requantizeONNX(int32_t acc, float multiplier, int32_t zeroPoint,
                       int32_t low, int32_t high);

/// Two integers added in the scale of the sum:
/// clamp(roundHalfEven(fma(a, A, fma(b, B, C)))).
struct QuantizedAddition {
  QuantizedAddition(const QuantParams &lhs, const QuantParams &rhs,
                    const QuantParams &sum);
  int32_t operator()(int32_t a, int32_t b) const;

  float lhsFactor; ///< A = s_a / s_y
  float rhsFactor; ///< B = s_b / s_y
  float constant;  ///< C = z_y - (A * z_a + B * z_b)
  int32_t low, high;
};

//===----------------------------------------------------------------------===//
// Integer-only profiles
//===----------------------------------------------------------------------===//

/// How a factor is applied without floating point.
enum class FixedRounding {
  /// TensorFlow Lite: a doubling high multiplication that rounds ties up, then
  /// a shift that rounds them away from zero.
  TFLite,
  /// TensorFlow Lite built with TFLITE_SINGLE_ROUNDING: one shift, ties up.
  TFLiteSingle,
  /// TOSA 1.0, apply_scale_32 with SINGLE_ROUND: one shift, ties up.
  TOSA,
  /// TOSA 1.0, apply_scale_32 with DOUBLE_ROUND.
  TOSADouble,
};

/// A positive real factor as integers: x -> round((x << left) * multiplier *
/// 2^-right), or with TFLite's two roundings 2^-31 first and 2^-right then.
struct FixedScale {
  FixedRounding rounding = FixedRounding::TFLite;
  int32_t multiplier = 0;
  int32_t left = 0, right = 0;

  /// The factor, which the specifications' converters compute in f64. With
  /// `left` the argument is shifted first, and the factor is so much less.
  /// Factors below 2^-31 are 0 or lose bits, as the specifications say.
  static FixedScale get(double factor, FixedRounding rounding,
                        int32_t left = 0);
  /// The factor of a mean of `count` numbers: TFLite divides the integer
  /// multiplier by the count, TOSA's converters the real factor.
  static FixedScale getMean(double factor, int64_t count,
                            FixedRounding rounding);
  /// TOSA's reciprocal_scale: 1 / count.
  static FixedScale getReciprocal(uint32_t count);

  /// Where specifications leave overflow undefined, x saturates before the
  /// shift to the left, and the result has more than 32 bits.
  int64_t apply(int32_t x) const;
  /// Whether |apply(x)| <= |x| + 1.
  bool shrinks() const;
};

/// clamp(scale.apply(x) + zeroPoint, low, high).
int32_t requantizeFixed(int32_t x, const FixedScale &scale, int32_t zeroPoint,
                        int32_t low, int32_t high);

/// sum / count, rounded half away from zero (TensorFlow Lite's average pool).
int32_t averageHalfAway(int32_t sum, int32_t count);

/// The smallest power of two that is not below `scale`: fixed point Qm.n.
float roundUpToPowerOfTwo(float scale);

/// The bias in units of the accumulator: roundHalfEven(bias / scale) in f64,
/// saturated to i32.
int32_t quantizeBias(double bias, float accumulatorScale);

/// The same in 64 bits, for sums of 16-bit activations; saturated to 40 bits.
int64_t quantizeWideBias(double bias, double accumulatorScale);

/// The largest bias in units of the accumulator; what is left of 32 bits is for
/// the products.
inline constexpr double kMaxBias = 0x1p29;

/// Whether the bias is more than kMaxBias units of the accumulator.
bool biasOverflows(double bias, float accumulatorScale);

/// Sum modulo 2^32 of `products` terms x * w where x is the zero point: what an
/// integer contraction counts too much.
int32_t zeroPointCompensation(int32_t inputZeroPoint,
                              llvm::ArrayRef<int8_t> weights);

/// Scale and zero point of [min, max], widened to hold 0 (which stays exact).
/// Computed in f64, rounded once.
QuantParams chooseAsymmetricParams(double min, double max, int32_t qmin,
                                   int32_t qmax);

/// Scale of [-absMax, absMax] with zero point 0; absMax maps to qmax.
QuantParams chooseSymmetricParams(double absMax, int32_t qmin, int32_t qmax);

} // namespace mpc

#endif // MPC_SUPPORT_QUANTMATH_H
