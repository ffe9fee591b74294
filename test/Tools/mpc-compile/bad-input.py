# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin/mpc-compile %mpc_src_root/examples/digits/digits.onnx %t

"""Every kind of bad input to mpc-compile gives exit status 1, at most six lines that name what and where, and no output."""
import os
import random
import re
import shutil
import subprocess
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

COMPILER, DIGITS, FOLDER = sys.argv[1:4]
failures = []
F32 = TensorProto.FLOAT


def check(name, expected, arguments, prepare=None, output="out/model.so"):
    """Runs in a fresh folder that `prepare` fills; `expected` is a regular expression that the message must match."""
    folder = os.path.join(FOLDER, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "out"))
    if prepare:
        prepare(folder)
    before = {os.path.join(d, f) for d, _, files in os.walk(folder) for f in files}
    run = subprocess.run([COMPILER, *arguments, "-o", output], cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    left = {os.path.join(d, f) for d, _, files in os.walk(folder) for f in files} - before
    lines = run.stderr.strip().splitlines()
    problem = None
    if run.returncode != 1:
        problem = f"exit status {run.returncode}"
    elif not 1 <= len(lines) <= 6:
        problem = f"{len(lines)} lines"
    elif not re.search(expected, run.stderr):
        problem = f"nothing matches /{expected}/"
    elif left:
        problem = f"left behind: {sorted(left)}"
    if problem:
        failures.append(name)
        print(f"{name}: {problem}\n  {run.stderr.strip()[:500]}")


def writer(file, content):
    def prepare(folder):
        with open(os.path.join(folder, file), "wb") as f:
            f.write(content)
    return prepare


def value(name, shape, kind=F32):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, initializers=(), inputs=None, outputs=None, opset=13):
    graph = helper.make_graph(nodes, "graph", inputs or [value("x", [1, 4])], outputs or [value("y", [1, 4])], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=f"the_{op.lower()}", **attributes)


def check_model(name, expected, content):
    check(f"model-{name}", expected, ["broken.onnx", "--precision=f32"], writer("broken.onnx", content))


