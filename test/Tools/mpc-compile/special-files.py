# REQUIRES: numpy, onnx
# RUN: %python %s --model %mpc_src_root/examples/digits/digits.onnx --work %t

"""Outputs that are pipes or devices, such as /dev/null, are written to: a file of that name does not take their place."""

import argparse
import os
import shutil
import stat
import subprocess
import sys
import threading


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    for name, flags in (("library", []), ("text", ["--compile-to=linalg"])):
        pipe, file = os.path.join(options.work, name), os.path.join(options.work, name + "-file")
        os.mkfifo(pipe)
        got = []

        def read():
            with open(pipe, "rb") as f:
                got.append(f.read())
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        subprocess.run(["mpc-compile", options.model, *flags, "--prefix=digits", "-o", file], check=True)
        subprocess.run(["mpc-compile", options.model, *flags, "--prefix=digits", "-o", pipe], check=True)
        if not stat.S_ISFIFO(os.stat(pipe).st_mode):
            sys.exit(f"FAILED: {name}: a file has taken the pipe's place")
        reader.join(timeout=60)
        with open(file, "rb") as f:
            if got != [f.read()]:
                sys.exit(f"FAILED: {name}: the pipe received something else than the file")
    if os.path.exists(os.path.join(options.work, "library.h")):
        sys.exit("FAILED: a header was written beside the pipe")


if __name__ == "__main__":
    main()
