# REQUIRES: numpy, onnx
# RUN: env PYTHONPATH=%mpc_src_root/python %python %s %mpc_obj_root/bin %t

"""MPC_HUGE_WEIGHTS=1 reads a copy of the weights and changes no result; contexts that come and go share it."""
import gc
import os
import shutil
import subprocess
import sys

import numpy as np
import mpc
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN, FOLDER = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
path = lambda name: os.path.join(FOLDER, name)
rng = np.random.default_rng(3)
info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
weights = [numpy_helper.from_array(rng.uniform(-1, 1, (1024, 640)).astype(np.float32), "w")]
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [info("x", [2, 1024])], [info("y", [2, 640])], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path("model.onnx"))
np.save(path("x.npy"), rng.uniform(-1, 1, (2, 1024)).astype(np.float32))
subprocess.run([os.path.join(BIN, "mpc-compile"), path("model.onnx"), "-o", path("model.so")], check=True)
results = []
for wish in "01":
    command = [os.path.join(BIN, "mpc-run"), path("model.so"), f"--input={path('x.npy')}", f"--output={path('out')}"]
    subprocess.run(command, check=True, env=dict(os.environ, MPC_HUGE_WEIGHTS=wish))
    results.append(np.load(os.path.join(path("out"), "y.npy")).tobytes())
assert results[0] == results[1]


# The copy exists once for all contexts, and goes with the last of them.
def data_kib():
    gc.collect()
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1])


os.environ["MPC_HUGE_WEIGHTS"] = "1"
x = np.load(path("x.npy"))
first = mpc.load(path("model.so"), threads=1)
before = data_kib()
models = [mpc.load(path("model.so"), threads=1) for _ in range(8)]
assert data_kib() - before < 4096, (before, data_kib())
for _ in range(3):
    del first, models[1:]
    assert models[0].run([x])["y"].tobytes() == results[0]
    first, models = mpc.load(path("model.so"), threads=1), models + [mpc.load(path("model.so"), threads=1)]
del first, models
again = mpc.load(path("model.so"), threads=1)
assert again.run([x])["y"].tobytes() == results[0]
