# Products of bf16 in tile registers, bit for bit as Intel's manual describes the instruction (SDM, volume 2, TDPBF16PS), and as Numerics.md says.
#
# REQUIRES: avx512, avx512fp16, numpy
# RUN: %python %s --work-dir=%t
"""Steps of up to 16 pairs; sums of first and of second channels apart; subnormals are zero. Does nothing where tile registers are missing."""
import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import kernels

PAIRS = 16  # of a step at most
LEAST = np.float32(2.0 ** -126)


def flush(values):
    return np.where(np.abs(values) < LEAST, np.float32(0), values)


def divide(pairs):
    """The steps of a run: equal ones if there are, else whole ones and a rest."""
    count = -(-pairs // PAIRS)
    size = pairs // count if pairs % count == 0 else PAIRS
    return [range(begin, min(begin + size, pairs)) for begin in range(0, pairs, size)]


class Tiled(kernels.Case):

    def runs(self):
        """Values of the reduction that lie side by side in the input, and their weights."""
        if self.kind == "matmul":
            yield self.X, self.W
            return
        top, left, bottom, right = self.pad
        x = np.pad(self.X, ((0, 0), (top, bottom), (left, right), (0, 0)))
        (oh, ow), (down, along) = self.out_size(), self.stride
        for i in range(self.kernel[0]):
            y = i * self.dilation[0]
            parts = [x[:, y:y + (oh - 1) * down + 1:down, j:j + (ow - 1) * along + 1:along] for j in range(self.kernel[1])]
            yield np.concatenate(parts, -1), np.concatenate([self.W[:, i, j, :].T for j in range(self.kernel[1])], 0)

    def model(self):
        total = np.zeros(self.shapes()[2], np.float32)
        for x, w in self.runs():
            x, w = flush(x), flush(w)
            if w.shape[0] % 2:
                x, w = (np.concatenate([v, np.zeros_like(v.take([0], axis))], axis) for v, axis in ((x, -1), (w, 0)))
            for step in divide(w.shape[0] // 2):
                sums = [np.zeros_like(total), np.zeros_like(total)]
                for k in step:
                    for half in range(2):
                        # Exact in f64, then rounded once.
                        product = x[..., 2 * k + half, None].astype(np.float64) * w[2 * k + half]
                        sums[half] = flush((sums[half] + product).astype(np.float32))
                total = flush(total + flush(sums[0] + sums[1]))
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    options = parser.parse_args()
    march = "sapphirerapids-amx"
    if march not in kernels.instruction_sets():
        print("no tile registers")
        return 0
    os.makedirs(options.work_dir, exist_ok=True)
    rng = np.random.default_rng(16)
    # One step and two of 10, whole ones and a rest of one pair; rows of windows with padding, in place, strided; a large product.
    cases = [Tiled("matmul", "bf16", batch=64, ic=32, oc=64), Tiled("matmul", "bf16", batch=48, ic=40, oc=48),
             Tiled("matmul", "bf16", batch=33, ic=66, oc=64), Tiled("matmul", "bf16", batch=128, ic=512, oc=128),
             Tiled("conv", "bf16", size=(14, 14), ic=32, oc=64, kernel=(3, 3), pad=1),
             Tiled("conv", "bf16", size=(16, 16), ic=34, oc=64, kernel=(3, 3)),
             Tiled("conv", "bf16", size=(28, 28), ic=64, oc=64, stride=2)]
    for case in cases:
        case.data(rng)
        # A tenth is small enough for subnormal products, some of it subnormal itself.
        for values in (case.X, case.W):
            values[...] = np.where(rng.random(values.shape) < 0.1, values * np.float32(2.0 ** -64), values)
            values[...] = np.where(rng.random(values.shape) < 0.01, values * np.float32(2.0 ** -127), values)
            values[...] = (values.view(np.uint32) & 0xffff0000).view(np.float32)
    library = kernels.compile_library(cases, march, options.work_dir)
    with open(os.path.join(options.work_dir, f"{march}.ll")) as file:
        text = file.read()
    failures = 0
    for index, case in enumerate(cases):
        code = text.split(f"@case{index}_group(")[1].split("\n}")[0]
        actual, model = kernels.run_case(library, index, case)[0], case.model()
        same = np.array_equal(actual.view(np.uint32), model.view(np.uint32))
        if not same or "tdpbf16ps" not in code:
            failures += 1
            wrong = np.argwhere(actual.view(np.uint32) != model.view(np.uint32))
            print(f"{case}: {'no tile registers' if 'tdpbf16ps' not in code else ''} {len(wrong)} of {actual.size} differ, first at {wrong[:1].tolist()}")
    print(f"{len(cases)} cases, {failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
