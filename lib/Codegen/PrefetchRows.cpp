//===- PrefetchRows.cpp - the next rows while these are computed ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-prefetch-rows: a layer normalization passes over a row three times. The
// first time waits for memory, the other ones find the row in the first cache,
// and meanwhile memory waits. Loops that read a row for the second time ask for
// the rows of the next iteration.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mpc {
#define GEN_PASS_DEF_PREFETCHROWS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

/// What one iteration of a loop reads of a buffer: some of its rows.
struct Rows {
  memref::SubViewOp view;
  /// The dimension along which the next iteration's rows follow.
  unsigned dim;
};

/// The rows that the last of `loop`'s indices chooses, if `view` is some.
std::optional<Rows> matchRows(scf::ForallOp loop, memref::SubViewOp view) {
  Value last = loop.getInductionVars().back();
  std::optional<Rows> rows;
  for (auto [dim, offset] : llvm::enumerate(view.getMixedOffsets())) {
    auto value = dyn_cast<Value>(offset);
    if (!value)
      continue;
    Operation *op = value.getDefiningOp();
    if (value != last && !(op && llvm::is_contained(op->getOperands(), last)))
      continue;
    if (rows || view.getSourceType().getRank() != view.getType().getRank())
      return std::nullopt;
    rows = Rows{view, static_cast<unsigned>(dim)};
  }
  if (!rows || !view.getType().hasStaticShape())
    return std::nullopt;
  return rows;
}

class LoopOverRows {
public:
  LoopOverRows(scf::ForallOp loop, const TargetDescription &target)
      : loop(loop), target(target) {}
  void run();

private:
  /// What stands in the loop's body and reads `rows`, in order; nothing if rows
  /// are also written, or read otherwise than by vectors.
  llvm::SetVector<Operation *> findReaders(ArrayRef<Rows> rows);
  /// Asks for what `load` will read of the next iteration's rows.
  void fetchNext(vector::LoadOp load, Rows rows, unsigned locality);

  scf::ForallOp loop;
  const TargetDescription &target;
};

} // namespace

llvm::SetVector<Operation *> LoopOverRows::findReaders(ArrayRef<Rows> rows) {
  llvm::SmallDenseSet<Operation *> readers;
  for (Rows part : rows)
    for (Operation *user : part.view->getUsers()) {
      if (!isa<vector::LoadOp>(user))
        return {};
      readers.insert(loop.getBody()->findAncestorOpInBlock(*user));
    }
  llvm::SetVector<Operation *> ordered;
  for (Operation &op : *loop.getBody())
    if (readers.contains(&op))
      ordered.insert(&op);
  return ordered;
}

void LoopOverRows::fetchNext(vector::LoadOp load, Rows rows,
                             unsigned locality) {
  ImplicitLocOpBuilder b(load.getLoc(), load);
  auto type = load.getVectorType();
  if (type.getNumElements() * type.getElementTypeBitWidth() %
          (8 * kLineBytes) !=
      0)
    return;
  // Beyond the rows of this iteration, and after the last one beyond the
  // buffer.
  SmallVector<Value> indices(load.getIndices());
  indices[rows.dim] =
      add(b, indices[rows.dim], rows.view.getType().getDimSize(rows.dim));
  prefetch(b, load.getBase(), indices, type.getNumElements(), locality);
}

void LoopOverRows::run() {
  llvm::MapVector<Value, SmallVector<Rows>> inputs;
  for (auto view : loop.getBody()->getOps<memref::SubViewOp>())
    if (std::optional<Rows> rows = matchRows(loop, view))
      inputs[getRoot(view)].push_back(*rows);
  for (auto &[root, rows] : inputs) {
    int64_t bytes = getBytes(cast<MemRefType>(root.getType())),
            rowBytes = getBytes(rows.front().view.getType());
    // With a result of the size they leave the second-level cache. Rows that
    // the first one has no room for wait in the second.
    if (2 * bytes < target.l2Bytes || 4 * rowBytes > target.l2Bytes)
      continue;
    unsigned locality = 2 * rowBytes <= target.l1Bytes ? 3 : 2;
    llvm::SetVector<Operation *> readers = findReaders(rows);
    if (readers.size() < 2)
      continue;
    for (Rows part : rows)
      for (Operation *user : llvm::to_vector(part.view->getUsers()))
        if (readers[1]->isAncestor(user))
          fetchNext(cast<vector::LoadOp>(user), part, locality);
  }
}

namespace {

struct PrefetchRowsPass : public mpc::impl::PrefetchRowsBase<PrefetchRowsPass> {
  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    getOperation().walk(
        [&](scf::ForallOp loop) { LoopOverRows(loop, *target).run(); });
  }
};

} // namespace
