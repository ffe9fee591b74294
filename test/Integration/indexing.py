# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Gathering, scattering, ranking, padding and other orders from ONNX through libraries, against NumPy.

Elements only move, so that every result is compared bit for bit, but for sums of scattered numbers.
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from onnx_cases import Cases

rng = np.random.default_rng(4)
np.seterr(over="ignore")  # sums of small integers wrap around
TYPES = [np.float32, np.float64, np.float16, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.bool_]


def array(*shape, dtype=np.float32):
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        low, high = (0, 250) if np.issubdtype(dtype, np.unsignedinteger) else (-120, 120)
        return rng.integers(low, high, shape).astype(dtype)
    return rng.standard_normal(shape).astype(np.float32).astype(dtype)


def positions(size, *shape, dtype=np.int64):
    return rng.integers(-size, size, shape).astype(dtype)


# -- references ------------------------------------------------------------------

REDUCE = {"none": lambda old, new: new, "add": lambda old, new: old + new, "mul": lambda old, new: old * new, "min": min, "max": max}


def scatter_elements(data, indices, updates, axis, kind="none"):
    result = data.copy()
    for at in np.ndindex(indices.shape):
        to = list(at)
        to[axis] = indices[at]
        result[tuple(to)] = REDUCE[kind](result[tuple(to)], updates[at])
    return result


def scatter_nd(data, indices, updates, kind="none"):
    result = data.copy()
    for at in np.ndindex(indices.shape[:-1]):
        to = tuple(indices[at])
        merge = {"min": np.minimum, "max": np.maximum}.get(kind, REDUCE[kind])
        result[to] = merge(result[to], updates[at])
    return result


def gather_nd(data, indices, batch):
    result = []
    for at in np.ndindex(indices.shape[:-1]):
        result.append(data[at[:batch] + tuple(indices[at])])
    return np.stack(result).reshape(indices.shape[:-1] + data.shape[batch + indices.shape[-1]:])


def top_k(x, k, axis, largest):
    key = x.astype(np.float64)
    order = np.argsort(-key if largest else key, axis=axis, kind="stable").take(np.arange(k), axis=axis)
    return np.take_along_axis(x, order, axis), order


def reverse_sequence(x, lengths, batch, time):
    y = np.moveaxis(x, (batch, time), (0, 1)).copy()
    for n, length in enumerate(lengths):
        y[n, :length] = y[n, :length][::-1]
    return np.moveaxis(y, (0, 1), (batch, time))


def tensor_scatter(cache, updates, starts, axis, circular):
    result = cache.copy()
    for n, start in enumerate(starts):
        for t in range(updates.shape[axis]):
            s = (start + t) % cache.shape[axis] if circular else start + t
            np.moveaxis(result[n], axis - 1, 0)[s] = np.moveaxis(updates[n], axis - 1, 0)[t]
    return result


# -- cases -----------------------------------------------------------------------

def gathering():
    c = Cases(18)
    for dtype in TYPES:
        x = array(5, 4, 3, dtype=dtype)
        i = positions(4, 2, 3)
        c.add("Gather", [x, i], [np.take(x, i, 1)], axis=1)
        j = positions(5, 6, 4, 3, dtype=np.int32)
        c.add("GatherElements", [x, j], [np.take_along_axis(x, j.astype(np.int64), 0)], axis=0)
    x = array(3, 40, 17)
    c.add("Gather", [x, np.int64(-2)], [x[:, -2]], axis=1)                        # a position without dimensions
    c.add("Gather", [x, np.array([7, 3, 3])], [x[:, [7, 3, 3]]], constants=[1], axis=1)  # known, not evenly spaced
    i = positions(40, 3, 5, 1)
    c.add("GatherND", [x, i], [gather_nd(x, i, 1)], batch_dims=1)
    i = np.stack([positions(3, 2, 2), positions(40, 2, 2)], -1)
    c.add("GatherND", [x, i], [gather_nd(x, i, 0)])
    # Positions outside count as the nearest end.
    c.add("Gather", [x, np.array([100, -100])], [x[[2, 0]]])
    # No elements.
    c.add("Gather", [x, np.zeros([0, 2], np.int64)], [np.zeros([0, 2, 40, 17], np.float32)])
    c.add("Gather", [np.zeros([3, 0], np.float32), np.array([2])], [np.zeros([1, 0], np.float32)])
    return c


