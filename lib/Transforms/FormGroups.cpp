//===- FormGroups.cpp - a root op and its epilogue become one group -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-form-groups. Every op that is not element-wise is the root of a group;
// what is left of the element-wise ops groups among itself. Roots are extended
// from the last to the first, so that an addition of two results goes to the
// one that is computed last; the other is in memory by then.
//
// A group yields one value. So an epilogue grows by whole steps: from one value
// that is all that the rest of the function uses to the next such value. x *
// sigmoid(x) behind a convolution is one step of two ops.
//
// Dequantization belongs to what reads it, so that tensors are stored in their
// few bits: every group that can evaluate it element by element has its own.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace mpc {
#define GEN_PASS_DEF_FORMGROUPS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Between two values that are all that is used of an epilogue lie at most this
/// many ops; x * min(max(x + 3, 0), 6) / 6 has 4, GELU by erf 5.
constexpr unsigned kMaxStep = 12;

/// Loops, branches, and the scalars that they need.
static bool isControlFlow(Operation &op) {
  bool isOwn =
      op.getName().getDialectNamespace() == MPCDialect::getDialectNamespace();
  return !isOwn &&
         (op.getNumRegions() != 0 || isa<tensor::FromElementsOp>(op) ||
          llvm::none_of(op.getResultTypes(), llvm::IsaPred<ShapedType>));
}

/// Constants are operands of groups, reshapes and steps of sequences are views,
/// and control flow holds groups: no kernel computes them.
static bool staysOutside(Operation &op) {
  return isa<ConstantOp, ReshapeOp, GroupOp, EmptyOp, ExtractStepOp,
             InsertStepOp>(op) ||
         op.hasTrait<OpTrait::IsTerminator>() || isControlFlow(op);
}

/// Whether an op evaluates operands element by element where it needs them, so
/// that a dequantization before it costs no tensor.
static bool readsElements(Operation *op) {
  if (isPositionwise(op))
    return true;
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  return quantizable && quantizable.getQuantRole() == QuantRole::Float &&
         !quantizable.getWeightOperand();
}

namespace {
using Cluster = llvm::SmallSetVector<Operation *, 8>;

class GroupFormer {
public:
  /// `names` holds those that the function uses already.
  GroupFormer(Block &block, llvm::StringSet<> &names)
      : block(block), builder(block.getParentOp()->getContext()), names(names) {
  }
  LogicalResult run();

private:
  /// The root and as much of what follows as one kernel can compute at the
  /// root's result's positions.
  Cluster extend(Operation *root);
  bool isEpilogue(Operation *op, const Cluster &cluster,
                  ArrayRef<int64_t> shape);
  /// The value that the rest of the function uses, if it is one only.
  static Value getOnlyEscapingValue(const Cluster &cluster);
  void createGroup(const Cluster &cluster);
  void addDequantizations(Cluster &cluster);
  StringAttr getUniqueName(Operation *root);

  Block &block;
  OpBuilder builder;
  llvm::DenseSet<Operation *> taken;
  /// Dequantizations that are groups of their own, and copies in other groups.
  llvm::DenseSet<Operation *> alone, copied;
  llvm::StringSet<> &names;
};
} // namespace

bool GroupFormer::isEpilogue(Operation *op, const Cluster &cluster,
                             ArrayRef<int64_t> shape) {
  if (!isPositionwise(op) || op->getNumResults() != 1 || taken.contains(op) ||
      cast<RankedTensorType>(op->getResult(0).getType()).getShape() != shape)
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return operand.getDefiningOp() && cluster.contains(operand.getDefiningOp());
  });
}

Value GroupFormer::getOnlyEscapingValue(const Cluster &cluster) {
  Value escaping;
  for (Operation *op : cluster)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !cluster.contains(user);
          })) {
        if (escaping)
          return {};
        escaping = result;
      }
  return escaping;
}

