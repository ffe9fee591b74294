//===- KernelAttributes.cpp - tilings and windows -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc::kernel;

#include "mpc/Dialect/Kernel/KernelEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mpc/Dialect/Kernel/KernelAttributes.cpp.inc"

void KernelDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mpc/Dialect/Kernel/KernelAttributes.cpp.inc"
      >();
}

int64_t mpc::kernel::countRowTiles(int64_t rows, int64_t panels) {
  if (rows < 1 || panels < 1)
    return 0;
  int64_t tiles = llvm::divideCeilSigned(rows, kTileRows);
  while (tiles * panels <= kMaxSumTiles && rows % tiles != 0)
    ++tiles;
  return tiles * panels <= kMaxSumTiles ? tiles : 0;
}

int64_t mpc::kernel::getTilePixels(int64_t width) {
  int64_t parts =
      std::max<int64_t>(1, llvm::divideCeilSigned(width, kTileRows));
  return std::max<int64_t>(1, llvm::divideCeilSigned(width, parts));
}

LogicalResult TilingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Intrinsic intrinsic, int64_t rows,
                                 int64_t columns, int64_t kv, bool gather, bool,
                                 bool planar, bool interleave, bool winograd) {
  if (rows < 1)
    return emitError() << "expected at least one row, but got " << rows;
  if (planar && (columns < 1 || rows % 8 != 0))
    return emitError() << "expected rows to be a multiple of 8 and at least "
                          "one column with 'planar', but got "
                       << rows << " and " << columns;
  if (!planar && (columns < kPanelWidth || columns % kPanelWidth != 0))
    return emitError() << "expected columns to be a positive multiple of "
                       << kPanelWidth << ", but got " << columns;
  if (winograd && (intrinsic != Intrinsic::fma || kv != 1 || gather || planar ||
                   interleave))
    return emitError() << "expected fma with kv = 1, and neither gather, "
                          "planar nor interleave, with 'winograd'";
  if (interleave && (intrinsic != Intrinsic::fma || kv != 1 || gather ||
                     planar || rows != kPanelWidth))
    return emitError() << "expected fma with kv = 1 and " << kPanelWidth
                       << " rows that are not gathered with 'interleave'";
  if (intrinsic == Intrinsic::mma) {
    if (kv != 2 && kv != 4)
      return emitError() << "expected kv = 2 or 4 with mma, but got " << kv;
    return success();
  }
  if (intrinsic == Intrinsic::wgmma) {
    if (kv != 8 && kv != 16)
      return emitError() << "expected kv = 8 or 16 with wgmma, but got " << kv;
    return success();
  }
  if (intrinsic == Intrinsic::fma && kv == 2 && !planar)
    return success(); // bf16
  if (usesTileRegisters(intrinsic) &&
      (planar || countRowTiles(rows, columns / kPanelWidth) == 0))
    return emitError() << "expected " << stringifyIntrinsic(intrinsic)
                       << " with at most four registers of 16 by 16 sums, "
                          "equally many rows in each, but got "
                       << rows << " rows and " << columns << " columns";
  int64_t expected =
      llvm::is_contained({Intrinsic::vdpbf16ps, Intrinsic::tdpbf16ps},
                         intrinsic)
          ? 2
      : llvm::is_contained(
            {Intrinsic::vpdpbusd, Intrinsic::pmaddwd, Intrinsic::tdpbusd},
            intrinsic)
          ? 4
          : 1;
  if (kv != expected)
    return emitError() << "expected kv = " << expected << " with "
                       << stringifyIntrinsic(intrinsic) << ", but got " << kv;
  return success();
}

LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 DenseI64ArrayAttr sizes,
                                 DenseI64ArrayAttr strides,
                                 DenseI64ArrayAttr dilations,
                                 DenseI64ArrayAttr low,
                                 DenseI64ArrayAttr high) {
  if (sizes.size() != 2 && sizes.size() != 3)
    return emitError()
           << "expected sizes to have two or three elements, but got "
           << sizes.size();
  auto check = [&](DenseI64ArrayAttr list, StringRef name,
                   int64_t least) -> LogicalResult {
    if (list.size() != sizes.size())
      return emitError() << "expected " << name << " to have " << sizes.size()
                         << " elements, as sizes, but got " << list.size();
    for (int64_t value : list.asArrayRef())
      if (value < least)
        return emitError() << "expected " << name << " to be at least " << least
                           << ", but got " << value;
    return success();
  };
  return success(succeeded(check(sizes, "sizes", 1)) &&
                 succeeded(check(strides, "strides", 1)) &&
                 succeeded(check(dilations, "dilations", 1)) &&
                 succeeded(check(low, "low", 0)) &&
                 succeeded(check(high, "high", 0)));
}

LogicalResult BlocksAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t bits, int64_t block, int64_t depth,
                                 bool zeroPoints, bool table, bool fragments) {
  if (bits != 8 && bits != 4)
    return emitError() << "expected 8 or 4 bits, but got " << bits;
  if (block < 2 || block % 2 != 0)
    return emitError() << "expected a block of a positive multiple of 2, but "
                          "got "
                       << block;
  if (depth < 1)
    return emitError() << "expected a depth of at least 1, but got " << depth;
  if (table && (zeroPoints || bits != 4))
    return emitError() << "expected a table only with 4 bits and without zero "
                          "points";
  if (fragments && (table || (block % kFragmentDepth != 0 && block < depth)))
    return emitError() << "expected blocks of a multiple of " << kFragmentDepth
                       << " or of a whole channel, and no table, with "
                          "fragments, but got blocks of "
                       << block;
  return success();
}

int64_t BlocksAttr::getTableBytes() const { return getTable() ? 64 : 0; }

int64_t BlocksAttr::getHeaderBytes() const {
  return kPanelWidth * (getZeroPoints() ? 3 : 2);
}

int64_t BlocksAttr::getRunBytes(int64_t length) const {
  if (getFragments())
    length = llvm::alignTo(length, kFragmentDepth);
  return getHeaderBytes() +
         llvm::divideCeilSigned(length, getPerGroup()) * getGroupBytes();
}

int64_t BlocksAttr::getPanelBytes() const {
  int64_t rest = getDepth() % getBlock();
  return getTableBytes() + getDepth() / getBlock() * getRunBytes(getBlock()) +
         (rest ? getRunBytes(rest) : 0) +
         (getBits() == 4 && !getFragments() ? 4 : 0);
}

std::pair<int64_t, int64_t> BlocksAttr::getWeightPosition(int64_t lane,
                                                          int64_t k) const {
  int64_t inRun = k % getBlock();
  int64_t start = getTableBytes() + k / getBlock() * getRunBytes(getBlock()) +
                  getHeaderBytes();
  if (!getFragments()) {
    int64_t bit = inRun % getPerGroup() * getBits();
    return {start + inRun / getPerGroup() * getGroupBytes() +
                lane * getGroupBytes() / kPanelWidth + bit / 8,
            bit % 8};
  }
  int64_t inGroup = inRun % kFragmentDepth, i = inGroup / 8;
  int64_t thread = lane / 2 * 4 + inGroup / 2 % 4;
  int64_t perWord = 16 / getBits();
  int64_t word = lane % 2 * (getBits() / 4) + i / perWord;
  int64_t bit = getBits() * (i % perWord) + 16 * (inGroup % 2);
  return {start +
              inRun / kFragmentDepth *
                  (getRunBytes(kFragmentDepth) - getHeaderBytes()) +
              thread * 2 * getBits() + word * 4 + bit / 8,
          bit % 8};
}

int64_t WindowAttr::getOutputSize(unsigned dim, int64_t size) const {
  int64_t padded = size + getLow()[dim] + getHigh()[dim];
  int64_t reach = (getSizes()[dim] - 1) * getDilations()[dim] + 1;
  return padded < reach ? 0 : (padded - reach) / getStrides()[dim] + 1;
}

bool WindowAttr::isPaddedAcross() const {
  return llvm::any_of(llvm::seq(getRank() - 1),
                      [&](unsigned dim) { return isPadded(dim); });
}

bool WindowAttr::isPointwise() const {
  return getNumTaps() == 1 && !isPadded() &&
         llvm::product_of(getStrides().asArrayRef()) == 1;
}
