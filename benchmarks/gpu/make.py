#!/usr/bin/env python3
# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a GPU bundle: a folder that tests and times libraries for GPUs on a machine without mpc, LLVM and onnx.

scripts/make-gpu-bundle.sh calls it. What comes out are libraries, packed, inputs, the outputs of the same models' libraries for CPUs, run.py and its
like, and the part of the Python package that runs libraries.
"""

import argparse
import importlib.util
import json
import lzma
import pathlib
import re
import shutil
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "benchmarks")]
import mpc  # noqa: E402
import results  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_BYTES = 50 << 20
# Columns of random weights, which then repeat, so that they pack; products cost the same.
REPEATED = 64
# Elements from which on a weight is in one file for both peers.
LARGE = 1024
# Of f16 and bf16: tensor cores add in another order than CPUs (test/Integration/gpu.py).
TOLERANCES = {"f32": 0, "int8": 0, "w4": 0, "w8": 0, "f16": 2**-10, "bf16": 2**-7}
rng = np.random.default_rng(5)


def parse_precision(text):
    """Flags of "f16", or of "w4-f16": weights, and activations."""
    precision, _, activations = text.partition("-")
    return {"precision": precision, "activation_type": activations} if activations else {"precision": precision}


class Bundle:
    def __init__(self, folder, flags, only, work):
        self.folder, self.flags, self.only, self.work = folder, flags, only, pathlib.Path(work)
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("libraries", "data"):
            (folder / name).mkdir(parents=True)
        self.cases = {"commit": results.commit(), "flags": flags, "tests": [], "benchmarks": []}

    def compile(self, model, name, **flags):
        """Packs a library for GPUs; its name in the bundle."""
        library = mpc.compile(model, self.work / f"{name}.so", **self.flags, **flags)
        (self.folder / "libraries" / f"{name}.so.xz").write_bytes(lzma.compress(library.read_bytes(), preset=6))
        library.unlink()
        return f"{name}.so"

    def save(self, name, values):
        np.savez_compressed(self.folder / "data" / name, **values)
        return name

    def add_tests(self, name, model, inputs, precisions):
        """A model in several precisions, with what its library for CPUs gives. "w4-f16": w4 with f16 activations."""
        wanted = [precision for precision in precisions if re.search(self.only, f"{name}/{precision}")]
        if wanted:
            self.save(f"{name}.npz", inputs)
        for precision in wanted:
            flags = parse_precision(precision)
            if precision == "int8":
                flags["calibration"] = [inputs]
            expected = mpc.load(mpc.compile(model, march="x86-64-v3", **flags)).run(inputs)
            one = f"{name}-{precision}"
            self.cases["tests"].append({"name": f"{name}/{precision}", "library": self.compile(model, one, **flags), "inputs": f"{name}.npz",
                                        "expected": self.save(f"{one}-expected.npz", expected), "tolerance": TOLERANCES[flags.get("activation_type", precision)]})
            print(f"{name}/{precision}", flush=True)

    def add_benchmark(self, kind, name, model, *, precision="f16", **more):
        """A model without tests of its own, or a function that makes it, called where it is wanted."""
        if not re.search(self.only, name):
            return
        model = model() if callable(model) else model
        flags = {key: more.pop(key) for key in ("io_type",) if key in more}
        if precision != "int8":  # what is int8 is so already
            flags |= parse_precision(precision)
        library = self.compile(model, name.replace("/", "-"), **flags)
        self.cases["benchmarks"].append({"kind": kind, "name": name, "library": library, "precision": precision, **more})
        print(name, flush=True)

    def finish(self):
        for name in ("run.py", "cublaslt.py", "torch_model.py", "test.sh", "bench.sh"):
            shutil.copy(HERE / name, self.folder / name)
        shutil.copy(HERE.parent / "results.py", self.folder)
        (self.folder / "mpc").mkdir()
        for path in (ROOT / "python" / "mpc").glob("*.py"):
            shutil.copy(path, self.folder / "mpc")
        (self.folder / "cases.json").write_text(json.dumps(self.cases, indent=1) + "\n")
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        print(f"{self.folder}: {len(self.cases['tests'])} tests, {len(self.cases['benchmarks'])} benchmarks, {size / 2**20:.1f} MiB")
        if size > LIMIT_BYTES:
            raise SystemExit(f"error: the bundle has more than {LIMIT_BYTES >> 20} MiB: leave out a --model")


def value_info(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model_of(nodes, inputs, weights=()):
    """The bytes of a model that ends in y."""
    graph = helper.make_graph(nodes, "bundle", [value_info(*one) for one in inputs], [value_info("y", None)],
                              [numpy_helper.from_array(value, name) for name, value in weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


def integration_models(work):
    """The models of test/Integration/gpu.py, one small, one of products that wgmma is for, and attention: with all keys at once, and by pieces of
    them, since there are many rows: file and inputs of each."""
    spec = importlib.util.spec_from_file_location("gpu_tests", ROOT / "test" / "Integration" / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pieces = module.Builder()
    module.add_attention(pieces, 1, 144, 64, 330, 8)
    for index, built in enumerate((module.make_model(), module.make_large_model(), module.make_attention(), pieces)):
        path = pathlib.Path(work) / f"integration{index}.onnx"
        built.save(path)
        yield path, built.data


def integer_product(size, columns):
    """A product that is quantized already, from bytes to bytes."""
    w = np.tile(rng.integers(-127, 128, (size, columns), np.int8), (1, size // columns))
    constants = {"w": w, "sx": np.float32(1 / 64), "zx": np.uint8(128), "sw": np.float32(1 / 64), "zw": np.int8(0), "sy": np.float32(size**0.5 / 16), "zy": np.uint8(128)}
    nodes = [helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["xf"]), helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wf"]),
             helper.make_node("MatMul", ["xf", "wf"], ["yf"]), helper.make_node("QuantizeLinear", ["yf", "sy", "zy"], ["y"])]
    u8 = lambda name: helper.make_tensor_value_info(name, TensorProto.UINT8, [size, size])
    graph = helper.make_graph(nodes, "product", [u8("x")], [u8("y")], [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def product_model(m, n, k):
    """Rows by random weights that repeat."""
    columns = min(n, REPEATED)
    w = np.tile((rng.standard_normal((k, columns)) * 0.02).astype(np.float32), (1, n // columns))
    return model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", [m, k])], [("w", w)])


def add_products(bundle, sizes):
    for size in sizes:
        bundle.add_benchmark("product", f"product/f16/{size}", lambda: product_model(size, size, size), shape=[size] * 3, io_type={"x": "f16", "y": "f16"})
        bundle.add_benchmark("product", f"product/int8/{size}", lambda: integer_product(size, min(size, REPEATED)), shape=[size] * 3, precision="int8")


def add_skinny_products(bundle):
    """Few rows by weights in blocks, which are more than a cache holds."""
    k, n = 8192, 16384
    for precision, rows in (("w4-f16", 1), ("w4-f16", 16), ("w8-f16", 16)):
        bundle.add_benchmark("product", f"product/{precision}/{rows}x{n}x{k}", lambda: product_model(rows, n, k), precision=precision, shape=[rows, n, k],
                             io_type={"x": "f16", "y": "f16"})


def add_attention(bundle):
    for heads, rows, keys, size in (192, 512, 512, 64), (16, 4096, 4096, 64), (16, 4096, 4096, 128), (12, 1024, 16384, 64):
        nodes = [helper.make_node("Transpose", ["k"], ["t"], perm=[0, 2, 1]), helper.make_node("MatMul", ["q", "t"], ["s"]),
                 helper.make_node("Softmax", ["s"], ["p"], axis=-1), helper.make_node("MatMul", ["p", "v"], ["y"])]
        model = model_of(nodes, [("q", [heads, rows, size]), ("k", [heads, keys, size]), ("v", [heads, keys, size])])
        bundle.add_benchmark("attention", f"attention/f16/{heads}x{rows}x{keys}x{size}", model, shape=[heads, rows, keys, size],
                             io_type={name: "f16" for name in "qkvy"})


def add_convolutions(bundle):
    for name, n, channels, pixels, filters, kernel, stride, group in (
            ("3x3", 32, 128, 28, 128, 3, 1, 1), ("1x1", 32, 256, 56, 64, 1, 1, 1), ("depthwise", 32, 144, 56, 144, 3, 1, 144)):
        w = (rng.standard_normal((filters, channels // group, kernel, kernel)) * 0.05).astype(np.float32)
        pad = kernel // 2
        model = model_of([helper.make_node("Conv", ["x", "w"], ["y"], pads=[pad] * 4, strides=[stride] * 2, group=group)],
                         [("x", [n, channels, pixels, pixels])], [("w", w)])
        outputs = filters * (pixels // stride) ** 2
        bundle.add_benchmark("convolution", f"convolution/f16/{name}", model, io_type={"x": "f16", "y": "f16"}, bytes=2 * n * (channels * pixels**2 + outputs),
                             weights=list(w.shape), strides=[stride] * 2, pads=[pad] * 2, group=group)


def add_bandwidth(bundle):
    rows, columns = 16384, 1024
    w, b = ((rng.standard_normal(columns)).astype(np.float32) for _ in range(2))
    for name, nodes, weights in (
            ("relu", [helper.make_node("Relu", ["x"], ["y"])], []),
            ("softmax", [helper.make_node("Softmax", ["x"], ["y"])], []),
            ("layernorm", [helper.make_node("LayerNormalization", ["x", "w", "b"], ["y"])], [("w", w), ("b", b)])):
        bundle.add_benchmark("bandwidth", f"bandwidth/f16/{name}", model_of(nodes, [("x", [rows, columns])], weights), io_type={"x": "f16", "y": "f16"},
                             bytes=2 * 2 * rows * columns)


def write_graph(bundle, name, model):
    """What torch_model.py reads, and ONNX Runtime."""
    graph, weights = model.graph, {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    nodes, opset = [], next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            weights[node.output[0]] = numpy_helper.to_array(attributes["value"]) if "value" in attributes else np.array(next(iter(attributes.values())))
            continue
        if node.op_type in ("Softmax", "LogSoftmax") and opset < 13:
            attributes.setdefault("axis", 1)
        if node.op_type == "ConstantOfShape" and "value" in attributes:
            attributes["value"] = numpy_helper.to_array(attributes["value"]).item()
        clean = {key: value.decode() if isinstance(value, bytes) else list(value) if isinstance(value, (list, tuple)) else value
                 for key, value in attributes.items() if isinstance(value, (int, float, bytes, list, tuple))}
        nodes.append({"op": node.op_type, "inputs": list(node.input), "outputs": list(node.output), "attributes": clean})
    inputs = [one.name for one in graph.input if one.name not in weights]
    large = [one.name for one in graph.initializer if one.data_type == TensorProto.FLOAT and weights[one.name].size >= LARGE]
    written = {"inputs": inputs, "large_weights": large, "outputs": [one.name for one in graph.output], "nodes": nodes}
    (bundle.folder / "data" / f"{name}.json").write_text(json.dumps(written))
    halves = {key: value.astype(np.float16) if value.dtype == np.float32 else value for key, value in weights.items()}
    bundle.save(f"{name}.npz", halves)
    # The session of ONNX Runtime takes large weights from there, too.
    for tensor in graph.initializer:
        if tensor.name in large:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
            external_data_helper.set_external_data(tensor, location="weights")
            tensor.ClearField("raw_data")
    onnx.save(model, bundle.folder / "data" / f"{name}.onnx")


def add_model(bundle, argument):
    """A model of the user's: MODEL.onnx or MODEL.onnx,SAMPLES.npz."""
    path, _, samples = argument.partition(",")
    model, name = onnx.load(path), re.sub(r"[^A-Za-z0-9]+", "-", pathlib.Path(path).stem)
    known = {one.name for one in model.graph.initializer}
    if samples:
        with np.load(samples) as file:
            inputs = {key: value[:2] for key, value in file.items()}
    else:
        inputs = {}
        for one in model.graph.input:
            if one.name not in known:
                shape = [d.dim_value or 1 for d in one.type.tensor_type.shape.dim]
                inputs[one.name] = rng.standard_normal(shape).astype(helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type))
    bundle.add_tests(name, path, inputs, ("f16", "int8"))
    write_graph(bundle, f"{name}-graph", model)
    for case in bundle.cases["tests"]:
        if case["inputs"] != f"{name}.npz":
            continue
        bundle.cases["benchmarks"].append({"kind": "model", "name": f"model/{case['name']}", "library": case["library"], "graph": f"{name}-graph",
                                           "precision": case["name"].rsplit("/")[-1]})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "gpu-bundle", help="the folder to write (default: build/gpu-bundle)")
    parser.add_argument("--target", default="nvvm", help="as of mpc-compile (default: nvvm); nvvm-emulated: a bundle that tests itself without a GPU")
    parser.add_argument("--chip", default="sm_80,sm_90a", help="as of mpc-compile (default: sm_80,sm_90a)")
    parser.add_argument("--only", default="", help="rows whose name matches the regular expression")
    parser.add_argument("--model", action="append", default=[], metavar="MODEL.onnx[,SAMPLES.npz]",
                        help="a model to test and to time; without samples its inputs are random numbers")
    parser.add_argument("--sizes", default="4096,8192", help="of matrix products (default: 4096,8192; empty: no kernels are timed)")
    arguments = parser.parse_args()
    for path in {part for model in arguments.model for part in model.split(",") if part and not pathlib.Path(part).is_file()}:
        sys.exit(f"error: --model: no such file: {path}")
    with tempfile.TemporaryDirectory(prefix="mpc-bundle-") as work:
        flags = {"target": arguments.target, "chip": arguments.chip if arguments.target == "nvvm" else None}
        bundle = Bundle(arguments.out, flags, arguments.only, work)
        operators, large, attention, pieces = integration_models(work)
        bundle.add_tests("operators", *operators, ("f32", "int8", "w4", "w4-f16", "w8-bf16", "f16", "bf16"))
        bundle.add_tests("large", *large, ("int8", "f16", "bf16"))
        bundle.add_tests("attention", *attention, ("f32", "int8", "f16", "bf16"))
        bundle.add_tests("pieces", *pieces, ("f16", "bf16"))
        digits = rng.standard_normal((3, 1, 8, 8)).astype(np.float32)
        bundle.add_tests("digits", ROOT / "examples" / "digits" / "digits.onnx", {"image": digits}, ("f32", "int8", "f16"))
        for model in arguments.model:
            add_model(bundle, model)
        sizes = [int(size) for size in arguments.sizes.split(",") if size]
        if sizes:
            add_products(bundle, sizes)
            add_skinny_products(bundle)
            add_attention(bundle)
            add_convolutions(bundle)
            add_bandwidth(bundle)
        bundle.finish()


if __name__ == "__main__":
    main()
