"""Runs mpc-preprocess with each configuration in the comments of a file and compares the error with what stands beside it."""

import pathlib
import re
import subprocess
import sys

source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
config = folder / "config.json"
cases = [line[3:].split(" | ") for line in open(source) if line.startswith("// ") and " | " in line]
assert len(cases) > 15
for text, expected in cases:
    config.write_text(text)
    done = subprocess.run(["mpc-opt", source, f"-pass-pipeline=builtin.module(mpc-preprocess{{config={config}}})"], capture_output=True, text=True)
    pattern = ".*".join(map(re.escape, expected.strip().split("{{.*}}")))
    assert done.returncode == 1 and re.search(f"error: --preprocess: {re.escape(str(config))}: {pattern}", done.stderr), (text, expected, done.stderr)
