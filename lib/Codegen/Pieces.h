//===- Pieces.h - a function of one number, piece by piece -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_PIECES_H
#define MPC_LIB_CODEGEN_PIECES_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>

namespace mpc {

/// The one number that a floating-point constant consists of.
std::optional<double> getNumber(mlir::Value value);

/// Element-wise operations on f32 that compute one value from another one.
class ScalarProgram {
public:
  /// Goes back from `result` to one value that it is a function of, past
  /// something costly: the nearest such. False if there is none.
  bool trace(mlir::Value result);

  /// Whether computing it takes more than a few multiplications and additions.
  bool isCostly() const { return costly; }
  mlir::Value getVariable() const { return variable; }
  /// In the order in which they run.
  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops; }

  /// The result for `x`, computed in f64, with f32's infinities; in `error` a
  /// bound of the error of the same operations in f32, to the first order.
  double operator()(double x, double *error = nullptr) const;
  /// Equal for programs that compute the same.
  std::string getKey() const;

private:
  mlir::Value variable, result;
  llvm::SmallVector<mlir::Operation *> ops;
  bool costly = false;
};

/// A function by polynomials around equidistant points, and by straight lines
/// beyond the outermost ones.
struct Pieces {
  static constexpr int kCount = 32, kLast = kCount / 2 - 1, kFirst = -kLast,
                       kLeastDegree = 3, kMostDegree = 5;
  /// Up to where the straight lines are compared with the function.
  static constexpr double kTried = 0x1p30;
  /// What is rounded once in f32 is off by at most that, relatively.
  static constexpr double kUnit = 0x1p-24;
  /// Errors relative to the function, which do not count as its `errors`.
  static constexpr double kRelative = 6 * kUnit;
  static constexpr int kOctaves = 17;

  /// The distance between two points, a power of two.
  double width;
  int degree;
  /// A bound of what the pieces give, -infinity if there is none.
  double least;
  /// Coefficients of each power of the distance from the point, of points
  /// [0, 16), none, and then [-15, 0); 0 for powers above the degree.
  std::array<std::array<float, kCount>, kMostDegree + 1> coefficients;
  /// What computing the pieces in f32, and the function itself, may differ by
  /// up to kTried, beyond what is relative to the function: for each size of
  /// its result, see `getOctave`.
  std::array<double, kOctaves> errors;

  /// Sizes up to 2^-10 are the first octave, those from 2^(kOctaves - 12) on
  /// the last one.
  static int getOctave(double size) {
    return size > 0 ? std::clamp(std::ilogb(size) + 11, 0, kOctaves - 1) : 0;
  }
  /// The error for results of sizes from `least` to `most`.
  double getError(double least, double most) const {
    return *std::max_element(errors.begin() + getOctave(least),
                             errors.begin() + getOctave(most) + 1);
  }

  /// Where the outermost points lie.
  double getDomain() const { return -kFirst * width; }
  /// Up to where arguments may be expected where their size matters.
  double getReach() const { return 4 * getDomain(); }

  /// The pieces of `function` of the width that gives the least error for a
  /// degree; nothing where none fits.
  static std::optional<Pieces> fit(const ScalarProgram &function, int degree);
};

/// Networks have few activations.
class PiecesCache {
public:
  /// By degree, from the least to the highest one; nothing where none fits.
  using Choice = std::array<std::optional<Pieces>,
                            Pieces::kMostDegree - Pieces::kLeastDegree + 1>;
  const Choice &get(const ScalarProgram &function);

private:
  llvm::StringMap<std::unique_ptr<Choice>> known;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_PIECES_H
