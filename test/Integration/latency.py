# REQUIRES: numpy, onnx, sklearn
# RUN: %python %s %mpc_obj_root/bin %mpc_src_root/examples/digits %t

"""Profiles name every group and leave results alone; a kit measures every group in every precision."""
import json
import math
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

BIN, EXAMPLE, FOLDER = sys.argv[1:4]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
path = lambda name: os.path.join(FOLDER, name)


def tool(name, *flags, status=0):
    p = subprocess.run([os.path.join(BIN, name), *flags], capture_output=True, text=True)
    assert p.returncode == status, (name, flags, p.returncode, p.stderr)
    return p.stdout if not status else p.stderr


def profile(library, *flags):
    """(the manifest's groups, the profile)."""
    manifest = json.loads(tool("mpc-run", library, "--describe", "--json"))
    told = json.loads(tool("mpc-run", library, "--profile", "--json", *flags))["profile"]
    return manifest["groups"], told


# A trained model in int8: groups and conversions in the manifest's order, each once per call, and one row for the rest.
subprocess.run([sys.executable, os.path.join(EXAMPLE, "data.py"), FOLDER], check=True)
model, samples = os.path.join(EXAMPLE, "digits.onnx"), f"--calibration-data={path('calibration.npy')}"
image = path("image.npy")
np.save(image, np.load(path("images.npy"))[:1])
tool("mpc-compile", model, "--precision=int8", samples, "-o", path("int8.so"))
for threads in (1, 2):
    groups, told = profile(path("int8.so"), f"--input={image}", f"--output={path('out')}", f"--threads={threads}", "--benchmark=20")
    rows = told["groups"]
    assert [(r["name"], r["precision"]) for r in rows[:-1]] == [(g["name"], g["precision"]) for g in groups], rows
    assert any(r["name"].startswith("quantize:") for r in rows)
    assert rows[-1]["name"] == "(outside of groups)" and all(r["calls"] == 1 for r in rows[:-1])
    assert told["calls"] == 20 and abs(sum(r["share"] for r in rows) - 1) < 1e-6
    assert abs(sum(r["ms"] for r in rows) / told["ms"] - 1) < 1e-6
    assert told["memory_gb_per_s"] > 0 and abs(sum(r.get("bound_ms", 0) for r in rows) - told["bound_ms"]) < 1e-9
    # What multiplies nothing is bound by its bytes.
    assert all(r["bound_by"] == "bytes" and r["gb_per_s"] > 0 for r in rows[:-1] if "gops" not in r and r["ms"]), rows
    macs = {g["name"]: g.get("macs", 0) for g in groups}
    assert any(macs.values()) and all(("gops" in r) == (macs.get(r["name"], 0) > 0) for r in rows if r["ms"]), rows
    profiled = [np.load(os.path.join(path("out"), f)) for f in sorted(os.listdir(path("out"))) if f.endswith(".npy")]
    tool("mpc-run", path("int8.so"), f"--input={image}", f"--output={path('plain')}")
    plain = [np.load(os.path.join(path("plain"), f)) for f in sorted(os.listdir(path("plain"))) if f.endswith(".npy")]
    assert len(plain) == len(profiled) and all(a.tobytes() == b.tobytes() for a, b in zip(plain, profiled))

# The report has the same groups' shares, and their sum as the time of a call.
tool("mpc-compile", model, "--precision=int8", samples, "-o", path("told.so"), f"--report={path('report.json')}")
report = json.load(open(path("report.json")))
shares = [row["latency_share"] for row in report["groups"] + report["conversions"]]
assert len(shares) == len(groups) and abs(sum(shares) - 1) < 1e-6 and min(shares) >= 0, shares
assert report["predicted_latency_ms"] >= sum(row["latency_ms"] for row in report["groups"] + report["conversions"]) * (1 - 1e-9)

