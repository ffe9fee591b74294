# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""An LSTM whose gates read sums far beyond where they saturate, in int8: its inputs' product stays in f32, in one step and in a loop."""
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN, FOLDER = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
os.chdir(FOLDER)
random = np.random.RandomState(3)
hidden, features = 32, 64

# The smallest features have the largest weights.
size = np.where(np.arange(features) % 8 == 0, 0.1, 10)
weights = {"w": random.normal(0, 0.6, (1, 4 * hidden, features)) * np.where(size < 1, 30, 1), "r": random.normal(0, 0.3, (1, 4 * hidden, hidden))}


def tool(name, *arguments):
    p = subprocess.run([os.path.join(BIN, name), *arguments], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr


for steps in (1, 20):
    graph = helper.make_graph([helper.make_node("LSTM", ["x", "w", "r"], ["y"], name="cell", hidden_size=hidden)], "gates",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 1, features])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), "gates.onnx")
    samples = (random.rand(48, steps, 1, features) * size).astype(np.float32)
    os.makedirs(f"samples{steps}")
    for i, sample in enumerate(samples[:32]):
        np.save(f"samples{steps}/{i:02}.npy", sample)
    results = {}
    for precision in ("f32", "int8"):
        flags = [f"--calibration-data=samples{steps}"] if precision == "int8" else []
        tool("mpc-compile", "gates.onnx", f"--precision={precision}", *flags, "--march=x86-64-v3", "-o", "model.so")
        results[precision] = []
        for sample in samples[32:]:
            np.save("x.npy", sample)
            tool("mpc-run", "model.so", "--input=x.npy", "--output=out")
            results[precision].append(np.load("out/y.npy").astype(np.float64))
    want, got = np.array(results["f32"]), np.array(results["int8"])
    noise = np.sum((want - got) ** 2) / np.sum(want ** 2)
    print(f"{steps} steps: noise {noise:.1e}")
    assert noise < 3e-4, noise
