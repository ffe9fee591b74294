//===- Chains.h - groups that run together, block by block ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mpc-select-chains, which decides, and mpc-tile-chains, which applies,
// both need to know of calls that follow each other.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_CHAINS_H
#define MPC_CODEGEN_CHAINS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mpc {

/// On a call: the number of the chain that it belongs to, the rows of the
/// chain's blocks and, where these take the columns of rows piece by piece, the
/// columns of a piece, as array<i64>.
inline constexpr llvm::StringLiteral kChainAttrName = "mpc.chain";

/// On the loop over a chain's blocks: the columns of a piece.
inline constexpr llvm::StringLiteral kPieceAttrName = "kernel.piece";

/// How a chain is divided.
struct ChainBlocks {
  int64_t rows = 0;  // 0: not at all
  int64_t piece = 0; // columns of a piece, 0: all at once
};

/// Whether a call of a chain may have `op` between itself and the next one:
/// nothing that reads or writes a buffer.
bool isBetweenCalls(mlir::Operation *op);

/// Calls that follow each other, as one function, and what its operations do
/// with the rows of the first contraction's result: its positions but the last
/// dimension's. Every operation of the chain handles them independently. Blocks
/// divide the last of these dimensions.
class Chain {
public:
  /// Looks at `calls`, of one block; where they are no chain, `reason` says
  /// why.
  static mlir::FailureOr<Chain> get(mlir::ArrayRef<mlir::func::CallOp> calls,
                                    std::string &reason);

  /// Rows of all blocks of one position of the other dimensions.
  int64_t getNumRows() const { return extents.back().second; }
  /// The rows of a block so that what is handed on from kernel to kernel fits
  /// the target's scratch memory; 0 where a block is not worth it: where even
  /// one tile's rows do not fit, or rows are short.
  int64_t chooseRows(const TargetDescription &target) const;
  /// Blocks of one row of all positions, dynamic dimensions counted once.
  int64_t countRows() const;
  /// Bytes of one sample's buffers that the chain hands on from kernel to
  /// kernel, and that blocks of rows replace.
  int64_t getSavedBytes() const;
  /// Whether blocks of rows read whole weights that all positions share.
  bool sharesWeights() const;

  /// A buffer of a block: one takes the place of another that is done with.
  struct Slot {
    mlir::MemRefType type;
    mlir::Location loc;
    mlir::SmallVector<mlir::Value> bases;
    size_t last;
    bool isKernels = false; // whether a contraction touches it
  };
  /// The buffers of a block of `rows` rows.
  mlir::SmallVector<Slot> getSlots(int64_t rows) const;
  mlir::SmallVector<kernel::ContractOp> getContractions() const;
  /// The operations that blocks of rows run through.
  mlir::SmallVector<mlir::Operation *> getOps() const;
  /// Whether all of what `value` is a view of is a buffer of the block.
  bool isOfBlock(mlir::Value value) const {
    mlir::Value base = getBase(value);
    return written.contains(base) &&
           base.getDefiningOp<mlir::memref::AllocOp>();
  }

  /// One parallel loop over blocks of `rows` rows instead of the operations.
  mlir::scf::ForallOp tile(int64_t rows, const TargetDescription &target);
  /// What `tile` would make of the calls, for a look at it.
  mlir::OwningOpRef<mlir::func::FuncOp>
  tryTile(int64_t rows, const TargetDescription &target) const;
  /// Replaces the calls by one of the chain's function, which becomes part of
  /// their module.
  void replaceCalls(mlir::SymbolTable &symbols);

private:
  /// The size of a dimension: a number, or a value.
  using Extent = std::pair<mlir::Value, int64_t>;
  /// Per dimension of an operand, the number of the dimension of rows that it
  /// is, or -1.
  using Rows = mlir::SmallVector<int>;
  /// First and last operation that touches a buffer.
  struct Live {
    size_t first, last;
    bool isKernels = false; // whether one of them is a contraction
  };

  /// What `buffer` is a view of: an allocation, an argument, or a constant;
  /// null for what else there may be.
  static mlir::Value getBase(mlir::Value buffer);
  /// Which rows the dimensions of an operand are, where its op's loops
  /// `rowLoops` are; none where a dimension depends on a row in another way.
  static std::optional<Rows> getRows(mlir::OpOperand &operand,
                                     mlir::ArrayRef<int> rowLoops);
  mlir::LogicalResult join(std::string &reason);
  mlir::LogicalResult match(std::string &reason);
  bool readsOnlyOutside(mlir::Operation *op) const;
  bool addSetup(mlir::Operation *op);
  bool add(mlir::Operation *op);
  std::optional<Rows> findRowLoops(mlir::Operation *op) const;
  int64_t getRowBytes(bool handedOnOnly) const;
  bool hasLongRows() const;
  /// Estimated nanoseconds of a block.
  double getCost(int64_t rows, const TargetDescription &target) const;

  mlir::SmallVector<mlir::func::CallOp> calls;
  mlir::OwningOpRef<mlir::func::FuncOp> function;
  /// Operations of the calls' block that move into the function, and values
  /// that are passed to it.
  mlir::SmallVector<mlir::Operation *> moved;
  mlir::SmallVector<mlir::Value> operands;

  mlir::SmallVector<Extent> extents;
  /// The operations that blocks of rows run through, with the loops that rows
  /// are; in front of them stands what all blocks need.
  llvm::MapVector<mlir::Operation *, Rows> ops;
  /// Rows of each buffer that `ops` write; what they touch; what the
  /// operations in front touch.
  llvm::MapVector<mlir::Value, Rows> written;
  llvm::MapVector<mlir::Value, Live> touched;
  llvm::SetVector<mlir::Value> before;
};

/// Marks calls that run together by such blocks as `choose` says with
/// `mpc.chain`; where it says nothing, no longer chain will do either. `pass`
/// is the category of remarks.
void selectChains(
    mlir::ModuleOp module, llvm::StringRef pass,
    llvm::function_ref<std::optional<ChainBlocks>(const Chain &)> choose);

} // namespace mpc

#endif // MPC_CODEGEN_CHAINS_H
