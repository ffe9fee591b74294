# REQUIRES: numpy, onnx, avx2
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %t

"""Results that are written past the caches (mpc-select-streams) are those that are not, byte for byte: blocks with a rest, results at
addresses that are not aligned and over their own inputs, sizes that are known at run time only, one and two threads.

The description of the target is given a cache of a few bytes, so that small tensors leave it."""

import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

import mpc

WORK = pathlib.Path(sys.argv[1])
WORK.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(5)


def build(name, operator, element, shape, l3_bytes=16, **attributes):
    """The library as ever, and one that streams."""
    values = [helper.make_tensor_value_info(n, element, shape) for n in "xy"]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **attributes)], name, values[:1], values[1:])
    model = WORK / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), model)
    tiled = WORK / f"{name}.tiled.mlir"
    mpc.compile(model, output=WORK / f"{name}.so")
    mpc.compile(model, output=tiled, compile_to="tiled")
    tiled.write_text(re.sub(r'"l3_bytes" = \d+', f'"l3_bytes" = {l3_bytes}', tiled.read_text()))
    lowered = WORK / f"{name}.bufferized.mlir"
    mpc.compile(tiled, output=lowered, compile_from="tiled", compile_to="bufferized")
    assert "nontemporal" in lowered.read_text(), name
    mpc.compile(lowered, output=WORK / f"{name}-streams.so", compile_from="bufferized")
    return [WORK / f"{name}.so", WORK / f"{name}-streams.so"]


def place(array, shift):
    """A copy, so many elements from an aligned address, with its surroundings."""
    room = np.zeros(array.size + 64 + 4096, array.dtype)
    start = -room.ctypes.data % 4096 // array.itemsize + shift
    part = room[start:start + array.size]
    part[:] = array.ravel()
    return room, part.reshape(array.shape)


def check(libraries, x, in_place=False):
    for threads in (1, 2):
        plain, streams = (mpc.load(library, threads=threads) for library in libraries)
        expected = plain.run({"x": x})["y"]
        for shift in (0, 1, 4, 7, 16):
            room, y = place(x if in_place else np.zeros_like(expected), shift)
            before, after = room[:y.ctypes.data // y.itemsize - room.ctypes.data // room.itemsize].copy(), room[-8:].copy()
            streams.run({"x": y if in_place else x}, out={"y": y})
            assert y.tobytes() == expected.tobytes(), (libraries[1], shift, threads, np.flatnonzero(y.ravel() != expected.ravel())[:9])
            assert (room[:before.size] == before).all() and (room[-8:] == after).all(), (libraries[1], shift)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


check(build("rows", "Softmax", TensorProto.FLOAT, [7, 192], axis=-1), normal(7, 192))
check(build("whole-rows", "Softmax", TensorProto.FLOAT, [9, 128], axis=-1), normal(9, 128))
check(build("blocks", "Gelu", TensorProto.FLOAT, [3, 3000]), normal(3, 3000))
check(build("one-left", "Neg", TensorProto.FLOAT, [4097]), normal(4097), in_place=True)
check(build("halves", "Relu", TensorProto.FLOAT16, [5, 900]), normal(5, 900).astype(np.float16), in_place=True)
# 64 KiB and more are streamed.
libraries = build("any", "Gelu", TensorProto.FLOAT, ["N", 4096], l3_bytes=16384)
for batch in (1, 4, 5):
    check(libraries, normal(batch, 4096))
