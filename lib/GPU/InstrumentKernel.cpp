//===- InstrumentKernel.cpp - checks of a kernel's memory -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emulation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;

void mpc::reportFault(ImplicitLocOpBuilder &b, Value faults, Fault fault) {
  Value kind = arith::ConstantIndexOp::create(b, static_cast<int64_t>(fault));
  Value one = arith::ConstantIntOp::create(b, 1, /*width=*/32);
  memref::StoreOp::create(b, one, faults, ValueRange{kind});
}

Value mpc::getPosition(ImplicitLocOpBuilder &b, Value memref,
                       ValueRange indices) {
  SmallVector<int64_t> strides;
  int64_t offset;
  auto type = cast<MemRefType>(memref.getType());
  if (failed(type.getStridesAndOffset(strides, offset)) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return {};
  Value position = arith::ConstantIndexOp::create(b, 0);
  for (auto [index, stride] : llvm::zip_equal(indices, strides)) {
    Value part = arith::MulIOp::create(
        b, index, arith::ConstantIndexOp::create(b, stride));
    position = arith::AddIOp::create(b, position, part);
  }
  return position;
}

Value mpc::isInside(ImplicitLocOpBuilder &b, Value memref, ValueRange indices,
                    Value width) {
  Value inside = arith::ConstantIntOp::create(b, 1, /*width=*/1);
  auto require = [&](arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    inside = arith::AndIOp::create(
        b, inside, arith::CmpIOp::create(b, predicate, lhs, rhs).getResult());
  };
  for (auto [d, index] : llvm::enumerate(indices)) {
    Value size = b.createOrFold<memref::DimOp>(memref, static_cast<int64_t>(d));
    // A negative index is large when unsigned.
    require(arith::CmpIPredicate::ult, index, size);
    if (width && d + 1 == indices.size())
      require(arith::CmpIPredicate::ule, arith::AddIOp::create(b, index, width),
              size);
  }
  return inside;
}

void mpc::checkAlignment(ImplicitLocOpBuilder &b, Value memref, Value position,
                         int64_t bytes, Value faults) {
  int64_t size =
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
  if (!position || size == 0 || bytes <= size)
    return;
  Value rest = arith::RemUIOp::create(
      b, position, arith::ConstantIndexOp::create(b, bytes / size));
  auto guard = scf::IfOp::create(
      b,
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest,
                            arith::ConstantIndexOp::create(b, 0)),
      /*withElseRegion=*/false);
  OpBuilder::InsertionGuard saved(b);
  b.setInsertionPointToStart(guard.thenBlock());
  reportFault(b, faults, Fault::Misaligned);
}

namespace {

/// One load or store: what it touches, and its value.
struct Access {
  Value memref;
  SmallVector<Value> indices;
  int64_t width = 1; // elements, along the last dimension
  int64_t alignment = 1;
  bool isStore = false;
};

std::optional<Access> matchAccess(Operation *op) {
  auto widthOf = [](Type type) {
    return cast<VectorType>(type).getNumElements();
  };
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return Access{load.getMemRef(), load.getIndices(), 1, 1, false};
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return Access{store.getMemRef(), store.getIndices(), 1, 1, true};
  if (auto load = dyn_cast<vector::LoadOp>(op))
    return Access{load.getBase(), load.getIndices(), widthOf(load.getType()),
                  static_cast<int64_t>(load.getAlignment().value_or(1)), false};
  if (auto store = dyn_cast<vector::StoreOp>(op))
    return Access{store.getBase(), store.getIndices(),
                  widthOf(store.getValueToStore().getType()),
                  static_cast<int64_t>(store.getAlignment().value_or(1)), true};
  return std::nullopt;
}

class Instrumentation {
public:
  Instrumentation(Value faults, const SharedMemory &shared)
      : faults(faults), shared(shared) {}

