# Loops over rows, joined and as vectors, against NumPy, bit for bit, on every instruction set of this machine. Rows are of sizes that
# leave a rest, and buffers end at a page that cannot be read.
#
# REQUIRES: avx2, numpy
# RUN: %python %s --work-dir=%t
"""Compiles linalg operations on memrefs through the passes of Codegen and runs them."""
import argparse
import ctypes
import os
import sys

import numpy as np

import kernels

kernels.PIPELINE = kernels.PIPELINE.replace("mpc-lower-inner-tiles,",
                                            "mpc-estimate-rounding,mpc-lower-inner-tiles,func.func(mpc-expand-math),", 1)
rng = np.random.default_rng(3)


def linalg(maps, iterators, inputs, out, types, body):
    """A linalg.generic on the arguments %a0, %a1, ... and %out."""
    maps = ", ".join(f"affine_map<{m}>" for m in maps)
    iterators = ", ".join(f'"{i}"' for i in iterators)
    names = ", ".join(f"%a{i}" for i in range(len(inputs)))
    block = ", ".join(f"%s{i}: {t}" for i, t in enumerate(types))
    return (f"  linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} ins({names} : {', '.join(inputs)}) "
            f"outs(%out : {out}) {{\n  ^bb0({block}):\n    {body}\n  }}")


class Case:
    def __init__(self, title, arguments, out_type, code, arrays, out, expected):
        self.title, self.arguments, self.out_type, self.code = title, arguments, out_type, code
        self.arrays, self.out, self.expected = arrays, out, expected

    def mlir(self, name):
        arguments = ", ".join(f"%a{i}: {t}" for i, t in enumerate(self.arguments))
        return (f"func.func @{name}({arguments}, %out: {self.out_type}) attributes {{llvm.emit_c_interface}} {{\n"
                f"{self.code}\n  return\n}}\n")


def slices():
    """Rows of 22 bytes into rows of 50."""
    x = rng.integers(0, 256, (3, 5, 4, 22)).astype(np.uint8)
    out = rng.integers(0, 256, (3, 5, 4, 50)).astype(np.uint8)
    expected = out.copy()
    expected[..., 6:28] = np.maximum(x, 100)
    identity = "(i, j, k, l) -> (i, j, k, l)"
    view = "memref<?x5x4x22xi8, strided<[1000, 200, 50, 1], offset: 6>>"
    code = (f"  %c = arith.constant 0 : index\n  %n = memref.dim %whole, %c : memref<?x5x4x50xi8>\n"
            f"  %out = memref.subview %whole[0, 0, 0, 6] [%n, 5, 4, 22] [1, 1, 1, 1] : memref<?x5x4x50xi8> to {view}\n"
            + linalg([identity] * 2, ["parallel"] * 4, ["memref<?x5x4x22xi8>"], view, ["i8", "i8"],
                     "%z = arith.constant 100 : i8\n    %m = arith.maxui %s0, %z : i8\n    linalg.yield %m : i8"))
    case = Case("slice", ["memref<?x5x4x22xi8>"], "memref<?x5x4x50xi8>", code, [x], out, expected)
    case.mlir = lambda name: Case.mlir(case, name).replace("%out: memref<?x5x4x50xi8>", "%whole: memref<?x5x4x50xi8>")
    return case


def steps(start, step, row, element):
    """Every `step`-th element of a row."""
    x = rng.integers(0, 256, (3, 7, row)).astype(np.uint8) if element == "i8" else kernels.random(rng, (3, 7, row), "f32")
    expected = np.ascontiguousarray(x[..., start::step])
    code = linalg([f"(i, j, k) -> (i, j, k * {step} + {start})", "(i, j, k) -> (i, j, k)"], ["parallel"] * 3,
                  [f"memref<3x7x{row}x{element}>"], f"memref<3x7x{expected.shape[-1]}x{element}>", [element] * 2,
                  f"linalg.yield %s0 : {element}")
    return Case(f"steps {start}:{step} of {row}", [f"memref<3x7x{row}x{element}>"], f"memref<3x7x{expected.shape[-1]}x{element}>", code, [x],
                np.zeros_like(expected), expected)


