# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Reductions, normalisation, running sums and Einsum from ONNX through libraries, against NumPy.

Every case is one node. The cases of one opset are one model, which is compiled once. Integers are compared bit for bit; numbers
within 1e-5 of the largest one in the tensor, which covers NumPy's order of summation (1e-3 for f16, whose results have 11 bits).
"""

import argparse
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from onnx_cases import Cases

rng = np.random.default_rng(3)


def normal(*shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


# -- references ------------------------------------------------------------------

def normalize(x, axes, epsilon, centred=True):
    x = x.astype(np.float64)
    if centred:
        x = x - x.mean(axis=axes, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=axes, keepdims=True) + epsilon)


def along(parameter, rank, axis=1):
    return parameter.reshape([-1 if d == axis else 1 for d in range(rank)])


def lrn(x, size, alpha, beta, bias):
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    padded = np.pad(x.astype(np.float64)**2, [(0, 0), (before, after)] + [(0, 0)] * (x.ndim - 2))
    total = sum(padded[:, i:i + x.shape[1]] for i in range(size))
    return x / (bias + alpha / size * total)**beta


# -- cases -----------------------------------------------------------------------

def reductions(cases):
    x, i, b = normal(2, 3, 5), rng.integers(-9, 9, (2, 3, 5)).astype(np.int32), rng.integers(0, 2, (4, 3)).astype(bool)
    h = normal(3, 40, dtype=np.float16)
    axes = np.array([1], np.int64)

    def both(op, function, *arrays):
        for a in arrays:
            cases.add(op, [a, axes], [function(a, 1, True).astype(a.dtype)], constants=[1], keepdims=1)
            cases.add(op, [a], [np.asarray(function(a, None, False)).astype(a.dtype)], keepdims=0)

    f = np.float64
    both("ReduceSum", lambda a, n, k: a.astype(f).sum(axis=n, keepdims=k), x, i, h)
    both("ReduceMean", lambda a, n, k: np.trunc(a.astype(f).mean(axis=n, keepdims=k)) if a.dtype == np.int32 else
         a.astype(f).mean(axis=n, keepdims=k), x, i, h)
    both("ReduceMax", lambda a, n, k: a.max(axis=n, keepdims=k), x, i, h, b)
    both("ReduceMin", lambda a, n, k: a.min(axis=n, keepdims=k), x, i, b)
    # As many as a vector holds; the largest stands anywhere, and NaN stays.
    for size in (16, 64):
        many = normal(size + 1, size)
        many[np.arange(size), np.arange(size)] = 9
        many[size, size // 2] = np.nan
        cases.add("ReduceMax", [many, axes], [many.max(1)], constants=[1], keepdims=0)
        cases.add("ReduceMin", [-many, axes], [(-many).min(1)], constants=[1], keepdims=0)
    both("ReduceProd", lambda a, n, k: a.astype(f).prod(axis=n, keepdims=k), x)
    both("ReduceL1", lambda a, n, k: np.abs(a.astype(f)).sum(axis=n, keepdims=k), x, i)
    both("ReduceL2", lambda a, n, k: np.sqrt((a.astype(f)**2).sum(axis=n, keepdims=k)), x, i)
    both("ReduceSumSquare", lambda a, n, k: (a.astype(f)**2).sum(axis=n, keepdims=k), x, i)
    both("ReduceLogSum", lambda a, n, k: np.log(a.astype(f).sum(axis=n, keepdims=k)), np.abs(x))
    both("ReduceLogSumExp", lambda a, n, k: np.log(np.exp(a.astype(f)).sum(axis=n, keepdims=k)), x)
    # Infinities do not become NaN, and exp does not overflow.
    big = np.array([[1000, 999], [-np.inf, -np.inf], [np.inf, 0]], np.float32)
    cases.add("ReduceLogSumExp", [big, axes], [np.array([1000 + np.log1p(np.exp(-1)), -np.inf, np.inf], np.float32)],
              constants=[1], keepdims=0)


def long_rows(cases):
    """Rows long enough to be reduced in lanes, with and without elements left over."""
    for x in (normal(3, 64), normal(2, 3, 101) + 2):
        f, last = x.astype(np.float64), np.array([-1], np.int64)
        for op, y in [("ReduceSum", f.sum(-1)), ("ReduceMean", f.mean(-1)), ("ReduceMax", f.max(-1)), ("ReduceProd", f.prod(-1)),
                      ("ReduceL1", np.abs(f).sum(-1)), ("ReduceL2", np.sqrt((f * f).sum(-1))), ("ReduceSumSquare", (f * f).sum(-1))]:
            cases.add(op, [x, last], [y.astype(np.float32)], constants=[1], keepdims=0)
        power = np.exp(f)
        cases.add("Softmax", [x], [(power / power.sum(-1, keepdims=True)).astype(np.float32)])
        cases.add("LogSoftmax", [x], [(f - np.log(power.sum(-1, keepdims=True))).astype(np.float32)])
        cases.add("ReduceSum", [x, np.arange(x.ndim)], [f.sum(keepdims=True).astype(np.float32)], constants=[1])
        x = np.where(np.arange(x.shape[-1]) == 70, np.float32(np.nan), x)
        cases.add("ReduceMax", [x, last], [x.max(-1)], constants=[1], keepdims=0)


def empty_sets(cases):
    """Reductions of no elements give their identities, and tensors of no elements pass through everything."""
    none, axes = np.zeros((2, 0, 4), np.float32), np.array([1], np.int64)
    for op, identity in [("ReduceSum", 0), ("ReduceProd", 1), ("ReduceMax", -np.inf), ("ReduceMin", np.inf), ("ReduceL1", 0),
                         ("ReduceL2", 0), ("ReduceSumSquare", 0), ("ReduceLogSum", -np.inf), ("ReduceLogSumExp", -np.inf),
                         ("ReduceMean", np.nan)]:
        cases.add(op, [none, axes], [np.full((2, 1, 4), identity, np.float32)], constants=[1])
    integers = np.zeros((2, 0), np.int32)
    cases.add("ReduceSum", [integers, axes], [np.zeros((2, 1), np.int32)], constants=[1])
    cases.add("ReduceMin", [integers, axes], [np.full((2, 1), np.iinfo(np.int32).max, np.int32)], constants=[1])
    cases.add("ReduceMean", [integers, axes], [np.zeros((2, 1), np.int32)], constants=[1])
    cases.add("ReduceSum", [none, np.array([2], np.int64)], [np.zeros((2, 0, 1), np.float32)], constants=[1])
    cases.add("Softmax", [none], [none], axis=-1)
    cases.add("Softmax", [none], [none], axis=1)
    cases.add("LayerNormalization", [none, np.ones(4, np.float32)], [none])
    cases.add("MatMul", [none, normal(4, 3)], [np.zeros((2, 0, 3), np.float32)])
    cases.add("MatMul", [normal(3, 0), normal(0, 2)], [np.zeros((3, 2), np.float32)])
    cases.add("CumSum", [none, np.int64(1)], [none], constants=[1], reverse=1)
    cases.add("Relu", [none], [none])
    cases.add("Transpose", [none], [none.transpose(2, 1, 0)], perm=[2, 1, 0])
    one = normal(2, 1, 4)
    cases.add("Concat", [none, one], [one], axis=1)
    cases.add("Reshape", [none, np.array([4, 0, 2], np.int64)], [none.reshape(4, 0, 2)], constants=[1], allowzero=1)


def normalisations(cases):
    x = normal(2, 6, 3, 4) * 3 + 1
    f = np.float32
    for axis in (-1, 1, -2):
        axes = tuple(range(axis % 4, 4))
        s, b = normal(*x.shape[axis % 4:]), normal(*x.shape[axis % 4:])
        y = normalize(x, axes, 1e-5)
        mean = x.mean(axis=axes, keepdims=True)
        deviation = 1 / np.sqrt(x.astype(np.float64).var(axis=axes, keepdims=True) + 1e-5)
        cases.add("LayerNormalization", [x, s, b], [(y * s + b).astype(f), mean.astype(f), deviation.astype(f)], axis=axis)
        cases.add("LayerNormalization", [x, s], [(y * s).astype(f)], axis=axis)
    # A mean that is large beside the deviation: a pass over squares alone would lose it.
    far = (normal(4, 64) + 30).astype(f)
    cases.add("LayerNormalization", [far, np.ones(64, f)], [normalize(far, 1, 1e-5).astype(f)])
    h, sh = normal(4, 64, dtype=np.float16), normal(64, dtype=np.float16)
    cases.add("LayerNormalization", [h, sh], [(normalize(h, 1, 1e-5) * sh).astype(np.float16)])
    s, b, sg, bg = normal(6), normal(6), normal(2), normal(2)
    y = normalize(x, (2, 3), 1e-3) * along(s, 4) + along(b, 4)
    cases.add("InstanceNormalization", [x, s, b], [y.astype(f)], epsilon=1e-3)
    y = normalize(x.reshape(2, 2, -1), 2, 1e-5)
    if cases.opset < 21:
        cases.add("GroupNormalization", [x, sg, bg], [(y * along(sg, 3) + along(bg, 3)).reshape(x.shape).astype(f)], num_groups=2)
    else:
        cases.add("GroupNormalization", [x, s, b], [(y.reshape(x.shape) * along(s, 4) + along(b, 4)).astype(f)], num_groups=2)
    if cases.opset >= 23:
        cases.add("RMSNormalization", [x, s[:4]], [(normalize(x, 3, 1e-5, centred=False) * s[:4]).astype(f)])
    flat = np.full((1, 2, 2, 2), 3, f)
    cases.add("MeanVarianceNormalization", [x], [normalize(x, (0, 2, 3), 0).astype(f)])
    cases.add("MeanVarianceNormalization", [flat], [np.zeros_like(flat)])
    cases.add("LRN", [x], [lrn(x, 3, 0.1, 0.75, 1).astype(f)], size=3, alpha=0.1)
    cases.add("LRN", [x], [lrn(x, 4, 0.2, 0.5, 2).astype(f)], size=4, alpha=0.2, beta=0.5, bias=2.0)
    cases.add("LRN", [x], [lrn(x, 15, 0.2, 0.5, 2).astype(f)], size=15, alpha=0.2, beta=0.5, bias=2.0)
    x0 = x.copy()
    x0[0, :, 0, 0] = 0
    for p in (1, 2):
        norm = np.linalg.norm(x0.astype(np.float64), p, axis=1, keepdims=True)
        cases.add("LpNormalization", [x0], [(x0 / np.where(norm == 0, 1, norm)).astype(f)], axis=1, p=p)


def contrib(cases):
    x, r, s, b, shift = normal(2, 5, 8), normal(2, 5, 8), normal(8), normal(8), normal(8)
    f = np.float32
    total = x + r + b
    y = normalize(total, 2, 1e-6) * s + shift
    cases.add("SkipLayerNormalization", [x, r, s, shift, b], [y.astype(f), None, None, total], domain="com.microsoft", epsilon=1e-6)
    y = normalize(x + r, 2, 1e-6, centred=False) * s
    cases.add("SkipSimplifiedLayerNormalization", [x, r, s], [y.astype(f), None, None, x + r], domain="com.microsoft", epsilon=1e-6)
    y = normalize(x, 2, 1e-5, centred=False) * s
    cases.add("SimplifiedLayerNormalization", [x, s], [y.astype(f)])


def running(cases):
    x, i, h = normal(3, 4, 5), rng.integers(-5, 5, (3, 7)), normal(2, 30, dtype=np.float16)
    for axis in range(3):
        cases.add("CumSum", [x, np.int64(axis - 3)], [x.cumsum(axis)], constants=[1])
        cases.add("CumSum", [x, np.int64(axis)], [np.flip(np.flip(x, axis).cumsum(axis), axis)], constants=[1], reverse=1)
        cases.add("CumSum", [x, np.int64(axis)], [x.cumsum(axis) - x], constants=[1], exclusive=1)
    cases.add("CumSum", [i, np.int32(1)], [np.flip(np.flip(i, 1).cumsum(1), 1) - i], constants=[1], reverse=1, exclusive=1)
    cases.add("CumSum", [h, np.int64(1)], [h.astype(np.float64).cumsum(1).astype(np.float16)], constants=[1])
    if cases.opset >= 26:
        cases.add("CumProd", [i, np.int64(1)], [i.cumprod(1)], constants=[1])
        shifted = np.concatenate([np.ones((3, 1, 5), np.float32), x[:, :-1]], 1)
        cases.add("CumProd", [x, np.int64(1)], [shifted.cumprod(1)], constants=[1], exclusive=1)


def einsums(cases):
    def add(equation, *shapes, integers=False):
        arrays = [rng.integers(-4, 5, s) if integers else normal(*s) for s in shapes]
        cases.add("Einsum", arrays, [np.asarray(np.einsum(equation, *arrays)).astype(arrays[0].dtype)], equation=equation)

    add("ij->ji", (3, 4))
    add("ij", (3, 4))
    add("ba", (3, 4))
    add("ij->", (3, 4))
    add("ii", (4, 4))
    add("...ii->...i", (2, 4, 4))
    add("iji->j", (3, 2, 3))
    add("iii->i", (3, 3, 3))
    add("i,i", (5,), (5,))
    add("i,j->ij", (3,), (4,))
    add("i,j", (3,), (4,))
    add(" b i j , b j k -> b i k ", (2, 3, 4), (2, 4, 5))
    add("bij,bjk", (2, 3, 4), (2, 4, 5))
    add("bij,bjk->kbi", (2, 3, 4), (2, 4, 5))
    add("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2))
    add("...ij,jk", (2, 3, 4), (4, 5))
    add("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5))
    add("bqhd,bkhd->bhqk", (2, 4, 3, 5), (2, 6, 3, 5))
    add("ij,kj->ik", (3, 4), (5, 4))
    add("ijk,ijl->kl", (2, 3, 4), (2, 3, 5))
    add("ij,jk,kl->il", (2, 3), (3, 4), (4, 5))
    add("i,i,i->", (4,), (4,), (4,))
    add("ij,ij->ij", (3, 4), (3, 4))
    add("ijk,j->ik", (2, 3, 4), (3,))
    add("ij,k->i", (2, 3), (4,))
    add("a,->a", (3,), ())
    add("ij,jk->ik", (3, 4), (4, 5), integers=True)
    add("ij,ij->", (3, 0), (3, 0))


def side_by_side(work):
    """Rows are summed up several at a time: each has the bytes that it has alone. Returns how many outputs differ."""
    x, s = normal(7, 101) * 3, normal(101)
    cases = Cases(18, batch=True)
    power = np.exp(x.astype(np.float64))
    cases.add("Softmax", [x], [(power / power.sum(-1, keepdims=True)).astype(np.float32)])
    cases.add("LayerNormalization", [x, s], [(normalize(x, 1, 1e-5) * s).astype(np.float32)], constants=[1])
    bad = cases.run(work)
    alone = os.path.join(work, "alone")
    os.makedirs(alone)
    for row in range(len(x)):
        np.save(os.path.join(alone, "x.npy"), x[row:row + 1])
        inputs = [f"--input={name}={alone}/x.npy" for name, _ in cases.inputs]
        subprocess.run(["mpc-run", os.path.join(work, "model.so"), f"--output={alone}", *inputs], check=True, stdout=subprocess.DEVNULL)
        for name, _ in cases.expected:
            one, all_rows = np.load(f"{alone}/{name}.npy"), np.load(f"{work}/out/{name}.npy")
            if one.tobytes() != all_rows[row:row + 1].tobytes():
                print(f"{name}: row {row} differs from the same row alone")
                bad += 1
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    bad = 0
    for opset, families in [(18, (reductions, long_rows, empty_sets, normalisations, contrib)),
                            (26, (normalisations, running, einsums))]:
        cases = Cases(opset)
        for family in families:
            family(cases)
        bad += cases.run(os.path.join(options.work, str(opset)))
        print(f"opset {opset}: {len(cases.expected)} outputs")
    bad += side_by_side(os.path.join(options.work, "rows"))
    sys.exit(f"{bad} outputs differ" if bad else 0)


main()
