"""Random ONNX graphs that are valid, with inputs and what ONNX's reference makes of them.

A graph grows node by node: an operator is drawn, takes values that are there, and is evaluated at once, which gives the shapes and the
expected values of the next ones. What is not finite, large or too big is dropped.

A value is `exact` if every correct program has the same bytes for it. Only such values go into operators that jump (rounding,
comparing, quantizing, finding a largest element), since a difference in the last digit would become a whole step there.
"""

import dataclasses
import random
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OPSET = 21
LARGEST, MOST = 1e3, 3000  # magnitude and number of elements of a value
F32, INTEGERS = np.float32, (np.int32, np.int64, np.int8, np.uint8)


class NothingFits(Exception):
    pass


@dataclasses.dataclass
class Value:
    name: str
    array: np.ndarray
    exact: bool
    constant: bool = False


@dataclasses.dataclass
class Graph:
    model: onnx.ModelProto
    inputs: dict  # arrays by name
    outputs: dict  # what the reference computes
    jumps: bool  # it has an operator that other precisions than f32 may take elsewhere
    quantized: bool


class Builder:
    def __init__(self, rng, without):
        self.rng, self.without = rng, without
        self.values, self.nodes, self.initializers = [], [], []
        self.numbers = np.random.default_rng(rng.getrandbits(32))
        self.jumps = self.quantized = False

    # -- values ---------------------------------------------------------------

    def name(self):
        return f"v{len(self.values) + len(self.initializers)}"

    def random(self, shape, dtype=F32, low=-2.0, high=2.0):
        if dtype == np.bool_:
            return self.numbers.random(shape) < 0.5
        if np.issubdtype(dtype, np.integer):
            info = np.iinfo(dtype)
            return self.numbers.integers(max(info.min, -20), min(info.max, 20), shape, dtype, endpoint=True)
        return self.numbers.uniform(low, high, shape).astype(dtype)

    def constant(self, array):
        """An initializer."""
        name = self.name()
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return Value(name, np.asarray(array), True, True)

    def weights(self, shape, scale=None):
        scale = scale or 1 / max(1.0, np.sqrt(np.prod(shape[1:], dtype=float)))
        return self.constant(self.random(shape, low=-2 * scale, high=2 * scale))

    def input(self, shape, dtype=F32):
        value = Value(self.name(), self.random(shape, dtype), True)
        self.values.append(value)
        return value

    def find(self, accept):
        """A value that fits, mostly a late one; None if there is none."""
        fitting = [value for value in self.values if accept(value)]
        return self.rng.choice(fitting[-4:] if self.rng.random() < 0.7 else fitting) if fitting else None

    def pick(self, accept=lambda value: True):
        """The same, but without one the operator is given up."""
        value = self.find(accept)
        if value is None:
            raise NothingFits
        return value

    def floats(self, rank=None, least=0, exact=False):
        return self.pick(lambda v: v.array.dtype == F32 and (rank is None or v.array.ndim == rank) and v.array.ndim >= least
                         and (v.exact or not exact))

    # -- nodes ----------------------------------------------------------------

    def add(self, op, inputs, exact, outputs=1, domain="", **attributes):
        """Adds a node if its results are of use. Returns them, or None."""
        if op in self.without:
            return None
        names = [f"{self.name()}{'_abcdef'[i] if i else ''}" for i in range(outputs)]
        node = helper.make_node(op, [v.name if v else "" for v in inputs], names, f"{op}_{len(self.nodes)}", domain=domain, **attributes)
        given = {v.name: v.array for v in inputs if v}
        graph = helper.make_graph([node], "node", [_info(n, a) for n, a in given.items()],
                                  [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names])
        model = helper.make_model(graph, opset_imports=_opsets(), ir_version=10)
        model.graph.initializer.extend(numpy_helper.from_array(v.array, v.name) for v in inputs if v and v.constant)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                results = ReferenceEvaluator(model).run(None, given)
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output
        except Exception:  # the reference lacks the case
            return None
        results = [np.asarray(r) for r in results]
        for array, value in zip(results, inferred):
            shape = value.type.tensor_type.shape.dim
            is_known = value.type.tensor_type.HasField("shape")
            if is_known and (len(shape) != array.ndim or any(d.HasField("dim_value") and d.dim_value != s for d, s in zip(shape, array.shape))):
                return None  # the reference is wrong
            if not 0 < array.size <= MOST or array.ndim > 5:
                return None
            if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.abs(array).max() <= LARGEST):
                return None
        exact = exact and all(v.exact for v in inputs if v)
        added = [Value(name, array, exact) for name, array in zip(names, results)]
        self.nodes.append(node)
        self.values += added
        return added

    def jump(self):
        self.jumps = True
        return True


