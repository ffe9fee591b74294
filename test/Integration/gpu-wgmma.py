# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""Kernels of wgmma as mpc-lower-mma makes them, in the emulator; and what it says when a mistake is planted in one."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from gpu_kernels import check, open_work, prepare, replace

WHO = "the GPU kernel 'main_wgmma0' "


def main():
    work = open_work()
    rng = np.random.default_rng(5)

    # Halves, in small integers, so that sums are exact. One warpgroup of 64 columns; swizzles of 32, 64 and 128 bytes.
    x = rng.integers(-3, 4, (70, 144)).astype(np.float16)
    w = rng.integers(-3, 4, (50, 1, 144)).astype(np.float16)
    y = x.astype(np.float32) @ w[:, 0].T.astype(np.float32)
    for depth in (2, 4, 8):
        check(work, f"halves{depth}", prepare(work, x, w, y, "wgmma", rows=64, columns=64, warp_rows=64, warp_columns=64, depth=depth, stages=3), "")
    # Two warpgroups side by side, two below each other.
    check(work, "columns", prepare(work, x, w, y, "wgmma", rows=64, columns=64, warp_rows=64, warp_columns=32, depth=4, stages=4), "")
    # Three products with weights of their own.
    x = rng.integers(-3, 4, (3, 70, 144)).astype(np.float16)
    w = rng.integers(-3, 4, (3, 50, 1, 144)).astype(np.float16)
    y = x.astype(np.float32) @ w[:, :, 0].transpose(0, 2, 1).astype(np.float32)
    check(work, "batch", prepare(work, x, w, y, "wgmma", "batched,", rows=64, columns=64, warp_rows=64, warp_columns=64, depth=8, stages=3), "")

    # A convolution, a pad value, unsigned, rows and k that end within tiles.
    x = rng.integers(-128, 128, (1, 9, 9, 32), np.int8)
    w = rng.integers(-128, 128, (40, 9, 32), np.int8)
    padded = np.pad(x.view(np.uint8).astype(np.int32), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=7)
    y = np.zeros((1, 9, 9, 40), np.int32)
    for tap in range(9):
        y += padded[:, tap // 3:tap // 3 + 9, tap % 3:tap % 3 + 9] @ w[:, tap].T.astype(np.int32)
    check(work, "convolution",
          prepare(work, x, w, y, "wgmma", rows=128, columns=64, warp_rows=64, warp_columns=64, depth=8, stages=4,
                  attributes="unsigned_input, pad_value = 7 : i8, window = #kernel.window<sizes = [3, 3], strides = [1, 1], "
                             "dilations = [1, 1], low = [1, 1], high = [1, 1]>,"), "")

    # 130 rows and 100 columns end within blocks; k of 640 are five steps of 128 bytes.
    x = rng.integers(-128, 128, (130, 640), np.int8)
    w = rng.integers(-128, 128, (100, 1, 640), np.int8)
    y = x.astype(np.int32) @ w[:, 0].T.astype(np.int32)
    kernel = prepare(work, x, w, y, "wgmma", rows=128, columns=128, warp_rows=64, warp_columns=128, depth=8, stages=4)
    check(work, "right", kernel, "")
    check(work, "fence", replace(kernel, r"nvvm\.fence\.proxy.*", ""), WHO + "hands to wgmma or TMA what no fence.proxy.async has made known")
    check(work, "barrier", replace(kernel, r"gpu\.barrier.*", ""), WHO + "(reads shared memory before a copy|has a race)")
    check(work, "copies", replace(kernel, r"cp\.async\.wait\.group 1", "cp.async.wait.group 2"),
          WHO + "reads shared memory before a copy to it has come")
    # A stage that wgmma still reads is written; sums are used while it runs.
    check(work, "reading", replace(kernel, r"nvvm\.wgmma\.wait\.group\.sync\.aligned 1", ""), WHO + "has a race on shared memory")
    check(work, "sums", replace(kernel, r"nvvm\.wgmma\.wait\.group\.sync\.aligned 0", "nvvm.wgmma.wait.group.sync.aligned 1"),
          WHO + "uses sums of wgmma before it has waited for them")
    # Copies put chunks elsewhere than the descriptor says.
    check(work, "swizzle", replace(kernel, r"arith\.xori", "arith.ori", 1), WHO + "reads shared memory that nothing has written")
    check(work, "descriptor", replace(kernel, r"(arith\.constant )4611686\d+ : i64", r"\g<1>0 : i64"), "y")
    check(work, "outside", replace(kernel, r"arith\.constant 130 : index", "arith.constant 131 : index"),
          WHO + "loads or stores outside of a buffer")
    check(work, "divergence", replace(kernel, r"nvvm\.wgmma\.fence\.aligned",
                                      "%tid = gpu.thread_id x\n%one = arith.constant 1 : index\n%is_first = arith.cmpi ult, %tid, %one : index\n"
                                      "scf.if %is_first { nvvm.wgmma.fence.aligned }"),
          "expected a condition that is the same for all threads, since they meet inside; others would wait forever")


if __name__ == "__main__":
    main()
