# REQUIRES: numpy, avx2
# RUN: %python %s --mpc-opt mpc-opt --mlir-translate mlir-translate --cc %cc --work %t

"""Runs what convert-mpc-to-linalg makes of each family of ops and compares with NumPy.

Every case is a model in the mpc dialect. It is lowered by upstream's passes (one-shot bufferization, loops, LLVM), compiled and
called. Integer results are compared bit for bit; floating-point ones with the tolerance of the case, which covers the order of
summation that NumPy is free to choose.
"""

import argparse
import ctypes
import os
import subprocess
import sys

import numpy as np

PIPELINE = ",".join([
    "convert-mpc-to-linalg", "canonicalize", "cse",
    "one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map}",
    "drop-equivalent-buffer-results", "canonicalize", "cse", "convert-linalg-to-loops",
    "convert-scf-to-cf", "expand-strided-metadata", "lower-affine", "arith-expand{include-bf16=1}",
    "func.func(llvm-request-c-wrappers)", "convert-math-to-llvm", "convert-math-to-libm", "convert-arith-to-llvm",
    "convert-index-to-llvm", "finalize-memref-to-llvm", "convert-func-to-llvm", "convert-cf-to-llvm",
    "reconcile-unrealized-casts"])

NUMPY = {"f32": np.float32, "f16": np.float16, "i8": np.int8, "i32": np.int32, "i64": np.int64, "ui8": np.uint8,
         "bf16": np.uint16, "f64": np.float64, "i1": np.bool_}
rng = np.random.default_rng(1)


# -- text of the mpc dialect --------------------------------------------------

def tensor(shape, element, batch=False):
    sizes = ["?"] + [str(s) for s in shape[1:]] if batch else [str(s) for s in shape]
    return "tensor<" + "x".join(sizes + [element]) + ">"


def constant(name, array, element, storage=None):
    """A constant; `storage` names the integers of a quantized element."""
    storage = storage or element
    data = np.ascontiguousarray(array, NUMPY[storage])
    return (f'%{name} = mpc.constant dense<"0x{data.tobytes().hex().upper()}"> : {tensor(data.shape, storage)} '
            f"-> {tensor(data.shape, element)}\n")


def array_attr(values):
    return "array<i64: " + ", ".join(str(v) for v in values) + ">"


def u8(scale, zero):
    return f"!quant.uniform<u8:f32, {float(scale)!r}:{zero}>"


def per_axis(storage, axis, scales):
    return f"!quant.uniform<{storage}:f32:{axis}, {{" + ", ".join(repr(float(s)) for s in scales) + "}>"


class Model:
    """One group (or several) with its inputs; `lines` of a group's body name its operands by name."""

    def __init__(self):
        self.constants, self.body, self.inputs, self.types = "", "", [], {}

    def input(self, name, array, element, batch=False, shape=None):
        self.types[name] = tensor(shape or array.shape, element, batch)
        self.inputs.append((name, array))

    def weight(self, name, array, element, storage=None):
        self.constants += constant(name, array, element, storage)
        self.types[name] = tensor(array.shape, element)

    def group(self, result, result_type, operands, lines, yielded):
        names = ", ".join(f"%g_{o} = %{o}" for o in operands)
        types = ", ".join(self.types[o] for o in operands)
        self.body += f'%{result} = mpc.group "{result}" ins({names} : {types}) -> {result_type} {{\n'
        self.body += lines + f"\nmpc.yield %{yielded} : {result_type}\n}}\n"
        self.types[result] = result_type

    def text(self, results):
        arguments = ", ".join(f"%{n}: {self.types[n]} {{mpc.name = \"{n}\"}}" for n, _ in self.inputs)
        returned = ", ".join(self.types[r] for r in results)
        values = ", ".join(f"%{r}" for r in results)
        return (f"func.func @main({arguments}) -> ({returned}) {{\n{self.constants}{self.body}"
                f"return {values} : {returned}\n}}\n")


# -- running -------------------------------------------------------------------

class Runner:
    def __init__(self, options):
        self.options, self.count = options, 0
        # Strided copies call a function of upstream's runner.
        self.libraries = os.path.join(os.path.dirname(os.path.realpath(options.cc)), "..", "lib")
        os.makedirs(options.work, exist_ok=True)

    def compile(self, text):
        self.count += 1
        base = os.path.join(self.options.work, f"case{self.count}")
        with open(base + ".mlir", "w") as file:
            file.write(text)

        def call(*command):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{' '.join(command)}\n{done.stderr}\n{text}")

        call(self.options.mpc_opt, base + ".mlir", f"--pass-pipeline=builtin.module({PIPELINE})", "-o", base + ".llvm.mlir")
        # Marks for profiles are for the project's own runtime.
        with open(base + ".llvm.mlir") as file:
            lines = [line for line in file if not line.strip().startswith("kernel.begin_group")]
        with open(base + ".llvm.mlir", "w") as file:
            file.writelines(lines)
        call(self.options.mlir_translate, "--mlir-to-llvmir", base + ".llvm.mlir", "-o", base + ".ll")
        call(self.options.cc, "-march=x86-64-v3", "-O1", "-ffp-contract=off", "-Wno-override-module", "-shared", "-fPIC",
             base + ".ll", "-o", base + ".so", "-L" + self.libraries, "-Wl,-rpath," + self.libraries, "-lmlir_c_runner_utils",
             "-lm")
        return ctypes.CDLL(base + ".so")

    def run(self, model, results, outputs):
        """Runs `model`; `outputs` are arrays of the results' shapes and types, which are filled."""
        library = self.compile(model.text(results))
        descriptors = [descriptor(np.ascontiguousarray(a)) for _, a in model.inputs] + [descriptor(o) for o in outputs]
        returned = ctypes.create_string_buffer(4096)  # descriptors of the outputs again
        library._mlir_ciface_main(returned, *[ctypes.byref(d) for d, _ in descriptors])
        return outputs


