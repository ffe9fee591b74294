#!/usr/bin/env python3
"""Runs ONNX's own backend tests against mpc, with ONNX's runner, and compares what happens with the lists beside this file.

    run.py                         every test in scope, in two processes; exit status 0 if the lists are right
    run.py REGEX                   those whose name matches; each that fails prints why
    run.py --operators             also a line per operator
    run.py --out-of-scope          runs what is out of scope as well, and reports what passes of it
    run.py --sample=N              every Nth test
    run.py --update                rewrites expected-failures.txt: without what passes, with what fails and the compiler's words as its
                                   reason, to be replaced by a better one

out-of-scope.txt and expected-failures.txt have a line per name or pattern of names: `test_of_this*: reason`. Both are checked
both ways: a test in scope must pass unless it is an expected failure, an expected failure must not pass, and a line that matches
no test is an error.

A test counts as "bound" where an input became a constant because it decides about a shape; see mpc.backend. The names are ONNX's without
the suffix _cpu.
"""

import argparse
import collections
import fnmatch
import multiprocessing
import multiprocessing.connection
import os
import re
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
LISTS = ("out-of-scope", "expected-failures")
TIMEOUT = 400  # seconds of one test; the largest models take a compiler without optimisation minutes


def read_list(name):
    """[(pattern, reason)] of one list."""
    rows = []
    for number, line in enumerate((HERE / f"{name}.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, colon, reason = line.partition(": ")
        if not colon or not reason.strip():
            sys.exit(f"{name}.txt:{number}: expected 'PATTERN: reason', but got '{line}'")
        rows.append((pattern.strip(), reason.strip()))
    return rows


def load(options):
    """{name: a unittest.TestCase} of the whole suite, and the backend that records what a test did."""
    # The models of the category Real are files of the onnx package; the runner keeps copies and their data here.
    os.environ["ONNX_HOME"] = options.work
    warnings.simplefilter("ignore")
    import mpc.backend
    import onnx.backend.test

    class Recording(mpc.backend.MPCBackend):
        options = {"march": "native", "precision": "keep"}
        prepared = None

        @classmethod
        def is_compatible(cls, model, device="CPU", **kwargs):
            return True  # out-of-scope.txt says what is not tried

        @classmethod
        def prepare(cls, model, device="CPU", **kwargs):
            cls.prepared = super().prepare(model, device)
            return cls.prepared

    runner = onnx.backend.test.BackendTest(Recording, __name__)
    tests = {}
    for case in runner.test_cases.values():
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
            name = test.id().split(".")[-1]
            if name.endswith("_cpu"):
                tests[name[:-len("_cpu")]] = test
    return tests, Recording


def run_one(test, backend):
    """(outcome, why, operators) of one test."""
    backend.prepared = None
    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test.run(result)
    prepared = backend.prepared
    operators = sorted({f"{n.domain}.{n.op_type}".lstrip(".") for n in prepared.model.graph.node}) if prepared else []
    problems = [text for _, text in result.errors + result.failures]
    if problems:
        lines = [line for line in problems[0].strip().splitlines() if line.strip()]
        # From the exception's line on; the stack before it is the runner's.
        start = max((i for i, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception|Failed)\b", line)), default=len(lines) - 1)
        return "fail", " ".join(line.strip() for line in lines[start:start + 6])[:400], operators
    if result.skipped:
        return "skip", result.skipped[0][1], operators
    return ("bound" if prepared and prepared.bound else "pass"), "", operators


def work(tests, backend, pipe):
    """A worker: answers names by outcomes until None comes."""
    os.environ["MPC_NUM_THREADS"] = "1"
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    while (name := pipe.recv()) is not None:
        pipe.send(run_one(tests[name], backend))


def run_all(names, tests, backend, jobs):
    """Yields (name, outcome, why, operators, seconds). A test that ends its process, or does not end, is a crash; another process goes on."""
    context = multiprocessing.get_context("fork")
    queue, workers = list(reversed(names)), {}

    def start():
        mine, theirs = context.Pipe()
        process = context.Process(target=work, args=(tests, backend, theirs), daemon=True)
        process.start()
        theirs.close()
        workers[mine] = [process, None, 0]
        give(mine)

    def give(pipe):
        workers[pipe][1:] = [queue.pop() if queue else None, time.monotonic()]
        pipe.send(workers[pipe][1])
        if workers[pipe][1] is None:
            workers.pop(pipe)[0].join()

    for _ in range(min(jobs, len(names))):
        start()
    while workers:
        for pipe in multiprocessing.connection.wait(list(workers), timeout=5):
            process, name, begun = workers[pipe]
            try:
                yield (name, *pipe.recv(), time.monotonic() - begun)
                give(pipe)
            except EOFError:
                process.join()
                yield name, "crash", f"the process ended with status {process.exitcode}", [], time.monotonic() - begun
                del workers[pipe]
                if queue:
                    start()
        for pipe, (process, name, begun) in list(workers.items()):
            if time.monotonic() - begun > TIMEOUT:
                process.kill()  # what follows is the end of its pipe


def update(failed, tried, names):
    """Rewrites the list of expected failures. What was not tried stays. A pattern of which something passes gives way to the names of the rest."""
    path, lines, known = HERE / "expected-failures.txt", [], set()
    for line in path.read_text().splitlines():
        pattern, colon, reason = line.partition(": ")
        if colon and not line.startswith("#"):
            matching = set(fnmatch.filter(names, pattern.strip()))
            left = matching & (set(failed) | (set(names) - tried))
            known |= matching
            if left != matching:
                lines += [f"{name}: {reason}" for name in sorted(left)]
                continue
        lines.append(line)
    for name in sorted(set(failed) - known):
        reason = re.sub(r"^[\w.]*Error: ", "", failed[name])
        lines.append(f"{name}: " + re.sub(r"^\S*model\.onnx: ", "", reason)[:120])
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("filter", nargs="?", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--operators", action="store_true", help="a line per operator")
    parser.add_argument("--out-of-scope", action="store_true", help="run what is out of scope as well")
    parser.add_argument("--sample", type=int, default=1, help="every Nth test")
    parser.add_argument("--update", action="store_true", help="rewrite expected-failures.txt")
    parser.add_argument("--verbose", action="store_true", help="print why expected failures fail, and the slowest tests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mpc-conformance-") as options.work:
        return run(options)


def run(options):
    lists = {name: read_list(name) for name in LISTS}
    tests, backend = load(options)
    names = sorted(tests)
    wrong = [f"{where}.txt: '{pattern}' matches no test" for where, rows in lists.items() for pattern, _ in rows
             if not fnmatch.filter(names, pattern)]

    def listed(where, name):
        return next((reason for pattern, reason in lists[where] if fnmatch.fnmatchcase(name, pattern)), None)

    scope = {name: listed("out-of-scope", name) for name in names}
    failures = {name: listed("expected-failures", name) for name in names}
    wrong += [f"{name} is in both lists" for name in names if scope[name] and failures[name]]
    for problem in wrong:
        print(f"error: {problem}")
    chosen = [n for n in names if re.search(options.filter, n) and (options.out_of_scope or not scope[n])][::options.sample]
    if not chosen:
        sys.exit(f"no test in scope matches '{options.filter}'")

    def report(problem):
        wrong.append(problem)
        print(f"error: {problem}", flush=True)

    counts, per, slow, failed = collections.Counter(), collections.defaultdict(collections.Counter), [], {}
    for name, outcome, why, operators, seconds in run_all(chosen, tests, backend, options.jobs):
        passed = outcome in ("pass", "bound")
        if not passed and not scope[name]:
            failed[name] = failures[name] or why
        slow.append((seconds, name))
        if scope[name]:
            if passed:
                print(f"out of scope, but passes: {name} ({scope[name]})", flush=True)
            continue
        if outcome == "crash" or (not passed and not failures[name]):
            report(f"{name}: {outcome}: {why}")
        elif passed and failures[name]:
            report(f"{name} passes, but is an expected failure ({failures[name]})")
        elif not passed and (options.verbose or options.filter):
            print(f"expected: {name}: {outcome}: {why}", flush=True)
        kind = outcome if passed else "expected failures" if failures[name] else "failed"
        counts[kind] += 1
        for operator in operators:
            per[operator][kind] += 1

    if options.update:
        update(failed, set(chosen), names)
    if options.operators:
        for operator, row in sorted(per.items()):
            print(f"{operator:32}", ", ".join(f"{count} {kind}" for kind, count in row.items()))
    if options.verbose:
        for seconds, name in sorted(slow, reverse=True)[:10]:
            print(f"{seconds:6.1f} s  {name}")
    skipped = sum(1 for n in names if scope[n] and re.search(options.filter, n))
    print(f"{counts['pass']} passed, {counts['bound']} bound, {counts['expected failures']} expected failures, {counts['failed']} failed, "
          f"{skipped} out of scope")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
