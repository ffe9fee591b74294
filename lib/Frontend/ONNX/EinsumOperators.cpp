//===- EinsumOperators.cpp - sums of products by index --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are combined from left to right. Two of them make a matrix product
// over the labels that nothing needs any more; where there are none, an
// element-wise product.
//
//===----------------------------------------------------------------------===//

#include "Composition.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

namespace {

/// A letter, or a dimension of the ellipsis counted from its end.
using Label = int;
constexpr Label firstEllipsisLabel = 256;

/// An operand on the way: one label per dimension.
struct Term {
  Value value;
  SmallVector<Label> labels;

  RankedTensorType getType() const {
    return cast<RankedTensorType>(value.getType());
  }
  bool has(Label label) const { return llvm::is_contained(labels, label); }
  int64_t getSize(Label label) const {
    return getType().getDimSize(llvm::find(labels, label) - labels.begin());
  }
};

class Einsum {
public:
  explicit Einsum(NodeContext &node) : node(node) {}
  /// Null after an error.
  Value build();

private:
  bool parse(StringRef equation);
  bool parseTerm(StringRef text, std::optional<unsigned> operand,
                 SmallVectorImpl<Label> &labels);
  void takeDiagonals(Term &term);
  void sumOver(Term &term, ArrayRef<Label> labels);
  /// Removes dimensions of size 1.
  void squeeze(Term &term, ArrayRef<Label> labels);
  /// `term` with its dimensions in another order.
  Value permute(const Term &term, ArrayRef<Label> order);
  Term combine(Term lhs, Term rhs, ArrayRef<Label> needed);

  NodeContext &node;
  SmallVector<Term> terms;
  SmallVector<Label> result;
  int64_t ellipsisRank = 0;
};

} // namespace

static bool isEllipsis(Label label) { return label >= firstEllipsisLabel; }

/// Reads the labels of one operand, or of the result where there is no operand.
bool Einsum::parseTerm(StringRef text, std::optional<unsigned> operand,
                       SmallVectorImpl<Label> &labels) {
  std::string what =
      operand ? "the term of input " + std::to_string(*operand) : "the result";
  bool hasEllipsis = false;
  int64_t letters = llvm::count_if(text, [](char c) { return c != '.'; });
  while (!text.empty()) {
    if (text.consume_front("...")) {
      if (hasEllipsis)
        return (void)node.error("expected one ellipsis in " + what), false;
      hasEllipsis = true;
      int64_t count = ellipsisRank;
      if (operand) {
        count = node.getInputRank(*operand) - letters;
        ellipsisRank = std::max(ellipsisRank, count);
      }
      for (int64_t i = count; i-- > 0;)
        labels.push_back(firstEllipsisLabel + i);
      continue;
    }
    if (!llvm::isAlpha(text.front()))
      return (void)node.error("expected letters and an ellipsis in " + what +
                              ", but got '" + text.take_front() + "'"),
             false;
    labels.push_back(text.front());
    text = text.drop_front();
  }
  if (operand &&
      static_cast<int64_t>(labels.size()) != node.getInputRank(*operand))
    return (void)node.error("expected one label per dimension in " + what +
                            " of rank " + Twine(node.getInputRank(*operand)) +
                            ", but got " + Twine(labels.size())),
           false;
  return true;
}

bool Einsum::parse(StringRef equation) {
  std::string compact;
  for (char c : equation)
    if (!llvm::isSpace(c))
      compact.push_back(c);
  StringRef text = compact;
  size_t arrow = text.find("->");
  SmallVector<StringRef> inputs;
  text.take_front(arrow).split(inputs, ',');
  if (inputs.size() != node.getNumInputs())
    return (void)node.error("expected an equation of " +
                            Twine(node.getNumInputs()) + " terms, but got '" +
                            equation + "'"),
           false;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    terms.emplace_back();
    if (!parseTerm(input, index, terms.back().labels))
      return false;
    terms.back().value = node.getOperand(index);
    if (!terms.back().value)
      return false;
  }
  if (arrow != StringRef::npos) {
    if (!parseTerm(text.drop_front(arrow + 2), std::nullopt, result))
      return false;
  } else {
    // The ellipsis, then the letters that stand once, in their order.
    std::map<Label, int> counts;
    for (const Term &term : terms)
      for (Label label : term.labels)
        ++counts[label];
    for (int64_t i = ellipsisRank; i-- > 0;)
      result.push_back(firstEllipsisLabel + i);
    for (auto [label, count] : counts)
      if (!isEllipsis(label) && count == 1)
        result.push_back(label);
  }
  for (auto [index, label] : llvm::enumerate(result)) {
    if (llvm::is_contained(ArrayRef(result).take_front(index), label))
      return (void)node.error("expected distinct labels in the result of '" +
                              equation + "'"),
             false;
    if (llvm::none_of(terms, [&, label = label](const Term &term) {
          return term.has(label);
        }))
      return (void)node.error("expected the labels of the result in a term of "
                              "'" +
                              equation + "'"),
             false;
  }
  return true;
}

