# REQUIRES: clang_format
# RUN: %python %s %mpc_src_root

"""C and C++ read as clang-format writes them with the file in the root."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
FOLDERS = "benchmarks", "cmake", "examples", "fuzz", "include", "lib", "runtime", "test", "tools", "unittests"
sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".c", ".cpp", ".h")]
assert len(sources) > 400, "where are the sources?"
wrong = []
for begin in range(0, len(sources), 100):
    done = subprocess.run([pathlib.Path(sys.executable).parent / "clang-format", "--dry-run", *sources[begin:begin + 100]], capture_output=True, text=True)
    wrong += sorted({line.split(":")[0] for line in done.stderr.splitlines() if "-Wclang-format-violations" in line})
if wrong:
    sys.exit("clang-format -i would change:\n" + "\n".join(wrong))
