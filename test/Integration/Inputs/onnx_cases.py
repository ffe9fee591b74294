"""Nodes with their inputs and expected outputs: one ONNX model, compiled once, run once, compared with NumPy."""

import os
import shutil
import subprocess

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Cases:
    """`batch`: the first dimension of every input and output is the symbolic batch."""

    def __init__(self, opset, batch=False):
        self.opset, self.batch, self.nodes, self.inputs, self.constants, self.expected = opset, batch, [], [], [], []

    def add(self, op, inputs, expected, constants=(), domain="", **attributes):
        """`inputs`: arrays, or None for one that is left out; those at `constants` are initialisers. `expected`: arrays, or None
        for an output that is not asked for."""
        base = f"{op}_{len(self.nodes)}"
        names, outputs = [], []
        for i, array in enumerate(inputs):
            names.append(f"{base}_in{i}" if array is not None else "")
            if array is None:
                continue
            if i in constants:
                self.constants.append(numpy_helper.from_array(np.asarray(array), names[-1]))
            else:
                self.inputs.append((names[-1], np.asarray(array)))
        for i, array in enumerate(expected):
            outputs.append(f"{base}_out{i}" if array is not None else "")
            if array is not None:
                self.expected.append((outputs[-1], np.asarray(array)))
        self.nodes.append(helper.make_node(op, names, outputs, name=base, domain=domain, **attributes))

    @staticmethod
    def type_of(dtype):
        return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def add_chain(self, ops, array, expected, attributes):
        """Operators of one input one after the other, each with its attributes; only the last result is an output."""
        base = f"{ops[0]}_{len(self.nodes)}"
        self.inputs.append((f"{base}_in", array))
        names = [f"{base}_in"] + [f"{base}_mid{i}" for i in range(len(ops) - 1)] + [f"{base}_out0"]
        self.expected.append((names[-1], np.asarray(expected)))
        for i, op in enumerate(ops):
            self.nodes.append(helper.make_node(op, [names[i]], [names[i + 1]], name=f"{base}_{i}", **attributes[i]))

    def model(self):
        def value(name, array):
            shape = (["N"] if self.batch else list(array.shape[:1])) + list(array.shape[1:])
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

        graph = helper.make_graph(self.nodes, "cases", [value(*i) for i in self.inputs], [value(*e) for e in self.expected],
                                  self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def run(self, work, flags=(), rtol=1e-5):
        """How many outputs differ: integers at all, numbers by more than `rtol` of the largest one (1e-3 for f16)."""
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(os.path.join(work, "out"))
        onnx.save(self.model(), os.path.join(work, "model.onnx"))
        subprocess.run(["mpc-compile", os.path.join(work, "model.onnx"), "-o", os.path.join(work, "model.so"), *flags], check=True)
        command = ["mpc-run", os.path.join(work, "model.so"), "--output=" + os.path.join(work, "out")]
        if self.batch:  # all samples at once
            command.append(f"--batch={len(self.inputs[0][1])}")
        for name, array in self.inputs:
            path = os.path.join(work, name + ".npy")
            np.save(path, array)
            command.append(f"--input={name}={path}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        bad = 0
        for name, expected in self.expected:
            bad += not matches(name, np.load(os.path.join(work, "out", name + ".npy")), expected, rtol)
        return bad


def matches(name, got, expected, rtol):
    if got.shape != expected.shape or got.dtype != expected.dtype:
        print(f"{name}: expected {expected.dtype}{list(expected.shape)}, but got {got.dtype}{list(got.shape)}")
        return False
    if np.issubdtype(expected.dtype, np.floating):
        finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
        tolerance = (max(rtol, 1e-3) if rtol and expected.dtype == np.float16 else rtol) * (finite.max() if finite.size else 0)
        same = np.allclose(got, expected, rtol=0, atol=tolerance, equal_nan=True)
    else:
        same = np.array_equal(got, expected)
    if not same:
        print(f"{name}: expected\n{expected}\nbut got\n{got}")
    return same
