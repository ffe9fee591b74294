# REQUIRES: numpy, onnx, avx2
# RUN: %python %s %t

"""The profiles without floating point, in compiled code: requantization, additions, products, means and tables against the specifications' own
definitions, bit for bit; then whole models, which are integers from end to end or refused by name."""
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORK = sys.argv[1]
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
path = lambda name: os.path.join(WORK, name)
rng = np.random.default_rng(8)
i64 = np.int64


def available():
    flags = set(open("/proc/cpuinfo").read().split())
    needs = {"x86-64-v3": "avx2", "x86-64-v4": "avx512bw", "cascadelake": "avx512_vnni", "sapphirerapids-amx": "amx_int8"}
    return [isa for isa, flag in needs.items() if flag in flags]


ISAS = available()


def run(library, inputs, name):
    """The outputs, which are the same for each instruction set."""
    results = None
    for isa in ISAS:
        out = path(f"{name}-{isa}")
        shutil.rmtree(out, ignore_errors=True)
        command = ["mpc-run", library, f"--isa={isa}", f"--output={out}"]
        for key, array in inputs.items():
            np.save(path(f"{key}.npy"), array)
            command.append(f"--input={key}={path(key + '.npy')}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        got = {file[:-4]: np.load(os.path.join(out, file)) for file in os.listdir(out) if file.endswith(".npy")}
        for key in results or ():
            assert got[key].tobytes() == results[key].tobytes(), f"{name}: {key} differs on {isa}"
        results = got
    return results


# -- the specifications --------------------------------------------------------

def fixed(factor, tosa):
    """(multiplier, exponent): factor = multiplier * 2^(exponent - 31)."""
    fraction, exponent = np.frexp(factor)
    multiplier = int(np.floor(fraction * 2.0**31 + 0.5))
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return multiplier, int(exponent)


def shift_half_away(x, n):
    if n == 0:
        return x
    return np.sign(x) * ((np.abs(x) + (1 << (n - 1))) >> n)


def scale_tflite(x, factor):
    m, e = fixed(factor, False)
    product = (x << max(e, 0)) * m
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    total = product + nudge
    high = np.sign(total) * (np.abs(total) >> 31)  # towards zero
    return shift_half_away(high, max(-e, 0))


def scale_single(x, factor):
    m, e = fixed(factor, False)
    return (x * m + (1 << (30 - e))) >> (31 - e)


def scale_tosa(x, factor, double=False):
    m, e = fixed(factor, True)
    shift = 31 - e
    bump = np.where(x >= 0, 1 << 30, -(1 << 30)) if double and shift > 31 else 0
    return (x * m + (1 << (shift - 1)) + bump) >> shift


SCALE = {"tflite": scale_tflite, "tflite_single": scale_single, "tosa": scale_tosa,
         "tosa_double": lambda x, factor: scale_tosa(x, factor, True)}


def mean_same(profile, q, zero):
    """The mean over axes 1 and 2, in the input's own scale."""
    count = q.shape[1] * q.shape[2]
    total = q.astype(i64).sum((1, 2))
    if not profile.startswith("tosa"):
        return (total + count // 2) // count  # bytes are not negative
    k = int(np.ceil(np.log2(count)))
    m = (((1 << 30) + 1) << k) // count
    return (((total - count * zero) * m + (1 << (29 + k))) >> (30 + k)) + zero


def mean_other(profile, total, factor, count):
    if profile.startswith("tosa"):
        return SCALE[profile](total, factor / count)
    m, e = fixed(factor, False)
    shift = count.bit_length() - 1
    m, e = (m << shift) // count, e - shift
    if profile == "tflite_single":
        return (total * m + (1 << (30 - e))) >> (31 - e)
    product = total * m + (1 << 30)
    return shift_half_away(product >> 31, -e)


# -- single ops ----------------------------------------------------------------

ROWS, SCALES = 600, [0.003, 0.0211, 0.5, 1.75e-6]
SA, ZA, SB, ZB, SY, ZY = 0.0317, 7, 0.0093, 131, 0.041, 100  # of bytes a, b, and results
TABLE = rng.integers(0, 256, 256)


def module(profile):
    shift = ", shift = 20 : i64" if profile.startswith("tflite") else ""
    rounding = f"rounding = #mpc.rounding<{profile}>"
    f32 = lambda x: float(np.float32(x))
    twice = 2 * max(f32(SA), f32(SB))
    acc = f"tensor<{ROWS}x4x!acc>"
    byte = lambda t: f"tensor<{ROWS}x4x!{t}>"
    return twice, f"""
!acc = !quant.uniform<i32:f32:1, {{{", ".join(map(str, SCALES))}}}>
!one = !quant.uniform<i32:f32, {SCALES[1]}>
!a = !quant.uniform<u8:f32, {f32(SA)}:{ZA}>
!b = !quant.uniform<u8:f32, {f32(SB)}:{ZB}>
!y = !quant.uniform<u8:f32, {f32(SY)}:{ZY}>
!s = !quant.uniform<i8:f32, {f32(SY)}:-28>
!sum = !quant.uniform<i32:f32, {twice / 2**20!r}>
!product = !quant.uniform<i32:f32, {f32(SA) * f32(SB)!r}>
func.func @main(%acc: tensor<{ROWS}x4xi32> {{mpc.name = "acc"}}, %a: tensor<{ROWS}x4xui8> {{mpc.name = "a"}}, %b: tensor<{ROWS}x4xui8> {{mpc.name = "b"}},
    %p: tensor<8x6x5x4xui8> {{mpc.name = "p"}}) -> (tensor<{ROWS}x4xui8> {{mpc.name = "channels"}}, tensor<{ROWS}x4xi8> {{mpc.name = "signed"}},
    tensor<{ROWS}x4xui8> {{mpc.name = "sum"}}, tensor<{ROWS}x4xui8> {{mpc.name = "product"}}, tensor<{ROWS}x4xui8> {{mpc.name = "table"}},
    tensor<8x1x1x4xui8> {{mpc.name = "same"}}, tensor<8x4xui8> {{mpc.name = "mean"}}) {{
  %t = mpc.constant dense<[{", ".join(str(int(v) - 256 * (v > 127)) for v in TABLE)}]> : tensor<256xi8> -> tensor<256x!y>
  %qacc = mpc.storage_cast %acc : (tensor<{ROWS}x4xi32>) -> {acc}
  %qone = mpc.storage_cast %acc : (tensor<{ROWS}x4xi32>) -> {byte("one")}
  %qa = mpc.storage_cast %a : (tensor<{ROWS}x4xui8>) -> {byte("a")}
  %qb = mpc.storage_cast %b : (tensor<{ROWS}x4xui8>) -> {byte("b")}
  %qp = mpc.storage_cast %p : (tensor<8x6x5x4xui8>) -> tensor<8x6x5x4x!a>
  %0 = mpc.group "channels" ins(%x = %qacc : {acc}) -> {byte("y")} {{
    %r = mpc.requantize %x {{low = 20 : i64, {rounding}}} : ({acc}) -> {byte("y")}
    mpc.yield %r : {byte("y")}
  }}
  %1 = mpc.group "signed" ins(%x = %qone : {byte("one")}) -> {byte("s")} {{
    %r = mpc.requantize %x {{{rounding}}} : ({byte("one")}) -> {byte("s")}
    mpc.yield %r : {byte("s")}
  }}
  %2 = mpc.group "sum" ins(%x = %qa, %y = %qb : {byte("a")}, {byte("b")}) -> {byte("y")} {{
    %l = mpc.requantize %x {{{rounding}{shift}}} : ({byte("a")}) -> {byte("sum")}
    %r = mpc.requantize %y {{{rounding}{shift}}} : ({byte("b")}) -> {byte("sum")}
    %s = mpc.add %l, %r : ({byte("sum")}, {byte("sum")}) -> {byte("sum")}
    %q = mpc.requantize %s {{{rounding}}} : ({byte("sum")}) -> {byte("y")}
    mpc.yield %q : {byte("y")}
  }}
  %3 = mpc.group "product" ins(%x = %qa, %y = %qb : {byte("a")}, {byte("b")}) -> {byte("y")} {{
    %s = mpc.mul %x, %y : ({byte("a")}, {byte("b")}) -> {byte("product")}
    %q = mpc.requantize %s {{{rounding}}} : ({byte("product")}) -> {byte("y")}
    mpc.yield %q : {byte("y")}
  }}
  %4 = mpc.group "table" ins(%x = %qa, %y = %t : {byte("a")}, tensor<256x!y>) -> {byte("y")} {{
    %q = mpc.lookup %x, %y : ({byte("a")}, tensor<256x!y>) -> {byte("y")}
    mpc.yield %q : {byte("y")}
  }}
  %5 = mpc.group "same" ins(%x = %qp : tensor<8x6x5x4x!a>) -> tensor<8x1x1x4x!a> {{
    %q = mpc.average_pool %x {{kernel = array<i64: 6, 5>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
        layout = #mpc.layout<channels_last>, {rounding}}} : (tensor<8x6x5x4x!a>) -> tensor<8x1x1x4x!a>
    mpc.yield %q : tensor<8x1x1x4x!a>
  }}
  %6 = mpc.group "mean" ins(%x = %qp : tensor<8x6x5x4x!a>) -> tensor<8x4x!y> {{
    %q = mpc.reduce %x {{kind = #mpc.reduce<mean>, axes = array<i64: 1, 2>, keepdims = false, {rounding}}} : (tensor<8x6x5x4x!a>) -> tensor<8x4x!y>
    mpc.yield %q : tensor<8x4x!y>
  }}
  %o0 = mpc.storage_cast %0 : ({byte("y")}) -> tensor<{ROWS}x4xui8>
  %o1 = mpc.storage_cast %1 : ({byte("s")}) -> tensor<{ROWS}x4xi8>
  %o2 = mpc.storage_cast %2 : ({byte("y")}) -> tensor<{ROWS}x4xui8>
  %o3 = mpc.storage_cast %3 : ({byte("y")}) -> tensor<{ROWS}x4xui8>
  %o4 = mpc.storage_cast %4 : ({byte("y")}) -> tensor<{ROWS}x4xui8>
  %o5 = mpc.storage_cast %5 : (tensor<8x1x1x4x!a>) -> tensor<8x1x1x4xui8>
  %o6 = mpc.storage_cast %6 : (tensor<8x4x!y>) -> tensor<8x4xui8>
  return %o0, %o1, %o2, %o3, %o4, %o5, %o6 : tensor<{ROWS}x4xui8>, tensor<{ROWS}x4xi8>, tensor<{ROWS}x4xui8>, tensor<{ROWS}x4xui8>, tensor<{ROWS}x4xui8>,
      tensor<8x1x1x4xui8>, tensor<8x4xui8>
}}
"""


def single_ops(profile):
    twice, text = module(profile)
    with open(path("ops.mlir"), "w") as file:
        file.write(text)
    library = path(f"{profile}.so")
    subprocess.run(["mpc-compile", path("ops.mlir"), "--compile-from=quantized", "--march=x86-64-v3,x86-64-v4,cascadelake,sapphirerapids-amx", "-o", library], check=True)
    # Numbers around ties and powers of two, and the ends; factors above 1 get numbers that stay within 32 bits.
    acc = (rng.integers(-2**31, 2**31, (ROWS, 4)) >> rng.integers(0, 30, (ROWS, 4))).astype(np.int32)
    edges = [0, 1, -1, 2**31 - 1, -2**31, 2**30, -2**30, 2**16 - 1]
    acc[:len(edges)] = np.array(edges, np.int32)[:, None]
    acc[:, 2] >>= 5
    a, b = (rng.integers(0, 256, (ROWS, 4), np.uint8) for _ in range(2))
    p = rng.integers(0, 256, (8, 6, 5, 4), np.uint8)
    p[0] = 255
    got = run(library, {"acc": acc, "a": a, "b": b, "p": p}, profile)
    scale, x, f64 = SCALE[profile], acc.astype(i64), lambda s: np.float64(np.float32(s))
    sy = f64(SY)
    expected = {
        "channels": np.stack([np.clip(scale(x[:, c], s / sy) + ZY, 20, 255) for c, s in enumerate(SCALES)], 1),
        "signed": np.clip(scale(x, SCALES[1] / sy) - 28, -128, 127),
    }
    ca, cb = a.astype(i64) - ZA, b.astype(i64) - ZB
    left = 20 if profile.startswith("tflite") else 0
    sums = [scale(c << left, f64(s) / twice * 2.0**(20 - left)) for c, s in ((ca, SA), (cb, SB))]
    expected["sum"] = np.clip(scale(sums[0] + sums[1], twice / 2**20 / sy) + ZY, 0, 255)
    expected["product"] = np.clip(scale(ca * cb, f64(SA) * f64(SB) / sy) + ZY, 0, 255)
    expected["table"] = TABLE[a]
    expected["same"] = mean_same(profile, p, ZA).reshape(8, 1, 1, 4)
    total = p.astype(i64).sum((1, 2)) - 30 * ZA
    expected["mean"] = np.clip(mean_other(profile, total, f64(SA) / sy, 30) + ZY, 0, 255)
    for name, values in expected.items():
        bad = got[name].astype(i64) != values
        assert not bad.any(), f"{profile}/{name}: {bad.mean():.1%} differ, first {got[name][bad][0]} for {values[bad][0]}"


# -- whole models --------------------------------------------------------------

def build_model(name, last=None):
    """Convolutions with a residual, pools, gates and a classifier; `last` stands behind it."""
    weights = {"w0": (8, 3, 3, 3), "b0": (8,), "w1": (8, 8, 3, 3), "b1": (8,), "w2": (8, 8, 1, 1), "b2": (8,), "w3": (8, 5), "b3": (5,)}
    constants = [numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32), key)
                 for key, shape in weights.items()]
    nodes = [("Conv", ["x", "w0", "b0"], "c0", {"pads": [1] * 4}), ("Relu", ["c0"], "r0", {}),
             ("Conv", ["r0", "w1", "b1"], "c1", {"pads": [1] * 4}), ("Add", ["c1", "r0"], "s1", {}), ("Relu", ["s1"], "r1", {}),
             ("MaxPool", ["r1"], "m1", {"kernel_shape": [2, 2], "strides": [2, 2]}),
             ("Conv", ["m1", "w2", "b2"], "c2", {}), ("HardSigmoid", ["c2"], "g2", {}), ("Mul", ["m1", "g2"], "p2", {}),
             ("AveragePool", ["p2"], "a2", {"kernel_shape": [3, 3], "pads": [1] * 4}), ("Concat", ["a2", "m1"], "j2", {"axis": 2}),
             ("LeakyRelu", ["j2"], "l2", {"alpha": 0.1}), ("GlobalAveragePool", ["l2"], "g3", {}), ("Flatten", ["g3"], "f3", {}),
             ("Gemm", ["f3", "w3", "b3"], "y", {})]
    output = "y"
    if last:
        nodes.append((last, ["y"], "z", {}))
        output = "z"
    graph = helper.make_graph([helper.make_node(op, ins, [out], name=out, **attributes) for op, ins, out, attributes in nodes], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
                              [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 5])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path(name))


