# Files that are no models, tensors whose bytes do not fit, external data: what the textual form cannot write.
#
# REQUIRES: onnx
# RUN: rm -rf %t && %python %s %t
# RUN: not mpc-translate --import-onnx %t/empty.onnx 2>&1 | FileCheck %s --check-prefix=EMPTY
# RUN: not mpc-translate --import-onnx %t/text.onnx 2>&1 | FileCheck %s --check-prefix=FORMAT
# RUN: not mpc-translate --import-onnx %t/zeros.onnx 2>&1 | FileCheck %s --check-prefix=FORMAT
# RUN: not mpc-translate --import-onnx %t/truncated.onnx 2>&1 | FileCheck %s --check-prefix=FORMAT
# RUN: not mpc-translate --import-onnx %t/nested.onnx 2>&1 | FileCheck %s --check-prefix=FORMAT
# RUN: not mpc-translate --import-onnx %t/no-graph.onnx 2>&1 | FileCheck %s --check-prefix=NO-GRAPH
# RUN: not mpc-translate --import-onnx %t/short.onnx 2>&1 | FileCheck %s --check-prefix=SHORT
# RUN: not mpc-translate --import-onnx %t/long-field.onnx 2>&1 | FileCheck %s --check-prefix=LONG-FIELD
# RUN: not mpc-translate --import-onnx %t/negative.onnx 2>&1 | FileCheck %s --check-prefix=NEGATIVE
# RUN: not mpc-translate --import-onnx %t/huge.onnx 2>&1 | FileCheck %s --check-prefix=HUGE
# RUN: not mpc-translate --import-onnx %t/complex.onnx 2>&1 | FileCheck %s --check-prefix=COMPLEX
# RUN: mpc-translate --import-onnx %t/external.onnx | FileCheck %s --check-prefix=EXTERNAL
# RUN: not mpc-translate --import-onnx %t/missing.onnx 2>&1 | FileCheck %s --check-prefix=MISSING
# RUN: not mpc-translate --import-onnx %t/absolute.onnx 2>&1 | FileCheck %s --check-prefix=ABSOLUTE
# RUN: not mpc-translate --import-onnx %t/outside.onnx 2>&1 | FileCheck %s --check-prefix=OUTSIDE
# RUN: not mpc-translate --import-onnx %t/link.onnx 2>&1 | FileCheck %s --check-prefix=LINK
# RUN: not mpc-translate --import-onnx %t/too-short.onnx 2>&1 | FileCheck %s --check-prefix=TOO-SHORT
# RUN: not mpc-translate --import-onnx %t/beyond.onnx 2>&1 | FileCheck %s --check-prefix=BEYOND
# RUN: not mpc-translate --import-onnx %t/length.onnx 2>&1 | FileCheck %s --check-prefix=LENGTH
# RUN: not mpc-translate --import-onnx %t/offset.onnx 2>&1 | FileCheck %s --check-prefix=OFFSET
# RUN: not mpc-translate --import-onnx %t/folder.onnx 2>&1 | FileCheck %s --check-prefix=FOLDER

# EMPTY: empty.onnx: expected an ONNX model, but the file is empty
# FORMAT: {{.*}}.onnx: expected an ONNX model, but it is truncated, nested too deeply, or not in that format
# FORMAT-NOT: {{.}}
# NO-GRAPH: no-graph.onnx: expected an ONNX model, but it has no graph
# SHORT: initialiser 'w': expected 16 bytes for 4 elements, but got 8
# LONG-FIELD: initialiser 'w': expected 16 bytes for 4 elements, but got 20
# NEGATIVE: initialiser 'w': sizes -1x4 hold a negative one
# HUGE: initialiser 'w': sizes 2147483648x2147483648 are too large
# COMPLEX: initialiser 'w': elements of type complex64 are not supported
# EXTERNAL: mpc.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]]> : tensor<1x4xf32>
# MISSING: initialiser 'w': external data 'nowhere.bin' cannot be read:
# ABSOLUTE: external data '/etc/passwd' is an absolute path; expected a file in the model's folder
# OUTSIDE: external data '../secret.bin' leads out of the model's folder
# LINK: external data 'link.bin' links to '{{.*}}secret.bin', outside of the model's folder
# TOO-SHORT: expected 16 bytes at offset 8 of 'weights.bin', but it has 20 bytes
# BEYOND: offset 4611686018427387904 lies outside of 'weights.bin', which has 20 bytes
# LENGTH: expected 16 bytes, but the external data in 'weights.bin' is given as 12
# OFFSET: expected a number as offset of the external data, but got 'four'
# FOLDER: external data 'sub' is not a regular file

import pathlib
import struct
import sys

from onnx import TensorProto, helper

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)


def model(tensor):
    """y = x + w with the given initialiser w."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write(name, tensor):
    (folder / f"{name}.onnx").write_bytes(model(tensor).SerializeToString())


def raw(dims, data, kind=TensorProto.FLOAT):
    return TensorProto(name="w", data_type=kind, dims=dims, raw_data=data)


def external(location, **entries):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 4], data_location=TensorProto.EXTERNAL)
    for key, value in [("location", location), *entries.items()]:
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def nested(depth):
    """A model whose graph holds an If in an If in an If ..., as bytes: Python's protobuf refuses to build it."""
    def field(number, content):
        length, size = b"", len(content)
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))  # GraphProto.node, NodeProto.attribute, AttributeProto.g
    return b"\x08\x08" + field(7, graph) + field(8, b"\x10\x0d")


whole = model(raw([1, 4], bytes(16))).SerializeToString()
(folder / "empty.onnx").write_bytes(b"")
(folder / "text.onnx").write_bytes(b"this is not a model\n" * 50)
(folder / "zeros.onnx").write_bytes(bytes(4096))
(folder / "truncated.onnx").write_bytes(whole[:len(whole) // 2])
(folder / "nested.onnx").write_bytes(nested(5000))
(folder / "no-graph.onnx").write_bytes(b"\x08\x08")
write("short", raw([1, 4], bytes(8)))
write("long-field", TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 4], float_data=[0] * 5))
write("negative", raw([-1, 4], bytes(16)))
write("huge", raw([1 << 31, 1 << 31], bytes(16)))
write("complex", raw([1, 4], bytes(32), 14))

(folder / "weights.bin").write_bytes(bytes(4) + struct.pack("<4f", 1, 2, 3, 4))
(folder / "sub").mkdir()
secret = folder.with_name(folder.name + "-secret.bin")
secret.write_bytes(bytes(16))
(folder / "link.bin").symlink_to(secret)
write("external", external("sub/../weights.bin", offset=4, length=16))
write("missing", external("nowhere.bin"))
write("absolute", external("/etc/passwd"))
write("outside", external("../secret.bin"))
write("link", external("link.bin"))
write("too-short", external("weights.bin", offset=8))
write("beyond", external("weights.bin", offset=1 << 62))
write("length", external("weights.bin", length=12))
write("offset", external("weights.bin", offset="four"))
write("folder", external("sub"))
