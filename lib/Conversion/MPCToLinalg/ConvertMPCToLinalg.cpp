//===- ConvertMPCToLinalg.cpp - groups become functions on linalg ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass: rewrites @main, turns each group into a function, and shares
// functions that are the same. What happens inside of a group is
// GroupLowering's.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Conversion/Passes.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mpc {
#define GEN_PASS_DEF_CONVERTMPCTOLINALG
#include "mpc/Conversion/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static constexpr StringLiteral kEntryName = "main";

/// A C identifier made from a group's name.
static std::string sanitizeName(StringRef name) {
  std::string result;
  for (char c : name)
    result.push_back(llvm::isAlnum(c) ? c : '_');
  if (result.empty() || llvm::isDigit(result.front()))
    result.insert(result.begin(), '_');
  return result;
}

namespace {
/// Functions of groups, each distinct one once.
class FunctionTable {
public:
  explicit FunctionTable(ModuleOp module) : module(module), symbols(module) {}

  /// `function`, or an equal one that is there already; then `function` is
  /// erased.
  func::FuncOp insert(func::FuncOp function) {
    auto &candidates = functions[hash(function)];
    for (func::FuncOp candidate : candidates)
      if (areEqual(candidate, function)) {
        function.erase();
        return candidate;
      }
    symbols.insert(function); // makes the name unique
    candidates.push_back(function);
    return function;
  }

private:
  static llvm::hash_code hash(func::FuncOp function) {
    llvm::hash_code code = hash_value(function.getFunctionType());
    function.walk(
        [&](Operation *op) { code = llvm::hash_combine(code, op->getName()); });
    return code;
  }
  static bool areEqual(func::FuncOp lhs, func::FuncOp rhs) {
    return lhs.getFunctionType() == rhs.getFunctionType() &&
           lhs.getArgAttrsAttr() == rhs.getArgAttrsAttr() &&
           OperationEquivalence::isRegionEquivalentTo(
               &lhs.getBody(), &rhs.getBody(),
               OperationEquivalence::IgnoreLocations);
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseMap<llvm::hash_code, SmallVector<func::FuncOp, 1>> functions;
};

/// Rewrites the entry function.
class EntryLowering {
public:
  EntryLowering(func::FuncOp oldEntry, FunctionTable &functions)
      : oldEntry(oldEntry), functions(functions), builder(oldEntry) {}

  LogicalResult run();

private:
  LogicalResult convertSignature();
  LogicalResult convert(Operation &op);
  LogicalResult convert(GroupOp group);
  LogicalResult convert(ReshapeOp op);
  LogicalResult convert(ExtractStepOp op);
  LogicalResult convert(InsertStepOp op);
  LogicalResult convertControlFlow(Operation *op);
  LogicalResult convertScalar(Operation *op);
  LogicalResult convertReturn(func::ReturnOp op);
  /// A tensor without values.
  FailureOr<Value> createEmpty(Operation *op, Type type);
  /// A box of one step of a sequence, as the tensor dialect has it.
  struct Box {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  FailureOr<Box> getStepBox(Operation *op, Value index,
                            RankedTensorType sequence, RankedTensorType step,
                            int64_t offset);
  /// A constant in its linalg form, made once.
  Value getConstant(Location loc, ElementsAttr value);
  /// The symbolic batch, from the first input that has it; null where none has.
  Value getBatch();
  /// Where a group puts a result: an output of the model, or an intermediate
  /// tensor.
  FailureOr<Value> getDestination(OpResult result);
  /// A call that copies `source` to `dest`.
  Value buildCopy(Location loc, Value source, Value dest);

