# mpc.model_hash tells models apart by graph and weights, not by how the file stores or documents them.
#
# REQUIRES: onnx
# RUN: rm -rf %t && %python %s %t
# RUN: mpc-translate --import-onnx %t/raw.onnx | grep -o 'model_hash = "[0-9a-f]*"' > %t/raw.txt
# RUN: mpc-translate --import-onnx %t/field.onnx | grep -o 'model_hash = "[0-9a-f]*"' > %t/field.txt
# RUN: mpc-translate --import-onnx %t/weight.onnx | grep -o 'model_hash = "[0-9a-f]*"' > %t/weight.txt
# RUN: mpc-translate --import-onnx %t/attribute.onnx | grep -o 'model_hash = "[0-9a-f]*"' > %t/attribute.txt
# RUN: FileCheck %s < %t/raw.txt
# RUN: cmp %t/raw.txt %t/field.txt
# RUN: not cmp %t/raw.txt %t/weight.txt
# RUN: not cmp %t/raw.txt %t/attribute.txt
# CHECK: model_hash = "{{[0-9a-f]+}}"

import pathlib
import struct
import sys

from onnx import TensorProto, helper

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)


def write(name, tensor, alpha=0.5, doc=""):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    nodes = [helper.make_node("Add", ["x", "w"], ["t"]), helper.make_node("LeakyRelu", ["t"], ["y"], alpha=alpha)]
    graph = helper.make_graph(nodes, "g", [x], [y], [tensor], doc_string=doc)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name=doc)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def raw(*values):
    return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], raw_data=struct.pack("<4f", *values))


write("raw", raw(1, 2, 3, 4))
write("field", TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], float_data=[1, 2, 3, 4]), doc="documented")
write("weight", raw(1, 2, 3, 5))
write("attribute", raw(1, 2, 3, 4), alpha=0.25)
