//===- EmulateWGMMA.cpp - wgmma from descriptors of shared memory ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After "Asynchronous Warpgroup Level Matrix Instructions" of the PTX ISA:
// "Matrix Descriptor Format", "Strides" and "Register Fragments". A buffer's
// address is 0 here; a descriptor says by what it is computed from which buffer
// it is for. The multiplication is done at once: what it reads counts as being
// read until somebody has waited for its group. Floating-point sums are f32, in
// the order of k.
//
//===----------------------------------------------------------------------===//

#include "KernelEmulator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mpc;

static constexpr llvm::StringLiteral kAddress = R"mlir(
// Where 16 bytes of an operand stand, in units of 16 bytes.
func.func private @mpc_wgmma_address(%descriptor: i64, %row: index, %chunk: index) -> index {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %mask = arith.constant 0x3FFF : i64
  %s16 = arith.constant 16 : i64
  %s32 = arith.constant 32 : i64
  %s62 = arith.constant 62 : i64
  %low = arith.andi %descriptor, %mask : i64
  %second = arith.shrui %descriptor, %s16 : i64
  %second1 = arith.andi %second, %mask : i64
  %third = arith.shrui %descriptor, %s32 : i64
  %third1 = arith.andi %third, %mask : i64
  %fourth = arith.shrui %descriptor, %s62 : i64
  %start = arith.index_cast %low : i64 to index
  %leading = arith.index_cast %second1 : i64 to index
  %stride = arith.index_cast %third1 : i64 to index
  %mode = arith.index_cast %fourth : i64 to index
  %group = arith.divui %row, %c8 : index
  %inGroup = arith.remui %row, %c8 : index
  %groups = arith.muli %group, %stride : index
  %first = arith.addi %start, %groups : index
  %c0 = arith.constant 0 : index
  %isPlain = arith.cmpi eq, %mode, %c0 : index
  %result = scf.if %isPlain -> index {
    %chunks = arith.muli %chunk, %leading : index
    %there = arith.addi %first, %chunks : index
    %at = arith.addi %there, %inGroup : index
    scf.yield %at : index
  } else {
    // Rows of 8, 4 or 2 chunks; their number is xored with bits 3 and up.
    %rowChunks = arith.shrui %c16, %mode : index
    %rows = arith.muli %inGroup, %rowChunks : index
    %there = arith.addi %first, %rows : index
    %at = arith.addi %there, %chunk : index
    %bits = arith.shrui %at, %c3 : index
    %most = arith.subi %rowChunks, %c1 : index
    %swap = arith.andi %bits, %most : index
    %swapped = arith.xori %at, %swap : index
    scf.yield %swapped : index
  }
  return %result : index
}
)mlir";

