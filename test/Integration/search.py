# REQUIRES: numpy, onnx, sklearn
# RUN: %python %s %mpc_obj_root/bin %mpc_src_root/examples/digits %t

"""--precision=auto on a trained model: budgets hold on samples that the search has not seen, decisions replay, and what cannot be is refused.

What is chosen depends on times measured here, so that no test names it; what a budget promises is tested.
"""
import filecmp
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

BIN, EXAMPLE, FOLDER = sys.argv[1:4]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
subprocess.run([sys.executable, os.path.join(EXAMPLE, "data.py"), FOLDER], check=True)
path = lambda name: os.path.join(FOLDER, name)
DIGITS = os.path.join(EXAMPLE, "digits.onnx")
images, labels = np.load(path("images.npy")), np.load(path("labels.npy"))
half = len(images) // 2
for name, part in (("validation", slice(half)), ("unseen", slice(half, None))):
    np.save(path(f"{name}.npy"), images[part])
    np.save(path(f"{name}-labels.npy"), labels[part])
AUTO = ["--precision=auto", f"--calibration-data={path('calibration.npy')}", "--march=native", "--prefix=digits"]


def compile_model(output, *flags, model=DIGITS):
    return subprocess.run([os.path.join(BIN, "mpc-compile"), model, *flags, "-o", path(output)], capture_output=True, text=True)


def made(output, *flags):
    p = compile_model(output, *flags)
    assert p.returncode == 0, p.stderr
    return path(output)


def refused(expected, *flags, **model):
    p = compile_model("refused.so", *flags, **model)
    assert p.returncode == 1 and expected in p.stderr and len(p.stderr.splitlines()) == 1, (flags, p.returncode, p.stderr)
    assert not os.path.exists(path("refused.so")), flags


def outputs(library):
    out = path("out")
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([os.path.join(BIN, "mpc-run"), library, f"--input={path('unseen.npy')}", f"--output={out}"], check=True, capture_output=True)
    return np.load(os.path.join(out, next(f for f in os.listdir(out) if f.endswith(".npy")))).astype(np.float64)


def load(name):
    with open(path(name)) as file:
        return json.load(file)


reference = outputs(made("f32.so", "--precision=f32", "--march=native"))
sqnr = lambda got: 10 * np.log10(np.sum(reference ** 2) / np.sum((got - reference) ** 2))

# A budget that int8 alone misses is met by a mixture, on samples that the search has not seen.
int8 = made("int8.so", "--precision=int8", f"--calibration-data={path('calibration.npy')}", "--march=native")
assert sqnr(outputs(int8)) < 44, "int8 alone would do: the test needs a higher budget"
# Those of calibration are of the data that the model was trained on, and lose less.
SQNR = ["--accuracy-budget=sqnr:44", f"--validation-data={path('validation.npy')}"]
library = made("sqnr.so", *AUTO, *SQNR, f"--save-decisions={path('sqnr.json')}")
assert sqnr(outputs(library)) >= 44
decisions = load("sqnr.json")
search = decisions["search"]
assert 0 <= search["optimality_gap"] < 0.05 and search["predicted_latency_ms"] > 0 and search["sqnr_db"] >= 44, search
assert sum(point["chosen"] for point in search["pareto"]) == 1
# What was measured group by group: int8 disturbs the outputs, f32 does not.
noise = {(s["group"], s["precision"]): s["sqnr_db"] for s in search["sensitivities"]}
assert noise["block.conv", "f32"] is None and 20 < noise["block.conv", "int8"] < 70, noise

# Decisions give the same bytes without samples, and are their own.
again = made("again.so", f"--decisions={path('sqnr.json')}", f"--save-decisions={path('again.json')}", "--march=native", "--prefix=digits")
assert filecmp.cmp(library, again, shallow=False) and filecmp.cmp(path("sqnr.json"), path("again.json"), shallow=False)
again = made("again.so", *AUTO, *SQNR, f"--decisions={path('sqnr.json')}")
assert filecmp.cmp(library, again, shallow=False)
refused("was made with --precision=auto, not with f16", "--precision=f16", f"--decisions={path('sqnr.json')}")
other = onnx.load(DIGITS)
weights = numpy_helper.to_array(other.graph.initializer[0]).copy()
weights.flat[0] += 1
other.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, other.graph.initializer[0].name))
onnx.save(other, path("other.onnx"))
refused("is of another model", f"--decisions={path('sqnr.json')}", model=path("other.onnx"))
for name, text in {"cut.json": open(path("sqnr.json")).read()[:100], "list.json": "[]", "later.json": '{"version": 2, "groups": []}'}.items():
    with open(path(name), "w") as file:
        file.write(text)
    refused(name, f"--decisions={path(name)}")
decisions["groups"][0]["name"] += "zz"
with open(path("renamed.json"), "w") as file:
    json.dump(decisions, file)
refused("does not name the group", f"--decisions={path('renamed.json')}")

# How integers are computed is a decision, too; a configuration may make it.
with open(path("integers.json"), "w") as file:
    json.dump({"integers": {"activations": "symmetric", "rounding": "tflite"}}, file)