def external(location):
    tensor = TensorProto(name="w", data_type=1, dims=[1, 4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return model([node("Add", ["x", "w"], ["y"])], [tensor])


# --- models

digits = open(DIGITS, "rb").read()
check_model("empty", r"broken\.onnx", b"")
check_model("truncated", r"broken\.onnx", digits[:len(digits) // 2])
check_model("random", r"broken\.onnx", random.Random(1).randbytes(1000))
check_model("unknown-operators", r"(?s)Frobnicate.*the_frobnicate.*Twiddle|Twiddle.*Frobnicate.*the_frobnicate",
            model([node("Frobnicate", ["x"], ["t"]), node("Twiddle", ["t"], ["y"])]))
check_model("cycle", "the_add|cycl", model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["y"])]))
check_model("missing-initialiser", "weights_17", model([node("Add", ["x", "weights_17"], ["y"])]))
check_model("contradicting-shape", r"the_relu|\by\b", model([node("Relu", ["x"], ["y"])], outputs=[value("y", [1, 5])]))
check_model("inner-sizes-differ", "the_matmul", model([node("MatMul", ["x", "w"], ["y"])], [numpy_helper.from_array(np.ones((5, 4), np.float32), "w")]))
check_model("future-opset", "999", model([node("Relu", ["x"], ["y"])], opset=999))
check_model("wrong-attribute-type", "the_softmax|axis", model([node("Softmax", ["x"], ["y"], axis="last")]))
check_model("initialiser-too-short", r"\bw\b", model([node("Add", ["x", "w"], ["y"])], [TensorProto(name="w", data_type=1, dims=[1, 4], raw_data=bytes(8))]))
check_model("external-data-missing", r"weights\.bin", external("weights.bin"))
check_model("external-data-absolute", "/etc/passwd", external("/etc/passwd"))
check_model("external-data-outside", r"secret\.bin", external("../secret.bin"))
check("model-missing", r"nowhere\.onnx", ["nowhere.onnx"])
check("model-is-a-folder", "out", ["out"])
check("mlir-does-not-parse", r"broken\.mlir:2", ["broken.mlir"], writer("broken.mlir", b"func.func @f(%x: tensor<4xf32>) {\n  %y = mpc.nonsense %x\n}\n"))
mlir = """func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {{
  %w = mpc.constant dense_resource<{0}> : tensor<4x4xf32> -> tensor<4x4xf32>
  %y = mpc.matmul %x, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}}
{1}"""
check("mlir-elided", "elided|resource", ["broken.mlir"], writer("broken.mlir", mlir.format("__elided__", "").encode()))
check("mlir-misaligned", "align", ["broken.mlir"], writer("broken.mlir", mlir.format(
    "w", '{-# dialect_resources: { builtin: { w: "0x01000000' + "00" * 64 + '" } } #-}').encode()))

check("mlir-without-main", "@main", ["broken.mlir"], writer("broken.mlir", b"module {}\n"))
check("mlir-of-buffers", "memref", ["broken.mlir"], writer("broken.mlir", b"func.func @main(%x: memref<4xf32>) {\n  return\n}\n"))
check("mlir-of-a-later-phase", "mpc.model", ["broken.mlir", "--compile-from=linalg"], writer("broken.mlir", b"module {}\n"))

# --- calibration: the digits model takes f32 [batch, 1, 8, 8] named "image"


def samples(array, file="samples.npy"):
    return lambda folder: np.save(os.path.join(folder, file), array, allow_pickle=True) if file.endswith(".npy") else np.savez(os.path.join(folder, file), **array)


good = np.zeros((4, 1, 8, 8), np.float32)
with_nan = good.copy()
with_nan[2, 0, 3, 3] = np.nan
for name, expected, array, file in (
        ("wrong-shape", r"samples\.npy", np.zeros((4, 1, 7, 8), np.float32), "samples.npy"),
        ("wrong-type", r"samples\.npy", np.zeros((4, 1, 8, 8), np.int64), "samples.npy"),
        ("wrong-name", "no_such_input", {"no_such_input": good}, "samples.npz"),
        ("nan", "(?i)nan", with_nan, "samples.npy"),
        ("no-samples", "sample", np.zeros((0, 1, 8, 8), np.float32), "samples.npy")):
    check(f"calibration-{name}", expected, [DIGITS, "--precision=int8", f"--calibration-data={file}"], samples(array, file))
check("calibration-none", r"(?s)(?=.*--calibration-data)(?=.*--calibration=)(?=.*\bw8\b)", [DIGITS, "--precision=int8"])
check("calibration-missing", r"nowhere\.npy", [DIGITS, "--precision=int8", "--calibration-data=nowhere.npy"])
check("calibration-malformed", r"table\.json", [DIGITS, "--precision=int8", "--calibration=table.json"], writer("table.json", b'{"a": ['))
for name, expected, tables in (
        ("moving-averages", "(?i)moving averages depend on the order", ["moving-average", "moving-average"]),
        ("two-calibrators", "one calibrator.*minmax and mse", ["minmax", "mse"])):
    def write_tables(folder):
        for file, calibrator in zip("ab", tables):
            subprocess.run([COMPILER, DIGITS, f"--calibration-data={np.save(os.path.join(folder, 's.npy'), good) or 's.npy'}", f"--calibrator={calibrator}",
                            f"--save-calibration={file}.json", "--compile-to=annotated", "-o", "out/unused.mlirbc"], cwd=folder, check=True)
    check(f"calibration-merge-{name}", expected, [DIGITS, "--precision=int8", "--calibration=a.json,b.json"], write_tables)
check("calibration-without-histograms", "calibrator mse needs histograms", [DIGITS, "--precision=int8", "--calibration=a.json", "--calibrator=mse"], write_tables)
check("calibration-of-another-tool", r"a\.json: this table of ONNX Runtime names no tensor of the model: it has 'imaeg', the nearest in the model is 'image'",
      [DIGITS, "--precision=int8", "--calibration=a.json"], writer("a.json", b'{"imaeg": [0, 1]}'))
check("calibration-other-kind", r"table\.json", [DIGITS, "--precision=int8", "--calibration=table.json"], writer("table.json", b"[1, 2]"))

# --- configuration, flags, output

check("config-unknown-key", "precisoin", [DIGITS, "--precision-config=c.json"], writer("c.json", b'{"precisoin": "f16"}'))
check("config-not-an-object", r"c\.json", [DIGITS, "--precision-config=c.json"], writer("c.json", b'"f16"'))


def softmax(folder):
    writer("softmax.onnx", model([node("Softmax", ["x"], ["y"])]))(folder)
    writer("c.json", b'{"groups": [{"name": "the_softmax", "precision": "int8"}]}')(folder)
    np.save(os.path.join(folder, "x.npy"), np.zeros((4, 1, 4), np.float32))


# An ONNX file has no lines: the file, the node.
check("config-refused-by-name", r"^mpc-compile: error: softmax\.onnx: the_softmax: .*int8 is asked for in c\.json, but softmax", ["softmax.onnx", "--precision-config=c.json", "--calibration-data=x.npy"], softmax)
check("config-without-samples", r"^mpc-compile: error: c\.json: int8 or int16 needs the ranges of activations: give samples with --calibration-data", ["softmax.onnx", "--precision-config=c.json"], softmax)
check("config-missing", r"nowhere\.json", [DIGITS, "--precision-config=nowhere.json"])
for flag, expected in (("--frobnicate=3", "frobnicate"), ("--precision=int7", "int7"), ("--calibrator=guess", "guess"), ("--calibrator=percentile:7", "above 50"), ("--march=z80", "--march: unknown instruction set 'z80', expected one of native, x86-64-v3"),
                       ("--target=tpu", "tpu"), ("--rounding=sideways", "sideways"), ("--compile-to=nowhere", "nowhere"), ("--emit=poetry", "poetry"),
                       ("--shape=no_such_input=1x2", "no_such_input"), ("--shape=image=AxB", "error: --shape=image=AxB: expected sizes"), ("--shape=image=1x1x9x9", "image"),
                       ("--precision=auto", "measures on samples"),
                       ("--target=nvvm", "--chip=sm_80"), ("--chip=sm_80", "--target=nvvm"),
                       ("--scales=odd", "power-of-two"),
                       ("--activations=odd", "signed-symmetric"),
                       ("--rounding=", "--rounding: expected a value"),
                       ("--fully-integral", "--rounding=tflite"),
                       ("--report=x.txt", "html"),
                       ("--tuning-table=nowhere.json", "nowhere.json: No such file"),
                       ("--tuning-table=", "expected the name of a file"), ("--f16-accumulation=f64", "expected f32 or chunked, but got f64")):
    check("flag" + re.sub(r"[^a-z0-9]+", "-", flag.lower()), expected, [DIGITS, flag])
check("tuning-table", r"tune\.json: expected a table of tilings", [DIGITS, "--tuning-table=tune.json"], writer("tune.json", b'{"format": 2}'))
check("tuning-table-json", r"tune\.json: .*1:", [DIGITS, "--tune", "--tuning-table=tune.json"], writer("tune.json", b'{"format'))
check("tune-gpu", "kernels of CPUs", [DIGITS, "--tune", "--target=nvvm-emulated"])
check("fast-math-gpu", "kernels of CPUs", [DIGITS, "--fast-math", "--target=nvvm-emulated"])
check("tune-nothing", "linalg and tiled", [DIGITS, "--tune", "--compile-to=linalg"])
check("weights-block", "32, 64, 128, channel, but got 48", [DIGITS, "--precision=w4", "--weight-block=48"])
check("weights-empty", "--weight-block: expected a value", [DIGITS, "--precision=w4", "--weight-block="])
check("weights-activations", "f32, f16, bf16, but got f64", [DIGITS, "--precision=w8", "--activation-type=f64"])
check("weights-elsewhere", "goes with --precision=w8 or w4, but precision is f16", [DIGITS, "--precision=f16", "--weight-scheme=symmetric"])
check("weights-codebook", "16 levels", [DIGITS, "--precision=w8", "--weight-scheme=codebook"])
check("header-over-library", "the header of -o out/x.h is the same file as -o", [DIGITS], output="out/x.h")
check("model-overwritten", r"-o \./m\.onnx is the same file as the model", ["m.onnx"], writer("m.onnx", digits), output="./m.onnx")
check("one-file-for-two", r"--report out/\.\./x\.json is the same file as --save-precision-config", [DIGITS, "--save-precision-config=x.json", "--report=out/../x.json"])
check("save-calibration-of-nothing", "--save-calibration needs samples", [DIGITS, "--save-calibration=out/t.json"])
check("save-of-no-decisions", "--save-precision-config: precisions are decided", [DIGITS, "--compile-to=grouped", "--save-precision-config=out/c.json"])
# What would be ignored is said.
check("emit-too-early", "--emit=archive is made of the phase library, but --compile-to=tiled stops before it", [DIGITS, "--emit=archive", "--compile-to=tiled"])
check("emit-kit-of-a-phase", "--emit=bench-kit is made of the phase library", [DIGITS, "--emit=bench-kit", "--compile-to=bufferized"])
check("emit-observer-too-early", "--emit=observer-library is made of the phase library", [DIGITS, "--emit=observer-library", "--compile-to=grouped"])
check("passes-after-the-last", "--insert-passes=after:tiled=canonicalize: expected one of the phases from imported to linalg",
      [DIGITS, "--insert-passes=after:tiled=canonicalize", "--compile-to=linalg"])
check("passes-of-a-kit", "after:annotated=canonicalize: expected one of the phases from imported to grouped",
      [DIGITS, "--insert-passes=after:annotated=canonicalize", "--emit=bench-kit"])
check("passes-after-a-library", "after:library=canonicalize: expected one of the phases from imported to llvm", [DIGITS, "--insert-passes=after:library=canonicalize", "--emit=mlir"])
for kind in ("bench-kit", "observer-library"):
    check(f"report-of-{kind}", "not for an observer or a kit", [DIGITS, f"--emit={kind}", "--report=out/r.json"])
check("report-too-early", "--report, --explain and --diagnose tell what is decided", [DIGITS, "--compile-to=grouped", "--report=out/r.json"])
check("report-samples-of-none", "--report-samples belongs to --report", [DIGITS, "--report-samples=3"])
check("decisions-too-early", "--decisions: precisions are decided", [DIGITS, "--compile-to=grouped", "--decisions=d.json"])
check("decisions-of-a-kit", "--decisions: precisions are decided", [DIGITS, "--emit=bench-kit", "--decisions=d.json"])
check("tuning-of-a-kit", "--tune and --tuning-table are for the library of a model, but --emit is bench-kit", [DIGITS, "--emit=bench-kit", "--tune"])
check("calibrator-of-nothing", "--calibrator makes ranges of what samples gave: give them with --calibration-data=PATH", [DIGITS, "--precision=w8", "--calibrator=minmax"])
check("linker-fails", "linking with '/bin/false' failed: exit status 1", [DIGITS, "--linker=/bin/false"])


def linalg(folder):
    subprocess.run([COMPILER, DIGITS, "--compile-to=linalg", "-o", "linalg.mlirbc"], cwd=folder, check=True)


check("passes-before-the-first", "after:imported=canonicalize: expected one of the phases from linalg to library",
      ["linalg.mlirbc", "--compile-from=linalg", "--insert-passes=after:imported=canonicalize"], linalg)
for flag in ("--shape=image=1x1x8x8", "--bind=image=x.npy"):
    check(f"import{flag[:6]}", "--shape and --bind change a model of ONNX as it is imported, but got linalg.mlirbc", ["linalg.mlirbc", "--compile-from=linalg", flag], linalg)
check("phase-not-said", "linalg.mlirbc: the model is of the phase linalg or a later one; --compile-from says which", ["linalg.mlirbc"], linalg)
check("phase-too-late", "expected one nested module per instruction set, but got none; is the module of the phase", ["linalg.mlirbc", "--compile-from=tiled"], linalg)
check("precision-too-late", "--precision: the phase linalg has its precisions already", ["linalg.mlirbc", "--compile-from=linalg", "--precision=bf16"], linalg)
check("two-models", "digits", [DIGITS, DIGITS])
check("no-model", "model", [])
check("output-folder-missing", "nowhere", [DIGITS], output="nowhere/model.so")
check("output-is-a-folder", "out", [DIGITS], output="out")
check("output-under-a-file", "plain", [DIGITS], writer("plain", b""), output="plain/model.so")

print("failed: " + ", ".join(failures) if failures else "all refused")
sys.exit(bool(failures))
