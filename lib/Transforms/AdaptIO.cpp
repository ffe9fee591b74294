//===- AdaptIO.cpp - other types and layouts at the model's border --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-adapt-io: the user's `--io-type` and `--io-layout`. What a tensor becomes
// at the border is undone right behind it by a cast and a transpose, which
// later passes fold into what stands there.
//
//===----------------------------------------------------------------------===//

#include "Border.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace mpc {
#define GEN_PASS_DEF_ADAPTIO
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

/// What the user asked for one input or output.
struct Adaptation {
  Type element;              // null: the model's own
  bool channelsLast = false; // [N, spatial..., C] at the border
};

struct AdaptIO : public mpc::impl::AdaptIOBase<AdaptIO> {
  using AdaptIOBase::AdaptIOBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || !llvm::hasSingleElement(main.getBody())) {
      getOperation().emitError(
          "expected a function @main with a body of one block");
      return signalPassFailure();
    }
    llvm::StringMap<Adaptation> adaptations;
    if (failed(parse(main, adaptations)) || failed(adapt(main, adaptations)))
      signalPassFailure();
  }

  LogicalResult parse(func::FuncOp main,
                      llvm::StringMap<Adaptation> &adaptations) {
    Builder builder(&getContext());
    for (StringRef text : types) {
      auto [name, value] = text.rsplit('=');
      Type element = parseBorderType(value, builder);
      if (name.empty() || !element)
        return main.emitError() << "--io-type=" << text
                                << ": expected NAME=TYPE with a type of f32, "
                                   "f16, bf16, u8, i8, u16, i16, i32";
      adaptations[name].element = element;
    }
    for (StringRef text : layouts) {
      auto [name, value] = text.rsplit('=');
      if (name.empty() || (value != "nhwc" && value != "nchw"))
        return main.emitError()
               << "--io-layout=" << text << ": expected NAME=nhwc or NAME=nchw";
      adaptations[name].channelsLast = value == "nhwc";
    }
    return success();
  }

  /// The type at the border, and the permutation from it to the model's own
  /// (empty: none).
  FailureOr<RankedTensorType> getBorderType(func::FuncOp main, StringRef name,
                                            Type type,
                                            const Adaptation &adaptation) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return main.emitError()
                 << "expected ranked tensors as inputs and outputs, but got "
                 << type,
             failure();
    SmallVector<int64_t> shape(tensor.getShape());
    if (adaptation.channelsLast) {
      if (tensor.getRank() < 3)
        return main.emitError() << "--io-layout=" << name
                                << "=nhwc: expected a tensor of at least three "
                                   "dimensions, but got "
                                << tensor,
               failure();
      std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
    }
    return RankedTensorType::get(shape, adaptation.element
                                            ? adaptation.element
                                            : tensor.getElementType());
  }

  LogicalResult adapt(func::FuncOp main,
                      llvm::StringMap<Adaptation> &adaptations) {
    Block &block = main.getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    SmallVector<std::string> known;
    llvm::StringSet<> used;
    auto nameOf = [&](StringAttr attr, StringRef kind, unsigned i) {
      return attr ? attr.str() : (kind + Twine(i)).str();
    };

    for (BlockArgument argument : block.getArguments()) {
      std::string name = mpc::getArgumentName(main, argument.getArgNumber());
      known.push_back(name);
      auto it = adaptations.find(name);
      if (it == adaptations.end())
        continue;
      used.insert(name);
      Type model = argument.getType();
      auto border = getBorderType(main, name, model, it->second);
      if (failed(border))
        return failure();
      argument.setType(*border);
      Value value = argument;
      SmallVector<Operation *> own;
      if (auto element = cast<RankedTensorType>(model).getElementType();
          element != border->getElementType()) {
        value = CastOp::create(builder, argument.getLoc(),
                               border->clone(element), value);
        own.push_back(value.getDefiningOp());
      }
      if (it->second.channelsLast) {
        value = TransposeOp::create(builder, argument.getLoc(), model, value,
                                    getChannelsFirst(border->getRank()));
        own.push_back(value.getDefiningOp());
      }
      argument.replaceUsesWithIf(value, [&](OpOperand &use) {
        return !llvm::is_contained(own, use.getOwner());
      });
    }

    Operation *terminator = block.getTerminator();
    builder.setInsertionPoint(terminator);
    for (OpOperand &operand : terminator->getOpOperands()) {
      unsigned i = operand.getOperandNumber();
      std::string name = nameOf(
          main.getResultAttrOfType<StringAttr>(i, kNameAttrName), "output", i);
      known.push_back(name);
      auto it = adaptations.find(name);
      if (it == adaptations.end())
        continue;
      used.insert(name);
      Value value = operand.get();
      auto border = getBorderType(main, name, value.getType(), it->second);
      if (failed(border))
        return failure();
      auto model = cast<RankedTensorType>(value.getType());
      if (it->second.channelsLast) {
        value = TransposeOp::create(builder, value.getLoc(),
                                    border->clone(model.getElementType()),
                                    value, getChannelsLast(border->getRank()));
      }
      if (border->getElementType() != model.getElementType())
        value = CastOp::create(builder, value.getLoc(), *border, value);
      operand.set(value);
    }
    for (const auto &entry : adaptations)
      if (!used.contains(entry.getKey()))
        return main.emitError()
               << "--io-type, --io-layout: no input or output is named '"
               << entry.getKey() << "'; there are " << llvm::join(known, ", ");
    main.setFunctionType(FunctionType::get(&getContext(),
                                           block.getArgumentTypes(),
                                           terminator->getOperandTypes()));
    return success();
  }
};
} // namespace
