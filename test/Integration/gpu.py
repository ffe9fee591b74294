# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""GPU kernels in the emulator, against the CPU library; and that the emulator sees what kernels do wrong.

Integers and f32 give the same bytes: sums have one order, and integers have none. f16 and bf16 accumulate in f32 in another
order than on CPUs: an output's difference is below 2^-10 (bf16: 2^-7) of the largest one.
"""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from gpu_kernels import fail, open_work

rng = np.random.default_rng(11)


def run(*command, expect=0):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if p.returncode != expect:
        fail(f"{' '.join(map(str, command))}: exit {p.returncode}, expected {expect}\n{p.stderr}")
    return p.stderr


# -- models --------------------------------------------------------------------

class Builder:
    """One model: each branch starts at an input of its own and ends in an output."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs, self.weights, self.data = [], [], [], [], {}

    def weight(self, *shape):
        name = f"w{len(self.weights)}"
        values = (rng.standard_normal(shape) * 0.3).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def input(self, batch, *shape):
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape]))
        self.data[name] = rng.standard_normal((3 if isinstance(batch, str) else batch, *shape)).astype(np.float32)
        return name

    def add(self, op, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, value, dtype):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def quantize(self, x, scale, dtype):
        return self.add("QuantizeLinear", x, self.constant(scale, np.float32), self.constant(0, dtype))

    def output(self, name):
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))

    def save(self, path):
        graph = helper.make_graph(self.nodes, "gpu", self.inputs, self.outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)