def descriptor(array):
    rank = array.ndim

    class Descriptor(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("data", ctypes.c_void_p), ("offset", ctypes.c_int64)] + (
            [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)] if rank else [])

    value = Descriptor(array.ctypes.data, array.ctypes.data, 0)
    if rank:
        value.sizes[:] = array.shape
        value.strides[:] = [s // array.itemsize for s in array.strides]
    return value, array


# -- references ------------------------------------------------------------------

def conv_reference(x, w, strides, dilations, pads, groups, pad_value=0):
    """x N C spatial, w O I/g kernel; both in a type in which sums are exact or double."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(pads[d], pads[rank + d]) for d in range(rank)], constant_values=pad_value)
    sizes = [(x.shape[2 + d] - (w.shape[2 + d] - 1) * dilations[d] - 1) // strides[d] + 1 for d in range(rank)]
    y = np.zeros([x.shape[0], w.shape[0]] + sizes, x.dtype)
    per = w.shape[0] // groups
    for o in range(w.shape[0]):
        first = o // per * w.shape[1]
        for tap in np.ndindex(*w.shape[2:]):
            window = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilations, sizes, strides))
            piece = x[(slice(None), slice(first, first + w.shape[1])) + window]
            kernel = w[(o, slice(None)) + tap].reshape((1, -1) + (1,) * rank)
            y[:, o] += (piece * kernel).sum(axis=1)
    return y


def to_last(x):
    return np.moveaxis(x, 1, -1)


def to_bf16(x):
    """The bits of x rounded to bf16, to nearest even; no NaN."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def quantize(x, scale, zero, low=0, high=255):
    with np.errstate(over="ignore"):  # infinity saturates
        q = np.rint((x.astype(np.float32) / np.float32(scale)).astype(np.float32)) + np.float32(zero)
    return np.clip(q, low, high).astype(np.int32)


def requantize(acc, multiplier, zero, low=0, high=255):
    q = np.rint(acc.astype(np.float32) * np.asarray(multiplier, np.float32)) + np.float32(zero)
    return np.clip(q, low, high).astype(np.int32)


def check(name, got, expected, rtol=0.0, atol=0.0):
    if got.shape != expected.shape:
        sys.exit(f"{name}: expected shape {expected.shape}, but got {got.shape}")
    if rtol == 0.0 and atol == 0.0:
        same = np.array_equal(got, expected)
    else:
        same = np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if not same:
        sys.exit(f"{name}: expected\n{expected}\nbut got\n{got}")
    print(f"{name}: ok")


# -- cases ---------------------------------------------------------------------

def conv_attrs(strides, dilations, pads, groups, last):
    layout = "channels_last" if last else "channels_first"
    return (f"{{strides = {array_attr(strides)}, dilations = {array_attr(dilations)}, pads = {array_attr(pads)}, "
            f"groups = {groups} : i64, layout = #mpc.layout<{layout}>}}")


def conv_float(runner, name, element, shape, out_channels, kernel, strides, dilations, pads, groups, last, batch,
               residual=False):
    rank, channels = len(shape) - 2, shape[1]
    storage = np.float16 if element == "f16" else np.float32
    x = rng.standard_normal(shape).astype(storage)
    w = rng.standard_normal([out_channels, channels // groups] + kernel).astype(storage)
    b = rng.standard_normal([out_channels]).astype(np.float32)
    y = conv_reference(x.astype(np.float64), w.astype(np.float64), strides, dilations, pads, groups)
    y += b.reshape((1, -1) + (1,) * rank)
    r = rng.standard_normal(y.shape).astype(storage)
    arrange = to_last if last else (lambda a: a)
    model = Model()
    model.input("x", arrange(x), element, batch)
    if residual:
        model.input("r", arrange(r), element, batch)
        y = y + r
    y = arrange(np.maximum(y, 0))
    model.weight("w", arrange(w), element)
    model.weight("b", b, "f32")
    t = {n: model.types[n] for n in model.types}
    acc, out = tensor(y.shape, "f32", batch), tensor(y.shape, element, batch)
    lines = (f"%0 = mpc.conv %g_x, %g_w, %g_b {conv_attrs(strides, dilations, pads, groups, last)} : "
             f"({t['x']}, {t['w']}, {t['b']}) -> {acc}\n")
    value = "0"
    if residual:
        lines += f"%1 = mpc.cast %g_r : ({t['r']}) -> {acc}\n" if element != "f32" else ""
        other = "%1" if element != "f32" else "%g_r"
        lines += f"%2 = mpc.add %0, {other} : ({acc}, {acc}) -> {acc}\n"
        value = "2"
    lines += f"%3 = mpc.relu %{value} : ({acc}) -> {acc}\n"
    value = "3"
    if element != "f32":
        lines += f"%4 = mpc.cast %3 : ({acc}) -> {out}\n"
        value = "4"
    model.group("y", out, ["x", "w", "b"] + (["r"] if residual else []), lines, value)
    got, = runner.run(model, ["y"], [np.zeros(y.shape, storage)])
    tolerance = 1e-5 if element == "f32" else 2e-3
    check(name, got.astype(np.float64), y, tolerance, tolerance)


def conv_int8(runner, name, shape, out_channels, kernel, strides, dilations, pads, groups, last, batch, bias=True,
              residual=False, signed=False, zero=7):
    """Padding, a zero point that is not 0, scales per channel, relu as a bound; and with f32 residual addition."""
    rank, channels = len(shape) - 2, shape[1]
    storage = np.int8 if signed else np.uint8
    low = -128 if signed else 0
    q = rng.integers(low, low + 256, shape)
    w = rng.integers(-127, 128, [out_channels, channels // groups] + kernel)
    b = rng.integers(-5000, 5000, [out_channels])
    sx, sy = np.float32(0.05), np.float32(0.4)
    sw = rng.uniform(0.001, 0.02, out_channels).astype(np.float32)
    acc = conv_reference((q - zero).astype(np.int64), w.astype(np.int64), strides, dilations, pads, groups)
    if bias:
        acc += b.reshape((1, -1) + (1,) * rank)
    arrange = to_last if last else (lambda a: a)
    per_channel = (1, -1) + (1,) * rank
    sacc = sx * sw
    model = Model()
    x_type = f"!quant.uniform<{'i8' if signed else 'u8'}:f32, {float(sx)!r}:{zero}>"
    model.input("x", arrange(q).astype(storage), x_type, batch)
    model.weight("w", arrange(w), per_axis("i8", 0, sw), "i8")
    operands = ["x", "w"]
    if bias:
        model.weight("b", b, per_axis("i32", 0, sacc), "i32")
        operands.append("b")
    y_shape = arrange(acc).shape
    axis = len(y_shape) - 1 if last else 1
    acc_type = tensor(y_shape, per_axis("i32", axis, sacc), batch)
    out = tensor(y_shape, u8(sy, 3), batch)
    real = tensor(y_shape, "f32", batch)
    types = ", ".join(model.types[o] for o in operands)
    lines = (f"%0 = mpc.conv " + ", ".join(f"%g_{o}" for o in operands) +
             f" {conv_attrs(strides, dilations, pads, groups, last)} : ({types}) -> {acc_type}\n")
    if residual:
        r = rng.integers(0, 256, acc.shape)
        sr = np.float32(0.11)
        model.input("r", arrange(r).astype(np.uint8), u8(sr, 100), batch)
        lines += (f"%1 = mpc.dequantize %0 : ({acc_type}) -> {real}\n"
                  f"%2 = mpc.dequantize %g_r : ({model.types['r']}) -> {real}\n"
                  f"%3 = mpc.add %1, %2 : ({real}, {real}) -> {real}\n"
                  f"%4 = mpc.relu %3 : ({real}) -> {real}\n"
                  f"%5 = mpc.quantize %4 : ({real}) -> {out}\n")
        operands.append("r")
        sum_ = acc.astype(np.float32) * sacc.reshape(per_channel) + (r - 100).astype(np.float32) * sr
        expected, value = quantize(np.maximum(sum_, 0), sy, 3), "5"
    else:
        lines += f"%5 = mpc.requantize %0 {{low = 3 : i64}} : ({acc_type}) -> {out}\n"
        expected, value = requantize(acc, (sacc / sy).reshape(per_channel), 3, low=3), "5"
    model.group("y", out, operands, lines, value)
    got, = runner.run(model, ["y"], [np.zeros(y_shape, np.uint8)])
    check(name, got.astype(np.int32), arrange(expected))


def matmul_bf16(runner):
    # Products of bf16 are exact in f32; the sum is rounded to bf16 once, when it is stored.
    a, b = to_bf16(rng.standard_normal([3, 40])), to_bf16(rng.standard_normal([40, 6]))
    model = Model()
    model.input("a", a, "bf16", True)
    model.weight("b", b, "bf16")
    acc, out = tensor([3, 6], "f32", True), tensor([3, 6], "bf16", True)
    model.group("y", out, ["a", "b"],
                f"%0 = mpc.matmul %g_a, %g_b : ({model.types['a']}, {model.types['b']}) -> {acc}\n"
                f"%1 = mpc.cast %0 : ({acc}) -> {out}", "1")
    got, = runner.run(model, ["y"], [np.zeros([3, 6], np.uint16)])
    sums = np.zeros([3, 6], np.float32)
    for k in range(40):
        sums += from_bf16(a)[:, k:k + 1] * from_bf16(b)[k:k + 1]
    check("matmul bf16", got, to_bf16(sums))


def integers(runner):
    x = np.array([[-300.7, -1.5, -0.4, 0.0, 0.9, 1.5, 254.9, 255.0, 300.0, 3e9, np.nan, -np.inf]], np.float32)
    for element, dtype in [("ui8", np.uint8), ("i8", np.int8), ("i32", np.int32)]:
        info = np.iinfo(dtype)
        expected = np.clip(np.trunc(np.nan_to_num(x, nan=0.0).astype(np.float64)), info.min, info.max).astype(dtype)
        out = tensor(x.shape, element)
        unary_group(runner, f"cast f32 to {element}", x, "f32", f"%0 = mpc.cast %g_x : ($x) -> {out}", out, "0", expected, 0.0,
                    dtype, batch=False)
    q = np.arange(256, dtype=np.uint8).reshape(1, 256)
    out = tensor(q.shape, "f32")
    unary_group(runner, "cast ui8 to f32", q, "ui8", f"%0 = mpc.cast %g_x : ($x) -> {out}", out, "0", q.astype(np.float32), 0.0,
                np.float32, batch=False)
    i = rng.integers(-1000, 1000, [2, 3, 4]).astype(np.int32)
    t, out = tensor(i.shape, "i32", True), tensor([2, 4], "i32", True)
    unary_group(runner, "sum of integers", i, "i32",
                f"%0 = mpc.add %g_x, %g_x : ($x, $x) -> {t}\n%1 = mpc.reduce %0 {{kind = #mpc.reduce<sum>, axes = "
                f"array<i64: 1>, keepdims = false}} : ({t}) -> {out}", out, "1", 2 * i.sum(axis=1), 0.0, np.int32)


def matmul_float(runner, name, lhs, rhs, transpose, weight, batch=False):
    a, b = rng.standard_normal(lhs).astype(np.float32), rng.standard_normal(rhs).astype(np.float32)
    y = a.astype(np.float64) @ (np.swapaxes(b, -1, -2) if transpose else b)
    model = Model()
    model.input("a", a, "f32", batch)
    if weight:
        model.weight("b", b, "f32")
    else:
        model.input("b", b, "f32")
    out = tensor(y.shape, "f32", batch)
    attribute = " {transpose_b}" if transpose else ""
    model.group("y", out, ["a", "b"],
                f"%0 = mpc.matmul %g_a, %g_b{attribute} : ({model.types['a']}, {model.types['b']}) -> {out}", "0")
    got, = runner.run(model, ["y"], [np.zeros(y.shape, np.float32)])
    check(name, got, y, 1e-5, 1e-5)


def matmul_int8(runner, name, transpose):
    q, w, b = rng.integers(0, 256, [3, 20]), rng.integers(-127, 128, [20, 5]), rng.integers(-999, 999, [5])
    sx, sy, zero = np.float32(0.02), np.float32(0.5), 131
    sw = rng.uniform(0.001, 0.02, 5).astype(np.float32)
    acc = (q - zero) @ w + b
    model = Model()
    model.input("x", q.astype(np.uint8), u8(sx, zero), True)
    model.weight("w", w.T if transpose else w, per_axis("i8", 0 if transpose else 1, sw), "i8")
    model.weight("b", b, per_axis("i32", 0, sx * sw), "i32")
    acc_type, out = tensor([3, 5], per_axis("i32", 1, sx * sw), True), tensor([3, 5], "f32", True)
    types = ", ".join(model.types[o] for o in ["x", "w", "b"])
    model.group("y", out, ["x", "w", "b"],
                f"%0 = mpc.matmul %g_x, %g_w, %g_b {'{transpose_b}' if transpose else ''} : ({types}) -> {acc_type}\n"
                f"%1 = mpc.dequantize %0 : ({acc_type}) -> {out}", "1")
    got, = runner.run(model, ["y"], [np.zeros([3, 5], np.float32)])
    check(name, got, acc.astype(np.float32) * (sx * sw))


def pool_windows(x, kernel, strides, dilations, pads, fill):
    """All taps of each window, along a new last axis; x N H W C."""
    x = np.pad(x, [(0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)], constant_values=fill)
    sizes = [(x.shape[1 + d] - (kernel[d] - 1) * dilations[d] - 1) // strides[d] + 1 for d in range(2)]
    taps = [x[:, i * dilations[0]:i * dilations[0] + (sizes[0] - 1) * strides[0] + 1:strides[0],
              j * dilations[1]:j * dilations[1] + (sizes[1] - 1) * strides[1] + 1:strides[1]]
            for i in range(kernel[0]) for j in range(kernel[1])]
    return np.stack(taps, axis=-1)


def pool(runner, name, op, element, pads, extra="", last=True, include_pad=False, ceil_extra=(0, 0), kernel=(3, 2), strides=(2, 1),
         dilations=(1, 2)):
    quantized = element.startswith("!quant")
    shape = [2, 7, 8, 5]
    x = rng.integers(0, 256, shape).astype(np.uint8) if quantized else rng.standard_normal(shape).astype(NUMPY[element])
    out_element, zero = element, 9
    if op == "max_pool":
        y = pool_windows(x.astype(np.float64), kernel, strides, dilations, pads, -np.inf).max(axis=-1)
    else:
        real = (x.astype(np.int64) - zero) if quantized else x.astype(np.float64)
        total = pool_windows(real, kernel, strides, dilations, pads, 0).sum(axis=-1)
        ones = np.ones(shape)
        if include_pad:
            grown = [pads[0], pads[1], pads[2] - ceil_extra[0], pads[3] - ceil_extra[1]]
            ones = np.ones([2, 7 + grown[0] + grown[2], 8 + grown[1] + grown[3], 5])
            count = pool_windows(ones, kernel, strides, dilations, [0, 0, ceil_extra[0], ceil_extra[1]], 0).sum(axis=-1)
        else:
            count = pool_windows(ones, kernel, strides, dilations, pads, 0).sum(axis=-1)
        if quantized:
            out_element = u8(0.25, 20)
            ratio = np.float32(0.125) / np.float32(0.25)
            y = requantize(total, ratio / count.astype(np.float32), 20)
        else:
            y = total / count
    arrange = (lambda a: a) if last else (lambda a: np.moveaxis(a, -1, 1))
    layout = "channels_last" if last else "channels_first"
    model = Model()
    model.input("x", arrange(x), element, True)
    out = tensor(arrange(y).shape, out_element, True)
    model.group("y", out, ["x"],
                f"%0 = mpc.{op} %g_x {{kernel = {array_attr(kernel)}, strides = {array_attr(strides)}, dilations = "
                f"{array_attr(dilations)}, pads = {array_attr(pads)}, layout = #mpc.layout<{layout}>{extra}}} : "
                f"({model.types['x']}) -> {out}", "0")
    got, = runner.run(model, ["y"], [np.zeros(arrange(y).shape, x.dtype)])
    exact = quantized or op == "max_pool"
    check(name, got.astype(np.float64), arrange(y).astype(np.float64), 0.0 if exact else 1e-3, 0.0 if exact else 1e-3)


def unary_group(runner, name, x, element, lines, out_type, yielded, expected, rtol, out_dtype, batch=True, extra=()):
    model = Model()
    model.input("x", x, element, batch)
    for other, array, other_element in extra:
        model.weight(other, array, other_element)
    lines = lines.replace("$x", model.types["x"])
    model.group("y", out_type, ["x"] + [o for o, _, _ in extra], lines, yielded)
    got, = runner.run(model, ["y"], [np.zeros(expected.shape, out_dtype)])
    check(name, got.astype(np.float64), expected.astype(np.float64), rtol, rtol)


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def reductions(runner):
    x = rng.standard_normal([3, 4, 5, 6]).astype(np.float32)
    t = tensor(x.shape, "f32", True)
    for kind, f in {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod,
                    "l1": lambda v, **k: np.abs(v).sum(**k), "l2": lambda v, **k: np.sqrt((v * v).sum(**k)),
                    "sum_square": lambda v, **k: (v * v).sum(**k)}.items():
        for keep in [True, False]:
            y = f(x.astype(np.float64), axis=(1, 2), keepdims=keep)
            out = tensor(y.shape, "f32", True)
            unary_group(runner, f"reduce {kind} keepdims={keep}", x, "f32",
                        f"%0 = mpc.reduce %g_x {{kind = #mpc.reduce<{kind}>, axes = array<i64: 1, 2>, keepdims = "
                        f"{str(keep).lower()}}} : ($x) -> {out}", out, "0", y, 1e-4, np.float32)
    q = rng.integers(0, 256, [3, 4, 5, 6]).astype(np.uint8)
    out = tensor([3, 6], u8(0.01, 128), True)
    expected = requantize((q.astype(np.int64) - 50).sum(axis=(1, 2)), np.float32(0.02) / np.float32(0.01) / np.float32(20), 128)
    unary_group(runner, "reduce mean int8", q, u8(0.02, 50),
                f"%0 = mpc.reduce %g_x {{kind = #mpc.reduce<mean>, axes = array<i64: 1, 2>, keepdims = false}} : ($x) -> {out}",
                out, "0", expected, 0.0, np.uint8)
    for axis in [1, 3]:
        unary_group(runner, f"softmax axis {axis}", x, "f32", f"%0 = mpc.softmax %g_x {{axis = {axis}}} : ($x) -> {t}", t, "0",
                    softmax(x.astype(np.float64), axis), 1e-6, np.float32)
        unary_group(runner, f"log_softmax axis {axis}", x, "f32", f"%0 = mpc.log_softmax %g_x {{axis = {axis}}} : ($x) -> {t}",
                    t, "0", np.log(softmax(x.astype(np.float64), axis)), 1e-5, np.float32)
    h = x.astype(np.float16)
    half, single = tensor(x.shape, "f16", True), tensor(x.shape, "f32", True)
    unary_group(runner, "softmax f16 with a scaled input", h, "f16",
                f"%0 = mpc.cast %g_x : ($x) -> {single}\n%1 = mpc.add %0, %0 : ({single}, {single}) -> {single}\n"
                f"%2 = mpc.softmax %1 {{axis = 3}} : ({single}) -> {single}\n%3 = mpc.cast %2 : ({single}) -> {half}",
                half, "3", softmax(2 * h.astype(np.float64), 3), 1e-3, np.float16)
    unary_group(runner, "observe", x, "f32", "%0 = mpc.observe \"x\" %g_x : ($x) -> tensor<2xf32>", "tensor<2xf32>", "0",
                np.array([x.min(), x.max()]), 0.0, np.float32)
    parameters = [rng.uniform(0.5, 2, 4).astype(np.float32) for _ in range(4)]
    s, b, m, v = [p.astype(np.float64).reshape(1, 4, 1, 1) for p in parameters]
    unary_group(runner, "batch_norm", x, "f32",
                f"%0 = mpc.batch_norm %g_x, %g_s, %g_b, %g_m, %g_v {{epsilon = 1.0e-3 : f64}} : ($x, tensor<4xf32>, "
                f"tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> {t}", t, "0", (x - m) / np.sqrt(v + 1e-3) * s + b, 1e-5,
                np.float32, extra=[(n, p, "f32") for n, p in zip("sbmv", parameters)])


def movement(runner):
    x = rng.standard_normal([3, 4, 5, 6]).astype(np.float32)
    y = np.transpose(x, (0, 3, 1, 2))
    out = tensor(y.shape, "f32", True)
    unary_group(runner, "transpose and relu", x, "f32",
                f"%0 = mpc.transpose %g_x {{perm = array<i64: 0, 3, 1, 2>}} : ($x) -> {out}\n"
                f"%1 = mpc.relu %0 : ({out}) -> {out}", out, "1", np.maximum(y, 0), 0.0, np.float32)
    y = x[:, 3:0:-2, 1:4, 5:6]
    out = tensor(y.shape, "f32", True)
    unary_group(runner, "slice", x, "f32",
                f"%0 = mpc.slice %g_x {{starts = array<i64: 0, 3, 1, 5>, sizes = array<i64: -1, 2, 3, 1>, "
                f"steps = array<i64: 1, -2, 1, 1>}} : ($x) -> {out}", out, "0", y, 0.0, np.float32)
    y = x[:, :2, 4:1:-2, :5]  # beginnings of dimensions beside a step
    out = tensor(y.shape, "f32", True)
    unary_group(runner, "slice of beginnings", x, "f32",
                f"%0 = mpc.slice %g_x {{starts = array<i64: 0, 0, 4, 0>, sizes = array<i64: -1, 2, 2, 5>, "
                f"steps = array<i64: 1, 1, -2, 1>}} : ($x) -> {out}\n%1 = mpc.relu %0 : ({out}) -> {out}", out, "1",
                np.maximum(y, 0), 0.0, np.float32)
    y = np.pad(x, [(0, 0), (1, 0), (0, 2), (3, 1)], constant_values=1.5)
    out = tensor(y.shape, "f32", True)
    unary_group(runner, "pad", x, "f32",
                f"%0 = mpc.pad %g_x {{low = array<i64: 0, 1, 0, 3>, high = array<i64: 0, 0, 2, 1>, value = 1.5 : f64}} : "
                f"($x) -> {out}", out, "0", y, 0.0, np.float32)
    small = rng.standard_normal([3, 1, 6]).astype(np.float32)
    out = tensor([3, 5, 6], "f32", True)
    unary_group(runner, "broadcast", small, "f32", f"%0 = mpc.broadcast %g_x : ($x) -> {out}", out, "0",
                np.broadcast_to(small, [3, 5, 6]), 0.0, np.float32)
    c = rng.standard_normal([4, 1, 1]).astype(np.float32)
    t = tensor(x.shape, "f32", True)
    unary_group(runner, "binary with broadcast", x, "f32",
                f"%0 = mpc.mul %g_x, %g_c : ($x, tensor<4x1x1xf32>) -> {t}\n%1 = mpc.sub %0, %g_x : ({t}, {t}) -> {t}",
                t, "1", x * c - x, 1e-6, np.float32, extra=[("c", c, "f32")])
    # Two operands, one with an expression before the concatenation, and a transpose after it.
    model = Model()
    a, b = rng.standard_normal([2, 3, 4]).astype(np.float32), rng.standard_normal([2, 2, 4]).astype(np.float32)
    model.input("a", a, "f32", True)
    model.input("b", b, "f32", True)
    ta, tb = model.types["a"], model.types["b"]
    joined, turned = tensor([2, 5, 4], "f32", True), tensor([2, 4, 5], "f32", True)
    lines = (f"%0 = mpc.relu %g_a : ({ta}) -> {ta}\n%1 = mpc.concat %0, %g_b {{axis = 1}} : ({ta}, {tb}) -> {joined}\n")
    model.group("y", joined, ["a", "b"], lines, "1")
    model.group("z", turned, ["a", "b"],
                lines + f"%2 = mpc.transpose %1 {{perm = array<i64: 0, 2, 1>}} : ({joined}) -> {turned}", "2")
    y, z = runner.run(model, ["y", "z"], [np.zeros([2, 5, 4], np.float32), np.zeros([2, 4, 5], np.float32)])
    expected = np.concatenate([np.maximum(a, 0), b], axis=1)
    check("concat", y, expected)
    check("concat and transpose", z, expected.transpose(0, 2, 1))


def entry(runner):
    # Results that are no group's own: an input, a view, a constant, the same value twice.
    x = rng.standard_normal([3, 2, 4]).astype(np.float32)
    k = np.array([1.0, 2.0], np.float32)
    model = Model()
    model.input("x", x, "f32", True)
    model.weight("k", k, "f32")
    t = model.types["x"]
    model.group("y", t, ["x"], f"%0 = mpc.relu %g_x : ({t}) -> {t}", "0")
    model.body += f"%v = mpc.reshape %y : ({t}) -> tensor<?x8xf32>\n%u = mpc.reshape %x : ({t}) -> tensor<?x4x2xf32>\n"
    model.types.update(v="tensor<?x8xf32>", u="tensor<?x4x2xf32>")
    results = ["x", "y", "v", "y", "k", "u"]
    arrays = [x, np.maximum(x, 0), np.maximum(x, 0).reshape(3, 8), np.maximum(x, 0), k, x.reshape(3, 4, 2)]
    got = runner.run(model, results, [np.zeros(a.shape, np.float32) for a in arrays])
    for name, g, e in zip(results, got, arrays):
        check(f"result {name}", g, e)


def quantization(runner):
    x = np.array([[-np.inf, -3.0, -0.76, -0.75, -0.25, 0.25, 0.75, 1.25, 100.0, np.inf, np.nan, 0.1]], np.float32)
    out = tensor(x.shape, u8(0.5, 3))
    q = quantize(np.nan_to_num(x, nan=0.0), 0.5, 3)
    unary_group(runner, "quantize", x, "f32", f"%0 = mpc.quantize %g_x : ($x) -> {out}", out, "0", q, 0.0, np.uint8, batch=False)
    q = np.arange(256, dtype=np.uint8).reshape(1, 256)
    t, out = tensor(q.shape, u8(0.3, 77)), tensor(q.shape, "f32")
    unary_group(runner, "dequantize", q, u8(0.3, 77), f"%0 = mpc.dequantize %g_x : ($x) -> {out}", out, "0",
                (q.astype(np.float32) - 77) * np.float32(0.3), 0.0, np.float32, batch=False)
    unary_group(runner, "clip of quantized values", q, u8(0.5, 77),
                f"%0 = mpc.clip %g_x {{min = 0.0 : f64, max = 6.0 : f64}} : ($x) -> $x", tensor(q.shape, u8(0.5, 77)), "0",
                np.clip(q, 77, 89), 0.0, np.uint8, batch=False)
    # mul dequantizes, computes in f32 and quantizes; add rescales both at once, which is the same where no sum lies between integers.
    a, b = rng.integers(0, 256, [2, 50]).astype(np.uint8), rng.integers(0, 256, [2, 50]).astype(np.uint8)
    for op in ["add", "mul"]:
        model = Model()
        model.input("a", a, u8(0.02, 100))
        model.input("b", b, u8(0.03, 20))
        out = tensor(a.shape, u8(0.05, 90))
        model.group("y", out, ["a", "b"], f"%0 = mpc.{op} %g_a, %g_b : ({model.types['a']}, {model.types['b']}) -> {out}", "0")
        real = [(a.astype(np.float32) - 100) * np.float32(0.02), (b.astype(np.float32) - 20) * np.float32(0.03)]
        expected = quantize(real[0] + real[1] if op == "add" else real[0] * real[1], 0.05, 90)
        got, = runner.run(model, ["y"], [np.zeros(a.shape, np.uint8)])
        check(f"{op} of quantized values", got.astype(np.int32), expected)


def main():
    parser = argparse.ArgumentParser()
    for option in ["--mpc-opt", "--mlir-translate", "--cc", "--work"]:
        parser.add_argument(option, required=True)
    runner = Runner(parser.parse_args())
    one, two = [1, 1], [2, 2]
    large = {"kernel": (6, 6), "strides": one, "dilations": one}  # maxima of rows, then of columns
    for last in [True, False]:
        where = "last" if last else "first"
        conv_float(runner, f"conv {where}", "f32", [3, 5, 6, 7], 4, [3, 2], [2, 1], [1, 2], [1, 0, 1, 2], 1, last, True)
        conv_float(runner, f"conv grouped {where}", "f32", [2, 6, 5, 5], 4, [3, 3], one, one, [1, 1, 1, 1], 2, last, True)
        conv_float(runner, f"conv depthwise {where}", "f32", [2, 6, 5, 5], 6, [3, 3], two, one, [1, 1, 1, 1], 6, last, True,
                   residual=True)
        conv_float(runner, f"conv multiplier {where}", "f32", [2, 3, 5, 5], 6, [3, 3], one, one, [0] * 4, 3, last, False)
        conv_float(runner, f"conv 1-D {where}", "f32", [2, 3, 9], 4, [3], [2], [1], [1, 1], 1, last, True)
        conv_float(runner, f"conv 3-D {where}", "f32", [2, 3, 4, 5, 4], 4, [2, 3, 1], [1] * 3, [1] * 3, [0, 1, 0] * 2, 1, last,
                   True)
        conv_int8(runner, f"conv int8 {where}", [3, 5, 6, 7], 4, [3, 2], [2, 1], [1, 2], [1, 0, 1, 2], 1, last, True)
        conv_int8(runner, f"conv int8 no bias {where}", [3, 5, 6, 7], 4, [1, 1], one, one, [0] * 4, 1, last, True, bias=False)
        conv_int8(runner, f"conv int8 residual {where}", [2, 5, 6, 6], 4, [3, 3], one, one, [1] * 4, 1, last, True, residual=True)
        conv_int8(runner, f"conv int8 depthwise {where}", [2, 6, 5, 5], 6, [3, 3], one, one, [1] * 4, 6, last, True)
        conv_int8(runner, f"conv int8 grouped {where}", [2, 6, 5, 5], 4, [3, 3], one, one, [1] * 4, 2, last, True)
        conv_int8(runner, f"conv int8 signed {where}", [2, 6, 5, 5], 4, [3, 3], one, one, [1] * 4, 1, last, True, signed=True,
                  zero=-3)
        conv_int8(runner, f"conv int8 zero point 0 {where}", [2, 6, 5, 5], 4, [3, 3], one, one, [1] * 4, 1, last, True, zero=0)
        pool(runner, f"max_pool {where}", "max_pool", "f32", [1, 0, 1, 1], last=last)
        pool(runner, f"max_pool of large windows {where}", "max_pool", "f32", [3, 3, 2, 3], last=last, **large)
        pool(runner, f"average_pool {where}", "average_pool", "f32", [1, 0, 1, 1], last=last)
    conv_float(runner, "conv f16", "f16", [3, 5, 6, 7], 4, [3, 3], one, one, [1] * 4, 1, True, True, residual=True)
    matmul_float(runner, "matmul", [3, 5], [5, 4], False, True, True)
    matmul_float(runner, "matmul transposed weights", [3, 5], [4, 5], True, True, True)
    matmul_float(runner, "matmul transposed", [3, 5], [4, 5], True, False)
    matmul_float(runner, "matmul batched", [2, 3, 4, 5], [3, 5, 6], False, False, True)
    matmul_float(runner, "matmul broadcast", [2, 1, 4, 5], [3, 5, 6], False, False, True)
    matmul_float(runner, "matmul rank 3 by weights", [2, 4, 5], [5, 6], False, True, True)
    matmul_bf16(runner)
    matmul_int8(runner, "matmul int8", False)
    matmul_int8(runner, "matmul int8 transposed", True)
    pool(runner, "max_pool f16", "max_pool", "f16", [1, 0, 1, 1])
    pool(runner, "max_pool int8", "max_pool", u8(0.125, 9), [1, 0, 1, 1])
    pool(runner, "max_pool of large windows f16", "max_pool", "f16", [3, 3, 2, 3], **large)
    pool(runner, "max_pool of large windows int8", "max_pool", u8(0.125, 9), [3, 3, 2, 3], **large)
    pool(runner, "average_pool f16", "average_pool", "f16", [0, 0, 0, 0])
    pool(runner, "average_pool with padding counted", "average_pool", "f32", [1, 0, 1, 1], ", count_include_pad", include_pad=True)
    pool(runner, "average_pool with ceil_mode", "average_pool", "f32", [1, 0, 2, 1],
         ", count_include_pad, ceil_extra = array<i64: 1, 0>", include_pad=True, ceil_extra=(1, 0))
    pool(runner, "average_pool int8", "average_pool", u8(0.125, 9), [1, 0, 1, 1])
    reductions(runner)
    movement(runner)
    entry(runner)
    quantization(runner)
    integers(runner)


if __name__ == "__main__":
    main()
