//===- OperatorTable.h - how each ONNX operator is imported ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table drives import. An operator is a row of its family's list: the
// versions of its domain that have it, how many inputs it takes, how it is
// computed on known tensors and how it becomes ops. Families share handlers;
// differences between versions of an operator are the handler's matter.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_OPERATORTABLE_H
#define MPC_LIB_FRONTEND_ONNX_OPERATORTABLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <limits>

namespace mpc::frontend {

class NodeContext;

/// Creates ops and sets the node's results; errors go through the context.
using EmitFunction = void (*)(NodeContext &);
/// Computes the results from what is known of the inputs. False, without an
/// error, where that is not enough.
using FoldFunction = bool (*)(NodeContext &);

constexpr unsigned variadic = std::numeric_limits<unsigned>::max();

struct Operator {
  /// Behind its domain and a point, if that is not the default domain:
  /// "com.microsoft.QLinearAdd".
  llvm::StringLiteral name;
  /// The first version of the domain that has the operator, and the last.
  int64_t since, until;
  /// How many inputs; those up to the minimum must not be left out.
  unsigned minInputs, maxInputs;
  FoldFunction fold;
  EmitFunction emit;
};

/// Versions of the default domain whose operators are known.
constexpr int64_t oldestOpset = 1, newestOpset = 28;

llvm::ArrayRef<Operator> getElementwiseOperators();
llvm::ArrayRef<Operator> getActivationOperators();
llvm::ArrayRef<Operator> getCastOperators();
llvm::ArrayRef<Operator> getLogicOperators();
llvm::ArrayRef<Operator> getContractionOperators();
llvm::ArrayRef<Operator> getLossOperators();
llvm::ArrayRef<Operator> getReductionOperators();
llvm::ArrayRef<Operator> getNormalizationOperators();
llvm::ArrayRef<Operator> getEinsumOperators();
llvm::ArrayRef<Operator> getQuantizedOperators();
llvm::ArrayRef<Operator> getMatrixOperators();
llvm::ArrayRef<Operator> getAttentionOperators();
llvm::ArrayRef<Operator> getContribAttentionOperators();
llvm::ArrayRef<Operator> getPoolingOperators();
llvm::ArrayRef<Operator> getResizeOperators();
llvm::ArrayRef<Operator> getSamplingOperators();
llvm::ArrayRef<Operator> getSignalOperators();
llvm::ArrayRef<Operator> getMovementOperators();
llvm::ArrayRef<Operator> getSliceOperators();
llvm::ArrayRef<Operator> getShapeOperators();
llvm::ArrayRef<Operator> getRecurrentOperators();
llvm::ArrayRef<Operator> getControlOperators();
llvm::ArrayRef<Operator> getIndexingOperators();
llvm::ArrayRef<Operator> getRankingOperators();
llvm::ArrayRef<Operator> getDataDependentOperators();

/// The rows of all families by domain and name.
class OperatorTable {
public:
  OperatorTable();
  /// Null for an operator that is unknown at this version of the domain.
  const Operator *find(llvm::StringRef domain, llvm::StringRef name,
                       int64_t version) const;
  const llvm::StringMap<const Operator *> &getRows() const { return rows; }

private:
  llvm::StringMap<const Operator *> rows;
};

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_OPERATORTABLE_H
