# REQUIRES: numpy, onnx, avx512
# RUN: %python %s mpc-compile mpc-run %t

"""Functions that are rounded to bytes: code that estimates them first gives the bytes of code that does not.

AVX2 code computes every function as it is, AVX-512 code only where an estimate is too near to the middle between two bytes
(mpc-estimate-rounding). The arguments are spread over all magnitudes, and crowd where the result changes; infinities and NaN are
among them.
"""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COMPILE, RUN, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
rng = np.random.default_rng(5)

# How each function is written in ONNX; NAME stands for the output.
FUNCTIONS = {
    "silu": [("Sigmoid", ["x"], "s"), ("Mul", ["x", "s"], "NAME")],
    "sigmoid": [("Sigmoid", ["x"], "NAME")],
    "tanh": [("Tanh", ["x"], "NAME")],
    "gelu": [("Gelu", ["x"], "NAME")],
    "mish": [("Mish", ["x"], "NAME")],
    "softplus": [("Softplus", ["x"], "NAME")],
    "residual": [("Sigmoid", ["x"], "s"), ("Mul", ["x", "s"], "m"), ("Add", ["m", "r"], "NAME")],
}


def silu(x):
    with np.errstate(over="ignore"):
        return x / (1 + np.exp(-x))


REFERENCE = {
    "silu": silu,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "residual": silu,
}


def crossings(function, scale):
    """Arguments next to which the quotient by `scale` passes the middle between two integers, and their neighbours in f32."""
    x = np.linspace(-20, 20, 200001)
    y = function(x) / scale - 0.5
    at = np.flatnonzero(np.floor(y[1:]) != np.floor(y[:-1]))
    low, high, sides = x[at], x[at + 1], np.floor(y[at])
    for _ in range(60):
        middle = (low + high) / 2
        same = np.floor(function(middle) / scale - 0.5) == sides
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    bits = low.astype(np.float32).view(np.int32)
    return (bits[:, None] + np.arange(-40, 41)).ravel().astype(np.int32).view(np.float32)


def arguments(name, scales):
    parts = [np.ldexp(rng.standard_normal(20000), rng.integers(-20, 24, 20000)), rng.uniform(-20, 20, 100000)]
    parts += [crossings(REFERENCE[name], s) for s in scales if name in REFERENCE]
    special = [np.inf, -np.inf, np.nan, 0.0, -0.0, 3e38, -3e38, 1e-40]
    # Special ones stand alone in a vector, too.
    x = np.concatenate([np.asarray(p, np.float32) for p in parts] + [np.repeat(np.float32(special), 16)])
    return x[: len(x) // 16 * 16]


def check(name, scales):
    x = arguments(name, scales)
    nodes, inputs, weights, outputs = [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(x)])], [], []
    feeds = {"x": x}
    if name == "residual":
        feeds["r"] = rng.uniform(-4, 4, len(x)).astype(np.float32)
        inputs.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, [len(x)]))
    for i, scale in enumerate(scales):
        for op, operands, result in FUNCTIONS[name]:
            rename = lambda n: n if n in ("x", "r") else f"{n}{i}"
            nodes.append(helper.make_node(op, [rename(o) for o in operands], [rename(result)]))
        weights += [numpy_helper.from_array(np.float32(scale), f"scale{i}"), numpy_helper.from_array(np.uint8(7 * i), f"zero{i}")]
        nodes.append(helper.make_node("QuantizeLinear", [f"NAME{i}", f"scale{i}", f"zero{i}"], [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.UINT8, [len(x)]))
    model = helper.make_model(helper.make_graph(nodes, name, inputs, outputs, weights),
                              opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    folder = WORK / name
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    subprocess.run([COMPILE, folder / "model.onnx", "-o", folder / "model.so", "--march=x86-64-v3,x86-64-v4"], check=True)
    command = [RUN, folder / "model.so"]
    for key, value in feeds.items():
        np.save(folder / f"{key}.npy", value)
        command.append(f"--input={key}={folder / key}.npy")
    for isa in ("x86-64-v3", "x86-64-v4"):
        subprocess.run([*command, f"--isa={isa}", f"--output={folder / isa}"], check=True, stdout=subprocess.DEVNULL)
    for i, scale in enumerate(scales):
        want, got = (np.load(folder / isa / f"y{i}.npy") for isa in ("x86-64-v3", "x86-64-v4"))
        differ = np.flatnonzero(want != got)
        assert not len(differ), (name, scale, len(differ), x[differ[:5]], want[differ[:5]], got[differ[:5]])
        # The bytes are those of the function, too.
        if name in REFERENCE and name != "residual":
            exact = np.clip(np.rint(REFERENCE[name](x.astype(np.float64)) / np.float32(scale)) + 7 * i, 0, 255)
            assert np.abs(exact - want)[np.isfinite(x)].max() <= 1, (name, scale)
    print(f"{name}: {len(x)} arguments, {len(scales)} scales")


shutil.rmtree(WORK, ignore_errors=True)
for name in FUNCTIONS:
    check(name, [1 / 255, 0.0078] if name in ("sigmoid", "tanh") else [0.0213, 0.1, 0.258045495])
