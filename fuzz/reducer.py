"""Takes nodes away from a model as long as it fails."""

import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def _build(model, nodes, ends, values):
    """The model of what `ends` need of `nodes`, and its inputs. What no node produces is an input, or an initializer of `model`."""
    needed, kept = set(ends), []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.insert(0, node)
            needed |= set(node.input)
    produced = {name for node in kept for name in node.output}
    initializers = [t for t in model.graph.initializer if t.name in needed and t.name not in produced]
    inputs = sorted(n for n in needed - produced - {t.name for t in initializers} if n)
    info = lambda name: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape)
    graph = helper.make_graph(kept, "reduced", [info(n) for n in inputs], [info(n) for n in ends], initializers)
    smaller = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    return smaller, {name: values[name] for name in inputs}


def _all_values(model, inputs):
    """Every tensor of a model, by the reference."""
    full = onnx.ModelProto()
    full.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    del full.graph.output[:]
    full.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in names)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        results = ReferenceEvaluator(full).run(None, inputs)
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {**values, **inputs, **dict(zip(names, map(np.asarray, results)))}


def reduce(model, inputs, fails):
    """The smallest model found for which fails(model, inputs) holds, as it does for the given one, and its inputs."""
    values = _all_values(model, inputs)
    nodes, ends = list(model.graph.node), [output.name for output in model.graph.output]
    best = (model, inputs)

    def attempt(nodes, ends):
        nonlocal best
        candidate = _build(model, nodes, ends, values)
        if not candidate[0].graph.node or not fails(*candidate):
            return False
        best = candidate
        return True

    # One output, of which the earliest node needs the fewest others.
    sizes = lambda name: len(_build(model, nodes, [name], values)[0].graph.node)
    for name in sorted((name for node in nodes for name in node.output if name), key=sizes):
        if attempt(nodes, [name]):
            nodes, ends = list(best[0].graph.node), [name]
            break
    # Values from the reference instead of nodes, and nodes passed by.
    for node in list(nodes):
        if len(nodes) > 1 and node in nodes:
            without = [other for other in nodes if other != node]
            if not set(node.output) & set(ends) and attempt(without, ends):
                nodes = list(best[0].graph.node)
    for node in list(nodes):
        source = next((n for n in node.input if n and values[n].shape == values[node.output[0]].shape
                       and values[n].dtype == values[node.output[0]].dtype), None)
        if node not in nodes or source is None or len(node.output) > 1 or node.output[0] in ends:
            continue
        passed = []
        for other in nodes:
            if other != node:
                copy = onnx.NodeProto()
                copy.CopyFrom(other)
                copy.input[:] = [source if name == node.output[0] else name for name in other.input]
                passed.append(copy)
        if attempt(passed, ends):
            nodes = list(best[0].graph.node)
    return best
