#!/usr/bin/env python3
"""Times mpc beside its peers, in rounds that alternate; run.sh sets up what this needs.

    run.py kernels    kernels against oneDNN
    run.py models     whole models against ONNX Runtime and OpenVINO: those of examples/, or --model
    run.py table      what the file of results holds
    run.py plot       the same as a page, beside it
"""

import argparse
import os
import pathlib
import re
import sys

import results

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kernels", "models", "table", "plot"])
    parser.add_argument("--build", type=pathlib.Path, default=os.environ.get("MPC_BUILD", ROOT / "build"), help="the build folder (default: $MPC_BUILD, build)")
    parser.add_argument("--work", type=pathlib.Path, help="where models and libraries go (default: benchmarks in the build folder)")
    parser.add_argument("--results", type=pathlib.Path, help="the file of results (default: results/local.json beside this program)")
    parser.add_argument("--model", action="append", metavar="MODEL,SAMPLES[,LABELS]",
                        help="an ONNX model, its samples (.npy, or .npz keyed by input; the first dimension counts them) and their classes: "
                        "one half of the samples calibrates, the other one counts the accuracy")
    parser.add_argument("--threads", type=int, default=1, help="of models (default: 1)")
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose name it matches")
    parser.add_argument("--rounds", type=int, default=9, help="(default: 9)")
    parser.add_argument("--slice", type=float, default=0.01, help="seconds of a kernel in a round (default: 0.01)")
    parser.add_argument("--seconds", type=float, help="start no row after so many; exit status 3 if some are left")
    parser.add_argument("--resume", action="store_true", help="leave out the rows that the file of results has")
    parser.add_argument("--prepare", action="store_true", help="compile and time nothing")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    return parser.parse_args()


def main():
    options = parse()
    path = options.results or ROOT / "benchmarks" / "results" / "local.json"
    build = options.build.resolve()
    tools, work = build / "bin", (options.work or build / "benchmarks").resolve()
    measuring = options.what in ("kernels", "models") and not (options.list or options.prepare)
    command = results.describe_command("benchmarks/run.sh", sys.argv[1:])
    if options.what in ("table", "plot"):
        if not path.exists():
            raise SystemExit(f"error: {path}: no such file: measure first")
        data = results.load(path)
        if options.what == "plot":
            import plot
            path.with_suffix(".html").write_text(plot.page(data))
            print(path.with_suffix(".html"))
        else:
            print("\n".join(results.format_row(row) for row in data["rows"] if re.search(options.only, row["name"])))
            print("\n" + results.format_summary(data))
        return 0
    (work / options.what).mkdir(parents=True, exist_ok=True)
    needed = "mpc-bench-kernels" if options.what == "kernels" else "mpc-run"
    if not options.list and not (tools / needed).exists():
        raise SystemExit(f"error: {tools / needed} is not built: run benchmarks/run.sh, or ninja -C {options.build} benchmarks")
    try:
        import kernels
        import models
    except ModuleNotFoundError as error:
        raise SystemExit(f"error: {error.name} is not installed in {sys.prefix}: benchmarks/run.sh installs it")
    if options.what == "kernels":
        running = kernels.Kernels(tools, work / "kernels")
        book = results.Results(path, command, running.machine()) if measuring else None
        status = kernels.measure_all(options, running, book)
    else:
        given = models.choose(options, work / "models")
        book = results.Results(path, command, models.versions()) if measuring else None
        status = models.measure_all(options, given, tools, work / "models", book)
    if measuring:
        print("\n" + results.format_summary(book.data))
    return status


if __name__ == "__main__":
    sys.exit(main())
