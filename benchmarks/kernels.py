"""Compiles and times the cases of cases.py, each in a process of its own."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import zlib

import numpy as np

import cases
import results

SOURCES = [pathlib.Path(__file__).with_name(name) for name in ("cases.py", "nets.py", "shapes.py", "kernels.py")]

PROCESSES = 3


class Failure(Exception):

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


def run(command, **options):
    """Standard output; what the program says on the other one is the message of a failure."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise Failure(lines[-1] if lines else f"{pathlib.Path(command[0]).name} ended with status {result.returncode}", result.returncode)
    return result.stdout


class Kernels:

    def __init__(self, tools, work):
        """`tools`: the folder of mpc-compile and mpc-bench-kernels; `work`: where models and libraries go."""
        self.tools = tools
        self.work = work
        self.peaks = None

    def prepare(self, case):
        """The folder of the case, with case.json as mpc-bench-kernels reads it: made anew where the compiler or these files have changed."""
        folder = self.work / re.sub(r"[^A-Za-z0-9._-]", "_", case.name)
        stamp = folder / "case.json"
        newest = max(path.stat().st_mtime for path in [*SOURCES, self.tools / "mpc-compile"])
        if stamp.exists() and stamp.stat().st_mtime > newest:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        race = case.prepare(folder, np.random.default_rng(zlib.crc32(case.name.encode())))
        mine = {"library": self.compile(folder, "model.so", race.options), "threads": race.threads, "input": "x.bin"}
        if race.own is None:
            peer = {"input": "x.bin"} | race.peer
        else:
            same = race.own == race.options
            peer = {"library": mine["library"] if same else self.compile(folder, "own.so", race.own), "threads": 1, "input": "x.bin"}
        # The weights are in the libraries.
        (folder / "model.onnx").unlink()
        peer = {key: str(folder / value) if isinstance(value, str) and (folder / value).is_file() else value for key, value in peer.items()}
        mine["input"] = str(folder / "x.bin")
        stamp.write_text(json.dumps({"tolerance": race.tolerance, "contestants": [mine, peer]}))
        return folder

    def compile(self, folder, name, options):
        run([self.tools / "mpc-compile", folder / "model.onnx", *options, "-o", folder / name])
        return str(folder / name)

    def race(self, arguments, folder):
        environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
        if results.ONEDNN_LIMIT in os.environ:
            environment[results.ONEDNN_LIMIT] = os.environ[results.ONEDNN_LIMIT]
        try:
            return json.loads(run([self.tools / "mpc-bench-kernels", *arguments], env=environment, cwd=folder))
        except Failure as failure:
            if not results.limit_onednn(failure.status):
                raise
        return self.race(arguments, folder)

    def machine(self):
        if not self.peaks:
            self.peaks = self.race(["--machine"], self.work)
        return self.peaks

    def measure(self, case, rounds, seconds):
        folder = self.prepare(case)
        mine, theirs = [], []
        # Which pages a process gets decides how they share the caches: a row is of several processes.
        for process in range(min(PROCESSES, rounds)):
            share = len(range(process, rounds, PROCESSES))
            race = json.loads((folder / "case.json").read_text()) | {"rounds": share, "slice": seconds}
            (folder / "race.json").write_text(json.dumps(race))
            outcome = self.race([folder / "race.json"], folder)
            if "error" in outcome:
                raise Failure(outcome["error"])
            own, peer = outcome["contestants"]
            mine += own["seconds"]
            theirs += peer["seconds"]
        row = {"table": case.table, "name": case.name, **results.compare(mine, theirs), "rounds": rounds, "isa": own["detail"],
               "peer": peer["detail"]}
        if case.operations:
            peak = self.machine()["peak_gops"][case.peak] * (2 if case.table == "threads" else 1)
            row |= {"gops": case.operations / row["seconds"] / 1e9, "peer_gops": case.operations / row["peer_seconds"] / 1e9}
            row |= {"of_peak": row["gops"] / peak, "peer_of_peak": row["peer_gops"] / peak}
        elif case.bytes:
            row["gb_per_s"] = case.bytes / row["seconds"] / 1e9
        return row


def measure_all(options, kernels, book):
    """Prints a line per case; returns how many failed. What is compiled already is timed only, so that --prepare can go first."""
    chosen = [case for case in cases.all_cases() if re.search(options.only, case.name)]
    if not chosen:
        raise SystemExit(f"error: no kernel's name matches {options.only!r} (--list shows them)")
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    if options.prepare:
        for number, case in enumerate(chosen):
            kernels.prepare(case)
            print(f"[{number + 1}/{len(chosen)}] {case.name}", flush=True)
        return 0
    failures, start = 0, time.monotonic()
    for case in chosen:
        if options.resume and book.find(case.name):
            continue
        if options.seconds and time.monotonic() - start > options.seconds:
            print("the time is up: --resume goes on", file=sys.stderr)
            return 3
        try:
            row = kernels.measure(case, options.rounds, options.slice)
        except Failure as failure:
            row, failures = {"table": case.table, "name": case.name, "error": str(failure)}, failures + 1
        title, peer, goal, worst = cases.TABLES[case.table]
        book.add(row, {"title": title, "peer": peer, "goal": goal, "worst_goal": worst})
        print(results.format_row(row), flush=True)
    return 1 if failures else 0
