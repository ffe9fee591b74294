# REQUIRES: onnx
# RUN: %python %s mpc-compile mpc-run %t

"""Sliding windows and resizing, from ONNX models to results, against references.

Each model holds many nodes, so that a few libraries are enough. Transposed convolutions, whose phases take different paths, are
compared with the definition, and so is pooling with indices; what ONNX's reference evaluator computes is taken from it. Sums of a few
hundred terms in f32 stay within 1e-4 of the largest.
"""

import itertools
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

COMPILE, RUN, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
rng = np.random.default_rng(7)


class Model:
    """Nodes on one input x, whose first dimension may be symbolic; `expect` holds each output."""

    def __init__(self, name, x, batch=False, opset=19):
        self.name, self.x, self.batch, self.opset = name, x, batch, opset
        self.nodes, self.weights, self.expect = [], [], {}

    def weight(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def pad(self, mode, low, high):
        """A tensor for `add` to work on instead of x: padded, as NumPy does."""
        name = f"padded{len(self.nodes)}"
        self.nodes.append(helper.make_node("Pad", ["x", self.weight(np.array([*low, *high]))], [name], mode=mode))
        return name, np.pad(self.x, list(zip(low, high)), mode)

    def add(self, op, weights=(), expected=None, outputs=1, on=None, **attributes):
        """A node on x and `weights`; without `expected`, the reference evaluator's results."""
        source, value = on or ("x", self.x)
        names = [f"y{len(self.expect) + i}" for i in range(outputs)]
        inputs = [source] + ["" if w is None else self.weight(w) for w in weights]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        if expected is None:
            graph = helper.make_graph([self.nodes[-1]], "g", [self.value(source, value)],
                                      [helper.make_empty_tensor_value_info(n) for n in names], self.weights)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
            expected = ReferenceEvaluator(model).run(None, {source: value})
        for name, array in zip(names, expected):
            self.expect[name] = np.asarray(array)

    def value(self, name, array, batch=False):
        shape = list(array.shape)
        if batch:
            shape[0] = "N"
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    def check(self, *flags, tolerance=1e-4):
        graph = helper.make_graph(self.nodes, self.name, [self.value("x", self.x, self.batch)],
                                  [self.value(n, a, self.batch) for n, a in self.expect.items()], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)
        folder = WORK / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        onnx.save(model, folder / "model.onnx")
        np.save(folder / "x.npy", self.x)
        subprocess.run([COMPILE, folder / "model.onnx", "-o", folder / "model.so", *flags], check=True)
        batch = [f"--batch={len(self.x)}"] if self.batch else []
        subprocess.run([RUN, folder / "model.so", f"--input=x={folder / 'x.npy'}", f"--output={folder / 'out'}", *batch], check=True)
        for name, want in self.expect.items():
            got = np.load(folder / "out" / f"{name}.npy")
            assert got.shape == want.shape and got.dtype == want.dtype, (self.name, name, got.shape, want.shape, got.dtype)
            scale = max(np.abs(want).max(initial=0), 1)
            error = np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0) / scale
            assert error <= tolerance, (self.name, name, self.nodes[int(name[1:])] if len(self.nodes) > int(name[1:]) else "", error)
        print(f"{self.name}: {len(self.expect)} results agree")


def conv_transpose(x, w, bias, strides, dilations, begins, outputs, groups):
    """y[o] += x[i] * w[t] at o = i * stride + t * dilation - begin, as the operator is defined."""
    n, spatial = x.shape[0], x.shape[2:]
    per_group = w.shape[1]
    y = np.zeros((n, groups * per_group, *outputs))
    inputs = x.shape[1] // groups
    for g in range(groups):
        part = x[:, g * inputs:(g + 1) * inputs].astype(np.float64)
        for tap in itertools.product(*map(range, w.shape[2:])):
            terms = np.einsum("nc...,cm->nm...", part, w[(slice(g * inputs, (g + 1) * inputs), slice(None), *tap)])
            for i in itertools.product(*map(range, spatial)):
                o = [a * s + t * d - b for a, s, t, d, b in zip(i, strides, tap, dilations, begins)]
                if all(0 <= p < size for p, size in zip(o, outputs)):
                    y[(slice(None), slice(g * per_group, (g + 1) * per_group), *o)] += terms[(..., *i)]
    return (y + (bias.reshape(1, -1, *[1] * len(spatial)) if bias is not None else 0)).astype(x.dtype)