Cluster GroupFormer::extend(Operation *root) {
  Cluster grown, complete;
  grown.insert(root);
  complete.insert(root);
  if (root->getNumResults() != 1)
    return complete;
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(root->getResult(0).getType()).getShape();
  for (Operation *op = root->getNextNode();
       op && grown.size() - complete.size() < kMaxStep;
       op = op->getNextNode()) {
    if (!isEpilogue(op, grown, shape))
      continue;
    grown.insert(op);
    if (getOnlyEscapingValue(grown))
      complete = grown;
  }
  return complete;
}

/// The model's name of the node that `loc` stands for.
static std::optional<StringRef> findName(Location loc) {
  std::optional<StringRef> name;
  loc->walk([&](Location inner) {
    if (auto named = dyn_cast<NameLoc>(inner)) {
      name = named.getName().getValue();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return name;
}

/// The model's name of the tensor that an op with location `loc` gives: where
/// the location fuses those of several nodes, the last one's.
static StringAttr findTensor(Location loc) {
  StringAttr tensor;
  loc->walk([&](Location inner) {
    if (auto fused = dyn_cast<FusedLoc>(inner))
      if (auto name = dyn_cast_or_null<StringAttr>(fused.getMetadata()))
        tensor = name;
    return WalkResult::advance();
  });
  return tensor;
}

/// Writes down which tensor of the model each group stores. A node may have
/// become several ops: what the last one gives is the node's tensor.
static void attachTensorNames(func::FuncOp func) {
  llvm::DenseMap<StringAttr, GroupOp> last;
  for (GroupOp group : func.getOps<GroupOp>()) {
    if (group->getNumResults() != 1)
      continue;
    group->removeAttr(kTensorAttrName);
    Operation *yielded =
        group.getBody().front().getTerminator()->getOperand(0).getDefiningOp();
    if (StringAttr tensor =
            yielded ? findTensor(yielded->getLoc()) : StringAttr())
      last[tensor] = group;
  }
  for (auto [tensor, group] : last)
    group->setAttr(kTensorAttrName, tensor);
}

StringAttr GroupFormer::getUniqueName(Operation *root) {
  StringRef base =
      findName(root->getLoc()).value_or(root->getName().stripDialect());
  std::string name = base.str();
  for (unsigned suffix = 2; !names.insert(name).second; ++suffix)
    name = (base + "_" + Twine(suffix)).str();
  return builder.getStringAttr(name);
}

/// Copies of the dequantizations that the cluster's ops read, in front of it.
void GroupFormer::addDequantizations(Cluster &cluster) {
  Cluster result;
  llvm::DenseMap<Value, Value> copies;
  for (Operation *op : cluster) {
    if (!readsElements(op))
      continue;
    for (OpOperand &operand : op->getOpOperands()) {
      auto source = operand.get().getDefiningOp<DequantizeOp>();
      if (!source || (taken.contains(source) && !alone.contains(source)) ||
          cluster.contains(source))
        continue;
      Value &copy = copies[source];
      if (!copy) {
        builder.setInsertionPoint(cluster.front());
        copy = builder.clone(*source)->getResult(0);
        result.insert(copy.getDefiningOp());
        copied.insert(copy.getDefiningOp());
      }
      operand.set(copy);
    }
  }
  result.insert(cluster.begin(), cluster.end());
  cluster = std::move(result);
}

void GroupFormer::createGroup(const Cluster &cluster) {
  // The op that names the group, behind copied dequantizations.
  Operation *first = *llvm::find_if(
      cluster, [&](Operation *op) { return !copied.contains(op); });
  Value output =
      first == cluster.back() ? Value() : getOnlyEscapingValue(cluster);
  SmallVector<Value> outputs;
  if (output)
    outputs.push_back(output);
  else
    llvm::append_range(outputs, first->getResults());

  llvm::SetVector<Value> inputs;
  SmallVector<Location> locs;
  for (Operation *op : cluster) {
    locs.push_back(op->getLoc());
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() ||
          !cluster.contains(operand.getDefiningOp()))
        inputs.insert(operand);
  }

  builder.setInsertionPointAfter(cluster.back());
  auto group = GroupOp::create(builder, builder.getFusedLoc(locs),
                               ValueRange(outputs).getTypes(),
                               getUniqueName(first), inputs.getArrayRef(),
                               PrecisionAttr(), StringAttr(), RangeAttr());
  if (group.getBody().empty())
    group.getBody().emplaceBlock();
  Block &body = group.getBody().front();
  for (Value input : inputs)
    body.addArgument(input.getType(), input.getLoc());
  for (auto [value, result] : llvm::zip(outputs, group.getResults()))
    value.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !cluster.contains(use.getOwner());
    });
  for (Operation *op : cluster) {
    op->moveBefore(&body, body.end());
    for (OpOperand &operand : op->getOpOperands()) {
      auto input = llvm::find(inputs, operand.get());
      if (input != inputs.end())
        operand.set(body.getArgument(input - inputs.begin()));
    }
  }
  std::string members;
  for (Operation *op : cluster)
    members +=
        (members.empty() ? "" : ", ") + op->getName().stripDialect().str();
  remark::passed(group.getLoc(),
                 remark::RemarkOpts::name("Group").category("groups"))
      << ("group '" + group.getName() + "': " + members).str();
  builder.setInsertionPointToEnd(&body);
  YieldOp::create(builder, group.getLoc(), outputs);
}

