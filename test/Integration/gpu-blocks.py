# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""Products with weights in blocks on tensor cores: sums as docs/Numerics.md has them, to the last bit, and mistakes that are planted in a kernel.

Weights are packed here by what #kernel.blocks says of `fragments`.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from gpu_kernels import check, open_work, prepare_packed, replace

f32 = np.float32
rng = np.random.default_rng(5)


def to_bf16(values):
    """The upper halves of f32 numbers."""
    return (values.astype(f32).view(np.uint32) >> 16).astype(np.uint16)


def pack(q, scales, zeros, bits, block):
    """Channels × k integers, channels × blocks scales and zero points (or None): panels × bytes."""
    channels, depth = q.shape
    header = 48 if zeros is not None else 32
    streams = []
    for first in range(0, channels, 16):
        stream = bytearray()
        for start in range(0, depth, block):
            end = min(start + block, depth)
            head = np.zeros(header, np.uint8)
            lanes = range(first, min(first + 16, channels))
            for lane in lanes:
                at = lane - first
                head[2 * at:2 * at + 2] = to_bf16(scales[lane:lane + 1, start // block]).view(np.uint8)
                if zeros is not None:
                    head[32 + at] = zeros[lane, start // block]
            stream += bytes(head)
            for group in range(start, end, 32):
                words = np.zeros((32, 2, bits // 4), np.uint32)  # threads, their two lanes, words
                for lane in lanes:
                    for k in range(group, min(group + 32, end)):
                        i, t, upper = (k - group) // 8, (k - group) // 2 % 4, k % 2
                        word, bit = (0, 4 * i) if bits == 4 else (i // 2, 8 * (i % 2))
                        words[(lane - first) // 2 * 4 + t, lane % 2, word] |= np.uint32(int(q[lane, k]) << (bit + 16 * upper))
                stream += words.tobytes()
        streams.append(np.frombuffer(bytes(stream), np.int8))
    return np.stack(streams)


def expected(x, q, scales, zeros, bits, block):
    """Sums of 32 products with integers, added up times their scale, rounded once."""
    wide = (x.astype(np.uint32) << 16).view(f32) if x.dtype == np.uint16 else x.astype(f32)
    y = np.zeros((x.shape[0], q.shape[0]), f32)
    for start in range(0, q.shape[1], 32):
        part = np.zeros_like(y)
        zero = 2 ** (bits - 1) if zeros is None else zeros[:, start // block].astype(int)
        for k in range(start, min(start + 32, q.shape[1])):
            part += wide[:, k:k + 1] * (q[:, k].astype(int) - zero).astype(f32)
        scale = (to_bf16(scales[:, start // block]).astype(np.uint32) << 16).view(f32)
        y = (part.astype(np.longdouble) * scale + y).astype(f32)
    return y


def make(work, m, channels, length, bits, block, has_zeros, is_bf16=False, **staging):
    """A kernel of `m` rows, with `length` weights for each channel; its input also as raw bytes, since NumPy has no bf16."""
    q = rng.integers(0, 2**bits, (channels, length), np.uint8)
    blocks = -(-length // block)
    scales = rng.uniform(0.001, 0.1, (channels, blocks)).astype(f32)
    # Any byte may be a zero point.
    zeros = rng.integers(0, 256, (channels, blocks), np.uint8) if has_zeros else None
    x = rng.standard_normal((m, length)).astype(f32)
    x = to_bf16(x) if is_bf16 else x.astype(np.float16)
    x.tofile(f"{work}/x.raw")
    text = f"blocks = #kernel.blocks<bits = {bits}, block = {block}, depth = {length}, zero_points = {str(has_zeros).lower()}, fragments = true>,"
    return prepare_packed(work, x, pack(q, scales, zeros, bits, block), expected(x, q, scales, zeros, bits, block), "mma", 2, text, **staging)


def main():
    work = open_work()
    # Rows, columns and k end within tiles, panels, stages and pieces of 32.
    one = dict(rows=16, columns=32, warp_rows=16, warp_columns=16)
    check(work, "w4", make(work, 5, 24, 72, 4, 32, True, depth=16, stages=2, **one), "")
    check(work, "w8", make(work, 5, 24, 72, 8, 32, True, depth=16, stages=2, **one), "")
    raw = f"5x72xbf16=@{work}/x.raw"
    check(work, "w4-bf16", make(work, 5, 24, 72, 4, 32, True, is_bf16=True, depth=16, stages=2, **one), "", raw)
    check(work, "w8-bf16", make(work, 5, 24, 72, 8, 32, True, is_bf16=True, depth=16, stages=2, **one), "", raw)
    # A block of 128 weights is two stages, one of a whole channel all of them; without zero points.
    many = dict(rows=64, columns=64, warp_rows=32, warp_columns=32)
    check(work, "w4-128", make(work, 70, 40, 300, 4, 128, False, depth=32, stages=3, **many), "")
    check(work, "w8-channel", make(work, 70, 40, 300, 8, 300, False, depth=32, stages=3, **many), "")

    kernel = make(work, 70, 40, 256, 4, 64, True, depth=32, stages=3, **many)
    check(work, "right", kernel, "")
    who = "the GPU kernel 'main_mma0' "
    check(work, "barrier", replace(kernel, r"gpu\.barrier.*", ""), who + "reads shared memory before a copy to it has come")
    check(work, "wait", replace(kernel, r"wait\.group 1", "wait.group 2"), who + "reads shared memory before a copy to it has come")
    check(work, "outside", replace(kernel, r"arith\.constant 70 : index", "arith.constant 71 : index"), who + "loads or stores outside of a buffer")
    # The numbers are f16's 1024 and more, and the second halves of words the upper ones of registers.
    check(work, "magic", replace(kernel, r"dense<1677747200> : vector<2xi32>", "dense<1677746176> : vector<2xi32>"), "y")
    check(work, "shift", replace(kernel, r"dense<12> : vector<2xi32>", "dense<8> : vector<2xi32>"), "y")


if __name__ == "__main__":
    main()
