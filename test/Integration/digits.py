# REQUIRES: numpy, onnx, sklearn
# RUN: %python %s %mpc_obj_root/bin %mpc_src_root/examples/digits %t

"""A trained model through the whole line, at every precision: accuracy, determinism, batches, instruction sets."""
import filecmp
import json
import os
import shutil
import subprocess
import sys

import numpy as np

BIN, EXAMPLE, FOLDER = sys.argv[1:4]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
subprocess.run([sys.executable, os.path.join(EXAMPLE, "data.py"), FOLDER], check=True)
path = lambda name: os.path.join(FOLDER, name)
images, labels = path("images.npy"), path("labels.npy")


def compile_model(name, *flags):
    subprocess.run([os.path.join(BIN, "mpc-compile"), os.path.join(EXAMPLE, "digits.onnx"), *flags, "-o", path(name)], check=True)


def run(name, *flags, environment=None):
    out = path("out")
    shutil.rmtree(out, ignore_errors=True)
    p = subprocess.run([os.path.join(BIN, "mpc-run"), path(name), f"--input={images}", f"--output={out}", "--json", *flags],
                       check=True, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    index = json.load(open(os.path.join(out, "index.json")))
    file = next(f for f in os.listdir(out) if f.endswith(".npy"))
    assert index, "index.json is empty"
    return json.loads(p.stdout), np.load(os.path.join(out, file))


int8 = ("--precision=int8", f"--calibration-data={path('calibration.npy')}")
results = {}
for precision, flags in {"f32": ("--precision=f32",), "f16": ("--precision=f16",), "bf16": ("--precision=bf16",), "int8": int8}.items():
    compile_model(f"{precision}.so", *flags)
    results[precision] = run(f"{precision}.so", f"--labels={labels}")
    print(precision, results[precision][0]["top1"], os.path.getsize(path(f"{precision}.so")))
reference = results["f32"][1]
for precision, worst in {"f16": 50, "bf16": 30, "int8": 20}.items():  # dB; each format's rounding noise with a margin
    told, got = results[precision]
    assert not np.array_equal(got, reference), f"{precision} computes f32"
    sqnr = 10 * np.log10(np.sum(reference ** 2) / np.sum((got.astype(np.float64) - reference) ** 2))
    assert sqnr > worst, f"{precision}: {sqnr:.1f} dB"
    assert told["top1"] >= results["f32"][0]["top1"] - 0.01, precision

# Thread counts, instruction sets and batches do not change a byte of an int8 result.
expected = results["int8"][1].tobytes()
for flags in (["--threads=2"], ["--isa=x86-64-v3"], ["--batch=7"]):
    assert run("int8.so", *flags)[1].tobytes() == expected, flags
told, got = run("int8.so", environment={"MPC_ISA": "x86-64-v3"})
assert told["isa"] == "x86-64-v3" and got.tobytes() == expected

# The same command gives the same bytes, and so does a saved calibration.
compile_model("again.so", *int8, f"--save-calibration={path('table.json')}", "--prefix=int8")
compile_model("int8b.so", *int8, "--prefix=int8")
assert filecmp.cmp(path("again.so"), path("int8b.so"), shallow=False), "a rebuild differs"
compile_model("saved.so", "--precision=int8", f"--calibration={path('table.json')}", "--prefix=int8")
assert filecmp.cmp(path("again.so"), path("saved.so"), shallow=False), "a saved calibration gives another library"

# What was chosen can be saved and given back.
compile_model("config.so", *int8, f"--save-precision-config={path('config.json')}", "--prefix=int8")
compile_model("replayed.so", *int8, f"--precision-config={path('config.json')}", "--prefix=int8")
# (The manifests differ: the reason of each precision is now the configuration.)
assert run("replayed.so")[1].tobytes() == run("config.so")[1].tobytes() == expected, "a saved configuration gives other results"
