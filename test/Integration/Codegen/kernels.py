# Kernels run, on every instruction set of this machine, against NumPy: integers bit for bit; floating point within a
# bound from the number of summed products, and bit for bit between instruction sets.
#
# REQUIRES: avx2, numpy
# RUN: %python %s --work-dir=%t
"""Compiles contractions, alone and with epilogues, through the passes of Codegen and runs them."""
import argparse
import ctypes
import itertools
import os
import subprocess
import sys
import time

import numpy as np

PIPELINE = (
    "builtin.module(mpc-describe-target{{march={march}}},mpc-select-tiling{{candidate={candidate}}},mpc-pack-constants,func.func(mpc-tile-and-fuse),"
    "canonicalize,cse,"
    "mpc-bufferize,canonicalize,cse,mpc-lower-kernels,mpc-lower-inner-tiles,mpc-lower-bf16,canonicalize,cse,func.func(buffer-loop-hoisting),"
    "func.func(scf-forall-to-for),func.func(buffer-loop-hoisting),convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "convert-vector-to-llvm,convert-math-to-llvm,arith-expand{{include-bf16=true}},convert-arith-to-llvm,convert-index-to-llvm,"
    "finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,convert-ub-to-llvm,reconcile-unrealized-casts)")

NUMPY = {"f32": np.float32, "f16": np.float16, "bf16": np.float32, "i8": np.int8, "u8": np.uint8, "i32": np.int32}


def random(rng, shape, element):
    """Values of a floating-point type; bf16 as f32 with 16 zero bits."""
    values = rng.standard_normal(shape).astype(NUMPY[element])
    if element == "bf16":
        values = (values.view(np.uint32) & 0xffff0000).view(np.float32)
    return values


def storage(values, element):
    """The array as memory holds it."""
    return (values.view(np.uint32) >> 16).astype(np.uint16) if element == "bf16" else values