LogicalResult GroupFormer::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : block) {
    // Bodies of loops and branches are like the function itself. Those of the
    // function have names, as groups do, by which their results are known.
    if (isControlFlow(op) && op.getNumRegions() != 0 &&
        isa<func::FuncOp>(block.getParentOp()) && !op.hasAttr(kNameAttrName))
      op.setAttr(kNameAttrName, getUniqueName(&op));
    if (!isa<GroupOp>(op))
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(GroupFormer(inner, names).run()))
            return failure();
    if (staysOutside(op))
      continue;
    if (op.getName().getDialectNamespace() !=
            MPCDialect::getDialectNamespace() ||
        op.getNumResults() == 0)
      return op.emitOpError("is not an op that a group can hold");
    ops.push_back(&op);
  }
  SmallVector<Cluster> clusters;
  auto form = [&](Operation *root) {
    clusters.push_back(extend(root));
    taken.insert(clusters.back().begin(), clusters.back().end());
  };
  for (Operation *op : llvm::reverse(ops))
    if (!isPositionwise(op))
      form(op);
  for (Operation *op : ops)
    if (!taken.contains(op) && !isa<DequantizeOp, StorageCastOp>(op))
      form(op);
  // What is left of dequantizations stands where no group can have its own.
  for (Operation *op : ops)
    if (!taken.contains(op) && isa<DequantizeOp>(op) &&
        !llvm::all_of(op->getUsers(), [&](Operation *user) {
          return taken.contains(user) && readsElements(user);
        })) {
      form(op);
      if (clusters.back().size() == 1)
        alone.insert(op);
    }

  // A group stands where its last op stood: all its operands are computed
  // before, all its users come after.
  llvm::DenseMap<Operation *, unsigned> order;
  for (auto [i, op] : llvm::enumerate(ops))
    order[op] = i;
  llvm::sort(clusters, [&](const Cluster &a, const Cluster &b) {
    return order[a.back()] < order[b.back()];
  });
  for (Cluster &cluster : clusters)
    addDequantizations(cluster);
  for (const Cluster &cluster : clusters)
    createGroup(cluster);
  for (Operation *op : llvm::reverse(ops))
    if (!taken.contains(op) && op->use_empty())
      op->erase();
  return success();
}

namespace {
struct FormGroupsPass : mpc::impl::FormGroupsBase<FormGroupsPass> {
  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      if (!func.getBody().hasOneBlock()) {
        func.emitOpError("expected one block, but got control flow");
        return signalPassFailure();
      }
      llvm::StringSet<> names;
      func.walk([&](Operation *op) {
        if (auto group = dyn_cast<GroupOp>(op))
          names.insert(group.getName());
        else if (auto name = op->getAttrOfType<StringAttr>(kNameAttrName))
          names.insert(name);
      });
      if (failed(GroupFormer(func.getBody().front(), names).run()))
        return signalPassFailure();
      attachTensorNames(func);
    }
  }
};
} // namespace
