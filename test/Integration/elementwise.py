# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Element-wise operators of ONNX through libraries, against NumPy: every element type, broadcasting, tensors of no elements.

Integers and truth values are compared bit for bit, numbers to a few units in the last place of the largest one of a result.
"""

import argparse
import math
import os
import sys

import numpy as np
from onnx import TensorProto

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from onnx_cases import Cases

rng = np.random.default_rng(5)
np.seterr(all="ignore")
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
FLOATS = [np.float16, np.float32, np.float64]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, np.inf, -np.inf, np.nan]


def integers(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def numbers(*shape, scale=1.0, dtype=np.float32):
    return (rng.standard_normal(shape) * scale).astype(dtype)


def comparisons_and_logic(cases):
    pairs = [("Equal", np.equal), ("Less", np.less), ("LessOrEqual", np.less_equal), ("Greater", np.greater),
             ("GreaterOrEqual", np.greater_equal)]
    x, y = np.array(SPECIAL, np.float32)[:, None], np.array(SPECIAL, np.float32)
    for op, function in pairs:
        cases.add(op, [x, y], [function(x, y)])
    for dtype in INTEGERS:
        a, b = integers(dtype, 3, 1, 5), integers(dtype, 4, 1)
        b[0] = a[0, 0, 0]
        for op, function in pairs[:3]:
            cases.add(op, [a, b], [function(a, b)])
        for op, function in [("BitwiseAnd", np.bitwise_and), ("BitwiseOr", np.bitwise_or), ("BitwiseXor", np.bitwise_xor)]:
            cases.add(op, [a, b], [function(a, b)])
        cases.add("BitwiseNot", [a], [~a])
        condition = rng.random((4, 5)) < 0.5
        cases.add("Where", [condition, a, b], [np.where(condition, a, b)])
    p, q = np.array([[False], [True]]), np.array([False, True])
    for op, function in [("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor), ("Equal", np.equal)]:
        cases.add(op, [p, q], [function(p, q)])
    cases.add("Not", [p], [~p])
    for dtype in FLOATS:
        x = np.array(SPECIAL, dtype)
        cases.add("IsNaN", [x], [np.isnan(x)])
        cases.add("IsInf", [x], [np.isinf(x)])
        cases.add("IsInf", [x], [np.isposinf(x)], detect_negative=0)
        cases.add("Where", [x > 0, x, dtype(7)], [np.where(x > 0, x, dtype(7))])
    # Of 8 bits, 8 are all that is there.
    x, by = np.array([[255], [1]], np.uint8), np.array([0, 1, 7, 8, 200], np.uint8)
    wide = x.astype(np.uint32)
    for direction, shifted in [("LEFT", wide << np.minimum(by, 8)), ("RIGHT", wide >> np.minimum(by, 8))]:
        cases.add("BitShift", [x, by], [shifted.astype(np.uint8)], direction=direction)


def arithmetic(cases):
    for dtype in INTEGERS:
        a, b = integers(dtype, 6, 1), integers(dtype, 7)
        a[0] = np.iinfo(dtype).min
        b[:2] = [1, 3]
        b[2:][b[2:] == 0] = 5
        exact = a.astype(object), b.astype(object)
        quotient = np.vectorize(lambda x, y: abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1), otypes=[object])(*exact)
        cases.add("Div", [a, b], [quotient.astype(dtype)])
        cases.add("Mod", [a, b], [(exact[0] % exact[1]).astype(dtype)])
        cases.add("Mod", [a, b], [(exact[0] - quotient * exact[1]).astype(dtype)], fmod=1)
        cases.add("Min", [a, b, a], [np.minimum(a, b)])
        cases.add("Max", [a, b], [np.maximum(a, b)])
        cases.add("Sign", [a], [np.sign(a)])
        low, high = np.sort(integers(dtype, 2))
        cases.add("Clip", [a, low, high], [np.clip(a, low, high)])
        cases.add("Clip", [a, low, high], [np.clip(a, low, high)], constants=(1, 2))
    # The least integer has no quotient by -1, and zero divides nothing: neither ends the program.
    trap = np.array([-2**31, 7, 7], np.int32), np.array([-1, 0, -2], np.int32)
    cases.add("Div", list(trap), [np.array([-2**31, 0, -3], np.int32)])
    cases.add("Mod", list(trap), [np.array([0, 0, -1], np.int32)])

    x = np.array([5.5, -5.5, 1e30, 1e-40, np.inf, 3.0, -0.0, 1e38], np.float32)
    y = np.array([[3.0], [-3.0], [0.1], [1e-30], [np.inf], [0.0]], np.float32)
    for dtype in FLOATS:
        a, b = x.astype(dtype), y.astype(dtype)
        cases.add("Mod", [a, b], [np.fmod(a, b)], fmod=1)
    base = np.array([[-2], [3], [7], [1], [-1], [0]], np.int32)
    exponent = np.array([0, 1, 2, 5, 31], np.int64)
    cases.add("Pow", [base, exponent], [(base.astype(object) ** exponent.astype(object) % 2**32).astype(np.uint32).astype(np.int32)])
    cases.add("Pow", [np.array([4, 9, 10], np.int32), np.float32(0.5)], [np.array([2, 3, 3], np.int32)])
    base = np.array([3, -7, 10, 2], np.int64)
    cases.add("Pow", [base, np.array([6, 5, 11, 40], np.float32)], [base ** np.array([6, 5, 11, 40])])
    base = np.array([-8, -1, -0.0, 0, 0.5, 1, 2, np.inf, -np.inf, np.nan], np.float32)[:, None]
    exponent = np.array([-3, -1, -0.5, 0, 0.5, 2, 3, np.inf, -np.inf, np.nan], np.float32)
    for dtype in (np.float32, np.float64):
        a, b = base.astype(dtype), exponent.astype(dtype)
        cases.add("Pow", [a, b], [np.power(a, b)])
    cases.add("Pow", [base, np.float32(2)], [base * base], constants=(1,))
    a, b, c = numbers(3, 4), numbers(4), numbers(3, 1)
    cases.add("Mean", [a, b, c], [(a + b + c) / np.float32(3)])
    cases.add("Clip", [a, np.float32(-0.5), np.float32(0.25)], [np.clip(a, np.float32(-0.5), np.float32(0.25))])
    cases.add("PRelu", [a, c], [np.where(a < 0, c * a, a)])
    cases.add("Dropout", [a], [a, np.ones(a.shape, bool)])
    # No elements, and no dimensions.
    none = np.zeros((0, 3), np.float32)
    cases.add("Add", [none, np.float32(1)], [none])
    cases.add("Equal", [none, numbers(3)], [np.zeros((0, 3), bool)])
    cases.add("Sub", [np.float32(3), np.float32(1)], [np.float32(2)])


def functions(cases):
    names = ["Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Tanh"]
    inverse = {"Asin": "arcsin", "Acos": "arccos", "Atan": "arctan", "Asinh": "arcsinh", "Acosh": "arccosh", "Atanh": "arctanh"}
    for name in names:
        function = getattr(np, inverse.get(name, name.lower()))
        bounded = name in ("Asin", "Acos", "Atanh")
        for dtype in FLOATS:
            x = np.concatenate([rng.uniform(-1, 1, 40) * (1 if bounded else 4), SPECIAL]).astype(dtype)
            cases.add(name, [x], [function(x.astype(np.float64)).astype(dtype)])
    # Where reducing the argument needs more digits of pi than a number has.
    huge = np.array([1e5, 3e9, 7e13, 2.0**45, 1e20, -1e30, 3.4e38, np.pi, 22, 355], np.float32)
    wide = np.concatenate([huge, [1e60, 1e300, np.finfo(np.float64).max]]).astype(np.float64)
    for name in names[:2]:
        function = getattr(math, name.lower())
        for x in (huge, wide):
            cases.add(name, [x], [np.array([function(float(v)) for v in x]).astype(x.dtype)])
    x = np.concatenate([numbers(50, scale=8, dtype=np.float64), [-745, -30, 0, 30, 709]])
    cases.add("Exp", [x[:40] * 40], [np.exp(x[:40] * 40)])
    cases.add("Log", [np.abs(x)], [np.log(np.abs(x))])
    cases.add("Sigmoid", [x], [1 / (1 + np.exp(-x))])
    cases.add("Softplus", [x], [np.logaddexp(0, x)])
    cases.add("Erf", [x / 4], [np.array([math.erf(v) for v in x / 4])])
    cases.add("Elu", [x], [np.where(x < 0, np.expm1(np.minimum(x, 0)), x)])

    x = np.concatenate([numbers(50, scale=3), [-100, 100, 0]]).astype(np.float32)
    wide = x.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-wide))
    erf = np.array([math.erf(v / math.sqrt(2)) for v in wide])
    tanh = np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))

    def activation(op, expected, inputs=(x,), **attributes):
        cases.add(op, list(inputs), [expected.astype(np.float32)], **attributes)

    activation("Selu", 1.05070102 * np.where(wide < 0, 1.67326324 * np.expm1(np.minimum(wide, 0)), wide))
    activation("Celu", np.where(wide < 0, 2 * np.expm1(np.minimum(wide, 0) / 2), wide), alpha=2.0)
    activation("Mish", wide * np.tanh(np.logaddexp(0, wide)))
    activation("ThresholdedRelu", np.where(wide > 0.5, wide, 0), alpha=0.5)
    activation("Shrink", np.where(wide < -1, wide + 0.5, np.where(wide > 1, wide - 0.5, 0)), lambd=1.0, bias=0.5)
    activation("Swish", wide * sigmoid)
    activation("Gelu", wide / 2 * (1 + erf))
    activation("Gelu", wide / 2 * (1 + tanh), approximate="tanh")
    activation("FastGelu", wide / 2 * (1 + tanh), domain="com.microsoft")
    activation("QuickGelu", wide / (1 + np.exp(-1.702 * wide)), domain="com.microsoft")
    half = np.float32(0.5)
    biased = wide + 0.5
    activation("BiasGelu", biased / 2 * (1 + np.array([math.erf(v / math.sqrt(2)) for v in biased])), (x, np.full(1, half)),
               domain="com.microsoft")


def small_floats(kind):
    """The numbers of an 8-bit float type by their codes, and whether it has infinities."""
    exponent, fraction, bias = {"FLOAT8E4M3FN": (4, 3, 7), "FLOAT8E4M3FNUZ": (4, 3, 8), "FLOAT8E5M2": (5, 2, 15),
                                "FLOAT8E5M2FNUZ": (5, 2, 16)}[kind]
    values = []
    for code in range(128):
        e, m = code >> fraction, code & ((1 << fraction) - 1)
        values.append(math.ldexp(m + ((1 << fraction) if e else 0), (e or 1) - bias - fraction))
    if kind == "FLOAT8E4M3FN":
        values = values[:127]
    if kind == "FLOAT8E5M2":
        values = values[:124]
    return np.array(values), kind == "FLOAT8E5M2"


def casts(cases):
    x = np.concatenate([numbers(200, scale=4), numbers(50, scale=300), numbers(50, scale=0.01), 10.0 ** rng.uniform(-8, 6, 100),
                        [0.0, 448, 464, 465, 57344, 61440, 1e6, -1e6, np.nan]]).astype(np.float32)
    for kind in ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"):
        values, has_infinity = small_floats(kind)
        ends = np.append(values, 2 * values[-1] - values[-2])  # what would come next says where rounding leaves the type
        for source in (x, x.astype(np.float64), x.astype(np.float16)):
            wide = np.abs(source.astype(np.float64))
            code = np.searchsorted(ends, np.where(np.isnan(wide), 0, wide))
            code = np.clip(code, 1, len(ends) - 1)
            below, above = ends[code - 1], ends[code]
            up = (wide - below > above - wide) | ((wide - below == above - wide) & (code % 2 == 0))
            nearest = np.where(up, above, below)
            for saturate in (1, 0):
                limit = values[-1] if saturate else (np.inf if has_infinity else np.nan)
                expected = np.where((nearest > values[-1]) | (wide > ends[-1]), limit, nearest) * np.sign(source)
                expected[np.isnan(source)] = np.nan
                add_round_trip(cases, source, kind, expected.astype(np.float32), saturate=saturate)
    # Powers of two.
    x = np.array([1, 1.25, 1.5, 1.75, 3, 6e-5, 2.0**127, 3e38, 2.0**-127, 2.0**-126, 1.5 * 2.0**-127], np.float32)
    low = np.exp2(np.floor(np.log2(x.astype(np.float64))))
    for mode, expected in [("down", low), ("up", np.where(low == x, low, 2 * low)), ("nearest", np.where(x >= 1.5 * low, 2 * low, low))]:
        add_round_trip(cases, x, "FLOAT8E8M0", np.minimum(expected, 2.0**127).astype(np.float32), round_mode=mode)
    # 4 bits are those of the integer towards zero.
    x = np.array([-9, -8, -1.9, -0.5, 0, 7.9, 8, 15, 16, 31], np.float32)
    low = np.trunc(x).astype(np.int64) & 15
    add_round_trip(cases, x, "UINT4", low.astype(np.float32))
    add_round_trip(cases, x, "INT4", ((low ^ 8) - 8).astype(np.float32))
    for dtype in INTEGERS:
        a = integers(dtype, 40)
        for to in INTEGERS:
            cases.add("Cast", [a], [a.astype(to)], to=cases.type_of(to))
        for to in FLOATS[1:]:
            cases.add("Cast", [a], [a.astype(to)], to=cases.type_of(to))
        cases.add("Cast", [a], [a != 0], to=TensorProto.BOOL)
        # Out of range a float becomes the nearest integer that the type has.
        info = np.iinfo(dtype)
        x = np.array([-1e20, -3.7, 2.5, 1e20, np.nan, np.inf, -np.inf, 100], np.float64)
        expected = [0 if np.isnan(v) else int(min(max(math.trunc(v) if np.isfinite(v) else v, info.min), info.max)) for v in x]
        cases.add("Cast", [x], [np.array(expected, dtype)], to=cases.type_of(dtype))
    # What a cast rounds away stays away, also between other operators.
    x = numbers(64, dtype=np.float64)
    cases.add_chain(["Cast", "Cast", "Neg"], x, -x.astype(np.float16).astype(np.float64),
                    [{"to": TensorProto.FLOAT16}, {"to": TensorProto.DOUBLE}, {}])
    x = numbers(64)
    cases.add_chain(["Cast", "Cast", "Neg"], x, -x.astype(np.float16).astype(np.float32),
                    [{"to": TensorProto.FLOAT16}, {"to": TensorProto.FLOAT}, {}])
    # f64 does not pass through f32.
    cases.add("Add", [np.float64(1), np.float64(2.0**-40)], [np.float64(1 + 2.0**-40)])
    bits = integers(np.uint32, 20) & np.uint32(0xff7fffff)
    cases.add("BitCast", [bits], [bits.view(np.float32)], to=TensorProto.FLOAT)
    cases.add("BitCast", [bits.view(np.float32)], [bits.view(np.int32)], to=TensorProto.INT32)


def add_round_trip(cases, x, kind, expected, **attributes):
    """Cast to `kind` and to f32."""
    cases.add_chain(["Cast", "Cast"], x, expected, [{"to": getattr(TensorProto, kind), **attributes}, {"to": TensorProto.FLOAT}])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    work = parser.parse_args().work
    bad = 0
    for family, opset in [(comparisons_and_logic, 20), (arithmetic, 20), (functions, 24), (casts, 26)]:
        cases = Cases(opset)
        family(cases)
        bad += cases.run(os.path.join(work, family.__name__), rtol=3e-6)
    sys.exit(bad != 0)