def add_transposed(model, outputs, kernel, strides=None, dilations=None, pads=None, extra=None, groups=1, bias=True, weight=None, **attributes):
    x, rank = model.x, model.x.ndim - 2
    strides, dilations, extra = strides or [1] * rank, dilations or [1] * rank, extra or [0] * rank
    pads = pads or [0] * 2 * rank
    w = rng.standard_normal((x.shape[1], outputs // groups, *kernel)).astype(x.dtype)
    b = rng.standard_normal(outputs).astype(x.dtype) if bias else None
    full = [s * (n - 1) + e + (k - 1) * d + 1 for s, n, e, k, d in zip(strides, x.shape[2:], extra, kernel, dilations)]
    sizes, begins = [f - pads[d] - pads[rank + d] for d, f in enumerate(full)], pads[:rank]
    if "output_shape" in attributes or "auto_pad" in attributes:
        sizes = attributes.get("output_shape", [n * s for n, s in zip(x.shape[2:], strides)])
        total = [max(f - s, 0) for f, s in zip(full, sizes)]
        begins = [t // 2 if attributes.get("auto_pad") == "SAME_UPPER" else t - t // 2 for t in total]
    elif any(pads):
        attributes["pads"] = pads
    model.add("ConvTranspose", [w] + ([b] if bias else []), [conv_transpose(x, w, b, strides, dilations, begins, sizes, groups)],
              strides=strides, dilations=dilations, output_padding=extra, group=groups, **attributes)


def transposed_convolutions():
    m = Model("transposed", rng.standard_normal((2, 4, 5, 6)).astype(np.float32), batch=True)
    add_transposed(m, 6, [2, 2], [2, 2])                                      # one convolution for all phases
    add_transposed(m, 6, [3, 3], [2, 2], pads=[1, 1, 1, 1], extra=[1, 1])     # one per phase
    add_transposed(m, 6, [3, 3], [2, 2])                                      # the last row and column are cut off
    add_transposed(m, 3, [4, 4], [2, 2], pads=[1, 1, 1, 1], bias=False)
    add_transposed(m, 3, [5, 4], [3, 2], pads=[1, 0, 2, 1])                   # several phases per convolution
    add_transposed(m, 3, [3, 2], [1, 3], dilations=[2, 2])
    add_transposed(m, 3, [3, 3], [4, 2], dilations=[2, 3], pads=[2, 1, 0, 1])
    add_transposed(m, 3, [1, 2], [3, 3])                                      # phases that no tap reaches
    add_transposed(m, 4, [3, 3], [2, 2], groups=4)                            # depthwise
    add_transposed(m, 6, [3, 3], [2, 1], groups=2, pads=[1, 1, 1, 1])
    add_transposed(m, 4, [9, 9], [5, 5], groups=2)                            # phases of a group are merged
    add_transposed(m, 3, [3, 3], [1, 1], pads=[1, 1, 1, 1])
    add_transposed(m, 3, [3, 3], [2, 2], pads=[4, 3, 5, 2])                   # whole rows of the input are not read
    add_transposed(m, 3, [3, 3], [2, 2], output_shape=[10, 12])
    add_transposed(m, 3, [3, 3], [3, 2], auto_pad="SAME_UPPER")
    add_transposed(m, 3, [3, 3], [3, 2], auto_pad="SAME_LOWER")
    add_transposed(m, 3, [2, 2], [2, 2], output_shape=[14, 13])               # larger than all that is reached
    m.check()
    m = Model("transposed1", rng.standard_normal((1, 3, 7)))
    add_transposed(m, 2, [4], [2], pads=[1, 1])
    add_transposed(m, 2, [3], [3], dilations=[2])
    m.check()
    m = Model("transposed3", rng.standard_normal((1, 2, 3, 2, 4)).astype(np.float32), batch=True)
    add_transposed(m, 3, [3, 2, 3], [2, 2, 1], pads=[1, 0, 1, 0, 0, 1])
    m.check()


def convolutions():
    """Of one and three spatial dimensions, and of groups: what kernels compute only after they were rewritten."""
    f32 = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    for shape, kernel in (((2, 8, 9), [3]), ((2, 8, 6, 7), [3, 2]), ((2, 8, 3, 4, 5), [2, 3, 2])):
        m = Model(f"conv{len(kernel)}", f32(*shape), batch=True)
        for groups, outputs in ((1, 5), (2, 6), (4, 40), (8, 8), (8, 16)):
            m.add("Conv", [f32(outputs, 8 // groups, *kernel), f32(outputs)], group=groups)
        m.add("Conv", [f32(3, 8, *kernel)], strides=[2] * len(kernel), pads=[1] * len(kernel) + [2] * len(kernel), dilations=[2] * len(kernel))
        m.add("Conv", [f32(3, 8, *kernel)], strides=[2] * len(kernel), auto_pad="SAME_UPPER")
        m.add("Conv", [f32(3, 8, *kernel)], strides=[2] * len(kernel), auto_pad="SAME_LOWER")
        m.check()


def padded():
    """Padding in front of a window is the window's own where it is zeros, and nowhere else."""
    model = Model("padded", rng.standard_normal((2, 3, 9, 8)).astype(np.float32))
    for mode in "constant", "reflect", "edge", "wrap":
        on = model.pad(mode, [0, 0, 2, 1], [0, 0, 1, 3])
        model.add("Conv", [rng.standard_normal((4, 3, 3, 3)).astype(np.float32)], on=on, pads=[1, 0, 1, 2])
        model.add("AveragePool", on=on, kernel_shape=[2, 2])
    model.check()


def max_pool_with_indices(x, kernel, strides, pads, dilations, column_major=False):
    n, c, h, w = x.shape
    sizes = [(s + pads[d] + pads[2 + d] - (kernel[d] - 1) * dilations[d] - 1) // strides[d] + 1 for d, s in enumerate((h, w))]
    y, at = np.empty((n, c, *sizes), x.dtype), np.empty((n, c, *sizes), np.int64)
    for plane, channel, i, j in itertools.product(range(n), range(c), *map(range, sizes)):
        places = [(i * strides[0] - pads[0] + a * dilations[0], j * strides[1] - pads[1] + b * dilations[1])
                  for a, b in itertools.product(*map(range, kernel))]
        places = [(r, s) for r, s in places if 0 <= r < h and 0 <= s < w]
        best = max(places, key=lambda p: x[(plane, channel, *p)])  # the first of equal ones
        y[plane, channel, i, j] = x[(plane, channel, *best)]
        at[plane, channel, i, j] = (plane * c + channel) * h * w + (best[0] + best[1] * h if column_major else best[0] * w + best[1])
    return y, at


def pools():
    x = rng.integers(-4, 5, (2, 3, 8, 9)).astype(np.float32)  # equal values in most windows
    for dtype in (np.float32, np.float16, np.int8, np.uint8):
        m = Model(f"pool_{np.dtype(dtype).name}", (x + 4 if dtype == np.uint8 else x).astype(dtype), batch=True)
        for kernel, strides, pads, dilations, order in (([2, 2], [2, 2], [0] * 4, [1, 1], 0), ([3, 2], [2, 1], [1, 1, 1, 0], [1, 1], 1),
                                                       ([3, 3], [1, 2], [0, 1, 0, 1], [2, 3], 0)):
            m.add("MaxPool", (), max_pool_with_indices(m.x, kernel, strides, pads, dilations, order == 1), outputs=2, kernel_shape=kernel,
                  strides=strides, pads=pads, dilations=dilations, storage_order=order)
        m.check(tolerance=0)
    m = Model("unpool", x)
    at = rng.permutation(x.size * 4)[:x.size].reshape(x.shape)
    whole = np.zeros(x.size * 4, x.dtype)
    whole[at.ravel()] = x.ravel()
    whole = whole.reshape(2, 3, 16, 18)
    m.add("MaxUnpool", [at], [whole], kernel_shape=[2, 2], strides=[2, 2])
    m.add("MaxUnpool", [at, np.array([2, 3, 17, 20])], [np.pad(whole, ((0, 0), (0, 0), (0, 1), (0, 2)))], kernel_shape=[2, 2], strides=[2, 2])
    m.check(tolerance=0)
    m = Model("pool_lp", x)
    for p in (1, 2, 3):
        m.add("LpPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1], p=p)
        m.add("GlobalLpPool", (), [(np.abs(x.astype(np.float64)) ** p).sum((2, 3), keepdims=True) ** (1 / p)], p=p)
        m.expect[list(m.expect)[-1]] = m.expect[list(m.expect)[-1]].astype(np.float32)
    m.add("AveragePool", kernel_shape=[3, 3], dilations=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    m.check()


def resizes():
    none = np.array([], np.float32)
    m = Model("resize", rng.standard_normal((2, 3, 6, 5)).astype(np.float32), batch=True)
    f32 = lambda *values: np.array(values, np.float32)
    for mode, coordinates in itertools.product(("nearest", "linear", "cubic"),
                                               ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")):
        m.add("Resize", [none, f32(1, 1, 2, 1.6)], mode=mode, coordinate_transformation_mode=coordinates)
        m.add("Resize", [None, f32(1, 1, 0.5, 0.75)], mode=mode, coordinate_transformation_mode=coordinates, exclude_outside=int(mode == "cubic"))
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        m.add("Resize", [None, None, np.array([9, 4])], axes=[2, 3], mode="nearest", nearest_mode=rounding)
    for mode in ("linear", "cubic"):  # wide kernels are loops
        m.add("Resize", [None, f32(0.6, 0.4)], axes=[3, 2], mode=mode, antialias=1)
        m.add("Resize", [None, None, np.array([1, 2])], axes=[2, 3], mode=mode, antialias=1)
    m.add("Resize", [f32(0.2, -0.3, 0.7, 1.1), None, np.array([4, 7])], axes=[2, 3], mode="linear",
          coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=10.0)
    m.add("Resize", [None, None, np.array([12, 7])], axes=[2, 3], mode="nearest", keep_aspect_ratio_policy="not_larger")
    m.add("Resize", [None, None, np.array([12, 7])], axes=[2, 3], mode="linear", keep_aspect_ratio_policy="not_smaller")
    m.check()
    for dtype in (np.float64, np.uint8):
        m = Model(f"resize_{np.dtype(dtype).name}", (rng.random((1, 2, 4, 4)) * 255).astype(dtype))
        m.add("Resize", [None, f32(1, 1, 2, 2)], mode="nearest")
        m.add("Resize", [None, f32(1, 1, 1.5, 2)], mode="linear")
        m.check(tolerance=0.005 if dtype == np.uint8 else 1e-6)  # weights are f32: a half may round the other way


def int8():
    """Quantized: nearest resizing moves bytes, transposed convolutions are integer ones. Both compile and stay near f32."""
    m = Model("int8", rng.standard_normal((1, 8, 6, 6)).astype(np.float32), batch=True)
    add_transposed(m, 8, [3, 3], [2, 2], pads=[1, 1, 1, 1], extra=[1, 1])
    m.add("Resize", [None, np.array([1, 1, 2, 2], np.float32)], mode="nearest")
    m.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    samples = WORK / "samples.npy"
    WORK.mkdir(parents=True, exist_ok=True)
    np.save(samples, m.x)
    m.check("--precision=int8", f"--calibration-data={samples}", tolerance=0.05)


convolutions()
padded()
transposed_convolutions()
pools()
resizes()
int8()
