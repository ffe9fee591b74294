# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""A kernel of tensor cores as mpc-lower-mma makes it, and what the emulator says when a mistake is planted in it."""

import os
import re
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from gpu_kernels import check, open_work, prepare, replace


def main():
    work = open_work()
    rng = np.random.default_rng(5)
    # 70 rows and 40 columns end within blocks; 64 k blocks are four stages of 16, of which three are in shared memory.
    x = rng.integers(-128, 128, (70, 256), np.int8)
    w = rng.integers(-128, 128, (40, 1, 256), np.int8)
    y = x.astype(np.int32) @ w[:, 0].T.astype(np.int32)
    kernel = prepare(work, x, w, y, "mma", rows=64, columns=64, warp_rows=32, warp_columns=32, depth=16, stages=3)

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
