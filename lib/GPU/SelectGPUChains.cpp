//===- SelectGPUChains.cpp - what one GPU kernel does for some rows -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockProduct.h"
#include "Launch.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/GPU/Chips.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTGPUCHAINS
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of a block, the most first: more of them read keys and values less
/// often.
static constexpr int64_t kRows[] = {64, 32, 16};

static int64_t getElementBytes(MemRefType type) {
  return llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Shared memory of a block of `rows` rows, or none if it is none: what is
/// handed on has rows side by side, and what is not the room of a few rows.
static std::optional<int64_t> getSharedBytes(const Chain &chain, int64_t rows) {
  int64_t bytes = 0, rowBytes = 0, stageBytes = 0;
  for (const Chain::Slot &slot : chain.getSlots(rows)) {
    if (!slot.type.hasStaticShape() ||
        !slot.type.getElementType().isIntOrFloat())
      return std::nullopt;
    int64_t width = slot.type.getShape().back();
    int64_t all = slot.type.getNumElements() * getElementBytes(slot.type);
    if (!slot.isKernels) {
      rowBytes += all / rows;
      continue;
    }
    if (slot.type.getRank() < 2 || slot.type.getNumElements() != rows * width ||
        slot.type.getShape().rbegin()[1] != rows)
      return std::nullopt;
    bytes += rows * getRowPitch(width * getElementBytes(slot.type));
  }
  for (ContractOp op : chain.getContractions()) {
    Intrinsic intrinsic = op.getTiling().getIntrinsic();
    if (intrinsic == Intrinsic::wgmma ||
        (intrinsic == Intrinsic::mma && op.getBlocks()))
      return std::nullopt;
    if (intrinsic != Intrinsic::mma)
      continue;
    auto input = cast<MemRefType>(op.getInput().getType());
    if (!chain.isOfBlock(op.getInput()))
      bytes +=
          rows * getRowPitch(input.getShape().back() * getElementBytes(input));
    stageBytes =
        std::max(stageBytes, getStageBytes(op, getBlockTile(op, rows)));
  }
  if (rowBytes > kRowsSharedBytes)
    return std::nullopt;
  return bytes + stageBytes +
         std::min(kRowsSharedBytes, kRowsBlockSize / kSumThreads * rowBytes);
}

/// The most rows that leave a block for each multiprocessor, and memory for two
/// blocks of one, or else the fewest.
static int64_t chooseRows(const Chain &chain, const Chip &chip) {
  int64_t total = chain.getNumRows();
  for (int64_t rows : kRows) {
    if (rows > total)
      continue;
    bool isBusy = chain.countRows() / rows >= chip.multiprocessors;
    std::optional<int64_t> bytes = getSharedBytes(chain, rows);
    if (isBusy && bytes && *bytes <= chip.sharedBytes / 2)
      return rows;
  }
  int64_t fewest = std::min(total, std::end(kRows)[-1]);
  std::optional<int64_t> bytes = getSharedBytes(chain, fewest);
  return bytes && *bytes <= chip.sharedBytes ? fewest : 0;
}

namespace {

struct SelectGPUChainsPass
    : public mpc::impl::SelectGPUChainsBase<SelectGPUChainsPass> {
  void runOnOperation() override {
    Chip chip = getChipOf(getOperation());
    selectChains(getOperation(), getArgument(),
                 [&](const Chain &chain) { return chooseRows(chain, chip); });
  }
};

} // namespace
