//===- InstrumentKernel.cpp - checks of a kernel's memory -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emulation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mpc;

namespace {

/// One load or store: what it touches, and its value.
struct Access {
  Value memref;
  SmallVector<Value> indices;
  int64_t width = 1; // elements, along the last dimension
  Value stored;      // null for a load
};

std::optional<Access> matchAccess(Operation *op) {
  auto widthOf = [](Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? vector.getNumElements() : 1;
  };
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return Access{load.getMemRef(), load.getIndices(), 1, {}};
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return Access{store.getMemRef(), store.getIndices(), 1, store.getValue()};
  if (auto load = dyn_cast<vector::LoadOp>(op))
    return Access{load.getBase(), load.getIndices(), widthOf(load.getType()),
                  {}};
  if (auto store = dyn_cast<vector::StoreOp>(op))
    return Access{store.getBase(), store.getIndices(),
                  widthOf(store.getValueToStore().getType()),
                  store.getValueToStore()};
  return std::nullopt;
}

Value isInside(ImplicitLocOpBuilder &b, const Access &access) {
  Value inside;
  auto type = cast<MemRefType>(access.memref.getType());
  for (auto [d, index] : llvm::enumerate(access.indices)) {
    Value size = b.createOrFold<memref::DimOp>(access.memref,
                                               static_cast<int64_t>(d));
    auto require = [&](Value holds) {
      inside = inside ? arith::AndIOp::create(b, inside, holds) : holds;
    };
    // A negative index is large when unsigned.
    require(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, size));
    if (access.width > 1 && static_cast<int64_t>(d) + 1 == type.getRank())
      require(arith::CmpIOp::create(
          b, arith::CmpIPredicate::ule,
          arith::AddIOp::create(b, index,
                                arith::ConstantIndexOp::create(b, access.width))
              .getResult(),
          size));
  }
  return inside;
}

void report(ImplicitLocOpBuilder &b, Value faults, Fault fault) {
  Value kind = arith::ConstantIndexOp::create(b, static_cast<int64_t>(fault));
  Value one = arith::ConstantIntOp::create(b, 1, /*width=*/32);
  memref::StoreOp::create(b, one, faults, ValueRange{kind});
}

/// Notes or checks in `shadow` that the elements have been written.
void visitShadow(ImplicitLocOpBuilder &b, const Access &access, Value shadow,
                 Value faults) {
  Value written = arith::ConstantIntOp::create(b, 1, /*width=*/8);
  for (int64_t i = 0; i < access.width; ++i) {
    SmallVector<Value> at(access.indices);
    if (i != 0)
      at.back() = arith::AddIOp::create(
          b, at.back(), arith::ConstantIndexOp::create(b, i));
    if (access.stored) {
      memref::StoreOp::create(b, written, shadow, at);
      continue;
    }
    Value state = memref::LoadOp::create(b, shadow, at);
    auto guard = scf::IfOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, state, written),
        /*withElseRegion=*/false);
    OpBuilder::InsertionGuard saved(b);
    b.setInsertionPointToStart(guard.thenBlock());
    report(b, faults, Fault::Unwritten);
  }
}

} // namespace

void mpc::instrumentKernel(Region &body, Value faults,
                           const DenseMap<Value, Value> &shadows) {
  SmallVector<Operation *> ops;
  body.walk([&](Operation *op) {
    if (matchAccess(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    Access access = *matchAccess(op);
    if (access.indices.empty())
      continue;
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value shadow = shadows.lookup(access.memref);
    auto guard = scf::IfOp::create(b, op->getResultTypes(),
                                   isInside(b, access), /*withElse=*/true);
    b.setInsertionPointToStart(guard.thenBlock());
    if (shadow)
      visitShadow(b, access, shadow, faults);
    Operation *inner = b.clone(*op);
    if (!access.stored)
      scf::YieldOp::create(b, inner->getResults());
    b.setInsertionPointToStart(guard.elseBlock());
    report(b, faults, Fault::OutOfBounds);
    if (!access.stored)
      scf::YieldOp::create(
          b, arith::ConstantOp::create(
                 b, b.getZeroAttr(op->getResult(0).getType()))
                 .getResult());
    op->replaceAllUsesWith(guard->getResults());
    op->erase();
  }
}