  void guardAccess(Operation *op, const Access &access);
  void guardCopy(nvgpu::DeviceAsyncCopyOp copy);
  void guardView(memref::SubViewOp view);

private:
  Value faults;
  const SharedMemory &shared;
};

void Instrumentation::guardAccess(Operation *op, const Access &access) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value width;
  if (access.width > 1)
    width = arith::ConstantIndexOp::create(b, access.width);
  auto guard = scf::IfOp::create(
      b, op->getResultTypes(),
      isInside(b, access.memref, access.indices, width), /*withElse=*/true);
  b.setInsertionPointToStart(guard.thenBlock());
  const SharedMemory::Buffer *buffer = shared.lookupWhole(access.memref);
  if (buffer || access.alignment > 1) {
    Value position = buffer
                         ? shared.getPosition(b, access.memref, access.indices)
                         : getPosition(b, access.memref, access.indices);
    checkAlignment(b, access.memref, position, access.alignment, faults);
    if (buffer && access.isStore)
      shared.emitWrite(b, *buffer, position, access.width, /*isCopy=*/false);
    else if (buffer)
      shared.emitRead(b, *buffer, position, access.width, Value());
  }
  Operation *inner = b.clone(*op);
  // Memory of the host is aligned as the host likes it.
  inner->removeAttr("alignment");
  if (!access.isStore)
    scf::YieldOp::create(b, inner->getResults());
  b.setInsertionPointToStart(guard.elseBlock());
  reportFault(b, faults, Fault::OutOfBounds);
  if (!access.isStore)
    scf::YieldOp::create(b, arith::ConstantOp::create(
                                b, b.getZeroAttr(op->getResult(0).getType()))
                                .getResult());
  op->replaceAllUsesWith(guard->getResults());
  op->erase();
}

/// A part that is not wholly inside is one from the beginning on, and is noted:
/// accesses know the bounds of the part only.
void Instrumentation::guardView(memref::SubViewOp view) {
  ImplicitLocOpBuilder b(view.getLoc(), view);
  Value inside = arith::ConstantIntOp::create(b, 1, /*width=*/1);
  SmallVector<OpFoldResult> sizes = view.getMixedSizes();
  for (auto [d, offset] : llvm::enumerate(view.getMixedOffsets())) {
    auto start = dyn_cast<Value>(offset);
    if (!start)
      continue;
    Value size =
        isa<Value>(sizes[d])
            ? cast<Value>(sizes[d])
            : arith::ConstantIndexOp::create(b, *getConstantIntValue(sizes[d]))
                  .getResult();
    Value whole = b.createOrFold<memref::DimOp>(view.getSource(),
                                                static_cast<int64_t>(d));
    // A negative start is large when unsigned, and its end is past it.
    Value end = arith::AddIOp::create(b, start, size);
    for (Value bound : {start, end})
      inside = arith::AndIOp::create(
          b, inside,
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, bound, whole)
              .getResult());
  }
  auto guard = scf::IfOp::create(
      b,
      arith::XOrIOp::create(b, inside,
                            arith::ConstantIntOp::create(b, 1, /*width=*/1))
          .getResult(),
      /*withElseRegion=*/false);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  for (OpOperand &offset : view.getOffsetsMutable())
    offset.set(arith::SelectOp::create(b, inside, offset.get(), zero));
  b.setInsertionPointToStart(guard.thenBlock());
  reportFault(b, faults, Fault::OutOfBounds);
}

