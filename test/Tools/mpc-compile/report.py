# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""Reports: their numbers are those of the emitted code, their advice does what it says, and names of any kind are safe in a page. A model that was damaged on
purpose is found and repaired by --diagnose."""
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN, FOLDER = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
os.chdir(FOLDER)
NASTY = 'b"</script><b>&amp;\u2028é'


def make_model(path, damage=1.0, middle="conv2"):
    """Three convolutions and a classifier. One channel of the first is scaled by `damage`, and back in the second: in f32 the same function."""
    rng = np.random.default_rng(5)
    weights = {"w1": rng.normal(0, 0.5, (8, 3, 3, 3)), "b1": rng.normal(0, 0.2, 8), "w2": rng.normal(0, 0.2, (8, 8, 3, 3)), "b2": rng.normal(0, 0.1, 8),
               "w3": rng.normal(0, 0.2, (8, 8, 3, 3)), "w4": rng.normal(0, 0.5, (8, 10))}
    weights["w1"][3] *= damage
    weights["b1"][3] *= damage
    weights["w2"][:, 3] /= damage
    node = helper.make_node
    conv = lambda *tensors, name: node("Conv", list(tensors[:-1]), [tensors[-1]], name=name, pads=[1, 1, 1, 1])
    nodes = [conv("x", "w1", "b1", "c1", name="conv1"), node("Relu", ["c1"], ["r1"], name="relu1"), conv("r1", "w2", "b2", "c2", name=middle),
             node("Relu", ["c2"], ["r2"], name="relu2"), conv("r2", "w3", "c3", name="conv3"), node("Relu", ["c3"], ["r3"], name="relu3"),
             node("GlobalAveragePool", ["r3"], ["p"], name="pool"), node("Flatten", ["p"], ["f"], name="flatten"), node("MatMul", ["f", "w4"], ["y"], name="fc")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 12, 12])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def run(*command, status=0):
    p = subprocess.run([os.path.join(BIN, command[0]), *command[1:]], capture_output=True, text=True)
    assert p.returncode == status, (command, p.returncode, p.stdout, p.stderr)
    return p


def outputs(library):
    run("mpc-run", library, "--input=x.npy", "--output=out")
    return np.load("out/y.npy").astype(np.float64)


sqnr = lambda a, b: 10 * np.log10((a ** 2).sum() / ((a - b) ** 2).sum())
np.save("x.npy", np.random.default_rng(1).normal(0, 1, (24, 3, 12, 12)).astype(np.float32))
make_model("model.onnx", middle=NASTY)
make_model("damaged.onnx", damage=100.0)
int8 = ("--precision=int8", "--calibration-data=x.npy")

# The report's figures are those of the library: its outputs beside those of f32, on the same samples.
run("mpc-compile", "model.onnx", "--precision=f32", "-o", "f32.so")
run("mpc-compile", "model.onnx", *int8, "-o", "int8.so", "--report=r.json")
report = json.load(open("r.json"))
reference = outputs("f32.so")
measured = sqnr(reference, outputs("int8.so"))
labels = reference.argmax(1)
labels[::4] = (labels[::4] + 1) % 10
np.save("labels.npy", labels)
np.save("few.npy", labels[:3])
labelled = ("--validation-data=x.npy", "--labels=labels.npy")
assert report["version"] == 1 and report["samples"] == 24 and report["outputs"][0]["name"] == "y"
assert abs(report["outputs"][0]["sqnr_db"] - measured) < 0.05, (report["outputs"], measured)
groups = {g["name"]: g for g in report["groups"]}
assert [n for n in groups if n != "conv1_to_channels_last"] == ["conv1", NASTY, "conv3", "pool", "fc"], list(groups)
first, middle = groups["conv1"], groups[NASTY]
assert middle["precision"] == "int8" and middle["reason"] and middle["nodes"] == [NASTY, "relu2"] and middle["kind"] == "conv"
assert middle["macs"] == 12 * 12 * 8 * 8 * 9 and middle["weight_bytes_f32"] == 4 * 584 and middle["weight_bytes"] == 576 + 4 * 8
assert middle["outputs"][0]["storage"] == "u8" and middle["inputs"][0]["storage"] == "u8" and middle["range"][0] == 0
# The first lowered group reads what the f32 model gives it: alone and in the lowered model it makes the same error. Later ones inherit.
assert first["local_sqnr_db"] == first["accumulated_sqnr_db"] < 60
assert groups["fc"]["accumulated_sqnr_db"] == report["outputs"][0]["sqnr_db"] < groups["fc"]["local_sqnr_db"]
assert all(abs(g["predicted_sqnr_db"] - g["local_sqnr_db"]) < 12 for g in (first, middle)), "the prediction is far off"
for kind in ("f32", "lowered"):
    assert sum(middle["histogram"][kind]) == 24 * 8 * 12 * 12
assert report["predicted_latency_ms"] > 0 and report["pareto"] == []
assert abs(sum(row["latency_share"] for row in report["groups"] + report["conversions"]) - 1) < 1e-6

# An advice does what it says when it is compiled (on 8 of the samples, hence the margin).
best = report["advice"][0]
json.dump({"version": 1, "groups": best["config"]}, open("advice.json", "w"))
run("mpc-compile", "model.onnx", *int8, "--precision-config=advice.json", "-o", "advised.so")
gain = sqnr(reference, outputs("advised.so")) - measured
assert best["gain_db"] > 0.3 and gain > best["gain_db"] - 1.5, (best, gain)

# Equal inputs give equal reports but for times, also without a library; f16 is measured as int8 is.
def untimed(data):
    for row in [data] + data["groups"] + data["conversions"]:
        for key in ("predicted_latency_ms", "latency_ms", "latency_share"):
            row.pop(key, None)
    return data


run("mpc-compile", "model.onnx", *int8, "--report=again.json", "--jobs=1")
assert untimed(report) == untimed(json.load(open("again.json")))
run("mpc-compile", "model.onnx", "--precision=f16", "--calibration-data=x.npy", "--report=f16.json", "--report-samples=3")
half = json.load(open("f16.json"))
assert half["samples"] == 3 and all(g["local_sqnr_db"] > 50 for g in half["groups"] if g["precision"] == "f16" and g["kind"] == "conv")
run("mpc-compile", "model.onnx", "--precision=f16", "--report=blind.json")
assert json.load(open("blind.json"))["groups"][0]["local_sqnr_db"] is None

# What the model itself quantizes is no choice of the compiler's: it stays in the f32 model that the others are compared with.
def quantize_first(path, source, everything):
    """`source` with the first convolution and its relu quantized in the model; with `everything`, nothing behind them."""
    model = onnx.load(source)
    graph = model.graph
    scalar = lambda name, value, kind: graph.initializer.append(numpy_helper.from_array(np.asarray(value, kind), name))
    scalar("s", 0.03, np.float32), scalar("z", 128, np.uint8), scalar("ws", 0.02, np.float32), scalar("wz", 0, np.int8)
    weights = next(t for t in graph.initializer if t.name == "w1")
    weights.CopyFrom(numpy_helper.from_array(np.clip(np.round(numpy_helper.to_array(weights) / 0.02), -127, 127).astype(np.int8), "w1q"))
    del graph.initializer[[t.name for t in graph.initializer].index("b1")]
    node = helper.make_node
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["xq"]), node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
             node("DequantizeLinear", ["w1q", "ws", "wz"], ["w1d"]), node("Conv", ["xd", "w1d"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
             node("Relu", ["c1"], ["r0"]), node("QuantizeLinear", ["r0", "s", "z"], ["rq"]), node("DequantizeLinear", ["rq", "s", "z"], ["r1"])]
    rest = [n for n in graph.node if n.name not in ("conv1", "relu1")]
    del graph.node[:]
    graph.node.extend(nodes + ([] if everything else rest))
    if everything:
        del graph.output[:]
        graph.output.append(helper.make_tensor_value_info("r1", TensorProto.FLOAT, ["n", 8, 12, 12]))
    onnx.save(model, path)


quantize_first("part.onnx", "model.onnx", everything=False)
run("mpc-compile", "part.onnx", *int8, "--report=part.json")
part = {g["name"]: g for g in json.load(open("part.json"))["groups"]}
assert part["conv1"]["precision"] == "int8" and part["conv1"]["local_sqnr_db"] is None, part["conv1"]
assert 10 < part["conv3"]["local_sqnr_db"] < 80, part["conv3"]
quantize_first("whole.onnx", "model.onnx", everything=True)
run("mpc-compile", "whole.onnx", "--calibration-data=x.npy", "--report=whole.json")
whole = json.load(open("whole.json"))
assert whole["outputs"][0]["sqnr_db"] is None and all(g["local_sqnr_db"] is None for g in whole["groups"]), whole

# The page holds the same data, loads nothing, and no name breaks out of it.
run("mpc-compile", "model.onnx", *int8, "--report=r.html")
page = open("r.html", encoding="utf-8").read()
data = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S).group(1)
assert untimed(json.loads(data)) == report
assert page.count("</script>") == 2 and "<b>&amp;" not in page and "@REPORT@" not in page
assert not re.search(r"(src|href)\s*=|@import|url\(", page), "the page loads something"
assert "prefers-color-scheme" in page and 'name="viewport"' in page and "<svg" in page

# One op's story, by its group, by a node in it; a typing error names the nearest.
told = run("mpc-compile", "model.onnx", *int8, "--explain=conv1").stdout
for expected in ("conv in int8", "relu1", "scale", "local", "accumulated", "f16: weights 464 bytes, local"):
    assert expected in told, (expected, told)
alone = next(advice for advice in report["advice"] if len(advice["config"]) == 1)
group = alone["config"][0]
told = run("mpc-compile", "model.onnx", *int8, "--explain=" + group["name"]).stdout
assert f"{group['precision']}: the outputs gain {alone['gain_db']:.1f} dB" in told, (alone, told)
assert "in group conv3" in run("mpc-compile", "model.onnx", *int8, "--explain=relu3").stdout
assert "'relu3'" in run("mpc-compile", "model.onnx", *int8, "--explain=relu33", status=1).stderr

# Damage that f32 does not feel is named and repaired, by few groups.
run("mpc-compile", "damaged.onnx", *int8, "-o", "damaged.so")
hurt = sqnr(reference, outputs("damaged.so"))
told = run("mpc-compile", "damaged.onnx", *int8, "--diagnose=damaged.so", "--save-precision-config=fix.json").stdout
fix = json.load(open("fix.json"))["groups"]
assert 1 <= len(fix) <= 2 and {g["name"] for g in fix} <= {"conv1", "conv2"}, fix
assert "channel 3 reaches" in told and "conv2" in told, told
run("mpc-compile", "damaged.onnx", *int8, "--precision-config=fix.json", "-o", "fixed.so")
healed = sqnr(reference, outputs("fixed.so"))
assert hurt < measured - 10 and healed > measured - 3, (hurt, healed, measured)
# With classes (three quarters of them what f32 says) right answers are counted, before and after.
make_model("wrecked.onnx", damage=3e4)
run("mpc-compile", "wrecked.onnx", *int8, "-o", "wrecked.so")
told = run("mpc-compile", "wrecked.onnx", *int8, "--diagnose=wrecked.so", "--save-precision-config=mend.json", *labelled).stdout
run("mpc-compile", "wrecked.onnx", *int8, "--precision-config=mend.json", "-o", "mended.so")
top1 = lambda library: 100 * np.mean(outputs(library).argmax(1) == labels)
before, after = top1("wrecked.so"), top1("mended.so")
assert before < after and f"top-1 on 24 labelled samples: {before:.2f} %, in f32 75.00 %" in told, (before, after, told)
assert f"top-1 then: {after:.2f} % instead of {before:.2f} %, in f32 75.00 %" in told, (before, after, told)
# A healthy library has no culprits, and the configuration changes nothing.
told = run("mpc-compile", "model.onnx", *int8, "--diagnose=int8.so", "--save-precision-config=none.json").stdout
assert "no few groups are to blame" in told and json.load(open("none.json"))["groups"] == []

# Bad input: one line, exit 1, nothing written.
open("text.so", "w").write("no library")
for expected, arguments in {"another model": ("model.onnx", *int8, "--diagnose=damaged.so"),
                            "nothing is lowered": ("model.onnx", *int8, "--diagnose=f32.so"),
                            "no such file": ("model.onnx", *int8, "--diagnose=none.so"),
                            "does not load": ("model.onnx", *int8, "--diagnose=text.so"),
                            "--calibration-data": ("model.onnx", "--precision=int8", "--diagnose=int8.so"),
                            "--validation-data and its classes --labels together": ("model.onnx", *int8, "--diagnose=int8.so", "--labels=labels.npy"),
                            "has 3 labels, but": ("model.onnx", *int8, "--diagnose=int8.so", labelled[0], "--labels=few.npy"),
                            "belongs to --precision=auto and to --diagnose": ("model.onnx", *int8, *labelled, "-o", "bad.so"),
                            "leave out -o": ("model.onnx", *int8, "--diagnose=int8.so", "-o", "bad.so"),
                            ".html or .json": ("model.onnx", *int8, "--report=bad.txt"),
                            "no-folder": ("model.onnx", *int8, "--report=no-folder/bad.json"),
                            "at least 1": ("model.onnx", *int8, "--report=bad.json", "--report-samples=0")}.items():
    p = run("mpc-compile", *arguments, "--save-precision-config=bad.json", status=1)
    assert expected in p.stderr and len(p.stderr.splitlines()) == 1, (arguments, p.stderr)
assert not [f for f in os.listdir(".") if f.startswith("bad")]
