"""The kernels that are timed: what each one computes, on both sides.

A case writes its model and data into a folder and says what races against what; kernels.py compiles and times it. Results have
a row per case and a summary per table of cases.
"""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np

import nets
import shapes

SIZES = (256, 512, 1024, 2048)
SMALL = (16, 32, 48, 64)
THIN = (1, 2, 4, 8, 16, 32)  # rows, of a product with weights of 4096 x 4096


@dataclass
class Race:
    """mpc's library, and what it races against."""
    options: list = field(default_factory=list)  # of mpc-compile
    peer: dict = field(default_factory=dict)  # a contestant of mpc-bench-kernels, without its files
    own: list = None  # options of an own library that is the peer instead
    threads: int = 1
    tolerance: float = 0


@dataclass
class Case:
    table: str
    name: str
    operations: float  # multiplications and additions, 0: not counted
    prepare: Callable  # (folder, numpy Generator) -> Race; writes model.onnx and x.bin
    peak: str = "f32"
    bytes: int = 0  # read and written, where the memory is the limit


# name: (what, the peer, at least so much faster in the geometric mean, and in the worst case)
TABLES = {
    "f32": ("f32 matrix products, 256 to 2048 cubed", "oneDNN", 1.0, None),
    "u8s8": ("u8 x s8 -> s32, 256 to 2048 cubed", "oneDNN", 1.0, None),
    "s8s8": ("s8 x s8 -> s32, 256 to 2048 cubed", "oneDNN", 1.2, None),
    "bf16": ("bf16, 256 to 2048 cubed", "oneDNN's bf16", 1.8, None),
    "f16": ("f16, 256 to 2048 cubed", "oneDNN's f32", 1.6, None),
    "u8u8": ("u8 x s8 -> u8, requantized, 256 to 2048 cubed", "oneDNN", 1.0, None),
    "f32-small": ("f32, 64 cubed and less", "oneDNN", 1.1, None),
    "u8s8-small": ("u8 x s8 -> s32, 64 cubed and less", "oneDNN", 1.4, None),
    "f32-thin": ("f32, 1 to 32 rows times 4096 x 4096", "oneDNN", 1.05, None),
    "u8s8-thin": ("u8 x s8 -> s32, 1 to 32 rows times 4096 x 4096", "oneDNN", 1.05, None),
    "w4-thin": ("weights of 4 bits, 1 to 32 rows times 4096 x 4096", "own f32", 2.0, None),
    "conv-f32": ("convolutions of ResNet-50 and MobileNetV2, f32", "oneDNN", 1.0, 0.9),
    "conv-f32-fast": ("3x3 convolutions of ResNet-50 with stride 1, f32 with --fast-math", "oneDNN's direct ones", 1.8, 1.0),
    "conv-int8": ("convolutions of ResNet-50 and MobileNetV2, int8", "oneDNN", 1.0, 0.9),
    "softmax": ("softmax, 1 Ki to 1 Mi elements", "oneDNN", 1.2, None),
    "layernorm": ("layer normalization, 1 Ki to 1 Mi elements", "oneDNN", 1.2, None),
    "gelu": ("GELU, 1 Ki to 1 Mi elements", "oneDNN", 1.2, None),
    "memory": ("softmax, layer normalization, GELU of 256 Mi elements", "a copy of as many bytes", 0.8, None),
    "threads": ("2 threads, 256 cubed and more", "own 1 thread", 1.9, None),
}


def write(folder, name, kind, values):
    nets.array(kind, values).tofile(folder / name)


