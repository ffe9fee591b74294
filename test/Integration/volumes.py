# REQUIRES: onnx, avx2
# RUN: %python %s mpc-compile mpc-run %t

"""Convolutions of three spatial dimensions run on the kernels of pictures: integers bit for bit, f32 near f64, and the same
bytes on every instruction set, with any number of threads, and from the GPU kernels' emulator in integers."""

import itertools
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NEEDS = {"x86-64-v3": "avx2", "x86-64-v4": "avx512bw", "cascadelake": "avx512_vnni", "sapphirerapids-amx": "amx_int8"}
HERE = [isa for isa, feature in NEEDS.items() if feature in set(open("/proc/cpuinfo").read().split())]
COMPILE, RUN, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
rng = np.random.default_rng(3)

# Input, weights, strides, dilations, pads.
CASES = [
    ([2, 8, 5, 6, 7], [20, 8, 3, 3, 3], [1, 1, 1], [1, 1, 1], [1] * 6),
    ([1, 3, 6, 9, 8], [16, 3, 3, 3, 3], [2, 2, 2], [1, 1, 1], [1, 0, 1, 0, 1, 1]),  # taps are gathered
    ([1, 16, 4, 5, 6], [24, 16, 1, 1, 1], [1, 1, 1], [1, 1, 1], [0] * 6),
    ([1, 16, 7, 6, 5], [8, 16, 2, 3, 1], [1, 2, 1], [2, 1, 2], [0, 1, 0, 0, 1, 0]),
    ([3, 16, 1, 9, 9], [17, 16, 1, 3, 3], [1, 1, 1], [1, 1, 1], [0, 1, 1, 0, 1, 1]),
    ([1, 4, 5, 5, 17], [33, 4, 3, 1, 5], [1, 1, 3], [2, 1, 1], [3, 0, 2, 1, 0, 2]),  # whole rows of the window are padding
    ([1, 32, 3, 4, 4], [32, 32, 3, 3, 3], [1, 1, 1], [1, 1, 1], [2] * 6),
]


def conv(x, w, strides, dilations, pads):
    padded = np.pad(x, [(0, 0), (0, 0)] + [(pads[d], pads[3 + d]) for d in range(3)])
    sizes = [(padded.shape[2 + d] - (w.shape[2 + d] - 1) * dilations[d] - 1) // strides[d] + 1 for d in range(3)]
    y = 0
    for tap in itertools.product(*map(range, w.shape[2:])):
        window = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilations, sizes, strides))
        y = y + np.einsum("nc...,oc->no...", padded[(slice(None), slice(None), *window)], w[(slice(None), slice(None), *tap)])
    return y


def build(name, op, x, w, extra, out_type, nodes, initializers, strides, dilations, pads, batch):
    inputs = ["x", "w"] + [i.name for i in extra]
    nodes.insert(0, helper.make_node(op, inputs, ["s" if nodes else "y"], strides=strides, dilations=dilations, pads=pads))
    shape = ["N" if batch else x.shape[0], *x.shape[1:]]
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), shape)],
                              [helper.make_tensor_value_info("y", out_type, None)],
                              [numpy_helper.from_array(w, "w"), *extra, *initializers])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    onnx.save(onnx.shape_inference.infer_shapes(model), folder / "m.onnx")
    np.save(folder / "x.npy", x)
    return folder


def compile_to(folder, *flags):
    subprocess.run([COMPILE, folder / "m.onnx", *flags], check=True)


def run(folder, library, *flags):
    subprocess.run([RUN, folder / library, f"--input=x={folder / 'x.npy'}", f"--output={folder / 'out'}", *flags], check=True,
                   stdout=subprocess.DEVNULL)
    return np.load(folder / "out" / "y.npy")


def batch_flags(batch):
    return [f"--batch={batch}"] if batch > 1 else []


def run_everywhere(folder, batch):
    """The result, which is the same on all instruction sets of this machine and with two threads."""
    compile_to(folder, "-o", folder / "m.so", "--march=x86-64-v3,x86-64-v4,cascadelake,sapphirerapids-amx")
    compile_to(folder, "--compile-to=tiled", "--emit=mlir", "--march=x86-64-v3", "-o", folder / "tiled.mlir")
    assert "kernel.contract" in (folder / "tiled.mlir").read_text(), folder
    flags = batch_flags(batch)
    results = []
    for isa in HERE:
        results.append(run(folder, "m.so", f"--isa={isa}", *flags))
    results.append(run(folder, "m.so", "--threads=2", *flags))
    for result in results:
        assert result.tobytes() == results[0].tobytes(), folder
    return results[0]


for i, (shape, weights, *window) in enumerate(CASES):
    batched = shape[0] > 1
    x = rng.standard_normal(shape).astype(np.float32)
    w = rng.standard_normal(weights).astype(np.float32)
    b = rng.standard_normal(weights[0]).astype(np.float32)
    bias = numpy_helper.from_array(b, "b")
    folder = build(f"f32-{i}", "Conv", x, w, [bias], TensorProto.FLOAT, [helper.make_node("Relu", ["s"], ["y"])], [], *window, batched)
    got = run_everywhere(folder, shape[0])
    want = np.maximum(conv(x.astype(np.float64), w.astype(np.float64), *window) + b.reshape(1, -1, 1, 1, 1), 0)
    assert got.shape == want.shape, (i, got.shape, want.shape)
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max(), (i, np.abs(got - want).max())

    for kind, zero in ((np.uint8, 7), (np.int8, -3)):
        limits = np.iinfo(kind)
        x8 = rng.integers(limits.min, limits.max + 1, shape).astype(kind)
        w8 = rng.integers(-127, 128, weights).astype(np.int8)
        folder = build(f"{np.dtype(kind).name}-{i}", "ConvInteger", x8, w8, [numpy_helper.from_array(np.array(zero, kind), "z")],
                       TensorProto.INT32, [], [], *window, batched)
        want = conv(x8.astype(np.int64) - zero, w8.astype(np.int64), *window)
        got = run_everywhere(folder, shape[0])
        assert got.shape == want.shape and (got == want).all(), (kind, i)
        if i in (0, 1) and kind == np.uint8:  # tensor cores' kernels; taps gathered
            compile_to(folder, "--target=nvvm-emulated", "--chip=sm_90a", "-o", folder / "gpu.so")
            assert (run(folder, "gpu.so", *batch_flags(shape[0])) == want).all(), i
    print(f"{shape} by {weights}: equal")
