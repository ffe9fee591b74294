# REQUIRES: numpy, onnx, avx2
# RUN: %python %s %mpc_obj_root/bin %t

"""Activations of 16 bits: a matrix product's sums are NumPy's, bit for bit, whether they have 32 bits or 64; a network gives the same bytes on every
instruction set; what a calibrator cuts off for 8 bits is not cut off for 16. States that were 0 in all samples stay in f32."""
import json
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
rng = np.random.default_rng(16)
f32 = np.float32
ISAS = {"x86-64-v3": "avx2", "x86-64-v4": "avx512bw", "cascadelake": "avx512_vnni"}
cpu = set(open("/proc/cpuinfo").read().split())
here = [isa for isa, feature in ISAS.items() if feature in cpu]


def tool(name, *flags):
    p = subprocess.run([os.path.join(BIN, name), *flags], capture_output=True, text=True)
    assert p.returncode == 0, (name, flags, p.stderr)
    return p.stdout


def save(name, nodes, inputs, outputs, **weights):
    value = lambda item: helper.make_tensor_value_info(item[0], TensorProto.FLOAT, item[1])
    graph = helper.make_graph(nodes, "g", list(map(value, inputs.items())), list(map(value, outputs.items())),
                              [numpy_helper.from_array(w.astype(f32), n) for n, w in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)


def compiled(model, *flags):
    tool("mpc-compile", model, *flags, f"--march={','.join(ISAS)}", "-o", "model.so")


def outputs(isa=here[-1], **inputs):
    for name, array in inputs.items():
        np.save(name + ".npy", array)
    tool("mpc-run", "model.so", f"--isa={isa}", *(f"--input={name}={name}.npy" for name in inputs), "--output=out")
    return np.load("out/y.npy")


node = helper.make_node
sqnr = lambda want, got: 10 * np.log10(np.sum(want.astype(np.float64) ** 2) / np.sum((want.astype(np.float64) - got) ** 2))

# With the largest weights everywhere 1040 products may leave 32 bits, and do here: the first sample is all ones.
for depth, large in ((64, False), (1040, True), (1040, False)):
    # Weights are exact in their scales, which leaves nothing to round.
    w = np.where(rng.random((depth, 20)) < 0.5, -1, 1) if large else rng.integers(-60, 61, (depth, 20)) / 64
    w[:, 0] = np.abs(w[:, 0])
    w[1] = 1 if large else 127 / 64
    w = w.astype(f32)
    x = rng.uniform(-1, 1, (30, depth)).astype(f32)
    x[0] = 1
    save("matmul.onnx", [node("MatMul", ["x", "w"], ["y"], name="fc")], {"x": ["n", depth]}, {"y": ["n", 20]}, w=w)
    np.save("samples.npy", x)
    compiled("matmul.onnx", "--precision=int16", "--calibration-data=samples.npy")
    sx, sw = f32(np.abs(x).max() / 32767), (np.abs(w).max(0).astype(np.float64) / 127).astype(f32)
    xq, wq = np.rint(x / sx).astype(np.int64), np.clip(np.rint(w / sw), -127, 127).astype(np.int64)
    sums = xq @ wq
    assert (np.abs(sums).max() >= 2**31) == large
    for isa in here:
        got = outputs(isa, x=x)
        assert got.tobytes() == (sums.astype(f32) * (sx * sw)).tobytes(), (depth, isa, np.abs(got - sums.astype(f32) * (sx * sw)).max())

# Windows with padding, an odd number of channels, a depthwise one, a residual; rare inputs that are much larger.
weights = {"w1": rng.normal(0, 0.3, (20, 5, 3, 3)), "b1": rng.normal(0, 0.3, 20), "w2": rng.normal(0, 0.3, (20, 1, 3, 3)), "w3": rng.normal(0, 0.2, (20, 20, 1, 1))}
nodes = [node("Conv", ["x", "w1", "b1"], ["a"], name="first", pads=[1] * 4), node("Relu", ["a"], ["b"]),
         node("Conv", ["b", "w2"], ["c"], name="depthwise", group=20, pads=[1] * 4), node("Add", ["c", "b"], ["d"]),
         node("Conv", ["d", "w3"], ["e"], name="last"), node("GlobalAveragePool", ["e"], ["y"])]
save("net.onnx", nodes, {"x": ["n", 5, 9, 9]}, {"y": ["n", 20, 1, 1]}, **weights)
x = rng.normal(0, 1, (16, 5, 9, 9)).astype(f32)
x[rng.random(x.shape) < 0.0005] *= 60
np.save("samples.npy", x)
compiled("net.onnx", "--precision=f32")
reference = outputs(x=x)
compiled("net.onnx", "--precision=int16", "--calibration-data=samples.npy")
got = [outputs(isa, x=x) for isa in here]
assert all(g.tobytes() == got[0].tobytes() for g in got)
assert sqnr(reference, got[0]) > 38, sqnr(reference, got[0])

# A network with a state, calibrated on first calls, whose state is 0: later ones have another.
recurrent = {"w": rng.normal(0, 0.3, (16, 32)), "r": rng.normal(0, 0.3, (32, 32))}
save("state.onnx", [node("MatMul", ["x", "w"], ["a"], name="input"), node("MatMul", ["h", "r"], ["b"], name="state"), node("Add", ["a", "b"], ["c"]), node("Tanh", ["c"], ["y"])],
     {"x": ["n", 16], "h": ["n", 32]}, {"y": ["n", 32]}, **recurrent)
x, h = rng.normal(0, 1, (24, 16)).astype(f32), rng.uniform(-1, 1, (24, 32)).astype(f32)
np.savez("first.npz", x=x, h=np.zeros_like(h))
compiled("state.onnx", "--precision=f32")
reference = outputs(x=x, h=h)
compiled("state.onnx", "--precision=int8", "--calibration-data=first.npz", "--report=report.json")
groups = {g["name"]: g for g in json.load(open("report.json"))["groups"]}
assert groups["input"]["precision"] == "int8" and groups["state"]["reason"] == "int8 refused: reads what was 0 in all samples", groups
assert sqnr(reference, outputs(x=x, h=h)) > 30
