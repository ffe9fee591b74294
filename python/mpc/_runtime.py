# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads a compiled model through the C ABI of include/mpc/runtime.h."""

from __future__ import annotations

import ctypes as c
import dataclasses
import json
import math
import os
import struct
import tempfile
import threading
import weakref
from _ctypes import dlclose
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from . import _dtypes, _tensors
from ._compiler import Error, PathLike

_ABI_VERSION = 1
_BATCH = -1
_LINE_BYTES = 64
_LARGE_BYTES = 1 << 20


class ModelError(Error):
    """A library cannot be loaded or refuses a call; the text is the library's own sentence.

    status: the number of the ABI's mpc_status; 0 where no call of the library failed.
    """

    def __init__(self, message: str, status: int = 0):
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output. `shape` has None for the batch, which is any number from 1 on, the same in all tensors of a call."""

    name: str
    type: str  # "f32", "u8", "bf16", ... as in the manifest
    dtype: np.dtype  # of NumPy or ml_dtypes
    shape: tuple[Optional[int], ...]
    number: int = dataclasses.field(repr=False, default=0)  # of the type in the ABI


# -- include/mpc/runtime.h ----------------------------------------------------


class _Tensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("shape", c.POINTER(c.c_int64)), ("strides", c.POINTER(c.c_int64)), ("dtype", c.c_uint32),
                ("rank", c.c_uint32), ("device", c.c_uint32), ("device_index", c.c_uint32)]


class _TensorInfo(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("dtype", c.c_uint32), ("name", c.c_char_p), ("dims", c.POINTER(c.c_int64)),
                ("rank", c.c_uint32), ("reserved", c.c_uint32)]


class _EntryInfo(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("num_inputs", c.c_uint32), ("name", c.c_char_p), ("num_outputs", c.c_uint32),
                ("symbolic_batch", c.c_uint32)]


class _IsaInfo(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("supported", c.c_uint32), ("name", c.c_char_p)]


class _ContextOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("threads", c.c_uint32), ("isa", c.c_char_p), ("max_batch", c.c_int64),
                ("workspace", c.c_void_p), ("workspace_bytes", c.c_uint64), ("parallel_for", c.c_void_p),
                ("parallel_for_user", c.c_void_p), ("device_index", c.c_uint32), ("reserved", c.c_uint32)]


class _ContextInfo(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("threads", c.c_uint32), ("isa", c.c_char_p)]


class _Model(c.Structure):
    pass


_model, _context = c.POINTER(_Model), c.c_void_p
_Model._fields_ = [
    ("struct_size", c.c_uint32),
    ("abi_version", c.c_uint32),
    ("impl", c.c_void_p),
    ("last_error", c.CFUNCTYPE(c.c_char_p)),
    ("status_string", c.CFUNCTYPE(c.c_char_p, c.c_int)),
    ("manifest", c.CFUNCTYPE(c.c_char_p, _model, c.POINTER(c.c_uint64))),
    ("num_entries", c.CFUNCTYPE(c.c_uint32, _model)),
    ("entry_info", c.CFUNCTYPE(c.c_int, _model, c.c_uint32, c.POINTER(_EntryInfo))),
    ("input_info", c.CFUNCTYPE(c.c_int, _model, c.c_uint32, c.c_uint32, c.POINTER(_TensorInfo))),
    ("output_info", c.CFUNCTYPE(c.c_int, _model, c.c_uint32, c.c_uint32, c.POINTER(_TensorInfo))),
    ("num_isas", c.CFUNCTYPE(c.c_uint32, _model)),
    ("isa_info", c.CFUNCTYPE(c.c_int, _model, c.c_uint32, c.POINTER(_IsaInfo))),
    ("workspace_size", c.CFUNCTYPE(c.c_int, _model, c.c_uint32, c.c_char_p, c.c_int64, c.POINTER(c.c_uint64))),
    ("create", c.CFUNCTYPE(c.c_int, _model, c.POINTER(_ContextOptions), c.POINTER(_context))),
    ("context_info", c.CFUNCTYPE(c.c_int, _context, c.POINTER(_ContextInfo))),
    ("run", c.CFUNCTYPE(c.c_int, _context, c.c_uint32, c.POINTER(_Tensor), c.c_uint32, c.POINTER(_Tensor), c.c_uint32)),
    ("destroy", c.CFUNCTYPE(None, _context)),
    ("profile", c.c_void_p),  # not used here
    ("set_stream", c.CFUNCTYPE(c.c_int, _context, c.c_void_p)),
]


def _sized(kind: Any) -> Any:
    value = kind()
    value.struct_size = c.sizeof(kind)
    return value


# The file that each path stood for when it was loaded. The loader answers a path that it knows with the library it has.
_loaded: dict[str, tuple[int, int]] = {}


def _is_truncated(path: Path) -> bool:
    """Whether a file ends before what its ELF headers load: the loader maps it all the same, and the process ends where it reads what is not there."""
    with open(path, "rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return False  # said by the loader
        offset, size, count = struct.unpack_from("<32xQ14xHH", header)
        file.seek(offset)
        segments = file.read(size * count)
    length = path.stat().st_size
    rows = [struct.unpack_from("<IIQQQQ", segments, at) for at in range(0, len(segments) - 47, max(size, 48))]
    return any(kind == 1 and begin + stored > length for kind, _, begin, _, _, stored in rows)  # PT_LOAD


class _Library:
    """A loaded library, which goes when nothing refers to it any more. What it handed out is copied, except contexts, which hold it."""

    def __init__(self, path: Path):
        try:
            path = path.resolve(strict=True)
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if path.is_file() and _is_truncated(path):
                raise ModelError(f"{path}: the file is truncated: it ends before what it should hold")
            if _loaded.setdefault(str(path), identity) == identity:
                library = c.CDLL(str(path))
            else:  # another file by now
                with tempfile.TemporaryDirectory(prefix="mpc-") as folder:
                    alias = Path(folder) / path.name
                    alias.symlink_to(path)
                    library = c.CDLL(str(alias))
        except OSError as error:
            raise ModelError(str(error)) from None
        finalizer = weakref.finalize(self, dlclose, library._handle)
        finalizer.atexit = False
        try:
            query = c.CFUNCTYPE(_model, c.c_uint32)(("mpc_model_query", library))
        except AttributeError:
            raise ModelError(f"{path}: not a model that mpc-compile wrote (it has no mpc_model_query)") from None
        try:
            self.save_calibration = c.CFUNCTYPE(c.c_int, _context, c.c_char_p)(("mpc_save_calibration", library))
        except AttributeError:  # as most
            self.save_calibration = None
        self.model = query(_ABI_VERSION)
        if not self.model:
            raise ModelError(f"{path}: the library's ABI is newer than this package's, version {_ABI_VERSION}")
        self.functions = self.model.contents

    def check(self, status: int) -> None:
        if status:
            sentence = self.functions.last_error() or self.functions.status_string(status)
            raise ModelError(sentence.decode(errors="replace"), status)


class _Context:
    """What one thread calls with; destroyed with the thread or the model, whichever ends first."""

    def __init__(self, library: _Library, threads: int, isa: Optional[str], device: int):
        if not 0 <= threads < 1 << 32:
            raise ModelError(f"threads: expected 0 or a number of threads, but got {threads}")
        options, pointer = _sized(_ContextOptions), _context()
        options.threads, options.isa, options.device_index = threads, isa.encode() if isa else None, device
        self.stream = None
        library.check(library.functions.create(library.model, c.byref(options), c.byref(pointer)))
        self.library, self.pointer = library, pointer
        # Holds the library, so that it outlives the context.
        finalizer = weakref.finalize(self, lambda library, pointer: library.functions.destroy(pointer), library, pointer)
        finalizer.atexit = False

    def use(self, stream: Optional[int]) -> None:
        """Makes this the stream of later calls, None for the context's own."""
        if stream == self.stream:
            return
        functions = self.library.functions
        if functions.struct_size < _Model.set_stream.offset + _Model.set_stream.size:
            raise ModelError("the library is of a version that has no streams; compile the model again")
        self.library.check(functions.set_stream(self.pointer, stream))
        self.stream = stream


