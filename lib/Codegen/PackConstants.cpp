//===- PackConstants.cpp - weights in the layout of the kernels -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_PACKCONSTANTS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// With fewer rows it costs more to pack an operand at run time than it saves.
static constexpr int64_t kMinPackedRows = 4;

/// The type that `kernel.unpack` expects for weights read by `info`.
static RankedTensorType getPackedType(const ContractionInfo &info,
                                      TilingAttr tiling, Type element) {
  int64_t taps = tiling.getWinograd() ? kWinogradTaps : info.getNumTaps(),
          depth = info.depth;
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

/// G · w · Gᵀ of a window of 3 × 3, for the points 0, ±1 and ±2.
static std::array<double, kWinogradTaps> transformWindow(const double *window) {
  static constexpr double kG[kWinogradSide][3] = {{1. / 4, 0, 0},
                                                  {-1. / 6, -1. / 6, -1. / 6},
                                                  {-1. / 6, 1. / 6, -1. / 6},
                                                  {1. / 24, 1. / 12, 1. / 6},
                                                  {1. / 24, -1. / 12, 1. / 6},
                                                  {0, 0, 1}};
  std::array<double, kWinogradTaps> result = {};
  for (int64_t i = 0; i < kWinogradSide; ++i)
    for (int64_t j = 0; j < kWinogradSide; ++j)
      for (int64_t kh = 0; kh < 3; ++kh)
        for (int64_t kw = 0; kw < 3; ++kw)
          result[i * kWinogradSide + j] +=
              kG[i][kh] * window[kh * 3 + kw] * kG[j][kw];
  return result;
}

/// The same as `pack`, of the transforms of f32 windows.
static void packWinograd(ArrayRef<char> source, bool isSplat, int64_t channels,
                         RankedTensorType packed,
                         MutableArrayRef<char> result) {
  int64_t depth = packed.getDimSize(2);
  std::fill(result.begin(), result.end(), 0);
  for (int64_t n = 0; n < channels; ++n)
    for (int64_t k = 0; k < depth; ++k) {
      double window[9];
      for (int64_t tap = 0; tap < 9; ++tap) {
        float weight;
        std::memcpy(
            &weight,
            source.data() + (isSplat ? 0 : (n * 9 + tap) * depth + k) * 4, 4);
        window[tap] = weight;
      }
      for (auto [tap, value] : llvm::enumerate(transformWindow(window))) {
        auto weight = static_cast<float>(value);
        int64_t to =
            (n / kPanelWidth * kWinogradTaps + static_cast<int64_t>(tap)) *
                depth +
            k;
        std::memcpy(result.data() + (to * kPanelWidth + n % kPanelWidth) * 4,
                    &weight, 4);
      }
    }
}

//===----------------------------------------------------------------------===//
// Weights in blocks
//===----------------------------------------------------------------------===//

namespace {

/// The elements of a constant, each of a whole number of bytes.
struct ConstantBytes {
  explicit ConstantBytes(Attribute value = {}) {
    if (auto resource = dyn_cast_if_present<DenseResourceElementsAttr>(value)) {
      bytes = resource.getRawHandle().getBlob()->getData();
    } else if (auto dense =
                   dyn_cast_if_present<DenseIntOrFPElementsAttr>(value)) {
      bytes = dense.getRawData();
      isSplat = dense.isSplat();
    }
  }
  template <typename T> T get(int64_t index) const {
    T element;
    std::memcpy(&element, bytes.data() + (isSplat ? 0 : index * sizeof(T)),
                sizeof(T));
    return element;
  }
  explicit operator bool() const { return !bytes.empty(); }

  ArrayRef<char> bytes;
  bool isSplat = false;
};

/// The constant operands of a kernel.dequantize.
struct BlockConstants {
  ConstantBytes values, scales, zeroPoints, table;
};

/// Where weight k of a channel stands among the values.
struct BlockLayout {
  explicit BlockLayout(DequantizeOp op) : block(op.getBlock()) {
    auto type = cast<RankedTensorType>(op.getValues().getType());
    channels = std::max<int64_t>(type.getDimSize(op.getAxis()), 1);
    depth = type.getNumElements() / channels;
    for (int64_t size : type.getShape().drop_front(op.getAxis() + 1))
      inner *= size;
    blocks = llvm::divideCeilSigned(depth, block);
  }
  int64_t getPosition(int64_t channel, int64_t k) const {
    return (k / inner * channels + channel) * inner + k % inner;
  }
  int64_t getBlock(int64_t channel, int64_t k) const {
    return channel * blocks + k / block;
  }

  int64_t channels, depth, block, blocks, inner = 1;
};

} // namespace

/// Writes the panels that `format` describes; lanes past the last channel stay
/// zero.
static void packBlocks(const BlockConstants &from, const BlockLayout &layout,
                       BlocksAttr format, MutableArrayRef<char> result) {
  std::fill(result.begin(), result.end(), 0);
  int64_t panelBytes = format.getPanelBytes(), block = format.getBlock();
  for (int64_t n = 0; n < layout.channels; ++n) {
    char *panel = result.data() + n / kPanelWidth * panelBytes;
    int64_t lane = n % kPanelWidth;
    if (format.getTable())
      for (int64_t i = 0; i < 16; ++i) {
        auto level = from.table.get<float>(i);
        std::memcpy(panel + 4 * i, &level, 4);
      }
    for (int64_t k = 0; k < layout.depth; ++k) {
      if (k % block == 0) {
        char *run = panel + format.getTableBytes() +
                    k / block * format.getRunBytes(block);
        int64_t index = layout.getBlock(n, k);
        auto scale = from.scales.get<uint16_t>(index);
        std::memcpy(run + 2 * lane, &scale, 2);
        if (format.getZeroPoints())
          run[2 * kPanelWidth + lane] = from.zeroPoints.get<char>(index);
      }
      auto [position, bit] = format.getWeightPosition(lane, k);
      char &byte = panel[position];
      auto value = from.values.get<uint8_t>(layout.getPosition(n, k));
      byte = static_cast<char>(static_cast<uint8_t>(byte) | value << bit);
    }
  }
}

/// The weights themselves, in the layout of the values.
static void dequantizeBlocks(const BlockConstants &from,
                             const BlockLayout &layout, int64_t bits,
                             MutableArrayRef<char> result) {
  for (int64_t n = 0; n < layout.channels; ++n)
    for (int64_t k = 0; k < layout.depth; ++k) {
      int64_t position = layout.getPosition(n, k),
              index = layout.getBlock(n, k);
      auto value = from.values.get<uint8_t>(position);
      uint32_t upper = uint32_t(from.scales.get<uint16_t>(index)) << 16;
      float scale;
      std::memcpy(&scale, &upper, sizeof(scale));
      int zero = from.zeroPoints ? from.zeroPoints.get<uint8_t>(index)
                                 : 1 << (bits - 1);
      float weight = (from.table ? from.table.get<float>(value & 15)
                                 : static_cast<float>(value - zero)) *
                     scale;
      std::memcpy(result.data() + position * sizeof(weight), &weight,
                  sizeof(weight));
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
      // Depthwise and planar weights already have the layout of the kernel.
      if (info->kind == ContractionInfo::Kind::depthwise ||
          op->getAttrOfType<TilingAttr>(kTilingAttrName).getPlanar())
        continue;
      if (auto dequantize =
              op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>()) {
        if (failed(packInBlocks(op, *info, dequantize, users)))
          op->removeAttr(kTilingAttrName);
        continue;
      }
      if (!info->batched && succeeded(packWeights(op, *info, users)))
        continue;
      if (isWorthPacking(op, *info))
        continue;
      op->removeAttr(kTilingAttrName);
      // Other instruction sets, or a table, may choose lanes that are pixels.
      if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
          generic && info->kind == ContractionInfo::Kind::convolution)
        fuseProducts(generic);
      remark::missed(op.getLoc(), remark::RemarkOpts::name("Packing").category(
                                      getArgument()))
          << "weights are not the same kind of constant in every call; the "
             "contraction is lowered to loops";
    }
    // What no kernel reads in blocks.
    SmallVector<DequantizeOp> rest;
    getOperation().walk([&](DequantizeOp op) { rest.push_back(op); });
    for (DequantizeOp op : rest)
      if (failed(storeDequantized(op, users)))
        return signalPassFailure();
    for (Operation *constant : replaced)
      if (constant->use_empty())
        constant->erase();
    packedConstants.clear();
    replaced.clear();
  }

