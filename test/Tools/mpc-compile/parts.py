# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""A model with much code is compiled in parts: they find each other, and threads do not change a byte."""
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

BIN, FOLDER = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
path = lambda name: os.path.join(FOLDER, name)


def tool(name, *flags):
    p = subprocess.run([os.path.join(BIN, name), *flags], capture_output=True)
    assert p.returncode == 0, (name, flags, p.stderr)
    return p.stdout


# Convolutions of as many shapes: none shares its kernel with another one.
rng = np.random.default_rng(0)
nodes, weights, channels = [], [], [3] + [16 + 7 * i for i in range(24)]
for i, (inner, outer) in enumerate(zip(channels, channels[1:])):
    w = (rng.standard_normal((outer, inner, 3, 3)) / np.sqrt(9 * inner)).astype(np.float32)
    weights.append(numpy_helper.from_array(w, f"w{i}"))
    nodes.append(helper.make_node("Conv", [f"t{i}", f"w{i}"], [f"t{i + 1}"], name=f"conv{i}", pads=[1, 1, 1, 1]))
last = f"t{len(nodes)}"
graph = helper.make_graph(nodes, "deep", [helper.make_tensor_value_info("t0", TensorProto.FLOAT, [1, 3, 9, 7])],
                          [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, channels[-1], 9, 7])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, path("deep.onnx"))

# In IR for people a variant is one module; in objects, kernels that several parts use carry the variant's name.
march = "--march=x86-64-v3"
assert tool("mpc-compile", path("deep.onnx"), march, "--emit=llvm-ir", "-o", "-").count(b"\nsource_filename") == 1
tool("mpc-compile", path("deep.onnx"), march, "--emit=object", "-o", path("deep.o"))
shared = open(path("deep.o"), "rb").read().count(b"\0mpc_main_x86_64_v3_conv")
assert 0 < shared < len(nodes), shared

# The same bytes, and the right values.
libraries = []
for jobs in ("1", "2"):
    os.makedirs(path(jobs))
    library = os.path.join(path(jobs), "deep.so")
    tool("mpc-compile", path("deep.onnx"), march, f"--jobs={jobs}", "-o", library)
    libraries.append(open(library, "rb").read())
assert libraries[0] == libraries[1]
x = rng.standard_normal((1, 3, 9, 7)).astype(np.float32)
np.save(path("x.npy"), x)
np.save(path("y.npy"), ReferenceEvaluator(model).run(None, {"t0": x})[0])
tool("mpc-run", library, f"--input={path('x.npy')}", f"--expected={path('y.npy')}", "--rtol=1e-4", "--atol=1e-4")
