"""Small ONNX models, made on the fly."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16, "u8": TensorProto.UINT8, "s8": TensorProto.INT8,
         "s32": TensorProto.INT32}


def array(kind, values):
    """Values as the element type `kind` stores them."""
    values = np.asarray(values)
    if kind == "bf16":  # NumPy lacks it: the upper half of an f32, rounded to nearest even
        bits = values.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return values.astype({"f32": np.float32, "f16": np.float16, "u8": np.uint8, "s8": np.int8, "s32": np.int32}[kind])


def tensor(name, kind, values):
    values = array(kind, values)
    return helper.make_tensor(name, TYPES[kind], values.shape, values.tobytes(), raw=True)


def save(path, nodes, source, result, constants):
    """`source` and `result`: (element type, shape) of the input x and the output y."""
    graph = helper.make_graph(nodes, path.stem, [helper.make_tensor_value_info("x", TYPES[source[0]], source[1])],
                              [helper.make_tensor_value_info("y", TYPES[result[0]], result[1])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def matmul(path, kind, m, weights):
    """x[m, k] times weights[k, n], in one float type."""
    k, n = weights.shape
    save(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], (kind, [m, k]), (kind, [m, n]), [tensor("w", kind, weights)])


def matmul_integer(path, kind, m, weights):
    k, n = weights.shape
    save(path, [helper.make_node("MatMulInteger", ["x", "w"], ["y"])], (kind, [m, k]), ("s32", [m, n]), [tensor("w", "s8", weights)])


def scales(step, weights):
    """Constants of a quantized operator with zero points of 0, whose results are scaled by `step` (an array: per channel)."""
    zeros = np.zeros(np.shape(step), np.int8)
    return [tensor("one", "f32", 1.0), tensor("step", "f32", step), tensor("zero", "u8", 0), tensor("zeros", "s8", zeros), tensor("w", "s8", weights)]


def quantized_matmul(path, m, weights, step):
    k, n = weights.shape
    save(path, [helper.make_node("QLinearMatMul", ["x", "one", "zero", "w", "step", "zeros", "one", "zero"], ["y"])], ("u8", [m, k]),
         ("u8", [m, n]), scales(step, weights))


def conv(path, shape, weights, bias):
    """With a ReLU."""
    attributes = {"pads": [shape.pad] * 4, "strides": [shape.stride] * 2, "group": shape.groups}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], **attributes), helper.make_node("Relu", ["c"], ["y"])]
    save(path, nodes, ("f32", [1, shape.inputs, shape.size, shape.size]), ("f32", [1, shape.outputs, shape.out_size, shape.out_size]),
         [tensor("w", "f32", weights), tensor("b", "f32", bias)])


def quantized_conv(path, shape, weights, bias, step):
    """u8 to u8; its lower limit of 0 is a ReLU."""
    node = helper.make_node("QLinearConv", ["x", "one", "zero", "w", "step", "zeros", "one", "zero", "b"], ["y"], pads=[shape.pad] * 4,
                            strides=[shape.stride] * 2, group=shape.groups)
    save(path, [node], ("u8", [1, shape.inputs, shape.size, shape.size]), ("u8", [1, shape.outputs, shape.out_size, shape.out_size]),
         [*scales(step, weights), tensor("b", "s32", bias)])


def elementwise(path, operator, rows, columns, constants, **attributes):
    """`constants`: name -> values, the operator's further inputs."""
    node = helper.make_node(operator, ["x", *constants], ["y"], **attributes)
    save(path, [node], ("f32", [rows, columns]), ("f32", [rows, columns]), [tensor(name, "f32", values) for name, values in constants.items()])
