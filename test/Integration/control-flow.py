# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""Recurrent networks, loops, branches and functions of ONNX models, compiled and compared with NumPy.

Sequences of up to 4 steps become straight-line code, longer ones loops: cases come in both lengths. The tolerance covers the order of
summation, which grows with the steps.
"""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN, FOLDER = sys.argv[1:3] if len(sys.argv) > 2 else (None, None)
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32, np.dtype(np.int64): TensorProto.INT64,
         np.dtype(np.bool_): TensorProto.BOOL}
rng = np.random.default_rng(7)
random = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)


def value(name, shape=None, element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def make_model(nodes, inputs, outputs, constants={}, batch=None, opset=21, functions=()):
    """`inputs`: arrays by name; `outputs`: names, or value infos; `batch`: names whose first size is symbolic, with that dimension."""
    infos = []
    for name, array in inputs.items():
        shape = list(array.shape)
        if batch and name in batch:
            shape[batch[name]] = "N"
        infos.append(value(name, shape, TYPES[array.dtype]))
    outputs = [o if not isinstance(o, str) else value(o) for o in outputs]
    graph = helper.make_graph(nodes, "g", infos, outputs, [numpy_helper.from_array(a, n) for n, a in constants.items()])
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(f.domain, 1) for f in functions]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=functions)


def compile_and_run(name, model, inputs, flags=()):
    folder = os.path.join(FOLDER, name)
    os.makedirs(folder)
    path = lambda file: os.path.join(folder, file)
    onnx.save(model, path("model.onnx"))
    p = subprocess.run([os.path.join(BIN, "mpc-compile"), path("model.onnx"), "-o", path("model.so"), *flags], capture_output=True,
                       text=True)
    if p.returncode:
        return p.stderr
    np.savez(path("inputs.npz"), **inputs)
    p = subprocess.run([os.path.join(BIN, "mpc-run"), path("model.so"), f"--input={path('inputs.npz')}", f"--output={path('out')}"],
                       capture_output=True, text=True)
    if p.returncode:
        return p.stderr
    with open(path("out/index.json")) as index:
        return {name: np.load(path(os.path.join("out", file))) for name, file in json.load(index).items()}


# -- recurrent networks ---------------------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "Tanh": lambda x, a, b: np.tanh(x), "Sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)), "Relu": lambda x, a, b: np.maximum(x, 0),
    "Affine": lambda x, a, b: a * x + b, "LeakyRelu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "ScaledTanh": lambda x, a, b: a * np.tanh(b * x), "HardSigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "Elu": lambda x, a, b: np.where(x > 0, x, a * (np.exp(x) - 1)), "Softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "Softplus": lambda x, a, b: np.log1p(np.exp(x)), "ThresholdedRelu": lambda x, a, b: np.where(x > a, x, 0)}
DEFAULT_ALPHA = {"ThresholdedRelu": 1, "LeakyRelu": 0.01, "HardSigmoid": 0.2, "Elu": 1, "Affine": 1, "ScaledTanh": 1}
DEFAULT_BETA = {"HardSigmoid": 0.5, "Affine": 0, "ScaledTanh": 1}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def recurrent(kind, x, w, r, b=None, lengths=None, h0=None, c0=None, p=None, direction="forward", layout=0, clip=None, names=None,
              alphas=(), betas=(), input_forget=0, linear_before_reset=0):
    """The operators as ONNX defines them, in double precision."""
    x, w, r = (a.astype(np.float64) for a in (x, w, r))
    count, size = len(w), r.shape[2]
    if layout:
        x = x.swapaxes(0, 1)
        h0, c0 = (None if s is None else s.swapaxes(0, 1) for s in (h0, c0))
    steps, batch = x.shape[:2]
    lengths = np.full(batch, steps) if lengths is None else lengths
    b = np.zeros((count, 2 * GATES[kind] * size)) if b is None else b.astype(np.float64)
    names = names or DEFAULTS[kind] * count
    alphas, betas = list(alphas), list(betas)
    functions = []
    for name in names:
        a = (alphas.pop(0) if alphas else DEFAULT_ALPHA[name]) if name in DEFAULT_ALPHA else 0
        c = (betas.pop(0) if betas else DEFAULT_BETA[name]) if name in DEFAULT_BETA else 0
        functions.append(lambda v, f=ACTIVATIONS[name], a=a, c=c: f(v if clip is None else np.clip(v, -clip, clip), a, c))
    ys, hs, cs = [], [], []
    for d in range(count):
        f = functions[d * len(DEFAULTS[kind]):]
        gate = lambda a, g: a[d][g * size:(g + 1) * size]
        bw, br = b[d][:GATES[kind] * size], b[d][GATES[kind] * size:]
        bias = lambda a, g: a[g * size:(g + 1) * size]
        h = np.zeros((batch, size)) if h0 is None else h0[d].astype(np.float64)
        c = np.zeros((batch, size)) if c0 is None else c0[d].astype(np.float64)
        pi, po, pf = np.split(p[d].astype(np.float64), 3) if p is not None else (0, 0, 0)
        y = np.zeros((steps, batch, size))
        order = range(steps) if direction == "forward" or (direction == "bidirectional" and d == 0) else range(steps - 1, -1, -1)
        for t in order:
            part = lambda g: x[t] @ gate(w, g).T + bias(bw, g)
            full = lambda g: part(g) + h @ gate(r, g).T + bias(br, g)
            if kind == "RNN":
                new = f[0](full(0))
            elif kind == "GRU":
                z, reset = f[0](full(0)), f[0](full(1))
                if linear_before_reset:
                    n = f[1](part(2) + reset * (h @ gate(r, 2).T + bias(br, 2)))
                else:
                    n = f[1](part(2) + (reset * h) @ gate(r, 2).T + bias(br, 2))
                new = (1 - z) * n + z * h
            else:
                i = f[0](full(0) + pi * c)
                forget = 1 - i if input_forget else f[0](full(2) + pf * c)
                cell = forget * c + i * f[1](full(3))
                new = f[0](full(1) + po * cell) * f[2](cell)
                c = np.where((t < lengths)[:, None], cell, c)
            inside = (t < lengths)[:, None]
            h = np.where(inside, new, h)
            y[t] = np.where(inside, new, 0)
        ys.append(y), hs.append(h), cs.append(c)
    y, h, c = np.stack(ys, 1), np.stack(hs), np.stack(cs)
    if layout:
        y, h, c = y.transpose(2, 0, 1, 3), h.swapaxes(0, 1), c.swapaxes(0, 1)
    return (y, h, c) if kind == "LSTM" else (y, h)


def recurrent_case(kind, steps, batch=2, inputs=3, hidden=5, bias=True, state=False, peepholes=False, lengths=None, symbolic=False,
                   opset=22, outputs=3, flags=(), **attributes):
    """A model, its inputs and outputs, flags."""
    direction, layout = attributes.get("direction", "forward"), attributes.get("layout", 0)
    count = 2 if direction == "bidirectional" else 1
    gates = GATES[kind]
    x = random(*((batch, steps, inputs) if layout else (steps, batch, inputs)))
    constants = {"W": random(count, gates * hidden, inputs), "R": random(count, gates * hidden, hidden)}
    feeds, operands, batches = {"X": x}, ["X", "W", "R", "", "", "", "", ""], {"X": 0 if layout else 1}
    arguments = {}
    if bias:
        constants["B"] = arguments["b"] = random(count, 2 * gates * hidden)
        operands[3] = "B"
    if lengths is not None:
        feeds["L"] = arguments["lengths"] = np.array(lengths, np.int32)
        operands[4] = "L"
        batches["L"] = 0
    if state:
        shape = (batch, count, hidden) if layout else (count, batch, hidden)
        for index, name, argument in ((5, "H", "h0"), (6, "C", "c0"))[:2 if kind == "LSTM" else 1]:
            feeds[name] = arguments[argument] = random(*shape)
            operands[index] = name
            batches[name] = 0 if layout else 1
    if peepholes:
        constants["P"] = arguments["p"] = random(count, 3 * hidden)
        operands[7] = "P"
    while not operands[-1]:
        operands.pop()
    names = ["Y", "Y_h", "Y_c"][:min(outputs, 3 if kind == "LSTM" else 2)]
    node = helper.make_node(kind, operands, names, hidden_size=hidden, **attributes)
    model = make_model([node], feeds, names, constants, batches if symbolic else None, opset)
    renamed = {"activations": "names", "activation_alpha": "alphas", "activation_beta": "betas"}
    results = recurrent(kind, x, constants["W"], constants["R"], **arguments,
                        **{renamed.get(k, k): v for k, v in attributes.items()})
    return model, feeds, dict(zip(names, results)), flags


# -- loops and branches ---------------------------------------------------------------------------------------------------------------

def branch_case(condition):
    """Two outputs; one branch gives a tensor of the graph around it."""
    feeds = {"x": random(3, 4), "c": np.array(condition)}
    then = helper.make_graph([helper.make_node("Mul", ["x", "k"], ["t"]), helper.make_node("Tanh", ["t"], ["u"])], "then", [],
                             [value("t"), value("u")])
    other = helper.make_graph([helper.make_node("Add", ["x", "k"], ["e"])], "else", [], [value("e"), value("r")])
    other.output[1].name = "e2"
    other.node.append(helper.make_node("Identity", ["r"], ["e2"]))
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("If", ["c"], ["a", "b"], then_branch=then, else_branch=other),
             helper.make_node("Add", ["a", "r"], ["y"])]
    k, r = random(4), np.maximum(feeds["x"], 0)
    a, b = (feeds["x"] * k, np.tanh(feeds["x"] * k)) if condition else (feeds["x"] + k, r)
    return make_model(nodes, feeds, ["y", "b"], {"k": k}), feeds, {"y": a + r, "b": b}, ()


def impossible_branch_case(condition):
    """A branch that cannot be computed with these shapes: only taking it is an error."""
    graphs = {"then_branch": helper.make_graph([helper.make_node("Relu", ["x"], ["p"])], "a", [], [value("p")]),
              "else_branch": helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["q"])], "b", [], [value("q")])}
    feeds = {"c": np.array(condition), "x": random(4, 2)}
    model = make_model([helper.make_node("If", ["c"], ["y"], **graphs)], feeds, ["y"])
    return model, feeds, {"y": np.maximum(feeds["x"], 0)} if condition else "chooses its else_branch", ()


def product_in_branch_case():
    """Several products per sample of two run-time operands, whose batch is known at run time only, in one branch; of one with a constant in the other."""
    feeds = {"c": np.array(True), "x": random(3, 2, 5, 8), "w": random(3, 2, 8, 6)}
    graphs = {"then_branch": helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["p"])], "a", [], [value("p")]),
              "else_branch": helper.make_graph([helper.make_node("MatMul", ["x", "v"], ["q"])], "b", [], [value("q")])}
    model = make_model([helper.make_node("If", ["c"], ["y"], **graphs)], feeds, ["y"], {"v": random(8, 6)}, {"x": 0, "w": 0})
    return model, feeds, {"y": feeds["x"] @ feeds["w"]}, ("--march=x86-64-v3",)


def loop_body(nodes, carried, outputs, condition="go"):
    return helper.make_graph(nodes, "body", [value("i", [], TensorProto.INT64), value("go_in", [], TensorProto.BOOL)] +
                             [value(n) for n in carried], [value(condition, [], TensorProto.BOOL)] + [value(n) for n in outputs])


def counted_loop_case(steps):
    """v = tanh(v W + i), with every v as an output, and a tensor that swaps places with another."""
    feeds = {"x": random(2, 4), "p": random(2, 4), "q": random(2, 4)}
    body = loop_body([helper.make_node("Identity", ["go_in"], ["go"]), helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
                      helper.make_node("MatMul", ["v", "W"], ["m"]), helper.make_node("Add", ["m", "f"], ["s"]),
                      helper.make_node("Tanh", ["s"], ["v2"]), helper.make_node("Mul", ["v2", "p_in"], ["o"]),
                      helper.make_node("Identity", ["q_in"], ["p_out"]), helper.make_node("Add", ["p_in", "bias"], ["q_out"])],
                     ["v", "p_in", "q_in"], ["v2", "p_out", "q_out", "o"])
    nodes = [helper.make_node("Loop", ["n", "", "x", "p", "q"], ["y", "p2", "q2", "all"], body=body)]
    constants = {"n": np.array(steps, np.int64), "W": random(4, 4), "bias": random(4)}
    (v, p, q), outputs = feeds.values(), []
    for i in range(steps):
        v = np.tanh(v @ constants["W"] + np.float32(i))
        outputs.append(v * p)
        p, q = q, p + constants["bias"]
    expected = {"y": v, "p2": p, "q2": q, "all": np.stack(outputs)}
    return make_model(nodes, feeds, list(expected), constants), feeds, expected, ()


def conditional_loop_case(limit, most):
    """Doubles x until its sum exceeds a limit that is an input, or as often as another input says."""
    feeds = {"x": np.full((2, 3), 0.5, np.float32), "limit": np.array([limit], np.float32), "most": np.array(most, np.int64)}
    body = loop_body([helper.make_node("Add", ["v", "v"], ["v2"]), helper.make_node("ReduceSum", ["v2"], ["sum"], keepdims=0),
                      helper.make_node("Reshape", ["limit", "scalar"], ["bound"]), helper.make_node("Less", ["sum", "bound"], ["go"])],
                     ["v"], ["v2"])
    nodes = [helper.make_node("Loop", ["most", "", "x"], ["y"], body=body)]
    y, steps = feeds["x"], 0
    while steps < most:
        y, steps = y + y, steps + 1
        if not y.sum() < limit:
            break
    return make_model(nodes, feeds, ["y"], {"scalar": np.zeros(0, np.int64)}), feeds, {"y": y}, ()


def scan_case(steps, **attributes):
    """Sums x along an axis, with the product of both sequences as output."""
    axes = attributes.get("scan_input_axes", [0, 0])
    shape = lambda axis: (4, steps) if axis in (1, -1) else (steps, 4)
    feeds = {"s": random(4), "x": random(*shape(axes[0])), "z": random(*shape(axes[1]))}
    body = helper.make_graph([helper.make_node("Add", ["s_in", "x_in"], ["s_out"]), helper.make_node("Mul", ["s_out", "z_in"], ["o"])],
                             "body", [value(n, [4]) for n in ("s_in", "x_in", "z_in")], [value(n, [4]) for n in ("s_out", "o")])
    nodes = [helper.make_node("Scan", ["s", "x", "z"], ["sum", "all"], body=body, num_scan_inputs=2, **attributes)]
    model = make_model(nodes, feeds, ["sum", "all"])
    x, z = (np.moveaxis(feeds[n], a, 0) for n, a in (("x", axes[0]), ("z", axes[1])))
    x, z = (a[::-1] if d else a for a, d in zip((x, z), attributes.get("scan_input_directions", [0, 0])))
    sums = feeds["s"] + np.cumsum(x, 0)
    products = (sums * z)[::-1] if attributes.get("scan_output_directions", [0])[0] else sums * z
    expected = {"sum": sums[-1], "all": np.moveaxis(products, 0, attributes.get("scan_output_axes", [0])[0])}
    return model, feeds, expected, ()


def function_case():
    """A function that calls another, with an attribute that is handed on and an input that is left out."""
    inner = helper.make_function("own", "Leak", ["v"], ["w"], [helper.make_node("LeakyRelu", ["v"], ["w"])],
                                 [helper.make_opsetid("", 21)], ["slope"])
    reference = inner.node[0].attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT)
    reference.ref_attr_name = "slope"
    outer = helper.make_function("own", "Twice", ["a", "b"], ["c"],
                                 [helper.make_node("Leak", ["a"], ["t"], domain="own", slope=0.25),
                                  helper.make_node("Clip", ["t", "b"], ["c"])],
                                 [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)])
    feeds = {"x": random(3, 4)}
    nodes = [helper.make_node("Twice", ["x"], ["t"], domain="own"), helper.make_node("Twice", ["t", ""], ["y"], domain="own")]
    once = np.where(feeds["x"] >= 0, feeds["x"], 0.25 * feeds["x"])
    return make_model(nodes, feeds, ["y"], functions=[inner, outer]), feeds, {"y": np.where(once >= 0, once, 0.25 * once)}, ()


def int8_case():
    """Products before, in front of and behind a loop are computed in integers, the loop itself is not."""
    hidden, steps = 32, 20
    constants = {"A": random(8, 16), "W": random(2, 4 * hidden, 16), "R": random(2, 4 * hidden, hidden) / 4, "B": random(2, 8 * hidden),
                 "D": random(hidden, 10)}
    feeds = {"X": random(steps, 3, 8)}
    nodes = [helper.make_node("MatMul", ["X", "A"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("LSTM", ["b", "W", "R", "B"], ["", "h"], hidden_size=hidden, direction="bidirectional"),
             helper.make_node("MatMul", ["h", "D"], ["y"])]
    samples = os.path.join(FOLDER, "samples")
    os.makedirs(samples)
    for i in range(8):
        np.savez(os.path.join(samples, f"{i}.npz"), X=random(steps, 3, 8))
    _, h, _ = recurrent("LSTM", np.maximum(feeds["X"] @ constants["A"], 0), constants["W"], constants["R"], constants["B"],
                        direction="bidirectional")
    return make_model(nodes, feeds, ["y"], constants), feeds, {"y": h @ constants["D"]}, ("--precision=int8",
                                                                                         f"--calibration-data={samples}")


def cases():
    yield "rnn", recurrent_case("RNN", 3)
    yield "rnn-loop", recurrent_case("RNN", 9, direction="bidirectional", state=True)
    yield "rnn-activations", recurrent_case("RNN", 6, direction="bidirectional", activations=["Elu", "HardSigmoid"],
                                            activation_alpha=[0.5, 0.3], activation_beta=[0.4])
    yield "gru", recurrent_case("GRU", 2, state=True)
    yield "gru-loop", recurrent_case("GRU", 7, direction="reverse", bias=False)
    yield "gru-linear", recurrent_case("GRU", 7, direction="bidirectional", linear_before_reset=1, state=True)
    yield "lstm", recurrent_case("LSTM", 4, direction="bidirectional", state=True)
    yield "lstm-loop", recurrent_case("LSTM", 8, direction="bidirectional", state=True, peepholes=True)
    yield "lstm-layout", recurrent_case("LSTM", 8, batch=3, layout=1, direction="bidirectional", state=True)
    yield "lstm-forget", recurrent_case("LSTM", 5, input_forget=1, clip=0.4, direction="reverse")
    yield "lstm-activations", recurrent_case("LSTM", 5, activations=["HardSigmoid", "Softsign", "ScaledTanh"],
                                             activation_alpha=[0.25, 1.5], activation_beta=[0.45, 0.8])
    yield "lstm-batch", recurrent_case("LSTM", 12, batch=5, symbolic=True, direction="bidirectional")
    yield "lstm-batch-state", recurrent_case("LSTM", 3, batch=1, symbolic=True, state=True, outputs=1, opset=14)
    yield "rnn-lengths", recurrent_case("RNN", 4, batch=3, lengths=[4, 0, 2], activations=["ThresholdedRelu"], activation_alpha=[0.1])
    yield "gru-lengths", recurrent_case("GRU", 7, batch=3, lengths=[3, 7, 1], state=True, direction="bidirectional", outputs=1)
    yield "lstm-lengths", recurrent_case("LSTM", 9, batch=4, lengths=[9, 2, 0, 5], symbolic=True, state=True, direction="bidirectional",
                                         layout=1)
    yield "lstm-wide", recurrent_case("LSTM", 6, batch=17, inputs=40, hidden=96)
    yield "int8", int8_case()
    yield "branch-then", branch_case(True)
    yield "branch-else", branch_case(False)
    yield "product-in-branch", product_in_branch_case()
    yield "loop-short", counted_loop_case(3)
    yield "loop-long", counted_loop_case(200)
    yield "impossible-branch", impossible_branch_case(True)
    yield "impossible-branch-taken", impossible_branch_case(False)
    yield "while", conditional_loop_case(50, 100)
    yield "while-most", conditional_loop_case(1e9, 3)
    yield "while-never", conditional_loop_case(50, 0)
    yield "scan", scan_case(3)
    yield "scan-long", scan_case(300, scan_input_directions=[1, 0], scan_output_directions=[1], scan_input_axes=[1, 0],
                                 scan_output_axes=[1])
    yield "function", function_case()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    problems = []
    for name, (model, feeds, expected, flags) in cases():
        results = compile_and_run(name, model, feeds, flags)
        if isinstance(expected, str):  # of the sentence with which the run fails
            if not isinstance(results, str) or expected not in results:
                problems.append(f"{name}: expected an error '{expected}', but got {results}")
            continue
        if isinstance(results, str):
            problems.append(f"{name}: {results.strip()}")
            continue
        for output, want in expected.items():
            got = results[output]
            # Integers of 8 bits: errors of 32 products, each some steps of 1 over 127.
            tolerance = 0.15 if name == "int8" else 1e-5
            if got.shape != want.shape or not np.allclose(got, want, rtol=1e-4, atol=tolerance):
                difference = np.abs(got - want).max() if got.shape == want.shape else f"{got.shape}, expected {want.shape}"
                problems.append(f"{name}: {output}: {difference}")
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
