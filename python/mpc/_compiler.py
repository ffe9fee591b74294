# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs mpc-compile: from Python values to its flags and files, from its diagnostics to an exception."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing import util as processes
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from . import _dtypes

PathLike = Union[str, "os.PathLike[str]"]
#: One sample: arrays by input name, or the array of a model with one input.
Sample = Union[np.ndarray, Mapping[str, np.ndarray]]


class Error(Exception):
    """What every exception of this package derives from."""


@dataclasses.dataclass(frozen=True)
class Diagnostic:
    """One message of the compiler: what is wrong, and where ("" if nowhere in particular)."""

    message: str
    location: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" if self.location else self.message


class CompileError(Error):
    """mpc-compile refused the model or its options.

    diagnostics: its messages, at least one.
    status: its exit status; negative: the signal that ended it.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], status: int):
        self.diagnostics, self.status = list(diagnostics), status
        super().__init__("\n".join(map(str, self.diagnostics)))


def find_tool(name: str) -> Path:
    """The path of one of mpc's tools.

    Looks at MPC_BIN (a folder, from the environment), then beside this package (where `pip install` puts the tools), in the
    build folder of the checkout that the package lies in, and in PATH. Raises Error if it is nowhere.
    """
    here = Path(__file__).resolve().parent
    chosen = os.environ.get("MPC_BIN")
    folders = [Path(chosen)] if chosen else [here / "_tools" / "bin", here.parents[1] / "build" / "bin"]
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return (folder / name).resolve()
    found = None if chosen else shutil.which(name)
    if not found:
        raise Error(f"{name} is not in {', '.join(map(str, folders))}" + (" (MPC_BIN)" if chosen else " nor in PATH; MPC_BIN can name its folder"))
    return Path(found)


class _Inputs:
    """The files that one run of mpc-compile reads, in a folder that ends with the run."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mpc-")
        self.count = 0

    def __enter__(self) -> "_Inputs":
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def new(self, suffix: str) -> Path:
        self.count += 1
        return Path(self.folder.name) / f"{self.count}{suffix}"

    def model(self, model: Any) -> Path:
        if isinstance(model, (str, os.PathLike)):
            return Path(model)
        content = model.SerializeToString() if hasattr(model, "SerializeToString") else model
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"expected a path, bytes or an onnx.ModelProto, but got {type(model).__name__}")
        path = Path(self.folder.name) / "model.onnx"
        path.write_bytes(content)
        return path

    def tensor(self, value: Any) -> Path:
        if isinstance(value, (str, os.PathLike)):
            return Path(value)
        path = self.new(".pb")
        path.write_bytes(_dtypes.tensor_proto(np.asarray(value)))
        return path

    def samples(self, samples: Iterable[Sample]) -> Path:
        """A folder with a file per sample, so that one sample at a time is in memory."""
        folder, only, count = self.new(""), None, 0
        folder.mkdir()
        for count, sample in enumerate(samples, 1):
            isolated = not isinstance(sample, Mapping)
            if only is not None and isolated != only:
                raise TypeError("expected every sample to be an array, or every sample to be a mapping from names to arrays")
            only = isolated
            if isolated:
                np.save(folder / f"{count:08}.npy", np.asarray(sample))
            else:
                np.savez(folder / f"{count:08}.npz", **{name: np.asarray(array) for name, array in sample.items()})
        if not count:
            raise ValueError("expected at least one sample")
        return folder


def _sizes(shape: Any) -> str:
    if isinstance(shape, str):
        return shape
    return "x".join("?" if size is None or size == "?" else str(int(size)) for size in shape)


