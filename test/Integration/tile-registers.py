# REQUIRES: numpy, onnx, avx2
# RUN: %python %s mpc-compile mpc-run %t

"""Models whose sums are in tile registers where a machine has them: groups and parts of tensors that stay where they are, read and written with the
distance of a larger buffer, for batches of any size. Integers bit for bit as on other instruction sets, bf16 near f64; any number of threads."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COMPILE, RUN, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
LEVELS = "x86-64-v3", "cascadelake", "sapphirerapids-amx"
shutil.rmtree(WORK, ignore_errors=True)
WORK.mkdir(parents=True)
rng = np.random.default_rng(11)
weights = {name: (rng.standard_normal(shape) * 0.2).astype(np.float32) for name, shape in {
    "first": (64, 64, 3, 3), "grouped": (128, 32, 3, 3), "points": (64, 64, 1, 1), "left": (32, 32, 3, 3), "right": (48, 32, 3, 3), "steps": (40, 24, 2, 2)}.items()}


def tool(name, *arguments):
    run = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, (arguments, run.stderr)
    return run.stdout


def write_model(name, batch):
    conv = lambda x, y, w, pad=0, **attributes: helper.make_node("Conv", [x, w], [y], pads=[pad] * 4, **attributes)
    nodes = [conv("x", "a", "first", 1), helper.make_node("Relu", ["a"], ["b"]),
             conv("b", "c", "grouped", 1, group=2), conv("c", "d", "points", group=2), helper.make_node("Relu", ["d"], ["e"]),
             # Parts that are read in place, and beside each other again.
             helper.make_node("Split", ["e"], ["f", "g"], axis=1), conv("f", "h", "left", 1), conv("g", "i", "right", 1),
             helper.make_node("Concat", ["h", "i", "f"], ["j"], axis=1),
             helper.make_node("Slice", ["j", "from", "to", "axis"], ["k"]), conv("k", "l", "steps", strides=[2, 2])]
    indices = {"from": [40], "to": [64], "axis": [1]}
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    initializers += [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in indices.items()]
    info = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, name, [info("x", batch, 64, 14, 10)], [info("j", batch, 112, 14, 10), info("l", batch, 40, 7, 5)], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), WORK / f"{name}.onnx")


def conv(x, w, pad=0, groups=1, stride=1):
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    n, (oh, ow) = w.shape[0] // groups, [(x.shape[2 + d] - w.shape[2 + d]) // stride + 1 for d in (0, 1)]
    parts = []
    for part, own in zip(np.split(x, groups, 1), np.split(w, groups)):
        taps = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
        parts.append(sum(np.einsum("nchw,oc->nohw", part[:, :, i:i + (oh - 1) * stride + 1:stride, j:j + (ow - 1) * stride + 1:stride], own[:, :, i, j]) for i, j in taps))
    return np.concatenate(parts, 1)


def reference(x):
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    a = np.maximum(conv(x.astype(np.float64), w["first"], 1), 0)
    e = np.maximum(conv(conv(a, w["grouped"], 1, 2), w["points"], groups=2), 0)
    j = np.concatenate([conv(e[:, :32], w["left"], 1), conv(e[:, 32:], w["right"], 1), e[:, :32]], 1)
    return {"j": j, "l": conv(j[:, 40:64], w["steps"], stride=2)}


for batch in 1, 3:
    (WORK / f"samples{batch}").mkdir()
    for i in range(6):
        np.save(WORK / f"samples{batch}" / f"{i}.npy", rng.standard_normal((batch, 64, 14, 10)).astype(np.float32))
for precision, instruction in ("int8", "tdpbusd"), ("bf16", "tdpbf16ps"):
    for batch in "N", 1, 3:
        name = f"{precision}-{batch}"
        write_model(name, batch)
        own = [f"--precision={precision}", f"--calibration-data={WORK}/samples{3 if batch == 3 else 1}"]
        library = WORK / f"{name}.so"
        tool(COMPILE, WORK / f"{name}.onnx", *own, "--march=" + ",".join(LEVELS), "-o", library)
        # Every convolution is in tile registers; with a fixed batch parts are read and written in place.
        tool(COMPILE, WORK / f"{name}.onnx", *own, f"--march={LEVELS[-1]}", "--compile-to=tiled", "-o", WORK / "tiled.mlir")
        tilings = re.findall(r"kernel\.contract.*intrinsic = (\w+)", (WORK / "tiled.mlir").read_text())
        assert len(tilings) >= 5 and set(tilings) == {instruction}, (name, tilings)
        if batch == 3:
            tool(COMPILE, WORK / f"{name}.onnx", *own, f"--march={LEVELS[-1]}", "--compile-to=bufferized", "-o", WORK / "bufferized.mlir")
            assert len(re.findall(r"call @Conv.*strided<\[\d+, \d+, \d+, 1\]", (WORK / "bufferized.mlir").read_text())) >= 5, name
        for count in ([1, 2, 7] if batch == "N" else [batch]):
            x = rng.standard_normal((count, 64, 14, 10)).astype(np.float32)
            np.save(WORK / "x.npy", x)
            wanted, first = reference(x), None
            isas = [isa["name"] for isa in json.loads(tool(RUN, library, "--describe"))["isas"]]
            assert isas == list(LEVELS), isas
            for isa in isas:
                for threads in 1, 2:
                    run = subprocess.run([RUN, library, f"--input={WORK}/x.npy", f"--isa={isa}", f"--threads={threads}", f"--batch={count}" if batch == "N" else "--json",
                                          f"--output={WORK}/out"], capture_output=True, text=True)
                    if "cannot run instruction set" in run.stderr:
                        continue
                    assert run.returncode == 0, (name, isa, run.stderr)
                    got = {output: np.load(WORK / "out" / f"{output}.npy") for output in ("j", "l")}
                    first = first or got
                    for output, want in wanted.items():
                        assert got[output].shape == want.shape, (name, isa, output, got[output].shape)
                        if precision == "int8":
                            assert got[output].tobytes() == first[output].tobytes(), (name, isa, threads, count, output)
                        # Rounding of what is read and stored, five times over.
                        noise = np.sqrt(((got[output] - want) ** 2).mean() / (want ** 2).mean())
                        assert noise < (0.04 if precision == "int8" else 0.01), (name, isa, output, noise)
print("done")