INT8 = ["--precision=int8", f"--calibration-data={path('calibration.npy')}", "--march=native", "--prefix=digits"]
library = made("tflite.so", *INT8, "--rounding=tflite", "--activations=symmetric", "--fully-integral", f"--save-decisions={path('tflite.json')}")
assert not filecmp.cmp(library, made("again.so", *INT8), shallow=False)
assert filecmp.cmp(library, made("again.so", f"--decisions={path('tflite.json')}", "--march=native", "--prefix=digits"), shallow=False)
library = made("tflite.so", *INT8, "--rounding=tflite", "--activations=symmetric")
assert filecmp.cmp(library, made("again.so", *INT8, f"--precision-config={path('integers.json')}"), shallow=False)
refused("tflite.json: expected rounding to be tosa, as asked for elsewhere, but got tflite", "--rounding=tosa", f"--decisions={path('tflite.json')}")
refused("integers.json: expected activations to be signed, as asked for elsewhere, but got symmetric", *INT8, "--activations=signed",
        f"--precision-config={path('integers.json')}")

# Top-1, with a group that the user has settled.
with open(path("config.json"), "w") as file:
    json.dump({"groups": [{"name": "block.conv", "precision": "f32"}]}, file)
TOP1 = ["--accuracy-budget=top1:0.5", f"--validation-data={path('validation.npy')}", f"--labels={path('validation-labels.npy')}"]
library = made("top1.so", *AUTO, *TOP1, f"--precision-config={path('config.json')}", f"--save-decisions={path('top1.json')}")
right = np.argmax(reference, -1) == labels[half:]
drop = 100 * (np.mean(right) - np.mean(np.argmax(outputs(library), -1) == labels[half:]))
assert drop <= 0.5, drop
settled = next(g for g in load("top1.json")["groups"] if g["name"] == "block.conv")
assert settled["precision"] == "f32" and "configuration" in settled["reason"], settled

# Layers that are bound by reading their weights may store those in fewer bits, by a table that makes it pay: as far as the budget lets them.
random = np.random.default_rng(3)
node, wide = onnx.helper.make_node, 256
shapes = {"first": (64, 4 * wide), "second": (4 * wide, wide), "last": (wide, 8)}
nodes = [node("MatMul", ["x", "w_first"], ["a"], name="first"), node("Relu", ["a"], ["b"]), node("MatMul", ["b", "w_second"], ["c"], name="second"), node("Relu", ["c"], ["d"]),
         node("MatMul", ["d", "w_last"], ["y"], name="last")]
value = lambda name, size: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])
constants = [numpy_helper.from_array((random.normal(0, 1, s) / np.sqrt(s[0])).astype(np.float32), "w_" + n) for n, s in shapes.items()]
onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "wide", [value("x", 64)], [value("y", 8)], constants),
                                 opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path("wide.onnx"))
np.save(path("wide.npy"), random.normal(0, 1, (64, 64)).astype(np.float32))
samples = f"--calibration-data={path('wide.npy')}"
p = compile_model("kit.so", "--precision=auto", "--emit=bench-kit", "--march=native", samples, model=path("wide.onnx"))
assert p.returncode == 0, p.stderr
subprocess.run([os.path.join(BIN, "mpc-run"), path("kit.so"), f"--measure={path('table.json')}"], check=True, capture_output=True)
table = load("table.json")
assert {e["name"] for e in table["entries"] if e["precision"] == "w4"} == {"first", "second"}, table["entries"]
for entry in table["entries"]:
    entry["ms"] = {"w4": 0.001, "w8": 0.002}.get(entry["precision"], 1)
json.dump(table, open(path("table.json"), "w"))
for budget, chosen in (("sqnr:10", "w4"), ("sqnr:35", "w8")):
    flags = ["--precision=auto", samples, "--march=native", "--prefix=wide"]
    p = compile_model("wide.so", *flags, f"--latency-table={path('table.json')}", f"--accuracy-budget={budget}", f"--save-decisions={path('wide.json')}", model=path("wide.onnx"))
    assert p.returncode == 0, p.stderr
    precisions = {g["name"]: g["precision"] for g in load("wide.json")["groups"]}
    assert precisions["first"] == precisions["second"] == chosen and precisions["last"] not in ("w4", "w8"), (budget, precisions)
    p = compile_model("wide2.so", f"--decisions={path('wide.json')}", "--march=native", "--prefix=wide", model=path("wide.onnx"))
    assert p.returncode == 0 and filecmp.cmp(path("wide.so"), path("wide2.so"), shallow=False), p.stderr

# How a configuration stores a group's weights holds in a search, too.
json.dump({"groups": [{"name": "second", "precision": "w4", "block": 128}]}, open(path("wide-config.json"), "w"))
p = compile_model("wide.so", *flags, f"--precision-config={path('wide-config.json')}", f"--latency-table={path('table.json')}", f"--save-decisions={path('wide.json')}",
                  "--accuracy-budget=sqnr:10", model=path("wide.onnx"))
assert p.returncode == 0, p.stderr
second = next(g for g in load("wide.json")["groups"] if g["name"] == "second")
assert second["precision"] == "w4" and "128" in second["attributes"]["mpc.weights"], second

# What cannot be, or is not said clearly.
np.save(path("seven.npy"), labels[:7])
refused("has 7 labels, but", *AUTO, *TOP1[:2], f"--labels={path('seven.npy')}")
refused("needs samples with their classes", *AUTO, "--accuracy-budget=top1:1")
refused("top1:POINTS, sqnr:DB or cosine:VALUE", *AUTO, "--accuracy-budget=snr:20")
refused("between 0 and 1", *AUTO, "--accuracy-budget=cosine:1.5")
refused("a time with its unit", *AUTO, "--latency-budget=3")
refused("meets this budget; the fastest takes", *AUTO, "--latency-budget=0.000001ms")
refused("measures on samples", "--precision=auto")
refused("belongs to --precision=auto", "--precision=f32", "--accuracy-budget=sqnr:20")
