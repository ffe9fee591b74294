# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Quantized operators from ONNX through libraries, against NumPy.

Every case is one node; the cases of one group are one model, which is compiled once. Integers are compared bit for bit, and so
is what is dequantized; sums of products are exact in NumPy's 64-bit integers and wrap to 32 bits as ONNX says.
"""

import argparse
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(5)
f32 = np.float32


def integers(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape, dtype=dtype)


def scales(*shape):
    return rng.uniform(0.001, 0.1, shape).astype(f32)


# -- what the operators compute ------------------------------------------------

def along(parameter, rank, axis):
    parameter = np.asarray(parameter)
    return parameter.reshape([-1 if d == axis else 1 for d in range(rank)]) if parameter.ndim == 1 else parameter


def clamp(q, dtype):
    info = np.iinfo(dtype)
    return np.clip(q, info.min, info.max).astype(dtype)


def quantize(x, scale, zero, dtype, axis=1):
    scale, zero = along(scale, x.ndim, axis), along(zero, x.ndim, axis)
    return clamp(np.rint(x.astype(f32) / scale.astype(f32)) + zero.astype(f32), dtype)


def dequantize(q, scale, zero, axis=1):
    scale, zero = along(scale, q.ndim, axis), along(zero, q.ndim, axis)
    return (q.astype(np.int64) - zero.astype(np.int64)).astype(f32) * scale


def conv(x, w, zx, zw, pads=(0, 0, 0, 0), strides=(1, 1), dilations=(1, 1), group=1):
    """i32 sums of two-dimensional convolution."""
    x = x.astype(np.int64) - int(np.asarray(zx).reshape(-1)[0])
    w = w.astype(np.int64) - np.asarray(zw).astype(np.int64).reshape(-1, 1, 1, 1)
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    n, c, h, width = x.shape
    o, ci, kh, kw = w.shape
    oh = (h - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    ow = (width - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    y = np.zeros((n, o, oh, ow), np.int64)
    for g in range(group):
        os_, cs = slice(g * o // group, (g + 1) * o // group), slice(g * ci, (g + 1) * ci)
        for i in range(kh):
            for j in range(kw):
                part = x[:, cs, i * dilations[0]:, j * dilations[1]:][:, :, ::strides[0], ::strides[1]][:, :, :oh, :ow]
                y[:, os_] += np.einsum("nchw,oc->nohw", part, w[os_, :, i, j])
    return y.astype(np.int32)


def matmul(a, b, za, zb):
    za, zb = np.asarray(za).astype(np.int64), np.asarray(zb).astype(np.int64)
    za = za.reshape(-1, 1) if za.ndim == 1 and za.size > 1 else za
    return (np.matmul(a.astype(np.int64) - za, b.astype(np.int64) - zb)).astype(np.int32)


def requantize(acc, sx, sw, sy, zy, dtype):
    multiplier = (np.asarray(sx, f32) * sw / np.asarray(sy, f32)).astype(f32)
    return clamp(np.rint(acc.astype(f32) * multiplier) + np.asarray(zy).astype(f32), dtype)


def add(a, sa, za, b, sb, zb, sy, zy):
    """Both operands rescaled at once; 64 bits hold the products of the fused multiply-adds exactly. Signed integers are added as
    unsigned ones with another zero point."""
    dtype, offset = a.dtype, 128 if a.dtype == np.int8 else 0
    ra, rb, za, zb, zy = f32(sa / sy), f32(sb / sy), f32(int(za) + offset), f32(int(zb) + offset), f32(int(zy) + offset)
    fixed = f32(zy - f32(f32(ra * za) + f32(rb * zb)))
    part = ((b.astype(np.float64) + offset) * np.float64(rb) + fixed).astype(f32)
    total = ((a.astype(np.float64) + offset) * np.float64(ra) + part).astype(f32)
    return (np.clip(np.rint(total), 0, 255) - offset).astype(dtype)


# -- cases -----------------------------------------------------------------------

class Cases:
    def __init__(self, name, opset=21):
        self.name, self.opset = name, opset
        self.nodes, self.inputs, self.constants, self.outputs = [], [], [], []

    def add(self, op, inputs, expected, constants=(), domain="", exact=True, **attributes):
        """`inputs`: arrays, or None for one that is left out; those at `constants` are initialisers."""
        base, names = f"{op}_{len(self.nodes)}", []
        for i, array in enumerate(inputs):
            names.append(f"{base}_in{i}" if array is not None else "")
            if array is None:
                continue
            if constants == "all" or i in constants:
                self.constants.append(numpy_helper.from_array(np.asarray(array), names[-1]))
            else:
                self.inputs.append((names[-1], np.asarray(array)))
        outputs = [f"{base}_out{i}" for i in range(len(expected))]
        self.outputs += [(n, np.asarray(e), exact) for n, e in zip(outputs, expected)]
        self.nodes.append(helper.make_node(op, names, outputs, name=base, domain=domain, **attributes))

    def run(self, work, *flags):
        work = os.path.join(work, self.name)
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(os.path.join(work, "out"))

        def info(name, array):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

        graph = helper.make_graph(self.nodes, "cases", [info(*i) for i in self.inputs],
                                  [info(n, e) for n, e, _ in self.outputs], self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), os.path.join(work, "model.onnx"))
        library = os.path.join(work, "model.so")
        subprocess.run(["mpc-compile", os.path.join(work, "model.onnx"), "-o", library, "--march=x86-64-v3", *flags], check=True)
        command = ["mpc-run", library, "--output=" + os.path.join(work, "out")]
        for name, array in self.inputs:
            path = os.path.join(work, name + ".npy")
            np.save(path, array)
            command.append(f"--input={name}={path}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        bad = 0
        for name, expected, exact in self.outputs:
            got = np.load(os.path.join(work, "out", name + ".npy"))
            if got.shape != expected.shape or got.dtype != expected.dtype:
                print(f"{self.name}/{name}: expected {expected.dtype}{expected.shape}, got {got.dtype}{got.shape}")
                bad += 1
            elif not (np.array_equal(got, expected) if exact is True else
                      np.abs(got.astype(np.float64) - expected).max() <= exact):
                print(f"{self.name}/{name}: {np.mean(got != expected):.1%} differ, the first by "
                      f"{(got.astype(np.float64) - expected)[got != expected][0]}")
                bad += 1
        return bad


def linear():
    """QuantizeLinear, DequantizeLinear: parameters known and not, per tensor, per axis, per block."""
    cases = Cases("linear")
    x = (rng.standard_normal((2, 3, 5)) * 4).astype(f32)
    x[0, 0, :3] = [0.5, 1.5, -2.5]
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        q = integers(dtype, 2, 3, 5)
        for known in ((), (1, 2)):
            s, z = f32(0.02), integers(dtype)
            cases.add("QuantizeLinear", [x, s, z], [quantize(x, s, z, dtype)], known)
            cases.add("DequantizeLinear", [q, s, z], [dequantize(q, s, z)], known)
            s, z = scales(3), integers(dtype, 3)
            cases.add("QuantizeLinear", [x, s, z], [quantize(x, s, z, dtype)], known)
            cases.add("DequantizeLinear", [q, s, z], [dequantize(q, s, z)], known)
        s, z = scales(5), integers(dtype, 5)
        cases.add("DequantizeLinear", [q, s, z], [dequantize(q, s, z, 2)], "all", axis=-1)
        # Blocks of 2 along the last axis, the last one short.
        s, z = scales(2, 3, 3), integers(dtype, 2, 3, 3)
        each, zeros = (np.repeat(p, 2, 2)[:, :, :5] for p in (s, z))
        for known in ((), "all"):
            cases.add("DequantizeLinear", [q, s, z], [dequantize(q, each, zeros)], known, axis=2, block_size=2)
        cases.add("QuantizeLinear", [x, s, z], [quantize(x, each, zeros, dtype)], (1, 2), axis=2, block_size=2)
    # No zero point, other types, i32.
    cases.add("QuantizeLinear", [x, f32(0.5)], [quantize(x, f32(0.5), np.uint8(0), np.uint8)], (1,))
    cases.add("QuantizeLinear", [x, f32(0.5)], [quantize(x, f32(0.5), np.int16(0), np.int16)], (1,), output_dtype=TensorProto.INT16)
    half, scale = x.astype(np.float16), np.float16(0.25)
    cases.add("QuantizeLinear", [half, scale, np.int8(3)], [quantize(half, scale, np.int8(3), np.int8)], (1, 2))
    q = integers(np.int8, 2, 3)
    cases.add("DequantizeLinear", [q, scale, np.int8(3)], [dequantize(q, f32(scale), np.int8(3)).astype(np.float16)], (1, 2))
    wide = integers(np.int32, 2, 3)
    for known in ((), (1,)):
        cases.add("DequantizeLinear", [wide, f32(0.125)], [dequantize(wide, f32(0.125), np.int32(0))], known)
    # NaN is the zero point.
    cases.add("QuantizeLinear", [np.array([np.nan, np.inf, -np.inf], f32), f32(1), np.uint8(7)],
              [np.array([7, 255, 0], np.uint8)], (1, 2))
    return cases


def contractions():
    """ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul: all signs, zero points of any kind, weights known and not."""
    cases = Cases("contractions")
    for xtype in (np.uint8, np.int8):
        for wtype in (np.uint8, np.int8):
            x, w, b = integers(xtype, 2, 4, 7, 6), integers(wtype, 6, 2, 3, 2), integers(np.int32, 6) // 65536
            options = dict(pads=[1, 0, 2, 1], strides=[2, 1], dilations=[1, 2], group=2)
            zx, zw, zws = integers(xtype), integers(wtype), integers(wtype, 6)
            sx, sw, sws, sy, zy = f32(0.02), f32(0.03), scales(6), f32(9), integers(xtype)
            for known in ((), (1, 3), (2, 3), (1, 2, 3)):
                cases.add("ConvInteger", [x, w, zx, zw], [conv(x, w, zx, zw, **options)], known, **options)
            small = np.clip(w.astype(np.int64), -100, 100).astype(wtype)
            for known in ("(1, 2)", "()"):
                cases.add("ConvInteger", [x, small, zx], [conv(x, small, zx, 0, **options)], eval(known), **options)
            for known, weights, z, s in (((), w, zw, sw), ((1, 2, 3, 4, 5, 6, 7, 8), w, zws, sws),
                                         ((1, 2, 3, 4, 5, 6, 7, 8), small, wtype(3), sws),
                                         ((1, 2, 3, 4, 5, 6, 7, 8), small, np.full(6, 1, wtype), np.full(6, sw))):
                expected = requantize(conv(x, weights, zx, z, **options) + b.reshape(-1, 1, 1), sx, along(s, 4, 1), sy, zy, xtype)
                cases.add("QLinearConv", [x, sx, zx, weights, s, z, sy, zy, b], [expected], known, **options)
            a, m = integers(xtype, 3, 5, 8), integers(wtype, 8, 9)
            zas, zms, sa, sms = integers(xtype, 5), integers(wtype, 9), scales(5, 1), scales(9)
            for known in ((), (1, 3), (1, 2, 3)):
                cases.add("MatMulInteger", [a, m, zx, zms], [matmul(a, m, zx, zms)], known)
                cases.add("MatMulInteger", [a[0], m, zas, zw], [matmul(a[0], m, zas, zw)], known)
            cases.add("MatMulInteger", [a, m], [matmul(a, m, 0, 0)])
            stacked = integers(wtype, 3, 8, 4)
            cases.add("MatMulInteger", [a, stacked, zx, zw], [matmul(a, stacked, zx, zw)], (2,))
            cases.add("MatMulInteger", [a[0, 0], m, zx, zw], [matmul(a[0, 0], m, zx, zw)], (1,))
            for known in ((), (1, 2, 3, 4, 5, 6, 7)):
                cases.add("QLinearMatMul", [a, sx, zx, m, sms, zms, sy, zy],
                          [requantize(matmul(a, m, zx, zms), sx, sms, sy, zy, xtype)], known)
                cases.add("QLinearMatMul", [a[0], sa.reshape(-1), zas, m, sms, zms, sy, zy],
                          [requantize(matmul(a[0], m, zas, zms), sa, sms, sy, zy, xtype)], known)
    return cases


def others():
    """Operators of com.microsoft, and DynamicQuantizeLinear."""
    cases = Cases("others")
    own = dict(domain="com.microsoft")
    for dtype in (np.uint8, np.int8):
        x, y = integers(dtype, 2, 3, 4, 5), integers(dtype, 3, 1, 5)
        sx, sy, sz = f32(0.04), f32(0.03), f32(0.05)
        zx, zy, zz = (dtype(v) for v in (17, 100, 64))
        rx, ry = dequantize(x, sx, zx), dequantize(y, sy, zy)
        same = integers(dtype, 2, 3, 4, 5)
        cases.add("QLinearAdd", [x, sx, zx, same, sy, zy, sz, zz], [add(x, sx, zx, same, sy, zy, sz, zz)], (1, 2, 4, 5, 6, 7),
                  **own)
        for known in ((), (1, 2, 3, 4, 5, 6, 7)):
            cases.add("QLinearAdd", [x, sx, zx, y, sy, zy, sz, zz], [quantize(rx + ry, sz, zz, dtype)], known, **own)
            cases.add("QLinearMul", [x, sx, zx, y, sy, zy, sz, None], [quantize(rx * ry, sz, dtype(0), dtype)], known, **own)
        known = (1, 2, 3, 4)
        # Averages and functions: within one step, for the sum and the function are rounded elsewhere.
        cases.add("QLinearGlobalAveragePool", [x, sx, zx, sz, zz],
                  [quantize(rx.mean((2, 3), keepdims=True), sz, zz, dtype)], known, exact=1, channels_last=0, **own)
        pooled = np.stack([rx[:, :, i:i + 3:2, j:j + 4:2] for i in range(2) for j in range(2)]).mean(0)
        cases.add("QLinearAveragePool", [x, sx, zx, sz, zz], [quantize(pooled, sz, zz, dtype)], known, exact=1,
                  kernel_shape=[2, 2], strides=[2, 2], **own)
        cases.add("QLinearSigmoid", [x, sx, zx, f32(1 / 256), dtype(0)],
                  [quantize(1 / (1 + np.exp(-rx)), f32(1 / 256), dtype(0), dtype)], known, exact=1, **own)
        cases.add("QLinearLeakyRelu", [x, sx, zx, sz, zz],
                  [quantize(np.where(rx < 0, rx * f32(0.1), rx), sz, zz, dtype)], known, exact=1, alpha=0.1, **own)
        power = np.exp(rx - rx.max(-1, keepdims=True))
        cases.add("QLinearSoftmax", [x, sx, zx, f32(1 / 256), dtype(0)],
                  [quantize(power / power.sum(-1, keepdims=True), f32(1 / 256), dtype(0), dtype)], known, exact=1, opset=13,
                  axis=-1, **own)
        z = integers(dtype, 2, 2, 4, 5)
        joined = np.concatenate([rx, dequantize(z, sy, zy)], 1)
        cases.add("QLinearConcat", [sz, zz, x, sx, zx, z, sy, zy], [quantize(joined, sz, zz, dtype)], (0, 1, 3, 4, 6, 7), axis=1,
                  **own)
        a, b, c = integers(dtype, 5, 8), integers(np.int8, 9, 8), integers(np.int32, 9) // 65536
        sb, zb = scales(9), np.zeros(9, np.int8)
        acc = matmul(a, b.T, zx, 0) + c
        for known in ((), (1, 2, 3, 4, 5, 6, 7, 8)):
            cases.add("QGemm", [a, sx, zx, b, sb, zb, c, f32(4), zz], [requantize(acc, sx, sb, f32(4), zz, dtype)], known,
                      transB=1, **own)
        real = acc.astype(f32) * (sx * sb)
        cases.add("QGemm", [a, sx, zx, b, sb, zb, c], [real], (3, 4, 5), exact=1e-6 * np.abs(real).max(), transB=1, **own)
        bias = rng.standard_normal(9).astype(f32)
        real = matmul(a, b.T, zx, 5).astype(f32) * (sx * sb) + bias
        cases.add("MatMulIntegerToFloat", [a, np.ascontiguousarray(b.T), sx, sb, zx, np.full(9, 5, np.int8), bias], [real],
                  (1, 3, 5), exact=1e-6 * np.abs(real).max(), **own)
    x = (rng.standard_normal((3, 8)) * 3).astype(f32)
    for x in (x, np.abs(x) + 1, np.zeros((3, 8), f32)):
        least, most = min(x.min(), f32(0)), max(x.max(), f32(0))
        scale = (most - least) / f32(255) if most > least else f32(1)
        zero = np.rint(np.clip(f32(0) - least / scale, 0, 255)).astype(np.uint8)
        q = quantize(x, scale, zero, np.uint8)
        cases.add("DynamicQuantizeLinear", [x], [q, scale, zero])
        b = integers(np.int8, 8, 4)
        real = matmul(q, b, zero, 0).astype(f32) * (scale * f32(0.02))
        cases.add("DynamicQuantizeMatMul", [x, b, f32(0.02)], [real], (1, 2), exact=1e-5, **own)
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    sys.exit(sum(cases().run(work) for cases in (linear, contractions, others)))


main()
