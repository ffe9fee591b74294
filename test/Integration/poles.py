# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""In int8, what is not finite at 0 reads no small numbers that were rounded to 0: of data movement the reference's bytes, of sums the same numbers but for their noise."""
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
random = np.random.default_rng(7)


def tool(name, *arguments):
    p = subprocess.run([os.path.join(BIN, name), *arguments], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr


# Each is read by a convolution too, for which it would be bytes.
x = random.uniform(0.5, 1, (1, 4, 8, 8)) * random.choice([-1, 1], (1, 4, 8, 8))
x[0, :, ::2] *= 1e-4
arrays = {"x": x.astype(np.float32), "y": np.sign(x).astype(np.float32) * random.uniform(0.5, 1, x.shape).astype(np.float32)}
os.mkdir("samples")
np.savez("samples/0.npz", **arrays)
nodes = [
    helper.make_node("MaxPool", ["x"], ["moved"], kernel_shape=[1, 1], strides=[2, 1]),
    helper.make_node("Conv", ["moved", "w"], ["read"]),
    helper.make_node("Reciprocal", ["moved"], ["reciprocal"]),
    helper.make_node("Abs", ["moved"], ["size"]),
    helper.make_node("Log", ["size"], ["logarithm"]),
    helper.make_node("Conv", ["y", "small"], ["sums"]),
    helper.make_node("Conv", ["sums", "w"], ["again"]),
    helper.make_node("Div", ["one", "sums"], ["quotient"]),
]
outputs = ["read", "reciprocal", "logarithm", "again", "quotient"]
# Sums of one channel are far smaller than those of the others.
weights = {"w": np.eye(4)[::-1], "small": np.diag([1, 1e-4, -1, 1]), "one": np.ones(1)}
weights = {name: np.float32(value).reshape((4, 4, 1, 1) if value.ndim > 1 else 1) for name, value in weights.items()}
graph = helper.make_graph(nodes, "poles", [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in arrays],
                          [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
                          [numpy_helper.from_array(value, name) for name, value in weights.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "poles.onnx")
results = {}
for precision, flags in (("f32", []), ("int8", ["--calibration-data=samples"]), ("int16", ["--calibration-data=samples"])):
    tool("mpc-compile", "poles.onnx", f"--precision={precision}", *flags, "--march=x86-64-v3", "-o", "model.so")
    tool("mpc-run", "model.so", "--input=samples/0.npz", "--output=out")
    results[precision] = {name: np.load(f"out/{name}.npy") for name in outputs}
for precision in ("int8", "int16"):
    got, want = results[precision], results["f32"]
    for name in ("reciprocal", "logarithm"):
        assert got[name].tobytes() == want[name].tobytes(), (precision, name)
    # Noise of bytes, relative to each.
    assert (np.abs(got["quotient"] / want["quotient"] - 1) < 0.02).all(), precision
    assert np.isfinite(got["read"]).all() and got["read"].tobytes() != want["read"].tobytes(), precision
