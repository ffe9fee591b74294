//===- Passes.td - passes of Codegen --------------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_PASSES_TD
#define MPC_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// From linalg functions to dispatches, one arena and one weights blob
//===----------------------------------------------------------------------===//

def ForkVariants : Pass<"mpc-fork-variants", "::mlir::ModuleOp"> {
  let summary = "copies the module once per instruction set";
  let description = [{
    Moves everything in the module into one nested module per instruction set.
    Each is named after its instruction set and carries the name as `mpc.march`
    and the target description of mpc-describe-target, which the passes that
    follow read. They run on the nested modules in parallel.
    Big constants are attributes and are shared, not copied.

    ```mlir
    module {
      func.func @main() { return }
    }
    // mpc-fork-variants{march=x86-64-v3,x86-64-v4}:
    module {
      module @x86_64_v3 attributes {mpc.march = "x86-64-v3"} {
        func.func @main() { return }
      }
      module @x86_64_v4 attributes {mpc.march = "x86-64-v4"} {
        func.func @main() { return }
      }
    }
    ```

    The order is from the least to the most demanding instruction set, which is
    the order in which a library lists them; a name that is given twice counts
    once. Fails on an unknown name with the list of the known ones.
  }];
  let dependentDialects = ["::mlir::DLTIDialect"];
  let options = [
    ListOption<"marches", "march", "std::string",
      "Instruction sets, as in mpc-compile --march; `native` is the best known "
      "one of this machine (default: x86-64-v3,x86-64-v4,cascadelake,sapphirerapids-amx)">
  ];
}

