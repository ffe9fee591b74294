# Activations in epilogues that end in bytes: with estimates, several vectors at a time, the bytes are those of code without either
# (AVX2), on every instruction set of this machine, and NumPy's up to where f32 rounds otherwise. Buffers end at a page that cannot be read.
#
# REQUIRES: avx2, numpy
# RUN: %python %s --work-dir=%t
"""Widths of one to five panels, whole, half and ragged; heights that leave a rest of rows; lanes that are pixels; depthwise."""
import argparse
import os
import sys

import numpy as np

import kernels

kernels.PIPELINE = kernels.PIPELINE.replace("mpc-lower-inner-tiles,",
                                            "mpc-estimate-rounding,mpc-lower-inner-tiles,func.func(mpc-expand-math),", 1)

# x * sigmoid(x), or sigmoid(x): the scale, zero point and bounds of the bytes. A sigmoid of 0 is the middle between two of its bytes.
KINDS = {"silu-u8": (0.0213, 12, 0, 255), "silu-i8": (0.045, -117, -128, 127), "sigmoid-u8": (1 / 255, 0, 0, 255)}


class Activation(kernels.Case):
    def __init__(self, kind, activation, **arguments):
        super().__init__(kind, "u8", epilogue="saturate-i8" if activation == "silu-i8" else "saturate-u8", **arguments)
        self.activation = activation

    def __str__(self):
        return f"{super().__str__()} {self.activation}"

    def data(self, rng):
        super().data(rng)
        # Most arguments are from -6 to 6.
        spread = np.sqrt(self.kernel[0] * self.kernel[1] * (1 if self.kind == "depthwise" else self.ic)) * 148 * 74
        self.extras = [rng.integers(-1000, 1000, self.oc).astype(np.int32), (rng.uniform(1, 3, self.oc) / spread).astype(np.float32)]

    def mlir(self, name):
        scale, zero, low, high = KINDS[self.activation]
        head, rest = super().mlir(name).split("    %lo = arith.constant", 1)
        tail = rest.split("    linalg.yield %r", 1)[1]
        product = "%s0 = arith.mulf %v, %sig : f32" if "silu" in self.activation else "%s0 = arith.mulf %one, %sig : f32"
        return head + f"""    %t = arith.addi %a, %b0 : i32
    %u = arith.sitofp %t : i32 to f32
    %v = arith.mulf %u, %b1 : f32
    %one = arith.constant 1.0 : f32
    %neg = arith.negf %v : f32
    %exp = math.exp %neg : f32
    %sum = arith.addf %one, %exp : f32
    %sig = arith.divf %one, %sum : f32
    {product}
    %scale = arith.constant {scale:.9g} : f32
    %d = arith.divf %s0, %scale : f32
    %least = arith.constant {low - zero:.1f} : f32
    %c0 = arith.cmpf ogt, %d, %least : f32
    %d0 = arith.select %c0, %d, %least : f32
    %most = arith.constant {high - zero:.1f} : f32
    %c1 = arith.cmpf olt, %d0, %most : f32
    %d1 = arith.select %c1, %d0, %most : f32
    %q = math.roundeven %d1 : f32
    %z = arith.fptosi %q : f32 to i32
    %zp = arith.constant {zero} : i32
    %w8 = arith.addi %z, %zp : i32
    %r = arith.trunci %w8 : i32 to i8
    linalg.yield %r""" + tail

    def reference(self):
        self.epilogue, epilogue = "none", self.epilogue
        sums, _ = super().reference()
        self.epilogue = epilogue
        x = (sums + self.extras[0]).astype(np.float32) * self.extras[1]
        scale, zero, low, high = KINDS[self.activation]
        y = 1 / (1 + np.exp(-x.astype(np.float64))) * (x if "silu" in self.activation else 1)
        return np.clip(np.rint(y / np.float32(scale)) + zero, low, high).astype(self.out_dtype())


def cases():
    kinds = list(KINDS)
    for i, oc in enumerate((5, 8, 16, 21, 24, 32, 37, 40, 48, 56, 64, 72, 80)):
        for rows in (7, 18):
            yield Activation("matmul", kinds[(i + rows) % 3], batch=rows, ic=32, oc=oc)
        yield Activation("conv", kinds[i % 3], size=(7, 9), ic=16, oc=oc, kernel=(3, 3), pad=1)
    for i, oc in enumerate((7, 16, 24, 32, 48, 64, 72, 94)):
        yield Activation("depthwise", kinds[i % 3], size=(7, 9), ic=oc, oc=oc, kernel=(3, 3), pad=1, batch=2)
        yield Activation("depthwise", kinds[i % 2], size=(6, 5), ic=oc, oc=oc, kernel=(5, 5), pad=2, stride=2)
    # Lanes are pixels: rows of them that tiles divide, and others.
    for i, oc in enumerate((2, 3, 8, 16, 18)):
        yield Activation("conv", kinds[i % 3], size=(9, 37), ic=8, oc=oc, kernel=(3, 3), pad=1)
        yield Activation("conv", kinds[i % 3], size=(6, 64), ic=4, oc=oc, kernel=(3, 3), pad=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    arguments = parser.parse_args()
    os.makedirs(arguments.work_dir, exist_ok=True)
    rng = np.random.default_rng(11)
    every = list(cases())
    for case in every:
        case.data(rng)
    failed, first = 0, {}
    for march in kernels.instruction_sets():
        library = kernels.compile_library(every, march, arguments.work_dir)
        for index, case in enumerate(every):
            got, _ = kernels.run_case(library, index, case)
            want = first.setdefault(index, got)
            off = np.abs(got.astype(np.int32) - case.reference())
            if not np.array_equal(got, want) or off.max() > 1 or np.mean(off) > 0.01:
                failed += 1
                print(f"{march}: {case}: {int(np.sum(got != want))} bytes differ from AVX2's, by up to {off.max()} from NumPy's")
    print(f"{len(every)} cases")
    sys.exit(f"{failed} cases failed" if failed else 0)


if __name__ == "__main__":
    main()