# 1x64 · 64x64 is 4096 multiply-accumulates; a group in a loop is called as often as the loop runs.
rng = np.random.default_rng(0)
weight = helper.make_tensor("w", TensorProto.FLOAT, [64, 64], rng.standard_normal(4096).astype(np.float32))
value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
body = helper.make_graph(
    [helper.make_node("MatMul", ["carried", "w"], ["product"], "step"), helper.make_node("Tanh", ["product"], ["next"], "squash"),
     helper.make_node("Identity", ["go"], ["on"])],
    "body", [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("carried", TensorProto.FLOAT, [1, 64])],
    [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [1, 64])])
graph = helper.make_graph(
    [helper.make_node("Loop", ["count", "", "x"], ["y"], "loop", body=body)], "loops",
    [value("count", TensorProto.INT64, []), value("x", TensorProto.FLOAT, [1, 64])], [value("y", TensorProto.FLOAT, [1, 64])], [weight])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path("loop.onnx"))
tool("mpc-compile", path("loop.onnx"), "--precision=f32", "-o", path("loop.so"))
np.save(path("count.npy"), np.array(7, dtype=np.int64))
np.save(path("x.npy"), rng.standard_normal((1, 64)).astype(np.float32))
groups, told = profile(path("loop.so"), f"--input=count={path('count.npy')}", f"--input=x={path('x.npy')}")
step = next(i for i, g in enumerate(groups) if g["kind"] == "matmul")
assert groups[step]["macs"] == 64 * 64 and told["groups"][step]["calls"] == 7, (groups, told)

# A kit has an entry per precision and one for conversions; measuring it gives a time for each group that the precision reaches.
tool("mpc-compile", model, "--precision=auto", "--emit=bench-kit", samples, "-o", path("kit.so"), "--march=x86-64-v3")
manifest = json.loads(tool("mpc-run", path("kit.so"), "--describe", "--json"))
assert manifest["kind"] == "bench-kit"
assert [e["name"] for e in manifest["entries"]] == ["f32", "f16", "bf16", "int16", "int8", "conversions"]
tool("mpc-run", path("kit.so"), f"--measure={path('table.json')}")
table = json.load(open(path("table.json")))
assert table["isa"] == "x86-64-v3" and table["version"] == 1 and table["overhead_ms"] >= 0
assert all(math.isfinite(e["ms"]) and e["ms"] >= 0 for e in table["entries"] + table["conversions"])
names = [g["name"] for g in manifest["entries"][0]["groups"]]
for precision in ("f32", "f16", "bf16"):
    assert [e["name"] for e in table["entries"] if e["precision"] == precision] == [n for n in names if ":" not in n], precision
for precision in ("int16", "int8"):
    assert {e["name"] for e in table["entries"] if e["precision"] == precision} <= set(names), precision
assert sum(e["ms"] for e in table["entries"]) > 0
kinds = ("f32", "f16", "bf16", "int16", "int8")
assert {(c["from"], c["to"]) for c in table["conversions"]} == {(a, b) for a in kinds for b in kinds if a != b}
# Keys name what is computed, not the model's numbers: another calibration gives the same ones.
np.save(path("other.npy"), np.load(path("calibration.npy"))[:4] * 0.7)
tool("mpc-compile", model, "--emit=bench-kit", f"--calibration-data={path('other.npy')}", "-o", path("other.so"), "--march=x86-64-v3")
other = json.loads(tool("mpc-run", path("other.so"), "--describe", "--json"))
assert [[g.get("key") for g in e["groups"]] for e in other["entries"]] == [[g.get("key") for g in e["groups"]] for e in manifest["entries"]]

# What does not fit together says so.
assert "is not run but measured: expected --measure=FILE" in tool("mpc-run", path("kit.so"), f"--input={image}", status=1)
said = tool("mpc-run", path("int8.so"), f"--measure={path('no.json')}", status=1)
assert "expected a kit" in said and said.count("\n") == 1 and not os.path.exists(path("no.json"))
said = tool("mpc-run", path("kit.so"), f"--measure={path('nowhere/no.json')}", status=1)
assert "cannot write" in said and said.count("\n") == 1
said = tool("mpc-compile", model, "--precision=f32", f"--latency-table={path('table.json')}", "-o", path("no.so"), status=1)
assert "--latency-table is for --precision=auto" in said and not os.path.exists(path("no.so"))
