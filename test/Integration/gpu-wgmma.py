# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""Kernels of wgmma as mpc-lower-mma makes them, in the emulator; and what it says when a mistake is planted in one."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np

SOURCE = """
module attributes {{mpc.model = {{groups = [], hash = "", name = "k", precision = "keep",
    inputs = [{{name = "x", type = tensor<{shape}x{type}>}}, {{name = "w", type = tensor<{packed}x{type}>}}],
    outputs = [{{name = "y", type = tensor<{out}x{sum}>}}]}}, mpc.weights = dense_resource<mpc_weights> : tensor<4xi8>}} {{
  module @x86_64_v3 attributes {{dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>, mpc.march = "x86-64-v3"}} {{
    func.func @main(%x: memref<{shape}x{type}> {{mpc.name = "x"}}, %w: memref<{packed}x{type}> {{mpc.name = "w"}},
        %y: memref<{out}x{sum}> {{mpc.name = "y"}}, %arena: memref<?xi8>, %weights: memref<?xi8>)
        attributes {{mpc.arena = {{base = 0 : i64, per_batch = 0 : i64}}}} {{
      kernel.contract ins(%x, %w : memref<{shape}x{type}>, memref<{packed}x{type}>) outs(%y : memref<{out}x{sum}>)
          attributes {{extra_maps = [], {attributes} tiling = #kernel.tiling<intrinsic = wgmma, rows = {rows}, columns = {columns}, kv = {kv}>,
                      kernel.staging = {{warp_rows = 64, warp_columns = {warp_columns}, depth = {depth}, stages = {stages}}}}} {{
      ^bb0(%acc: {sum}):
        kernel.yield %acc : {sum}
      }}
      return
    }}
  }}
}}
{{-#
  dialect_resources: {{ builtin: {{ mpc_weights: "0x1000000000000000" }} }}
#-}}
"""

LOWER = "builtin.module(builtin.module(mpc-lower-mma,canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining))"
WHO = "the GPU kernel 'main_wgmma0' "


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


def check(work, name, kernel, expected_error, tolerance=0):
    source, library = os.path.join(work, name + ".mlir"), os.path.join(work, name + ".so")
    with open(source, "w") as f:
        f.write(kernel)
    status, error = run("mpc-compile", source, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
    if status == 0:
        status, error = run("mpc-run", library, f"--input=x={work}/x.npy", f"--input=w={work}/w.npy", f"--expected=y={work}/y.npy",
                            "--rtol=0", f"--atol={tolerance}")
    if (status != 0) != bool(expected_error) or not re.search(expected_error, error):
        fail(f"{name}: expected an error of '{expected_error}', but got exit {status} and\n{error}")


def pack(w, kv):
    """Channels × taps × depth: panels × taps × blocks × 16 × kv. Of several products: all their panels."""
    if w.ndim == 4:
        return np.concatenate([pack(one, kv) for one in w])
    channels, taps, depth = w.shape
    panels = -(-channels // 16)
    full = np.zeros((panels * 16, taps, depth), w.dtype)
    full[:channels] = w
    return np.ascontiguousarray(full.reshape(panels, 16, taps, depth // kv, kv).transpose(0, 2, 3, 1, 4))


def prepare(work, x, w, y, attributes="", **staging):
    np.save(os.path.join(work, "x.npy"), x)
    np.save(os.path.join(work, "y.npy"), y)
    kv = 16 // w.dtype.itemsize
    packed = pack(w, kv)
    np.save(os.path.join(work, "w.npy"), packed)
    dims = lambda a: "x".join(map(str, a.shape))
    types = {np.int8: "i8", np.uint8: "i8", np.float16: "f16", np.int32: "i32", np.float32: "f32"}
    source, lowered = os.path.join(work, "source.mlir"), os.path.join(work, "kernel.mlir")
    with open(source, "w") as f:
        f.write(SOURCE.format(shape=dims(x), packed=dims(packed), out=dims(y), type=types[x.dtype.type], sum=types[y.dtype.type], kv=kv,
                              attributes=attributes, **staging))
    status, error = run("mpc-opt", source, "--pass-pipeline=" + LOWER, "-o", lowered)
    if status:
        fail("mpc-opt: " + error)
    with open(lowered) as f:
        return f.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    rng = np.random.default_rng(5)

    # Halves, in small integers, so that sums are exact. One warpgroup of 64 columns; swizzles of 32, 64 and 128 bytes.
    x = rng.integers(-3, 4, (70, 144)).astype(np.float16)
    w = rng.integers(-3, 4, (50, 1, 144)).astype(np.float16)
    y = x.astype(np.float32) @ w[:, 0].T.astype(np.float32)
    for depth in (2, 4, 8):
        check(work, f"halves{depth}", prepare(work, x, w, y, rows=64, columns=64, warp_columns=64, depth=depth, stages=3), "")
    # Two warpgroups side by side, two below each other.
    check(work, "columns", prepare(work, x, w, y, rows=64, columns=64, warp_columns=32, depth=4, stages=4), "")
    # Three products with weights of their own.
    x = rng.integers(-3, 4, (3, 70, 144)).astype(np.float16)
    w = rng.integers(-3, 4, (3, 50, 1, 144)).astype(np.float16)
    y = x.astype(np.float32) @ w[:, :, 0].transpose(0, 2, 1).astype(np.float32)
    check(work, "batch", prepare(work, x, w, y, "batched,", rows=64, columns=64, warp_columns=64, depth=8, stages=3), "")

    # A convolution, a pad value, unsigned, rows and k that end within tiles.
    x = rng.integers(-128, 128, (1, 9, 9, 32), np.int8)
    w = rng.integers(-128, 128, (40, 9, 32), np.int8)
    padded = np.pad(x.view(np.uint8).astype(np.int32), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=7)
    y = np.zeros((1, 9, 9, 40), np.int32)
    for tap in range(9):
        y += padded[:, tap // 3:tap // 3 + 9, tap % 3:tap % 3 + 9] @ w[:, tap].T.astype(np.int32)
    check(work, "convolution",
          prepare(work, x, w, y, rows=128, columns=64, warp_columns=64, depth=8, stages=4,
                  attributes="unsigned_input, pad_value = 7 : i8, window = #kernel.window<sizes = [3, 3], strides = [1, 1], "
                             "dilations = [1, 1], low = [1, 1], high = [1, 1]>,"), "")

    # 130 rows and 100 columns end within blocks; k of 640 are five steps of 128 bytes.
    x = rng.integers(-128, 128, (130, 640), np.int8)
    w = rng.integers(-128, 128, (100, 1, 640), np.int8)
    y = x.astype(np.int32) @ w[:, 0].T.astype(np.int32)
    kernel = prepare(work, x, w, y, rows=128, columns=128, warp_columns=128, depth=8, stages=4)
    check(work, "right", kernel, "")
    check(work, "fence", replace(kernel, r"nvvm\.fence\.proxy.*", ""), WHO + "multiplies with wgmma what no fence.proxy.async has made known")
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
