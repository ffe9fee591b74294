//===- LowerMMA.cpp - kernel.contract on tensor cores ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mma.sync multiplies 16 rows by 8 columns over k = 8·kv, where a register of
// 32 bits holds kv neighbours in k. In terms of g = lane / 4 and t = lane % 4,
// and of blocks of kv values along k:
//
//   A[i + 2h]   row g + 8i, block t + 4h
//   B[h]        column g,   block t + 4h
//   C[2i + j]   row g + 8i, column 2t + j
//
// A: ldmatrix reads chunks of eight rows of a stage at once.
//
// B: packed weights are blocks × 16 columns × kv, and so is a stage, panel by
// panel. Which output channel a column of mma.sync is may be chosen: column g
// of fragment f is channel F·g + f, with F fragments for two panels (or one).
// A lane then reads the registers of F fragments at once, and the results of
// row g + 8i are 2F neighbouring channels. Chunks of 16 bytes are swapped
// likewise, by bit 1 of the block.
//
//===----------------------------------------------------------------------===//

#include "MMAKernel.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/InliningUtils.h"
#include "mpc/GPU/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERMMA
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

void MMAKernel::locateWarp() {
  Value warp = divide(thread, kWarp);
  int64_t across = tiling.getColumns() / staging.warpColumns;
  warpRow = mul(b, divide(warp, across), staging.warpRows);
  warpColumn = mul(b, remainder(warp, across), staging.warpColumns);
}

void MMAKernel::loadWeights(Value step, Value stage) {
  int64_t perPanel = staging.depth * kPanelWidth * blockBytes / kChunkBytes;
  int64_t perBlock = perPanel / staging.depth;
  int64_t total = panels * perPanel;
  for (int64_t pass = 0; pass * threads < total; ++pass) {
    Value number = add(b, thread, pass * threads);
    Value isBusy;
    if (total % threads != 0)
      isBusy = isBelow(number, constant(total));
    emitIf(isBusy, [&] {
      Value panel = divide(number, perPanel);
      Value inStage = remainder(divide(number, perBlock), staging.depth);
      Value chunk = remainder(number, perBlock);
      Value block = add(b, mul(b, step, staging.depth), getBlock(inStage));
      auto [source, isValid] = getPanel(panel, block);
      Value swapped =
          exclusiveOr(chunk, mul(b, remainder(divide(inStage, 2), 2), 2));
      int64_t count = chunkBlocks * kv;
      Value row =
          add(b, mul(b, add(b, mul(b, stage, panels), panel), staging.depth),
              inStage);
      copy(weights, {source, block, mul(b, chunk, count)}, sharedWeights,
           {row, mul(b, swapped, count)}, count, isValid);
    });
  }
}

Value MMAKernel::toRegister(Value vector, int64_t index) {
  if (element.isF16())
    return vector::ExtractStridedSliceOp::create(
        b, vector, ArrayRef<int64_t>{index * kv}, ArrayRef<int64_t>{kv},
        ArrayRef<int64_t>{1});
  int64_t count = cast<VectorType>(vector.getType()).getNumElements() / kv;
  Value bits = vector::BitCastOp::create(
      b, VectorType::get({count}, b.getI32Type()), vector);
  return vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{index});
}

SmallVector<Value> MMAKernel::multiply(ValueRange a, ValueRange w,
                                       ValueRange c) {
  Type sum = op.getAccumulatorType();
  bool isInteger = sum.isInteger();
  NVVM::MMATypes input = NVVM::MMATypes::s8, other = NVVM::MMATypes::s8;
  if (isInteger && op.getUnsignedInput())
    input = NVVM::MMATypes::u8;
  if (!isInteger)
    input = other =
        element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, sum));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (isInteger)
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value product = NVVM::MmaOp::create(
      b, result, a, w, c, ArrayRef<int64_t>{kRows, kColumns, kBlocks * kv},
      std::nullopt, overflow, std::array<NVVM::MMATypes, 2>{input, other},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value> sums;
  for (int64_t i = 0; i < 4; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return sums;
}

SmallVector<Value> MMAKernel::loadMatrices(Value memory, ValueRange position) {
  auto matrices = VectorType::get({4, kv}, element);
  Value loaded = nvgpu::LdMatrixOp::create(b, matrices, memory, position,
                                           /*transpose=*/false, /*numTiles=*/4);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(toRegister(
        vector::ExtractOp::create(b, loaded, ArrayRef<int64_t>{i}), 0));
  return registers;
}

SmallVector<SmallVector<Value>> MMAKernel::loadInputs(Value stage, int64_t k) {
  Value inTile = remainder(lane, kRows), half = divide(lane, kRows);
  SmallVector<SmallVector<Value>> a;
  for (int64_t tile = 0; tile < staging.warpRows / kRows; ++tile) {
    Value row = add(b, add(b, warpRow, inTile), tile * kRows);
    Value from = swizzle(add(b, half, 2 * k), inTile);
    a.push_back(
        loadMatrices(sharedInput, {add(b, mul(b, stage, tiling.getRows()), row),
                                   mul(b, from, chunkBlocks * kv)}));
  }
  return a;
}

SmallVector<Value> MMAKernel::multiplyStage(Value stage, ValueRange sums) {
  int64_t tiles = staging.warpRows / kRows;
  int64_t groups = staging.warpColumns / kColumns / fragments;
  auto lanes = VectorType::get({fragments * kv}, element);
  // Where a lane's chunk of weights stands: its channels are F·g to F·g + F-1.
  int64_t perChunk = chunkBlocks / fragments;
  Value groupPanel = divide(g, chunkBlocks * perChunk);
  Value chunk = exclusiveOr(remainder(divide(g, perChunk), chunkBlocks),
                            mul(b, divide(t, 2), 2));
  Value column = add(b, mul(b, chunk, chunkBlocks * kv),
                     mul(b, remainder(g, perChunk), fragments * kv));
  SmallVector<Value> next(sums);
  for (int64_t k = 0; k < staging.depth / kBlocks; ++k) {
    SmallVector<SmallVector<Value>> a = loadInputs(stage, k);
    for (int64_t group = 0; group < groups; ++group) {
      Value halves[2];
      for (int64_t h = 0; h < 2; ++h) {
        Value panel = add(b, divide(warpColumn, kPanelWidth), groupPanel);
        panel = add(b, panel, group * fragments / 2);
        Value row =
            add(b, mul(b, add(b, mul(b, stage, panels), panel), staging.depth),
                add(b, t, k * kBlocks + 4 * h));
        auto load = vector::LoadOp::create(b, lanes, sharedWeights,
                                           ValueRange{row, column});
        load.setAlignment(fragments * blockBytes);
        halves[h] = load;
      }
      for (int64_t f = 0; f < fragments; ++f) {
        SmallVector<Value> w = {toRegister(halves[0], f),
                                toRegister(halves[1], f)};
        for (int64_t tile = 0; tile < tiles; ++tile) {
          int64_t at = 4 * ((tile * groups + group) * fragments + f);
          SmallVector<Value> result =
              multiply(a[tile], w, ValueRange(next).slice(at, 4));
          llvm::copy(result, next.begin() + at);
        }
      }
    }
  }
  return next;
}

SmallVector<Value> MMAKernel::multiply(LoadStage load) {
  // All stages but one are under way before the first is multiplied.
  int64_t ahead = std::max<int64_t>(staging.stages - 1, 1);
  startFirstSteps(ahead, steps, load);
  int64_t tiles = staging.warpRows / kRows;
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(op.getAccumulatorType()));
  SmallVector<Value> init(4 * tiles * staging.warpColumns / kColumns, zero);
  return emitLoop(b, steps, init, [&](Value step, ValueRange carried) {
    NVVM::CpAsyncWaitGroupOp::create(
        b, b.getI32IntegerAttr(static_cast<int32_t>(ahead - 1)));
    // Everybody's copies have come, and the stage before is read.
    gpu::BarrierOp::create(b);
    startStep(step, ahead, steps, load);
    return multiplyStage(remainder(step, staging.stages), carried);
  });
}

