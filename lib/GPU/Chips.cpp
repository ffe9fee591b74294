//===- Chips.cpp - what GPUs have -----------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/GPU/Chips.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace mpc;

static constexpr Chip kChips[] = {
    {"sm_80", 80, 108, 163 * 1024, false},
    {"sm_86", 86, 84, 99 * 1024, false},
    {"sm_87", 87, 16, 163 * 1024, false},
    {"sm_89", 89, 142, 99 * 1024, false},
    {"sm_90", 90, 132, 227 * 1024, false},
    {"sm_90a", 90, 132, 227 * 1024, true},
};

/// About as many multiprocessors as A100 and H100 have, and what every chip
/// gives a block without being asked.
static constexpr Chip kAnyChip = {"", 0, 128, 48 * 1024, false};

ArrayRef<Chip> mpc::getChips() { return kChips; }

const Chip *mpc::findChip(StringRef name) {
  const Chip *chip = llvm::find_if(
      kChips, [&](const Chip &known) { return known.name == name; });
  return chip == std::end(kChips) ? nullptr : chip;
}

Chip mpc::getChipOf(Operation *op) {
  ArrayAttr names;
  for (; op && !names; op = op->getParentOp())
    names = op->getAttrOfType<ArrayAttr>(kChipsAttrName);
  std::optional<Chip> all;
  if (names)
    for (StringAttr name : names.getAsRange<StringAttr>()) {
      const Chip *chip = findChip(name);
      if (!chip)
        continue;
      if (!all)
        all = *chip;
      all->multiprocessors =
          std::max(all->multiprocessors, chip->multiprocessors);
      all->sharedBytes = std::min(all->sharedBytes, chip->sharedBytes);
      all->hasWarpgroups &= chip->hasWarpgroups;
    }
  return all.value_or(kAnyChip);
}