class Model:
    """A compiled model. Any thread may call it; each has a context of its own, and all share the weights."""

    #: What `run` takes and returns, in order.
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    #: The manifest (docs/Runtime.md): quantization, precisions, calibrated ranges, versions.
    manifest: dict[str, Any]
    #: Instruction sets that the library has code for and this machine can run, the least demanding first.
    isas: tuple[str, ...]
    #: Threads of one call, and the instruction set in use.
    threads: int
    isa: str

    def __init__(self, path: PathLike, *, threads: int = 0, isa: Optional[str] = None, device: int = 0):
        """See `load`."""
        self.path = Path(path)
        self._options = (threads, isa, device)
        self._contexts = threading.local()
        self._library = _Library(self.path)
        model, functions = self._library.model, self._library.functions
        self.manifest = json.loads(functions.manifest(model, None))
        entry = _sized(_EntryInfo)
        self._library.check(functions.entry_info(model, 0, c.byref(entry)))
        self.inputs = tuple(self._describe(functions.input_info, i) for i in range(entry.num_inputs))
        self.outputs = tuple(self._describe(functions.output_info, i) for i in range(entry.num_outputs))
        isas = [_sized(_IsaInfo) for _ in range(functions.num_isas(model))]
        for i, info in enumerate(isas):
            self._library.check(functions.isa_info(model, i, c.byref(info)))
        self.isas = tuple(info.name.decode() for info in isas if info.supported)
        used = _sized(_ContextInfo)
        self._library.check(functions.context_info(self._context().pointer, c.byref(used)))
        self.threads, self.isa = used.threads, used.isa.decode()

    def __repr__(self) -> str:
        return f"<mpc.Model {self.manifest['model']['name']!r}, {self.manifest['precision']}, {self.isa}>"

    def _describe(self, query: Any, index: int) -> TensorInfo:
        info = _sized(_TensorInfo)
        self._library.check(query(self._library.model, 0, index, c.byref(info)))
        shape = tuple(None if size == _BATCH else size for size in info.dims[:info.rank])
        name = _dtypes.NAMES.get(info.dtype)
        if name is None:
            raise ModelError(f"{self.path}: this package does not know element type {info.dtype}")
        return TensorInfo(info.name.decode(), name, _dtypes.DTYPES[info.dtype], shape, info.dtype)

    def _context(self) -> _Context:
        if not hasattr(self._contexts, "own"):
            self._contexts.own = _Context(self._library, *self._options)
        return self._contexts.own

    def run(
        self, inputs: Union[Mapping[str, Any], Sequence[Any]], out: Optional[Mapping[str, Any]] = None, *, stream: Any = None
    ) -> dict[str, Any]:
        """Computes the outputs, by name.

        inputs: tensors by name, or in order. Element types and shapes are the model's, exactly (`Model.inputs`): nothing is
            converted. What has `__dlpack__` or `__cuda_array_interface__` is read where it is, dense, in the memory of the host
            or, by a library for GPUs, of its device; what else is no dense NumPy array is copied.
        out: tensors to write outputs into, by name, dense and of the right type and shape, and what they may be is what inputs
            may be; the others are new NumPy arrays. All are the caller's.
        stream: of libraries for GPUs, the CUDA stream to run on: its handle, or a stream of PyTorch or CuPy. If all tensors
            are in the device's memory the call then returns as soon as it is queued. None: a stream of the context's own, which
            waits for the legacy default stream, and the call waits for its end.

        Raises ModelError if a tensor does not fit, with the library's sentence.
        """
        return self.bind(inputs, out, stream=stream)()

    def bind(
        self, inputs: Union[Mapping[str, Any], Sequence[Any]], out: Optional[Mapping[str, Any]] = None, *, stream: Any = None
    ) -> Callable[[], dict[str, Any]]:
        """Prepares a call with these tensors, as `run` takes them: a function that any thread may call any number of times.

        Each time it reads what the tensors hold by then, and writes the same outputs. What had to be copied because it is not dense, or is no array,
        is not read again. It costs the ABI's call and little more.
        """
        handle = _tensors.handle_of(stream)
        reads = [_view(info, value, handle) for info, value in zip(self.inputs, self._in_order(inputs))]
        batch = next((view.shape[axis] for info, view in zip(self.inputs, reads) for axis, size in enumerate(info.shape)
                      if size is None and axis < len(view.shape)), 1)
        out = out or {}
        unknown = set(out) - {info.name for info in self.outputs}
        if unknown:
            raise ModelError(f"the model has no output {', '.join(map(repr, sorted(unknown)))}; {_list(self.outputs)}")
        results = {info.name: out[info.name] if info.name in out else
                   _allocate([batch if size is None else size for size in info.shape], info.dtype) for info in self.outputs}
        writes = [_view(info, results[info.name], handle, writes=True) for info in self.outputs]
        arguments = (0, _pack(reads), len(reads), _pack(writes), len(writes))

        def call(owners: Any = (reads, writes)) -> dict[str, Any]:
            context = self._context()
            context.use(handle)
            self._library.check(self._library.functions.run(context.pointer, *arguments))
            return results

        return call

    def save_calibration(self, path: PathLike) -> None:
        """Writes what this thread's runs showed, as a calibration table for `compile(..., calibration=path)`.

        Only a library that `compile` wrote with emit="observer-library" can: what it runs on is what it calibrates on. The table is
        the one that calibrating on the same samples gives, byte for byte.

        Raises ModelError if the library does not observe, nothing has run yet, or the file cannot be written.
        """
        if self._library.save_calibration is None:
            raise ModelError(f'{self.path}: the library does not observe; compile it with emit="observer-library"')
        self._library.check(self._library.save_calibration(self._context().pointer, str(Path(path)).encode()))

    def _in_order(self, inputs: Union[Mapping[str, Any], Sequence[Any]]) -> list[Any]:
        names = [info.name for info in self.inputs]
        if isinstance(inputs, Mapping):
            wrong = [f"no {n!r} is given" for n in names if n not in inputs] + [f"{n!r} is not one" for n in inputs if n not in names]
            if wrong:
                raise ModelError(f"inputs: {', '.join(wrong)}; {_list(self.inputs)}")
            return [inputs[name] for name in names]
        if hasattr(inputs, "__dlpack__") or hasattr(inputs, "__cuda_array_interface__") or len(inputs) != len(names):
            raise ModelError(f"expected {len(names)} inputs, by name or in order; {_list(self.inputs)}")
        return list(inputs)