class Case:
    """One contraction: `x` and `w` are element types (u8 and i8 give i32 sums); `stride` and `dilation` are of both dimensions or a pair, `pad`
    of all sides or (top, left, bottom, right); `epilogue` is none, bias (f32 bias and
    relu), requant (i32 bias, per-channel scale, rounding to u8), saturate-u8 or saturate-i8 (the same, clamped as i32) or residual (f32 bias,
    residual, relu)."""

    def __init__(self, kind, x="f32", w=None, batch=1, size=(1, 1), ic=1, oc=1, kernel=(1, 1), stride=1, dilation=1,
                 pad=0, epilogue="none", dynamic=False, constant=True, zero_point=None):
        self.kind, self.x, self.w = kind, x, w or ("i8" if x in ("u8", "i8") else x)
        self.batch, self.size, self.ic, self.oc, self.kernel = batch, size, ic, oc, kernel
        self.stride, self.dilation, self.pad = [(v,) * n if isinstance(v, int) else v for v, n in ((stride, 2), (dilation, 2), (pad, 4))]
        self.epilogue, self.dynamic = epilogue, dynamic
        self.constant = constant  # otherwise weights are an argument, and loops compute
        self.integer = x in ("u8", "i8")
        self.acc = "i32" if self.integer else "f32"
        self.zero_point = {"u8": 7, "i8": -3}.get(x, 0) if zero_point is None else zero_point

    def __str__(self):
        return (f"{self.kind} {self.x} batch {self.batch}{'?' if self.dynamic else ''} {self.size[0]}x{self.size[1]} "
                f"{self.ic}->{self.oc} kernel {self.kernel[0]}x{self.kernel[1]} stride {self.stride} dilation "
                f"{self.dilation} pad {self.pad} {self.epilogue}{'' if self.constant else ' run-time weights'}")

    def out_size(self):
        padding = (self.pad[0] + self.pad[2], self.pad[1] + self.pad[3])
        return tuple((size + p - (k - 1) * d - 1) // s + 1
                     for size, p, k, s, d in zip(self.size, padding, self.kernel, self.stride, self.dilation))

    def shapes(self):
        if self.kind == "matmul":
            return (self.batch, self.ic), (self.ic, self.oc), (self.batch, self.oc)
        if self.kind in ("batched", "transposed"):
            w = (self.ic, self.oc) if self.kind == "batched" else (self.oc, self.ic)
            return (self.batch, self.size[0], self.ic), (self.batch, *w), (self.batch, self.size[0], self.oc)
        w = (self.oc, *self.kernel, self.ic) if self.kind == "conv" else (*self.kernel, self.ic)
        return (self.batch, *self.size, self.ic), w, (self.batch, *self.out_size(), self.oc)

    def data(self, rng):
        x, w, out = self.shapes()
        if self.integer:
            low, high = (0, 256) if self.x == "u8" else (-128, 128)
            self.X = rng.integers(low, high, x).astype(NUMPY[self.x])
            self.W = rng.integers(-128, 128, w).astype(np.int8)
        else:
            self.X, self.W = random(rng, x, self.x), random(rng, w, self.w)
        self.extras = []
        if self.requantizes():
            self.extras = [rng.integers(-1000, 1000, self.oc).astype(np.int32),
                           (rng.random(self.oc) * 2e-3 + 1e-4).astype(np.float32)]
        elif self.epilogue in ("bias", "residual"):
            self.extras = [rng.standard_normal(self.oc).astype(np.float32)]
        if self.epilogue == "residual":
            self.extras.append(rng.standard_normal(out).astype(np.float32))

    def requantizes(self):
        return self.epilogue in ("requant", "saturate-u8", "saturate-i8")

    def bounds(self):
        return (-128, 127) if self.epilogue == "saturate-i8" else (0, 255)

    def reference(self):
        """The result, and the bound of the error of a sum."""
        kind = np.int64 if self.integer else np.float64
        X, W = self.X.astype(kind), self.W.astype(kind)
        if self.kind == "transposed":
            W = W.transpose(0, 2, 1)
        if self.kind in ("matmul", "batched", "transposed"):
            acc, size = X @ W, np.abs(X) @ np.abs(W)
        else:
            top, left, bottom, right = self.pad
            X = np.pad(X, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=self.zero_point)
            (oh, ow), (down, along) = self.out_size(), self.stride
            acc, size = 0, 0
            for i in range(self.kernel[0]):
                for j in range(self.kernel[1]):
                    y, x = i * self.dilation[0], j * self.dilation[1]
                    part = X[:, y:y + (oh - 1) * down + 1:down, x:x + (ow - 1) * along + 1:along]
                    tap = W[i, j] if self.kind == "depthwise" else W[:, i, j, :].T
                    acc = acc + (part * tap if self.kind == "depthwise" else part @ tap)
                    size = size + (np.abs(part) * np.abs(tap) if self.kind == "depthwise" else np.abs(part) @ np.abs(tap))
        if self.integer:
            acc = acc.astype(np.int32)
            if self.epilogue == "requant":
                q = np.round((acc + self.extras[0]).astype(np.float32) * self.extras[1]) + np.float32(9)
                return np.clip(q, 0, 255).astype(np.uint8), None
            if self.requantizes():
                q = np.round((acc + self.extras[0]).astype(np.float32) * self.extras[1])
                return np.clip(q, *self.bounds()).astype(self.out_dtype()), None
            return acc, None
        if self.extras:
            acc = acc + self.extras[0]
            if self.epilogue == "residual":
                acc = acc + self.extras[1]
            acc = np.maximum(acc, 0)
        count = self.kernel[0] * self.kernel[1] * self.ic
        return acc, 2.0 ** -24 * (count + 4) * (size + 1)

    def out_dtype(self):
        if self.requantizes():
            return np.int8 if self.epilogue == "saturate-i8" else np.uint8
        return NUMPY[self.acc]

    def mlir(self, name):
        """A group function and `name`, which calls it with the weights."""
        def tensor(shape, element):
            element = {"u8": "i8"}.get(element, element)
            dims = ["?" if self.dynamic and i == 0 else str(d) for i, d in enumerate(shape)]
            return f"tensor<{'x'.join([*dims, element])}>"

        def constant(shape, element):
            return f"tensor<{'x'.join([*map(str, shape), element])}>"
        x, w, out = self.shapes()
        out_element = "i8" if self.requantizes() else self.acc
        xt, ot, at = tensor(x, self.x), tensor(out, out_element), tensor(out, self.acc)
        wt = constant(w, "i8" if self.integer else self.w)
        if self.kind in ("batched", "transposed"):
            wt = tensor(w, "i8" if self.integer else self.w)
        rank = len(out)
        extra_types = ["i32", "f32"] if self.requantizes() else [] if self.epilogue == "none" else ["f32"]
        extra_types = [constant((self.oc,), t) for t in extra_types] + ([ot] if self.epilogue == "residual" else [])
        args = "".join(f", %e{i}: {t}" for i, t in enumerate(extra_types))
        lines = [f"func.func private @{name}_group(%x: {xt}, %w: {wt}{args}, %out: {ot} {{bufferization.writable = true}}) -> {ot} {{"]
        zero = "0" if self.integer else "0.0"
        lines += [f"  %zero = arith.constant {zero} : {self.acc}"]
        if self.dynamic:
            lines += ["  %c0 = arith.constant 0 : index", f"  %batch = tensor.dim %x, %c0 : {xt}"]
        empty = "%batch" if self.dynamic else ""
        inp, inpt = "%x", xt
        if any(self.pad):
            top, left, bottom, right = self.pad
            padded = (x[0], x[1] + top + bottom, x[2] + left + right, x[3])
            inp, inpt = "%padded", tensor(padded, self.x)
            element = "i8" if self.integer else self.x
            value = self.zero_point if self.integer else "0.0"
            lines += [f"  %pad = arith.constant {value} : {element}",
                      f"  %padded = tensor.pad %x low[0, {top}, {left}, 0] high[0, {bottom}, {right}, 0] {{", "  ^bb0(%i: index, %j: index, %k: index, %l: index):",
                      f"    tensor.yield %pad : {element}", f"  }} : {xt} to {inpt}"]
        s, d = self.stride, self.dilation
        pixel = f"(n, oh * {s[0]} + kh * {d[0]}, ow * {s[1]} + kw * {d[1]}"
        if self.kind == "matmul":
            maps = ["(m, n, k) -> (m, k)", "(m, n, k) -> (k, n)", "(m, n, k) -> (m, n)"]
            iterators = ["parallel"] * 2 + ["reduction"]
        elif self.kind in ("batched", "transposed"):
            right = "k, n" if self.kind == "batched" else "n, k"
            maps = ["(b, m, n, k) -> (b, m, k)", f"(b, m, n, k) -> (b, {right})", "(b, m, n, k) -> (b, m, n)"]
            iterators = ["parallel"] * 3 + ["reduction"]
        elif self.kind == "conv":
            dims = "(n, oh, ow, oc, kh, kw, ic) -> "
            maps = [f"{dims}{pixel}, ic)", f"{dims}(oc, kh, kw, ic)", f"{dims}(n, oh, ow, oc)"]
            iterators = ["parallel"] * 4 + ["reduction"] * 3
        else:
            dims = "(n, oh, ow, c, kh, kw) -> "
            maps = [f"{dims}{pixel}, c)", f"{dims}(kh, kw, c)", f"{dims}(n, oh, ow, c)"]
            iterators = ["parallel"] * 4 + ["reduction"] * 2
        def attributes(maps, iterators):
            return (f"{{indexing_maps = [{', '.join(f'affine_map<{m}>' for m in maps)}], "
                    f"iterator_types = [{', '.join(chr(34) + i + chr(34) for i in iterators)}]}}")
        element_x, element_w = ("i8", "i8") if self.integer else (self.x, self.w)
        lines += [f"  %empty = tensor.empty({empty}) : {at}",
                  f"  %init = linalg.fill ins(%zero : {self.acc}) outs(%empty : {at}) -> {at}",
                  f"  %acc = linalg.generic {attributes(maps, iterators)} ins({inp}, %w : {inpt}, {wt}) outs(%init : {at}) {{",
                  f"  ^bb0(%a: {element_x}, %b: {element_w}, %c: {self.acc}):"]
        a, b = "%a", "%b"
        if self.integer:
            lines += [f"    %ax = arith.{'extui' if self.x == 'u8' else 'extsi'} %a : i8 to i32", "    %bx = arith.extsi %b : i8 to i32"]
            a, b = "%ax", "%bx"
        else:
            if self.x != "f32":
                lines += [f"    %ax = arith.extf %a : {self.x} to f32"]
                a = "%ax"
            if self.w != "f32":
                lines += [f"    %bx = arith.extf %b : {self.w} to f32"]
                b = "%bx"
        f = "i" if self.integer else "f"
        lines += [f"    %p = arith.mul{f} {a}, {b} : {self.acc}", f"    %s = arith.add{f} %c, %p : {self.acc}",
                  f"    linalg.yield %s : {self.acc}", f"  }} -> {at}"]
        ids = ", ".join(f"d{i}" for i in range(rank))
        identity, channel = f"({ids}) -> ({ids})", f"({ids}) -> (d{rank - 1})"
        body = {
            "none": ["    linalg.yield %a : " + self.acc],
            "bias": ["    %cz = arith.constant 0.0 : f32", "    %t = arith.addf %a, %b0 : f32",
                     "    %r = arith.maximumf %t, %cz : f32", "    linalg.yield %r : f32"],
            "residual": ["    %cz = arith.constant 0.0 : f32", "    %t = arith.addf %a, %b0 : f32", "    %u = arith.addf %t, %b1 : f32",
                         "    %r = arith.maximumf %u, %cz : f32", "    linalg.yield %r : f32"],
            "requant": ["    %zp = arith.constant 9.0 : f32", "    %lo = arith.constant 0.0 : f32", "    %hi = arith.constant 255.0 : f32",
                        "    %t = arith.addi %a, %b0 : i32", "    %u = arith.sitofp %t : i32 to f32", "    %v = arith.mulf %u, %b1 : f32",
                        "    %q = math.roundeven %v : f32", "    %z = arith.addf %q, %zp : f32", "    %m = arith.maximumf %z, %lo : f32",
                        "    %n = arith.minimumf %m, %hi : f32", "    %r = arith.fptoui %n : f32 to i8", "    linalg.yield %r : i8"],
            **{f"saturate-{t}": [f"    %lo = arith.constant {lo} : i32", f"    %hi = arith.constant {hi} : i32",
                                 "    %t = arith.addi %a, %b0 : i32", "    %u = arith.sitofp %t : i32 to f32", "    %v = arith.mulf %u, %b1 : f32",
                                 "    %q = math.roundeven %v : f32", "    %z = arith.fptosi %q : f32 to i32", "    %m = arith.maxsi %z, %lo : i32",
                                 "    %n = arith.minsi %m, %hi : i32", "    %r = arith.trunci %n : i32 to i8", "    linalg.yield %r : i8"]
               for t, lo, hi in (("u8", 0, 255), ("i8", -128, 127))},
        }[self.epilogue]
        extra_maps = [channel] * len(self.extras)
        if self.epilogue == "residual":
            extra_maps[-1] = identity
        names = ", ".join(["%acc"] + [f"%e{i}" for i in range(len(extra_types))])
        block = ", ".join([f"%a: {self.acc}"] + [f"%b{i}: {t[:-1].split('x')[-1].split('<')[-1]}" for i, t in enumerate(extra_types)])
        lines += [f"  %r = linalg.generic {attributes([identity, *extra_maps, identity], ['parallel'] * rank)} "
                  f"ins({names} : {', '.join([at, *extra_types])}) outs(%out : {ot}) {{", f"  ^bb0({block}, %o: {out_element}):",
                  *body, f"  }} -> {ot}", f"  return %r : {ot}", "}"]
        # Hexadecimal data is exact.
        weights = f'dense<"0x{storage(self.W, self.w).tobytes().hex().upper()}"> : {wt}'
        parameter = "" if self.constant else f", %w: {wt}"
        lines += [f"func.func @{name}(%x: {xt}{parameter}{args}, %out: {ot} {{bufferization.writable = true}}) -> {ot} attributes {{llvm.emit_c_interface}} {{",
                  f"  %w = arith.constant {weights}" if self.constant else "",
                  f"  %r = func.call @{name}_group(%x, %w{''.join(f', %e{i}' for i in range(len(extra_types)))}, %out) : "
                  f"({', '.join([xt, wt, *extra_types, ot])}) -> {ot}", f"  return %r : {ot}", "}"]
        return "\n".join(lines) + "\n"