def _opsets():
    return [helper.make_opsetid("", OPSET)]


def _info(name, array):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


# -- operators: each adds nodes to a builder, or does not -----------------------

UNARY_EXACT = ("Relu", "Abs", "Neg", "Identity", "LeakyRelu", "HardSigmoid", "Sqrt", "Reciprocal")
UNARY = ("Sigmoid", "Tanh", "Exp", "Log", "Erf", "Softplus", "Softsign", "Elu", "Selu", "Gelu", "HardSwish", "Mish", "Sin", "Cos", "Celu")
JUMPING = ("Floor", "Ceil", "Round", "Sign", "ThresholdedRelu")


def unary(b):
    op = b.rng.choice(UNARY + UNARY_EXACT)
    b.add(op, [b.floats()], op in ("Relu", "Abs", "Neg", "Identity"))


def jumping(b):
    x = b.floats(exact=True)
    return b.jump() and b.add(b.rng.choice(JUMPING), [x], True)


def binary(b):
    op = b.rng.choice(("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "PRelu", "Mean", "Sum"))
    x = b.floats()
    shape = [size if b.rng.random() < 0.7 else 1 for size in x.array.shape[b.rng.randrange(x.array.ndim + 1):]]
    other = b.find(lambda v: v.array.dtype == F32 and _broadcasts(v.array, x.array))
    if other is None or op in ("Div", "Pow", "PRelu") or b.rng.random() < 0.4:
        other = b.constant(b.random(shape, low=0.5, high=2))
    if op == "Pow":
        x, other = b.add("Abs", [x], True) or [x], b.constant(np.array(b.rng.choice((0.5, 2, 3)), F32))
        x = x[0]
    # A sum or product of two is one IEEE operation.
    return b.add(op, [x, other], op in ("Add", "Sub", "Mul", "Div", "Max", "Min"))


def _broadcasts(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape) == b.shape
    except ValueError:
        return False


def comparison(b):
    x = b.floats(exact=True)
    other = b.constant(b.random([], low=-1, high=1))
    found = b.jump() and b.add(b.rng.choice(("Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal")), [x, other], True)
    if found and b.rng.random() < 0.3:
        found = b.add("Not", found, True)
    y = found and b.pick(lambda v: v.array.dtype == F32 and v.array.shape == x.array.shape)
    return y and b.add("Where", [found[0], y, b.constant(b.random([1]))], True)


def clip(b):
    low = b.constant(np.array(b.rng.uniform(-1, 0), F32))
    return b.add("Clip", [b.floats(), low, b.constant(np.array(b.rng.uniform(0.1, 3), F32))], True)


def cast(b):
    x = b.pick(lambda v: v.exact and v.array.dtype.kind in "fiub")
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL)
    to = b.rng.choice(kinds)
    if to == TensorProto.UINT8 and x.array.min() < 0:  # a float outside of the range has no defined integer
        return None
    return b.jump() and b.add("Cast", [x], True, to=to)


def integers(b):
    x = b.find(lambda v: v.array.dtype in (np.int32, np.int64))
    if x is None:
        x = b.input([b.rng.randint(1, 4) for _ in range(b.rng.randint(1, 3))], b.rng.choice((np.int32, np.int64)))
    other = b.constant(b.random(x.array.shape[-1:], x.array.dtype))
    return b.add(b.rng.choice(("Add", "Sub", "Mul", "Max", "Min")), [x, other], True)


def transpose(b):
    x = b.pick(lambda v: v.array.ndim >= 2)
    order = list(range(x.array.ndim))
    b.rng.shuffle(order)
    return b.add("Transpose", [x], True, perm=order)


def reshape(b):
    x = b.pick(lambda v: v.array.ndim >= 1)
    shape = list(x.array.shape)
    if len(shape) > 1 and b.rng.random() < 0.6:
        axis = b.rng.randrange(len(shape) - 1)
        shape[axis:axis + 2] = [shape[axis] * shape[axis + 1]]
    else:
        axis = b.rng.randrange(len(shape))
        factors = [f for f in range(1, shape[axis] + 1) if shape[axis] % f == 0]
        factor = b.rng.choice(factors)
        shape[axis:axis + 1] = [factor, shape[axis] // factor]
    if b.rng.random() < 0.5:
        shape[b.rng.randrange(len(shape))] = -1
    return b.add("Reshape", [x, b.constant(np.array(shape, np.int64))], True)


def squeezing(b):
    x = b.pick()
    ones = [axis for axis, size in enumerate(x.array.shape) if size == 1]
    if ones and b.rng.random() < 0.6:
        return b.add("Squeeze", [x, b.constant(np.array([b.rng.choice(ones)], np.int64))], True)
    if b.rng.random() < 0.3:
        return b.add("Flatten", [x], True, axis=b.rng.randint(0, x.array.ndim))
    return b.add("Unsqueeze", [x, b.constant(np.array([b.rng.randint(0, x.array.ndim)], np.int64))], True)


def concat(b):
    x = b.pick(lambda v: v.array.ndim >= 1)
    axis = b.rng.randrange(x.array.ndim)
    cut = lambda a: a.shape[:axis] + a.shape[axis + 1:]
    parts = [v for v in b.values if v.array.dtype == x.array.dtype and v.array.ndim == x.array.ndim and cut(v.array) == cut(x.array)]
    parts = b.rng.sample(parts, min(len(parts), b.rng.randint(1, 3)))
    return b.add("Concat", parts, True, axis=axis)


def slicing(b):
    x = b.pick(lambda v: v.array.ndim >= 1 and v.array.size > 1)
    axis = b.rng.randrange(x.array.ndim)
    size = x.array.shape[axis]
    start, end = sorted((b.rng.randint(0, size), b.rng.randint(0, size)))
    step = b.rng.choice((1, 1, 2, -1))
    if step < 0:
        start, end = end - 1, start - 1 - size
    return b.add("Slice", [x, *(b.constant(np.array([n], np.int64)) for n in (start, end, axis, step))], True)


def split(b):
    x = b.pick(lambda v: v.array.ndim >= 1 and max(v.array.shape) > 1)
    axis = max(range(x.array.ndim), key=lambda a: x.array.shape[a])
    first = b.rng.randint(1, x.array.shape[axis] - 1)
    return b.add("Split", [x, b.constant(np.array([first, x.array.shape[axis] - first], np.int64))], True, outputs=2, axis=axis)


def pad(b):
    x = b.floats(least=1)
    pads = np.array([b.rng.choice((0, 0, 1, 2)) for _ in range(2 * x.array.ndim)], np.int64)
    mode = b.rng.choice(("constant", "constant", "edge", "reflect"))
    if mode == "reflect":
        pads = np.minimum(pads, np.tile(np.array(x.array.shape) - 1, 2))
    inputs = [x, b.constant(pads)]
    if mode == "constant" and b.rng.random() < 0.5:
        inputs.append(b.constant(np.array(1.5, F32)))
    return b.add("Pad", inputs, True, mode=mode)


def gather(b):
    x = b.pick(lambda v: v.array.ndim >= 1)
    axis = b.rng.randrange(x.array.ndim)
    size = x.array.shape[axis]
    indices = b.numbers.integers(-size, size, [b.rng.randint(1, 3) for _ in range(b.rng.randint(0, 2))], np.int64)
    where = b.constant(indices) if b.rng.random() < 0.7 else None
    if where is None:
        where = Value(b.name(), np.asarray(indices), True)
        b.values.append(where)
    return b.add("Gather", [x, where], True, axis=axis)


def repeating(b):
    x = b.pick(lambda v: v.array.ndim >= 1)
    if b.rng.random() < 0.5:
        return b.add("Tile", [x, b.constant(np.array([b.rng.choice((1, 1, 2)) for _ in x.array.shape], np.int64))], True)
    shape = [b.rng.choice((1, 2))] + [size if size > 1 else b.rng.choice((1, 3)) for size in x.array.shape]
    return b.add("Expand", [x, b.constant(np.array(shape, np.int64))], True)


def depth(b):
    x = b.floats(rank=4)
    return b.add(*b.rng.choice([("DepthToSpace", [x], True), ("SpaceToDepth", [x], True)]), blocksize=2)


def reduction(b):
    x = b.floats(least=1)
    op = b.rng.choice(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd"))
    axes = sorted(b.rng.sample(range(x.array.ndim), b.rng.randint(1, x.array.ndim)))
    if b.rng.random() < 0.3:
        axes = [axis - x.array.ndim for axis in axes]
    return b.add(op, [x, b.constant(np.array(axes, np.int64))], op in ("ReduceMax", "ReduceMin"), keepdims=b.rng.randint(0, 1))


def finding(b):
    x = b.floats(least=1, exact=True)
    axis = b.rng.randrange(x.array.ndim)
    if b.rng.random() < 0.5:
        return b.jump() and b.add(b.rng.choice(("ArgMax", "ArgMin")), [x], True, axis=axis, keepdims=b.rng.randint(0, 1))
    if len(np.unique(x.array)) < x.array.size:
        return None
    k = b.constant(np.array([b.rng.randint(1, x.array.shape[axis])], np.int64))
    return b.jump() and b.add("TopK", [x, k], True, outputs=2, axis=axis, largest=b.rng.randint(0, 1))


def softmax(b):
    x = b.floats(least=1)
    return b.add(b.rng.choice(("Softmax", "LogSoftmax")), [x], False, axis=b.rng.randrange(-x.array.ndim, x.array.ndim))


def cumsum(b):
    x = b.floats(least=1)
    return b.add("CumSum", [x, b.constant(np.array(b.rng.randrange(x.array.ndim), np.int64))], False, exclusive=b.rng.randint(0, 1),
                       reverse=b.rng.randint(0, 1))


def normalisation(b):
    x = b.floats(least=2)
    if b.rng.random() < 0.4:
        axis = b.rng.randrange(1, x.array.ndim)
        shape = x.array.shape[axis:]
        return b.add("LayerNormalization", [x, b.constant(b.random(shape)), b.constant(b.random(shape))], False, axis=axis, epsilon=1e-2)
    channels = [x.array.shape[1]]
    scale, bias = b.constant(b.random(channels)), b.constant(b.random(channels))
    if x.array.ndim > 2 and b.rng.random() < 0.4:
        return b.add("InstanceNormalization", [x, scale, bias], False, epsilon=1e-2)
    mean, variance = b.constant(b.random(channels)), b.constant(b.random(channels, low=0.5, high=2))
    return b.add("BatchNormalization", [x, scale, bias, mean, variance], False)


def matmul(b):
    x = b.floats(least=2)
    k, n = x.array.shape[-1], b.rng.choice((1, 3, 8, 17))
    if x.array.ndim == 2 and b.rng.random() < 0.5:
        flipped = b.rng.randint(0, 1)
        inputs = [x, b.weights([n, k] if flipped else [k, n])] + ([b.constant(b.random([n]))] if b.rng.random() < 0.6 else [])
        return b.add("Gemm", inputs, False, transB=flipped, alpha=b.rng.choice((1.0, 0.5)), beta=b.rng.choice((1.0, 2.0)))
    other = b.find(lambda v: v.array.dtype == F32 and v.array.ndim >= 2 and v.array.shape[-2] == k)
    if other is None or b.rng.random() < 0.6:
        other = b.weights([k, n])
    return b.add("MatMul", [x, other], False)


def window(b, x, kernel):
    """Attributes of a convolution or pooling."""
    spatial = x.array.ndim - 2
    attributes = {"strides": [b.rng.choice((1, 1, 2)) for _ in range(spatial)]}
    if b.rng.random() < 0.3:
        attributes["auto_pad"] = b.rng.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    else:
        attributes["pads"] = [b.rng.randint(0, kernel[i % spatial] // 2) for i in range(2 * spatial)]
    return attributes


def convolution(b):
    x = b.pick(lambda v: v.array.dtype == F32 and v.array.ndim in (3, 4) and min(v.array.shape[2:]) >= 3)
    channels = x.array.shape[1]
    group = b.rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
    out = group * b.rng.choice((1, 2, 3))
    kernel = [b.rng.randint(1, 3) for _ in x.array.shape[2:]]
    bias = [b.constant(b.random([out]))] if b.rng.random() < 0.6 else []
    if b.rng.random() < 0.2:
        return b.add("ConvTranspose", [x, b.weights([channels, out, *kernel])] + bias, False, kernel_shape=kernel,
                     strides=[b.rng.choice((1, 2)) for _ in kernel])
    attributes = window(b, x, kernel)
    if "auto_pad" not in attributes and b.rng.random() < 0.2:
        attributes["dilations"] = [2 if size >= 5 else 1 for size in x.array.shape[2:]]
    return b.add("Conv", [x, b.weights([out, channels // group, *kernel])] + bias, False, group=group, kernel_shape=kernel, **attributes)


def pooling(b):
    x = b.pick(lambda v: v.array.dtype == F32 and v.array.ndim in (3, 4) and min(v.array.shape[2:]) >= 3)
    if b.rng.random() < 0.2:
        return b.add(*b.rng.choice([("GlobalAveragePool", [x], False), ("GlobalMaxPool", [x], True)]))
    kernel = [b.rng.randint(2, 3) for _ in x.array.shape[2:]]
    op = b.rng.choice(("MaxPool", "AveragePool"))
    attributes = window(b, x, kernel)
    if op == "AveragePool" and "pads" in attributes:
        attributes["count_include_pad"] = b.rng.randint(0, 1)
    return b.add(op, [x], op == "MaxPool", kernel_shape=kernel, **attributes)


def resize(b):
    x = b.floats(rank=4)
    scales = b.constant(np.array([1, 1, 2, b.rng.choice((1, 2))], F32))
    mode = b.rng.choice(("nearest", "linear"))
    how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"} if mode == "nearest" else {}
    return b.add("Resize", [x, None, scales], mode == "nearest", mode=mode, **how)


# -- quantized ones --------------------------------------------------------------

def _parameters(b, array, dtype):
    """A scale, a power of two so that quantizing is exact arithmetic, and a zero point."""
    info = np.iinfo(dtype)
    scale = 2.0 ** np.ceil(np.log2(max(1e-2, float(np.ptp(array))) / 256))
    zero = int(np.clip(np.round(info.min - array.min() / scale), info.min, info.max))
    return b.constant(np.array(scale, F32)), b.constant(np.array(zero, dtype))


def quantize(b):
    x = b.floats(exact=True)
    b.quantized = b.jump()
    return b.add("QuantizeLinear", [x, *_parameters(b, x.array, b.rng.choice((np.uint8, np.int8)))], True)


def dequantize(b):
    x = b.find(lambda v: v.array.dtype in (np.uint8, np.int8))
    if x is None:
        return quantize(b)
    zero = b.constant(np.array(b.rng.randint(0, 20), x.array.dtype))
    return b.add("DequantizeLinear", [x, b.constant(np.array(2.0 ** -b.rng.randint(3, 7), F32)), zero], True)


def integer_products(b):
    x = b.find(lambda v: v.array.dtype == np.uint8 and v.array.ndim >= 2)
    if x is None:
        return quantize(b)
    b.quantized = b.jump()
    k, n = x.array.shape[-1], b.rng.choice((1, 5, 16))
    weights = b.constant(b.numbers.integers(-127, 127, [k, n], np.int8))
    zero = b.constant(np.array(b.rng.randint(0, 255), np.uint8))
    if b.rng.random() < 0.5:
        return b.add("MatMulInteger", [x, weights, zero], True)
    scale = lambda low, high: b.constant(np.array(2.0 ** -b.rng.randint(low, high), F32))
    return b.add("QLinearMatMul", [x, scale(4, 7), zero, weights, scale(5, 8), b.constant(np.array(0, np.int8)), scale(2, 5),
                                   b.constant(np.array(128, np.uint8))], True)


def integer_convolution(b):
    x = b.find(lambda v: v.array.dtype == np.uint8 and v.array.ndim in (3, 4) and min(v.array.shape[2:]) >= 3)
    if x is None:
        return quantize(b)
    b.quantized = b.jump()
    channels = x.array.shape[1]
    group = b.rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
    out = group * b.rng.choice((1, 2, 3))
    kernel = [b.rng.randint(1, 3) for _ in x.array.shape[2:]]
    weights = b.constant(b.numbers.integers(-127, 127, [out, channels // group, *kernel], np.int8))
    # Padding is the zero point, which the reference pads with only where it is 0.
    attributes = dict(group=group, kernel_shape=kernel, strides=[b.rng.choice((1, 2)) for _ in kernel])
    zero = b.constant(np.array(0, np.uint8))
    if b.rng.random() < 0.5:
        attributes["pads"] = [b.rng.randint(0, size // 2) for size in kernel * 2]
    else:
        zero = b.constant(np.array(b.rng.randint(0, 255), np.uint8))
    if b.rng.random() < 0.4:
        return b.add("ConvInteger", [x, weights, zero], True, **attributes)
    scale = lambda low, high: b.constant(np.array(2.0 ** -b.rng.randint(low, high), F32))
    bias = [b.constant(b.numbers.integers(-500, 500, [out], np.int32))] if b.rng.random() < 0.5 else []
    return b.add("QLinearConv", [x, scale(4, 7), zero, weights, scale(5, 8), b.constant(np.array(0, np.int8)), scale(2, 5),
                                 b.constant(np.array(128, np.uint8))] + bias, True, **attributes)


# -- other widths, and sequences ---------------------------------------------------

def widths(b):
    """A stretch in f64, or one in f16 that no rounding can take elsewhere."""
    wide = b.rng.random() < 0.5
    x = b.floats(exact=not wide)
    y = b.add("Cast", [x], wide or b.jump(), to=TensorProto.DOUBLE if wide else TensorProto.FLOAT16)
    y = y and b.add(b.rng.choice(("Relu", "Neg", "Abs")), y, True)
    if y and wide and b.rng.random() < 0.5:
        y = b.add(b.rng.choice(("Exp", "Tanh", "Sigmoid", "Sqrt", "Erf")), y, False)
    if y and wide and b.rng.random() < 0.5:
        y = b.add("Add", [y[0], b.constant(b.random(x.array.shape[-1:], np.float64))], False)
    return y and b.add("Cast", y, wide or b.jump(), to=TensorProto.FLOAT)


def recurrent(b):
    x = b.floats(rank=3)
    steps, batch, size = x.array.shape
    hidden = b.rng.choice((1, 3, 5))
    op, gates = b.rng.choice((("RNN", 1), ("GRU", 3), ("LSTM", 4)))
    attributes = {"hidden_size": hidden}
    if op == "GRU":
        attributes["linear_before_reset"] = b.rng.randint(0, 1)
    inputs = [x, b.weights([1, gates * hidden, size]), b.weights([1, gates * hidden, hidden])]
    if b.rng.random() < 0.6:
        inputs.append(b.constant(b.random([1, 2 * gates * hidden])))
    return b.add(op, inputs, False, outputs=3 if op == "LSTM" else 2, **attributes)


COMMON = [unary] * 3 + [binary] * 4 + [clip, transpose, reshape, squeezing, concat, slicing, split, pad, gather, repeating, depth, reduction,
                                       reduction, softmax, cumsum, normalisation, normalisation, resize, widths, recurrent]
CONTRACTIONS = [matmul] * 3 + [convolution] * 5 + [pooling] * 2
JUMPS = [jumping, comparison, cast, integers, finding]
QUANTIZED = [quantize, dequantize, dequantize, integer_products, integer_convolution, integer_convolution]


def generate(rng, without=()):
    """A random graph; `without` names operators to do without."""
    while True:
        graph = _generate(rng, without)
        if graph is not None:
            return graph


def _generate(rng, without):
    b = Builder(rng, without)
    operators = COMMON + CONTRACTIONS + (JUMPS if rng.random() < 0.4 else []) + (QUANTIZED * 2 if rng.random() < 0.3 else [])
    for _ in range(rng.randint(1, 2)):
        rank = rng.choice((1, 2, 3, 4, 4))
        b.input([rng.choice((1, 2, 3, 4, 7, 8)) if i < 2 else rng.randint(3, 9) for i in range(rank)])
    for _ in range(rng.randint(2, 10) * 2):
        try:
            rng.choice(operators)(b)
        except NothingFits:
            pass
    produced = {name for node in b.nodes for name in node.output}
    used = {name for node in b.nodes for name in node.input}
    if not produced:
        return None
    inputs = {v.name: v.array for v in b.values if v.name not in produced and v.name in used}
    # What nothing uses, and a few of the others.
    ends = {v.name: v.array for v in b.values if v.name in produced and (v.name not in used or rng.random() < 0.15)}
    model = helper.make_model(
        helper.make_graph(b.nodes, "fuzz", [_info(n, a) for n, a in inputs.items()], [_info(n, a) for n, a in ends.items()],
                          [t for t in b.initializers if t.name in used]),
        opset_imports=_opsets(), ir_version=10, producer_name="mpc-fuzz")
    if rng.random() < 0.15:
        _name_batch(model)
    return Graph(model, inputs, ends, b.jumps, b.quantized) if inputs else None


def _name_batch(model):
    """Makes the first size of inputs that agree in it a symbolic one. Graphs in which it matters elsewhere are refused."""
    shapes = [info.type.tensor_type.shape for info in model.graph.input]
    first = next((shape.dim[0].dim_value for shape in shapes if shape.dim), None)
    for shape in shapes:
        if shape.dim and shape.dim[0].dim_value == first:
            shape.dim[0].dim_param = "N"
    for info in model.graph.output:
        for dim in info.type.tensor_type.shape.dim:
            dim.Clear()