LogicalResult MMAKernel::check() {
  bool fits =
      kv == 4 ? element.isInteger(8) : element.isF16() || element.isBF16();
  if (!fits || weightsType.getElementType() != element || op.getBlocks())
    return op.emitOpError("expected 8-bit integers with kv = 4 or f16 or bf16 "
                          "with kv = 2 for mma");
  return checkStaging(/*most=*/4);
}

LogicalResult MMAKernel::checkStaging(int64_t most) {
  auto divides = [](int64_t part, int64_t whole) {
    return part > 0 && part % 16 == 0 && whole % part == 0;
  };
  bool isDepth = llvm::is_contained({8, 16, 32}, staging.depth);
  int64_t warps = 0;
  if (divides(staging.warpRows, tiling.getRows()) &&
      divides(staging.warpColumns, tiling.getColumns()))
    warps = tiling.getRows() / staging.warpRows *
            (tiling.getColumns() / staging.warpColumns);
  if (!isDepth || warps > 32 || !llvm::isPowerOf2_64(warps) ||
      staging.stages < 1 || staging.slices < 1)
    return op.emitOpError("expected '")
           << kStagingAttrName
           << "' with tiles of multiples of 16 for 1, 2, 4, "
           << "... 32 warps that fill the block, a depth of 8, 16 or 32, "
              "stages and slices";
  threads = warps * kWarp;
  fragments = staging.warpColumns % (2 * kPanelWidth) == 0 ? most : 2;
  return initialize(/*least=*/2);
}

std::unique_ptr<ContractKernel> mpc::createMMAKernel(ContractOp op) {
  if (op.getBlocks())
    return createBlocksMMAKernel(op);
  return std::make_unique<MMAKernel>(op);
}

namespace {

/// Functions with tensor maps become part of their callers, too.
struct InlineTensorMaps : public DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *op, Region *, bool,
                       IRMapping &) const override {
    return isa<nvgpu::TmaCreateDescriptorOp>(op);
  }
};

struct LowerMMAPass : public mpc::impl::LowerMMABase<LowerMMAPass> {
  void getDependentDialects(DialectRegistry &registry) const override {
    LowerMMABase::getDependentDialects(registry);
    registry.addExtension(+[](MLIRContext *, nvgpu::NVGPUDialect *dialect) {
      dialect->addInterface<InlineTensorMaps>();
    });
  }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<ContractOp> ops;
      function.walk([&](ContractOp op) {
        if (llvm::is_contained({Intrinsic::mma, Intrinsic::wgmma},
                               op.getTiling().getIntrinsic()))
          ops.push_back(op);
      });
      for (auto [index, op] : llvm::enumerate(ops)) {
        if (!isa<MemRefType>(op.getOut().getType())) {
          op.emitOpError("expected memrefs; bufferize first");
          return signalPassFailure();
        }
        bool isMMA = op.getTiling().getIntrinsic() == Intrinsic::mma;
        std::string name =
            (function.getName() + (isMMA ? "_mma" : "_wgmma") + Twine(index))
                .str();
        bool isResident = Staging::read(op).resident != 0;
        auto kernel = isMMA        ? createMMAKernel(op)
                      : isResident ? createTMAKernel(op)
                                   : createWGMMAKernel(op);
        if (failed(kernel->run(name)))
          return signalPassFailure();
        op.erase();
      }
    }
  }
};

} // namespace
