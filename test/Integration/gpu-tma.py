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


def convolution(rng, kind, shape, channels, sizes, strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0), pad=0, unsigned=False):
    """Of pixels `shape` (channels last), padded by `pads` (top, left, bottom, right); and the attributes of kernel.contract."""
    low, high = (-3, 4) if kind == np.float16 else (-128, 128)
    x = rng.integers(low, high, shape).astype(kind)
    w = rng.integers(low, high, (channels, sizes[0] * sizes[1], shape[3])).astype(kind)
    sums = np.float32 if kind == np.float16 else np.int32
    values = (x.view(np.uint8) if unsigned else x).astype(sums)
    padded = np.pad(values, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)), constant_values=pad)
    height, width = ((padded.shape[1 + d] - (sizes[d] - 1) * dilations[d] - 1) // strides[d] + 1 for d in range(2))
    y = np.zeros((shape[0], height, width, channels), sums)
    for tap in range(w.shape[1]):
        kh, kw = tap // sizes[1] * dilations[0], tap % sizes[1] * dilations[1]
        y += padded[:, kh:kh + (height - 1) * strides[0] + 1:strides[0], kw:kw + (width - 1) * strides[1] + 1:strides[1]] @ w[:, tap].T.astype(sums)
    window = ", ".join(f"{name} = [{a}, {b}]" for name, (a, b) in
                       zip(("sizes", "strides", "dilations", "low", "high"), (sizes, strides, dilations, pads[:2], pads[2:])))
    value = f"pad_value = {float(pad)} : f16, " if kind == np.float16 else f"pad_value = {pad} : i8, "
    return x, w, y, ("unsigned_input, " if unsigned else "") + (value if any(pads) else "") + f"window = #kernel.window<{window}>,"


def check_windows(work, rng, tile):
    """The same for convolutions, whose pixels come with cp.async."""
    for name, arguments, sizes in (
            # Rows, taps and k end within tiles, chunks and stages: k are 9 x 48 bytes, 3.4 steps. Zeros around.
            ("zeros", dict(kind=np.float16, shape=(2, 9, 8, 24), channels=80, sizes=(3, 3), pads=(1, 1, 1, 1)), (64, 64, 3, 2)),
            # No pads, strides, dilations, another height than width; two warpgroups, one block.
            ("strides", dict(kind=np.int8, shape=(3, 12, 15, 64), channels=70, sizes=(2, 5), strides=(2, 3), dilations=(3, 1)), (128, 64, 4, 1)),
            # One tap; of the last row of pixels nothing is read.
            ("pointwise", dict(kind=np.float16, shape=(1, 16, 18, 64), channels=64, sizes=(1, 1), strides=(2, 2)), (64, 64, 2, 8)),
            # The largest window there is.
            ("large", dict(kind=np.int8, shape=(1, 9, 9, 16), channels=33, sizes=(15, 15), pads=(7, 7, 7, 7), pad=-1), (128, 128, 6, 3)),
            # Rows of 32 bytes.
            ("short", dict(kind=np.int8, shape=(1, 9, 9, 48), channels=33, sizes=(3, 3)), (64, 64, 4, 3, 2)),
            # Another value around: threads store it.
            ("pads", dict(kind=np.int8, shape=(2, 9, 8, 48), channels=80, sizes=(3, 3), pads=(1, 0, 1, 2), pad=7, unsigned=True), (64, 64, 3, 2))):
        x, w, y, attributes = convolution(rng, **arguments)
        stores = prepare(work, x, w, y, "wgmma", attributes, **tile(*sizes))
        check(work, name, stores, "")
    # What copies and stores have written reaches wgmma by a fence, after all of it has come; slots are filled when they are free.
    check(work, "fence", replace(stores, r"nvvm\.fence\.proxy.*", ""), WHO + "hands to wgmma or TMA what no fence.proxy.async has made known")
    arrival = r"nvvm\.cp\.async\.mbarrier\.arrive %.*"
    check(work, "copies", replace(stores, arrival, ""), WHO + "waits forever: warpgroup 0 at the even phase of mbarrier 0")
    check(work, "counted", replace(stores, r"noinc = true", "noinc = false"), WHO + "waits forever: warpgroup 0 at the even phase of mbarrier 0")
    untold = replace(replace(stores, rf"({arrival}\n).*mbarrier\.arrive.*", r"\1"), r"arith\.constant 257 : index", "arith.constant 129 : index")
    check(work, "stores", untold, WHO + "has a race on shared memory")
    check(work, "free", replace(stores, r"(?s)(.*)nvgpu\.mbarrier\.try_wait\.parity [^\n]*", r"\1"), WHO + "has a race on shared memory")


def main():
    work = open_work()
    rng = np.random.default_rng(6)
    tile = lambda rows, columns, stages, resident, depth=8: dict(rows=rows, columns=columns, warp_rows=64, warp_columns=columns, depth=depth,
                                                                 stages=f"{stages}, resident = {resident}")

    # Rows, columns and k end within boxes. One warpgroup that multiplies; three steps in a ring of three; more blocks than tiles, and fewer.
    x, w, y = product(rng, np.float16, 70, 144, 80)
    check(work, "many", prepare(work, x, w, y, "wgmma", **tile(64, 64, 3, 8)), "")
    check(work, "one", prepare(work, x, w, y, "wgmma", **tile(64, 64, 3, 1)), "")
    # Rows of 64 and 32 bytes, with swizzles of their own.
    for depth, stages in ((4, 3), (2, 4)):
        short = prepare(work, x, w, y, "wgmma", **tile(64, 64, stages, 2, depth))
        check(work, f"depth{depth}", short, "")
        check(work, f"swizzle{depth}", replace(short, f"swizzle = swizzle_{16 * depth}b", "swizzle = none"), "output 'y': .* values differ")
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
    check_windows(work, rng, tile)


if __name__ == "__main__":
    main()
