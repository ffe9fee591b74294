# REQUIRES: numpy, onnx, avx2
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %mpc_src_root %t

"""The bundle for machines with a GPU: made of emulated libraries its tests pass here, a wrong output fails, and without NumPy or without a device
it says so."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np

ROOT, WORK = map(pathlib.Path, sys.argv[1:3])
# The bundle has its own copy of the package and nothing of mpc around it.
ALONE = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1", "LD_LIBRARY_PATH": ""}


def run(*command, expect, pattern, env=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env, cwd=WORK)
    if done.returncode != expect or not re.search(pattern, done.stdout + done.stderr):
        sys.exit(f"FAILED: {' '.join(map(str, command))}: exit {done.returncode}, expected {expect} and '{pattern}'\n{done.stdout}{done.stderr}")


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    make = [sys.executable, ROOT / "benchmarks" / "gpu" / "make.py", "--sizes="]
    bundle = WORK / "emulated"
    run(*make, f"--out={bundle}", "--model=none.onnx", expect=1, pattern=r"\Aerror: --model: no such file: none.onnx\n\Z")
    assert not bundle.exists(), "something half-written"
    run(*make, f"--out={bundle}", "--target=nvvm-emulated", "--only=digits/(int8|f16)", expect=0, pattern="2 tests, 0 benchmarks")
    run(bundle / "test.sh", expect=0, pattern=r"PASS  digits/int8\nPASS  digits/f16\n2 passed, 0 failed", env=ALONE)
    # One value of an integer model's expected outputs is another.
    path = bundle / "data" / "digits-int8-expected.npz"
    with np.load(path) as file:
        expected = dict(file)
    expected["logits"][1, 2] += 1
    np.savez(path, **expected)
    run(bundle / "test.sh", "--only=int8", expect=1, pattern=r"FAIL  digits/int8: run 1: logits: 1 of 30 values differ", env=ALONE)
    bare = WORK / "python-without-packages"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    run(bundle / "test.sh", expect=1, pattern=r"\Aerror: .* has no NumPy; PYTHON=... names another Python", env={**ALONE, "PYTHON": str(bare)})
    if not os.path.exists("/dev/nvidiactl"):
        run(*make, f"--out={WORK / 'real'}", "--only=digits/f32", expect=0, pattern="1 tests")
        run(WORK / "real" / "test.sh", expect=77, pattern="skipped: run: GPU: libcuda", env=ALONE)
        run(WORK / "real" / "bench.sh", expect=77, pattern="skipped: there is no PyTorch with a CUDA device", env=ALONE)


if __name__ == "__main__":
    main()
