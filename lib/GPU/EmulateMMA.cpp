//===- EmulateMMA.cpp - mma.sync, ldmatrix and shuffles of a warp ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which element a register holds is said in LowerMMA.cpp, after "Matrix
// Fragments for mma.m16n8k16 / mma.m16n8k32" of the PTX ISA. PTX leaves the
// order of floating-point sums open; here they are f32, one after the other.
//
//===----------------------------------------------------------------------===//

#include "KernelEmulator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpc;

namespace {

class MMAFunction {
public:
  MMAFunction(NVVM::MmaOp mma, func::FuncOp function)
      : b(ImplicitLocOpBuilder::atBlockEnd(mma.getLoc(), &function.front())),
        arguments(function.getArguments()),
        types{*mma.getMultiplicandAPtxType(), *mma.getMultiplicandBPtxType()},
        kv(isInteger(types[0]) ? 4 : 2) {}

  void emit();

  static bool isInteger(NVVM::MMATypes type) {
    return type == NVVM::MMATypes::u8 || type == NVVM::MMATypes::s8;
  }

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value lane(Value quad, Value t) {
    Value first = arith::MulIOp::create(b, quad, constant(4));
    return arith::AddIOp::create(
        b, arguments.back(), arith::AddIOp::create(b, first, t).getResult());
  }
  Value load(unsigned argument, Value thread) {
    return memref::LoadOp::create(b, arguments[argument], ValueRange{thread});
  }
  /// Part `part` of a register, widened.
  Value getPart(Value bits, NVVM::MMATypes type, int64_t part);
  /// `sum` and the products of all parts of two registers.
  Value multiplyAdd(Value a, Value w, Value sum);

  ImplicitLocOpBuilder b;
  ValueRange arguments; // A0..3, B0..1, C0..3, D0..3, first thread
  NVVM::MMATypes types[2];
  int64_t kv;
};

Value MMAFunction::getPart(Value bits, NVVM::MMATypes type, int64_t part) {
  if (type == NVVM::MMATypes::f16)
    return arith::ExtFOp::create(
        b, b.getF32Type(),
        vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{part})
            .getResult());
  int64_t width = 32 / kv;
  Value shift = arith::ConstantIntOp::create(b, part * width, /*width=*/32);
  Value shifted = arith::ShRUIOp::create(b, bits, shift);
  Value cut = arith::TruncIOp::create(b, b.getIntegerType(width), shifted);
  if (type == NVVM::MMATypes::u8)
    return arith::ExtUIOp::create(b, b.getI32Type(), cut);
  if (type == NVVM::MMATypes::s8)
    return arith::ExtSIOp::create(b, b.getI32Type(), cut);
  // A bf16 is the upper half of an f32.
  Value half = arith::ExtUIOp::create(b, b.getI32Type(), cut);
  Value upper = arith::ShLIOp::create(
      b, half, arith::ConstantIntOp::create(b, 16, /*width=*/32));
  return arith::BitcastOp::create(b, b.getF32Type(), upper);
}

Value MMAFunction::multiplyAdd(Value a, Value w, Value sum) {
  for (int64_t part = 0; part < kv; ++part) {
    Value x = getPart(a, types[0], part), y = getPart(w, types[1], part);
    if (isInteger(types[0]))
      sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, x, y));
    else
      sum = arith::AddFOp::create(b, sum, arith::MulFOp::create(b, x, y));
  }
  return sum;
}

void MMAFunction::emit() {
  auto lanes = scf::ForOp::create(b, constant(0), constant(32), constant(1));
  func::ReturnOp::create(b);
  b.setInsertionPointToStart(lanes.getBody());
  Value number = lanes.getInductionVar();
  Value g = arith::DivUIOp::create(b, number, constant(4));
  Value t = arith::RemUIOp::create(b, number, constant(4));
  Value thread = arith::AddIOp::create(b, arguments.back(), number);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j) {
      Value column = arith::AddIOp::create(
          b, arith::MulIOp::create(b, t, constant(2)).getResult(), constant(j));
      Value sum = load(6 + 2 * i + j, thread);
      for (int64_t h = 0; h < 2; ++h) {
        auto quad = scf::ForOp::create(b, constant(0), constant(4), constant(1),
                                       ValueRange{sum});
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(quad.getBody());
        Value a = load(i + 2 * h, lane(g, quad.getInductionVar()));
        Value w = load(4 + h, lane(column, quad.getInductionVar()));
        Value next = multiplyAdd(a, w, quad.getRegionIterArgs().front());
        scf::YieldOp::create(b, next);
        sum = quad.getResult(0);
      }
      memref::StoreOp::create(b, sum, arguments[10 + 2 * i + j],
                              ValueRange{thread});
    }
}

} // namespace