def scattering():
    c = Cases(18)
    for dtype in TYPES:
        x, u = array(4, 6, dtype=dtype), array(2, 6, dtype=dtype)
        i = rng.permuted(np.tile(np.arange(-4, 4)[:, None], 6), axis=0)[:2]
        c.add("ScatterElements", [x, i, u], [scatter_elements(x, i, u, 0)], axis=0)
    for kind in ["add", "mul", "min", "max"]:
        for dtype in [np.float32, np.int32, np.uint8]:
            x, u, i = array(4, 6, dtype=dtype), array(3, 9, dtype=dtype), positions(6, 3, 9)
            c.add("ScatterElements", [x, i, u], [scatter_elements(x, i, u, 1, kind)], axis=1, reduction=kind)
        x, u, i = array(8, 3, 5), array(4, 2, 3, 5), positions(8, 4, 2, 1)
        c.add("ScatterND", [x, i, u], [scatter_nd(x, i, u, kind)], reduction=kind)
    # Of updates of one element, the last one stays.
    x, u, i = array(8, 600), array(20, 600), positions(8, 20, 1)
    c.add("ScatterND", [x, i, u], [scatter_nd(x, i, u)])
    x, u, i = array(8, 7), array(30), np.stack([positions(8, 30), positions(7, 30)], -1)
    c.add("ScatterND", [x, i, u], [scatter_nd(x, i, u)])
    x, u = array(3, 5), array(3, 5)
    c.add("ScatterND", [x, np.zeros([0], np.int64), u], [u])                      # all of it
    # Updates outside are left out.
    x, u = array(5), array(3)
    c.add("ScatterElements", [x, np.array([5, -6, 2]), u], [scatter_elements(x, np.array([2]), u[2:], 0)])
    c.add("ScatterND", [x, np.array([[1], [77], [-6]]), u], [scatter_elements(x, np.array([1]), u[:1], 0)])
    return c


def caches():
    c = Cases(24)
    for dtype in [np.float32, np.float16]:
        x, u = array(3, 2, 6, 4, dtype=dtype), array(3, 2, 3, 4, dtype=dtype)
        w = np.array([0, 3, 1])
        c.add("TensorScatter", [x, u, w], [tensor_scatter(x, u, w, 2, False)])
        w = np.array([5, 4, 13])
        c.add("TensorScatter", [x, u, w], [tensor_scatter(x, u, w, 2, True)], mode="circular")
    c.add("TensorScatter", [x, u, None], [tensor_scatter(x, u, [0, 0, 0], 2, False)])
    return c


def ranking():
    c = Cases(18)
    for dtype in TYPES[:-1]:
        x = array(4, 9, 5, dtype=dtype) % (4 if dtype != np.float16 else np.float16(4))  # with equal elements
        for kind in ["Max", "Min"]:
            find = np.argmax if kind == "Max" else np.argmin
            c.add("Arg" + kind, [x], [find(x, 1)[:, None]], axis=1)
            last = 8 - find(x[:, ::-1], 1)
            c.add("Arg" + kind, [x], [last], axis=1, keepdims=0, select_last_index=1)
        for axis, k, largest in [(1, 3, 1), (2, 5, 0), (0, 1, 1)]:
            c.add("TopK", [x, np.array([k])], top_k(x, k, axis, largest), constants=[1], axis=axis, largest=largest)
    x = np.array([[1, np.nan, 3, np.nan], [-np.inf, -np.inf, -np.inf, -np.inf]], np.float32)
    c.add("ArgMax", [x], [np.array([[1], [0]])], axis=1)
    c.add("ArgMin", [x], [np.array([[3], [3]])], axis=1, select_last_index=1)
    x = array(2, 3000)
    for k in [1, 100, 3000]:
        c.add("TopK", [x, np.array([k])], top_k(x, k, 1, 1), constants=[1])
    c.add("TopK", [x, np.array([0])], [np.zeros([2, 0], np.float32), np.zeros([2, 0], np.int64)], constants=[1])
    return c


