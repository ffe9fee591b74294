# REQUIRES: numpy, onnx, avx2
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %t

"""A few rows by weights that no second-level cache of a CPU description holds: tall tiles that fetch weights ahead, beyond the last of them as well,
rows that no number of tiles divides, rows side by side, half of a last panel. Sums keep their order, so that all instruction sets give the same bytes."""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import mpc

WORK = pathlib.Path(sys.argv[1])
WORK.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def info(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def check(depth, columns, *heights):
    """A model with an input of each height, by the same weights."""
    w, b = normal(depth, columns), normal(columns)
    nodes, inputs, outputs = [], [], []
    for m in heights:
        nodes += [helper.make_node("MatMul", [f"x{m}", "w"], [f"p{m}"]), helper.make_node("Add", [f"p{m}", "b"], [f"s{m}"]),
                  helper.make_node("Relu", [f"s{m}"], [f"y{m}"])]
        inputs.append(info(f"x{m}", [m, depth]))
        outputs.append(info(f"y{m}", [m, columns]))
    constants = [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")]
    model = WORK / f"{depth}x{columns}.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, constants), opset_imports=[helper.make_opsetid("", 20)], ir_version=9), model)
    library = WORK / f"{depth}x{columns}.so"
    mpc.compile(model, output=library, march="x86-64-v3,x86-64-v4,sapphirerapids")
    x = {f"x{m}": normal(m, depth) for m in heights}
    first = mpc.load(library, isa="x86-64-v3", threads=1).run(x)
    for m in heights:
        exact = np.maximum(x[f"x{m}"].astype(np.float64) @ w + b, 0)
        bound = depth * 2.0**-23 * (np.abs(x[f"x{m}"]).astype(np.float64) @ np.abs(w) + np.abs(b))
        assert (np.abs(first[f"y{m}"] - exact) <= bound).all(), (m, depth)
    for isa in mpc.load(library).isas:
        for threads in (1, 2):
            results = mpc.load(library, isa=isa, threads=threads).run(x)
            for m in heights:
                assert results[f"y{m}"].tobytes() == first[f"y{m}"].tobytes(), (isa, threads, m, depth)


# 4 KiB apart, and not; of 520 channels the last panel has eight, of 500 four.
check(1024, 520, 8, 9, 12, 14, 16, 21, 32)
check(1100, 500, 7, 10, 12, 13, 20)