func::FuncOp mpc::getMMAFunction(NVVM::MmaOp mma, SymbolTable &symbols) {
  auto a = mma.getMultiplicandAPtxType(), w = mma.getMultiplicandBPtxType();
  auto isHalf = [](NVVM::MMATypes type) {
    return type == NVVM::MMATypes::f16 || type == NVVM::MMATypes::bf16;
  };
  bool fits = a && w &&
              ((MMAFunction::isInteger(*a) && MMAFunction::isInteger(*w)) ||
               (isHalf(*a) && a == w)) &&
              mma.getOperandA().size() == 4 && mma.getOperandB().size() == 2 &&
              mma.getOperandC().size() == 4 && mma.getShape().getM() == 16 &&
              mma.getShape().getN() == 8;
  if (fits && MMAFunction::isInteger(*a))
    fits = mma.getIntOverflowBehavior() == NVVM::MMAIntOverflow::wrapped;
  if (!fits) {
    mma.emitOpError("cannot be emulated: expected m16n8k32 of 8-bit integers "
                    "with wrapping sums, or m16n8k16 of f16 or bf16 with f32 "
                    "sums");
    return {};
  }
  std::string name =
      ("mpc_mma_" + stringifyMMATypes(*a) + "_" + stringifyMMATypes(*w)).str();
  if (auto known = symbols.lookup<func::FuncOp>(name))
    return known;
  auto perThread = [](Type type) -> Type {
    return MemRefType::get({ShapedType::kDynamic}, type);
  };
  SmallVector<Type> types;
  for (Type type : mma.getOperandTypes())
    types.push_back(perThread(type));
  types.append(4, perThread(mma.getOperandC().front().getType()));
  types.push_back(IndexType::get(mma.getContext()));
  auto function = func::FuncOp::create(
      mma.getLoc(), name, FunctionType::get(mma.getContext(), types, {}));
  function.setPrivate();
  function.setNoInline(true);
  function.addEntryBlock();
  symbols.insert(function);
  MMAFunction(mma, function).emit();
  return function;
}

LogicalResult KernelEmulator::emitMMA(NVVM::MmaOp mma) {
  func::FuncOp callee = getMMAFunction(mma, symbols);
  if (!callee)
    return failure();
  SmallVector<Value> buffers;
  for (Value operand : mma.getOperands())
    buffers.push_back(getArray(operand));
  Type sum = mma.getOperandC().front().getType();
  SmallVector<Value> &results = products[mma.getRes()];
  for (int64_t i = 0; i < 4; ++i)
    results.push_back(createBuffer(MemRefType::get({threads}, sum)));
  llvm::append_range(buffers, results);
  SmallVector<Value> operands;
  for (Value buffer : buffers)
    operands.push_back(memref::CastOp::create(
        b,
        MemRefType::get({ShapedType::kDynamic},
                        cast<MemRefType>(buffer.getType()).getElementType()),
        buffer));
  forEach(threads / kWarp, [&](Value warp, IRMapping &) {
    SmallVector<Value> all(operands);
    all.push_back(arith::MulIOp::create(b, warp, constant(kWarp)));
    func::CallOp::create(b, callee, all);
  });
  return success();
}

