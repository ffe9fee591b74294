//===- FoldChannelFactors.cpp - channels scaled between groups ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Transforms/ChannelFactors.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"

namespace mpc {
#define GEN_PASS_DEF_FOLDCHANNELFACTORS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// The number of channels of a group's only result, or 0.
static int64_t getNumChannels(GroupOp group) {
  if (group->getNumResults() != 1)
    return 0;
  auto type = cast<RankedTensorType>(group->getResult(0).getType());
  if (type.getRank() == 0 || ShapedType::isDynamic(type.getShape().back()) ||
      !isArithmeticFloat(type.getElementType()))
    return 0;
  return type.getShape().back();
}

//===----------------------------------------------------------------------===//
// Readers
//===----------------------------------------------------------------------===//

/// Whether a group pools positions, channels last: what comes out has the
/// factors of what goes in.
static bool keepsFactors(GroupOp group) {
  Block &block = group.getBlock();
  if (group->getNumResults() != 1 || group.getInputs().size() != 1 ||
      !llvm::hasNItems(block.without_terminator(), 1))
    return false;
  auto isLast = [](auto pool) {
    return pool && pool.getLayout() == Layout::ChannelsLast;
  };
  return isLast(dyn_cast<MaxPoolOp>(block.front())) ||
         isLast(dyn_cast<AveragePoolOp>(block.front()));
}

static void gatherReaders(Value value, int64_t channels,
                          ChannelReaders &readers) {
  for (OpOperand &use : value.getUses()) {
    if (!readers.problem.empty())
      return;
    Operation *user = use.getOwner();
    if (auto reshape = dyn_cast<ReshapeOp>(user)) {
      auto type = cast<RankedTensorType>(reshape.getType());
      if (type.getRank() == 0 ||
          ShapedType::isDynamic(type.getShape().back()) ||
          type.getShape().back() % channels != 0)
        readers.problem = "a reshape takes its channels apart";
      else
        gatherReaders(reshape.getResult(), channels, readers);
      continue;
    }
    auto group = dyn_cast<GroupOp>(user);
    if (!group || !isa<func::FuncOp>(group->getParentOp())) {
      readers.problem = isa<func::ReturnOp>(user)
                            ? "it is a result of the model"
                            : "it is read by control flow";
      return;
    }
    if (keepsFactors(group)) {
      readers.between.push_back(group);
      gatherReaders(group->getResult(0), channels, readers);
      continue;
    }
    auto contraction = ContractionWeights::get(group);
    BlockArgument argument =
        group.getBlock().getArgument(use.getOperandNumber());
    if (!contraction || contraction->getInputArgument() != argument ||
        !argument.hasOneUse()) {
      readers.problem = ("'" + group.getName() +
                         "' reads it otherwise than as the input of a "
                         "contraction with constant weights")
                            .str();
      return;
    }
    readers.contractions.push_back(std::move(*contraction));
  }
}

ChannelReaders mpc::getChannelReaders(GroupOp group) {
  ChannelReaders readers;
  int64_t channels = getNumChannels(group);
  if (channels == 0 || group.isQuantized()) {
    readers.problem = "it has no channels of floating-point numbers";
    return readers;
  }
  gatherReaders(group->getResult(0), channels, readers);
  if (readers.problem.empty() && readers.contractions.empty())
    readers.problem = "nothing reads it";
  return readers;
}

//===----------------------------------------------------------------------===//
// The source
//===----------------------------------------------------------------------===//

namespace {
/// Goes backwards from the result of a group, first to see whether factors
/// fold, then to fold them.
class SourceFolder {
public:
  explicit SourceFolder(GroupOp group)
      : group(group), channels(getNumChannels(group)) {}

  /// With empty `factors`, changes nothing.
  bool fold(ArrayRef<float> factors) {
    this->factors = factors;
    return divide(group.getBlock().getTerminator()->getOpOperand(0));
  }
  std::string problem;
  bool meetsContraction = false, meetsFactor = false;

private:
  bool fail(const Twine &message) {
    problem = message.str();
    return false;
  }

  /// A constant operand, scaled (divided, or multiplied where `inverse`) along
  /// the last dimension; a value per tensor becomes one per channel.
  bool scaleConstant(OpOperand &use, bool inverse) {
    ElementsAttr value = getConstantValue(use.get());
    auto type = cast<RankedTensorType>(use.get().getType());
    std::optional<std::vector<float>> values =
        value ? getFloatValues(value) : std::nullopt;
    if (!values)
      return fail("it has an operand that is not constant");
    SmallVector<int64_t> shape(type.getShape());
    if (shape.empty())
      shape.push_back(1);
    if (shape.back() != 1 && shape.back() != channels)
      return fail("it has a constant of another number of channels");
    if (factors.empty())
      return true;
    bool expands = shape.back() == 1 && channels != 1;
    shape.back() = channels;
    std::vector<float> scaled;
    for (size_t i = 0; i < values->size() * (expands ? channels : 1); ++i) {
      double number = (*values)[expands ? i / channels : i],
             factor = factors[i % channels];
      scaled.push_back(
          static_cast<float>(inverse ? number * factor : number / factor));
    }
    OpBuilder builder(group);
    auto newType = RankedTensorType::get(shape, type.getElementType());
    setGroupOperand(group, use,
                    ConstantOp::create(builder, group.getLoc(),
                                       createFloatConstant(newType, scaled)));
    return true;
  }

