# REQUIRES: avx2, onnx
# RUN: %python %s mpc-compile mpc-run %t

"""Convolutions by minimal filtering (--fast-math), from ONNX models to results, against sums in f64.

Sizes and channels that are no multiples of a block or of a vector, paddings, epilogues, parts of larger buffers, several samples. The bytes are the same for
any number of threads, any batch, and every instruction set.
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COMPILE, RUN, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
WORK.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)
cpu = open("/proc/cpuinfo").read()
isas = [isa for isa, feature in (("x86-64-v3", "avx2"), ("x86-64-v4", "avx512bw")) if feature in cpu]

x = rng.standard_normal((3, 40, 21, 22)).astype(np.float32)
nodes, weights, expected = [], [], {}


def constant(array):
    weights.append(numpy_helper.from_array(array.astype(np.float32), f"w{len(weights)}"))
    return weights[-1].name


def node(operator, inputs, **attributes):
    nodes.append(helper.make_node(operator, inputs, [f"v{len(nodes)}"], **attributes))
    return nodes[-1].output[0]


def conv(name, value, channels, pads):
    """The name and the value of a convolution with bias."""
    w = rng.standard_normal((channels, value.shape[1], 3, 3)).astype(np.float32) / np.float32(np.sqrt(9 * value.shape[1]))
    bias = rng.standard_normal(channels).astype(np.float32)
    top, left, bottom, right = pads
    padded = np.pad(value.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    h, wide = padded.shape[2] - 2, padded.shape[3] - 2
    sums = sum(np.einsum("nchw,kc->nkhw", padded[:, :, i:i + h, j:j + wide], w[:, :, i, j].astype(np.float64)) for i in range(3) for j in range(3))
    return node("Conv", [name, constant(w), constant(bias)], kernel_shape=[3, 3], pads=pads), sums + bias[:, None, None]


def give(name, value):
    expected[name] = value


relu = lambda value: np.maximum(value, 0)
# Ragged channels and pixels on every side; all of it padding, or none.
name, value = conv("x", x, 56, (1, 1, 1, 1))
give(node("Relu", [name]), relu(value))
give(*conv("x", x, 33, (0, 0, 0, 0)))
give(*conv("x", x, 64, (0, 2, 1, 0)))
# A residual and an activation behind it.
name, value = conv("x", x, 40, (1, 1, 1, 1))
give(node("Relu", [node("Add", [name, "x"])]), relu(value + x))
# An activation whose epilogue is long.
name, value = conv("x", x, 48, (1, 1, 1, 1))
give(node("Mul", [name, node("Sigmoid", [name])]), value / (1 + np.exp(-value)))
# Both write to parts of one buffer, and a third one reads it all.
parts = [conv("x", x, channels, (1, 1, 1, 1)) for channels in (24, 32)]
joined = node("Concat", [name for name, _ in parts], axis=1)
give(*conv(joined, np.concatenate([value for _, value in parts], axis=1), 32, (1, 1, 1, 1)))
count = sum(n.op_type == "Conv" for n in nodes)

info = helper.make_tensor_value_info
graph = helper.make_graph(nodes, "g", [info("x", TensorProto.FLOAT, ["N", *x.shape[1:]])],
                          [info(name, TensorProto.FLOAT, ["N", *value.shape[1:]]) for name, value in expected.items()], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), WORK / "model.onnx")


def compile_model(library, *flags):
    done = subprocess.run([COMPILE, WORK / "model.onnx", f"--march={','.join(isas)}", "--remarks=mpc-select-tiling", *flags, "-o", WORK / library], check=True,
                          capture_output=True, text=True)
    return done.stderr.count("minimal filtering: rows are blocks")


def run(library, samples, isa, threads=1):
    np.save(WORK / "x.npy", samples)
    out = WORK / "out"
    subprocess.run([RUN, WORK / library, f"--input=x={WORK / 'x.npy'}", f"--output={out}", f"--batch={len(samples)}", f"--isa={isa}", f"--threads={threads}"],
                   check=True, stdout=subprocess.DEVNULL)
    return {name: np.load(out / f"{name}.npy") for name in expected}


filtered = compile_model("fast.so", "--fast-math")
assert filtered == count * len(isas), f"{filtered} of {count * len(isas)} convolutions by minimal filtering"
assert compile_model("direct.so") == 0

first = run("fast.so", x, isas[0])
direct = run("direct.so", x, isas[0])
for name, want in expected.items():
    # Each of up to 504 products adds a rounding, of intermediate results that are larger than the sum (docs/Numerics.md).
    size = np.sqrt(np.mean(want**2))
    error = np.abs(first[name] - want).max() / size
    print(f"{name}: {want.shape}, largest error {error:.1e} of the root mean square, direct {np.abs(direct[name] - want).max() / size:.1e}")
    assert error < 1e-4, name
assert any(first[name].tobytes() != direct[name].tobytes() for name in expected)

for isa in isas:
    for threads in (1, 2):
        for name, got in run("fast.so", x, isa, threads).items():
            assert got.tobytes() == first[name].tobytes(), (isa, threads, name)
for sample in range(len(x)):
    for name, got in run("fast.so", x[sample:sample + 1], isas[-1], threads=2).items():
        assert got.tobytes() == first[name][sample:sample + 1].tobytes(), (sample, name)
