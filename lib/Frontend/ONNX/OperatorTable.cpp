//===- OperatorTable.cpp - how each ONNX operator is imported
//--------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperatorTable.h"
#include "mpc/Frontend/ONNX/Import.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace mpc;
using namespace mpc::frontend;

OperatorTable::OperatorTable() {
  for (ArrayRef<Operator> family : {
           getIndexingOperators(),
           getRankingOperators(),
           getDataDependentOperators(),
           getElementwiseOperators(),
           getActivationOperators(),
           getCastOperators(),
           getLogicOperators(),
           getContractionOperators(),
           getLossOperators(),
           getReductionOperators(),
           getNormalizationOperators(),
           getEinsumOperators(),
           getMatrixOperators(),
           getAttentionOperators(),
           getContribAttentionOperators(),
           getPoolingOperators(),
           getResizeOperators(),
           getSamplingOperators(),
           getSignalOperators(),
           getMovementOperators(),
           getSliceOperators(),
           getShapeOperators(),
           getRecurrentOperators(),
           getControlOperators(),
           getQuantizedOperators(),
       })
    for (const Operator &row : family)
      rows[row.name] = &row;
}

const Operator *OperatorTable::find(StringRef domain, StringRef name,
                                    int64_t version) const {
  bool isDefault = domain.empty() || domain == "ai.onnx";
  const Operator *row =
      rows.lookup(isDefault ? name.str() : (domain + "." + name).str());
  return row && version >= row->since && version <= row->until ? row : nullptr;
}

std::vector<mpc::ImportedOperator> mpc::getImportedOperators() {
  OperatorTable table;
  std::vector<ImportedOperator> operators;
  for (const auto &entry : table.getRows()) {
    const Operator &row = *entry.second;
    std::optional<int64_t> until;
    if (row.until < newestOpset)
      until = row.until;
    operators.push_back({row.name.str(), row.since, until, !row.emit});
  }
  llvm::sort(operators, [](const auto &a, const auto &b) {
    return std::make_pair(StringRef(a.name).contains('.'), a.name) <
           std::make_pair(StringRef(b.name).contains('.'), b.name);
  });
  return operators;
}