def floats(random, *shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


def integers(random, kind, *shape):
    return random.integers(*((0, 256) if kind == "u8" else (-128, 128)), shape)


def weights_of(random, *shape):
    """Without -128, which quantizers leave out too."""
    return random.integers(-127, 128, shape)


# Relative to the root mean square of the result, whose rounding is 2⁻⁹ (bf16) or 2⁻¹² (f16) of each value; f16 also adds up in chunks.
FLOAT_TOLERANCE = {"f32": 1e-4, "f32-fast": 3e-4, "bf16": 0.05, "f16": 0.05}

# Instructions for narrow products, whose sums have another order or another error, are asked for (docs/Numerics.md).
NARROW_OPTIONS = {"bf16": ["--march=native"], "f16": ["--march=native", "--f16-accumulation=chunked"]}


def matmul(m, n, k, kind, accumulator="f32"):
    """`kind` against oneDNN's `accumulator`: the same type where oneDNN has it."""

    def prepare(folder, random):
        x, w = floats(random, m, k), floats(random, k, n)
        nets.matmul(folder / "model.onnx", kind, m, w)
        write(folder, "x.bin", kind, x)
        write(folder, "w-peer.bin", accumulator, w)
        write(folder, "x-peer.bin", accumulator, x)
        return Race(["--precision=keep", *NARROW_OPTIONS.get(kind, [])],
                    {"onednn": "matmul", "m": m, "n": n, "k": k, "src": accumulator, "weights": accumulator, "dst": accumulator,
                     "input": "x-peer.bin", "weights_file": "w-peer.bin"}, tolerance=FLOAT_TOLERANCE[kind])

    return prepare


def integer_matmul(m, n, k, kind):

    def prepare(folder, random):
        w = weights_of(random, k, n)
        nets.matmul_integer(folder / "model.onnx", kind, m, w)
        write(folder, "x.bin", kind, integers(random, kind, m, k))
        write(folder, "w.bin", "s8", w)
        return Race([], {"onednn": "matmul", "m": m, "n": n, "k": k, "src": kind, "weights": "s8", "dst": "s32", "weights_file": "w.bin"})

    return prepare


def quantized_matmul(m, n, k):

    def prepare(folder, random):
        w = weights_of(random, k, n)
        # So that most results are neither 0 nor 255.
        step = np.float32(0.011 / np.sqrt(k))
        nets.quantized_matmul(folder / "model.onnx", m, w, step)
        write(folder, "x.bin", "u8", integers(random, "u8", m, k))
        write(folder, "w.bin", "s8", w)
        write(folder, "step.bin", "f32", step)
        return Race([], {"onednn": "matmul", "m": m, "n": n, "k": k, "src": "u8", "weights": "s8", "dst": "u8", "weights_file": "w.bin",
                         "scales": "step.bin"})

    return prepare


def four_bits(m, n, k):

    def prepare(folder, random):
        nets.matmul(folder / "model.onnx", "f32", m, floats(random, k, n))
        write(folder, "x.bin", "f32", floats(random, m, k))
        # 4 bits are a coarse copy of the weights: no equal results, but near ones.
        return Race(["--precision=w4"], own=["--precision=f32"], tolerance=1)

    return prepare


def two_threads(size, kind):

    def prepare(folder, random):
        (matmul(size, size, size, kind) if kind == "f32" else integer_matmul(size, size, size, kind))(folder, random)
        return Race([], own=[], threads=2)

    return prepare


def conv(shape, kind, flags=()):
    dims = {"n": 1, "ic": shape.inputs, "oc": shape.outputs, "ih": shape.size, "iw": shape.size, "oh": shape.out_size, "ow": shape.out_size,
            "kh": shape.kernel, "kw": shape.kernel, "stride": shape.stride, "pad": shape.pad, "groups": shape.groups}
    files = {"weights_file": "w.bin", "bias_file": "b.bin"}
    weights = (shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel)
    image = (1, shape.size, shape.size, shape.inputs)
    depth = np.prod(weights[1:])
    options = ["--io-layout=x=nhwc", "--io-layout=y=nhwc", *flags]

    def prepare_f32(folder, random):
        w, b = floats(random, *weights), floats(random, shape.outputs)
        nets.conv(folder / "model.onnx", shape, w, b)
        for name, values in (("x.bin", floats(random, *image)), ("w.bin", w), ("b.bin", b)):
            write(folder, name, "f32", values)
        return Race(options, {"onednn": "conv", "src": "f32", "weights": "f32", "dst": "f32", "bias": "f32", "relu": True, **dims, **files},
                    tolerance=FLOAT_TOLERANCE["f32-fast" if "--fast-math" in flags else "f32"])

    def prepare_int8(folder, random):
        w, b = weights_of(random, *weights), random.integers(-5000, 5000, shape.outputs)
        step = (random.uniform(0.005, 0.011, shape.outputs) / np.sqrt(depth)).astype(np.float32)
        nets.quantized_conv(folder / "model.onnx", shape, w, b, step)
        x = integers(random, "u8", *image)
        for name, type_name, values in (("x.bin", "u8", x), ("w.bin", "s8", w), ("b.bin", "s32", b), ("step.bin", "f32", step)):
            write(folder, name, type_name, values)
        return Race(options, {"onednn": "conv", "src": "u8", "weights": "s8", "dst": "u8", "bias": "s32", "scales": "step.bin", **dims, **files})

    return prepare_f32 if kind == "f32" else prepare_int8


EPSILON = 1e-5


def elementwise(operator, rows, columns, copied=False):
    """Against oneDNN, or against a copy of as many bytes."""

    def prepare(folder, random):
        constants, attributes, peer = {}, {}, {"onednn": operator, "rows": rows, "columns": columns}
        if operator == "softmax":
            attributes = {"axis": -1}
        if operator == "layernorm":
            constants = {"scale": floats(random, columns), "shift": floats(random, columns)}
            attributes = {"axis": -1, "epsilon": EPSILON}
            for name, values in constants.items():
                write(folder, f"{name}.bin", "f32", values)
            peer |= {"scale": "scale.bin", "shift": "shift.bin", "epsilon": EPSILON}
        onnx_operator = {"softmax": "Softmax", "layernorm": "LayerNormalization", "gelu": "Gelu"}[operator]
        nets.elementwise(folder / "model.onnx", onnx_operator, rows, columns, constants, **attributes)
        # A larger input repeats it.
        write(folder, "x.bin", "f32", 4 * floats(random, min(rows, 1024), columns))
        return Race([], {"copy": 4 * rows * columns} if copied else peer, tolerance=1e-3)

    return prepare


def products():
    peak = lambda kind: "int8" if kind in ("u8s8", "s8s8", "u8u8") else "bf16" if kind == "bf16" else "f32"
    makers = {
        "f32": lambda m, n, k: matmul(m, n, k, "f32"),
        "u8s8": lambda m, n, k: integer_matmul(m, n, k, "u8"),
        "s8s8": lambda m, n, k: integer_matmul(m, n, k, "s8"),
        "bf16": lambda m, n, k: matmul(m, n, k, "bf16", "bf16"),
        "f16": lambda m, n, k: matmul(m, n, k, "f16", "f32"),
        "u8u8": quantized_matmul,
        "w4": four_bits,
    }
    for kind in ("f32", "u8s8", "s8s8", "bf16", "f16", "u8u8"):
        for n in SIZES:
            yield Case(kind, f"{kind}/{n}", 2 * n**3, makers[kind](n, n, n), peak(kind))
    for kind in ("f32", "u8s8"):
        for n in SMALL:
            yield Case(f"{kind}-small", f"{kind}/{n}", 2 * n**3, makers[kind](n, n, n), peak(kind))
    for kind in ("f32", "u8s8", "w4"):
        for m in THIN:
            yield Case(f"{kind}-thin", f"{kind}/{m}x4096x4096", 2 * m * 4096**2, makers[kind](m, 4096, 4096), peak(kind))
    for kind, name in (("f32", "f32"), ("u8", "int8")):
        for n in SIZES:
            yield Case("threads", f"{kind}-2-threads/{n}", 2 * n**3, two_threads(n, kind), name)


def convolutions():
    networks = {"mobilenet": shapes.mobilenet_v2(), "resnet50": shapes.resnet50()}
    for kind in ("f32", "int8"):
        for network, made in networks.items():
            for shape in made:
                yield Case(f"conv-{kind}", f"conv-{kind}/{network}/{shape.name}", shape.operations, conv(shape, kind), kind)
    for shape in networks["resnet50"]:
        if shape.kernel == 3 and shape.stride == 1:
            yield Case("conv-f32-fast", f"conv-f32-fast/resnet50/{shape.name}", shape.operations, conv(shape, "f32", ["--fast-math"]))


def rowwise():
    for operator in ("softmax", "layernorm", "gelu"):
        for rows in (1, 16, 256, 1024):
            yield Case(operator, f"{operator}/{rows}Ki", 0, elementwise(operator, rows, 1024), bytes=8 * rows * 1024)
        yield Case("memory", f"{operator}/256Mi", 0, elementwise(operator, 1 << 18, 1024, True), bytes=8 << 28)


def all_cases():
    return [*products(), *convolutions(), *rowwise()]