samples = rng.standard_normal((24, 3, 8, 8)).astype(np.float32)
np.save(path("samples.npy"), samples)


def compile_model(model, library, *flags):
    return subprocess.run(["mpc-compile", path(model), f"--calibration-data={path('samples.npy')}", "--march=x86-64-v3,x86-64-v4,cascadelake,sapphirerapids-amx", *flags,
                           "-o", path(library)], capture_output=True, text=True)


def sqnr(library, reference):
    got = run(path(library), {"x": samples}, library)["y"]
    return 10 * np.log10(np.sum(reference**2) / np.sum((got.astype(np.float64) - reference)**2))


def whole_models():
    build_model("net.onnx")
    done = compile_model("net.onnx", "f32.so", "--precision=f32")
    assert done.returncode == 0, done.stderr
    reference = run(path("f32.so"), {"x": samples}, "f32")["y"].astype(np.float64)
    quality = {}
    variants = {profile: [f"--rounding={profile}", "--fully-integral"] for profile in ("tflite", "tflite-single", "tosa", "tosa-double")}
    variants |= {"onnx": [], "fixed-point": ["--rounding=tosa", "--fully-integral", "--scales=power-of-two"],
                 "signed": ["--rounding=tflite", "--fully-integral", "--activations=signed"], "symmetric": ["--activations=symmetric"],
                 "signed-symmetric": ["--activations=signed-symmetric"]}
    for name, flags in variants.items():
        done = compile_model("net.onnx", f"{name}.so", "--precision=int8", *flags)
        assert done.returncode == 0, done.stderr
        quality[name] = sqnr(f"{name}.so", reference)
        if "--fully-integral" in flags:
            told = subprocess.run(["mpc-run", path(f"{name}.so"), "--describe", "--json"], check=True, capture_output=True, text=True).stdout
            assert '"precision": "f32"' not in told and '"precision":"f32"' not in told, told
    done = compile_model("net.onnx", "int16.so", "--precision=int16")
    assert done.returncode == 0, done.stderr
    quality["int16"] = sqnr("int16.so", reference)
    print({name: round(float(value), 1) for name, value in quality.items()})
    # Eight bits with a margin; a power of two loses up to one bit of each tensor, a sign of symmetric ones one.
    for name, value in quality.items():
        assert value > {"fixed-point": 14, "int16": 35}.get(name, 20), (name, value)
    # With 16 bits of activations the noise of the weights is left, which is most of it.
    assert quality["int16"] > quality["onnx"] + 1
    # Signed bytes are the same numbers 128 lower.
    a, b = (run(path(f"{name}.so"), {"x": samples}, name)["y"] for name in ("tflite", "signed"))
    assert np.mean(np.abs(a - b)) < 0.02 * np.mean(np.abs(a)), "signed activations compute something else"


def refusals():
    build_model("soft.onnx", "Softmax")
    for flags, words in ((["--precision=int8", "--rounding=tflite", "--fully-integral"], ["softmax", "'z'"]),
                         (["--precision=int8", "--fully-integral"], ["--rounding=tflite"]),
                         (["--precision=f16", "--rounding=tosa", "--fully-integral"], ["--precision=int8"]),
                         (["--precision=int16", "--rounding=tosa"], ["onnx"])):
        done = compile_model("soft.onnx", "soft.so", *flags)
        assert done.returncode == 1 and not os.path.exists(path("soft.so")), flags
        assert len(done.stderr.splitlines()) == 1 and all(word in done.stderr for word in words), done.stderr
    # Without the promise, what has no integer form stays in f32.
    assert compile_model("soft.onnx", "soft.so", "--precision=int8", "--rounding=tflite").returncode == 0


for profile in SCALE:
    single_ops(profile)
whole_models()
refusals()
