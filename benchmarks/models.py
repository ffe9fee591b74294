"""Whole models beside ONNX Runtime and OpenVINO: time, and for int8 the accuracy beside it."""

import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx

import cases
import peers
import results
from kernels import run

ROUND_SECONDS = 0.3
CALIBRATION, TEST = 200, 500  # samples at most

TABLES = {
    ("f32", "onnxruntime"): ("whole models, f32", "ONNX Runtime", 1.3, 1.0),
    ("f32", "openvino"): ("whole models, f32", "OpenVINO", 1.1, None),
    ("int8", "onnxruntime"): ("whole models, int8", "ONNX Runtime's int8", 2.0, 1.2),
    ("int8", "openvino"): ("whole models, int8", "OpenVINO's int8 (NNCF)", 1.2, None),
    ("int8", "own"): ("whole models, int8", "own f32", 2.2, 1.0),
    ("f32", "compile"): ("compiling, f32", "time and peak memory", None, None),
    ("int8", "compile"): ("compiling, int8, calibration included", "time and peak memory", None, None),
    ("keep", "onnxruntime"): ("u8 x s8 -> u8, requantized, 256 to 2048 cubed", "ONNX Runtime", 1.3, None),
}
NICKNAMES = {"onnxruntime": "ort", "openvino": "openvino", "own": "own-f32", "compile": "compile"}