def orders():
    c = Cases(18)
    for dtype in TYPES:
        x = array(3, 5, 4, dtype=dtype)
        for mode, low, high in [("reflect", 2, 3), ("reflect", 9, 17), ("edge", 4, 1), ("wrap", 3, 5), ("wrap", 11, 13)]:
            pads = [(1, 0), (low, high), (0, 2)]
            c.add("Pad", [x, np.array(pads).T.flatten()], [np.pad(x, pads, mode)], constants=[1], mode=mode)
        # A number that only the running model knows.
        number = array(dtype=dtype)
        c.add("Pad", [x, np.array([1, 0, 2, 0, 3, 0]), number],
              [np.pad(x, [(1, 0), (0, 3), (2, 0)], constant_values=number)], constants=[1])
        lengths = np.array([5, 1, 3])
        c.add("ReverseSequence", [x, lengths], [reverse_sequence(x, lengths, 0, 1)], batch_axis=0, time_axis=1)
    x = array(1, 4)
    c.add("Pad", [x, np.array([2, 0, 1, 0])], [np.pad(x, [(2, 1), (0, 0)], "reflect")], constants=[1], mode="reflect")
    c.add("Pad", [x[:0], np.array([1, 0, 0, 0])], [np.zeros([1, 4], np.float32)], constants=[1])
    x = array(4, 6)
    c.add("Pad", [x, np.array([-1, 2, 1, -3])], [np.pad(x[1:, :3], [(0, 1), (2, 0)])], constants=[1])
    c.add("Pad", [x, np.array([3, -1]), None, np.array([-1])], [np.pad(x[:, :5], [(0, 0), (3, 0)], "edge")],
          constants=[1, 3], mode="edge")
    for indices in [np.array([1, -1, 7, 0]), np.array([1.7, -1.2, 7, -9], np.float32), np.array([1, 2, 3, 255], np.uint8)]:
        known = np.trunc(indices.astype(np.float64))
        hot = (known[:, None] == np.arange(3)) | (known[:, None] == np.arange(3) - 3)
        for dtype in [np.float32, np.int64, np.bool_]:
            values = array(2, dtype=dtype)
            c.add("OneHot", [indices, np.int64(3), values], [np.where(hot, values[1], values[0]).T], constants=[1], axis=0)
    x = array(6, 5)
    c.add("Slice", [x, np.array([4, -1]), np.array([-100, 0]), np.array([0, 1]), np.array([-2, -1])], [x[4::-2, -1:0:-1]],
          constants=[1, 2, 3, 4])
    c.add("Slice", [x, np.array([3]), np.array([3])], [x[3:3]], constants=[1, 2])
    c.add("Split", [x, np.array([0, 5, 0])], [x[:, :0], x, x[:, 5:]], constants=[1], axis=1)
    c.add("Concat", [x[:0], x[:, :5][:0]], [x[:0]], axis=0)
    c.add("Tile", [x, np.array([0, 2])], [np.tile(x, [0, 2])], constants=[1])
    c.add("Compress", [x, np.array([1, 0, 1, 1], np.bool_)], [x[[0, 2, 3]]], constants=[1], axis=0)
    c.add("Compress", [x, np.array([0, 1, 0, 1], np.bool_)], [x.flatten()[[1, 3]]], constants=[1])
    return c


def batches():
    """The first dimension is the batch, whose size the library learns when it runs."""
    c = Cases(18, batch=True)
    table, x, i = array(30, 4), array(5, 6, 4), positions(30, 5, 3)
    c.add("Gather", [table, i], [table[i]], constants=[0])
    j = positions(6, 5, 2, 4)
    c.add("GatherElements", [x, j], [np.take_along_axis(x, j, 1)], axis=1)
    k = positions(6, 5, 3, 1)
    c.add("GatherND", [x, k], [gather_nd(x, k, 1)], batch_dims=1)
    u = array(5, 2, 4)
    c.add("ScatterElements", [x, j, u], [scatter_elements(x, j, u, 1, "add")], axis=1, reduction="add")
    rows, u = rng.permutation(5)[:, None], array(5, 6, 4)
    c.add("ScatterND", [x, rows, u], [scatter_nd(x, rows, u)])
    c.add("TopK", [x, np.array([2])], top_k(x, 2, 1, 1), constants=[1], axis=1)
    c.add("ArgMax", [x], [np.argmax(x, 2)], axis=2, keepdims=0)
    lengths = rng.integers(1, 7, 5)
    c.add("ReverseSequence", [x, lengths], [reverse_sequence(x, lengths, 0, 1)], batch_axis=0, time_axis=1)
    c.add("Pad", [x, np.array([0, 1, 2, 0, 3, 0])], [np.pad(x, [(0, 0), (1, 3), (2, 0)], "reflect")], constants=[1], mode="reflect")
    return c


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    bad = 0
    for family in [gathering, scattering, caches, ranking, orders, batches]:
        # Sums of several updates are rounded in the order of NumPy, which is the order of indices.
        bad += family().run(os.path.join(work, family.__name__), rtol=0)
    if bad:
        sys.exit(f"{bad} results differ")


if __name__ == "__main__":
    main()