/// Elements past `srcElements` become zero, and are not read.
void Instrumentation::guardCopy(nvgpu::DeviceAsyncCopyOp copy) {
  ImplicitLocOpBuilder b(copy.getLoc(), copy);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  int64_t width = copy.getDstElements().getSExtValue();
  auto type = cast<MemRefType>(copy.getDst().getType());
  int64_t bytes = width * type.getElementTypeBitWidth() / 8;
  Value count =
      copy.getSrcElements() ? Value(copy.getSrcElements()) : constant(width);
  Value isEmpty =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count, constant(0));
  Value fromInside = isInside(b, copy.getSrc(), copy.getSrcIndices(), count);
  Value fits = arith::AndIOp::create(
      b, isInside(b, copy.getDst(), copy.getDstIndices(), constant(width)),
      arith::OrIOp::create(b, isEmpty, fromInside).getResult());
  auto guard = scf::IfOp::create(b, fits, /*withElseRegion=*/true);
  b.setInsertionPointToStart(guard.elseBlock());
  reportFault(b, faults, Fault::OutOfBounds);
  b.setInsertionPointToStart(guard.thenBlock());
  const SharedMemory::Buffer *buffer = shared.lookupWhole(copy.getDst());
  Value to = buffer ? shared.getPosition(b, copy.getDst(), copy.getDstIndices())
                    : getPosition(b, copy.getDst(), copy.getDstIndices());
  checkAlignment(b, copy.getDst(), to, bytes, faults);
  Value from = getPosition(b, copy.getSrc(), copy.getSrcIndices());
  if (from)
    from = arith::SelectOp::create(b, isEmpty, constant(0), from);
  checkAlignment(b, copy.getSrc(), from, bytes, faults);
  if (buffer)
    shared.emitWrite(b, *buffer, to, width, /*isCopy=*/true);
  auto loop = scf::ForOp::create(b, constant(0), constant(width), constant(1));
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  auto at = [&](ValueRange indices) {
    SmallVector<Value> moved(indices);
    moved.back() = arith::AddIOp::create(b, moved.back(), i);
    return moved;
  };
  Type element = type.getElementType();
  auto branch = scf::IfOp::create(
      b, element, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, i, count),
      /*withElse=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  Value loaded =
      memref::LoadOp::create(b, copy.getSrc(), at(copy.getSrcIndices()));
  scf::YieldOp::create(b, loaded);
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  scf::YieldOp::create(b, zero);
  b.setInsertionPointAfter(branch);
  memref::StoreOp::create(b, branch.getResult(0), copy.getDst(),
                          at(copy.getDstIndices()));
}

} // namespace

LogicalResult mpc::instrumentKernel(Region &body, Value faults,
                                    const SharedMemory &shared) {
  SmallVector<Operation *> accesses, copies, groups, waits, fences;
  SmallVector<memref::SubViewOp> views;
  body.walk([&](Operation *op) {
    if (matchAccess(op))
      accesses.push_back(op);
    else if (auto view = dyn_cast<memref::SubViewOp>(op);
             view && !view.getOffsets().empty() &&
             llvm::all_of(view.getMixedStrides(), [](OpFoldResult stride) {
               return getConstantIntValue(stride) == 1;
             }))
      views.push_back(view);
    else if (isa<nvgpu::DeviceAsyncCopyOp>(op))
      copies.push_back(op);
    else if (isa<nvgpu::DeviceAsyncCreateGroupOp, NVVM::CpAsyncCommitGroupOp>(
                 op))
      groups.push_back(op);
    else if (isa<nvgpu::DeviceAsyncWaitOp, NVVM::CpAsyncWaitGroupOp>(op))
      waits.push_back(op);
    else if (isa<NVVM::FenceProxyOp>(op))
      fences.push_back(op);
  });
  Instrumentation instrumentation(faults, shared);
  for (Operation *op : accesses) {
    Access access = *matchAccess(op);
    if (!access.indices.empty())
      instrumentation.guardAccess(op, access);
  }
  for (memref::SubViewOp view : views)
    instrumentation.guardView(view);
  for (Operation *op : copies)
    instrumentation.guardCopy(cast<nvgpu::DeviceAsyncCopyOp>(op));
  for (Operation *op : groups) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    shared.emitCommit(b);
  }
  for (Operation *op : waits) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    auto wait = dyn_cast<nvgpu::DeviceAsyncWaitOp>(op);
    shared.emitWait(b, wait ? wait.getNumGroups().value_or(0)
                            : cast<NVVM::CpAsyncWaitGroupOp>(op).getN());
  }
  for (Operation *op : fences) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    shared.emitFence(b);
    op->erase();
  }
  // Groups count; what names them is not needed.
  for (ArrayRef<Operation *> ops : {waits, groups, copies})
    for (Operation *op : ops) {
      if (!op->use_empty())
        return op->emitOpError("cannot be emulated: expected its token to be "
                               "used by groups and waits only");
      op->erase();
    }
  return success();
}
