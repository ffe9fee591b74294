#!/usr/bin/env python3
"""Compiles random graphs and compares what the libraries compute, with each other and with ONNX's reference.

    graphs.py                     for 20 seconds, from seed 1 on
    graphs.py --seconds=1800 --seed=5000
    graphs.py --seed=17 --count=1      one graph again
    graphs.py --model=model.onnx --inputs=inputs.npz     a model that was found, again

For each graph (generator.py):
  f32        the reference's values; the same bytes on every instruction set that the machine has and with any number of threads
  f16, bf16  the reference's values, as far as rounding goes; the same bytes with any number of threads
  int8       the same bytes on every instruction set and with any number of threads; nothing that is not finite

A refusal (mpc-compile says what it does not support) is counted, not a finding. A finding is written to --work: the model, its inputs,
why.txt, and what is left of it when nodes are taken away as long as it fails (reduced.onnx, reduced.mlir). Exit status 1 if there is one.
"""

import argparse
import collections
import dataclasses
import multiprocessing
import random
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import generator
from reducer import reduce

sys.path.append(str(Path(__file__).resolve().parents[1] / "python"))  # where mpc is not installed
import mpc  # noqa: E402

THREADS = (1, 2, 5)
ROUNDING = {"f32": 2.0 ** -20, "f16": 2.0 ** -10, "bf16": 2.0 ** -7}  # some steps of the mantissa
TIMEOUT = 120  # seconds of one graph


@dataclasses.dataclass(frozen=True)
class Finding:
    kind: str  # "refused" is none, the others are; a reduced model keeps the kind
    what: str


