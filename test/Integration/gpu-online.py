# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Attention whose keys GPU kernels take piece by piece, in the emulator, against the CPU library, whose softmax has all scores of a row before it;
and what the emulator says of mistakes in such a kernel."""

import os
import re
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gpu import Builder, add_attention, check_model, fail, open_work, rng, run

HEADS = 64  # with fewer of them there are no blocks for half of a GPU's multiprocessors


def make_model():
    m = Builder()
    # A block of 20 rows; keys end within pieces of 64 and are odd, and so are channels. The rows' first pieces are masked as a whole: of row r keys
    # below 40 r.
    add_attention(m, 1, HEADS, 20, 837, 37, mask=[1, 20, 837])
    m.data["x3"] = np.where(np.arange(837) < 40 * np.arange(20)[:, None], np.float32(-np.inf), m.data["x3"])
    # Blocks of 64 rows, of which the second one of each head moves back.
    add_attention(m, 1, HEADS, 70, 704, 16, transposed=True)
    # The lower triangle: an operand of truth values.
    q, k, v = m.input(1, HEADS, 32, 32), m.input(1, HEADS, 32, 760), m.input(1, HEADS, 760, 48)
    triangle = m.constant(np.tril(np.ones((32, 760)), 700).astype(bool), bool)
    scores = m.add("Where", triangle, m.add("MatMul", q, k), m.constant(-np.inf, np.float32))
    m.output(m.add("MatMul", m.add("Softmax", scores, axis=-1), v))
    return m


def count_online(work, model, precision):
    path = os.path.join(work, "count.onnx")
    model.save(path)
    told = run("mpc-compile", path, "--precision=" + precision, "--target=nvvm-emulated", "--remarks=mpc-select-gpu-chains", "--compile-to=bufferized",
               "-o", os.path.join(work, "count.mlir"))
    return told.count("and pieces of 64 columns")


def check_faults(work):
    m = Builder()
    add_attention(m, 1, HEADS, 20, 720, 16)
    path, kernel, library, feed = (os.path.join(work, "faults" + end) for end in (".onnx", ".mlir", ".so", ".npz"))
    m.save(path)
    np.savez(feed, **m.data)
    run("mpc-compile", path, "--precision=f16", "--target=nvvm-emulated", "--compile-to=bufferized", "-o", kernel)
    with open(kernel) as f:
        text = f.read()
    q, k, v = m.data["x0"][0], m.data["x1"][0], m.data["x2"][0]
    p = np.exp((q @ k.transpose(0, 2, 1)) / 4)
    want = os.path.join(work, "want.npy")
    np.save(want, ((p / p.sum(-1, keepdims=True)) @ v)[None].astype(np.float32))

    def check(name, pattern, replacement, expected, code=1):
        changed = re.sub(pattern, replacement, text)
        if expected and changed == text:
            fail(f"{name}: nothing is changed")
        with open(kernel, "w") as f:
            f.write(changed)
        run("mpc-compile", kernel, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
        error = run("mpc-run", library, "--input=" + feed, "--expected=" + want, "--rtol=0", "--atol=0.004", expect=code)
        if not re.search(expected, error):
            fail(f"{name}: expected an error of '{expected}', but got\n{error}")

    check("right", "$^", "", "", 0)
    check("barrier", r"gpu\.barrier.*", "", "has a race on shared memory|reads shared memory (that nothing has written|before a copy to it has come)")
    check("wait", r"(cp\.async\.wait\.group) 0", r"\1 1", "reads shared memory before a copy to it has come")
    check("row", r"= arith\.minui (%\w+), %\w+", r"= arith.minui \1, \1", "loads or stores outside of a buffer")
    # Lanes of other rows; all 64 keys of the last piece, of which there are 16.
    check("lanes", r"(gpu\.shuffle  ?xor %\w+), %c1_i32", r"\1, %c2_i32", "values differ", 2)
    check("keys", "0xFF800000", "0.0", "values differ", 2)


def main():
    work = open_work()
    model = make_model()
    if count_online(work, model, "f16") != 3 or count_online(work, model, "f32") != 0:
        fail("pieces of keys are for f16 and bf16")
    check_model(work, "online", model, ["--precision=f16"], 2**-10)
    check_model(work, "online", model, ["--precision=bf16"], 2**-7)
    check_faults(work)


if __name__ == "__main__":
    main()
