# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""Every tiling gives the same bytes; what --tune measured is kept, and repeats a compilation."""
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
path = lambda name: os.path.join(FOLDER, name)
ENVIRONMENT = dict(os.environ, XDG_CACHE_HOME=path("cache"))
rng = np.random.default_rng(5)


def tool(name, *flags, status=0):
    p = subprocess.run([os.path.join(BIN, name), *flags], capture_output=True, text=True, env=ENVIRONMENT)
    assert p.returncode == status, (name, flags, p.returncode, p.stderr)
    return p.stdout if not status else p.stderr


# Few input channels, a window of many, a stride, a depthwise window, few output channels, weights that are computed, a product.
weights, nodes = [], []


def conv(x, y, channels, depth, size, **attributes):
    for name, shape in (("w", (channels, depth, size, size)), ("b", (channels,))):
        weights.append(numpy_helper.from_array(rng.uniform(-0.3, 0.3, shape).astype(np.float32), y + name))
    nodes.append(helper.make_node("Conv", [x, y + "w", y + "b"], [y + "c"], pads=[size // 2] * 4, **attributes))
    nodes.append(helper.make_node("Relu", [y + "c"], [y]))


conv("x", "first", 20, 3, 3, strides=[2, 2])
conv("first", "window", 40, 20, 3)
conv("window", "depthwise", 40, 1, 3, group=40)
conv("depthwise", "point", 72, 40, 1)
conv("point", "few", 2, 72, 3)
weights.append(numpy_helper.from_array(rng.uniform(-0.3, 0.3, (2, 2, 3, 3)).astype(np.float32), "shift"))
nodes.append(helper.make_node("ReduceMean", ["few"], ["mean"], axes=[0, 2, 3]))
nodes.append(helper.make_node("Add", ["shift", "mean"], ["computed"]))
nodes.append(helper.make_node("Conv", ["few", "computed"], ["last"], pads=[1, 1, 1, 1]))
nodes.append(helper.make_node("Flatten", ["last"], ["flat"]))
weights.append(numpy_helper.from_array(rng.uniform(-1, 1, (2 * 13 * 11, 50)).astype(np.float32), "m"))
nodes.append(helper.make_node("MatMul", ["flat", "m"], ["y"]))
info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "g", [info("x", [1, 3, 26, 22])], [info("y", [1, 50])], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path("model.onnx"))
np.save(path("x.npy"), rng.uniform(-1, 1, (1, 3, 26, 22)).astype(np.float32))
np.save(path("samples.npy"), rng.uniform(-1, 1, (8, 3, 26, 22)).astype(np.float32))


def result(library, threads=1):
    tool("mpc-run", path(library), f"--input={path('x.npy')}", f"--output={path('out')}", f"--threads={threads}")
    return np.load(os.path.join(path("out"), "y.npy")).tobytes()


for precision, flags in (("f32", []), ("int8", ["--precision=int8", f"--calibration-data={path('samples.npy')}"])):
    compiled = lambda library, *more: tool("mpc-compile", path("model.onnx"), *flags, "-o", path(library), *more)
    compiled("plain.so", "--march=native")
    want = result("plain.so")

    # Each candidate of each contraction, where there are so many.
    tool("mpc-compile", path("model.onnx"), *flags, "--compile-to=linalg", "-o", path("model.mlirbc"))
    seen = set()
    for candidate in (0, 1, 2, 3, 5, 7):
        tool("mpc-opt", path("model.mlirbc"), f"--mpc-linalg-to-llvm=march=native tiling-candidate={candidate}", "--emit-bytecode", "-o", path("one.mlirbc"))
        tool("mpc-compile", path("one.mlirbc"), "--compile-from=llvm", "-o", path("one.so"))
        seen.add(open(path("one.so"), "rb").read())
        assert result("one.so", threads=2) == want, (precision, candidate)
    assert len(seen) > 3, len(seen)

# The cache is made, is complete, and gives the same library without timing; a library for other machines too is tuned for this one alone.
compiled = lambda library, *more: tool("mpc-compile", path("model.onnx"), "--prefix=model", "-o", path(library), *more)
compiled("tuned.so", "--march=native", "--tune")
[cache] = [os.path.join(path("cache"), "mpc", name) for name in os.listdir(path("cache/mpc"))]
first, text = open(path("tuned.so"), "rb").read(), open(cache).read()
rows = json.loads(text)["tilings"]
assert len(rows) >= 5 and all(0 < row["ms"] <= row["default_ms"] for row in rows), rows
compiled("tuned.so", "--march=native", "--tune")
assert open(path("tuned.so"), "rb").read() == first and open(cache).read() == text
compiled("tuned.so", "--march=native", f"--tuning-table={cache}")
assert open(path("tuned.so"), "rb").read() == first
compiled("plain.so", "--march=native")
assert result("tuned.so") == result("plain.so") == result("tuned.so", 2)

# A table of another version says nothing, and is replaced where there is leave to measure.
old = json.loads(text) | {"version": "0.0.0"}
json.dump(old, open(path("table.json"), "w"))
compiled("old.so", "--march=native", f"--tuning-table={path('table.json')}")
assert open(path("old.so"), "rb").read() == open(path("plain.so"), "rb").read()
compiled("old.so", "--march=native", "--tune", f"--tuning-table={path('table.json')}")
assert json.load(open(path("table.json")))["version"] == json.loads(text)["version"]

# What this machine cannot run, it cannot time.
machine = open("/proc/cpuinfo").read()
if "avx512_fp16" not in machine:
    error = tool("mpc-compile", path("model.onnx"), "--march=sapphirerapids", "--tune", "-o", path("foreign.so"), status=1)
    assert "runs none of the instruction sets of --march (sapphirerapids)" in error and len(error.splitlines()) == 1, error
    assert not os.path.exists(path("foreign.so"))
