#!/usr/bin/env python3
"""Times compiled libraries side by side with mpc-run.

    compare.py A.so B.so ... --input=[NAME=]FILE [--rounds=N] [--calls=N] [--threads=N] [--mpc-run=PATH]

Each round runs every library in turn; the ratios are taken within a round, then their median.
"""

import argparse
import json
import pathlib
import statistics
import subprocess


def median_ms(options, library):
    """Median latency of one call, in milliseconds."""
    command = [options.mpc_run, library, f"--benchmark={options.calls}", f"--threads={options.threads}", "--json"]
    command += [f"--input={value}" for value in options.input]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{library}: {result.stderr.strip()}")
    return json.loads(result.stdout)["median_ms"]


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="+")
    parser.add_argument("--input", action="append", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mpc-run", default=str(root / "build/bin/mpc-run"))
    options = parser.parse_args()

    rounds = [[median_ms(options, library) for library in options.library] for _ in range(options.rounds)]
    print(f"{'median ms':>10}  {'ratio':>6}  library")
    for index, library in enumerate(options.library):
        latency = statistics.median(times[index] for times in rounds)
        ratio = statistics.median(times[index] / times[0] for times in rounds)
        print(f"{latency:10.4f}  {ratio:6.3f}  {library}")


if __name__ == "__main__":
    main()