def descriptor(array):
    """The memref descriptor that MLIR's C interface takes."""
    rank = array.ndim

    class MemRef(ctypes.Structure):
        _fields_ = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64),
                    ("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]
    result = MemRef(array.ctypes.data, array.ctypes.data, 0)
    for i in range(rank):
        result.sizes[i] = array.shape[i]
        result.strides[i] = array.strides[i] // array.itemsize
    return result


def guarded(array):
    """A copy that ends at a page that cannot be read, so that reading past the end is a crash and not luck."""
    page = 4096
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    pages = (max(array.nbytes, 1) + page - 1) // page * page
    base = libc.mmap(None, pages + page, 3, 0x22, -1, 0)
    assert base not in (None, ctypes.c_void_p(-1).value)
    assert libc.mprotect(base + pages, page, 0) == 0
    start = base + pages - array.nbytes
    copy = np.frombuffer((ctypes.c_char * array.nbytes).from_address(start), array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def compile_library(cases, march, work_dir, candidate=0):
    stem = os.path.join(work_dir, f"{march}.{candidate}" if candidate else march)
    source, library = (f"{stem}.{suffix}" for suffix in ("mlir", "so"))
    with open(source, "w") as file:
        for index, case in enumerate(cases):
            file.write(case.mlir(f"case{index}"))
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command[:1])} failed for {march}:\n{done.stderr[:4000]}")
    lowered, ir, obj = (f"{stem}.{suffix}" for suffix in ("lowered.mlir", "ll", "o"))
    run("mpc-opt", "--pass-pipeline=" + PIPELINE.format(march=march, candidate=candidate), source, "-o", lowered)
    run("mlir-translate", "--mlir-to-llvmir", lowered, "-o", ir)
    # Only AMD's processors have SSE4A, which znver4 stands for here as well.
    processor = (f"-mcpu={march.removesuffix('-amx')}", "-mattr=-sse4a")
    run("opt", "-O3", "-S", *processor, ir, "-o", ir + ".opt")
    run("llc", "-O3", *processor, "-relocation-model=pic", "-filetype=obj", ir + ".opt", "-o", obj)
    run("ld.lld", "-shared", obj, "-o", library)
    return ctypes.CDLL(library)