  func::FuncOp oldEntry, entry;
  FunctionTable &functions;
  OpBuilder builder;
  IRMapping mapping;
  llvm::DenseMap<Attribute, Value> constants;
  /// The output that a group's result is computed into.
  llvm::DenseMap<Value, unsigned> outputs;
  unsigned numInputs = 0;
  /// Groups so far, in the order in which a walk finds them.
  int64_t numGroups = 0;
  Value batch;
};
} // namespace

LogicalResult EntryLowering::convertSignature() {
  numInputs = oldEntry.getNumArguments();
  auto returnOp =
      dyn_cast<func::ReturnOp>(oldEntry.getBody().front().getTerminator());
  if (!oldEntry.getBody().hasOneBlock() || !returnOp)
    return oldEntry.emitOpError()
           << "expected a single block that ends in func.return";

  SmallVector<Type> inputTypes, resultTypes;
  for (Type type : oldEntry.getArgumentTypes()) {
    if (!isa<RankedTensorType>(type))
      return oldEntry.emitOpError()
             << "expected inputs that are ranked tensors, but got " << type;
    inputTypes.push_back(getStorageType(type));
  }
  for (Type type : oldEntry.getResultTypes()) {
    if (!isa<RankedTensorType>(type))
      return oldEntry.emitOpError()
             << "expected results that are ranked tensors, but got " << type;
    resultTypes.push_back(getStorageType(type));
  }
  llvm::append_range(inputTypes, resultTypes);
  entry =
      func::FuncOp::create(builder, oldEntry.getLoc(), kEntryName,
                           builder.getFunctionType(inputTypes, resultTypes));
  entry->setDiscardableAttrs(llvm::to_vector(oldEntry->getDiscardableAttrs()));
  Block *block = entry.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  FunctionOpInterface oldArguments = oldEntry, arguments = entry;
  for (unsigned i = 0; i < numInputs; ++i) {
    arguments.setArgAttrs(i, oldArguments.getArgAttrs(i));
    mapping.map(oldEntry.getArgument(i), block->getArgument(i));
  }
  for (unsigned i = 0; i < resultTypes.size(); ++i) {
    arguments.setArgAttrs(numInputs + i, oldArguments.getResultAttrs(i));
    entry.setArgAttr(numInputs + i,
                     bufferization::BufferizationDialect::kWritableAttrName,
                     builder.getBoolAttr(true));
    Value value = returnOp.getOperand(i);
    if (value.getDefiningOp<GroupOp>())
      outputs.try_emplace(value, i);
  }
  return success();
}

Value EntryLowering::getConstant(Location loc, ElementsAttr value) {
  value = retypeConstant(value, getStorageType(value.getShapedType()));
  Value &constant = constants[value];
  if (!constant) {
    // What follows a loop may use it too.
    OpBuilder::InsertionGuard guard(builder);
    Block &body = entry.getBody().front();
    if (builder.getInsertionBlock() != &body)
      builder.setInsertionPoint(body.findAncestorOpInBlock(
          *builder.getInsertionBlock()->getParentOp()));
    constant = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(value));
  }
  return constant;
}

Value EntryLowering::getBatch() {
  if (batch)
    return batch;
  for (unsigned i = 0; i < numInputs; ++i) {
    Value input = entry.getArgument(i);
    auto type = cast<RankedTensorType>(input.getType());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&entry.getBody().front());
      return batch = tensor::DimOp::create(builder, input.getLoc(), input, d);
    }
  }
  return nullptr;
}

FailureOr<Value> EntryLowering::getDestination(OpResult result) {
  if (auto output = outputs.find(result); output != outputs.end())
    return Value(entry.getArgument(numInputs + output->second));
  return createEmpty(result.getOwner(), result.getType());
}

FailureOr<Value> EntryLowering::createEmpty(Operation *op, Type tensorType) {
  auto type = getStorageType(tensorType);
  SmallVector<Value> sizes;
  if (!type.hasStaticShape()) {
    if (!getBatch())
      return op->emitOpError()
             << "expected a model input with the symbolic size of "
             << tensorType;
    sizes.assign(type.getNumDynamicDims(), getBatch());
  }
  return tensor::EmptyOp::create(builder, op->getLoc(), type, sizes)
      .getResult();
}

LogicalResult EntryLowering::convert(GroupOp group) {
  GroupLowering lowering(group);
  FailureOr<func::FuncOp> function =
      lowering.run(sanitizeName(group.getName()));
  if (failed(function))
    return failure();
  *function = functions.insert(*function);

  SmallVector<Value> operands;
  for (const ArgumentSource &argument : lowering.getArguments())
    operands.push_back(argument.value
                           ? mapping.lookup(argument.value)
                           : getConstant(group.getLoc(), argument.constant));
  for (OpResult result : group.getResults()) {
    FailureOr<Value> dest = getDestination(result);
    if (failed(dest))
      return failure();
    operands.push_back(*dest);
  }
  kernel::BeginGroupOp::create(builder, group.getLoc(),
                               builder.getI64IntegerAttr(numGroups++));
  auto call =
      func::CallOp::create(builder, group.getLoc(), *function, operands);
  mapping.map(group.getResults(), call.getResults());
  return success();
}

Value EntryLowering::buildCopy(Location loc, Value source, Value dest) {
  auto type = cast<RankedTensorType>(dest.getType());
  auto function = func::FuncOp::create(
      loc, "copy", builder.getFunctionType({type, type}, {type}));
  OpBuilder body = OpBuilder::atBlockEnd(function.addEntryBlock());
  Value copy = bufferization::MaterializeInDestinationOp::create(
                   body, loc, function.getArgument(0), function.getArgument(1))
                   .getResult();
  func::ReturnOp::create(body, loc, copy);
  function.setPrivate();
  function.setArgAttr(1, bufferization::BufferizationDialect::kWritableAttrName,
                      builder.getBoolAttr(true));
  kernel::BeginGroupOp::create(builder, loc, IntegerAttr()); // of no group
  return func::CallOp::create(builder, loc, functions.insert(function),
                              ValueRange{source, dest})
      .getResult(0);
}

