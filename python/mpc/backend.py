# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mpc as a backend of ONNX's own interface (onnx.backend.base), for its test suite and for programs written against it.

    prepared = mpc.backend.prepare(onnx.load("model.onnx"))
    outputs = prepared.run([first_input, second_input])

A model is compiled in its first run, since what mpc wants to know at compile time comes with it: sizes that the model leaves
open, and inputs that decide about shapes (the shape of a Reshape, the axes of a ReduceSum), which are bound as constants. A
later run with others compiles again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ._compiler import CompileError, compile
from ._runtime import Model, load

# The compiler asks for a constant in these words and quotes the value's name.
_WANTS_CONSTANT = re.compile(r"--bind\b")
_QUOTED = re.compile(r"'([^']*)'")


class PreparedModel(BackendRep):
    """A model that is compiled when its inputs are known.

    model: the ModelProto.  options: keywords of mpc.compile.  bound: names of the inputs that are constants since the first run.
    """

    def __init__(self, model: onnx.ModelProto, **options: Any):
        self.model, self.options, self.bound = model, options, frozenset()
        initialized = {tensor.name for tensor in model.graph.initializer}
        self.inputs = [value for value in model.graph.input if value.name not in initialized]
        self.outputs = [value.name for value in model.graph.output]
        self._compiled: Optional[Model] = None
        self._key: Any = None

    def run(self, inputs: Any, **_: Any) -> Any:
        """Computes the outputs, in order, from arrays in order, by name, or the one array of a model with one input.

        Raises mpc.CompileError or mpc.ModelError.
        """
        names = [value.name for value in self.inputs]
        if isinstance(inputs, np.ndarray) and len(names) == 1:
            inputs = [inputs]
        if not isinstance(inputs, Mapping):
            if len(inputs) > len(names):
                raise ValueError(f"expected {len(names)} inputs, but got {len(inputs)}")
            inputs = dict(zip(names, inputs))
        feed = {name: np.asarray(array) for name, array in inputs.items()}
        if self._compiled is None or self._key != self._key_of(feed):
            self._compiled = self._compile(feed)
            self._key = self._key_of(feed)
        results = self._compiled.run({name: array for name, array in feed.items() if name not in self.bound})
        return namedtupledict("Outputs", self.outputs)(*(results[name] for name in self.outputs))

    def _key_of(self, feed: Mapping[str, np.ndarray]) -> Any:
        """What the compiled library depends on."""
        bound = tuple((name, feed[name].shape, feed[name].tobytes()) for name in sorted(self.bound))
        return self._shapes(feed), bound

    def _shapes(self, feed: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
        """Shapes of the inputs that the model leaves open, except for the first size, which may be the batch."""
        shapes = {}
        for value in self.inputs:
            tensor = value.type.tensor_type
            is_open = not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim[1:])
            if is_open and value.name in feed:
                shapes[value.name] = feed[value.name].shape
        return shapes

    def _compile(self, feed: Mapping[str, np.ndarray]) -> Model:
        self.bound = frozenset()
        while True:
            shapes = {name: shape for name, shape in self._shapes(feed).items() if name not in self.bound}
            library: Optional[Path] = None
            try:
                library = compile(self.model, shape=shapes, bind={name: feed[name] for name in self.bound}, **self.options)
                return load(library)
            except CompileError as error:
                wanted = self._wanted(error) & set(feed) - self.bound
                if not wanted:
                    raise
                self.bound |= wanted
            finally:
                if library is not None:  # loaded: the file is not needed any more
                    for file in library.parent.iterdir():
                        file.unlink()
                    library.parent.rmdir()

    def _wanted(self, error: CompileError) -> set[str]:
        """The inputs that have to be constants: those that a diagnostic asks for, or that what it asks for is computed from."""
        producer = {output: node for node in self.model.graph.node for output in node.output}
        wanted, seen = set(), set()
        names = [name for d in error.diagnostics if _WANTS_CONSTANT.search(d.message) for name in _QUOTED.findall(d.message)]
        while names:
            name = names.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in producer:
                names += producer[name].input
            else:
                wanted.add(name)
        return wanted & {value.name for value in self.inputs}


class MPCBackend(Backend):
    """Compiles for this machine's CPU. `options` are keywords of mpc.compile; a subclass may have others."""

    options: Mapping[str, Any] = {"march": "native"}

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the model's inputs and outputs are tensors. What is inside, compiling tells."""
        values = [*model.graph.input, *model.graph.output]
        return cls.supports_device(device) and all(value.type.WhichOneof("value") in ("tensor_type", None) for value in values)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> PreparedModel:
        """A model that its first `run` compiles. kwargs: keywords of mpc.compile."""
        if not cls.supports_device(device):
            raise ValueError(f"expected device CPU, but got {device!r}")
        return PreparedModel(model, **{**cls.options, **kwargs})

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> Any:
        """Prepares a model and runs it once."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Sequence[Any], device: str = "CPU", outputs_info: Any = None, **kwargs: Any) -> Any:
        """Runs one node. outputs_info: (dtype, shape) of each output; kwargs may have opset_version."""
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        arrays = [np.asarray(array) for array in inputs]
        value = lambda name, dtype, shape: onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        given = [value(name, array.dtype, array.shape) for name, array in zip(filter(None, node.input), arrays)]
        if outputs_info is None:
            raw = onnx.helper.make_graph([node], "node", given, [])
            inferred = onnx.shape_inference.infer_shapes(
                onnx.helper.make_model(raw, opset_imports=[onnx.helper.make_opsetid(node.domain, opset)])).graph.value_info
            results = [next(v for v in inferred if v.name == name) for name in filter(None, node.output)]
        else:
            results = [value(name, *info) for name, info in zip(filter(None, node.output), outputs_info)]
        graph = onnx.helper.make_graph([node], "node", given, results)
        return cls.run_model(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(node.domain, opset)]), arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Only the CPU."""
        return device.split(":")[0] == "CPU"


is_compatible = MPCBackend.is_compatible
prepare = MPCBackend.prepare
run_model = MPCBackend.run_model
run_node = MPCBackend.run_node
supports_device = MPCBackend.supports_device