def _run(model: Any, arguments: Iterable[str], flags: Mapping[str, Any], inputs: _Inputs) -> None:
    """Runs mpc-compile. A flag's value is text or a number, True for a bare flag, a list to repeat it, or a mapping for NAME=VALUE."""
    command = [str(find_tool("mpc-compile")), str(inputs.model(model)), "--diagnostics=json", *arguments]
    for name, value in flags.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if isinstance(value, Mapping):
            render = {"shape": _sizes, "bind": inputs.tensor}.get(name, str)
            command += [f"{flag}={key}={render(item)}" for key, item in value.items()]
        elif isinstance(value, (list, tuple)):
            command += [f"{flag}={item}" for item in value]
        else:
            command.append(flag if value is True else f"{flag}={value}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return
    diagnostics, rest = [], []
    for line in done.stderr.splitlines():
        try:
            row = json.loads(line)
            diagnostics.append(Diagnostic(row["message"], row["location"], row["severity"]))
        except (ValueError, KeyError, TypeError):
            rest.append(line)
    if done.returncode < 0:
        diagnostics.insert(0, Diagnostic(f"mpc-compile ended with {signal.Signals(-done.returncode).name}"))
    if not diagnostics or done.returncode < 0:
        diagnostics.append(Diagnostic("\n".join(rest[-20:]) or f"mpc-compile ended with status {done.returncode}"))
    raise CompileError(diagnostics, done.returncode)


_libraries: Optional[str] = None


def _new_library() -> Path:
    """A name in a folder that this process removes when it ends."""
    global _libraries
    if _libraries is None:
        _libraries = tempfile.mkdtemp(prefix="mpc-libraries-")
        # Unlike atexit, this runs at the end of multiprocessing's children too; in a child that a fork made it does not.
        processes.Finalize(None, shutil.rmtree, (_libraries, True), exitpriority=0)
    return Path(tempfile.mkdtemp(dir=_libraries)) / "model.so"


def compile(  # noqa: A001 - mpc.compile is what it is called
    model: Any,
    output: Optional[PathLike] = None,
    *,
    precision: str = "keep",
    calibration: Union[None, PathLike, Iterable[Sample]] = None,
    shape: Optional[Mapping[str, Any]] = None,
    bind: Optional[Mapping[str, Any]] = None,
    march: Union[None, str, Sequence[str]] = None,
    **flags: Any,
) -> Path:
    """Compiles a model to a shared library and returns the library's path.

    model: the path of an .onnx, .mlir or .mlirbc file, the bytes of an ONNX model, or an onnx.ModelProto. External data is
        found only beside a path.
    output: the library to write; its C header stands beside it. None: a file that is removed when this process ends.
    precision: "keep" (what the model itself says), "f32", "f16", "bf16", "int8", "int16", "w8" or "w4" (only weights), or "auto" (a search).
    calibration: what int8, int16 and auto need: the .json that `calibrate` wrote, the path of samples (.npy, .npz or a folder of them), or an
        iterable of samples as `calibrate` takes them.
    shape: sizes of inputs by name, for sizes that the model leaves open: (8, 3, 224, 224); None keeps a size symbolic, which
        then is the batch.
    bind: inputs that become constants, by name: an array, or the path of a .npy or .pb file. The library has them as inputs no
        more.
    march: instruction sets, such as "x86-64-v3" or ["x86-64-v3", "x86-64-v4"]; None: AVX2, AVX-512, AVX-512 with VNNI, and AMX.
    flags: any other flag of mpc-compile with underscores for dashes: calibrator="moving-average", io_type={"image": "u8"},
        io_layout={"image": "nhwc"}, precision_config="choice.json", dump_phases="folder", ...

    Raises CompileError with the compiler's diagnostics, and Error if mpc-compile is not found.
    """
    library = _new_library() if output is None else Path(output)
    with _Inputs() as inputs:
        if isinstance(calibration, (str, os.PathLike)):
            kind = "calibration" if str(calibration).endswith(".json") else "calibration_data"
            flags[kind] = os.fspath(calibration)
        elif calibration is not None:
            flags["calibration_data"] = inputs.samples(calibration)
        march = march if march is None or isinstance(march, str) else ",".join(march)
        given = {"precision": precision, "shape": shape, "bind": bind, "march": march}
        _run(model, ["-o", str(library)], {**given, **flags}, inputs)
    return library


def calibrate(
    model: Any,
    samples: Iterable[Sample],
    output: Optional[PathLike] = None,
    *,
    calibrator: str = "mse",
    shape: Optional[Mapping[str, Any]] = None,
    bind: Optional[Mapping[str, Any]] = None,
    **flags: Any,
) -> Path:
    """Runs a model over samples and returns the path of a table with the ranges of its tensors (JSON).

    The table serves `compile(model, precision="int8", calibration=table)` of the same model any number of times.

    model: as for `compile`.
    samples: each a mapping from input names to arrays, or an array if the model has one input. An array has the model's shape,
        or holds several samples along the first axis. The iterable is read once; one sample at a time is kept in memory.
    output: the table to write. None: a file that is removed when this process ends.
    calibrator: "mse", "minmax", "moving-average", "percentile", "percentile:99.9" or "entropy" (docs/Numerics.md).
    shape, bind, flags: as for `compile`.

    Raises CompileError with the compiler's diagnostics, and ValueError if there is no sample.
    """
    table = _new_library().with_name("calibration.json") if output is None else Path(output)
    with _Inputs() as inputs:
        given = {"precision": "int8", "calibrator": calibrator, "shape": shape, "bind": bind, "save_calibration": table,
                 "calibration_data": inputs.samples(samples), "compile_to": "annotated"}
        _run(model, ["-o", str(inputs.new(".mlirbc"))], {**given, **flags}, inputs)
    return table