Value Einsum::permute(const Term &term, ArrayRef<Label> order) {
  SmallVector<int64_t> perm;
  for (Label label : order)
    perm.push_back(llvm::find(term.labels, label) - term.labels.begin());
  if (llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())))
    return term.value;
  return node.createTranspose(term.value, perm);
}

/// `ii` becomes `i`: behind the others, flattened, every (n+1)-th element.
void Einsum::takeDiagonals(Term &term) {
  for (size_t first = 0; term.value && first < term.labels.size(); ++first) {
    Label label = term.labels[first];
    size_t second = first + 1;
    while (second < term.labels.size() && term.labels[second] != label)
      ++second;
    if (second == term.labels.size())
      continue;
    RankedTensorType type = term.getType();
    int64_t size = type.getDimSize(first);
    if (size != type.getDimSize(second) || ShapedType::isDynamic(size))
      return (void)node.error("expected the same static size wherever a term "
                              "repeats a label");
    SmallVector<int64_t> perm, shape;
    SmallVector<Label> labels;
    for (size_t d = 0; d < term.labels.size(); ++d) {
      if (d == first || d == second)
        continue;
      perm.push_back(d);
      shape.push_back(type.getDimSize(d));
      labels.push_back(term.labels[d]);
    }
    perm.append({static_cast<int64_t>(first), static_cast<int64_t>(second)});
    shape.push_back(size * size);
    Value flat =
        node.createReshape(node.createTranspose(term.value, perm), shape);
    SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1), sizes;
    for (int64_t extent : shape)
      sizes.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
    sizes.back() = size;
    steps.back() = size + 1;
    term.value = node.create<SliceOp>(flat, {node.i64s("starts", starts),
                                             node.i64s("sizes", sizes),
                                             node.i64s("steps", steps)});
    labels.push_back(label);
    term.labels = labels;
    first = static_cast<size_t>(-1); // the order has changed
  }
}

void Einsum::sumOver(Term &term, ArrayRef<Label> labels) {
  if (labels.empty() || !term.value)
    return;
  SmallVector<int64_t> axes;
  for (Label label : labels)
    axes.push_back(llvm::find(term.labels, label) - term.labels.begin());
  llvm::sort(axes);
  for (int64_t axis : axes)
    if (term.getType().isDynamicDim(axis))
      return (void)node.error("sums over the batch, whose size is not known; "
                              "--shape can fix it"),
             (void)(term.value = Value());
  term.value = createReduce(node, term.value, ReduceKind::Sum, axes, false);
  llvm::erase_if(term.labels, [&](Label label) {
    return llvm::is_contained(labels, label);
  });
}

void Einsum::squeeze(Term &term, ArrayRef<Label> labels) {
  if (labels.empty() || !term.value)
    return;
  SmallVector<int64_t> shape;
  SmallVector<Label> left;
  for (auto [label, size] :
       llvm::zip_equal(term.labels, term.getType().getShape()))
    if (!llvm::is_contained(labels, label)) {
      left.push_back(label);
      shape.push_back(size);
    }
  term.value = node.createReshape(term.value, shape);
  term.labels = left;
}

