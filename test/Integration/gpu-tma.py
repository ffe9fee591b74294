# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""Kernels whose blocks stay, fed by TMA, as mpc-lower-mma makes them, in the emulator; and what it says when a mistake is planted in one."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/Inputs")
from gpu_kernels import check, open_work, prepare, replace

WHO = "the GPU kernel 'main_wgmma0' "


def product(rng, kind, rows, k, channels, batch=()):
    low, high = (-3, 4) if kind == np.float16 else (-128, 128)
    x = rng.integers(low, high, (*batch, rows, k)).astype(kind)
    w = rng.integers(low, high, (*batch, channels, 1, k)).astype(kind)
    sums = np.float32 if kind == np.float16 else np.int32
    return x, w, x.astype(sums) @ np.moveaxis(w[..., 0, :], -1, -2).astype(sums)


def main():
    work = open_work()
    rng = np.random.default_rng(6)
    tile = lambda rows, columns, stages, resident: dict(rows=rows, columns=columns, warp_rows=64, warp_columns=columns, depth=8, stages=f"{stages}, resident = {resident}")

    # Rows, columns and k end within boxes. One warpgroup that multiplies; three steps in a ring of three; more blocks than tiles, and fewer.
    x, w, y = product(rng, np.float16, 70, 144, 80)
    check(work, "many", prepare(work, x, w, y, "wgmma", **tile(64, 64, 3, 8)), "")
    check(work, "one", prepare(work, x, w, y, "wgmma", **tile(64, 64, 3, 1)), "")
    # One step: nothing is ahead within a tile. A band of eight rows of tiles, and what is left.
    x, w, y = product(rng, np.float16, 600, 64, 80)
    check(work, "bands", prepare(work, x, w, y, "wgmma", **tile(64, 64, 2, 3)), "")
    # Three products with weights of their own.
    x, w, y = product(rng, np.float16, 70, 144, 50, batch=(3,))
    check(work, "batch", prepare(work, x, w, y, "wgmma", "batched,", **tile(64, 64, 3, 2)), "")

    # Two warpgroups, a ring of four stages that k of five steps goes round and round.
    x, w, y = product(rng, np.int8, 150, 640, 200)
    unsigned = x.view(np.uint8).astype(np.int32) @ w[:, 0].T.astype(np.int32)
    check(work, "unsigned", prepare(work, x, w, unsigned, "wgmma", "unsigned_input,", **tile(128, 128, 4, 3)), "")
    kernel = prepare(work, x, w, y, "wgmma", **tile(128, 128, 4, 3))
    check(work, "right", kernel, "")

    # No arrival, no wait, by those that multiply or by the one that copies; fewer bytes than come; fewer arrivals than there are.
    check(work, "empty", replace(kernel, r"%\S+ = nvgpu\.mbarrier\.arrive %.*", ""), WHO + "waits forever: .*warpgroup 2 at the even phase of mbarrier 4")
    check(work, "full", replace(kernel, r"nvgpu\.mbarrier\.try_wait\.parity %.*", "", 1), WHO + "reads shared memory before a copy to it has come")
    check(work, "free", replace(kernel, r"(?s)(.*)nvgpu\.mbarrier\.try_wait\.parity [^\n]*", r"\1"), WHO + "arrives at mbarrier 0 more often")
    check(work, "bytes", replace(kernel, r"arith\.constant 32768 : index", "arith.constant 32752 : index"), WHO + "waits forever: warpgroup 0 at the even phase")
    check(work, "count", replace(kernel, r"(mbarrier\.init %\S+, )%c8 ", r"\1%c4 "), WHO + "waits forever")
    # A stage is given back while wgmma still reads it; mbarriers are used before they are initialised.
    check(work, "reading", replace(kernel, r"nvvm\.wgmma\.wait\.group\.sync\.aligned 1", ""), WHO + "has a race on shared memory")
    check(work, "init", replace(kernel, r"gpu\.barrier.*", ""), WHO + "has a race on shared memory")
    check(work, "swizzle", replace(kernel, "swizzle = swizzle_128b", "swizzle = none"), "output 'y': .* values differ")


if __name__ == "__main__":
    main()
