# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types: NumPy's dtypes and the numbers that they have in the C ABI and in ONNX, which are the same."""

from __future__ import annotations

import struct
from typing import Optional

import numpy as np

try:  # types that NumPy lacks
    import ml_dtypes
except ImportError:
    ml_dtypes = None

# Name in mpc, number in the ABI (mpc_dtype) and in onnx.TensorProto.DataType.
NUMBERS = {
    "f32": 1, "u8": 2, "i8": 3, "u16": 4, "i16": 5, "i32": 6, "i64": 7, "bool": 9, "f16": 10, "f64": 11, "u32": 12, "u64": 13,
    "bf16": 16, "f8e4m3fn": 17, "f8e4m3fnuz": 18, "f8e5m2": 19, "f8e5m2fnuz": 20, "u4": 21, "i4": 22, "f4e2m1": 23, "f8e8m0": 24,
    "u2": 25, "i2": 26,
}
_NUMPY = {
    "f32": np.float32, "u8": np.uint8, "i8": np.int8, "u16": np.uint16, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "bool": np.bool_, "f16": np.float16, "f64": np.float64, "u32": np.uint32, "u64": np.uint64,
}
_ML_DTYPES = {
    "bf16": "bfloat16", "f8e4m3fn": "float8_e4m3fn", "f8e4m3fnuz": "float8_e4m3fnuz", "f8e5m2": "float8_e5m2",
    "f8e5m2fnuz": "float8_e5m2fnuz", "u4": "uint4", "i4": "int4", "f8e8m0": "float8_e8m0fnu",
    "f4e2m1": "float4_e2m1fn", "u2": "uint2", "i2": "int2",
}
# What stands in for a type of ml_dtypes where that is not installed: the bits.
_BITS = {"bf16": np.uint16, "i4": np.int8, "i2": np.int8}
# Bits of an element in ONNX's files, by number, where they are less than a byte.
_PACKED = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}


def _dtypes() -> dict[int, np.dtype]:
    found = {NUMBERS[name]: np.dtype(dtype) for name, dtype in _NUMPY.items()}
    for name, theirs in _ML_DTYPES.items():
        if ml_dtypes is not None and hasattr(ml_dtypes, theirs):
            found[NUMBERS[name]] = np.dtype(getattr(ml_dtypes, theirs))
        else:
            found[NUMBERS[name]] = np.dtype(_BITS.get(name, np.uint8))
    return found


DTYPES = _dtypes()
NAMES = {number: name for name, number in NUMBERS.items()}


def whole_bytes(array: np.ndarray, number: int) -> np.ndarray:
    """The same values; integers of few bits with all bits of their bytes set as the ABI wants, where ml_dtypes minds the low ones only."""
    if number in _PACKED and NAMES[number] != "f4e2m1" and array.dtype == DTYPES[number]:
        return array.astype(np.int8 if NAMES[number].startswith("i") else np.uint8).view(array.dtype)
    return array


def number_of(dtype: np.dtype, expected: Optional[int] = None) -> int:
    """The number of a dtype: `expected` where its values have that dtype, 0 for one that mpc does not know."""
    if expected is not None and DTYPES.get(expected) == dtype:
        return expected
    return next((number for number, known in DTYPES.items() if known == dtype), 0)


def tensor_proto(array: np.ndarray) -> bytes:
    """One serialized onnx.TensorProto: the form in which mpc-compile reads arrays of every type."""
    number = number_of(array.dtype)
    if not number:
        raise TypeError(f"expected an array of numbers, but got {array.dtype}")
    array = np.asarray(array, order="C")
    data = array.tobytes()
    bits = _PACKED.get(number)
    if bits:  # several in a byte, the first in the lowest bits
        fields = np.frombuffer(data, np.uint8) & (1 << bits) - 1
        fields = np.append(fields, np.zeros(-fields.size % (8 // bits), np.uint8)).reshape(-1, 8 // bits)
        data = np.bitwise_or.reduce(fields << np.arange(0, 8, bits, dtype=np.uint8), axis=1).astype(np.uint8).tobytes()

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
        return bytes(out)

    dims = b"".join(b"\x08" + varint(size) for size in array.shape)  # field 1
    return dims + struct.pack("BB", 0x10, number) + b"\x4a" + varint(len(data)) + data  # fields 2 and 9
