# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Weights of 8 and 4 bits, end to end.

The integers and scales that the compiler chose are read from the IR, turned into f32 weights by NumPy and put back into the model. An f32
library of that model gives the same bytes as the library with weights in blocks, on every instruction set of this machine: dequantizing is exact.
"""

import argparse
import json
import os
import re
import shutil
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

f32 = np.float32
rng = np.random.default_rng(11)


def make_model(weights, path):
    """A 3x3 convolution of 72 products, one of 5x5 with many channels, and two matrix products; sizes that leave ragged blocks and panels."""
    nodes = [helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
             helper.make_node("Relu", ["c1"], ["r1"]),
             helper.make_node("Conv", ["r1", "w2"], ["c2"], name="conv2", strides=[2, 2]),
             helper.make_node("GlobalAveragePool", ["c2"], ["p"], name="pool"),
             helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("Gemm", ["f", "w3", "b3"], ["h"], name="fc1", transB=1),
             helper.make_node("Tanh", ["h"], ["t"]),
             helper.make_node("MatMul", ["t", "w4"], ["y"], name="fc2")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8, 9, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 300])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Unsupported(Exception):
    """The machine, or its system, does not have the instruction set."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if "cannot run instruction set" in done.stderr:
        raise Unsupported
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


# -- the IR ---------------------------------------------------------------------

def read_constant(text, name):
    """The mpc.constant %name, as the bytes that it stores."""
    value, shape, element = re.search(rf"%{name} = mpc\.constant (dense\S*<.*?>) : tensor<((?:\d+x)*)(\w+)> ->", text).groups()
    shape = [int(size) for size in shape.split("x")[:-1]]
    dtype = {"ui4": np.uint8, "ui8": np.uint8, "bf16": np.uint16, "f32": f32}[element]
    if resource := re.fullmatch(r"dense_resource<(\S+)>", value):
        data = bytes.fromhex(re.search(rf'\b{resource[1]}: "0x([0-9A-F]+)"', text)[1])[4:]
        return np.frombuffer(data, dtype).reshape(shape)
    words = re.findall(r"[-+.\w]+", value[len("dense"):])
    assert len(words) == np.prod(shape), value
    return np.array([float(word) for word in words], dtype).reshape(shape)


def dequantize(text, group):
    """The weights of a group, as mpc.dequantize_blocks defines them."""
    start = re.search(rf'mpc\.group "{group}" ins\((.*?) : .*?\n(.*?)mpc\.yield', text, re.S)
    outer = dict(re.findall(r"%(\w+) = %(\w+)", start[1]))
    op = re.search(r"mpc\.dequantize_blocks %(\w+), %(\w+) (?:zero_points\(%(\w+)\) )?(?:table\(%(\w+)\) )?"
                   r"\{axis = (\d+) : i64, block = (\d+) : i64\} : \(tensor<\w+?x(ui[48])>", start[2])
    values, scales, zeros, table = [name and read_constant(text, outer[name]) for name in op.groups()[:4]]
    axis, block, bits = int(op[5]), int(op[6]), int(op[7][2:])
    scales = (scales.astype(np.uint32) << 16).view(f32)
    assert np.all(scales > 0) and np.all(values < 2**bits)
    rows = np.moveaxis(values, axis, 0)
    q = rows.reshape(rows.shape[0], -1)
    at = np.arange(q.shape[1]) // block
    assert scales.shape == (q.shape[0], at[-1] + 1)
    if table is not None:
        levels = table[q]
    else:
        levels = (q.astype(int) - (2**(bits - 1) if zeros is None else zeros.astype(int)[:, at])).astype(f32)
    weights = levels * scales[:, at]
    assert weights.dtype == f32
    return np.moveaxis(weights.reshape(rows.shape), 0, axis), len(np.unique(values))


# -- the test -------------------------------------------------------------------

def outputs(library, x, isa, *flags):
    folder = f"{library}.{isa}"
    run("mpc-run", library, f"--input=x={x}", f"--output={folder}", f"--isa={isa}", *flags)
    return np.load(f"{folder}/y.npy")