  bool divide(OpOperand &use) {
    Value value = use.get();
    if (isa<BlockArgument>(value))
      return getConstantValue(value) ? scaleConstant(use, /*inverse=*/false)
                                     : fail("it is added to, or passed on "
                                            "from, what another group makes");
    if (!value.hasOneUse())
      return fail("its parts are read more than once");
    Operation *op = value.getDefiningOp();
    if (op == group.getRoot())
      if (auto contraction = ContractionWeights::get(group)) {
        meetsContraction = true;
        if (contraction->getNumOutputs() != channels)
          return fail("its contraction has another number of channels");
        if (factors.empty())
          return true;
        for (int64_t o = 0; o < channels; ++o) {
          for (int64_t k = 0; k < contraction->getNumProducts(); ++k) {
            float &weight = contraction->weights[contraction->getIndex(o, k)];
            weight = static_cast<float>(double(weight) / factors[o]);
          }
          contraction->bias[o] =
              static_cast<float>(double(contraction->bias[o]) / factors[o]);
        }
        contraction->write();
        return true;
      }
    if (auto elementwise = dyn_cast<ElementwiseOpInterface>(op);
        elementwise && elementwise.isClamp()) {
      auto [low, high] = elementwise.getClampBounds();
      if ((low != 0 && std::isfinite(low)) ||
          (high != 0 && std::isfinite(high)))
        return fail("it is clamped to other bounds than 0");
      return divide(op->getOpOperand(0));
    }
    if (isa<AddOp, SubOp>(op)) {
      // What both sides add up to: both are divided.
      return divide(op->getOpOperand(0)) && divide(op->getOpOperand(1));
    }
    if (isa<MulOp, DivOp>(op)) {
      meetsFactor = true;
      bool isDivision = isa<DivOp>(op);
      unsigned constant =
          !isDivision && getConstantValue(op->getOperand(0)) ? 0 : 1;
      return scaleConstant(op->getOpOperand(constant), isDivision);
    }
    return fail(op->getName().stripDialect() +
                " is not linear in its channels");
  }

  GroupOp group;
  int64_t channels;
  ArrayRef<float> factors;
};
} // namespace

ChannelSource mpc::getChannelSource(GroupOp group) {
  ChannelSource source;
  if (getNumChannels(group) == 0)
    source.problem = "it has no channels";
  else {
    SourceFolder folder(group);
    source.folds = folder.fold({});
    source.problem = folder.problem;
    source.isContraction =
        source.folds && folder.meetsContraction && !folder.meetsFactor;
  }
  return source;
}

LogicalResult mpc::foldChannelFactors(GroupOp group, ArrayRef<float> factors) {
  int64_t channels = getNumChannels(group);
  if (channels == 0 || factors.size() != size_t(channels))
    return group.emitOpError()
           << "'" << group.getName() << "': expected a factor for each of "
           << channels << " channels, but got " << factors.size();
  if (!llvm::all_of(factors, [](float factor) {
        return std::isfinite(factor) && factor > 0;
      }))
    return group.emitOpError()
           << "'" << group.getName()
           << "': expected finite factors > 0 of its channels";
  ChannelReaders readers = getChannelReaders(group);
  if (!readers.problem.empty())
    return group.emitOpError()
           << "'" << group.getName()
           << "': expected channels that can be scaled, but "
           << readers.problem;

  if (SourceFolder(group).fold({})) {
    SourceFolder(group).fold(factors);
  } else {
    // One multiplication more in the group's epilogue.
    std::vector<float> inverse;
    for (float factor : factors)
      inverse.push_back(static_cast<float>(1.0 / factor));
    OpBuilder builder(group);
    auto resultType = cast<RankedTensorType>(group->getResult(0).getType());
    auto type = RankedTensorType::get({channels}, resultType.getElementType());
    Value constant = ConstantOp::create(builder, group.getLoc(),
                                        createFloatConstant(type, inverse));
    group.getInputsMutable().append(constant);
    Value argument = group.getBlock().addArgument(type, group.getLoc());
    Operation *yield = group.getBlock().getTerminator();
    builder.setInsertionPoint(yield);
    yield->setOperand(0, MulOp::create(builder, group.getLoc(), resultType,
                                       yield->getOperand(0), argument));
  }
  for (ContractionWeights &reader : readers.contractions) {
    for (int64_t o = 0; o < reader.getNumOutputs(); ++o)
      for (int64_t k = 0; k < reader.getNumProducts(); ++k) {
        float &weight = reader.weights[reader.getIndex(o, k)];
        weight = static_cast<float>(
            double(weight) * factors[reader.getInputChannel(o, k) % channels]);
      }
    reader.write();
  }
  group.removeRangeAttr();
  for (GroupOp between : readers.between)
    between.removeRangeAttr();
  return success();
}

namespace {
struct FoldChannelFactors
    : mpc::impl::FoldChannelFactorsBase<FoldChannelFactors> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (auto group : llvm::to_vector(function.getOps<GroupOp>())) {
        auto factors =
            group->getAttrOfType<DenseF32ArrayAttr>(kChannelFactorsAttrName);
        if (!factors) {
          if (group->hasAttr(kChannelFactorsAttrName)) {
            group.emitOpError() << "expected " << kChannelFactorsAttrName
                                << " to be array<f32: ...>";
            return signalPassFailure();
          }
          continue;
        }
        if (failed(foldChannelFactors(group, factors)))
          return signalPassFailure();
        group->removeAttr(kChannelFactorsAttrName);
      }
  }
};
} // namespace
