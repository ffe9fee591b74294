//===- Passes.td - passes of Transforms --------------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_PASSES_TD
#define MPC_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def Simplify : Pass<"mpc-simplify", "::mlir::ModuleOp"> {
  let summary = "compute at compile time what can be";
  let description = [{
    Folds per-channel scale and shift into the weights and the bias of the contraction before them:

    ```mlir
    %0 = mpc.conv %x, %w {...} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
    %1 = mpc.batch_norm %0, %scale, %bias, %mean, %variance {epsilon = 1.0e-5} : (...) -> tensor<?x4x8x8xf32>
    // becomes, with w'[o, ...] = w[o, ...] * s[o], b'[o] = bias[o] - mean[o] * s[o], s = scale / sqrt(variance + epsilon)
    %1 = mpc.conv %x, %w1, %b1 {...} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>, tensor<4xf32>) -> tensor<?x4x8x8xf32>
    ```

    - `batch_norm` behind a contraction with constant weights that has no other user → weights and bias; elsewhere → `mul` and `add`
    - `add`, `sub` of a per-channel constant behind such a contraction → bias; `mul`, `div` → weights and bias
    - `transpose`, `reshape`, `cast` to floating point, and `add`, `sub`, `mul`, `div` of constants → constants
    - `x * 1`, `x / 1`, `x - 0`, `x + (-0)` → x (adding +0 turns -0 into +0, and stays)
    - a clamp of a clamp → one clamp
    - `pad` with zeros in front of a convolution → its padding; in front of an average pool → its padding, which then counts
    - the dialect's own folds and canonicalizations; unused ops vanish
    - at the end, for the kernels: convolutions of one spatial dimension get a height of 1, with what follows them element by element;
      constant weights of groups (other than one per channel) are split into a convolution per group, or per so many groups as fill a panel of 16
      output channels

    Weights are recomputed in double precision and rounded once, so a folded model differs from the original by the rounding of its
    weights; everything else is exact. A fold that would make finite weights overflow is not done.

    Precondition: none. Postcondition: no `batch_norm` with constant parameters is left.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def FuseQuantization : Pass<"mpc-fuse-quantization", "::mlir::ModuleOp"> {
  let summary = "integer arithmetic where a model is quantized already";
  let description = [{
    A model that says where its tensors are quantized keeps its scales and zero points; what it computes between a dequantize and a
    quantize becomes the integer form that mpc-insert-quantization makes:

    ```mlir
    %x = mpc.dequantize %q : (tensor<?x3x8x8x!qa>) -> tensor<?x3x8x8xf32>
    %w = mpc.dequantize %k : (tensor<4x3x1x1x!qw>) -> tensor<4x3x1x1xf32>
    %0 = mpc.conv %x, %w {...} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
    %1 = mpc.relu %0 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
    %y = mpc.quantize %1 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8x!qy>
    // becomes
    %0 = mpc.conv %q, %k {...} : (tensor<?x3x8x8x!qa>, tensor<4x3x1x1x!qw>) -> tensor<?x4x8x8x!acc>
    %y = mpc.requantize %0 {low = ...} : (tensor<?x4x8x8x!acc>) -> tensor<?x4x8x8x!qy>
    ```

    - a contraction of dequantized bytes with dequantized constant weights (bytes, per tensor or per output channel) sums integers; its bias
      joins the sum where it fits, in the sum's scale. Weights whose difference from their zero point leaves a signed byte need the sums of
      inputs, too: a second contraction, with ones
    - a quantize of such a sum, with clamps between, is a requantize
    - data movement and maximum move the integers; the dequantize comes behind. A concatenation that is quantized quantizes its parts
    - a mean over whole dimensions that is quantized sums integers. Means of windows stay as they are: many are ties, which fall as the
      model's arithmetic rounds them
    - a sum of two tensors of bytes of one shape that is quantized is an `add` of quantized tensors, which rescales both at once
    - `quantize(dequantize(q))` in one type is q (the other order changes values, and stays)
    - signed activations become unsigned ones with a zero point 128 larger, the same numbers, which is what kernels read
    - dequantized constants that are left are computed

    Everything else stays in floating point between dequantize and quantize.

    Precondition: functions have one block. Postcondition: none.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def PropagateLayout : Pass<"mpc-propagate-layout", "::mlir::ModuleOp"> {
  let summary = "channels last inside, the model's own layout at its inputs and outputs";
  let description = [{
    Ops that want channels last (`LayoutOpInterface`) get it; the transposes that this takes meet and vanish, and stay at the border only:

    ```mlir
    %0 = mpc.conv %x, %w {...} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
    %1 = mpc.relu %0 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
    // becomes
    %0 = mpc.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x3x8x8xf32>) -> tensor<?x8x8x3xf32>
    %1 = mpc.conv %0, %w1 {layout = #mpc.layout<channels_last>, ...} : (tensor<?x8x8x3xf32>, tensor<4x1x1x3xf32>) -> tensor<?x8x8x4xf32>
    %2 = mpc.relu %1 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32>
    %3 = mpc.transpose %2 {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x8x8x4xf32>) -> tensor<?x4x8x8xf32>
    ```

    - transposes of weights are done at compile time
    - transposes sink through ops that allow it where every other operand has the same transpose or can be permuted for nothing (a constant, sizes of 1, a
      transpose that exists), or where more transposes go than come
    - a reshape that splits or joins dimensions does so in the transposed order: a channel shuffle keeps one transpose
    - flattening a transposed value in front of a matmul with constant weights permutes the weights' rows instead
    - a transpose that moves only dimensions of size 1 becomes a reshape

    Results change by the order of floating-point additions only.

    Precondition: functions have one block. Postcondition: every op that wants channels last has it.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def FormGroups : Pass<"mpc-form-groups", "::mlir::ModuleOp"> {
  let summary = "a root op and its epilogue become one group";
  let description = [{
    ```mlir
    %0 = mpc.conv %x, %w {...} : (tensor<?x8x8x3xf32>, tensor<4x1x1x3xf32>) -> tensor<?x8x8x4xf32> loc("conv1")
    %1 = mpc.add %0, %r : (tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32>
    %2 = mpc.relu %1 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32>
    // becomes
    %2 = mpc.group "conv1" ins(%a = %x, %b = %w, %c = %r : ...) -> tensor<?x8x8x4xf32> {
      %3 = mpc.conv %a, %b {...} : (tensor<?x8x8x3xf32>, tensor<4x1x1x3xf32>) -> tensor<?x8x8x4xf32>
      %4 = mpc.add %3, %c : (tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32>
      %5 = mpc.relu %4 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32>
      mpc.yield %5 : tensor<?x8x8x4xf32>
    }
    ```

    Every op that is not element-wise is a root. Its epilogue are the element-wise ops behind it that have its result's shape and whose intermediate
    values nobody else uses. An addition of two results belongs to the one computed last. Element-wise ops that no root takes
    form groups of their own. Constants are operands, so groups that differ in weights only can share code.

    A group has the name of the model's node that its root comes from, made unique by a suffix `_2`, `_3`, …; a root without a name gives its
    op's. `mpc.tensor` is the model's own name of the tensor that the group stores, where it stores one of the model's: the importer puts it into
    locations (`loc(fused<"tensor">["node"])`), passes that fuse ops fuse those, and of a node that became several ops the last one counts.

    A dequantize belongs to every group that reads its result element by element, so that what is stored is the integers; storage casts that no
    group takes are views.

    Precondition: functions have one block, of mpc ops with results. Postcondition: only constants, reshapes, storage casts, groups and the
    terminator are left in it.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def AdaptIO : Pass<"mpc-adapt-io", "::mlir::ModuleOp"> {
  let summary = "give inputs and outputs of @main another element type or layout";
  let description = [{
    Names are the model's (`mpc.name`). A cast and a transpose behind each input, or before each output, restore what the model computes
    with: `u8` reads pixels as the numbers 0 to 255; an output cast to integers rounds towards zero and saturates.

    ```mlir
    func.func @main(%x: tensor<1x3x8x8xf32> {mpc.name = "x"}) -> tensor<1x3x8x8xf32>
    // mpc-adapt-io{types=x=u8 layouts=x=nhwc}:
    func.func @main(%x: tensor<1x8x8x3xui8> {mpc.name = "x"}) -> tensor<1x3x8x8xf32> {
      %0 = mpc.cast %x : (tensor<1x8x8x3xui8>) -> tensor<1x8x8x3xf32>
      %1 = mpc.transpose %0 {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x3xf32>) -> tensor<1x3x8x8xf32>
    ```

    Precondition: the imported phase; activations of rank 3 and more are `[N, C, spatial...]`. Fails on a name that the model lacks, with those it has.
  }];
  let options = [
    ListOption<"types", "types", "std::string", "NAME=TYPE, as mpc-compile --io-type">,
    ListOption<"layouts", "layouts", "std::string", "NAME=nhwc or NAME=nchw (as the model has it), as mpc-compile --io-layout">
  ];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def Preprocess : Pass<"mpc-preprocess", "::mlir::ModuleOp"> {
  let summary = "make pictures as they are fed the inputs of @main, and compute the model's inputs from them";
  let description = [{
    Reads a file as `mpc-compile --preprocess` takes it (docs/Preprocessing.md): for each input that it names, the type, layout and size of
    what is fed, and the steps from there: resize, centre crop, reversed channels, layout, `(pixel * scale - mean) / std`. Resizing, cropping and
    reordering keep the fed type (integers are rounded, ties to even); the rest is one multiplication and one addition in f32, whose factors
    `scale / std` and `-mean / std` are computed in f64 and rounded once.

    ```mlir
    func.func @main(%x: tensor<1x1x8x8xf32> {mpc.name = "x"}) -> tensor<1x1x8x8xf32>
    // with {"x": {"size": [10, 10], "crop": 8, "scale": 0.0625}}:
    func.func @main(%x: tensor<1x10x10x1xui8> {mpc.name = "x"}) -> tensor<1x1x8x8xf32> {
      %0 = mpc.slice %x {starts = array<i64: 0, 1, 1, 0>, sizes = array<i64: 1, 8, 8, 1>, steps = array<i64: 1, 1, 1, 1>} : ...
      %1 = mpc.transpose %0 {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x1xui8>) -> tensor<1x1x8x8xui8>
      %2 = mpc.cast %1 : (tensor<1x1x8x8xui8>) -> tensor<1x1x8x8xf32>
      %3 = mpc.mul %2, %c : ...
    ```

    The module's `mpc.model_hash` becomes that of the model with its preprocessing: ranges and decisions of one do not fit the other.

    Precondition: the imported phase. Fails on a name that the model lacks, on an unknown key (both with the nearest), and where the sizes that
    come out of the steps are not the model's.
  }];
  let options = [
    Option<"config", "config", "std::string", "\"\"", "the JSON file">
  ];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def InsertQuantization : Pass<"mpc-insert-quantization", "::mlir::ModuleOp"> {
  let summary = "rewrite groups to compute in their precisions";
  let description = [{
    Precondition: the functions hold constants, reshapes and groups only (mpc-form-groups), groups carry `precision`
    (mpc-assign-precision), and what an int8 group reads or stores as integers has a range (mpc-attach-ranges).
    Postcondition: mpc-verify-precision holds. The function's own types stay.

    int8, by the role of the group's root (QuantizableOpInterface):
    - contraction: u8 activations (asymmetric, over the range widened to hold 0), s8 weights (symmetric, per output channel, -127 to 127), i32 bias
      at s_x*s_w, i32 accumulator. Clamps alone behind it become the bounds of one `mpc.requantize`; anything else is computed
      in f32 between `mpc.dequantize` and `mpc.quantize`. A channel whose bias would not fit gets a larger weight scale. With `mpc.input_means` on the group, the
      mean error of the weights' rounding goes to the bias, which is made where there is none
    - passthrough: on the integers; inputs and output share scale and zero point (the hull of their ranges)
    - average: integer sum, one requantization
    - others: in f32, dequantized and quantized inside the group
    A result that no int8 group reads is stored in f32.

    int16: as int8 with s16 activations, symmetric, and i64 sums, which become f32 times s_x*s_w before what follows. onnx rounding only.

    Attributes of the module change int8: `mpc.activations` ("asymmetric": u8 with a zero point, which is the default; "symmetric": u8 around 128, or
    from 0 where nothing is negative; "signed", "signed-symmetric": s8), `mpc.scales` ("power-of-two": fixed point Qm.n, symmetric scales 2^-n of
    activations and weights) and `mpc.rounding`, the profile. In the profiles without floating point (tflite, tflite_single, tosa, tosa_double)
    - a sum is requantized with integer multipliers and shifts, from scales in f64
    - sums, differences, minima and maxima rescale both operands to i32 of one scale; products are of the integers; other functions of one
      number become tables of 256 bytes (`mpc.lookup`)
    - means of windows share the scale of their input
    - a group that has no such form is computed in f32 as above, and `reason` says why
    With `mpc.fully_integral` results of the model that data movement and means give are integers up to a conversion behind them.

    w8, w4: the weights become integers in blocks (`mpc.weights` says how), which the group dequantizes (mpc.dequantize_blocks); the contraction
    reads activations of the format's type and sums in f32. The scale of a block of 4 bits is the one of several that clip more or less
    whose squared error is least. The rest is as for the activations' type.

    f16, bf16: contractions read narrow operands and accumulate in f32; everything else computes in f32; results are stored narrow.

    A value is converted where it is needed, once: inside an element-wise group, else by a group of its own (`quantize:NAME`).

    ```mlir
    // before
    %y = mpc.group "fc" ins(%a = %x, %b = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
        attributes {precision = #mpc.precision<f16>} {
      %0 = mpc.matmul %a, %b : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    // after: %x16 is stored by the group "cast:x:f16"
    %y = mpc.group "fc" ins(%a = %x16, %b = %w16 : tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf16>
        attributes {precision = #mpc.precision<f16>} {
      %0 = mpc.matmul %a, %b : (tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf32>
      %1 = mpc.cast %0 : (tensor<?x2xf32>) -> tensor<?x2xf16>
      mpc.yield %1 : tensor<?x2xf16>
    }
    ```
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def EqualizeChannels : Pass<"mpc-equalize-channels", "::mlir::ModuleOp"> {
  let summary = "decide how to even out the channels between contractions";
  let description = [{
    Cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1): where
    a value goes from contractions to contractions, channel c may be divided by any s[c] > 0 on the way out and multiplied on the way in. With
    r1[c] the largest weight that makes the channel and r2[c] the largest that reads it, s[c] = sqrt(r1[c] / r2[c]) makes both sqrt(r1[c] * r2[c]), so
    that no channel is squeezed into a few steps of a scale that another one asks for. Chains are swept until no factor changes by more than 0.1 %, at
    most `sweeps` times. Each value's factors are normalized to a geometric mean of 1.

    Writes `mpc.channel_factors` onto the group that makes the value; mpc-fold-channel-factors carries it out.

    ```mlir
    %y = mpc.group "conv1" ins(...) -> tensor<?x8x8x2xf32> {...}
    // becomes
    %y = mpc.group "conv1" ins(...) -> tensor<?x8x8x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.25>} {...}
    ```

    A value qualifies where mpc-fold-channel-factors can fold its factors; a residual branch, a clamp to other bounds than 0, a reader that is
    no contraction each are a remark of category `repair` that says so. Channels that are zero on either side keep the factor 1.

    Precondition: mpc-form-groups. Postcondition: no value has changed.
  }];
  let options = [Option<"sweeps", "sweeps", "unsigned", /*default=*/"20", "how often chains are swept at most">];
}

def FoldChannelFactors : Pass<"mpc-fold-channel-factors", "::mlir::ModuleOp"> {
  let summary = "divide channels where they are made and multiply them where they are read";
  let description = [{
    Carries out `mpc.channel_factors` = s of a group's result, whose channels are its last dimension:

    - what makes it, backwards from the result: a contraction with constant weights (weights and bias of channel c are divided by s[c]), a
      multiplication by or addition of constants (the constants are), a clamp to 0 on one or both sides (nothing changes). Anything else gets a
      multiplication by 1/s at the end of the group, which its kernel does while it stores
    - what reads it: contractions with constant weights (those of input channel c are multiplied by s[c]), also behind pools, and behind reshapes
      that keep channels next to each other

    The results of the function stay, but for rounding: weights are recomputed in f64 and rounded once. The range of a divided value is removed,
    since it is another one.

    ```mlir
    %y = mpc.group "fc1" ins(%a = %x, %b = %w1 : ...) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.25>} {...}
    %z = mpc.group "fc2" ins(%a = %y, %b = %w2 : ...) -> tensor<?x3xf32> {...}
    // becomes, with w1'[k, c] = w1[k, c] / s[c] and w2'[c, n] = w2[c, n] * s[c]
    %y = mpc.group "fc1" ins(%a = %x, %b = %w1_ : ...) -> tensor<?x2xf32> {...}
    %z = mpc.group "fc2" ins(%a = %y, %b = %w2_ : ...) -> tensor<?x3xf32> {...}
    ```

    Precondition: mpc-form-groups. Factors that do not fit (their number, their signs, a reader that is no contraction) are an error.
    Postcondition: no `mpc.channel_factors` is left.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def ApplyRepairs : Pass<"mpc-apply-repairs", "::mlir::ModuleOp"> {
  let summary = "carry out the repairs that a file of decisions lists";
  let description = [{
    The file is what --repair decides on samples (mpc/Analysis/Repairs.h), in the order in which it was decided:

    - `factors` of groups (equalization, smoothquant): `mpc.channel_factors`, folded as by mpc-fold-channel-factors
    - `ranges` (clipping): the group's or argument's calibrated range
    - `weight_scales` (clipping, adaptive-rounding): `mpc.weight_scales`, which mpc-insert-quantization takes for those of the weights
    - `codes` (adaptive-rounding): weights become the numbers that stand for them, code * scale, which quantize to the codes again
    - `bias` (bias-correction): added to the contraction's bias, which is made where there is none

    ```mlir
    %y = mpc.group "fc" ins(%a = %x, %b = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {...}
    // with {"version": 1, "repairs": [{"repair": "clipping", "weight_scales": {"fc": [0.5, 0.25]}}]}:
    %y = mpc.group "fc" ins(%a = %x, %b = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
        attributes {mpc.weight_scales = array<f32: 0.5, 0.25>} {...}
    ```

    Precondition: mpc-form-groups. A name that the module lacks, or numbers that do not fit the group, are errors.
  }];
  let options = [Option<"decisions", "decisions", "std::string", /*default=*/"", "file of the decisions (required)">];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def ObserveRanges : Pass<"mpc-observe-ranges", "::mlir::ModuleOp"> {
  let summary = "entry points also return the range of every tensor that is stored";
  let description = [{
    ```mlir
    func.func @main(%x: tensor<?x4xf32> {mpc.name = "x"}) -> (tensor<?x4xf32> {mpc.name = "y"}) {
      %0 = mpc.group "fc" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> {...}
      return %0 : tensor<?x4xf32>
    // becomes
    func.func @main(%x: tensor<?x4xf32> {mpc.name = "x"}) -> (tensor<?x4xf32> {mpc.name = "y"},
        tensor<2xf32> {mpc.observes = "x"}, tensor<2xf32> {mpc.observes = "fc"}) {
      %1 = mpc.group "observe:x" ins(%a = %x : tensor<?x4xf32>) -> tensor<2xf32> {
        %3 = mpc.observe "x" %a : (tensor<?x4xf32>) -> tensor<2xf32>
        mpc.yield %3 : tensor<2xf32>
      }
      %0 = mpc.group "fc" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> {...}
      %2 = mpc.group "observe:fc" ins(%a = %0 : tensor<?x4xf32>) -> tensor<2xf32> {...}
      return %0, %1, %2 : tensor<?x4xf32>, tensor<2xf32>, tensor<2xf32>
    ```

    Observed are the floating-point arguments, under their `mpc.name` (else `argN`), and what groups store, under the group's name.

    With `histograms` each of them is followed by a `tensor<4096xi64> {mpc.counts = "fc"}`: the mpc.histogram of the tensor over that range.

    Behind all of them comes, for each group whose contraction has constant weights and channels last, in the order of their names, the mpc.channel_sums of what the
    contraction reads: `tensor<5xi64> {mpc.sums = "fc"}`.

    Precondition: groups are formed, and the function does not observe yet. Postcondition: each result with `mpc.observes` is `[min, max]` of the tensor of that
    name in one run.
  }];
  let options = [Option<"histograms", "histograms", "bool", /*default=*/"false", "also return a histogram of each tensor">];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def AttachRanges : Pass<"mpc-attach-ranges", "::mlir::ModuleOp"> {
  let summary = "ranges from a calibration table onto arguments and groups";
  let description = [{
    With a table `{"version": 3, "model_hash": "", "calibrator": "minmax", "samples": 1, "ranges": {"x": [-1, 1], "fc": [0, 6]}}`:

    ```mlir
    func.func @main(%x: tensor<?x4xf32> {mpc.name = "x"}) -> tensor<?x4xf32> {
      %0 = mpc.group "fc" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> {...}
    // becomes
    func.func @main(%x: tensor<?x4xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x4xf32> {
      %0 = mpc.group "fc" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> attributes {range = #mpc.range<0.0, 6.0>} {...}
    ```

    Tables of ONNX Runtime, TPU-MLIR and TensorRT, which name tensors, are read by `mpc.tensor`; one that names none of them is an error.

    Of `"inputs": {"fc": {"positions": 4, "sums": [2097152, …]}}` a contraction with constant weights gets the mean of each input channel, here
    `mpc.input_means = array<f32: 0.5, …>`, which mpc-insert-quantization reads.

    A group that only moves, selects or clamps values, and that the table does not name, takes the range of its inputs. Names in the table that the module does
    not have are left aside: a table serves every way of compiling its model.

    Precondition: groups are formed; where the module has `mpc.model_hash`, the table has the same. Postcondition: no range that was there and that
    the table does not name has changed.
  }];
  let options = [Option<"calibration", "calibration", "std::string", /*default=*/"", "file of the calibration table (required)">];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def AssignPrecision : Pass<"mpc-assign-precision", "::mlir::ModuleOp"> {
  let summary = "decide the precision of every group";
  let description = [{
    Writes `precision` and `reason` onto each group; mpc-insert-quantization carries it out.

    ```mlir
    %0 = mpc.group "conv1" ins(...) -> tensor<?x8x8x4xf32> attributes {range = #mpc.range<0.0, 6.0>} {...}
    // becomes
    %0 = mpc.group "conv1" ins(...) -> tensor<?x8x8x4xf32> attributes {precision = #mpc.precision<int8>,
        range = #mpc.range<0.0, 6.0>, reason = "contraction with constant weights"} {...}
    ```

    The `integers` of `config` become attributes of the module (`mpc.rounding`, `mpc.activations`, `mpc.scales`); an error where those say otherwise.

    What is asked for: the last entry of `config` that means the group, else the file's `default`, else `precision`. `keep` is the precision that
    the model's own element types say: int8 where the group reads or stores quantized types, else that of its floats.

    What is granted, by the role of the group's root (QuantizableOpInterface):
    - f32, bf16: always. Softmax, normalisation and the like store narrow floats and compute in f32
    - f16: where no calibrated range of what the group stores, or a contraction reads, and no weight is beyond 65504. Where interval analysis
      (FloatBounds.h) proves that inputs within their ranges cannot make it overflow, the reason says so
    - int8, contraction: where weights and bias are constant and finite, and no sum leaves 32 bits
    - int8, average, passthrough, element-wise: where an int8 group reads the result; a result that nobody reads as integers gains
      nothing from 8 bits and would only lose accuracy. A group that is named in `config` need not have such a reader
    - int8, float: never; these groups compute in f32, from and to integers where their neighbours are int8
    - int16: as int8; sums have 64 bits where their weights do not show that 32 hold them
    - where the module has `mpc.fully_integral`, int8 whether or not an int8 group reads the result, and element-wise ops of role float, too
    - w8, w4: contractions with constant, finite weights, other than depthwise ones and those of fewer than 1024 weights; they carry
      `mpc.weights` (#mpc.weights), from the configuration, else from the options. All others compute in the type of activations

    A refusal gives f32 and a remark; refusing what `config` asks of one group by name is an error, and so is an int8 group whose inputs have
    no calibrated range. Each decision is a `passed` remark and each refusal a `missed` one, of category `precision`.

    Precondition: mpc-form-groups; for int8 also mpc-attach-ranges. Postcondition: each group has `precision` and `reason`.
  }];
  let options = [
    Option<"precision", "precision", "std::string", /*default=*/"\"keep\"",
      "keep (what the model says: a model does not change unasked), f32, f16, bf16, int8, int16, w8 or w4">,
    Option<"config", "config", "std::string", /*default=*/"\"\"", "file of precisions per group, JSON (none: all groups alike)">,
    Option<"weightBlock", "weight-block", "std::string", /*default=*/"\"32\"",
      "w8, w4: weights of a channel that share a scale: 32, 64, 128 or channel">,
    Option<"weightScheme", "weight-scheme", "std::string", /*default=*/"\"asymmetric\"",
      "w8, w4: asymmetric (a zero point per block), symmetric, or codebook (w4: 16 levels per tensor, by k-means)">,
    Option<"activationType", "activation-type", "std::string", /*default=*/"\"f32\"", "w8, w4: type of activations: f32, f16 or bf16">
  ];
  let dependentDialects = ["::mpc::MPCDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def VerifyPrecision : Pass<"mpc-verify-precision", "::mlir::ModuleOp"> {
  let summary = "check that the IR computes in the precisions that its groups carry";
  let description = [{
    Changes nothing; fails with one error per group that breaks the contract that conversion to linalg relies on:

    - (V1) int8: contractions read 8-bit integers and accumulate in 32-bit ones, so that no float product feeds a sum
    - (V1b) int16: contractions read 16-bit activations and 8-bit weights, and accumulate in i32 or i64
    - (V2) f16, bf16, f32: contractions read operands of that type and accumulate in f32
    - (V3) f16, bf16: what a group stores for other groups has that type
    - (V4) quantized tensors that groups store have 8 bits
    - (V5) scales of quantized types are finite and positive
    - (V6) w8, w4: contractions read activations of the group's `mpc.weights`, multiply weights that `mpc.dequantize_blocks` makes from
      integers of 8 or 4 bits, and accumulate in f32

    ```mlir
    // int8 by name, but its product is a float's: refused
    %0 = mpc.group "fc" ins(%a = %x, %b = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
        attributes {precision = #mpc.precision<int8>} {
      %1 = mpc.matmul %a, %b : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %1 : tensor<?x2xf32>
    }
    ```

    Groups without a precision convert between precisions; only V4 and V5 hold for them. Precondition: mpc-insert-quantization.
    Postcondition: the IR as before.
  }];
}

def VerifyIntegral : Pass<"mpc-verify-integral", "::mlir::ModuleOp"> {
  let summary = "check that nothing is computed in floating point";
  let description = [{
    Changes nothing; fails with one error that lists every group with floating-point elements, the kind of its root, and why it has no integer
    form. What the model itself takes and gives may be floating point: a group that only quantizes an argument of the function, and the dequantize
    at the end of a group whose result only the function returns, are not listed.

    ```mlir
    // refused: 'prob' (softmax: softmax is computed in floating point only)
    %0 = mpc.group "prob" ins(%a = %x : tensor<?x10x!q>) -> tensor<?x10xf32> {
      %1 = mpc.dequantize %a : (tensor<?x10x!q>) -> tensor<?x10xf32>
      %2 = mpc.softmax %1 {axis = 1 : i64} : (tensor<?x10xf32>) -> tensor<?x10xf32>
      mpc.yield %2 : tensor<?x10xf32>
    }
    ```

    Precondition: mpc-insert-quantization. Postcondition: the IR as before.
  }];
}

def AddVariants : Pass<"mpc-add-variants", "::mlir::ModuleOp"> {
  let summary = "beside each group, the group in the other precisions that it may have";
  let description = [{
    For a group with `mpc.candidates`, whose own precision is f32. Nobody reads the variants; each computes from the same f32 inputs and gives f32:

    ```mlir
    %0 = mpc.group "conv1" ins(...) -> tensor<?x8x8x4xf32> attributes {mpc.candidates = ["f16", "int8"], precision = #mpc.precision<f32>, ...} {...}
    // becomes
    %0 = mpc.group "conv1" ins(...) -> tensor<?x8x8x4xf32> attributes {precision = #mpc.precision<f32>, ...} {...}
    %1 = mpc.group "conv1@f16" ins(...) -> tensor<?x8x8x4xf32> attributes {mpc.variant = "f16", mpc.variant_of = "conv1", precision = #mpc.precision<f16>, ...} {...}
    %2 = mpc.group "conv1@int8" ins(...) -> tensor<?x8x8x4xf32> attributes {mpc.variant = "int8", mpc.variant_of = "conv1", precision = #mpc.precision<int8>, ...} {...}
    %3 = mpc.group "conv1@store" ins(%a = %0 : tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> attributes {mpc.variant = "store", mpc.variant_of = "conv1"} {
      %4 = mpc.quantize %a : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4x!quant.uniform<u8:f32, 0.1:0>>
      %5 = mpc.dequantize %4 : (tensor<?x8x8x4x!quant.uniform<u8:f32, 0.1:0>>) -> tensor<?x8x8x4xf32>
      mpc.yield %5 : tensor<?x8x8x4xf32>
    }
    ```

    - f16, bf16: the result is rounded to the type and widened again
    - w8, w4: the weights are rounded, as mpc-insert-quantization stores them
    - int8: a variant of contractions, whose inputs mpc-insert-quantization quantizes; and for every group with a range a `store`, which rounds
      to the integers of the range. What groups tie that move values is the hull of their ranges, as mpc-insert-quantization has it

    Precondition: mpc-assign-precision with f32; mpc-attach-ranges where int8 is a candidate. Postcondition: no group has `mpc.candidates`.
  }];
  let dependentDialects = ["::mpc::MPCDialect"];
}

def InsertSwitches : Pass<"mpc-insert-switches", "::mlir::ModuleOp"> {
  let summary = "an input chooses among the variants of groups";
  let description = [{
    Each variant of mpc-add-variants gets an element of a new last input of the entry point, and computes in place of its group where that element is
    not 0. `mpc.switches` on the module names them in order.

    ```mlir
    module attributes {mpc.switches = ["conv1:int8", "conv1:store"]} {
      func.func @main(%x: tensor<1x8x8x3xf32>, %switches: tensor<2xi64> {mpc.name = "mpc.switches"}) -> ... {
        %c0 = arith.constant 0 : index
        %none = arith.constant 0 : i64
        %s = tensor.extract %switches[%c0] : tensor<2xi64>
        %on = arith.cmpi ne, %s, %none : i64
        %0 = scf.if %on -> (tensor<1x8x8x4xf32>) {
          ... // quantizes what conv1@int8 reads, and computes it
        } else {
          ... // conv1
        }
    ```

    Conversions that only variants need are computed beside them.

    Precondition: mpc-insert-quantization. Postcondition: with all elements 0 the entry point computes what it did without variants.
  }];
  let dependentDialects = ["::mpc::MPCDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // MPC_TRANSFORMS_PASSES_TD
