//===- ExtractWeights.cpp - constants to one blob -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-extract-weights: weights leave the IR as bytes; they never pass through
// LLVM IR or text.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"
#include "llvm/Support/xxhash.h"

namespace mpc {
#define GEN_PASS_DEF_EXTRACTWEIGHTS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// The bytes of all weights, equal ones once.
class Blob {
public:
  /// Returns the offset of `content`.
  int64_t add(ArrayRef<char> content) {
    SmallVector<int64_t> &offsets = byHash[llvm::xxh3_64bits(ArrayRef(
        reinterpret_cast<const uint8_t *>(content.data()), content.size()))];
    for (int64_t offset : offsets)
      if (sizes[offset] == content.size() &&
          llvm::equal(ArrayRef(bytes).slice(offset, content.size()), content))
        return offset;
    int64_t offset = bytes.size();
    offsets.push_back(offset);
    sizes[offset] = content.size();
    bytes.insert(bytes.end(), content.begin(), content.end());
    // Code may read up to kBufferSlack bytes past the end.
    bytes.resize(
        llvm::alignTo(bytes.size() + mpc::kBufferSlack, mpc::kBufferAlignment));
    return offset;
  }

  ArrayRef<char> getBytes() const { return bytes; }

private:
  std::vector<char> bytes;
  llvm::DenseMap<uint64_t, SmallVector<int64_t>> byHash;
  llvm::DenseMap<int64_t, size_t> sizes; // by offset
};

/// The bytes of a constant as a kernel reads them. `storage` owns them unless
/// the attribute does.
FailureOr<ArrayRef<char>> getBytes(memref::GlobalOp global,
                                   std::vector<char> &storage) {
  auto type = global.getType();
  Type element = type.getElementType();
  if (!element.isIntOrFloat() ||
      (element.getIntOrFloatBitWidth() % 8 != 0 && !element.isInteger(1))) {
    global.emitOpError("expected elements of whole bytes or i1, but got ")
        << element;
    return failure();
  }
  Attribute value = *global.getInitialValue();
  size_t size = type.getNumElements() *
                llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob) {
      global.emitOpError("the value of this constant was elided: resource '")
          << resource.getRawHandle().getKey() << "' has no data";
      return failure();
    }
    if (blob->getData().size() != size) {
      global.emitOpError("expected ")
          << size << " bytes of data, but got " << blob->getData().size();
      return failure();
    }
    return blob->getData();
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense) {
    global.emitOpError("expected a dense value, but got ") << value;
    return failure();
  }
  if (element.isInteger(1)) { // stored as bits, read as bytes
    for (bool bit : dense.getValues<bool>())
      storage.push_back(bit);
    return ArrayRef<char>(storage);
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat())
    return raw;
  storage.reserve(size);
  while (storage.size() < size)
    storage.insert(storage.end(), raw.begin(), raw.end());
  return ArrayRef<char>(storage);
}

class ExtractWeights : public mpc::impl::ExtractWeightsBase<ExtractWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Blob blob;
    WalkResult walk = module.walk([&](func::FuncOp function) {
      if (!function.isPublic() || function.isExternal())
        return WalkResult::skip();
      return WalkResult(extract(function, blob));
    });
    if (walk.wasInterrupted())
      return signalPassFailure();

    ArrayRef<char> bytes = blob.getBytes();
    auto type = RankedTensorType::get({static_cast<int64_t>(bytes.size())},
                                      IntegerType::get(&getContext(), 8));
    // The alignment is that of the bytes in the IR only. Bytecode readers
    // refuse a file whose buffer is less aligned than a resource in it, and
    // buffers of small files have the 16 bytes of malloc.
    module->setAttr(
        mpc::kWeightsAttrName,
        DenseResourceElementsAttr::get(
            type, "mpc_weights",
            HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 16)));
  }

  LogicalResult extract(func::FuncOp function, Blob &blob) {
    auto table = function->getParentOfType<ModuleOp>();
    OpBuilder builder(&getContext());
    unsigned index = function.getNumArguments();
    auto type = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
    if (failed(function.insertArgument(index, type, {}, function.getLoc())))
      return failure();
    Value weights = function.getArgument(index);

    SymbolTable symbols(table);
    llvm::SetVector<Operation *> globals;
    WalkResult walk = function.walk([&](memref::GetGlobalOp get) {
      auto global = symbols.lookup<memref::GlobalOp>(get.getName());
      if (!global || !global.getConstant() || global.isUninitialized()) {
        get.emitOpError("expected a constant with a value, but got '")
            << get.getName() << "'";
        return WalkResult::interrupt();
      }
      std::vector<char> storage;
      FailureOr<ArrayRef<char>> bytes = getBytes(global, storage);
      if (failed(bytes))
        return WalkResult::interrupt();
      builder.setInsertionPoint(get);
      Value offset = arith::ConstantIndexOp::create(builder, get.getLoc(),
                                                    blob.add(*bytes));
      Value view = memref::ViewOp::create(builder, get.getLoc(), get.getType(),
                                          weights, offset, ValueRange());
      get.replaceAllUsesWith(view);
      get.erase();
      globals.insert(global);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return failure();
    SymbolTableCollection tables;
    SymbolUserMap users(tables, table);
    for (Operation *global : globals)
      if (users.useEmpty(global))
        global->erase();
    return success();
  }
};

} // namespace