def turned(batch, pixels):
    """Pixels of three channels, of which blocks of the last loop leave a rest."""
    x = kernels.random(rng, (batch, 3, pixels), "f32")
    xt, ot = f"memref<?x3x{pixels}xf32>", f"memref<?x{pixels}x3xf32>"
    code = linalg(["(n, p, c) -> (n, c, p)", "(n, p, c) -> (n, p, c)"], ["parallel"] * 3, [xt], ot, ["f32", "f32"], "linalg.yield %s0 : f32")
    expected = np.ascontiguousarray(x.transpose(0, 2, 1))
    return Case(f"turned {batch}x{pixels}", [xt], ot, code, [x], np.zeros_like(expected), expected)


def pool(channels, kind, element):
    """Windows of 3x3, every second."""
    unsigned = element == "i8"
    x = rng.integers(0, 256, (2, 9, 11, channels)).astype(np.uint8) if unsigned else kernels.random(rng, (2, 9, 11, channels), "f32")
    result = {"max": element, "sum": "i32"}[kind]
    start = 0 if unsigned else -np.inf
    out = np.full((2, 4, 5, channels), start, {"i8": np.uint8, "f32": np.float32, "i32": np.int32}[result])
    expected = out.copy()
    for i in range(3):
        for j in range(3):
            part = x[:, i:i + 7:2, j:j + 9:2].astype(out.dtype)
            expected = np.maximum(expected, part) if kind == "max" else expected + part
    op = {("max", "i8"): "maxui", ("max", "f32"): "maximumf", ("sum", "i8"): "addi"}[kind, element]
    widen, value = ("%w = arith.extui %s0 : i8 to i32\n    ", "%w") if kind == "sum" else ("", "%s0")
    dims = "(n, h, w, i, j, c) -> "
    xt, ot = f"memref<2x9x11x{channels}x{element}>", f"memref<2x4x5x{channels}x{result}>"
    code = linalg([dims + "(n, h * 2 + i, w * 2 + j, c)", dims + "(i, j)", dims + "(n, h, w, c)"],
                  ["parallel"] * 3 + ["reduction"] * 2 + ["parallel"], [xt, "memref<3x3xf32>"], ot, [element, "f32", result],
                  f"{widen}%m = arith.{op} %s2, {value} : {result}\n    linalg.yield %m : {result}")
    return Case(f"{kind} of {channels} {element}", [xt, "memref<3x3xf32>"], ot, code, [x, np.zeros((3, 3), np.float32)], out, expected)