def make_model():
    m = Builder()
    # Taps that end within an instruction, ragged rows and columns, padding, strides, dilations; a residual and a clamp.
    x = m.input("batch", 3, 13, 11)
    a = m.add("Relu", m.add("Conv", x, m.weight(20, 3, 3, 3), m.weight(20), pads=[1, 1, 1, 1], strides=[2, 2]))
    b = m.add("Conv", a, m.weight(20, 20, 3, 3), m.weight(20), pads=[2, 2, 2, 2], dilations=[2, 2])
    b = m.add("Relu", m.add("Add", a, b))
    d = m.add("Conv", b, m.weight(20, 1, 3, 3), m.weight(20), pads=[1, 1, 1, 1], group=20)
    p = m.add("MaxPool", d, kernel_shape=[2, 2], strides=[2, 2])
    q = m.add("AveragePool", p, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    g = m.add("Flatten", m.add("GlobalAveragePool", m.add("Concat", p, q, axis=1)))
    m.output(m.add("Softmax", m.add("Gemm", g, m.weight(40, 7), m.weight(7))))
    # Products of rows, an odd number of columns, operands that are both computed, a normalisation, data movement.
    x = m.input("batch", 9, 30)
    k = m.add("MatMul", x, m.weight(30, 70))
    v = m.add("Transpose", m.add("MatMul", k, m.weight(70, 33)), perm=[0, 2, 1])
    s = m.add("MatMul", v, m.add("Sigmoid", m.add("MatMul", x, m.weight(30, 5))))
    m.output(m.add("LayerNormalization", s, m.weight(5), m.weight(5), axis=-1))
    # A long reduction for few outputs: slices, and elements in vectors.
    x = m.input("batch", 1100)
    m.output(m.add("Neg", m.add("Relu", m.add("Gemm", x, m.weight(1100, 48), m.weight(48)))))
    return m


def make_large_model():
    """Products that Hopper's wgmma is for: rows and columns that end within tiles, padding, a residual, a batch; and one that it is not for."""
    m = Builder()
    x = m.input(1, 16, 27, 25)
    a = m.add("Relu", m.add("Conv", x, m.weight(64, 16, 3, 3), m.weight(64), pads=[1, 1, 1, 1]))
    b = m.add("Conv", a, m.weight(520, 64, 3, 3), m.weight(520), pads=[1, 1, 1, 1])
    b = m.add("Add", b, m.add("Conv", a, m.weight(520, 64, 1, 1)))
    m.output(m.add("Flatten", m.add("GlobalAveragePool", m.add("Relu", b))))
    # Two slices of k; windows with gaps, every second one.
    m.output(m.add("Conv", m.input(1, 128, 43, 61), m.weight(384, 128, 3, 3), pads=[2, 0, 1, 3], strides=[2, 2], dilations=[2, 1]))
    x = m.input(1, 300, 512)
    y = m.add("MatMul", x, m.weight(512, 912))
    m.output(m.add("MatMul", y, m.weight(912, 3)))
    # Both operands computed, one product for each of five pairs.
    m.output(m.add("MatMul", m.add("Relu", m.input(1, 5, 200, 512)), m.add("Neg", m.input(1, 5, 512, 300))))
    return m


def make_rows(batch):
    """Rows that threads share: some that are no whole number of lanes, short and long ones, fewer and more than a block has."""
    m = Builder()
    m.output(m.add("Softmax", m.input(batch, 3, 75)))
    m.output(m.add("Softmax", m.input(batch, 5000)))
    m.output(m.add("LogSoftmax", m.input(batch, 10)))
    m.output(m.add("Softmax", m.input(batch, 9, 7), axis=1))
    x = m.add("LayerNormalization", m.input(batch, 9, 192), m.weight(192), m.weight(192))
    m.output(m.add("Mul", x, m.add("Erf", x)))
    m.output(m.add("LayerNormalization", m.input(batch, 20000), m.weight(20000), m.weight(20000)))
    m.output(m.add("InstanceNormalization", m.input(batch, 5, 7, 10), m.weight(5), m.weight(5)))
    m.output(m.add("InstanceNormalization", m.input(batch, 2, 30, 40), m.weight(2), m.weight(2)))
    # Sums of pieces, with a rest and without.
    m.output(m.add("InstanceNormalization", m.input(batch, 2, 150, 130), m.weight(2), m.weight(2)))
    m.output(m.add("ReduceMean", m.input(batch, 331, 33), axes=[1]))
    # Root mean square.
    x = m.input(batch, 6, 96)
    m.output(m.add("Div", x, m.add("Sqrt", m.add("ReduceMean", m.add("Mul", x, x), axes=[-1]))))
    m.output(m.add("ReduceL2", m.input(batch, 300), axes=[-1], keepdims=0))
    m.output(m.add("ReduceMean", m.input(batch, 40, 33), axes=[1]))
    # Windows and depthwise convolutions whose channels a thread takes in vectors.
    x = m.input(batch, 32, 19, 17)
    d = m.add("Conv", x, m.weight(32, 1, 3, 3), m.weight(32), pads=[1, 1, 1, 1], group=32)
    m.output(m.add("AveragePool", m.add("MaxPool", m.add("Relu", d), kernel_shape=[2, 2], strides=[2, 2]), kernel_shape=[3, 3]))
    return m


def add_attention(m, batch, heads, rows, keys, size, mask=None, integers=False, transposed=False):
    def multiply(a, b, *scale_and_type):
        if not integers:
            return m.add("MatMul", a, b)
        product = m.add("MatMulInteger", m.quantize(a, *scale_and_type), m.quantize(b, 0.03, np.int8))
        return m.add("Mul", m.add("Cast", product, to=TensorProto.FLOAT), m.constant(0.03 * scale_and_type[0], np.float32))

    q, k, v = m.input(batch, heads, rows, size), m.input(batch, heads, keys, size), m.input(batch, heads, keys, size)
    scores = m.add("Mul", multiply(q, m.add("Transpose", k, perm=[0, 1, 3, 2]), 0.03, np.int8), m.constant(size**-0.5, np.float32))
    if mask:
        scores = m.add("Add", scores, m.input(batch, *mask))
    y = multiply(m.add("Softmax", scores, axis=-1), v, 1 / 255, np.uint8)
    m.output(m.add("Transpose", y, perm=[0, 2, 1, 3]) if transposed else y)


def make_attention(integers=False):
    """Rows that are no multiple of a block's, and fewer than a tile's; keys and channels that end within tiles, 16 bytes and 4 bytes; masks."""
    m = Builder()
    add_attention(m, "batch", 2, 40, 72, 32, integers=integers)
    add_attention(m, "batch", 3, 5, 5, 16, mask=[1, 1, 5], integers=integers, transposed=True)
    add_attention(m, "batch", 1, 70, 150, 38, mask=[1, 70, 150], integers=integers)
    return m


def check_launches(work, build, launches, barrier_count, spare=(), precision="f32"):
    """A model's kernels; without one of their barriers, or with a row too many, they are refused. The barriers numbered `spare` keep nobody apart."""
    m = Builder()
    build(m)
    path, kernel, library = (os.path.join(work, "rows" + end) for end in (".onnx", ".mlir", ".so"))
    m.save(path)
    feed = os.path.join(work, "rows.npz")
    np.savez(feed, **m.data)
    run("mpc-compile", path, "--precision=" + precision, "--target=nvvm-emulated", "--compile-to=bufferized", "-o", kernel)
    with open(kernel) as f:
        text = f.read()
    barriers = [match.span() for match in re.finditer(r"gpu\.barrier.*", text)]
    if text.count("gpu.launch_func") != launches or len(barriers) != barrier_count:
        fail(f"{text.count('gpu.launch_func')} launches, expected {launches}, and {len(barriers)} barriers, expected {barrier_count}")
    planted = [("right", text, "")]
    if "arith.minui" in text:
        planted.append(("a row too many", re.sub(r"= arith\.minui (%\w+), %\w+", r"= arith.minui \1, \1", text), "loads or stores outside of a buffer"))
    early = "has a race on shared memory|reads shared memory (that nothing has written|before a copy to it has come)"
    planted += [(f"without barrier {i}", text[:a] + text[b:], "" if i in spare else early) for i, (a, b) in enumerate(barriers)]
    for name, changed, expected in planted:
        if expected and changed == text:
            fail(f"{name}: nothing is changed")
        with open(kernel, "w") as f:
            f.write(changed)
        run("mpc-compile", kernel, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
        error = run("mpc-run", library, "--input=" + feed, expect=1 if expected else 0)
        if not re.search(expected, error):
            fail(f"{name}: expected an error of '{expected}', but got\n{error}")


def results(work, library, feed):
    folder = os.path.join(work, "out")
    shutil.rmtree(folder, ignore_errors=True)
    run("mpc-run", library, "--input=" + feed, "--output=" + folder, "--threads=2")
    return {f: np.load(os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f.endswith(".npy")}


def check_model(work, name, model, flags, tolerance, chips=()):
    path, feed = os.path.join(work, name + ".onnx"), os.path.join(work, name + ".npz")
    model.save(path)
    np.savez(feed, **model.data)
    flags = [f.format(feed=feed) for f in flags]
    cpu, gpu = os.path.join(work, "cpu.so"), os.path.join(work, "gpu.so")
    run("mpc-compile", path, "-o", cpu, "--march=x86-64-v3", *flags)
    run("mpc-compile", path, "-o", gpu, "--target=nvvm-emulated", *flags, *chips)
    expected, got = results(work, cpu, feed), results(work, gpu, feed)
    if len(expected) != len(model.outputs) or expected.keys() != got.keys():
        fail(f"{name} {flags}: outputs {list(got)}, expected {list(expected)}")
    for key, want in expected.items():
        have = got[key]
        error = np.abs(want.astype(np.float64) - have.astype(np.float64)).max() / np.abs(want).max()
        if have.shape != want.shape or not np.isfinite(have).all() or not np.any(want) or \
                (want.tobytes() != have.tobytes() if tolerance == 0 else error > tolerance):
            fail(f"{name} {flags}: {key} differs by {error:.2g} of the largest value")


# -- kernels that do something wrong -------------------------------------------

MODULE = """
module attributes {{mpc.model = {{groups = [], hash = "", inputs = [{{name = "x", type = tensor<64xf32>}}], name = "k",
    outputs = [{{name = "y", type = tensor<64xf32>}}], precision = "keep"}}, mpc.weights = dense_resource<mpc_weights> : tensor<0xi8>}} {{
  module @x86_64_v3 attributes {{dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>,
      gpu.container_module, mpc.march = "x86-64-v3"}} {{
    func.func @main(%x: memref<64xf32> {{mpc.name = "x"}}, %y: memref<64xf32> {{mpc.name = "y"}}, %a: memref<?xi8>, %w: memref<?xi8>)
        attributes {{mpc.arena = {{base = 0 : i64, per_batch = 0 : i64}}}} {{
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x : memref<64xf32>, %y : memref<64xf32>)
      return
    }}
    gpu.module @gpu {{
      gpu.func @k(%x: memref<64xf32>, %y: memref<64xf32>) workgroup(%s : memref<64xf32, #gpu.address_space<workgroup>>) kernel {{
        %t = gpu.thread_id x
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %last = arith.constant {last} : index
        %count = arith.constant 3 : index
        %u = arith.subi %last, %t : index
        %v = memref.load %x[%t] : memref<64xf32>
        // Three times mirrored, in a loop that carries what each thread has.
        %r = scf.for %i = %c0 to %count step %c1 iter_args(%mine = %v) -> f32 {{
          memref.store %mine, %s[%t] : memref<64xf32, #gpu.address_space<workgroup>>
          {barrier}
          %other = memref.load %s[%u] : memref<64xf32, #gpu.address_space<workgroup>>
          {after}
          scf.yield %other : f32
        }}
        memref.store %r, %y[%t] : memref<64xf32>
        gpu.return
      }}
    }}
  }}
}}
{{-#
  dialect_resources: {{ builtin: {{ mpc_weights: "0x10000000" }} }}
#-}}
"""


def check_kernel(work, expected_error, **parts):
    source, library = os.path.join(work, "k.mlir"), os.path.join(work, "k.so")
    feed, want = os.path.join(work, "k.npy"), os.path.join(work, "want.npy")
    with open(source, "w") as f:
        f.write(MODULE.format(**parts))
    x = rng.standard_normal(64).astype(np.float32)
    np.save(feed, x)
    np.save(want, x[::-1])
    run("mpc-compile", source, "--compile-from=bufferized", "--target=nvvm-emulated", "-o", library)
    error = run("mpc-run", library, "--input=" + feed, "--expected=" + want, "--rtol=0", "--atol=0", expect=1 if expected_error else 0)
    if not re.search(expected_error, error):
        fail(f"{parts}: expected an error of '{expected_error}', but got\n{error}")


def main():
    work = open_work()
    model = make_model()
    check_model(work, "model", model, ["--precision=f32"], 0)
    table = os.path.join(work, "table.json")
    check_model(work, "model", model, ["--precision=int8", "--calibration-data={feed}", "--save-calibration=" + table], 0)
    check_model(work, "model", model, ["--precision=w4"], 0)
    check_model(work, "model", model, ["--precision=w4", "--activation-type=f16"], 2**-10)
    check_model(work, "model", model, ["--precision=w8", "--weight-block=64", "--activation-type=bf16"], 2**-7)
    check_model(work, "model", model, ["--precision=f16"], 2**-10)
    check_model(work, "model", model, ["--precision=bf16"], 2**-7)
    large = make_large_model()
    check_model(work, "large", large, ["--precision=int8", "--calibration-data={feed}"], 0, ["--chip=sm_90a"])
    check_model(work, "large", large, ["--precision=f16"], 2**-10, ["--chip=sm_90a"])
    check_model(work, "large", large, ["--precision=bf16"], 2**-7, ["--chip=sm_90a"])
    check_model(work, "row", make_rows(1), ["--precision=f32"], 0)
    rows = make_rows("batch")
    check_model(work, "rows", rows, ["--precision=f32"], 0)
    check_model(work, "rows", rows, ["--precision=int8", "--calibration-data={feed}"], 0)
    check_model(work, "rows", rows, ["--precision=f16"], 2**-10)
    check_model(work, "rows", rows, ["--precision=bf16"], 2**-7)
    check_launches(work, lambda m: m.output(m.add("Softmax", m.input("batch", 7, 200))), 1, 4)
    # Behind the last one each thread reads the sum that it has made.
    check_launches(work, lambda m: m.output(m.add("ReduceMean", m.input("batch", 331, 33), axes=[1], keepdims=0)), 1, 4, spare=[3])
    attention = make_attention()
    check_model(work, "attention", attention, ["--precision=f32"], 0)
    check_model(work, "attention", attention, ["--precision=int8", "--calibration-data={feed}"], 0)
    check_model(work, "attention", attention, ["--precision=f16"], 2**-10)
    check_model(work, "attention", attention, ["--precision=bf16"], 2**-7, ["--chip=sm_90a"])
    check_model(work, "integers", make_attention(integers=True), [], 0)
    # Inputs are rounded, keys and values packed; the rest is one kernel. A product waits until the stages are read that one before it had: here that
    # is none, or the softmax waits behind it.
    check_launches(work, lambda m: add_attention(m, 1, 2, 40, 72, 32), 7, 9, spare=[0, 7], precision="f16")
    check_kernel(work, "", last=63, barrier="gpu.barrier", after="gpu.barrier")
    check_kernel(work, "the GPU kernel 'k' loads or stores outside of a buffer", last=64, barrier="gpu.barrier", after="gpu.barrier")
    check_kernel(work, "the GPU kernel 'k' reads shared memory that nothing has written", last=63, barrier="", after="")
    check_kernel(work, "the GPU kernel 'k' has a race on shared memory", last=63, barrier="gpu.barrier", after="")


if __name__ == "__main__":
    main()