def Bufferize : Pass<"mpc-bufferize", "::mlir::ModuleOp"> {
  let summary = "turns tensors into buffers, results into output arguments";
  let description = [{
    Upstream's one-shot bufferization across functions, with identity layouts and
    with copies as `linalg.copy`, so that they become loops like everything else.
    A public function with R results takes its last R arguments as the buffers
    for them (destination-passing style). Where a result already is in its
    argument, which is the rule, nothing is copied; copies of a buffer onto itself
    are dropped.

    Precondition: the linalg phase; every private function writes its result to
    an argument marked `bufferization.writable`.
    Postcondition: no tensors; public functions have no results.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"
  ];
}

def OutlineParallel : Pass<"mpc-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "makes each parallel loop a function of a range";
  let description = [{
    The body of every outermost `scf.forall` becomes a private function that runs
    the iterations from `lo` to `hi` of the flattened loop; the loop becomes a
    call over the whole range, marked `mpc.dispatch`. The loop's `mpc.cost`
    (estimated nanoseconds per iteration) goes to the call. Loops that are left, `scf.for` outside of them that call
    and allocate nothing, become functions too, called in their place: what the
    entry point is made of stays small.

    ```mlir
    scf.forall (%i, %j) in (4, 8) {
      memref.store %f, %m[%i, %j] : memref<4x8xf32>
    } {mpc.cost = 1 : i64}
    // becomes
    call @f_kernel0(%m, %f, %c0, %c32) {mpc.cost = 1 : i64, mpc.dispatch}
    // with
    func.func private @f_kernel0(%m: memref<4x8xf32>, %f: f32,
                                 %lo: index, %hi: index)
        attributes {no_inline} {
      scf.for %k = %lo to %hi step %c1 {
        %i:2 = affine.delinearize_index %k into (4, 8) : index, index
        memref.store %f, %m[%i#0, %i#1] : memref<4x8xf32>
      }
      return
    }
    ```

    Small buffers of fixed size that the body allocates go to the stack, once
    per call of the function. Fails on a loop with results, on a buffer of unknown
    size, and where a body's buffers exceed 256 KiB.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def MergeKernels : Pass<"mpc-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "shares functions that differ in scales and zero points only";
  let description = [{
    Of private functions that are marked `no_inline` and equal up to names,
    locations and the values of some constants, the first one stays and the
    others' calls go to it. Such constants are floating-point scalars and splat
    vectors, and splat vectors of i32 (zero points); those whose values differ
    become arguments before the other ones. Other integers have to agree: code is
    specialised by sizes and offsets.

    ```mlir
    call @conv_3_kernel0(%x, %y, %c0, %n) {mpc.dispatch}
    call @conv_7_kernel0(%y, %z, %c0, %n) {mpc.dispatch}
    // becomes, where the two divide by 0.5 and 0.7
    call @conv_3_kernel0(%cst_0.5, %x, %y, %c0, %n) {mpc.dispatch}
    call @conv_3_kernel0(%cst_0.7, %y, %z, %c0, %n) {mpc.dispatch}
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"
  ];
}

def PlanArena : Pass<"mpc-plan-arena", "::mlir::ModuleOp"> {
  let summary = "places all buffers of an entry point in one arena";
  let description = [{
    Every `memref.alloc` in a public function becomes a view of a new last argument
    `memref<?xi8>`, the arena. Buffers that are never live at the same time share
    its bytes. Sizes may depend on the batch, the one symbolic size of the
    function's arguments, if they are affine in it; offsets and the arena's size
    then are affine in it, too, and no two live buffers overlap for any batch from 1 up.
    The size in bytes is `base + per_batch * batch` of the attribute `mpc.arena`.

    ```mlir
    func.func @main(%x: memref<?x8xf32>) {
      %a = memref.alloc(%n) : memref<?x8xf32>
    // becomes
    func.func @main(%x: memref<?x8xf32>, %arena: memref<?xi8>)
        attributes {mpc.arena = {base = 64 : i64, per_batch = 64 : i64}} {
      %a = memref.view %arena[%c0][%n] : memref<?xi8> to memref<?x8xf32>
    ```

    Offsets are multiples of 64 bytes, and at least 64 bytes after a buffer's
    last one belong to it, so that vector code may read past its end.
    Placement is greedy, the largest first, each at the lowest offset where it
    fits. Fails where a size is not affine in the batch.

    Precondition: group functions are inlined.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"
  ];
}

def ExtractWeights : Pass<"mpc-extract-weights", "::mlir::ModuleOp"> {
  let summary = "collects the constants of all entry points in one blob";
  let description = [{
    Every constant `memref.global` that a public function uses, in this module
    and in the modules nested in it, goes into one block of bytes, the attribute `mpc.weights`
    of the outermost module. The function gets a new last argument `memref<?xi8>`,
    and each use becomes a view of it. Equal constants are stored once, so
    instruction sets that read the same layout share them. Offsets are multiples
    of 64 bytes, in the order of first use.

    ```mlir
    memref.global "private" constant @w : memref<2xf32> = dense<1.0>
    func.func @main() {
      %w = memref.get_global @w : memref<2xf32>
    // becomes
    module attributes {mpc.weights = dense_resource<mpc_weights> : tensor<128xi8>}
    func.func @main(%weights: memref<?xi8>) {
      %w = memref.view %weights[%c0][] : memref<?xi8> to memref<2xf32>
    ```

    Constants of private functions, such as a row of padding, stay where they are.
    Fails on a constant whose value was elided.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"
  ];
}

//===----------------------------------------------------------------------===//
// To the LLVM dialect
//===----------------------------------------------------------------------===//

def ExpandMath : Pass<"mpc-expand-math"> {
  let summary = "replaces math functions by arithmetic";
  let description = [{
    Rewrites exp, log, tanh, erf, pow and their kin on f32, f16 and bf16 to
    polynomials (upstream's; docs/Numerics.md states their errors), so that a
    library gives the same results on every system and needs no libm. What
    remains compiles to instructions: sqrt, fma, floor, ceil, round and the like.
    `vector.fma` becomes `math.fma`, which is fused on every target, rounding a
    vector to the nearest i32 one operation, which is one instruction, and in
    functions of a CPU the larger one of two f32 one that is three.
    Fails on a function that has no expansion, naming it and its type.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def LowerBF16 : Pass<"mpc-lower-bf16", "::mlir::ModuleOp"> {
  let summary = "makes bf16 values 16 bits that only move";
  let description = [{
    Replaces the type bf16 by i16 everywhere, and the conversions from and to f32 by
    integer arithmetic: to nearest even, NaN stays NaN, subnormals are kept, on
    every target alike. What an LLVM intrinsic takes stays bf16, from a bitcast on.

    ```mlir
    %f = arith.extf %x : bf16 to f32
    // becomes
    %w = arith.extui %x : i16 to i32
    %b = arith.shli %w, %c16 : i32
    %f = arith.bitcast %b : i32 to f32
    ```

    Precondition: nothing computes in bf16 (arith-emulate-unsupported-floats); an
    operation that does is an error. Types at the library's border are recorded
    elsewhere (`mpc.model`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerEntry : Pass<"mpc-lower-entry", "::mlir::ModuleOp"> {
  let summary = "gives entry points the signature that the runtime calls";
  let description = [{
    A public function of buffers becomes one of two pointers: the runtime's
    environment, which dispatches pass on, and an array of pointers to memref
    descriptors, one per former argument (runtime/model.h, `mpc_rt_entry_fn`).

    ```mlir
    func.func @main(%x: memref<?x8xf32>)
    // becomes
    func.func @main(%env: !llvm.ptr, %descs: !llvm.ptr) {
      %desc = llvm.load %descs : !llvm.ptr -> !llvm.ptr
      // ... the descriptor's pointer and symbolic sizes
      %x = builtin.unrealized_conversion_cast %struct : ... to memref<?x8xf32>
    ```

    A `cf.assert` becomes a call of `mpc_rt_report(env, message)` where it does not hold; the function goes on.

    Fails on arguments that are not buffers of identity layout.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect"];
}

def LowerDispatch : Pass<"mpc-lower-dispatch", "::mlir::ModuleOp"> {
  let summary = "turns dispatches into calls of the runtime's parallel loop";
  let description = [{
    A call marked `mpc.dispatch`, `llvm.call @k(captures..., 0, n)`, becomes a call
    of `mpc_rt_parallel_for(env, @k_range, args, n, cost)`, where `args` points to the
    captured values on the stack and `k_range` is a function that loads
    them and calls `k`. `mpc.dispatch = "f"` calls the runtime's function `f`, of the same signature, instead. A value that is the same constant in every call of `k`
    stands in `k_range`; one that `k` does not read is dropped.

    `kernel.begin_group i` becomes `if (env->profile) mpc_rt_begin_group(env, i)`.

    Precondition: the LLVM dialect; the calling function's first argument is the
    environment (mpc-lower-entry).
    Postcondition: public functions are the only ones with external linkage.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ShareKernels : Pass<"mpc-share-kernels", "::mlir::ModuleOp"> {
  let summary = "compiles kernels once that are the same for several instruction sets";
  let description = [{
    A function that `@main` of an instruction set runs becomes a declaration that names the module of a less demanding one, if that has
    a function of the same name, the same code, and the same callees and constants. Results are the same:

    - code is not shared between vectors of 256 and 512 bits, because LLVM makes vectors of scalar loops, and would be slower;
    - code that computes in f16 is not shared between instruction sets with AVX512-FP16 and without: its instructions are not named in
      the IR;
    - shared code is tuned for the most demanding of the instruction sets that share it (`tune_cpu`).

    ```mlir
    module @x86_64_v4 attributes {mpc.march = "x86-64-v4"} {
      llvm.func @relu_kernel0_range(%args: !llvm.ptr, %lo: i64, %hi: i64) attributes {tune_cpu = "cascadelake"} { ... }
    }
    module @cascadelake attributes {mpc.march = "cascadelake"} {
      llvm.func @relu_kernel0_range(!llvm.ptr, i64, i64) attributes {mpc.shared = "x86_64_v4"}
    }
    ```

    Precondition: mpc-lower-dispatch has run. Instruction sets are in the order of mpc-fork-variants.
  }];
}

//===----------------------------------------------------------------------===//
// Contractions: from linalg to vector code
//===----------------------------------------------------------------------===//

def DescribeTarget : Pass<"mpc-describe-target", "mlir::ModuleOp"> {
  let summary = "write what a CPU can do onto the module";
  let description = [{
    Writes `dlti.target_system_spec` for the CPU named by `march`. Later passes read only this attribute, so that a description
    may also be written or edited by hand; none of them asks for a CPU's name.

    | entry | meaning | absent |
    |---|---|---|
    | `march` | name, as clang's -march takes it | an error |
    | `vector_bits`, `vector_registers` | width of a vector register (128, 256, 512), and how many there are | an error |
    | `fma_full_rate` | two multiply-adds of whole registers begin in a cycle | false |
    | `vnni` | dot products of bytes (AVX512-VNNI) | an error |
    | `vbmi` | tables of bytes in registers (AVX512-VBMI) | false |
    | `bf16`, `bf16_full_rate` | dot products of bf16 (AVX512-BF16), and whether they multiply twice as fast as f32 | false |
    | `fp16` | arithmetic in f16 (AVX512-FP16) | false |
    | `amx` | tile registers; no level has them | false |
    | `l1_bytes`, `l2_bytes`, `l3_bytes` | data caches: a core's first and second level, and the shared last one | 32 KiB, 256 KiB, 8 MiB |
    | `cores` | cores that a call may count on | 1 |

    Caches of a level that many machines have are those of the smallest one. `native` is the best known level of this
    machine, with the caches and cores that its operating system tells of.

    Postcondition: `TargetDescription::read` succeeds.
  }];
  let options = [Option<"march", "march", "std::string", "\"x86-64-v3\"",
      "CPU or level as clang's -march names it, or native; the floor is x86-64-v3">];
  let dependentDialects = ["mlir::DLTIDialect"];
}

def SelectTiling : Pass<"mpc-select-tiling", "mlir::ModuleOp"> {
  let summary = "choose register tile and instruction of each contraction";
  let description = [{
    Writes `kernel.tiling` on every linalg op that kernels exist for: matrix products, also of batches, NHWC convolutions,
    depthwise convolutions. The choice follows from shapes and from the target description:
    accumulators fill the vector registers, columns split evenly over 16-wide panels, and rows divide the output with
    little waste. Ops that already carry the attribute keep it. `kv` and, where it is not 1, `gather` decide the layout of weights; they
    depend on shapes and element types alone, so that all instruction sets share the weights. bf16 multiplies with `vdpbf16ps` where the
    target has it at twice the rate of f32. Where padding is zero and rows of output pixels are short, tiles are parts of such a row, so that
    mpc-lower-kernels can leave out what they would read of the padding. Where a floating-point convolution has so few output channels
    that most lanes of a panel would be computed for nothing, lanes are pixels (`planar`). Depthwise convolutions of unsigned bytes multiply with
    `vpdpbusd`, four taps of a column at once, where the target has it and the window is small. Products of a few rows of f32 by weights that the
    second-level cache does not hold have as few tiles of rows as they can, with fewer columns.

    Before: `linalg.generic {...} ins(%x, %w) outs(%acc)`
    After:  `linalg.generic {..., kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 64, kv = 1>} ...`

    There are other tilings, all with the same results. `table` names a file of those that were measured to be faster
    (docs/Tuning.md); what is not in it is chosen as above. A file that was measured by another version, or for
    another CPU, is passed over with a remark; one that is no table is an error. `candidate` chooses the tiling of that number
    where there are so many, for measuring.

    With `f16-accumulation=chunked`, products of f16 by f16 take `vfmaddph`, whose sums have another error (docs/Numerics.md), where
    the target has it; a remark says where it has not. The tilings of such a product sum the same chunks.

    With `fast-math`, f32 convolutions of 3 × 3 with stride 1 for which it is estimated to pay take a tiling with `winograd`, which computes them by
    minimal filtering (kernel.winograd), with another error (docs/Numerics.md); a remark on every other f32 convolution says why not. The estimate depends on
    shapes alone.

    Precondition: a target description (mpc-describe-target). Remarks: one per contraction.
  }];
  let options = [Option<"table", "table", "std::string", "", "Tilings that were measured, JSON">,
      Option<"fastMath", "fast-math", "bool", "false", "3 x 3 convolutions by minimal filtering, where it pays">,
      Option<"f16Accumulation", "f16-accumulation", "std::string", "\"f32\"", "f32, or chunked: f16 within chunks, where the target can">,
      Option<"candidate", "candidate", "unsigned", "0", "Number of the tiling to choose, in the order of estimated cost">];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::DLTIDialect"];
}

def PackConstants : Pass<"mpc-pack-constants", "mlir::ModuleOp"> {
  let summary = "store the weights of contractions in the layout of the kernels";
  let description = [{
    For each contraction with `kernel.tiling` whose weights are a constant, or an argument of a private function that every
    caller passes a constant for: rewrites the constant into panels of 16 output channels (see the kernel dialect), once
    for each distinct constant, and puts `kernel.unpack` in front of the contraction. Where weights are no constants, a matrix
    product of at least four rows keeps `kernel.tiling`, and mpc-tile-and-fuse packs the operand at run time; from others it is removed, and
    the contraction is lowered to loops. A convolution's loops round once per product and addition then (`math.fma`), as kernels do: lanes that
    are pixels need no packed weights, and a tiling may not change bytes. Weights of depthwise and planar convolutions stay as they are. Where the tiling is `winograd`, what is packed is
    G · w · Gᵀ of each window, computed in f64 and rounded once.

    Before: `func.func private @conv(%x: ..., %w: tensor<32x3x3x64xi8>, ...)`
    After:  `func.func private @conv(%x: ..., %p: tensor<2x9x16x16x4xi8>, ...)` and
            `%w = kernel.unpack %p : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>`

    Precondition: weights are dense or dense_resource constants in memory order. Remarks: one per refusal.
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::arith::ArithDialect", "mlir::math::MathDialect", "mlir::tensor::TensorDialect"];
}

def TileAndFuse : Pass<"mpc-tile-and-fuse", "mlir::func::FuncOp"> {
  let summary = "padding, contraction and epilogue become one kernel op";
  let description = [{
    Replaces each linalg op that carries `kernel.tiling` by `kernel.contract`, `kernel.depthwise`, `kernel.planar` or `kernel.winograd`. The right operand of a
    matrix product that is not packed gets a `kernel.pack` before it. A `tensor.pad` of the
    input by a constant becomes part of the window. A single element-wise consumer of the result becomes the
    epilogue, if it reads the result in place, everything else by plain dimensions, and no i1; otherwise the op stores its
    accumulators and the consumer stays a linalg op.

    Precondition: mpc-pack-constants. The accumulator starts as `linalg.fill` of zero; another start leaves the op alone.
    Postcondition: no `kernel.unpack` and no `kernel.tiling` on a linalg op. Remarks: where no epilogue was fused.
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect", "mlir::tensor::TensorDialect"];
}

def ElideCopies : Pass<"mpc-elide-copies", "::mlir::ModuleOp"> {
  let summary = "lets kernels read and write parts of larger buffers";
  let description = [{
    A function that a public one calls to put buffers side by side in another one (a concatenation) is left out for each of them that
    one other call fills before: that call writes to a view of the larger buffer instead. A function that takes a part of a buffer out is left
    out where everybody who reads the part can read the view. The functions that are called are copied for operands with such
    layouts, once for each.

    ```mlir
    call @conv(%x, %a) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
    call @concat(%a, %b, %c) : ...
    // becomes
    %part = memref.subview %c[0, 0, 0, 0] [1, 8, 8, 16] [1, 1, 1, 1] : memref<1x8x8x32xi8> to memref<1x8x8x16xi8, strided<[2048, 256, 32, 1]>>
    call @conv_0(%x, %part) : ...
    ```

    Only where positions of the leading dimensions lie at one distance from each other, so that kernels find rows by their number; that is so
    where parts differ from the whole in the last dimension, or in the first one that is not 1.

    Precondition: mpc-bufferize.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"];
}

def SelectChains : Pass<"mpc-select-chains", "::mlir::ModuleOp"> {
  let summary = "decides which groups run together by blocks of rows";
  let description = [{
    Calls that follow each other, of which the first computes a product of two activations (`kernel.contract` with
    `batched`) and the others handle the rows of its result independently, as in attention: scores, softmax, product with
    the values. Each of these calls gets `mpc.chain`, the number of the chain and the rows of a block:

    ```mlir
    call @scores(%q, %k, %s) {mpc.chain = array<i64: 0, 48>} : ...
    call @softmax(%s, %p) {mpc.chain = array<i64: 0, 48>} : ...
    call @values(%p, %v, %out) {mpc.chain = array<i64: 0, 48>} : ...
    ```

    What the calls hand on has no other reader. The block is as large as half of the second-level cache and 128 KiB
    allow for what is handed on, in whole tiles, and small enough for 16 blocks. A remark says what is saved.

    Precondition: mpc-bufferize and a target description.
  }];
}

def TileChains : Pass<"mpc-tile-chains", "::mlir::ModuleOp"> {
  let summary = "runs the groups of a chain for one block of rows after the other";
  let description = [{
    The calls that mpc-select-chains has marked become one, of a function with an `scf.forall` over blocks of rows; in it
    stand the kernels of all of them, on parts of their operands. Buffers between them have the room of a block. Weights
    that are packed at run time are packed in front of the loop. Where the rows are no multiple of a block's, the last block moves back
    and computes some of them twice. What is computed per element, and in which order, does not change. A third number in `mpc.chain`, columns of a piece, becomes
    `kernel.piece` of the loop (mpc-lower-gpu-chains).

    ```mlir
    scf.forall (%b, %h, %m) = (0, 0, 0) to (1, 12, 512) step (1, 1, 48) {
      %start = affine.min affine_map<(d0) -> (d0, 464)>(%m)
      %scores = memref.alloc() : memref<1x1x48x512xf32>
      %rows = memref.subview %q[%b, %h, %start, 0] [1, 1, 48, 64] [1, 1, 1, 1] : ...
      kernel.contract ins(%rows, %keys ...) outs(%scores ...)
      ...
    } {mpc.cost = 49152 : i64}
    ```

    Errors: calls that are no chain, and blocks of more rows than there are.

    Precondition: mpc-bufferize and a target description.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def FuseRows : Pass<"mpc-fuse-rows", "::mlir::func::FuncOp"> {
  let summary = "runs linalg ops that handle rows independently row by row";
  let description = [{
    Linalg ops on memrefs that follow each other, hand results on, and of which
    none reads another row of what one of them writes, become one `scf.forall` over
    rows: the positions of the leading parallel loops that all of them have.
    Buffers that only these ops use shrink to one row inside of the loop, in all up to half of
    the target's second-level cache and 128 KiB. Rows of fewer than 64 elements, and single ones, stay as they are.
    What is computed, and in which order, does not change.

    Where rows are summed up, an iteration handles four along the last of their dimensions, buffers have room for four, and a second loop
    handles what is left over: mpc-lower-kernels lets their sums take turns, so that no addition waits for the one before. Not where four rows of all that is
    read and written exceed the room of those buffers, nor where a whole buffer exceeds the last-level cache.

    With `threads`, for GPUs, the threads of a block share a row, as many as `kernel.row_threads` on the loop says: one per eight elements, and one per sum, at
    most 256. Row buffers take up to 40 KiB; rows that several ops read are copied to one. Short rows and single ones are fused, too; those of more
    than 16384 elements only if there are 128 of them. A sum of 128 terms or more, from a row that is not copied, adds up pieces of up to 16 KiB that are copied one
    after the other, also where it is fused with nothing.

    Precondition: a target description.

    ```mlir
    // softmax of 128 rows: maxima, exponentials, sums, quotients
    scf.forall (%i) in (128) {
      %row = memref.subview %x[%i, 0] [1, 1024] [1, 1] : ...
      %max = memref.alloc() : memref<1xf32>
      %exp = memref.alloc() : memref<1x1024xf32>
      linalg.generic ... ins(%row) outs(%max)
      linalg.generic ... ins(%row, %max) outs(%exp)
      ...
    } {mpc.cost = 1536 : i64}
    ```
  }];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
  let options = [Option<"threads", "threads", "bool", "false", "Rows are shared by the threads of a GPU's block">];
}

def SelectStreams : Pass<"mpc-select-streams", "::mlir::func::FuncOp"> {
  let summary = "decides which results are written past the caches";
  let description = [{
    A store reads the line of memory that it writes to, which is a third of the traffic of an element-wise operation on what no cache holds; stores past the caches
    do not. Sets `kernel.stream_above` on linalg ops on memrefs whose loops are all parallel and whose result is the function's, as part of it or as a whole: the
    number of bytes from which on mpc-lower-kernels is to store so, four times the target's last-level cache, where the buffer may have more than that. A dimension of
    unknown size counts as 1024; whether the buffer is so large is then asked at run time. What a function needs in between goes through the caches.

    Precondition: a target description.

    ```mlir
    linalg.generic {kernel.stream_above = 33554432 : i64} ins(%x) outs(%y : memref<262144x1024xf32>)
    ```
  }];
}

def LowerKernels : Pass<"mpc-lower-kernels", "mlir::ModuleOp"> {
  let summary = "kernels and remaining linalg ops become loops over tiles";
  let description = [{
    With `per-element`, for GPUs: `scf.forall` runs over the elements of the output, contractions and depthwise convolutions
    included, one after the other's sums in the order that all targets have. Where rows are a whole number of them, an iteration computes
    neighbouring elements as vectors, so many that the widest operand is accessed in 16 bytes (with math functions eight elements at most), in
    depthwise convolutions and windows over channels fewer where less than 16384 iterations would be left. A reduction that begins with
    what a `linalg.fill` wrote, which nothing else reads, begins with the constant. Without:

    On memrefs. `kernel.contract` becomes an implicit matrix product: an `scf.forall` over blocks of output rows or of
    columns, in it loops over register tiles, each of them `kernel.inner_tile` per tap of the window and then the epilogue on
    vectors. Row pointers into the padding point at a constant row of pad values, so that inner loops check nothing; taps for which
    all rows of a tile, or its first or last one, would read zeros are left out.
    A last tile of rows moves back to stay inside the output and recomputes some rows; where the output may be smaller than a
    tile, single rows remain. A last ragged panel is computed in full and stored in part. `kernel.depthwise` becomes loops over
    pixels and channel vectors. `kernel.winograd` handles some blocks of pixels at a time, in three parallel loops with a buffer between them: transforms of the
    input, products, transforms of the products and the epilogue. Every other linalg op becomes `scf.forall` over its outer parallel dimensions and plain
    loops within.

    With tile registers it is `kernel.matrix_tile` between `kernel.configure_tiles` and `kernel.release_tiles`, and the epilogue of a tile follows the products of
    the next one. Where weights are in blocks, a loop before splits the input's numbers into bf16 ones; the one over tiles makes integers of 32 weights of each
    channel at a time, and scales and adds up the sums of their products.

    Where `kernel.stream_above` on a linalg op says so (mpc-select-streams), rows of its result, or blocks of elements, that begin where a line of the caches does and are
    whole lines, and whole vectors, are stored with `nontemporal`. Such loops ask for what they read 2048 bytes ahead, in whole lines, of inputs that are
    as large. A fence follows, of which mpc-outline-parallel makes one for all iterations of a loop.

    Where all vectors of a loop are divided by the same number, as in a softmax, they are multiplied with its reciprocal, and the product is corrected by what is left of
    the dividend, which gives the same quotients; vectors and divisors for which something might overflow or lose bits are divided.

    `mpc.cost` on `scf.forall` estimates one iteration in nanoseconds.

    Precondition: bufferized; operands of kernels are contiguous. Stack buffers are `memref.alloca` inside `scf.forall`.
    Postcondition: no linalg op, no kernel op but `kernel.inner_tile` and those of tile registers.
  }];
  let options = [Option<"perElement", "per-element", "bool", "false", "One parallel iteration per element of the output">];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::memref::MemRefDialect",
      "mlir::scf::SCFDialect", "mlir::vector::VectorDialect", "mlir::LLVM::LLVMDialect", "mpc::kernel::KernelDialect"];
}

def PrefetchRows : Pass<"mpc-prefetch-rows", "::mlir::func::FuncOp"> {
  let summary = "asks for the next rows while these are computed";
  let description = [{
    Where an iteration of a parallel loop passes over some rows of a buffer more than once (mpc-fuse-rows), the first pass waits for memory, and memory waits
    for the others. The second one also asks for the rows of the next iteration, a line of the caches beside each that it reads itself: into the first-level cache where the rows
    take up to half of it, into the second where they take up to a quarter of that. Only of buffers that with a result of
    their size leave the second-level cache, as far as sizes are known, and that the loop does not write; vectors have whole lines.

    Before: `%v = vector.load %rows[%r, %k] : memref<4x1024xf32, ...>, vector<16xf32>` (for the second time)
    After:  the same and `memref.prefetch %rows[%r + 4, %k], read, locality<3>, data`

    Precondition: a target description; parallel loops are still `scf.forall`.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::memref::MemRefDialect"];
}

def EstimateRounding : Pass<"mpc-estimate-rounding", "mlir::ModuleOp"> {
  let summary = "compute in fewer operations what is rounded to small integers";
  let description = [{
    On vectors of f32 that `math.roundeven` rounds behind a clamp, as quantization does. The integers stay the same, to the last one.

    1. With 512-bit registers, a function of one number that takes exp, tanh, erf or log is estimated by polynomials of degree 3 to 5 around 31 points.
       The estimate's largest distance e from what is computed is known: that of the polynomials, found at compile time, and bounds for all roundings
       of both ways, followed through their operations. Where a lane is within e of the middle between two integers, or is no number,
       `scf.if` computes the vector as before. There is no estimate if that would be more than 1 of 32 lanes.
       Where the result becomes an i32 of at most 9 bits, the estimate is a number with 16 binary digits behind the point, whose digits there say
       whether it is certain; it is clamped as an integer, by `arith.maxsi` and `arith.minsi` in front of the conversion to bytes.
       Packing that saturates needs no clamp. Up to four such vectors of one block, where nothing between them needs the results, have one `scf.if`;
       if any of them is uncertain, a loop computes those that are, through memory.
    2. A quotient by a number is computed by a product and one correction, which is exact; what is divided is clamped instead of the quotient.

    ```mlir
    %e = math.exp %x ...
    %s = arith.divf %y, %cst ...         // a function of %x, over a scale
    %q = math.roundeven %clamped ...
    // becomes
    %estimate = ...                      // lookups and math.fma
    %r = math.roundeven %estimate
    %q = scf.if %certain -> vector<16xf32> { scf.yield %r } else { %e = math.exp %x ... }
    ```

    Precondition: a target description; loops (mpc-lower-kernels).
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
      "mlir::vector::VectorDialect", "mlir::LLVM::LLVMDialect"];
}

def LowerInnerTiles : Pass<"mpc-lower-inner-tiles", "mlir::ModuleOp"> {
  let summary = "register tiles become loops of the named instruction";
  let description = [{
    `kernel.inner_tile` becomes an `scf.for` over k blocks that carries the accumulators as one-dimensional vectors:
    `vector.fma`, `llvm.x86.avx512.vpdpbusd.512`, or widening and `pmadd.wd`. f16 and bf16 operands are widened in
    registers. `kernel.matrix_tile` becomes instructions on tile registers, whose numbers it assigns, and
    `kernel.configure_tiles` a constant with their sizes.

    Precondition: a target description.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect",
      "mlir::vector::VectorDialect", "mlir::LLVM::LLVMDialect"];
}

#endif // MPC_CODEGEN_PASSES_TD
