//===- SelectGPUChains.cpp - what one GPU kernel does for some rows -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockProduct.h"
#include "Launch.h"
#include "OnlineAttention.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
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
/// handed on has rows side by side, and what is not the room of a few rows. An
/// estimate: what of it shrinks to few rows is seen when it is lowered.
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
static int64_t chooseRows(const Chain &chain, const Chip &chip,
                          function_ref<bool(int64_t)> fits) {
  int64_t total = chain.getNumRows();
  for (int64_t rows : kRows) {
    if (rows > total)
      continue;
    bool isBusy = chain.countRows() / rows >= chip.multiprocessors;
    std::optional<int64_t> bytes = getSharedBytes(chain, rows);
    if (isBusy && bytes && *bytes <= chip.sharedBytes / 2 && fits(rows))
      return rows;
  }
  int64_t fewest = std::min(total, std::end(kRows)[-1]);
  std::optional<int64_t> bytes = getSharedBytes(chain, fewest);
  return bytes && *bytes <= chip.sharedBytes && fits(fewest) ? fewest : 0;
}

/// Pieces of keys where all of them do not fit, and where they leave a block so
/// few rows that it reads keys and values more often; each if there are blocks
/// for the multiprocessors, or in the first case for half of them.
static ChainBlocks chooseBlocks(const Chain &chain, const Chip &chip,
                                function_ref<bool(int64_t)> fits) {
  int64_t all = chooseRows(chain, chip, fits);
  int64_t rows = std::min(chain.getNumRows(), kOnlineRows);
  int64_t blocks = chain.countRows() / rows;
  bool isBetter = all == 0 ? 2 * blocks >= chip.multiprocessors
                           : blocks >= chip.multiprocessors && all < rows;
  std::optional<OnlineAttention> attention;
  if (isBetter && rows >= std::end(kRows)[-1])
    attention = OnlineAttention::match(chain.getOps());
  if (attention && attention->fitsRegisters() &&
      attention->getSharedBytes(rows, kOnlineKeys) <= chip.sharedBytes)
    return {rows, kOnlineKeys};
  return {all};
}

namespace {

struct SelectGPUChainsPass
    : public mpc::impl::SelectGPUChainsBase<SelectGPUChainsPass> {
  void runOnOperation() override;
  void getDependentDialects(DialectRegistry &registry) const override {
    SelectGPUChainsBase::getDependentDialects(registry);
    buildLowering().getDependentDialects(registry);
  }

private:
  static OpPassManager buildLowering();
  bool fits(const Chain &chain, int64_t rows, const TargetDescription &target);
};

} // namespace

/// What a chain becomes a kernel by.
OpPassManager SelectGPUChainsPass::buildLowering() {
  OpPassManager lowering(ModuleOp::getOperationName());
  lowering.addPass(createLowerGPUChains());
  FuseRowsOptions rows;
  rows.threads = true;
  lowering.addNestedPass<func::FuncOp>(createFuseRows(rows));
  LowerKernelsOptions kernels;
  kernels.perElement = true;
  lowering.addPass(createLowerKernels(kernels));
  lowering.addPass(createMapToGPU());
  return lowering;
}

/// Whether a block has the memory for `rows` rows: it is lowered, in a module
/// of its own, to see it.
bool SelectGPUChainsPass::fits(const Chain &chain, int64_t rows,
                               const TargetDescription &target) {
  ModuleOp module = getOperation();
  OwningOpRef<func::FuncOp> function = chain.tryTile(rows, target);
  auto scratch = ModuleOp::create(module.getLoc());
  module.push_back(scratch);
  scratch->setAttrs(module->getDiscardableAttrDictionary());
  llvm::SetVector<StringAttr> constants;
  function->walk([&](memref::GetGlobalOp op) {
    constants.insert(op.getNameAttr().getAttr());
  });
  for (StringAttr name : constants)
    scratch.push_back(module.lookupSymbol(name)->clone());
  scratch.push_back(function.release());
  OpPassManager lowering = buildLowering();
  ScopedDiagnosticHandler quiet(&getContext(),
                                [](Diagnostic &) { return success(); });
  bool fits = succeeded(runPipeline(lowering, scratch));
  scratch.erase();
  return fits;
}

void SelectGPUChainsPass::runOnOperation() {
  FailureOr<TargetDescription> target = TargetDescription::read(getOperation());
  if (failed(target))
    return signalPassFailure();
  Chip chip = getChipOf(getOperation());
  selectChains(getOperation(), getArgument(),
               [&](const Chain &chain) -> std::optional<ChainBlocks> {
                 return chooseBlocks(chain, chip, [&](int64_t rows) {
                   return fits(chain, rows, *target);
                 });
               });
}
