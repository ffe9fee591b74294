"""kernel.contract as mpc-lower-mma makes a kernel of it, run by the emulator; for tests that plant mistakes in one."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np

SOURCE = """
module attributes {{mpc.model = {{groups = [], hash = "", name = "k", precision = "keep",
    inputs = [{{name = "x", type = tensor<{shape}x{type}>}}, {{name = "w", type = tensor<{packed}x{weight}>}}],
    outputs = [{{name = "y", type = tensor<{out}x{sum}>}}]}}, mpc.weights = dense_resource<mpc_weights> : tensor<4xi8>}} {{
  module @x86_64_v3 attributes {{dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>, mpc.march = "x86-64-v3"}} {{
    func.func @main(%x: memref<{shape}x{type}> {{mpc.name = "x"}}, %w: memref<{packed}x{weight}> {{mpc.name = "w"}},
        %y: memref<{out}x{sum}> {{mpc.name = "y"}}, %arena: memref<?xi8>, %weights: memref<?xi8>)
        attributes {{mpc.arena = {{base = 0 : i64, per_batch = 0 : i64}}}} {{
      kernel.contract ins(%x, %w : memref<{shape}x{type}>, memref<{packed}x{weight}>) outs(%y : memref<{out}x{sum}>)
          attributes {{extra_maps = [], {attributes} tiling = #kernel.tiling<intrinsic = {intrinsic}, rows = {rows}, columns = {columns}, kv = {kv}>,
                      kernel.staging = {{warp_rows = {warp_rows}, warp_columns = {warp_columns}, depth = {depth}, stages = {stages}}}}} {{
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


def open_work():
    """The folder that --work names, empty."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    return work


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


def check(work, name, kernel, expected_error, x=None):
    """Compiles and runs the kernel on what `prepare` has written, or on another input: the result is right, or the error is as expected (a pattern; ""
    for none)."""
    source, library = os.path.join(work, name + ".mlir"), os.path.join(work, name + ".so")
    with open(source, "w") as f:
        f.write(kernel)
    status, error = run("mpc-compile", source, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
    if status == 0:
        status, error = run("mpc-run", library, f"--input=x={x or work + '/x.npy'}", f"--input=w={work}/w.npy", f"--expected=y={work}/y.npy", "--rtol=0", "--atol=0")
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


def prepare(work, x, w, y, intrinsic, attributes="", **staging):
    """The lowered module of a contraction of `x` with `w` (channels × taps × depth), whose result is to be `y`; writes all three for `check`."""
    kv = (16 if intrinsic == "wgmma" else 4) // w.dtype.itemsize
    return prepare_packed(work, x, pack(w, kv), y, intrinsic, kv, attributes, **staging)


def prepare_packed(work, x, packed, y, intrinsic, kv, attributes="", **staging):
    """The same with weights as they are packed."""
    np.save(os.path.join(work, "x.npy"), x)
    np.save(os.path.join(work, "y.npy"), y)
    np.save(os.path.join(work, "w.npy"), packed)
    dims = lambda a: "x".join(map(str, a.shape))
    types = {np.int8: "i8", np.uint8: "i8", np.float16: "f16", np.uint16: "bf16", np.int32: "i32", np.float32: "f32"}
    source, lowered = os.path.join(work, "source.mlir"), os.path.join(work, "kernel.mlir")
    with open(source, "w") as f:
        f.write(SOURCE.format(shape=dims(x), packed=dims(packed), out=dims(y), type=types[x.dtype.type], weight=types[packed.dtype.type],
                              sum=types[y.dtype.type], kv=kv, intrinsic=intrinsic, attributes=attributes, **staging))
    status, error = run("mpc-opt", source, "--pass-pipeline=" + LOWER, "-o", lowered)
    if status:
        fail("mpc-opt: " + error)
    with open(lowered) as f:
        return f.read()