def _allocate(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array of unspecified values. A large one begins where a line of the caches does: libraries store such results past the caches."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE_BYTES:
        return np.empty(shape, dtype)
    room = np.empty(size + _LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % _LINE_BYTES
    return room[begin:begin + size].view(dtype).reshape(shape)


def _list(infos: Sequence[TensorInfo]) -> str:
    return "the model has " + ", ".join(f"{i.name!r}: {i.type}{['batch' if s is None else s for s in i.shape]}" for i in infos)


def _view(info: TensorInfo, value: Any, stream: Optional[int], writes: bool = False) -> _tensors.View:
    try:
        view = _tensors.of(value, info.number, stream, writes)
    except ValueError as error:
        raise ModelError(f"{'output' if writes else 'input'} {info.name!r}: {error}") from None
    if not view.number:
        raise ModelError(f"{info.name!r}: expected {info.dtype}, but got {view.type}")
    return view


def _pack(views: Sequence[_tensors.View]) -> Any:
    """The ABI's view of tensors, which must outlive it."""
    tensors = (_Tensor * len(views))()
    for view, tensor in zip(views, tensors):
        tensor.data, tensor.dtype, tensor.rank = view.pointer, view.number, len(view.shape)
        tensor.shape = (c.c_int64 * len(view.shape))(*view.shape)
        if view.strides is not None:
            tensor.strides = (c.c_int64 * len(view.shape))(*view.strides)
        tensor.device, tensor.device_index = view.device, view.device_index
    return tensors


def load(path: PathLike, *, threads: int = 0, isa: Optional[str] = None, device: int = 0) -> Model:
    """Loads a library that `compile` or mpc-compile wrote.

    threads: of one call, the caller's included. 0: MPC_NUM_THREADS if set, else the cores that affinity and the cgroup's quota
        allow. Results do not depend on it.
    isa: the instruction set to use, one of `Model.isas`. None: MPC_ISA if set, else the best that the machine has.
    device: of libraries for GPUs, the number of the CUDA device, as CUDA_VISIBLE_DEVICES leaves them.

    Raises ModelError if the file is not such a library or the machine cannot run it.
    """
    return Model(path, threads=threads, isa=isa, device=device)