def run_case(library, index, case, repeat=0):
    out = guarded(np.full(case.shapes()[2], 77, case.out_dtype()))
    weights = [] if case.constant else [storage(case.W, case.w)]
    arrays = [*map(guarded, [storage(case.X, case.x), *weights, *case.extras]), out]
    descriptors = [descriptor(array) for array in arrays]
    function = getattr(library, f"_mlir_ciface_case{index}")
    arguments = [ctypes.byref(d) for d in descriptors]
    function(*arguments)
    seconds = []
    stop = time.perf_counter() + repeat
    while time.perf_counter() < stop:
        start = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - start)
    return out.copy(), min(seconds, default=0)


def cases():
    conv = dict(kind="conv", size=(9, 11), kernel=(3, 3))
    for x in ("f32", "u8", "i8"):
        q = "requant" if x != "f32" else "bias"
        yield Case("conv", x, size=(7, 7), ic=64, oc=64, epilogue=q)
        yield Case(**conv, x=x, ic=32, oc=48, pad=1, epilogue=q)
        yield Case(**conv, x=x, ic=36, oc=10, pad=1, stride=2)
        yield Case(**conv, x=x, ic=64, oc=17, pad=2, dilation=2, epilogue=q)
        yield Case(**conv, x=x, ic=3, oc=32, pad=1, stride=2, epilogue=q)
        yield Case(**conv, x=x, ic=1, oc=16, pad=1, epilogue=q, batch=3, dynamic=True)
        yield Case(**conv, x=x, ic=16, oc=16, pad=1, epilogue=q)
        yield Case("conv", x, size=(5, 6), ic=10, oc=100, epilogue=q)
        yield Case("conv", x, size=(8, 8), ic=32, oc=64, stride=2)
        yield Case("conv", x, size=(1, 1), ic=32, oc=20, batch=5, dynamic=True, epilogue=q)
        yield Case("matmul", x, batch=1, ic=256, oc=1000, epilogue=q)
        yield Case("matmul", x, batch=17, ic=490, oc=10, dynamic=True, epilogue=q)
        yield Case("matmul", x, batch=1, ic=64, oc=10, dynamic=True, epilogue=q)
        yield Case("matmul", x, batch=40, ic=129, oc=33)
        yield Case("depthwise", x, size=(9, 8), ic=40, oc=40, kernel=(3, 3), pad=1, epilogue=q)
        yield Case("depthwise", x, size=(9, 8), ic=19, oc=19, kernel=(3, 3), pad=1, stride=2, batch=2, dynamic=True, epilogue=q)
        yield Case("depthwise", x, size=(9, 8), ic=16, oc=16, kernel=(5, 5), pad=2, epilogue=q)
        yield Case("depthwise", x, size=(25, 5), ic=64, oc=64, kernel=(25, 5), epilogue=q)
        yield Case("depthwise", x, size=(9, 10), ic=35, oc=35, kernel=(5, 5), pad=2, stride=2, epilogue=q)
        yield Case("depthwise", x, size=(12, 17), ic=8, oc=8, kernel=(3, 3), pad=2, dilation=2, batch=2, epilogue=q)
        yield Case("depthwise", x, size=(4, 2), ic=32, oc=32, kernel=(4, 3), pad=2)
        if x != "i8":  # as u8, but for how bytes are widened
            # Rows of pixels shorter than a tile's, samples that end inside of a tile; what reads padding is left out, or is one value.
            edges = dict(kind="conv", x=x, ic=32, kernel=(3, 3), pad=1, zero_point=0, epilogue=q)
            yield Case(**edges, size=(7, 7), oc=96)
            yield Case(**edges, size=(14, 14), oc=40, stride=2, batch=3, dynamic=True)
            yield Case(**edges, size=(3, 5), oc=64, batch=5, dynamic=True)
            yield Case("conv", x, size=(6, 8), ic=32, oc=48, kernel=(5, 3), pad=4, dilation=2, zero_point=0, batch=2, epilogue=q)
            yield Case("conv", x, size=(2, 2), ic=64, oc=48, kernel=(2, 2), pad=3, stride=2, zero_point=0, epilogue=q)
            # Tiles that no padding interrupts, and tiles that end in the next row of pixels or sample.
            yield Case("conv", x, size=(9, 40), ic=4, oc=40, kernel=(3, 3), pad=1, epilogue=q)
            yield Case("conv", x, size=(6, 26), ic=4, oc=72, kernel=(5, 5), stride=2, batch=3, dynamic=True, epilogue=q)
            yield Case("conv", x, size=(9, 61), ic=3, oc=24, kernel=(3, 3), stride=2, pad=1, batch=2, dynamic=True, epilogue=q)
            yield Case("depthwise", x, size=(7, 21), ic=16, oc=16, kernel=(3, 3), pad=1, batch=2, epilogue=q)
            yield Case("depthwise", x, size=(6, 7), ic=330, oc=330, kernel=(5, 5), pad=2, epilogue=q)
            # More channels than one slice has, and a rest.
            yield Case("depthwise", x, size=(9, 15), ic=330, oc=330, kernel=(3, 3), pad=1, stride=2, dynamic=True, epilogue=q)
        if x == "u8":
            # Lanes are pixels, words four channels: copied in squares and one by one, strided, dilated, and more pixels than one tile has.
            yield Case("conv", x, size=(9, 37), ic=32, oc=3, kernel=(3, 3), pad=1, epilogue=q)
            yield Case("conv", x, size=(12, 40), ic=36, oc=2, kernel=(3, 5), pad=2, stride=2, batch=2, dynamic=True, epilogue=q)
            yield Case("conv", x, size=(9, 70), ic=8, oc=5, kernel=(3, 3), pad=2, dilation=2)
            # Four vectors become bytes together, or two and two, or some and a rest.
            for q8, oc in (("saturate-u8", 64), ("saturate-i8", 68), ("saturate-u8", 48), ("saturate-i8", 32)):
                yield Case("conv", x, size=(7, 7), ic=64, oc=oc, epilogue=q8)
            yield Case("depthwise", x, size=(9, 11), ic=72, oc=72, kernel=(3, 3), pad=1, batch=2, dynamic=True, epilogue="saturate-u8")
            # Blocks of 64, 32 and 16 channels, of which the last move back, as rows do; more than the buffer of weights holds; one row at a time.
            for oc, size, taps, stride in ((32, (9, 8), 3, 1), (94, (6, 7), 3, 1), (16, (13, 8), 3, 2), (72, (6, 9), 5, 1), (1100, (3, 4), 3, 1)):
                yield Case("depthwise", x, size=size, ic=oc, oc=oc, kernel=(taps, taps), pad=taps // 2, stride=stride, epilogue="saturate-i8")
        for kind in ("batched", "transposed"):
            yield Case(kind, x, batch=3, size=(37, 1), ic=64, oc=40, epilogue=q, constant=False)
            yield Case(kind, x, batch=2, size=(5, 1), ic=19, oc=7, dynamic=True, constant=False)
        yield Case("matmul", x, batch=24, ic=50, oc=33, epilogue=q, constant=False)
    yield Case(**conv, ic=32, oc=40, pad=1, epilogue="residual")
    yield Case("conv", size=(7, 7), ic=32, oc=24, batch=2, dynamic=True, epilogue="residual")
    yield Case("conv", "f16", size=(7, 7), ic=33, oc=40, epilogue="bias")
    yield Case(**conv, x="f16", ic=16, oc=24, pad=1, epilogue="bias")
    yield Case("depthwise", "f16", size=(9, 8), ic=40, oc=40, kernel=(3, 3), pad=1, epilogue="bias")
    yield Case("matmul", "f32", "f16", batch=4, ic=64, oc=48)
    yield Case("matmul", "bf16", batch=4, ic=64, oc=48)
    yield Case(**conv, x="bf16", ic=16, oc=24, pad=1, epilogue="bias")
    yield Case(**conv, x="bf16", ic=9, oc=40, pad=1, stride=2, epilogue="bias")
    yield Case("conv", size=(10, 31), ic=1, oc=70, kernel=(5, 5), pad=2, batch=2, epilogue="bias")
    yield Case("conv", size=(11, 45), ic=3, oc=24, kernel=(7, 7), pad=3, stride=2, epilogue="residual")
    yield Case("conv", "bf16", size=(6, 40), ic=2, oc=24, kernel=(3, 3), pad=1, epilogue="bias")
    yield Case("depthwise", size=(8, 40), ic=20, oc=20, kernel=(3, 3), pad=2, stride=2, dilation=2, epilogue="residual")
    for kind in ("batched", "transposed"):
        yield Case(kind, "bf16", batch=2, size=(9, 1), ic=79, oc=40, constant=False)
        yield Case(kind, "bf16", batch=2, size=(5, 1), ic=64, oc=7, dynamic=True, constant=False)
    # Few output channels: lanes are pixels.
    yield Case("conv", size=(14, 40), ic=4, oc=3, kernel=(3, 5), pad=1, epilogue="bias")
    yield Case("conv", size=(9, 67), ic=33, oc=1, kernel=(3, 3), pad=1, stride=2, batch=2, dynamic=True, epilogue="residual")
    yield Case("conv", size=(20, 300), ic=8, oc=8, kernel=(5, 5), pad=2, dilation=2)
    # Several blocks of rows, rows that no window reads, two vectors of channels.
    yield Case("conv", size=(70, 28), ic=1, oc=8, kernel=(5, 5), pad=2, batch=2, epilogue="bias")
    yield Case("conv", size=(40, 96), ic=8, oc=2, kernel=(2, 3), pad=1, stride=3, epilogue="bias")
    yield Case("conv", size=(5, 64), ic=40, oc=18, kernel=(3, 3), pad=1, epilogue="residual")
    yield Case("conv", size=(1, 9000), ic=1, oc=1, kernel=(1, 64), stride=2, epilogue="bias")
    yield Case("conv", size=(7, 40), ic=300, oc=1, kernel=(5, 5), pad=2, epilogue="bias")
    yield Case("conv", "f16", size=(11, 35), ic=17, oc=2, kernel=(3, 3), pad=1, stride=3, epilogue="bias")
    yield Case("conv", "bf16", size=(11, 35), ic=16, oc=5, kernel=(3, 3), pad=1, epilogue="bias")
    yield Case(**conv, x="u8", ic=8, oc=24, pad=1, epilogue="requant", constant=False)
    yield Case("matmul", batch=3, ic=20, oc=24, dynamic=True, epilogue="bias", constant=False)


def tile_cases():
    """What is special with tile registers, which hold 16 rows and 16 k blocks of four values at most."""
    for x in ("u8", "i8"):
        q, conv = "requant", dict(kind="conv", x=x)
        # Rows of one register, of two that are equally full, and of what does not divide; four registers, and one row more.
        for rows in (16, 17, 18, 23, 31, 33, 40, 63, 65):
            yield Case("matmul", x, batch=rows, ic=64, oc=16 if rows % 2 else 40, epilogue=q)
        # One step and two, even and with a shorter last one, of a block at least; k blocks that end inside.
        for depth in (1, 4, 20, 60, 68, 124, 128, 132, 190, 192, 260, 1028):
            yield Case("matmul", x, batch=20, ic=depth, oc=24, epilogue=q)
        yield Case("batched", x, batch=3, size=(37, 1), ic=62, oc=50, constant=False)
        yield Case("transposed", x, batch=3, size=(33, 1), ic=64, oc=50, constant=False, dynamic=True)
        # No rows at all.
        yield Case("matmul", x, batch=0, ic=64, oc=40, dynamic=True, epilogue=q)
        yield Case(**conv, size=(9, 19), ic=32, oc=40, kernel=(3, 3), pad=1, batch=0, dynamic=True, epilogue=q)
        yield Case(**conv, size=(9, 19), ic=7, oc=40, kernel=(3, 3), stride=2, batch=0, dynamic=True, epilogue=q)
        yield Case("batched", x, batch=0, size=(37, 1), ic=64, oc=50, constant=False, dynamic=True)
        # One row of pixels, one column, one pixel.
        yield Case(**conv, size=(1, 20), ic=32, oc=40, kernel=(1, 3), pad=(0, 1, 0, 1), epilogue=q)
        yield Case(**conv, size=(20, 1), ic=32, oc=40, kernel=(3, 1), pad=(1, 0, 1, 0), epilogue=q)
        yield Case(**conv, size=(3, 3), ic=32, oc=24, kernel=(3, 3), batch=3, dynamic=True, epilogue=q)
        # Three rows of seven and nine pixels, four of ten; two parts of a row; rows that do not divide.
        yield Case(**conv, size=(3, 7), ic=16, oc=8, kernel=(3, 3), pad=1, epilogue=q)
        yield Case(**conv, size=(3, 9), ic=16, oc=16, kernel=(3, 3), pad=1)
        yield Case(**conv, size=(9, 10), ic=16, oc=9, kernel=(3, 3), pad=1, epilogue="saturate-i8")
        yield Case(**conv, size=(5, 33), ic=64, oc=72, kernel=(3, 3), pad=1, batch=2, dynamic=True, epilogue="saturate-u8")
        # Gaps in the rows of a window, in its columns, and in one that has a single column.
        yield Case(**conv, size=(9, 19), ic=20, oc=33, kernel=(3, 3), dilation=(2, 1), pad=(2, 1, 2, 1), epilogue=q)
        yield Case(**conv, size=(9, 19), ic=20, oc=33, kernel=(3, 3), dilation=(1, 2), pad=(1, 2, 1, 2), epilogue=q)
        yield Case(**conv, size=(9, 19), ic=20, oc=33, kernel=(3, 1), dilation=(3, 2), epilogue=q)
        # Sides padded differently, by more than the window, and so that windows begin and end in padding; steps beyond the window.
        yield Case(**conv, size=(9, 19), ic=20, oc=33, kernel=(3, 3), pad=(0, 1, 2, 3), epilogue=q)
        yield Case(**conv, size=(9, 19), ic=20, oc=33, kernel=(3, 3), pad=(0, 0, 1, 1), stride=2, batch=2, dynamic=True, epilogue=q)
        yield Case(**conv, size=(5, 6), ic=16, oc=16, kernel=(3, 3), pad=(5, 4, 3, 6), epilogue=q)
        yield Case(**conv, size=(4, 4), ic=16, oc=32, kernel=(3, 3), pad=4, stride=8)
        yield Case(**conv, size=(4, 4), ic=16, oc=32, kernel=(3, 3), pad=(4, 4, 4, 2), stride=8)
        yield Case(**conv, size=(13, 17), ic=16, oc=48, kernel=(2, 2), stride=3, epilogue=q)
        yield Case(**conv, size=(13, 17), ic=16, oc=48, stride=3, epilogue=q)
        yield Case(**conv, size=(13, 17), ic=16, oc=48, stride=(1, 2), epilogue=q)
        yield Case(**conv, size=(13, 17), ic=16, oc=48, pad=1, epilogue=q)
        # Pixels of other channels than multiples of four.
        yield Case(**conv, size=(13, 17), ic=6, oc=21, stride=2, epilogue=q)
        yield Case(**conv, size=(13, 17), ic=7, oc=21, kernel=(3, 3), pad=2, epilogue=q)
        # More taps than a register has k blocks; several blocks of rows; weights at run time.
        yield Case(**conv, size=(9, 9), ic=4, oc=70, kernel=(5, 3), pad=(2, 1, 2, 1), epilogue=q)
        yield Case(**conv, size=(9, 9), ic=8, oc=16, kernel=(9, 9), pad=4, epilogue=q)
        yield Case(**conv, size=(40, 17), ic=64, oc=64, kernel=(3, 3), pad=1, batch=2, epilogue=q)
        yield Case(**conv, size=(9, 9), ic=16, oc=16, kernel=(3, 3), pad=1, constant=False)


def random_cases(rng, count):
    def pick(*values):
        return values[rng.integers(len(values))]
    while count:
        x = pick("f32", "u8", "i8", "f16", "bf16")
        epilogue = pick("none", "requant") if x in ("u8", "i8") else pick("none", "bias", "residual")
        kind = pick("conv", "conv", "depthwise", "matmul", "batched", "transposed")
        ic, oc = int(rng.integers(1, 70)), int(rng.integers(1, 120))
        case = Case(kind, x, batch=int(rng.integers(1, 6)), size=(int(rng.integers(1, 14)), int(rng.integers(1, 14))), ic=ic,
                    oc=ic if kind == "depthwise" else oc, kernel=(int(rng.integers(1, 6)), int(rng.integers(1, 6))),
                    stride=pick(1, 1, 2, 3), dilation=pick(1, 1, 2), pad=pick(0, 1, 2), epilogue=epilogue, dynamic=pick(True, False),
                    constant=pick(True, True, True, False), zero_point=pick(None, 0))
        if kind in ("batched", "transposed"):
            case.kernel, case.pad, case.stride, case.constant = (1, 1), (0,) * 4, (1, 1), False
        if kind == "matmul":
            case.kernel, case.pad = (1, 1), (0,) * 4
        if kind == "matmul" or min(case.out_size()) >= 1:
            count -= 1
            yield case


def benchmarks():
    for x in ("f32", "u8"):
        q = "requant" if x != "f32" else "bias"
        yield Case("conv", x, size=(56, 56), ic=64, oc=64, epilogue=q)
        yield Case("conv", x, size=(14, 14), ic=384, oc=96, epilogue=q)
        yield Case("conv", x, size=(7, 7), ic=320, oc=1280, epilogue=q)
        yield Case("conv", x, size=(28, 28), ic=128, oc=128, kernel=(3, 3), pad=1, epilogue=q)
        yield Case("conv", x, size=(32, 32), ic=16, oc=16, kernel=(3, 3), pad=1, epilogue=q)
        yield Case("conv", x, size=(224, 224), ic=3, oc=32, kernel=(3, 3), pad=1, stride=2, epilogue=q)
        yield Case("depthwise", x, size=(56, 56), ic=144, oc=144, kernel=(3, 3), pad=1, epilogue=q)
        yield Case("depthwise", x, size=(14, 14), ic=384, oc=384, kernel=(3, 3), pad=1, epilogue=q)
        yield Case("matmul", x, batch=1, ic=1280, oc=1000, epilogue=q)
        yield Case("matmul", x, batch=512, ic=512, oc=512, epilogue=q)
        yield Case("batched", x, batch=4, size=(128, 1), ic=128, oc=64, constant=False)
        yield Case("transposed", x, batch=4, size=(128, 1), ic=64, oc=128, constant=False)
    yield Case("conv", size=(172, 88), ic=32, oc=1, kernel=(7, 3), pad=1, epilogue="bias")
    yield Case("conv", size=(172, 264), ic=8, oc=8, kernel=(3, 39), pad=1, epilogue="bias")


def instruction_sets():
    """Those of this machine."""
    with open("/proc/cpuinfo") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    yield "x86-64-v3"
    if "avx512bw" in flags and "avx512vl" in flags:
        yield "x86-64-v4"
    if "avx512_vnni" in flags:
        yield "cascadelake"
    if "avx512_bf16" in flags and "avx512_vpopcntdq" in flags:
        yield "znver4"
    if "avx512_fp16" in flags and permits_tiles(flags):
        yield "sapphirerapids-amx"


def permits_tiles(flags):
    """Whether this process may use tile registers, which it has to ask for (runtime/cpu.c)."""
    return "amx_int8" in flags and ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--march", help="only this one")
    parser.add_argument("--candidate", type=int, default=0, help="the tiling to take, of those that --tune measures; 0: the default")
    parser.add_argument("--time", action="store_true", help="time larger shapes")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N random shapes instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.work_dir, exist_ok=True)
    available = list(instruction_sets())
    marches = [options.march] if options.march else available
    rng = np.random.default_rng(options.seed)
    all_cases = list(random_cases(rng, options.random) if options.random else benchmarks() if options.time else cases())
    others = len(all_cases)  # on all instruction sets; those that follow on the first one and with tile registers
    if not options.random and not options.time:
        all_cases += tile_cases()
    for case in all_cases:
        case.data(rng)
    failures, first = 0, {}
    for march in marches:
        # Tile registers are among the tilings for most integers, though not the first one for small shapes.
        also_other = march.endswith("-amx") and not options.time and not options.random and not options.candidate
        chosen = all_cases if march == marches[0] or march.endswith("-amx") else all_cases[:others]
        libraries = [compile_library(chosen, march, options.work_dir, candidate) for candidate in (options.candidate, 1)[:1 + also_other]]
        for library, (index, case) in itertools.product(libraries, enumerate(chosen)):
            actual, seconds = run_case(library, index, case, repeat=0.3 if options.time else 0)
            expected, bound = case.reference()
            good = np.array_equal(actual, expected) if bound is None else bool(np.all(np.abs(actual - expected) <= bound))
            # Every instruction set computes the same program, but for dot products of bf16, which add in pairs.
            same = np.array_equal(actual, first.setdefault(index, actual)) or (case.x == "bf16" and march in ("znver4", "sapphirerapids-amx"))
            if options.time:
                macs = case.reference()[0].size * case.kernel[0] * case.kernel[1] * (1 if case.kind == "depthwise" else case.ic)
                print(f"{march:12} {seconds * 1e6:9.1f} us {2e-9 * macs / seconds:8.1f} GOP/s  {case}")
            if not good or not same:
                failures += 1
                wrong = np.argwhere(actual != expected if bound is None else np.abs(actual - expected) > bound)
                print(f"{march}: {case}: {'wrong' if not good else 'differs from ' + marches[0]}, {len(wrong)} of {actual.size}"
                      f" values, first at {wrong[:1].tolist()}")
    print(f"{len(all_cases)} cases on {', '.join(marches)}: {failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