LogicalResult EntryLowering::convertReturn(func::ReturnOp op) {
  SmallVector<Value> results;
  for (auto [i, value] : llvm::enumerate(op.getOperands())) {
    Value result = mapping.lookup(value);
    // Inputs, constants, views, and what another output holds already.
    auto output = outputs.find(value);
    if (output == outputs.end() || output->second != i)
      result = buildCopy(op.getLoc(), result, entry.getArgument(numInputs + i));
    results.push_back(result);
  }
  func::ReturnOp::create(builder, op.getLoc(), results);
  return success();
}

LogicalResult EntryLowering::convert(ReshapeOp reshape) {
  auto type = getStorageType(reshape.getResult().getType());
  if (!type.hasStaticShape() && !getBatch())
    return reshape.emitOpError()
           << "expected a model input with the symbolic size of " << type;
  mapping.map(reshape.getResult(),
              buildReshape(builder, reshape.getLoc(),
                           mapping.lookup(reshape.getInput()), type,
                           [&] { return getBatch(); }));
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

FailureOr<EntryLowering::Box>
EntryLowering::getStepBox(Operation *op, Value index, RankedTensorType sequence,
                          RankedTensorType step, int64_t offset) {
  // Whatever computes the index, no access leaves the sequence.
  Location loc = op->getLoc();
  Value first = arith::ConstantIndexOp::create(builder, loc, 0);
  Value last =
      arith::ConstantIndexOp::create(builder, loc, sequence.getDimSize(0) - 1);
  Value clamped = arith::MinSIOp::create(
      builder, loc,
      arith::MaxSIOp::create(builder, loc, mapping.lookup(index), first), last);
  Box box;
  box.offsets.assign(sequence.getRank(), builder.getIndexAttr(0));
  box.strides.assign(sequence.getRank(), builder.getIndexAttr(1));
  box.offsets.front() = clamped;
  box.sizes.push_back(builder.getIndexAttr(1));
  for (int64_t size : step.getShape()) {
    if (ShapedType::isDynamic(size) && !getBatch())
      return op->emitOpError()
             << "expected a model input with the symbolic size of " << step;
    box.sizes.push_back(ShapedType::isDynamic(size)
                            ? OpFoldResult(getBatch())
                            : builder.getIndexAttr(size));
  }
  if (offset)
    box.offsets.back() = builder.getIndexAttr(offset);
  return box;
}

LogicalResult EntryLowering::convert(ExtractStepOp op) {
  RankedTensorType type = getStorageType(op.getType());
  FailureOr<Box> box = getStepBox(op, op.getIndex(), op.getInput().getType(),
                                  type, op.getOffset());
  if (failed(box))
    return failure();
  mapping.map(op.getResult(),
              tensor::ExtractSliceOp::create(
                  builder, op.getLoc(), type, mapping.lookup(op.getInput()),
                  box->offsets, box->sizes, box->strides)
                  .getResult());
  return success();
}

LogicalResult EntryLowering::convert(InsertStepOp op) {
  FailureOr<Box> box = getStepBox(op, op.getIndex(), op.getSequence().getType(),
                                  op.getValue().getType(), /*offset=*/0);
  if (failed(box))
    return failure();
  mapping.map(op.getResult(),
              tensor::InsertSliceOp::create(
                  builder, op.getLoc(), mapping.lookup(op.getValue()),
                  mapping.lookup(op.getSequence()), box->offsets, box->sizes,
                  box->strides)
                  .getResult());
  return success();
}

/// Ops of other dialects on scalars.
LogicalResult EntryLowering::convertScalar(Operation *op) {
  Operation *copy = builder.clone(*op, mapping);
  for (auto [before, after] : llvm::zip(op->getResults(), copy->getResults())) {
    if (isa<RankedTensorType>(before.getType()))
      after.setType(getStorageType(before.getType()));
    mapping.map(before, after);
  }
  return success();
}

/// A copy whose regions hold what the conversion makes of them. What is carried
/// from step to step, and what branches give, has one place that it is written
/// to: bufferization then finds one buffer for it.
LogicalResult EntryLowering::convertControlFlow(Operation *op) {
  auto convertType = [](Type type) -> Type {
    return isa<RankedTensorType>(type) ? Type(getStorageType(type)) : type;
  };
  OperationState state(op->getLoc(), op->getName());
  for (Value operand : op->getOperands()) {
    Value value = mapping.lookup(operand);
    if (isa<RankedTensorType>(value.getType()) &&
        !operand.getDefiningOp<EmptyOp>()) {
      FailureOr<Value> place = createEmpty(op, operand.getType());
      if (failed(place))
        return failure();
      value = buildCopy(op->getLoc(), value, *place);
    }
    state.addOperands(value);
  }
  SmallVector<Value> results;
  for (Type type : op->getResultTypes()) {
    state.addTypes(convertType(type));
    if (!isa<scf::IfOp>(op))
      continue;
    if (!isa<RankedTensorType>(type)) {
      results.push_back(nullptr);
      continue;
    }
    FailureOr<Value> place = createEmpty(op, type);
    if (failed(place))
      return failure();
    results.push_back(*place);
  }
  for (NamedAttribute attribute : op->getAttrs())
    if (!isa_and_nonnull<MPCDialect>(attribute.getNameDialect()))
      state.addAttribute(attribute.getName(), attribute.getValue());
  for (unsigned i = 0; i < op->getNumRegions(); ++i)
    state.addRegion();
  Operation *copy = builder.create(state);
  for (auto [from, to] : llvm::zip(op->getRegions(), copy->getRegions())) {
    if (from.empty()) // scf.if without an else
      continue;
    if (!from.hasOneBlock())
      return op->emitOpError() << "expected one block in each region";
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&to);
    for (BlockArgument argument : from.getArguments())
      mapping.map(argument, block->addArgument(convertType(argument.getType()),
                                               argument.getLoc()));
    for (Operation &inner : from.front().without_terminator())
      if (failed(convert(inner)))
        return failure();
    Operation *terminator = from.front().getTerminator();
    ValueRange places = results;
    if (isa<scf::ForOp>(op))
      places = block->getArguments().drop_front();
    else if (isa<scf::WhileOp>(op) && isa<scf::YieldOp>(terminator))
      places = block->getArguments();
    OperationState end(terminator->getLoc(), terminator->getName());
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      Value now = mapping.lookup(value);
      auto insert = value.getDefiningOp<InsertStepOp>();
      bool isInPlace =
          index < places.size() &&
          (now == places[index] ||
           (insert && mapping.lookup(insert.getSequence()) == places[index]));
      if (index < places.size() && isa<RankedTensorType>(now.getType()) &&
          !isInPlace)
        now = buildCopy(op->getLoc(), now, places[index]);
      end.addOperands(now);
    }
    end.addAttributes(terminator->getAttrs());
    builder.create(end);
  }
  mapping.map(op->getResults(), copy->getResults());
  return success();
}

