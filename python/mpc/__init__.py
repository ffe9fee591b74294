# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles trained models and runs the libraries that come out, with NumPy arrays.

    import mpc

    library = mpc.compile("model.onnx", "model.so", precision="int8", calibration=samples)
    model = mpc.load(library)
    outputs = model.run({"image": images})

The compiler runs as a program of its own (mpc-compile); a library is called in this process, through its C interface. Nothing
here needs MLIR. `mpc.backend` adapts the package to onnx.backend.
"""

from ._compiler import CompileError, Diagnostic, Error, calibrate, compile, find_tool
from ._runtime import Model, ModelError, TensorInfo, load
from ._version import __version__

__all__ = ["CompileError", "Diagnostic", "Error", "Model", "ModelError", "TensorInfo", "calibrate", "compile", "find_tool", "load"]
