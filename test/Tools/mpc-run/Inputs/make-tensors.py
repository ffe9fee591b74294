"""Writes the files that the tests of mpc-run read, for the models of unittests/Runtime/FakeModel.c.

usage: make-tensors.py FOLDER. Only the standard library: the tests run where NumPy is not installed.

x.npy      50 samples of the input x[batch, 4]        y.npy    2 * x + [1, 0, -1, 0.5], what the model computes
labels.npy the index of each row's largest y          x.npz    x, stored; xz.npz: deflated
x.pb       x as a TensorProto                         x.bin    its bytes
one.npy    x's first sample                           wrong_*  what must be refused
"""
import io
import os
import struct
import sys
import zipfile


def npy(descr, shape, data, fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {tuple(shape)!r}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def proto(name, kind, shape, raw):
    """A serialized onnx.TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9."""
    out = b"".join(b"\x08" + varint(d) for d in shape) + b"\x10" + varint(kind)
    return out + b"\x42" + varint(len(name)) + name + b"\x4a" + varint(len(raw)) + raw


def npz(members, compression):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name + ".npy", content)
    return buffer.getvalue()


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)

    def write(name, content):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)

    rows = [[((7 * i + 3 * j) % 11 - 5) / 4 for j in range(4)] for i in range(50)]
    result = [[2 * v + w for v, w in zip(row, (1, 0, -1, 0.5))] for row in rows]
    floats = lambda table, code="f": struct.pack(f"<{4 * len(table)}{code}", *(v for row in table for v in row))
    x = npy("<f4", (50, 4), floats(rows))
    write("x.npy", x)
    write("y.npy", npy("<f4", (50, 4), floats(result)))
    write("off.npy", npy("<f4", (50, 4), floats([[v + 1 for v in row] for row in result])))
    write("labels.npy", npy("<i8", (50,), struct.pack("<50q", *(row.index(max(row)) for row in result))))
    write("x.npz", npz({"x": x}, zipfile.ZIP_STORED))
    write("xz.npz", npz({"x": x}, zipfile.ZIP_DEFLATED))
    write("x.pb", proto(b"x", 1, (50, 4), floats(rows)))
    write("x.bin", floats(rows))
    write("one.npy", npy("<f4", (1, 4), floats(rows[:1])))
    write("far.npy", npy("<f4", (3, 4), struct.pack("<12f", *([255] * 12))))
    write("bf16.bin", struct.pack("<8H", 0x3F80, 0x4000, 0xC040, 0, 0x3F00, 0x7F80, 0x0001, 0x8000))
    write("bf16.pb", proto(b"y/out:0", 16, (2, 4), struct.pack("<8H", 0x3F80, 0x4000, 0xC040, 0, 0x3F00, 0x7F80, 1, 0x8000)))
    write("f16.npy", npy("<f2", (2, 4), struct.pack("<8e", 1, 2, -3, 0, 0.5, 65504, 2 ** -24, -0.0)))
    write("f16-as-f32.npy", npy("<f4", (2, 4), struct.pack("<8f", 1, 2, -3, 0, 0.5, 65504, 2 ** -24, -0.0)))
    # The same values in another order of elements or bytes.
    columns = [list(column) for column in zip(*rows)]
    write("fortran.npy", npy("<f4", (50, 4), struct.pack("<200f", *(v for c in columns for v in c)), fortran=True))
    write("big-endian.npy", npy(">f4", (50, 4), struct.pack(">200f", *(v for row in rows for v in row))))

    write("wrong_shape.npy", npy("<f4", (3, 5), bytes(60)))
    write("wrong_type.npy", npy("<f8", (50, 4), floats(rows, "d")))
    write("wrong_object.npy", npy("|O", (1,), b"\x80\x03."))
    write("wrong_size.npy", npy("<f4", (10 ** 9, 4), bytes(64)))
    write("wrong_zip.npz", b"PK\x03\x04" + bytes(40))
    write("wrong_proto.pb", b"\xff" * 40)
    write("wrong_empty.npy", b"")
    write("wrong_name.npz", npz({"no_such_input": x}, zipfile.ZIP_STORED))
    write("wrong_labels.npy", npy("<i8", (50,), struct.pack("<50q", 0, 3, 4, *[0] * 47)))
    write("text.so", b"not a library\n")


main()