def check_thin(work, isas):
    """A known number of rows chooses the tile: all of up to 6, else 16 that are copied side by side, and what is left of them."""
    shapes = [(1, 1), (1, 4), (6,), (8,), (16,), (2, 10), (33,)]

    def make(weights, path):
        nodes = [helper.make_node("MatMul", [f"x{i}", "w"], [f"y{i}"], name=f"product{i}") for i in range(len(shapes))]
        values = [[helper.make_tensor_value_info(f"{name}{i}", TensorProto.FLOAT, [*shape, size]) for i, shape in enumerate(shapes)]
                  for name, size in (("x", 70), ("y", 40))]
        graph = helper.make_graph(nodes, "g", *values, [numpy_helper.from_array(weights, "w")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)

    weights = rng.standard_normal((70, 40)).astype(f32)
    inputs = []
    for i, shape in enumerate(shapes):
        np.save(f"{work}/x{i}.npy", rng.standard_normal((*shape, 70)).astype(f32))
        inputs.append(f"--input=x{i}={work}/x{i}.npy")

    def outputs(library, isa, threads=1):
        run("mpc-run", library, *inputs, f"--output={library}.out", f"--isa={isa}", f"--threads={threads}")
        return [np.load(f"{library}.out/y{i}.npy").tobytes() for i in range(len(shapes))]

    for name, *flags in (("w4",), ("w4", "--weight-scheme=codebook"), ("w8", "--weight-block=channel")):
        make(weights, f"{work}/thin.onnx")
        run("mpc-compile", f"{work}/thin.onnx", f"--precision={name}", *flags, "-o", f"{work}/thin.so")
        run("mpc-compile", f"{work}/thin.onnx", f"--precision={name}", *flags, "--compile-to=quantized", "-o", f"{work}/thin.mlir")
        numbers, _ = dequantize(open(f"{work}/thin.mlir").read(), "product0")
        make(numbers if numbers.shape == weights.shape else np.ascontiguousarray(numbers.T), f"{work}/thin-f32.onnx")
        run("mpc-compile", f"{work}/thin-f32.onnx", "-o", f"{work}/thin-f32.so")
        expected = outputs(f"{work}/thin-f32.so", isas[0])
        for isa in isas:
            assert outputs(f"{work}/thin.so", isa) == expected, (name, flags, isa)
        assert outputs(f"{work}/thin.so", isas[-1], threads=2) == expected, (name, flags)


def check_tiles(work, isas):
    """In tile registers (AMX) numbers are sums of bf16 ones: near float64, by far more than one of their pieces is large. Infinities and NaN go where they go
    elsewhere, samples do not depend on each other, nor results on threads."""
    shapes = [(16,), (33,), ("n", 20)]
    tiles = "sapphirerapids-amx"

    def make(weights, path):
        nodes = [helper.make_node("MatMul", [f"x{i}", "w"], [f"p{i}"], name=f"product{i}") for i in range(len(shapes))]
        nodes += [helper.make_node("Add", [f"p{i}", "b"], [f"y{i}"], name=f"sum{i}") for i in range(len(shapes))]
        values = [[helper.make_tensor_value_info(f"{name}{i}", TensorProto.FLOAT, [*shape, size]) for i, shape in enumerate(shapes)]
                  for name, size in (("x", weights.shape[0]), ("y", weights.shape[1]))]
        graph = helper.make_graph(nodes, "g", *values, [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)

    def outputs(isa, inputs, *flags):
        for i, x in enumerate(inputs):
            np.save(f"{work}/x{i}.npy", x)
        run("mpc-run", f"{work}/tiles.so", *(f"--input=x{i}={work}/x{i}.npy" for i in range(len(shapes))), f"--output={work}/tiles.out", f"--isa={isa}",
            f"--batch={len(inputs[2])}", *flags)
        return [np.load(f"{work}/tiles.out/y{i}.npy") for i in range(len(shapes))]

    bias = rng.standard_normal(200).astype(f32)
    for depth, kind, *flags in ((288, "f32", "--precision=w4"), (320, "f32", "--precision=w4", "--weight-scheme=symmetric", "--weight-block=64"),
                                (416, "f32", "--precision=w8", "--weight-block=channel"), (384, "f32", "--precision=w8", "--weight-block=128"),
                                (288, "f16", "--precision=w4"), (256, "bf16", "--precision=w8")):
        # Some blocks are far from 0, and a channel is 0.
        weights = rng.standard_normal((depth, 200)).astype(f32)
        weights[:32, 5] += 9
        weights[:, 40] = 0
        make(weights, f"{work}/tiles.onnx")
        flags = [f"{work}/tiles.onnx", *flags, f"--activation-type={kind}", f"--march={isas[-1]},{tiles}"]
        run("mpc-compile", *flags, "-o", f"{work}/tiles.so")
        run("mpc-compile", *flags, "--compile-to=quantized", "-o", f"{work}/tiles.mlir")
        run("mpc-compile", *flags, "--compile-to=tiled", "-o", f"{work}/tiled.mlir")
        assert open(f"{work}/tiled.mlir").read().count("intrinsic = tdpbf16ps") == len(shapes), (kind, flags)
        numbers = dequantize(open(f"{work}/tiles.mlir").read(), "product0")[0].astype(float)
        numbers = numbers if numbers.shape == weights.shape else numbers.T
        inputs = [rng.standard_normal((3 if shape[0] == "n" else shape[0], *shape[1:], depth)).astype(f32) for shape in shapes]
        try:
            found, elsewhere = outputs(tiles, inputs), outputs(isas[-1], inputs)
        except Unsupported:
            continue
        for x, y, other in zip(inputs, found, elsewhere):
            if kind == "f32":
                assert np.all(np.abs(y - (x.astype(float) @ numbers + bias)) <= 2.0**-20 * (np.abs(x) @ np.abs(numbers) + 1)), flags
                assert np.all(y[..., 40] == bias[40])
            else: # One step of the type in which results are stored.
                assert np.all(np.abs(y - other) <= 2.0**(-10 if kind == "f16" else -7) * np.abs(other) + 2.0**-20 * (np.abs(x) @ np.abs(numbers))), flags
        assert all(np.array_equal(a, b) for a, b in zip(found, outputs(tiles, inputs, "--threads=2"))), flags
        single = outputs(tiles, [*inputs[:2], inputs[2][1:2]])
        assert np.array_equal(single[2], found[2][1:2]), flags
        for row, value in enumerate((np.inf, -np.inf, np.nan, 1e-42 if kind == "f32" else 0)):
            inputs[1][row] = 0
            inputs[1][row, row * 9] = value
        found, elsewhere = outputs(tiles, inputs)[1], outputs(isas[-1], inputs)[1]
        assert np.array_equal(np.isnan(found), np.isnan(elsewhere)) and np.isnan(found[2]).all() and np.isinf(found[:2]).any(), flags
        assert np.array_equal(found[:2], elsewhere[:2], equal_nan=True) and np.allclose(found[3:], elsewhere[3:], rtol=0.02, atol=1e-4), flags


def check_pointwise_tiles(work, isas):
    """A convolution of 1x1 is a matrix product in tile registers, of all pixels of all samples."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="pointwise")
    weights = rng.standard_normal((50, 256, 1, 1)).astype(f32)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, 6, 5]) for name, channels in (("x", 256), ("y", 50))]
    graph = helper.make_graph([node], "g", values[:1], values[1:], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{work}/pointwise.onnx")
    flags = [f"{work}/pointwise.onnx", "--precision=w4", f"--march={isas[-1]},sapphirerapids-amx"]
    run("mpc-compile", *flags, "-o", f"{work}/pointwise.so")
    run("mpc-compile", *flags, "--compile-to=tiled", "-o", f"{work}/pointwise.mlir")
    assert "intrinsic = tdpbf16ps" in open(f"{work}/pointwise.mlir").read()
    x = rng.standard_normal((3, 256, 6, 5)).astype(f32)
    np.save(f"{work}/pointwise.npy", x)
    try:
        found, elsewhere = (outputs(f"{work}/pointwise.so", f"{work}/pointwise.npy", isa, "--batch=3") for isa in ("sapphirerapids-amx", isas[-1]))
    except Unsupported:
        return
    assert np.abs(found - elsewhere).max() <= 2.0**-20 * np.abs(x).sum(1).max() * np.abs(weights).max() and np.abs(found).max() > 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)

    def normal(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(f32)
    weights = {"w1": normal(40, 8, 3, 3), "b1": normal(40), "w2": normal(33, 40, 5, 5), "w3": normal(70, 33), "b3": normal(70),
               "w4": normal(300, 70).T.copy()}
    weights["w3"][3] = 0  # a block of zeros has a scale, too
    model, x = f"{work}/model.onnx", f"{work}/x.npy"
    make_model(weights, model)
    np.save(x, rng.standard_normal((3, 8, 9, 9)).astype(f32))
    isas = ["x86-64-v3"] + [isa for isa, flag in (("x86-64-v4", "avx512bw"), ("cascadelake", "avx512_vnni"))
                            if flag in open("/proc/cpuinfo").read()]
    run("mpc-compile", model, "--precision=f32", "-o", f"{work}/f32.so")
    exact = outputs(f"{work}/f32.so", x, isas[0])
    sizes = {}

    for name, least, flags in (("w4", 12, ["--precision=w4"]),
                               ("w4-symmetric", 12, ["--precision=w4", "--weight-scheme=symmetric", "--weight-block=64"]),
                               ("w4-codebook", 14, ["--precision=w4", "--weight-scheme=codebook"]),
                               ("w8", 38, ["--precision=w8", "--weight-block=128"]),
                               ("w8-channel", 38, ["--precision=w8", "--weight-scheme=symmetric", "--weight-block=channel"])):
        library = f"{work}/{name}.so"
        run("mpc-compile", model, *flags, "-o", library)
        run("mpc-compile", model, *flags, "--compile-to=quantized", "-o", f"{work}/{name}.mlir")
        text = open(f"{work}/{name}.mlir").read()
        chosen = dict(weights)
        for weight, group, axes in (("w1", "conv1", (0, 3, 1, 2)), ("w2", "conv2", (0, 3, 1, 2)), ("w3", "fc1", (1, 0)), ("w4", "fc2", (0, 1))):
            numbers, levels = dequantize(text, group)
            if numbers.shape == weights[weight].shape:  # a matrix product with the weights as the model has them
                axes = range(numbers.ndim)
            chosen[weight] = np.ascontiguousarray(numbers.transpose(axes))
            assert chosen[weight].shape == weights[weight].shape
            assert levels <= (16 if name.startswith("w4") else 256) and levels > 8, (name, weight, levels)
        assert np.all(chosen["w3"][3] == 0)
        make_model(chosen, f"{work}/{name}.onnx")
        run("mpc-compile", f"{work}/{name}.onnx", "--precision=f32", "-o", f"{work}/{name}-f32.so")
        expected = outputs(f"{work}/{name}-f32.so", x, isas[0])
        for isa in isas:
            found = outputs(library, x, isa)
            assert found.tobytes() == expected.tobytes(), (name, isa, np.abs(found - expected).max())
        assert outputs(library, x, isas[0], "--batch=3", "--threads=2").tobytes() == expected.tobytes(), name
        sqnr = 10 * np.log10(np.mean(exact**2.0) / np.mean((found - exact)**2.0))
        assert sqnr > least, (name, sqnr)
        sizes[name] = len(open(library, "rb").read())
        print(name, f"{sqnr:.1f} dB", sizes[name], "bytes")

    # 59 thousand weights: a scale of 16 bits per 32 weights and a zero point of 8, then 4 or 8 bits each (ragged panels included).
    count = sum(weights[name].size for name in ("w1", "w2", "w3", "w4"))
    base = len(open(f"{work}/f32.so", "rb").read()) - 4 * count
    assert sizes["w4"] < base + 0.85 * count + 40000, (sizes, base, count)

    # Narrow activations: close to f32 ones, and the groups that have no weights follow.
    for kind, least in (("f16", 40), ("bf16", 25)):
        library = f"{work}/{kind}.so"
        run("mpc-compile", model, "--precision=w4", f"--activation-type={kind}", "-o", library)
        found = outputs(library, x, isas[0])
        same = outputs(f"{work}/w4.so", x, isas[0])
        sqnr = 10 * np.log10(np.mean(same**2.0) / np.mean((found - same)**2.0))
        assert least < sqnr < 90, (kind, sqnr)
        assert all(outputs(library, x, isa).tobytes() == found.tobytes() for isa in isas)
        groups = {group["name"]: group["precision"] for group in json.loads(run("mpc-run", library, "--describe", "--json"))["groups"]}
        assert groups["conv1"] == groups["fc2"] == "w4" and groups["pool"] == kind, groups

    check_thin(work, isas)
    check_tiles(work, isas)
    check_pointwise_tiles(work, isas)

    # A saved configuration gives the same library again, its formats included.
    config = f"{work}/config.json"
    flags = ["--precision=w4", "--weight-scheme=symmetric", "--weight-block=64"]
    run("mpc-compile", model, *flags, f"--save-precision-config={config}")
    entries = json.load(open(config))["groups"]
    assert {"name": "fc1", "precision": "w4", "block": 64, "scheme": "symmetric", "activations": "f32"} in entries, entries
    run("mpc-compile", model, f"--precision-config={config}", "-o", f"{work}/again.so")
    assert outputs(f"{work}/again.so", x, isas[0]).tobytes() == outputs(f"{work}/w4-symmetric.so", x, isas[0]).tobytes()


if __name__ == "__main__":
    main()