def reference(model, inputs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [np.asarray(output) for output in ReferenceEvaluator(model).run(None, inputs)]


def tolerances(model, inputs, outputs, rounding):
    """How far each output may be off: a multiple of what rounding the inputs does to it, and of rounding it."""
    numbers = np.random.default_rng(1)
    allowed = [8 * rounding * (np.abs(o) + (np.abs(o).max() if o.size else 0)) if o.dtype.kind == "f" else 0 for o in outputs]
    # Weights are rounded as well, but not numbers that make shapes.
    other = onnx.ModelProto()
    fixed = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    for _ in range(3):
        nudge = lambda a: (a * (1 + rounding * numbers.uniform(-1, 1, a.shape))).astype(a.dtype) if a.dtype.kind == "f" and a.size > 1 else a
        other.CopyFrom(model)
        for tensor in other.graph.initializer:
            if tensor.name not in fixed:
                tensor.CopyFrom(onnx.numpy_helper.from_array(nudge(onnx.numpy_helper.to_array(tensor)), tensor.name))
        moved = reference(other, {name: nudge(array) for name, array in inputs.items()})
        allowed = [a + 16 * np.abs(m - o) if o.dtype.kind == "f" and m.shape == o.shape else a for a, m, o in zip(allowed, moved, outputs)]
    return allowed


def compare(got, want, allowed):
    """None, or how they differ."""
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    with np.errstate(all="ignore"):
        wrong = ~((got == want) | (np.abs(got.astype(float) - want.astype(float)) <= allowed))
    if wrong.any():
        index = tuple(int(i[0]) for i in np.nonzero(wrong))
        return f"{wrong.sum()} of {wrong.size} values; first at {index}: {got[index]} instead of {want[index]}"
    return None


def check_precision(model, inputs, precision, jumps):
    samples = [inputs] if precision == "int8" else None
    if precision == "int8" and not any(array.dtype == np.float32 for array in inputs.values()):
        return None
    # What promises the same bytes everywhere, for every instruction set.
    march = None if precision in ("f32", "int8") else "native"
    library = mpc.compile(model, precision=precision, calibration=samples, march=march)
    first = None
    for isa in mpc.load(library).isas:
        for threads in THREADS:
            outputs = mpc.load(library, isa=isa, threads=threads).run(inputs)
            bytes_of = {name: array.tobytes() for name, array in outputs.items()}
            if first is None:
                first, where = bytes_of, f"{isa} with {threads} threads"
            for name in outputs:
                if bytes_of[name] != first[name]:
                    return Finding(f"{precision}: bytes", f"{name} differs between {where} and {isa} with {threads} threads")
    names = [output.name for output in model.graph.output]
    want = reference(model, inputs)
    if precision == "int8":
        bad = [n for n, w in zip(names, want) if w.dtype.kind == "f" and np.isfinite(w).all() and not np.isfinite(outputs[n]).all()]
        return Finding("int8: not finite", ", ".join(bad)) if bad else None
    if precision != "f32" and jumps:
        return None
    for name, expected, allowed in zip(names, want, tolerances(model, inputs, want, ROUNDING[precision])):
        difference = compare(outputs[name], expected, allowed)
        if difference:
            return Finding(f"{precision}: values", f"{name}: {difference}")
    return None


def check(model, inputs, precisions, jumps):
    """The first finding, or None."""
    for precision in precisions:
        try:
            found = check_precision(model, inputs, precision, jumps)
        except mpc.CompileError as error:
            crashed = error.status < 0 or error.status > 1
            text = re.sub(r"\S*model\.onnx: ", "", str(error).splitlines()[0])
            # A message of the passes, which no refusal of the importer is: something went wrong on the way.
            inner = not re.search(r"not supported|expected|--bind|--shape|too large", text)
            return Finding("crash" if crashed else f"{precision}: failed" if inner else "refused", f"{precision}: {text}")
        except mpc.ModelError as error:
            return Finding(f"{precision}: run", str(error))
        if found:
            return found
    return None


def isolated(*arguments):
    """`check` in a process of its own: the finding is "crash" if that ends, or does not."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(check(*arguments)))
    process.start()
    theirs.close()
    try:
        result = mine.recv() if mine.poll(TIMEOUT) else Finding("crash", f"no end after {TIMEOUT} s")
    except EOFError:
        process.join()
        result = Finding("crash", f"the library ended the process with status {process.exitcode}")
    process.join(1)  # it removes its libraries
    process.kill()
    process.join()
    return result


def write(folder, model, inputs, finding, options, jumps):
    """Writes a finding and what is left of it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    np.savez(folder / "inputs.npz", **inputs)
    precisions = [p for p in options.precisions if p == finding.kind.split(":")[0]] or options.precisions

    def fails(model, inputs):
        found = isolated(model, inputs, precisions, jumps)
        return found is not None and found.kind == finding.kind

    smaller, feed = reduce(model, inputs, fails)
    onnx.save(smaller, folder / "reduced.onnx")
    np.savez(folder / "reduced-inputs.npz", **feed)
    last = isolated(smaller, feed, precisions, jumps)
    (folder / "why.txt").write_text(f"{finding.kind}: {finding.what}\nreduced: {last.what if last else 'does not fail any more'}\n"
                                    f"{onnx.printer.to_text(smaller)}\n")
    with open(folder / "reduced.mlir", "w") as file:
        subprocess.run([mpc.find_tool("mpc-translate"), "--import-onnx", folder / "reduced.onnx"], stdout=file, stderr=subprocess.DEVNULL)
    return smaller


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--count", type=int, help="this many graphs, however long it takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precisions", type=lambda text: text.split(","), default=["f32", "f16", "bf16", "int8"])
    parser.add_argument("--without", type=lambda text: text.split(","), default=[], help="operators that the graphs do not have")
    parser.add_argument("--work", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--model", type=Path, help="a model instead of random ones")
    parser.add_argument("--inputs", type=Path, help="its inputs")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if options.model:
        found = isolated(onnx.load(options.model), dict(np.load(options.inputs)), options.precisions, False)
        print(f"{found.kind}: {found.what}" if found else "nothing found")
        return 1 if found else 0

    start, refusals, findings, done = time.monotonic(), collections.Counter(), 0, 0
    while done < options.count if options.count else time.monotonic() - start < options.seconds:
        seed = options.seed + done
        graph = generator.generate(random.Random(seed), options.without)
        found = isolated(graph.model, graph.inputs, options.precisions, graph.jumps)
        done += 1
        if found is None:
            continue
        if found.kind == "refused":
            refusals[re.sub(r"'[^']*'", "'...'", found.what)] += 1
            continue
        findings += 1
        smaller = write(options.work / str(seed), graph.model, graph.inputs, found, options, graph.jumps)
        print(f"seed {seed}: {found.kind}: {found.what}; reduced to {' '.join(n.op_type for n in smaller.graph.node)}, in {options.work / str(seed)}")
    for what, count in refusals.most_common():
        print(f"refused {count} times: {what}")
    print(f"{done} graphs, {sum(refusals.values())} refused, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
