//===- PackConstants.cpp - weights in the layout of the kernels -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionInfo.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_PACKCONSTANTS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// The type that `kernel.unpack` expects for weights read by `info`.
static RankedTensorType getPackedType(const ContractionInfo &info,
                                      TilingAttr tiling, Type element) {
  int64_t taps = info.getNumTaps(), depth = info.depth;
  if (tiling.getGather()) {
    depth *= taps;
    taps = 1;
  }
  return RankedTensorType::get(
      {llvm::divideCeilSigned(info.channels, kPanelWidth), taps,
       llvm::divideCeilSigned(depth, tiling.getKv()), kPanelWidth,
       tiling.getKv()},
      element);
}

/// Packs `source`, weights in memory order, channels first or (transposed)
/// last. Ragged edges of the result are zero.
static void pack(ArrayRef<char> source, bool isSplat, bool transposed,
                 int64_t channels, RankedTensorType packed, int64_t depth,
                 MutableArrayRef<char> result) {
  size_t width = packed.getElementTypeBitWidth() / 8;
  int64_t taps = packed.getDimSize(1), blocks = packed.getDimSize(2),
          kv = packed.getDimSize(4);
  std::fill(result.begin(), result.end(), 0);
  for (int64_t n = 0; n < channels; ++n)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t k = 0; k < depth; ++k) {
        int64_t from =
            transposed ? k * channels + n : (n * taps + tap) * depth + k;
        int64_t to = ((((n / kPanelWidth) * taps + tap) * blocks + k / kv) *
                          kPanelWidth +
                      n % kPanelWidth) *
                         kv +
                     k % kv;
        std::memcpy(result.data() + to * width,
                    source.data() + (isSplat ? 0 : from * width), width);
      }
}

namespace {

struct PackConstantsPass
    : public mpc::impl::PackConstantsBase<PackConstantsPass> {
  void runOnOperation() override {
    SymbolTableCollection symbolTables;
    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(kTilingAttrName))
        contractions.push_back(op);
    });
    SymbolUserMap users(symbolTables, getOperation());
    for (linalg::LinalgOp op : contractions) {
      FailureOr<ContractionInfo> info = ContractionInfo::match(op);
      if (failed(info)) {
        op->removeAttr(kTilingAttrName);
        continue;
      }
      // Depthwise weights already have the layout of the kernel.
      if (info->kind == ContractionInfo::Kind::depthwise)
        continue;
      if (succeeded(packWeights(op, *info, users)))
        continue;
      op->removeAttr(kTilingAttrName);
      remark::missed(op.getLoc(), remark::RemarkOpts::name("Packing").category(
                                      getArgument()))
          << "weights are not the same kind of constant in every call; the "
             "contraction is lowered to loops";
    }
    for (arith::ConstantOp constant : replaced)
      if (constant->use_empty())
        constant.erase();
    packedConstants.clear();
    replaced.clear();
  }

private:
  /// Rewrites the weights of `op`, or fails without a change.
  LogicalResult packWeights(linalg::LinalgOp op, const ContractionInfo &info,
                            SymbolUserMap &users) {
    auto tiling = op->getAttrOfType<TilingAttr>(kTilingAttrName);
    OpOperand *operand = op.getDpsInputOperand(1);
    Value weights = operand->get();
    auto type = dyn_cast<RankedTensorType>(weights.getType());
    if (!tiling || !type)
      return failure();
    RankedTensorType packedType =
        getPackedType(info, tiling, type.getElementType());
    auto unpack = [&](OpBuilder &b, Value packed) {
      auto unpackOp =
          UnpackOp::create(b, op.getLoc(), type, packed, info.transposed);
      operand->set(unpackOp.getResult());
    };

    if (auto constant = weights.getDefiningOp<arith::ConstantOp>()) {
      FailureOr<Value> packed = packConstant(constant, info, packedType);
      if (failed(packed))
        return failure();
      OpBuilder b(op);
      unpack(b, *packed);
      return success();
    }

    auto argument = dyn_cast<BlockArgument>(weights);
    auto function = dyn_cast<func::FuncOp>(
        argument ? argument.getOwner()->getParentOp() : nullptr);
    if (!function || !function.isPrivate() || !argument.hasOneUse())
      return failure();
    unsigned index = argument.getArgNumber();
    SmallVector<std::pair<func::CallOp, arith::ConstantOp>> calls;
    for (Operation *user : users.getUsers(function)) {
      auto call = dyn_cast<func::CallOp>(user);
      auto constant =
          call ? call.getOperand(index).getDefiningOp<arith::ConstantOp>()
               : nullptr;
      if (!constant || !isPackable(constant.getValue()))
        return failure();
      calls.emplace_back(call, constant);
    }
    if (calls.empty())
      return failure();
    for (auto [call, constant] : calls) {
      FailureOr<Value> packed = packConstant(constant, info, packedType);
      if (failed(packed))
        return failure();
      call.setOperand(index, *packed);
    }
    argument.setType(packedType);
    SmallVector<Type> inputs(function.getArgumentTypes());
    inputs[index] = packedType;
    function.setFunctionType(
        FunctionType::get(&getContext(), inputs, function.getResultTypes()));
    OpBuilder b(op);
    unpack(b, argument);
    return success();
  }

  static bool isPackable(Attribute value) {
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
      return resource.getRawHandle().getBlob() != nullptr;
    return isa<DenseIntOrFPElementsAttr>(value);
  }

  /// The packed form of `constant`, made once for all its users.
  FailureOr<Value> packConstant(arith::ConstantOp constant,
                                const ContractionInfo &info,
                                RankedTensorType type) {
    if (!isPackable(constant.getValue()))
      return failure();
    Value &packed = packedConstants[{constant, type,
                                     static_cast<unsigned>(info.transposed)}];
    if (packed)
      return packed;
    ArrayRef<char> source;
    bool isSplat = false;
    std::string name = "weights_packed";
    if (auto resource =
            dyn_cast<DenseResourceElementsAttr>(constant.getValue())) {
      source = resource.getRawHandle().getBlob()->getData();
      name = resource.getRawHandle().getKey().str() + "_packed";
    } else {
      auto dense = cast<DenseIntOrFPElementsAttr>(constant.getValue());
      source = dense.getRawData();
      isSplat = dense.isSplat();
    }
    int64_t depth =
        info.depth * (type.getDimSize(1) == 1 ? info.getNumTaps() : 1);
    int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(bytes, /*align=*/64);
    pack(source, isSplat, info.transposed, info.channels, type, depth,
         blob.getMutableData());
    OpBuilder b(constant);
    packed = arith::ConstantOp::create(
        b, constant.getLoc(),
        DenseResourceElementsAttr::get(type, name, std::move(blob)));
    replaced.push_back(constant);
    return packed;
  }

  llvm::DenseMap<std::tuple<Operation *, Type, unsigned>, Value>
      packedConstants;
  SmallVector<arith::ConstantOp> replaced;
};

} // namespace