def quantized(size, scale=0.25):
    """What quantizes; a body of many operations, and of few. Numbers crowd where the result changes."""
    x = np.concatenate([kernels.random(rng, (size - 14,), "f32") * np.float32(20),
                        np.array([np.nan, -np.nan, np.inf, -np.inf, 0, -0.0, 1e38, -1e38, .125, .375, .625, -.125, -.375, 1e-40], np.float32)])
    x[:size // 2] = np.rint(x[:size // 2] / np.float32(scale)) * np.float32(scale) + np.float32(scale / 2)
    x[:size // 3] = np.nextafter(x[:size // 3], np.float32(100))
    with np.errstate(all="ignore"):
        q = np.rint(x / np.float32(scale)) + 7
    expected = np.where(np.isnan(x), 7, np.clip(q, 0, 255)).astype(np.uint8)
    body = f"""%s = arith.constant {np.float32(scale):.9e} : f32
    %lo = arith.constant -7.0 : f32
    %hi = arith.constant 248.0 : f32
    %zero = arith.constant 0.0 : f32
    %zp = arith.constant 7 : i32
    %q = arith.divf %s0, %s : f32
    %u = arith.cmpf uno, %q, %q : f32
    %n = arith.select %u, %zero, %q : f32
    %g = arith.cmpf ogt, %n, %lo : f32
    %l = arith.select %g, %n, %lo : f32
    %o = arith.cmpf olt, %l, %hi : f32
    %h = arith.select %o, %l, %hi : f32
    %r = math.roundeven %h : f32
    %i = arith.fptosi %r : f32 to i32
    %a = arith.addi %i, %zp : i32
    %t = arith.trunci %a : i32 to i8
    linalg.yield %t : i8"""
    code = linalg(["(i) -> (i)"] * 2, ["parallel"], ["memref<?xf32>"], "memref<?xi8>", ["f32", "i8"], body)
    return Case(f"quantize {size} by {scale}", ["memref<?xf32>"], "memref<?xi8>", code, [x], np.full(size, 99, np.uint8), expected)


def flat(size):
    x = rng.integers(0, 256, size).astype(np.uint8)
    code = linalg(["(i) -> (i)"] * 2, ["parallel"], ["memref<?xi8>"], "memref<?xi8>", ["i8", "i8"],
                  "%m = arith.maxui %s0, %s1 : i8\n    linalg.yield %m : i8")
    out = rng.integers(0, 256, size).astype(np.uint8)
    return Case(f"flat {size}", ["memref<?xi8>"], "memref<?xi8>", code, [x], out, np.maximum(x, out))


def transposed(height, width, element, addend=False):
    """Two dimensions change places; a second operand lies as the result does."""
    dtype = {"i8": np.uint8, "f32": np.float32}[element]
    x = rng.integers(0, 100, (3, height, width)).astype(dtype)
    y = rng.integers(0, 100, (3, width, height)).astype(dtype)
    xt, ot = f"memref<3x{height}x{width}x{element}>", f"memref<3x{width}x{height}x{element}>"
    turned, straight = "(n, i, j) -> (n, j, i)", "(n, i, j) -> (n, i, j)"
    expected = x.transpose(0, 2, 1) + y if addend else x.transpose(0, 2, 1)
    body = (f"%s = arith.{'addf' if element == 'f32' else 'addi'} %s0, %s1 : {element}\n    linalg.yield %s : {element}" if addend
            else f"linalg.yield %s0 : {element}")
    code = linalg([turned] + [straight] * (1 + addend), ["parallel"] * 3, [xt] + [ot] * addend, ot, [element] * (2 + addend), body)
    return Case(f"transposed {height}x{width} {element}", [xt] + [ot] * addend, ot, code, [x] + [y] * addend, np.zeros_like(y),
                np.ascontiguousarray(expected))


def bytes_of_bytes(shape):
    """A quotient and a square root of every byte, with a factor that is read once."""
    x = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    factor = np.float32([3.7]).reshape(())
    expected = np.minimum(np.rint(np.sqrt(x.astype(np.float32) * factor) / np.float32(0.3)), np.float32(255)).astype(np.uint8)
    t = "memref<" + "x".join(map(str, shape)) + "xi8>"
    dims = ", ".join(f"d{i}" for i in range(len(shape)))
    body = """%scale = arith.constant 0.3 : f32
    %most = arith.constant 255.0 : f32
    %w = arith.extui %s0 : i8 to i32
    %f = arith.sitofp %w : i32 to f32
    %m = arith.mulf %f, %s1 : f32
    %r = math.sqrt %m : f32
    %q = arith.divf %r, %scale : f32
    %n = math.roundeven %q : f32
    %b = arith.cmpf olt, %n, %most : f32
    %c = arith.select %b, %n, %most : f32
    %i = arith.fptosi %c : f32 to i32
    %t = arith.trunci %i : i32 to i8
    linalg.yield %t : i8"""
    code = linalg([f"({dims}) -> ({dims})", f"({dims}) -> ()", f"({dims}) -> ({dims})"], ["parallel"] * len(shape), [t, "memref<f32>"], t,
                  ["i8", "f32", "i8"], body)
    return Case(f"bytes of bytes {shape}", [t, "memref<f32>"], t, code, [x, factor], np.zeros(shape, np.uint8), expected)


def columns():
    """Sums along columns of one value per row, which is the same for all of a vector."""
    x, s = kernels.random(rng, (7, 5, 21), "f32"), kernels.random(rng, (7, 5), "f32")
    expected = np.zeros((7, 21), np.float32)
    for j in range(5):
        expected = expected + x[:, j] * s[:, j:j + 1]
    code = linalg(["(i, c, j) -> (i, j, c)", "(i, c, j) -> (i, j)", "(i, c, j) -> (i, c)"], ["parallel", "parallel", "reduction"],
                  ["memref<7x5x21xf32>", "memref<7x5xf32>"], "memref<7x21xf32>", ["f32", "f32", "f32"],
                  "%p = arith.mulf %s0, %s1 : f32\n    %s = arith.addf %s2, %p : f32\n    linalg.yield %s : f32")
    return Case("columns", ["memref<7x5x21xf32>", "memref<7x5xf32>"], "memref<7x21xf32>", code, [x, s], np.zeros((7, 21), np.float32),
                expected)


def largest(size):
    """Largest magnitudes of rows, which stand at every place in turn; then NaN does."""
    x = kernels.random(rng, (2 * size, size), "f32").clip(-3, 3)
    np.fill_diagonal(x[:size], -5)
    np.fill_diagonal(x[size:], np.nan)
    code = linalg(["(i, j) -> (i, j)", "(i, j) -> (i)"], ["parallel", "reduction"], [f"memref<{2 * size}x{size}xf32>"], f"memref<{2 * size}xf32>",
                  ["f32", "f32"], "%a = math.absf %s0 : f32\n    %m = arith.maximumf %s1, %a : f32\n    linalg.yield %m : f32")
    return Case(f"largest of {size}", [f"memref<{2 * size}x{size}xf32>"], f"memref<{2 * size}xf32>", code, [x], np.zeros(2 * size, np.float32),
                np.max(np.abs(x), axis=1))


def quotients():
    """Rows divided by a number each, of which some are no usual ones; quotients that are near to the middle between two numbers. What comes out for 0 is
    its reciprocal, which shows the sign."""
    f = np.float32
    s = np.concatenate([2**rng.uniform(-25, 25, 40), np.nextafter(f([1, 2, 64]), f(0)), [0, -0.0, -3, 2**26, 2.0**-26, 2**27, 2.0**-27, 1e-40, 3e38,
                                                                                         np.inf, -np.inf, np.nan]]).astype(f)[:, None]
    middle = (1 + (2 * rng.integers(0, 1 << 23, (len(s), 640)) + 1) * 2.0**-24) * 2.0**rng.integers(-60, 60, (len(s), 640))
    with np.errstate(all="ignore"):
        hard = (middle * np.where(np.isfinite(s) & (s != 0), s, 1).astype(np.float64)).astype(f)
    mixed = kernels.random(rng, (len(s), 360), "f32")
    special = f([0, -0.0, 1e-40, -1e-45, 2.0**-100, 2.0**-101, -2.0**-126, 2.0**100, -2.0**101, 3e38, np.inf, -np.inf, np.nan])
    mixed[:, ::9] = special[np.arange(40) % len(special)]
    mixed[:, 200:] = np.where(rng.random((len(s), 160)) < .3, 0, mixed[:, 200:])
    x = np.concatenate([hard, mixed], axis=1)
    with np.errstate(all="ignore"):
        expected = x / s
        expected = np.where(expected == 0, 1 / expected, expected)
    types = [f"memref<{len(s)}x1000xf32>", f"memref<{len(s)}xf32>"]
    code = linalg(["(i, j) -> (i, j)", "(i, j) -> (i)", "(i, j) -> (i, j)"], ["parallel"] * 2, types, types[0], ["f32"] * 3,
                  """%q = arith.divf %s0, %s1 : f32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %z = arith.cmpf oeq, %q, %zero : f32
    %r = arith.divf %one, %q : f32
    %t = arith.select %z, %r, %q : f32
    linalg.yield %t : f32""")
    return Case("quotients", types, types[0], code, [x, s[:, 0].copy()], np.zeros_like(x), expected)


def fma(a, b, c):
    """a * b + c of f32, rounded once: rounded to odd in f64 first."""
    p, c = a.astype(np.float64) * b, np.float64(c)
    s = p + c
    rest = (p - (s - (s - p))) + (c - (s - p))
    even = (s.view(np.int64) & 1) == 0
    return np.where((rest != 0) & even & np.isfinite(s), np.nextafter(s, np.copysign(np.inf, rest)), s).astype(np.float32)


def exponential(x):
    """exp of f32, step by step as upstream's approximation: a polynomial times a power of two."""
    f = np.float32
    x = np.minimum(np.maximum(x, f(-87.8)), f(88.8))
    n = np.minimum(np.floor(fma(x, f(1.44269502), f(0.5))), f(127))
    r = fma(n, f(2.12194442e-4), fma(n, f(-0.693359375), x))
    s = fma(r, f(1.98756912e-4), f(0.00139819994))
    for c in (0.00833345205, 0.0416657962, 0.166666657, 0.5):
        s = fma(s, r, f(c))
    power = np.where(n == -127, 0, np.ldexp(f(1), np.where(np.isnan(n), 0, n).astype(np.int32))).astype(f)
    return (fma(s, r * r, r) + f(1)) * power


def exponentials(kind):
    """Arguments of every size, many near where a bound is or 2^n changes, and a rest that fills no register."""
    f = np.float32
    ends = f([-87.8, -87.68, -87.33, -0.34657, 0.34657, 88.376, 88.72, 88.8])
    x = np.concatenate([rng.uniform(-90, 90, 4000), rng.uniform(-1, 1, 1000), *(e + rng.uniform(-.02, .02, 500) for e in (*ends, *-ends)),
                        rng.standard_normal(500) * 10.0**rng.integers(-44, 38, 500), ends, -ends,
                        [0, -0.0, 1e-45, -1e-45, 3e38, -3e38, np.inf, -np.inf, np.nan]]).astype(f)
    with np.errstate(all="ignore"):
        expected = exponential(x) if kind == "exp" else x * (f(1) / (f(1) + exponential(-x)))
    body = "%e = math.exp %s0 : f32\n    linalg.yield %e : f32" if kind == "exp" else """%n = arith.negf %s0 : f32
    %e = math.exp %n : f32
    %one = arith.constant 1.0 : f32
    %d = arith.addf %one, %e : f32
    %q = arith.divf %one, %d : f32
    %p = arith.mulf %s0, %q : f32
    linalg.yield %p : f32"""
    code = linalg(["(i) -> (i)"] * 2, ["parallel"], ["memref<?xf32>"], "memref<?xf32>", ["f32", "f32"], body)
    return Case(kind, ["memref<?xf32>"], "memref<?xf32>", code, [x], np.zeros_like(x), expected)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    arguments = parser.parse_args()
    os.makedirs(arguments.work_dir, exist_ok=True)
    cases = [slices(), pool(27, "max", "i8"), pool(100, "max", "i8"), pool(27, "max", "f32"), pool(27, "sum", "i8"), columns(),
             steps(0, 2, 140, "i8"), steps(1, 2, 140, "i8"), steps(0, 2, 139, "i8"), steps(2, 3, 48, "f32")]
    cases += [largest(size) for size in (15, 16, 67)]
    cases += [quantized(300, 0.3), quantized(4096 + 77, 0.0171)]
    cases += [turned(2, 1111), turned(3, 5)]
    cases += [transposed(37, 21, "i8"), transposed(16, 64, "i8"), transposed(37, 21, "f32"), transposed(18, 33, "f32", addend=True)]
    # Fewer side by side than a block has, and too few for one.
    cases += [transposed(12, 37, "i8"), transposed(4, 16, "i8"), transposed(15, 37, "f32", addend=True), transposed(3, 50, "f32")]
    cases += [bytes_of_bytes((2, 5000)), bytes_of_bytes((3, 7)), bytes_of_bytes((64, 65))]
    cases += [make(size) for size in (15, 64, 4096 + 77, 3 * 4096 + 300) for make in (quantized, flat)]
    cases += [quotients(), exponentials("exp"), exponentials("silu")]
    failed = 0
    for march in kernels.instruction_sets():
        library = kernels.compile_library(cases, march, arguments.work_dir)
        for index, case in enumerate(cases):
            arrays = [*map(kernels.guarded, [*case.arrays, case.out])]
            descriptors = [kernels.descriptor(array) for array in arrays]
            getattr(library, f"_mlir_ciface_case{index}")(*map(ctypes.byref, descriptors))
            if not np.array_equal(arrays[-1], case.expected, equal_nan=case.expected.dtype == np.float32):
                failed += 1
                print(f"{march}: {case.title}: {int(np.sum(arrays[-1] != case.expected))} elements differ")
    sys.exit(f"{failed} cases failed" if failed else 0)


if __name__ == "__main__":
    main()