class Model:
    """A model file, its samples ({input: array, the first dimension counts them}), the labels if there are any."""

    def __init__(self, path, samples, labels=None, precisions=("f32", "int8"), name=None):
        self.path, self.samples, self.labels, self.precisions = path, samples, labels, precisions
        self.name = name or path.stem
        count = min(len(value) for value in samples.values())
        # Nothing calibrates on what accuracy is counted on, unless there is one sample only.
        half = max(1, count // 2)
        self.calibration = list(range(min(half, CALIBRATION)))
        self.test = list(range(half if count > 1 else 0, count))[:TEST]

    def feed(self, index):
        return {name: np.ascontiguousarray(value[index:index + 1]) for name, value in self.samples.items()}

    def write(self, path, indices):
        np.savez(path, **{name: value[indices] for name, value in self.samples.items()})
        return path


def model_inputs(path):
    """{name: dimensions, None where symbolic} of a model's inputs."""
    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return {value.name: [dim.dim_value if dim.HasField("dim_value") else None for dim in value.type.tensor_type.shape.dim]
            for value in graph.input if value.name not in constants}


def parse_model(text):
    """MODEL,SAMPLES[,LABELS]"""
    parts = [pathlib.Path(part) for part in text.split(",")]
    if len(parts) not in (2, 3):
        raise SystemExit(f"error: expected MODEL,SAMPLES[,LABELS], but got {text!r}")
    for part in parts:
        if not part.is_file():
            raise SystemExit(f"error: {part}: no such file")
    try:
        inputs, loaded = list(model_inputs(parts[0])), np.load(parts[1])
        labels = np.load(parts[2]).reshape(-1) if len(parts) == 3 else None
    except Exception as error:  # whatever these libraries raise on a file that is none of theirs
        raise SystemExit(f"error: {text}: {error}")
    samples = dict(loaded) if hasattr(loaded, "files") else {inputs[0]: loaded}
    if sorted(samples) != sorted(inputs):
        raise SystemExit(f"error: {parts[1]}: expected samples of the inputs {', '.join(inputs)}, but got {', '.join(samples)}")
    return Model(parts[0], samples, labels)


def example_models(work):
    """The models of examples/."""
    folder = work / "digits"
    run([sys.executable, results.ROOT / "examples/digits/data.py", folder])
    return [Model(results.ROOT / "examples/digits/digits.onnx", {"image": np.load(folder / "images.npy")}, np.load(folder / "labels.npy"))]


def quantized_products(work):
    """The products of the table u8u8 once more, for the peer that kernels.py has not."""
    found = []
    for n in cases.SIZES:
        folder = work / f"qlinearmatmul-{n}"
        folder.mkdir(exist_ok=True)
        cases.quantized_matmul(n, n, n)(folder, np.random.default_rng(n))
        # One sample, whose first dimension is no batch.
        x = np.fromfile(folder / "x.bin", np.uint8).reshape(n, n)
        model = Model(folder / "model.onnx", {"x": x[None]}, precisions=("keep",), name=f"qlinearmatmul/{n}")
        model.feed = lambda index, x=x: {"x": x}
        found.append(model)
    return found


def cost(command):
    """Seconds, and the most memory in MiB, of a command."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(message)
    return time.monotonic() - start, usage.ru_maxrss / 1024


class Models:

    def __init__(self, tools, work, threads, rounds):
        self.tools, self.work, self.threads, self.rounds = tools, work, threads, rounds

    def folder(self, model):
        folder = self.work / re.sub(r"[^A-Za-z0-9._-]", "_", model.name)
        folder.mkdir(exist_ok=True)
        return folder

    def library(self, model, precision):
        folder = self.folder(model)
        library = folder / f"{precision}.so"
        if library.exists() and library.stat().st_mtime > max((self.tools / "mpc-compile").stat().st_mtime, model.path.stat().st_mtime):
            return library
        run(self.compilation(model, precision, library))
        return library

    def compilation(self, model, precision, library):
        """The command that makes `library`."""
        folder = self.folder(model)
        options = [f"--precision={precision}"]
        if precision == "int8":
            options.append(f"--calibration-data={model.write(folder / 'calibration.npz', model.calibration)}")
        for name, dims in model_inputs(model.path).items():
            if None in dims[1:]:
                options.append(f"--shape={name}=" + "x".join(map(str, model.feed(0)[name].shape)))
        return [self.tools / "mpc-compile", model.path, *options, "-o", library]

    def compiling(self, model, precision):
        """Seconds and peak memory, the median of three compilations."""
        library = self.folder(model) / "compiled.so"
        seconds, peaks = zip(*(cost(self.compilation(model, precision, library)) for _ in range(3)))
        return {"seconds": statistics.median(seconds), "peak_mib": statistics.median(peaks), "rounds": 3}

    def mine(self, library, feed_file, calls):
        command = [self.tools / "mpc-run", library, f"--input={feed_file}", f"--benchmark={calls}", f"--threads={self.threads}", "--json"]
        return json.loads(run(command))["median_ms"] / 1e3

    def race(self, library, feed_file, theirs):
        """`theirs`: a function calls -> seconds."""
        calls = lambda seconds: int(np.clip(ROUND_SECONDS / seconds, 5, 5000))
        my_calls, their_calls = calls(self.mine(library, feed_file, 5)), calls(theirs(5))
        rounds = [(self.mine(library, feed_file, my_calls), theirs(their_calls)) for _ in range(self.rounds)]
        return results.compare(*zip(*rounds))

    def against_peer(self, model, precision, peer):
        """The row of the peer's fastest variant."""
        folder = self.folder(model)
        feed_file = folder / "feed.npz"
        np.savez(feed_file, **model.feed(model.test[0]))
        library = self.library(model, precision)
        files = {"": model.path}
        if precision == "int8":
            files = peers.quantized(peer, model.path, folder, [model.feed(index) for index in model.calibration])
        best = None
        for variant, file in files.items():
            worker = peers.Worker(peer, file, self.threads, feed_file)
            try:
                row = self.race(library, feed_file, worker.seconds) | {"peer": f"{peer} {variant}".strip(), "file": str(file)}
            finally:
                worker.close()
            if not best or row["peer_seconds"] < best["peer_seconds"]:
                best = row
        file = best.pop("file")
        if precision == "int8":
            best["accuracy"] = self.accuracy(model, library, peer, pathlib.Path(file))
        return best

    def against_self(self, model):
        feed_file = self.folder(model) / "feed.npz"
        np.savez(feed_file, **model.feed(model.test[0]))
        f32 = self.library(model, "f32")
        return self.race(self.library(model, "int8"), feed_file, lambda calls: self.mine(f32, feed_file, calls))

    def accuracy(self, model, library, peer, peer_model):
        """top-1 where there are labels, else the ratio of signal to noise against the f32 model; mpc's and the peer's."""
        folder = self.folder(model)
        feeds = [model.feed(index) for index in model.test]
        shutil.rmtree(folder / "out", ignore_errors=True)
        run([self.tools / "mpc-run", library, f"--input={model.write(folder / 'test.npz', model.test)}", f"--output={folder / 'out'}"])
        index = json.loads((folder / "out/index.json").read_text()) if (folder / "out/index.json").exists() else {}
        first = onnx.load(str(model.path), load_external_data=False).graph.output[0].name
        mine = np.load(folder / "out" / pathlib.Path(index.get(first, f"{first}.npy")).name)
        theirs = peers.outputs(peer, peer_model, feeds)
        if model.labels is not None:
            labels = model.labels[model.test]
            count = lambda values: float(np.mean([np.argmax(value) == label for value, label in zip(values, labels)]))
            return f"top-1 {100 * count(mine):.1f} / {100 * count(theirs):.1f} %"
        exact = np.stack(peers.outputs("onnxruntime", model.path, feeds)).reshape(-1).astype(np.float64)
        signal = lambda values: 10 * np.log10(np.sum(exact**2) / max(np.sum((np.asarray(values).reshape(-1) - exact)**2), 1e-30))
        return f"SQNR {signal(mine):.1f} / {signal(np.stack(theirs)):.1f} dB"


def versions():
    """Of the peers, all of which are needed."""
    try:
        return {name: importlib.metadata.version(name) for name in (*peers.NAMES, "nncf")}
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemExit(f"error: the package {error.name} is not installed in {sys.prefix}: benchmarks/run.sh installs it")


def choose(options, work):
    """The models on the command line, or the default ones."""
    return [parse_model(text) for text in options.model] if options.model else example_models(work) + quantized_products(work)


def measure_all(options, given, tools, work, book):
    running = Models(tools, work, options.threads, options.rounds)
    # Rows of more threads are other rows.
    suffix = f"-{options.threads}-threads" if options.threads > 1 else ""
    chosen = [(model, precision, peer, f"{precision}/{NICKNAMES[peer]}/{model.name}{suffix}") for (precision, peer) in TABLES for model in given
              if precision in model.precisions]
    chosen = [row for row in chosen if re.search(options.only, row[3])]
    if options.list:
        print("\n".join(row[3] for row in chosen))
        return 0
    failures, start = 0, time.monotonic()
    for model, precision, peer, name in chosen:
        if options.prepare:
            running.library(model, precision)
            if precision == "int8" and peer not in ("own", "compile"):
                peers.quantized(peer, model.path, running.folder(model), [model.feed(index) for index in model.calibration])
            continue
        if options.resume and book.find(name):
            continue
        if options.seconds and time.monotonic() - start > options.seconds:
            print("the time is up: --resume goes on", file=sys.stderr)
            return 3
        row = {"table": f"{precision}-{NICKNAMES[peer]}{suffix}", "name": name}
        try:
            row["rounds"] = options.rounds
            if peer == "compile":
                row |= running.compiling(model, precision)
            else:
                row |= running.against_self(model) if peer == "own" else running.against_peer(model, precision, peer)
        except Exception as failure:  # the peers raise all kinds; the other rows go on
            row["error"] = str(failure).strip().splitlines()[0][:200] if str(failure).strip() else type(failure).__name__
            failures += 1
        title, against, goal, worst = TABLES[precision, peer]
        book.add(row, {"title": title + (f", {options.threads} threads" if suffix else ""), "peer": against, "goal": goal, "worst_goal": worst})
        print(results.format_row(row), flush=True)
    return 1 if failures else 0
