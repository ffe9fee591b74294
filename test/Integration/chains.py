# REQUIRES: numpy, onnx, avx2
# RUN: %python %s %t

"""Groups that run together by blocks of rows (mpc-select-chains) give the bytes that they give one after the other, and NumPy's
numbers: attention with and without a mask, rows that are no multiple of a block's, a symbolic batch, f16, results that are transposed.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORK = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(3)


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


def attention(name, heads, rows, keys, size, mask=False, transposed=False, batch=1, dtype=np.float32):
    """A model, its inputs, and what comes out in f64."""
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    shapes = {"q": (heads, rows, size), "k": (heads, size, keys), "v": (heads, keys, size)}
    if mask:
        shapes["m"] = (1, 1, keys)
    inputs = {n: rng.standard_normal((batch, *s)).astype(dtype) for n, s in shapes.items()}
    nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Mul", ["s", "scale"], ["scaled"])]
    scores = "scaled"
    if mask:
        nodes.append(helper.make_node("Add", ["scaled", "m"], ["masked"]))
        scores = "masked"
    nodes += [helper.make_node("Softmax", [scores], ["p"], axis=-1), helper.make_node("MatMul", ["p", "v"], ["heads"])]
    shape = ["N" if batch > 1 else 1, heads, rows, size]
    if transposed:
        nodes.append(helper.make_node("Transpose", ["heads"], ["y"], perm=[0, 2, 1, 3]))
        shape = [shape[0], rows, heads, size]
    else:
        nodes[-1].output[0] = "y"
    values = [helper.make_tensor_value_info(n, element, ["N" if batch > 1 else 1, *s]) for n, s in shapes.items()]
    scale = numpy_helper.from_array(np.array(size**-0.5, dtype), "scale")
    graph = helper.make_graph(nodes, name, values, [helper.make_tensor_value_info("y", element, shape)], [scale])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), WORK / f"{name}.onnx")
    x = {n: a.astype(np.float64) for n, a in inputs.items()}
    s = x["q"] @ x["k"] * float(np.array(size**-0.5, dtype)) + x.get("m", 0)
    p = np.exp(s - s.max(-1, keepdims=True))
    y = p / p.sum(-1, keepdims=True) @ x["v"]
    return inputs, y.transpose(0, 2, 1, 3) if transposed else y


def compute(library, inputs, batch, *flags):
    out = library.with_suffix(".out")
    shutil.rmtree(out, ignore_errors=True)
    run("mpc-run", library, *(f"--input={n}={WORK / n}.npy" for n in inputs), f"--output={out}",
        *([f"--batch={batch}"] if batch > 1 else []), *flags)
    return np.load(out / "y.npy")


def check(name, march, *shape, batch=1, tolerance=1e-5, **options):
    inputs, expected = attention(name, *shape, batch=batch, **options)
    for n, array in inputs.items():
        np.save(WORK / f"{n}.npy", array)
    # The same model, with and without the decision.
    linalg, llvm = WORK / f"{name}.linalg.mlir", WORK / f"{name}.llvm.mlir"
    together, apart = WORK / f"{name}.so", WORK / f"{name}.apart.so"
    run("mpc-compile", WORK / f"{name}.onnx", "--compile-to=linalg", "-o", linalg)
    run("mpc-opt", linalg, f"--mpc-linalg-to-llvm=march={march} chains=false", "-o", llvm)
    run("mpc-compile", llvm, "--compile-from=llvm", f"--march={march}", "-o", apart)
    run("mpc-compile", linalg, "--compile-from=linalg", f"--march={march}", "-o", together)
    text = run("mpc-compile", linalg, "--compile-from=linalg", "--compile-to=bufferized", f"--march={march}", "-o", "-")
    assert re.search(r"call @\w+_chain", text), f"{name}: nothing runs together"
    first = compute(apart, inputs, batch, "--threads=1")
    for threads in (1, 3):
        y = compute(together, inputs, batch, f"--threads={threads}")
        assert y.tobytes() == first.tobytes(), f"{name}: not the same bytes with {threads} threads"
    error = np.abs(y - expected).max() / np.abs(expected).max()
    assert error < tolerance, f"{name}: {error}"


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    check("plain", "native", 3, 200, 150, 64)
    check("masked", "x86-64-v3", 3, 71, 130, 40, mask=True, transposed=True)
    check("batch", "native", 2, 40, 96, 24, mask=True, batch=3, transposed=True)
    check("long", "native", 1, 50, 3000, 16)
    check("half", "native", 2, 100, 80, 32, dtype=np.float16, tolerance=2e-3)
    print("same")


if __name__ == "__main__":
    main()