LogicalResult EntryLowering::convert(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](ConstantOp constant) {
        mapping.map(constant.getResult(),
                    getConstant(constant.getLoc(), constant.getValue()));
        return success();
      })
      .Case([&](EmptyOp empty) -> LogicalResult {
        FailureOr<Value> value = createEmpty(empty, empty.getType());
        if (failed(value))
          return failure();
        mapping.map(empty.getResult(), *value);
        return success();
      })
      .Case<ReshapeOp, GroupOp, ExtractStepOp, InsertStepOp>(
          [&](auto op) { return convert(op); })
      .Case([&](StorageCastOp cast) {
        mapping.map(cast.getResult(), mapping.lookup(cast.getInput()));
        return success();
      })
      .Case([&](func::ReturnOp returnOp) { return convertReturn(returnOp); })
      .Case<scf::ForOp, scf::WhileOp, scf::IfOp>(
          [&](auto op) { return convertControlFlow(op); })
      .Case<tensor::ExtractOp, tensor::FromElementsOp, cf::AssertOp>(
          [&](auto op) { return convertScalar(op); })
      .Default([&](Operation *op) -> LogicalResult {
        if (isa<arith::ArithDialect>(op->getDialect()) &&
            llvm::none_of(op->getResultTypes(), llvm::IsaPred<ShapedType>))
          return convertScalar(op);
        return op->emitOpError()
               << "expected only constants, reshapes, control flow and groups "
                  "in the entry function; run mpc-form-groups first";
      });
}

LogicalResult EntryLowering::run() {
  if (failed(convertSignature()))
    return failure();
  for (Operation &op : oldEntry.getBody().front())
    if (failed(convert(op)))
      return failure();
  // What the groups replaced: a bias that was folded, a weight that was
  // transposed.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  oldEntry.erase();
  return success();
}

namespace {
struct ConvertMPCToLinalg
    : mpc::impl::ConvertMPCToLinalgBase<ConvertMPCToLinalg> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto entry = module.lookupSymbol<func::FuncOp>(kEntryName);
    if (!entry || entry.isExternal()) {
      module.emitError() << "expected a function @" << kEntryName
                         << " with a body";
      return signalPassFailure();
    }
    FunctionTable functions(module);
    if (failed(EntryLowering(entry, functions).run()))
      signalPassFailure();
  }
};
} // namespace
