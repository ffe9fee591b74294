# REQUIRES: numpy, onnx, avx2
# RUN: rm -rf %t && mkdir %t
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %t

"""Calibration through the command line and through an observing library, against NumPy and against each other."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import mpc
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = Path(sys.argv[1])
rng = np.random.default_rng(11)
BINS = 4096
CALIBRATORS = ("minmax", "moving-average", "percentile:99.5", "entropy")
model = folder / "net.onnx"


def build():
    """Convolution, batch normalisation, Relu; a pool; a convolution with a residual; a mean and a classifier."""
    weights = {"w1": rng.standard_normal((8, 3, 3, 3)) / 5, "w2": rng.standard_normal((8, 8, 3, 3)) / 8, "w3": rng.standard_normal((8, 5)),
               "scale": rng.uniform(0.5, 2, 8), "bias": rng.standard_normal(8) / 4, "mean": rng.standard_normal(8) / 4, "variance": rng.uniform(0.5, 2, 8)}
    node = lambda op, ins, out, **kw: helper.make_node(op, ins, [out], name=f"the_{out}", **kw)
    nodes = [node("Conv", ["x", "w1"], "conv1", pads=[1, 1, 1, 1]), node("BatchNormalization", ["conv1", "scale", "bias", "mean", "variance"], "batch1"),
             node("Relu", ["batch1"], "relu1"), node("MaxPool", ["relu1"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
             node("Conv", ["pool", "w2"], "conv2", pads=[1, 1, 1, 1]), node("Add", ["conv2", "pool"], "sum"),
             node("GlobalAveragePool", ["sum"], "average"), node("Flatten", ["average"], "flat"), node("MatMul", ["flat", "w3"], "y")]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(model))


def samples(count):
    """Ranges grow from sample to sample, so that bins widen on the way; some values are far out."""
    x = rng.standard_normal((count, 3, 8, 8)) * np.geomspace(0.01, 4, count)[:, None, None, None]
    x[count // 2, 1, 2, 3] = -60
    return x.astype(np.float32)


def command(*flags):
    return subprocess.run([os.path.join(os.environ["MPC_BIN"], "mpc-compile"), str(model), "--precision=int8", "--march=x86-64-v3", "--prefix=net", *map(str, flags)], capture_output=True, text=True)


@functools.lru_cache(None)
def whole(calibrator):
    return table(data, calibrator, "whole")


def table(data, calibrator, name):
    file, path = folder / f"{name}.npy", folder / f"{name}-{calibrator}.json"
    np.save(file, data)
    run = command(f"--calibration-data={file}", f"--calibrator={calibrator}", f"--save-calibration={path}", "--compile-to=annotated", "-o", folder / "unused.mlirbc")
    assert run.returncode == 0, run.stderr
    return path


def histogram(x):
    """mpc.histogram by its definition, in double precision: exponent, counts."""
    exponent = int(np.floor(np.log2(np.abs(x).max()))) - 10
    bins = np.floor(np.abs(x.astype(np.float64)) / 2.0**exponent).astype(int)
    return exponent, np.bincount((BINS // 2 + np.where(x < 0, -1 - bins, bins)).ravel(), minlength=BINS)


def read_histogram(entry):
    counts = [0] * (BINS // 2 + entry["first"])
    for count in entry["counts"]:
        counts += [0] * -count if count < 0 else [count]
    return entry["width"], np.array(counts + [0] * (BINS - len(counts)))


build()
data = samples(24)
order = rng.permutation(24)

# What the table holds is what the samples hold, exactly.
content = json.loads(whole("mse").read_text())
assert content["samples"] == 24 and content["ranges"]["x"] == [float(data.min()), float(data.max())]
width, counts = read_histogram(content["histograms"]["x"])
assert width == histogram(data)[0] and np.array_equal(counts, histogram(data)[1])
# So does that of a tensor inside: the model's output, which other programs can see.
outputs = mpc.load(mpc.compile(model, folder / "f32.so", precision="f32")).run([data])["y"]
last = content["ranges"]["the_y"]
assert np.allclose(last, [outputs.min(), outputs.max()], rtol=1e-6)
assert read_histogram(content["histograms"]["the_y"])[1].sum() == outputs.size
assert content["ranges"]["the_conv1"][0] == 0, "a Relu's range begins at zero"
# So do the sums of what contractions read: here of the model's input.
assert set(content["inputs"]) == {"the_conv1", "the_conv2", "the_y"}, content["inputs"]
fixed = np.rint(data.astype(np.float64) * 2**20).astype(np.int64)
assert content["inputs"]["the_conv1"] == {"positions": 24 * 64, "sums": fixed.sum((0, 2, 3)).tolist()}, content["inputs"]["the_conv1"]
assert content["inputs"]["the_y"]["positions"] == 24

# Neither the order of samples nor their division matters; files merge to the file of the whole.
for calibrator in ("minmax", "mse"):
    assert table(data[order], calibrator, "shuffled").read_bytes() == whole(calibrator).read_bytes(), calibrator
    parts = [table(part, calibrator, name) for part, name in ((data[:5], "a"), (data[5:16], "b"), (data[16:], "c"))]
    merged = folder / "merged.json"
    run = command("--calibration=" + ",".join(str(part) for part in reversed(parts)), f"--save-calibration={merged}", "--compile-to=annotated", "-o", folder / "unused.mlirbc")
    assert run.returncode == 0, run.stderr
    assert merged.read_bytes() == whole(calibrator).read_bytes(), calibrator

# Histograms serve every calibrator that needs no more.
direct, derived = folder / "direct.so", folder / "derived.so"
for calibrator in ("minmax", "percentile:99.5", "mse"):
    assert command(f"--calibration={whole(calibrator)}", "-o", direct).returncode == 0
    assert command(f"--calibration={whole('entropy')}", f"--calibrator={calibrator}", "-o", derived).returncode == 0
    assert direct.read_bytes() == derived.read_bytes(), calibrator

# An observing library saves the same bytes as the compiler, on samples one by one; and, where the order does not matter, on all at once.
for calibrator in CALIBRATORS:
    observer = mpc.load(mpc.compile(model, folder / f"observer-{calibrator.replace(':', '-')}.so", precision="int8", emit="observer-library", calibrator=calibrator))
    saved = folder / "observed.json"
    try:
        observer.save_calibration(saved)
        raise AssertionError("nothing has run yet")
    except mpc.ModelError as error:
        assert "nothing has run" in str(error), error
    for i in range(24):
        result = observer.run([data[i:i + 1]])["y"]
        assert np.array_equal(result[0], outputs[i])
    bad = data[:1].copy()
    bad[0, 1, 1, 1] = np.nan
    try:
        observer.run([bad])
        raise AssertionError("NaN was accepted")
    except mpc.ModelError as error:
        assert '"x"' in str(error) and "NaN" in str(error), error
    observer.save_calibration(saved)
    assert saved.read_bytes() == whole(calibrator).read_bytes(), calibrator
    if calibrator != "moving-average":
        other = mpc.load(observer.path)
        other.run([data])
        other.save_calibration(saved)
        assert saved.read_bytes() == whole(calibrator).read_bytes(), calibrator
assert command(f"--calibration={saved}", "-o", derived).returncode == 0
try:
    observer.save_calibration(folder / "nowhere" / "observed.json")
    raise AssertionError("the folder does not exist")
except mpc.ModelError as error:
    assert "nowhere" in str(error), error
try:
    mpc.load(folder / "f32.so").save_calibration(saved)
    raise AssertionError("a library that does not observe")
except mpc.ModelError as error:
    assert "observer-library" in str(error), error
run = command("--emit=observer-library", f"--calibration-data={folder / 'whole.npy'}", "-o", folder / "no.so")
assert run.returncode == 1 and "excludes" in run.stderr, run.stderr

# Ranges that name tensors give the library that the same ranges by nodes give, where these tell no sums either.
text = json.loads(whole("minmax").read_text())
del text["inputs"]
(folder / "ranges.json").write_text(json.dumps(text))
ranges = text["ranges"]
names = {"x": "x", "the_conv1": "relu1", "the_conv2": "sum", "the_average": "average", "the_y": "y", "the_pool": "pool"}
# The transpose in front of the first convolution stores no tensor of the model; its range follows.
assert set(ranges) == set(names) | {"the_conv1_to_channels_last"}, ranges
foreign = folder / "calibration.json"
foreign.write_text(json.dumps({name: ranges[node] for node, name in names.items()} | {"batch1": [-9.0, 9.0], "conv1": [-9.0, 9.0]}))
assert command(f"--calibration={folder / 'ranges.json'}", "-o", direct).returncode == 0
run = command(f"--calibration={foreign}", "-o", derived)
assert run.returncode == 0, run.stderr
assert np.array_equal(mpc.load(derived).run([data])["y"], mpc.load(direct).run([data])["y"])

# A rare value far out costs minmax resolution, which calibrators that cut it off keep.
error = {}
few = data * 0.1
few[3, 0, 0, 0] = 80
usual = samples(30)[:12] * 0.1
want = mpc.load(folder / "f32.so").run([usual])["y"]
for calibrator in ("minmax", "percentile:99.5", "entropy"):
    library = folder / "few.so"
    assert command(f"--calibration={table(few, calibrator, 'few')}", "-o", library).returncode == 0
    error[calibrator] = float(np.square(mpc.load(library).run([usual])["y"] - want).sum())
assert error["percentile:99.5"] < 0.2 * error["minmax"] and error["entropy"] < 0.2 * error["minmax"], error

# Tables are files of the model: another one's is refused.
text = json.loads(whole("mse").read_text()) | {"model_hash": "0"}
(folder / "other.json").write_text(json.dumps(text))
run = command(f"--calibration={folder / 'other.json'}", "-o", folder / "no.so")
assert run.returncode == 1 and "another model" in run.stderr and not os.path.exists(folder / "no.so"), run.stderr
