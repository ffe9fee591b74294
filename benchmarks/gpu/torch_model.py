# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model of ONNX as a module of PyTorch, for torch.compile: the operators of image classifiers and vision transformers.

make.py writes the graph as JSON and the weights as .npz, so that the machine that runs it needs no onnx.
"""

import numpy as np
import torch
import torch.nn.functional as F


def _pairs(pads):
    """ONNX's [begins..., ends...] as F.pad wants them."""
    half = len(pads) // 2
    return [value for axis in reversed(range(half)) for value in (pads[axis], pads[half + axis])]


def _padded(x, attributes, kernel, value=0.0):
    """The input with explicit padding, and what of it the operator can do itself."""
    half = x.dim() - 2
    pads, mode = attributes.get("pads", [0] * (2 * half)), attributes.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        strides, dilations = (attributes.get(name, [1] * half) for name in ("strides", "dilations"))
        sums = [max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size) for size, s, d, k in zip(x.shape[2:], strides, dilations, kernel)]
        less, more = [n // 2 for n in sums], [n - n // 2 for n in sums]
        pads = less + more if mode == "SAME_UPPER" else more + less
    if pads[:half] == pads[half:]:
        return x, pads[:half]
    return F.pad(x, _pairs(pads), value=value), [0] * half


def _conv(a, x, w, b=None):
    x, padding = _padded(x, a, w.shape[2:])
    return F.conv2d(x, w, b, a.get("strides", 1), padding, a.get("dilations", 1), a.get("group", 1))


def _max_pool(a, x):
    x, padding = _padded(x, a, a["kernel_shape"], float("-inf"))
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), padding, ceil_mode=bool(a.get("ceil_mode", 0)))


def _average_pool(a, x):
    x, padding = _padded(x, a, a["kernel_shape"])
    return F.avg_pool2d(x, a["kernel_shape"], a.get("strides", 1), padding, bool(a.get("ceil_mode", 0)), bool(a.get("count_include_pad", 0)))


def _gemm(a, x, w, b=None):
    x, w = x.T if a.get("transA") else x, w.T if a.get("transB") else w
    y = a.get("alpha", 1.0) * (x @ w)
    return y if b is None else y + a.get("beta", 1.0) * b


def _slice(a, x, starts=None, ends=None, axes=None, steps=None):
    starts, ends = (a[key] if value is None else value for key, value in (("starts", starts), ("ends", ends)))
    axes = a.get("axes", range(len(starts))) if axes is None else axes.tolist()
    index = [slice(None)] * x.dim()
    for i, axis in enumerate(axes):
        index[axis] = slice(int(starts[i]), min(int(ends[i]), 2**31), int(steps[i]) if steps is not None else 1)
    return x[tuple(index)]


def _reshape(a, x, shape=None):
    return torch.reshape(x, [x.shape[i] if size == 0 else size for i, size in enumerate(a["shape"] if shape is None else shape.tolist())])


OPERATORS = {
    "Add": lambda a, x, y: x + y, "Sub": lambda a, x, y: x - y, "Mul": lambda a, x, y: x * y, "Div": lambda a, x, y: x / y,
    "Relu": lambda a, x: F.relu(x), "Sigmoid": lambda a, x: torch.sigmoid(x), "Tanh": lambda a, x: torch.tanh(x), "Erf": lambda a, x: torch.erf(x),
    "Sqrt": lambda a, x: torch.sqrt(x), "Pow": lambda a, x, y: torch.pow(x, y), "Gelu": lambda a, x: F.gelu(x),
    "Clip": lambda a, x, low=None, high=None: torch.clamp(x, a.get("min") if low is None else low, a.get("max") if high is None else high),
    "Conv": _conv, "MaxPool": _max_pool, "AveragePool": _average_pool, "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "Gemm": _gemm, "MatMul": lambda a, x, y: x @ y, "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=a.get("epsilon", 1e-5)),
    "LayerNormalization": lambda a, x, s, b=None: F.layer_norm(x, s.shape, s, b, a.get("epsilon", 1e-5)),
    "Reshape": _reshape, "Flatten": lambda a, x: x.flatten(a.get("axis", 1)) if a.get("axis", 1) else x.reshape(1, -1),
    "Transpose": lambda a, x: x.permute(a["perm"]), "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Dropout": lambda a, x, *_: x, "Identity": lambda a, x: x, "Slice": _slice,
    "Squeeze": lambda a, x, axes=None: x.squeeze(tuple((axes if axes is not None else torch.tensor(a["axes"])).tolist())),
    "Unsqueeze": lambda a, x, axes=None: x[tuple(None if i in (axes.tolist() if axes is not None else a["axes"]) else slice(None)
                                                for i in range(x.dim() + len(axes if axes is not None else a["axes"])))],
    "ReduceMean": lambda a, x, axes=None: x.mean(tuple(axes.tolist() if axes is not None else a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Gather": lambda a, x, i: torch.index_select(x, a.get("axis", 0), i.reshape(-1).to(x.device)).reshape(
        (*x.shape[:a.get("axis", 0)], *i.shape, *x.shape[a.get("axis", 0) + 1:])),
    "LogSoftmax": lambda a, x: torch.log_softmax(x, a.get("axis", -1)), "Shape": lambda a, x: torch.tensor(x.shape),
    "ConstantOfShape": lambda a, shape: torch.full(shape.tolist(), a.get("value", 0.0)),
    "Expand": lambda a, x, shape: x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist()))),
}


class Graph(torch.nn.Module):
    """graph: {"inputs": [...], "outputs": [...], "nodes": [{"op", "inputs", "outputs", "attributes"}]}; weights by name, floats in f16."""

    def __init__(self, graph, weights):
        super().__init__()
        unknown = sorted({node["op"] for node in graph["nodes"]} - OPERATORS.keys())
        if unknown:
            raise NotImplementedError("torch_model.py lacks " + ", ".join(unknown))
        self.graph, self.constants = graph, {}
        for i, (name, value) in enumerate(weights.items()):
            tensor = torch.from_numpy(np.array(value, order="C"))
            if tensor.is_floating_point():  # sizes, axes and their like stay on the host
                self.register_buffer(f"w{i}", tensor.half())
                self.constants[name] = f"w{i}"
            else:
                self.constants[name] = tensor

    def forward(self, *inputs):
        values = dict(zip(self.graph["inputs"], inputs))

        def value(name):
            if not name:
                return None
            if name in values:
                return values[name]
            constant = self.constants[name]
            return getattr(self, constant) if isinstance(constant, str) else constant

        for node in self.graph["nodes"]:
            values[node["outputs"][0]] = OPERATORS[node["op"]](node["attributes"], *map(value, node["inputs"]))
        return tuple(values[name] for name in self.graph["outputs"])