/// {0} type's name, {1} element, {2} sum, {3} how it is widened, {4} elements
/// of 16 bytes, {5} elements of k, {6} zero.
static constexpr const char *kRead = R"mlir(
// An operand, k × rows.
func.func private @mpc_wgmma_read_{0}(%memory: memref<?x{1}>, %buffer: index, %unit: index, %block: index,
    %faults: memref<7xi32>, %descriptor: i64, %rows: index, %result: memref<{5}x256x{2}>) attributes {{no_inline} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1 : i32
  %zero = arith.constant {6} : {1}
  %perChunk = arith.constant {4} : index
  %size = memref.dim %memory, %c0 : memref<?x{1}>
  %perUnits = arith.divui %perChunk, %unit : index
  %numUnits = arith.maxui %perUnits, %c1 : index
  scf.for %row = %c0 to %rows step %c1 {{
    scf.for %chunk = %c0 to %c2 step %c1 {{
      %at = func.call @mpc_wgmma_address(%descriptor, %row, %chunk) : (i64, index, index) -> index
      %first = arith.muli %at, %perChunk : index
      %end = arith.addi %first, %perChunk : index
      %isInside = arith.cmpi ule, %end, %size : index
      scf.if %isInside {{
        %firstUnit = arith.divui %first, %unit : index
        func.call @mpc_rt_emulated_read_async(%block, %buffer, %firstUnit, %numUnits) : (index, index, index, index) -> ()
      } else {{
        memref.store %one, %faults[%c0] : memref<7xi32>
      }
      scf.for %i = %c0 to %perChunk step %c1 {{
        %element = scf.if %isInside -> {1} {{
          %from = arith.addi %first, %i : index
          %loaded = memref.load %memory[%from] : memref<?x{1}>
          scf.yield %loaded : {1}
        } else {{
          scf.yield %zero : {1}
        }
        %wide = {3} %element : {1} to {2}
        %chunks = arith.muli %chunk, %perChunk : index
        %k = arith.addi %chunks, %i : index
        memref.store %wide, %result[%k, %row] : memref<{5}x256x{2}>
      }
    }
  }
  return
}
)mlir";

/// {0} name, {1} and {2} the operands' types, {3} element, {4} sum, {5}
/// elements of k, {6} and {7} how is multiplied and added.
static constexpr const char *kMultiply = R"mlir(
func.func private @{0}(%a: memref<?x{3}>, %aBuffer: index, %aUnit: index, %w: memref<?x{3}>, %wBuffer: index,
    %wUnit: index, %block: index, %faults: memref<7xi32>, %aDescriptor: i64, %wDescriptor: i64, %sums: memref<?x?x{4}>,
    %firstThread: index, %columns: index) attributes {{no_inline} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %depth = arith.constant {5} : index
  %left = memref.alloca() : memref<{5}x256x{4}>
  %right = memref.alloca() : memref<{5}x256x{4}>
  %line = memref.alloca() : memref<256x{4}>
  func.call @mpc_wgmma_read_{1}(%a, %aBuffer, %aUnit, %block, %faults, %aDescriptor, %c64, %left)
      : (memref<?x{3}>, index, index, index, memref<7xi32>, i64, index, memref<{5}x256x{4}>) -> ()
  func.call @mpc_wgmma_read_{2}(%w, %wBuffer, %wUnit, %block, %faults, %wDescriptor, %columns, %right)
      : (memref<?x{3}>, index, index, index, memref<7xi32>, i64, index, memref<{5}x256x{4}>) -> ()
  scf.for %row = %c0 to %c64 step %c1 {{
    %warp = arith.divui %row, %c16 : index
    %inWarp = arith.remui %row, %c16 : index
    %i = arith.divui %inWarp, %c8 : index
    %g = arith.remui %row, %c8 : index
    %warps = arith.muli %warp, %c32 : index
    %lanes = arith.muli %g, %c4 : index
    %inGroup = arith.addi %warps, %lanes : index
    %thread0 = arith.addi %firstThread, %inGroup : index
    %register0 = arith.muli %i, %c2 : index
    scf.for %column = %c0 to %columns step %c1 {{
      %fragment = arith.divui %column, %c8 : index
      %inFragment = arith.remui %column, %c8 : index
      %t = arith.divui %inFragment, %c2 : index
      %j = arith.remui %column, %c2 : index
      %thread = arith.addi %thread0, %t : index
      %registers = arith.muli %fragment, %c4 : index
      %register1 = arith.addi %registers, %register0 : index
      %register = arith.addi %register1, %j : index
      %sum = memref.load %sums[%thread, %register] : memref<?x?x{4}>
      memref.store %sum, %line[%column] : memref<256x{4}>
    }
    scf.for %k = %c0 to %depth step %c1 {{
      %x = memref.load %left[%k, %row] : memref<{5}x256x{4}>
      scf.for %column = %c0 to %columns step %c1 {{
        %y = memref.load %right[%k, %column] : memref<{5}x256x{4}>
        %sum = memref.load %line[%column] : memref<256x{4}>
        %product = {6} %x, %y : {4}
        %next = {7} %sum, %product : {4}
        memref.store %next, %line[%column] : memref<256x{4}>
      }
    }
    scf.for %column = %c0 to %columns step %c1 {{
      %fragment = arith.divui %column, %c8 : index
      %inFragment = arith.remui %column, %c8 : index
      %t = arith.divui %inFragment, %c2 : index
      %j = arith.remui %column, %c2 : index
      %thread = arith.addi %thread0, %t : index
      %registers = arith.muli %fragment, %c4 : index
      %register1 = arith.addi %registers, %register0 : index
      %register = arith.addi %register1, %j : index
      %sum = memref.load %line[%column] : memref<256x{4}>
      memref.store %sum, %sums[%thread, %register] : memref<?x?x{4}>
    }
  }
  return
}
)mlir";

/// Puts the functions of `text` into the module, unless `name` is there.
static void insertFunctions(StringRef name, StringRef text,
                            SymbolTable &symbols) {
  if (symbols.lookup(name))
    return;
  auto module = cast<ModuleOp>(symbols.getOp());
  Block block;
  LogicalResult result =
      parseSourceString(text, &block,
                        ParserConfig(module.getContext(),
                                     /*verifyAfterParse=*/false));
  (void)result;
  assert(succeeded(result) && "the functions above are correct");
  while (!block.empty()) {
    Operation *function = &block.front();
    function->remove();
    symbols.insert(function);
  }
}

/// The name of a type of operands, or nothing.
static StringRef nameOf(NVVM::WGMMATypes type) {
  switch (type) {
  case NVVM::WGMMATypes::f16:
    return "f16";
  case NVVM::WGMMATypes::bf16:
    return "bf16";
  case NVVM::WGMMATypes::s8:
    return "s8";
  case NVVM::WGMMATypes::u8:
    return "u8";
  default:
    return "";
  }
}

func::FuncOp mpc::getWGMMAFunction(NVVM::WgmmaMmaAsyncOp wgmma,
                                   SymbolTable &symbols) {
  StringRef a = nameOf(wgmma.getTypeA()), w = nameOf(wgmma.getTypeB());
  bool isInteger = a.ends_with("8");
  NVVM::MMAShapeAttr shape = wgmma.getShape();
  int64_t depth = isInteger ? 32 : 16;
  bool fits = !a.empty() && !w.empty() && isInteger == w.ends_with("8") &&
              (isInteger || a == w) && shape.getM() == 64 &&
              shape.getN() <= 256 && shape.getK() == depth &&
              !wgmma.getSatfinite() &&
              wgmma.getTypeD() ==
                  (isInteger ? NVVM::WGMMATypes::s32 : NVVM::WGMMATypes::f32) &&
              wgmma.getScaleD() == NVVM::WGMMAScaleOut::one &&
              wgmma.getScaleA() == NVVM::WGMMAScaleIn::one &&
              wgmma.getScaleB() == NVVM::WGMMAScaleIn::one &&
              wgmma.getLayoutA() == NVVM::MMALayout::row &&
              wgmma.getLayoutB() == NVVM::MMALayout::col;
  if (!fits) {
    wgmma.emitOpError("cannot be emulated: expected m64nNk32 of 8-bit integers "
                      "with wrapping sums, or m64nNk16 of f16 or bf16 with f32 "
                      "sums, k innermost");
    return {};
  }
  const char *sum = isInteger ? "i32" : "f32";
  insertFunctions("mpc_wgmma_address", kAddress, symbols);
  declareRuntime(symbols, "mpc_rt_emulated_read_async", /*numOperands=*/4);
  for (StringRef type : {a, w}) {
    std::string text =
        llvm::formatv(kRead, type, isInteger ? "i8" : type.str().c_str(), sum,
                      type == "u8"   ? "arith.extui"
                      : type == "s8" ? "arith.extsi"
                                     : "arith.extf",
                      isInteger ? 16 : 8, depth, isInteger ? "0" : "0.0");
    insertFunctions(("mpc_wgmma_read_" + type).str(), text, symbols);
  }
  std::string name = ("mpc_wgmma_" + a + "_" + w).str();
  std::string text =
      llvm::formatv(kMultiply, name, a, w, isInteger ? "i8" : a.str().c_str(),
                    sum, depth, isInteger ? "arith.muli" : "arith.mulf",
                    isInteger ? "arith.addi" : "arith.addf");
  insertFunctions(name, text, symbols);
  return symbols.lookup<func::FuncOp>(name);
}

Value mpc::getDescribedBuffer(Value descriptor) {
  SmallVector<Value> worklist = {descriptor};
  llvm::SmallPtrSet<Operation *, 16> seen;
  Value buffer;
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    if (auto pointer = dyn_cast<memref::ExtractAlignedPointerAsIndexOp>(op)) {
      if (buffer && buffer != pointer.getSource())
        return {};
      buffer = pointer.getSource();
      continue;
    }
    llvm::append_range(worklist, op->getOperands());
  }
  return buffer;
}

Value mpc::getColumn(ImplicitLocOpBuilder &b, Value buffer, int64_t column) {
  auto index = [&](int64_t value) -> OpFoldResult {
    return b.getIndexAttr(value);
  };
  auto type = cast<MemRefType>(buffer.getType());
  int64_t threads = type.getDimSize(0);
  auto result = memref::SubViewOp::inferRankReducedResultType(
      {threads}, type, {index(0), index(column)}, {index(threads), index(1)},
      {index(1), index(1)});
  return memref::SubViewOp::create(
      b, cast<MemRefType>(result), buffer,
      ArrayRef<OpFoldResult>{index(0), index(column)},
      ArrayRef<OpFoldResult>{index(threads), index(1)},
      ArrayRef<OpFoldResult>{index(1), index(1)});
}

void mpc::fillWithZeros(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> indices;
  for (int64_t size : type.getShape()) {
    auto loop = scf::ForOp::create(b, constant(0), constant(size), constant(1));
    b.setInsertionPointToStart(loop.getBody());
    indices.push_back(loop.getInductionVar());
  }
  memref::StoreOp::create(b, zero, buffer, indices);
}

Value KernelEmulator::getRegisters(Value value) {
  Value &buffer = registers[value];
  if (buffer)
    return buffer;
  auto type = cast<LLVM::LLVMStructType>(value.getType());
  buffer = createBuffer(
      MemRefType::get({threads, static_cast<int64_t>(type.getBody().size())},
                      type.getBody().front()));
  return buffer;
}

/// The sums of `wgmma` stand where those that it adds to stood, unless somebody
/// else uses them.
LogicalResult KernelEmulator::emitWGMMA(NVVM::WgmmaMmaAsyncOp wgmma) {
  func::FuncOp callee = getWGMMAFunction(wgmma, symbols);
  if (!callee)
    return failure();
  SmallVector<Value> operands;
  auto dynamic = [&](Value memref) -> Value {
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<int64_t> sizes(type.getRank(), ShapedType::kDynamic);
    return memref::CastOp::create(
        b, MemRefType::get(sizes, type.getElementType()), memref);
  };
  for (Value descriptor : {wgmma.getDescriptorA(), wgmma.getDescriptorB()}) {
    Value memref = getDescribedBuffer(descriptor);
    const SharedMemory::Buffer *buffer =
        memref ? shared.lookup(memref) : nullptr;
    if (!buffer)
      return wgmma.emitOpError("cannot be emulated: expected descriptors that "
                               "are computed from the address of one piece of "
                               "shared memory each");
    Value flat = uniform.lookup(memref);
    if (auto type = cast<MemRefType>(flat.getType()); type.getRank() > 1) {
      SmallVector<ReassociationIndices> groups(1);
      llvm::append_range(groups.front(), llvm::seq<int64_t>(type.getRank()));
      flat = memref::CollapseShapeOp::create(b, flat, groups);
    }
    operands.append({dynamic(flat), buffer->handle, constant(buffer->unit)});
  }
  if (!registers.contains(wgmma.getInouts()) || !wgmma.getInouts().hasOneUse())
    return wgmma.emitOpError("cannot be emulated: expected sums that are zero "
                             "or of another wgmma, and used here only");
  Value sums = registers[wgmma.getResults()] = registers[wgmma.getInouts()];
  // Zeros of before a loop are zeros in each of its rounds.
  if (wgmma.getInouts().getDefiningOp<LLVM::ZeroOp>())
    fillWithZeros(b, sums);
  Value aDescriptors = getArray(wgmma.getDescriptorA()),
        wDescriptors = getArray(wgmma.getDescriptorB());
  operands.append({shared.getBlock(), faults});
  Value dynamicSums = dynamic(sums);
  shared.emitOpen(b);
  forEach(threads / kWarpgroup, [&](Value group, IRMapping &) {
    Value first = arith::MulIOp::create(b, group, constant(kWarpgroup));
    SmallVector<Value> all(operands);
    all.push_back(memref::LoadOp::create(b, aDescriptors, first));
    all.push_back(memref::LoadOp::create(b, wDescriptors, first));
    all.append({dynamicSums, first, constant(wgmma.getShape().getN())});
    func::CallOp::create(b, callee, all);
  });
  return success();
}
