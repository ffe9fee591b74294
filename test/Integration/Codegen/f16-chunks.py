# Products of f16 that are summed in f16 by chunks of 64 pairs, run on a processor without such instructions: LLVM computes the same
# arithmetic by way of f64. Beside a model of it in NumPy and beside exact sums.
#
# REQUIRES: avx512, numpy
# RUN: %python %s --work-dir=%t
"""The model rounds its multiply-additions from f64, as LLVM does: its results are the same to the last bit. All are within the documented
error of the exact ones."""
import argparse
import ctypes
import os
import re
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import kernels

CHUNK = 64  # pairs of input channels


class Chunked(kernels.Case):

    def model(self):
        """The taps of a window, or all of a product, one after the other, in chunks."""
        total = np.zeros(self.shapes()[2], np.float32)
        for x, w in self.terms():
            for begin in range(0, x.shape[-1], 2 * CHUNK):
                parts = np.zeros((2, *total.shape), np.float16)
                for k in range(begin, min(begin + 2 * CHUNK, x.shape[-1])):
                    # Exact in f64, then rounded once.
                    parts[k % 2] = (x[..., k, None].astype(np.float64) * w[..., k, :] + parts[k % 2]).astype(np.float16)
                total += (parts[0] + parts[1]).astype(np.float32)
        return total

    def terms(self):
        if self.kind == "matmul":
            yield self.X, self.W
            return
        if self.kind in ("batched", "transposed"):
            yield self.X, (self.W if self.kind == "batched" else self.W.swapaxes(1, 2))[:, None]
            return
        (top, left, bottom, right), (oh, ow) = self.pad, self.out_size()
        x = np.pad(self.X, ((0, 0), (top, bottom), (left, right), (0, 0)))
        taps = [(x[:, i:i + oh, j:j + ow], self.W[:, i, j, :].T) for i in range(self.kernel[0]) for j in range(self.kernel[1])]
        # Rows of few channels, or of an odd number, are copied side by side.
        if self.ic < 16 or self.ic % 2:
            taps = [(np.concatenate([x for x, _ in taps], -1), np.concatenate([w for _, w in taps]))]
        yield from taps

    def bound(self):
        exact, error = self.reference()
        return exact, error * 2.0**24 * 2.0**-11 * (CHUNK + 1) / (self.kernel[0] * self.kernel[1] * self.ic + 4) + error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    options = parser.parse_args()
    os.makedirs(options.work_dir, exist_ok=True)
    for old, new in (("{{march={march}}}", "{{march=sapphirerapids}}"),
                     ("mpc-select-tiling{{candidate={candidate}}}", "mpc-select-tiling{{f16-accumulation=chunked}}"),
                     ("convert-vector-to-llvm", "func.func(mpc-expand-math),convert-vector-to-llvm")):
        assert old in kernels.PIPELINE
        kernels.PIPELINE = kernels.PIPELINE.replace(old, new)
    # LLVM rounds f64 to f16 by a function of the compiler's runtime.
    ctypes.CDLL("libgcc_s.so.1", ctypes.RTLD_GLOBAL)
    cases = [Chunked("matmul", "f16", batch=17, ic=200, oc=40), Chunked("matmul", "f16", batch=3, ic=64, oc=80),
             Chunked("batched", "f16", batch=2, size=(9, 1), ic=79, oc=24, constant=False),
             Chunked("transposed", "f16", batch=2, size=(9, 1), ic=131, oc=24, constant=False),
             Chunked("conv", "f16", size=(6, 7), ic=70, oc=33, kernel=(3, 3), pad=1), Chunked("conv", "f16", size=(6, 7), ic=27, oc=33, kernel=(3, 3), pad=1),
             Chunked("conv", "f16", size=(9, 7), ic=10, oc=64, kernel=(3, 3), pad=1)]
    rng = np.random.default_rng(5)
    for case in cases:
        case.data(rng)
    library = kernels.compile_library(cases, "x86-64-v4", options.work_dir)
    # The same code for a processor that has them multiplies by its instruction.
    assembly = subprocess.run(["llc", "-O3", "-mcpu=sapphirerapids", os.path.join(options.work_dir, "x86-64-v4.ll.opt"), "-o", "-"],
                              check=True, capture_output=True, text=True).stdout
    assert len(re.findall(r"vfmadd\d+ph.*%zmm", assembly)) > len(cases), "no sums in f16"
    assert "__truncdfhf2" not in assembly
    for index, case in enumerate(cases):
        actual, _ = kernels.run_case(library, index, case)
        exact, bound = case.bound()
        assert np.array_equal(actual, case.model()), f"{case}: another result than the model's"
        assert np.all(np.abs(actual - exact) <= bound), case
        relative = np.sqrt(np.mean((actual - exact)**2) / np.mean(exact**2))
        assert 1e-5 < relative < 3e-3, f"{case}: relative error {relative}"
        print(f"{case}: error {relative:.2%}")


main()