private:
  /// Whether a right operand that is no constant should be packed in every
  /// call (mpc-tile-and-fuse does): its elements are read often enough.
  static bool isWorthPacking(linalg::LinalgOp op, const ContractionInfo &info) {
    auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
    int64_t rows = out.getDimSize(out.getRank() - 2);
    return info.kind == ContractionInfo::Kind::matmul &&
           !ShapedType::isDynamic(rows) && rows >= kMinPackedRows;
  }

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
          UnpackOp::create(b, op.getLoc(), type, packed, info.transposed,
                           /*blocks=*/BlocksAttr(), tiling.getWinograd());
      operand->set(unpackOp.getResult());
    };

    if (auto constant = weights.getDefiningOp<arith::ConstantOp>()) {
      FailureOr<Value> packed =
          packConstant(constant, info, packedType, tiling.getWinograd());
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
      FailureOr<Value> packed =
          packConstant(constant, info, packedType, tiling.getWinograd());
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

  /// Puts one constant of `type` in the place of the operands of `op`, in every
  /// call of its function; `fill` makes its bytes. Fails without a change where
  /// they are not constants.
  FailureOr<Value> replaceOperands(
      DequantizeOp op, RankedTensorType type, SymbolUserMap &users,
      function_ref<void(const BlockConstants &, MutableArrayRef<char>)> fill) {
    SmallVector<Value> operands = {op.getValues(), op.getScales(),
                                   op.getZeroPoints(), op.getTable()};
    auto function = op->getParentOfType<func::FuncOp>();
    // Constants in the function serve all calls, arguments each their own.
    SmallVector<func::CallOp> calls;
    if (isa<BlockArgument>(operands[0])) {
      if (!function || !function.isPrivate())
        return failure();
      for (Operation *user : users.getUsers(function)) {
        auto call = dyn_cast<func::CallOp>(user);
        if (!call)
          return failure();
        calls.push_back(call);
      }
      if (calls.empty())
        return failure();
    } else {
      calls.push_back(nullptr);
    }
    SmallVector<std::pair<func::CallOp, Value>> made;
    for (func::CallOp call : calls) {
      SmallVector<ConstantBytes, 4> bytes;
      arith::ConstantOp first;
      for (Value operand : operands) {
        if (!operand) {
          bytes.emplace_back();
          continue;
        }
        if (auto argument = dyn_cast<BlockArgument>(operand)) {
          if (!call || !argument.hasOneUse())
            return failure();
          operand = call.getOperand(argument.getArgNumber());
        }
        auto constant = operand.getDefiningOp<arith::ConstantOp>();
        if (!constant || !isPackable(constant.getValue()))
          return failure();
        if (!first)
          first = constant;
        bytes.emplace_back(constant.getValue());
        replaced.insert(constant);
      }
      int64_t size = llvm::divideCeilSigned(type.getElementTypeBitWidth(), 8);
      AsmResourceBlob blob = HeapAsmResourceBlob::allocate(
          type.getNumElements() * size, /*align=*/64);
      fill({bytes[0], bytes[1], bytes[2], bytes[3]}, blob.getMutableData());
      OpBuilder b(first);
      made.push_back(
          {call, arith::ConstantOp::create(
                     b, first.getLoc(),
                     DenseResourceElementsAttr::get(type, "weights_in_blocks",
                                                    std::move(blob)))});
    }
    auto argument = dyn_cast<BlockArgument>(operands[0]);
    if (!argument)
      return made.front().second;
    for (auto [call, constant] : made)
      call.setOperand(argument.getArgNumber(), constant);
    argument.setType(type);
    SmallVector<Type> inputs(function.getArgumentTypes());
    inputs[argument.getArgNumber()] = type;
    function.setFunctionType(
        FunctionType::get(&getContext(), inputs, function.getResultTypes()));
    return Value(argument);
  }

  /// Ends `op`, whose operands have been replaced: parameters that were
  /// arguments are none any more.
  static void erase(DequantizeOp op, SymbolUserMap &users) {
    auto function = op->getParentOfType<func::FuncOp>();
    SmallVector<Value> operands(op->getOperands().drop_front());
    op.erase();
    for (Value operand : operands) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || !argument.use_empty())
        continue;
      unsigned index = argument.getArgNumber();
      for (Operation *user : users.getUsers(function))
        user->eraseOperand(index);
      (void)function.eraseArgument(index);
    }
  }

  /// Packs weights in blocks, which `op` reads through `dequantize`.
  LogicalResult packInBlocks(linalg::LinalgOp op, const ContractionInfo &info,
                             DequantizeOp dequantize, SymbolUserMap &users) {
    auto tiling = op->getAttrOfType<TilingAttr>(kTilingAttrName);
    bool isMatched = info.kind != ContractionInfo::Kind::depthwise &&
                     dequantize.getAxis() == (info.transposed ? 1u : 0u);
    if (!tiling || !isMatched || !dequantize->hasOneUse())
      return failure();
    BlockLayout layout(dequantize);
    auto blocks = BlocksAttr::get(
        &getContext(), dequantize.getBits(), layout.block, layout.depth,
        static_cast<bool>(dequantize.getZeroPoints()),
        static_cast<bool>(dequantize.getTable()),
        /*fragments=*/tiling.getIntrinsic() == Intrinsic::mma);
    OpBuilder b(op);
    auto stream = RankedTensorType::get(
        {llvm::divideCeilSigned(layout.channels, kPanelWidth),
         blocks.getPanelBytes()},
        b.getI8Type());
    FailureOr<Value> packed = replaceOperands(
        dequantize, stream, users,
        [&](const BlockConstants &from, MutableArrayRef<char> result) {
          packBlocks(from, layout, blocks, result);
        });
    if (failed(packed))
      return failure();
    Value weights = *packed;
    auto type = cast<RankedTensorType>(dequantize.getResult().getType());
    BlocksAttr inTiles = blocks;
    if (tiling.getExpand()) {
      RankedTensorType expanded = getPackedType(info, tiling, b.getF32Type());
      Value empty = tensor::EmptyOp::create(b, op.getLoc(), expanded.getShape(),
                                            expanded.getElementType());
      weights = ExpandOp::create(b, op.getLoc(), TypeRange{expanded}, weights,
                                 empty, blocks)
                    .getResult(0);
      inTiles = {};
    }
    op.getDpsInputOperand(1)->set(UnpackOp::create(
        b, op.getLoc(), type, weights, info.transposed, inTiles,
        /*winograd=*/false));
    erase(dequantize, users);
    return success();
  }

  /// Weights in blocks that no kernel reads are stored as numbers.
  LogicalResult storeDequantized(DequantizeOp op, SymbolUserMap &users) {
    BlockLayout layout(op);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    FailureOr<Value> weights = replaceOperands(
        op, type, users,
        [&](const BlockConstants &from, MutableArrayRef<char> result) {
          dequantizeBlocks(from, layout, op.getBits(), result);
        });
    if (failed(weights))
      return op.emitOpError("expected constant operands in every call");
    remark::missed(op.getLoc(),
                   remark::RemarkOpts::name("Packing").category(getArgument()))
        << "no kernel reads these weights in blocks; they are stored as f32";
    op.replaceAllUsesWith(*weights);
    erase(op, users);
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
                                RankedTensorType type, bool winograd) {
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
    if (winograd)
      packWinograd(source, isSplat, info.channels, type, blob.getMutableData());
    else
      pack(source, isSplat, info.transposed, info.channels, type, depth,
           blob.getMutableData());
    OpBuilder b(constant);
    packed = arith::ConstantOp::create(
        b, constant.getLoc(),
        DenseResourceElementsAttr::get(type, name, std::move(blob)));
    replaced.insert(constant);
    return packed;
  }

  llvm::DenseMap<std::tuple<Operation *, Type, unsigned>, Value>
      packedConstants;
  llvm::SetVector<Operation *> replaced;
};

} // namespace