/// The product of two terms, with the labels that `needed` lists.
Term Einsum::combine(Term lhs, Term rhs, ArrayRef<Label> needed) {
  auto isNeeded = [&](Label label) {
    return llvm::is_contained(needed, label);
  };
  // A dimension of size 1 is broadcast: the other operand's alone counts.
  SmallVector<Label> lhsUnits, rhsUnits;
  for (Label label : lhs.labels) {
    if (!rhs.has(label))
      continue;
    int64_t l = lhs.getSize(label), r = rhs.getSize(label);
    if (l == r)
      continue;
    if (l != 1 && r != 1)
      return (void)node.error("expected the same size wherever a label "
                              "stands, but got " +
                              Twine(l) + " and " + Twine(r)),
             Term();
    (l == 1 ? lhsUnits : rhsUnits).push_back(label);
  }
  squeeze(lhs, lhsUnits);
  squeeze(rhs, rhsUnits);
  if (!lhs.value || !rhs.value)
    return {};

  // What one operand alone has and nothing needs is summed first.
  auto sumAlone = [&](Term &term, const Term &other) {
    SmallVector<Label> alone;
    for (Label label : term.labels)
      if (!other.has(label) && !isNeeded(label))
        alone.push_back(label);
    sumOver(term, alone);
  };
  sumAlone(lhs, rhs);
  sumAlone(rhs, lhs);
  if (!lhs.value || !rhs.value)
    return {};

  // The batch is never part of a flattened dimension: where one operand alone
  // has it, the other is broadcast along it.
  SmallVector<Label> leading, summed, rows, columns;
  for (Label label : lhs.labels) {
    bool isShared = rhs.has(label);
    if (isShared && !isNeeded(label))
      summed.push_back(label);
    else if (isShared || ShapedType::isDynamic(lhs.getSize(label)))
      leading.push_back(label);
    else
      rows.push_back(label);
  }
  for (Label label : rhs.labels) {
    if (lhs.has(label))
      continue;
    bool isBatch = ShapedType::isDynamic(rhs.getSize(label));
    (isBatch ? leading : columns).push_back(label);
  }
  auto arrange = [&](const Term &term, ArrayRef<ArrayRef<Label>> groups) {
    SmallVector<Label> order;
    for (ArrayRef<Label> group : groups)
      for (Label label : group)
        if (term.has(label))
          order.push_back(label);
    return permute(term, order);
  };
  auto sizesOf = [&](const Term &term, ArrayRef<Label> labels) {
    return llvm::map_to_vector(labels, [&](Label label) -> int64_t {
      return term.has(label) ? term.getSize(label) : 1;
    });
  };
  SmallVector<int64_t> lhsShape = sizesOf(lhs, leading),
                       rhsShape = sizesOf(rhs, leading), shape;
  for (auto [l, r] : llvm::zip_equal(lhsShape, rhsShape))
    shape.push_back(l == 1 ? r : l);
  SmallVector<int64_t> rowSizes = sizesOf(lhs, rows),
                       columnSizes = sizesOf(rhs, columns);
  shape.append(rowSizes);
  shape.append(columnSizes);
  Term product;
  product.labels = leading;
  product.labels.append(rows);
  product.labels.append(columns);

  if (summed.empty()) {
    lhsShape.append(rowSizes);
    lhsShape.append(columns.size(), 1);
    rhsShape.append(rows.size(), 1);
    rhsShape.append(columnSizes);
    Value l = node.createReshape(arrange(lhs, {leading, rows}), lhsShape);
    Value r = node.createReshape(arrange(rhs, {leading, columns}), rhsShape);
    product.value = node.create<MulOp>({l, r});
    return product;
  }
  SmallVector<int64_t> summedSizes = sizesOf(lhs, summed);
  if (llvm::any_of(summedSizes, ShapedType::isDynamic))
    return (void)node.error("sums over the batch, whose size is not known; "
                            "--shape can fix it"),
           Term();
  int64_t inner = frontend::product(summedSizes);
  lhsShape.append({frontend::product(rowSizes), inner});
  rhsShape.append({inner, frontend::product(columnSizes)});
  Value l = node.createReshape(arrange(lhs, {leading, rows, summed}), lhsShape);
  Value r =
      node.createReshape(arrange(rhs, {leading, summed, columns}), rhsShape);
  product.value = node.createReshape(node.create<MatMulOp>({l, r}), shape);
  return product;
}

Value Einsum::build() {
  if (!node.hasAttribute("equation"))
    return (void)node.error("expected attribute 'equation'"), Value();
  if (!parse(node.getString("equation", "")))
    return {};
  for (Term &term : terms) {
    takeDiagonals(term);
    if (node.hasFailed() || !term.value)
      return {};
  }
  Term term = terms.front();
  for (size_t next = 1; next < terms.size(); ++next) {
    SmallVector<Label> needed(result);
    for (const Term &later : ArrayRef(terms).drop_front(next + 1))
      needed.append(later.labels);
    term = combine(term, terms[next], needed);
    if (!term.value)
      return {};
  }
  SmallVector<Label> left;
  for (Label label : term.labels)
    if (!llvm::is_contained(result, label))
      left.push_back(label);
  sumOver(term, left);
  return term.value ? permute(term, result) : Value();
}

static void emitEinsum(NodeContext &node) {
  node.setResult(0, Einsum(node).build());
}

ArrayRef<Operator> frontend::getEinsumOperators() {
  static const Operator rows[] = {
      {"Einsum", 12, newestOpset, 1, variadic, nullptr, emitEinsum},
  };
  return rows;
}
