# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""A kernel of tensor cores as mpc-lower-mma makes it, and what the emulator says when a mistake is planted in it."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np

# 70 rows and 40 columns end within blocks; 64 k blocks are four stages of 16, of which three are in shared memory.
ROWS, COLUMNS, DEPTH = 70, 40, 256

SOURCE = """
module attributes {mpc.model = {groups = [], hash = "", name = "k", precision = "keep",
    inputs = [{name = "x", type = tensor<70x256xi8>}, {name = "w", type = tensor<3x1x64x16x4xi8>}],
    outputs = [{name = "y", type = tensor<70x40xi32>}]}, mpc.weights = dense_resource<mpc_weights> : tensor<4xi8>} {
  module @x86_64_v3 attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>, mpc.march = "x86-64-v3"} {
    func.func @main(%x: memref<70x256xi8> {mpc.name = "x"}, %w: memref<3x1x64x16x4xi8> {mpc.name = "w"},
        %y: memref<70x40xi32> {mpc.name = "y"}, %arena: memref<?xi8>, %weights: memref<?xi8>)
        attributes {mpc.arena = {base = 0 : i64, per_batch = 0 : i64}} {
      kernel.contract ins(%x, %w : memref<70x256xi8>, memref<3x1x64x16x4xi8>) outs(%y : memref<70x40xi32>)
          attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 4>,
                      kernel.staging = {warp_rows = 32, warp_columns = 32, depth = 16, stages = 3}} {
      ^bb0(%acc: i32):
        kernel.yield %acc : i32
      }
      return
    }
  }
}
{-#
  dialect_resources: { builtin: { mpc_weights: "0x1000000000000000" } }
#-}
"""

LOWER = "builtin.module(builtin.module(mpc-lower-mma,canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining))"


def fail(text):
    sys.exit("FAILED: " + text)


def run(*command):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return p.returncode, p.stderr


def replace(text, pattern, by, count=0):
    changed, n = re.subn(pattern, by, text, count=count)
    if n == 0:
        fail(f"the kernel has no '{pattern}'")
    return changed


def check(work, name, kernel, expected_error):
    source, library = os.path.join(work, name + ".mlir"), os.path.join(work, name + ".so")
    with open(source, "w") as f:
        f.write(kernel)
    status, error = run("mpc-compile", source, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
    if status == 0:
        status, error = run("mpc-run", library, f"--input=x={work}/x.npy", f"--input=w={work}/w.npy", f"--expected=y={work}/y.npy",
                            "--rtol=0", "--atol=0")
    if (status != 0) != bool(expected_error) or not re.search(expected_error, error):
        fail(f"{name}: expected an error of '{expected_error}', but got exit {status} and\n{error}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, (ROWS, DEPTH), np.int8)
    w = rng.integers(-128, 128, (COLUMNS, DEPTH), np.int8)
    packed = np.zeros((48, DEPTH), np.int8)
    packed[:COLUMNS] = w
    np.save(os.path.join(work, "x.npy"), x)
    np.save(os.path.join(work, "w.npy"), packed.reshape(3, 16, 64, 4).transpose(0, 2, 1, 3).reshape(3, 1, 64, 16, 4))
    np.save(os.path.join(work, "y.npy"), x.astype(np.int32) @ w.T.astype(np.int32))

    source, lowered = os.path.join(work, "source.mlir"), os.path.join(work, "kernel.mlir")
    with open(source, "w") as f:
        f.write(SOURCE)
    status, error = run("mpc-opt", source, "--pass-pipeline=" + LOWER, "-o", lowered)
    if status:
        fail("mpc-opt: " + error)
    with open(lowered) as f:
        kernel = f.read()

    who = "the GPU kernel 'main_mma0' "
    check(work, "right", kernel, "")
    check(work, "barrier", replace(kernel, r"gpu\.barrier.*", ""), who + "reads shared memory before a copy to it has come")
    check(work, "wait", replace(kernel, r"wait\.group 1", "wait.group 2"), who + "reads shared memory before a copy to it has come")
    # What is read where nothing stands is seen as such, what is read from the wrong place in the numbers.
    *before, last = re.split(r"(?=%\S+ = arith\.xori)", kernel)
    first, *after = re.split(r"(?=%\S+ = arith\.xori)", kernel, maxsplit=1)
    check(work, "swizzle-read", "".join(before) + last.replace("arith.xori", "arith.ori", 1), "y")
    check(work, "swizzle-write", first + after[0].replace("arith.xori", "arith.ori", 1), who + "reads shared memory that nothing has written")
    check(work, "outside", replace(kernel, r"arith\.constant 70 : index", "arith.constant 71 : index"),
          who + "loads or stores outside of a buffer")
    check(work, "divergence", replace(kernel, r"gpu\.barrier.*",
                                      "%tid = gpu.thread_id x\n%one = arith.constant 1 : index\n%is_first = arith.cmpi ult, %tid, %one : index\n"
                                      "scf.if %is_first { gpu.barrier }"),
          "expected a condition that is the same for all threads, since they meet inside; others would wait forever")


if __name__ == "__main__":
    main()
