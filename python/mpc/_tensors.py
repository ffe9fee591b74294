# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the elements of a tensor of another library are: NumPy, DLPack and the CUDA array interface."""

from __future__ import annotations

import ctypes as c
import dataclasses
import math
from typing import Any, Optional

import numpy as np

from . import _dtypes

CPU, CUDA = 0, 1  # mpc_device
#: CUDA's handle of the legacy default stream, as in both protocols.
LEGACY_STREAM = 1


@dataclasses.dataclass
class View:
    """The memory of a tensor, for as long as `owner` lives. `strides` are in elements; None: dense."""

    pointer: int
    number: int  # of the element type in the ABI; 0: one that mpc does not know
    type: str  # its name there, for messages
    shape: tuple[int, ...]
    strides: Optional[tuple[int, ...]]
    device: int
    device_index: int
    owner: Any


def of(value: Any, number: int, stream: Optional[int], writes: bool) -> View:
    """The view of a tensor whose element type should have that number in the ABI.

    Objects with `__dlpack__` or `__cuda_array_interface__` are seen where they are; what else is no NumPy array becomes one.
    stream: the CUDA stream that will use the memory; None: one that waits for the legacy default stream.
    Raises ValueError if the tensor cannot be used.
    """
    if not isinstance(value, (np.ndarray, np.generic)):
        if hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
            return _of_dlpack(value, stream)
        interface = getattr(value, "__cuda_array_interface__", None)
        if interface is not None:
            return _of_cuda_array(value, interface, number, stream, writes)
    if writes:
        if not isinstance(value, np.ndarray) or not value.flags.c_contiguous or not value.flags.writeable:
            raise ValueError("expected an array that is dense and writable")
        array = value
    else:
        array = _dtypes.whole_bytes(np.asarray(value, order="C"), number)
    found = _dtypes.number_of(array.dtype, number) if array.dtype.isnative else 0
    return View(array.ctypes.data, found, str(array.dtype), array.shape, None, CPU, 0, array)


def _of_cuda_array(value: Any, interface: Any, number: int, stream: Optional[int], writes: bool) -> View:
    """https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html, versions 2 and 3."""
    dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
    pointer, is_read_only = interface["data"]
    if interface.get("mask") is not None:
        raise ValueError("expected no mask")
    if writes and is_read_only:
        raise ValueError("expected an array that is writable")
    producer = interface.get("stream")
    if producer is not None and producer != (stream or LEGACY_STREAM):
        raise ValueError(f"it is computed on stream {producer}: run on that one, with stream={producer}")
    strides = interface.get("strides")
    if strides is not None:
        if any(size % dtype.itemsize for size in strides):
            raise ValueError("expected strides that are multiples of the element's size")
        strides = tuple(size // dtype.itemsize for size in strides)
    found = _dtypes.number_of(dtype, number) if dtype.isnative else 0
    # The protocol does not say which device; the runtime asks the driver.
    return View(pointer or 0, found, str(dtype), shape, strides, CUDA, 0, value)


class _DLTensor(c.Structure):
    """DLTensor of dlpack.h (version 0.8)."""

    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32), ("device_id", c.c_int32), ("ndim", c.c_int32), ("code", c.c_uint8),
                ("bits", c.c_uint8), ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)), ("strides", c.POINTER(c.c_int64)),
                ("byte_offset", c.c_uint64)]


_DL_CPU, _DL_CUDA, _DL_CUDA_HOST, _DL_CUDA_MANAGED = 1, 2, 3, 13
_DL_TYPES = {(0, 8): "i8", (0, 16): "i16", (0, 32): "i32", (0, 64): "i64", (1, 8): "u8", (1, 16): "u16", (1, 32): "u32", (1, 64): "u64",
             (2, 16): "f16", (2, 32): "f32", (2, 64): "f64", (4, 16): "bf16", (6, 8): "bool"}
_pointer_of = c.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = c.c_void_p, [c.py_object, c.c_char_p]


def _of_dlpack(value: Any, stream: Optional[int]) -> View:
    kind, index = value.__dlpack_device__()
    is_cuda = kind in (_DL_CUDA, _DL_CUDA_MANAGED)
    if not is_cuda and kind not in (_DL_CPU, _DL_CUDA_HOST):
        raise ValueError(f"expected memory of the CPU or of a CUDA device, but got DLPack's device type {int(kind)}")
    try:
        # The capsule keeps its name, so that it frees the tensor with itself.
        capsule = value.__dlpack__(stream=stream or LEGACY_STREAM) if is_cuda else value.__dlpack__()
        tensor = _DLTensor.from_address(_pointer_of(capsule, b"dltensor"))
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"DLPack: {error}") from None
    name = _DL_TYPES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    shape = tuple(tensor.shape[:tensor.ndim])
    strides = tuple(tensor.strides[:tensor.ndim]) if tensor.strides and math.prod(shape) else None
    return View((tensor.data or 0) + tensor.byte_offset, _dtypes.NUMBERS.get(name, 0),
                name or f"DLPack type {tensor.code} of {tensor.bits} bits", shape, strides, CUDA if is_cuda else CPU, int(index) if is_cuda else 0, capsule)


def handle_of(stream: Any) -> Optional[int]:
    """CUDA's handle of a stream: a number, or an object of PyTorch, CuPy or another library that has one. None stays None."""
    if stream is None:
        return None
    if hasattr(stream, "__cuda_stream__"):
        protocol = stream.__cuda_stream__
        stream = (protocol() if callable(protocol) else protocol)[1]
    for name in ("cuda_stream", "ptr"):
        stream = getattr(stream, name, stream)
    if not isinstance(stream, int) or isinstance(stream, bool):
        raise TypeError(f"expected a CUDA stream or its handle, but got {type(stream).__name__}")
    return stream or LEGACY_STREAM