/// Lane 8j + i says where row i of matrix j begins, 16 bytes; lane 4i + t then
/// holds bytes 4t to 4t+3 of that row.
LogicalResult KernelEmulator::emitLoadMatrix(nvgpu::LdMatrixOp load) {
  auto type = cast<VectorType>(load.getType());
  Value memref = load.getSrcMemref();
  const SharedMemory::Buffer *buffer = shared.lookup(memref);
  if (!buffer || load.getTranspose() || type.getRank() != 2)
    return load.emitOpError("cannot be emulated: expected a vector of "
                            "registers, not transposed, from shared memory");
  int64_t matrices = type.getDimSize(0), perRegister = type.getDimSize(1);
  Value starts = createBuffer(MemRefType::get({threads}, b.getIndexType()));
  forEach(threads, [&](Value thread, IRMapping &local) {
    SmallVector<Value> indices;
    for (Value index : load.getIndices()) {
      fetch(index, thread, local);
      indices.push_back(local.lookup(index));
    }
    Value target = uniform.lookup(memref);
    Value inside = isInside(b, target, indices, constant(4 * perRegister));
    Value position = getPosition(b, target, indices);
    // Lanes past those of the matrices say nothing.
    Value isUsed = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ult,
        arith::RemUIOp::create(b, thread, constant(kWarp)).getResult(),
        constant(8 * matrices));
    auto used = scf::IfOp::create(b, isUsed, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(used.thenBlock());
    auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.thenBlock());
    checkAlignment(b, target, position, /*bytes=*/16, faults);
    memref::StoreOp::create(b, position, starts, thread);
    b.setInsertionPointToStart(branch.elseBlock());
    reportFault(b, faults, Fault::OutOfBounds);
    memref::StoreOp::create(b, constant(0), starts, thread);
  });
  Value results = getArray(load.getRes());
  Value flat = uniform.lookup(memref);
  auto flatType = cast<MemRefType>(flat.getType());
  if (flatType.getRank() > 1) {
    SmallVector<ReassociationIndices> groups(1);
    llvm::append_range(groups.front(), llvm::seq<int64_t>(flatType.getRank()));
    flat = memref::CollapseShapeOp::create(b, flat, groups);
  }
  auto registerType = VectorType::get({perRegister}, type.getElementType());
  forEach(threads, [&](Value thread, IRMapping &local) {
    Value laneNumber = arith::RemUIOp::create(b, thread, constant(kWarp));
    Value warp = arith::SubIOp::create(b, thread, laneNumber);
    Value row = arith::AddIOp::create(
        b, warp,
        arith::DivUIOp::create(b, laneNumber, constant(4)).getResult());
    Value offset = arith::MulIOp::create(
        b, arith::RemUIOp::create(b, laneNumber, constant(4)).getResult(),
        constant(perRegister));
    Value result = arith::ConstantOp::create(b, b.getZeroAttr(load.getType()));
    for (int64_t j = 0; j < matrices; ++j) {
      Value from = arith::AddIOp::create(b, row, constant(8 * j));
      Value first = arith::AddIOp::create(
          b, memref::LoadOp::create(b, starts, from).getResult(), offset);
      shared.emitRead(b, *buffer, first, perRegister, local.lookup(threadId));
      Value part =
          vector::LoadOp::create(b, registerType, flat, ValueRange{first});
      result = vector::InsertOp::create(b, part, result, ArrayRef<int64_t>{j});
    }
    memref::StoreOp::create(b, result, results, thread);
  });
  return success();
}

/// Each lane receives what another one has.
LogicalResult KernelEmulator::emitShuffle(gpu::ShuffleOp shuffle) {
  APInt distance, width;
  if (shuffle.getMode() != gpu::ShuffleMode::XOR ||
      !matchPattern(shuffle.getOffset(), m_ConstantInt(&distance)) ||
      !matchPattern(shuffle.getWidth(), m_ConstantInt(&width)) ||
      width != kWarp || distance.uge(kWarp))
    return shuffle.emitOpError("cannot be emulated: expected an exchange (xor) "
                               "at a constant distance, of the 32 lanes of a "
                               "warp");
  Value sent = getArray(shuffle.getValue());
  Value received = getArray(shuffle.getShuffleResult());
  forEach(threads, [&](Value thread, IRMapping &) {
    Value from = arith::XOrIOp::create(
        b, thread, constant(static_cast<int64_t>(distance.getZExtValue())));
    Value value = memref::LoadOp::create(b, sent, from);
    memref::StoreOp::create(b, value, received, thread);
  });
  uniform.map(shuffle.getValid(),
              arith::ConstantIntOp::create(b, 1, /*width=*/1).getResult());
  return success();
}
