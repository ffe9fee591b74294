# REQUIRES: numpy, onnx
# RUN: %python %s %mpc_obj_root/bin %t

"""Each repair on a model that is made to need it: how much closer to f32 the int8 library gets, and that f32 libraries stay what they are."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BIN, FOLDER = sys.argv[1:3]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
path = lambda name: os.path.join(FOLDER, name)
random = np.random.RandomState(5)


class Net:
    """A chain of nodes over named weights."""

    def __init__(self, shape):
        self.nodes, self.weights, self.last, self.shape = [], [], "x", shape

    def add(self, kind, *weights, **attributes):
        names = []
        for w in weights:
            if isinstance(w, str):
                names.append(w)
                continue
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(np.asarray(w, np.float32), names[-1]))
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *names], [out], name=out, **attributes))
        self.last = out
        return out

    def save(self, name):
        graph = helper.make_graph(self.nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.shape])],
                                  [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)], self.weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path(name + ".onnx"))


def compile_model(name, *flags):
    library = path(f"{name}{abs(hash(flags))}.so")
    p = subprocess.run([os.path.join(BIN, "mpc-compile"), path(name + ".onnx"), "--march=x86-64-v3", *flags, "-o", library], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return library


def run(library, x):
    np.save(path("in.npy"), x)
    out = path("out")
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([os.path.join(BIN, "mpc-run"), library, f"--input={path('in.npy')}", f"--output={out}"], check=True, capture_output=True)
    return np.load(os.path.join(out, next(f for f in os.listdir(out) if f.endswith(".npy")))).astype(np.float64)


def sqnr(reference, got):
    return 10 * np.log10(np.sum(reference ** 2) / np.sum((got - reference) ** 2))


def gain(name, calibration, test, repair):
    """(SQNR without and with the repair, f32's output, the repaired output), calibrated on other samples than the tested ones."""
    np.save(path(name + ".npy"), calibration)
    int8 = ("--precision=int8", f"--calibration-data={path(name + '.npy')}")
    reference = run(compile_model(name, "--precision=f32"), test)
    plain = run(compile_model(name, *int8), test)
    repaired = run(compile_model(name, *int8, f"--repair={repair}"), test)
    before, after = sqnr(reference, plain), sqnr(reference, repaired)
    print(f"{name} {repair}: {before:.1f} -> {after:.1f} dB")
    return before, after, reference, repaired


normal = lambda *shape: random.randn(*shape).astype(np.float32)

# Channels of very different sizes through convolution, depthwise convolution and convolution; each is undone by the next weights.
net, c = Net((3, 8, 8)), 16
sizes = np.exp(random.uniform(-3, 3, c)).astype(np.float32)
net.add("Conv", normal(c, 3, 3, 3) * sizes[:, None, None, None], normal(c) * sizes, pads=[1, 1, 1, 1])
net.add("Relu")
more = np.exp(random.uniform(-2, 2, c)).astype(np.float32)
net.add("Conv", normal(c, 1, 3, 3) * more[:, None, None, None], normal(c) * sizes * more, pads=[1, 1, 1, 1], group=c)
net.add("Relu")
net.add("Conv", normal(5, c, 1, 1) / (sizes * more)[None, :, None, None], normal(5))
net.save("chain")
x = normal(96, 3, 8, 8)
before, after, _, _ = gain("chain", x[:32], x[32:], "equalization")
assert after > before + 6, "equalization does not help"

# So does SmoothQuant, which looks at what goes through the channels.
before, after, _, _ = gain("chain", x[:32], x[32:], "smoothquant")
assert after > before + 6, "SmoothQuant does not help between convolutions"

# Why it passes a value over is told.
told = subprocess.run([os.path.join(BIN, "mpc-compile"), path("chain.onnx"), "--precision=int8", f"--calibration-data={path('chain.npy')}", "--repair=smoothquant",
                       "--remarks=repair", "-o", path("told.so")], check=True, capture_output=True, text=True).stderr
assert "'t0' is smoothed" in told and "'t4_from_channels_last' is not smoothed: it is a result of the model" in told and "Category:precision" not in told, told

# What equalization rewrites computes the same in f32: both libraries, one from the module behind its passes.
plain = run(compile_model("chain", "--precision=f32"), x[32:])
same = run(compile_model("chain", "--precision=f32", "--insert-passes=after:grouped=mpc-equalize-channels,mpc-fold-channel-factors"), x[32:])
assert not np.array_equal(plain, same) and np.max(np.abs(plain - same)) < 1e-5 * np.max(np.abs(plain)), "equalization changes f32"

# A layer normalisation whose scale makes three channels outliers, read by two products; then GELU, whose channels no constant takes.
net, k = Net((6, 64)), 64
scale = np.ones(k, np.float32)
scale[[3, 20, 41]] = [40, 60, 30]
norm = net.add("LayerNormalization", scale, normal(k), axis=-1)
weights = normal(k, 32) / np.sqrt(k)
weights[[3, 20, 41]] /= 20
net.add("MatMul", weights)
net.add("Relu")
net.add("MatMul", normal(32, 8))
net.save("norm")
x = normal(192, 6, 64)
before, after, _, _ = gain("norm", x[:64], x[64:], "smoothquant")
assert after > before + 4, "SmoothQuant does not help"
before, other, _, _ = gain("norm", x[:64], x[64:], "smoothquant:0.9")
assert other != after, "alpha is not heeded"

# One sample in the calibration set with a value far outside, as broken data has.
net = Net((16,))
net.add("MatMul", normal(16, 32))
net.add("Relu")
net.add("MatMul", normal(32, 8))
net.save("outlier")
x = normal(2000, 16)
x[7, 3] = 60
before, after, _, _ = gain("outlier", x[:1000], x[1000:], "clipping")
assert after > before + 4, "clipping does not help"

# Inputs that go together: the errors of their weights have to cancel.
net, k = Net((64,)), 64
weights = random.randint(-100, 100, (k, 16)).astype(np.float32) + random.uniform(0.3, 0.49, (k, 16)).astype(np.float32)
weights[0] = 127
net.add("MatMul", weights)
net.save("alike")
x = (1 + 0.02 * normal(400, 1)) * (1 + 0.02 * normal(400, k))

# Where all inputs have one sign, rounding does so without samples: less than half of the noise of weights rounded to nearest.
np.save(path("samples.npy"), x[:200])
scale = np.abs(weights).max(0) / 127
noise = lambda got: np.sum((got - x[200:].astype(np.float64) @ weights) ** 2)
cancelled = run(compile_model("alike", "--precision=int8", "--calibration-data=" + path("samples.npy")), x[200:])
assert noise(cancelled) < noise(x[200:] @ (np.rint(weights / scale) * scale)) / 4, "errors of weights do not cancel"

# Signs that only samples tell.
x *= np.where(random.rand(k) < 0.5, -1, 1)
both = x * normal(400, 1)  # no mean that a bias could correct
before, after, _, _ = gain("alike", both[:200], both[200:], "adaptive-rounding")
assert after > before + 3, "adaptive rounding does not help"

# The mean of each channel shifts by the errors of weights: calibration tells the means of inputs, and biases are corrected without a repair. A table of an
# earlier version does not, and leaves them alone.
np.save(path("alike.npy"), x[:200])
whole, old = path("whole.json"), path("old.json")
reference = run(compile_model("alike", "--precision=f32"), x[200:])
corrected = run(compile_model("alike", "--precision=int8", f"--calibration-data={path('alike.npy')}", f"--save-calibration={whole}"), x[200:])
table = json.load(open(whole))
del table["inputs"]
json.dump(table | {"version": 2}, open(old, "w"))
plain = run(compile_model("alike", "--precision=int8", f"--calibration={old}"), x[200:])
assert np.array_equal(corrected, run(compile_model("alike", "--precision=int8", f"--calibration={whole}"), x[200:])), "the table does not hold the means"
print(f"alike, means of inputs: {sqnr(reference, plain):.1f} -> {sqnr(reference, corrected):.1f} dB")
assert sqnr(reference, corrected) > sqnr(reference, plain) + 3, "correcting biases does not help"
shift = lambda got: np.abs(np.mean(got - reference, 0)).max() / np.abs(reference).mean()
assert shift(corrected) < 1e-3, f"means are {shift(corrected)} off"

# The repair takes over from it where it is asked for, and corrects once.
before, after, reference, repaired = gain("alike", x[:200], x[200:], "bias-correction")
assert abs(after - before) < 1 and shift(repaired) < 1e-3, "the repair does something else"

# What only the repair knows: of the nine taps of a depthwise convolution of 2 x 2 pixels, padded by one, five are padding wherever the window stands, while the
# means of inputs tell of all nine.
net, c = Net((32, 2, 2)), 32
net.add("Conv", normal(c, 1, 3, 3), pads=[1, 1, 1, 1], group=c)
net.save("padded")
x = 4 + normal(400, c, 2, 2) / 2
before, after, reference, repaired = gain("padded", x[:200], x[200:], "bias-correction")
plain = run(compile_model("padded", "--precision=int8", f"--calibration-data={path('padded.npy')}"), x[200:])
mean_error = lambda got: np.abs(np.mean(got - reference, (0, 2, 3))).mean()
print(f"padded, mean error of a channel: {mean_error(plain):.5f} -> {mean_error(repaired):.5f}")
assert after > before, "bias correction does not help"
assert mean_error(repaired) < mean_error(plain) / 4, "bias correction leaves the means of channels off"

# All at once, twice: better than none, and the same bytes.
np.save(path("chain.npy"), x_chain := normal(32, 3, 8, 8))
everything = ("--precision=int8", f"--calibration-data={path('chain.npy')}", "--repair=bias-correction,adaptive-rounding,clipping,smoothquant,equalization",
              "--prefix=chain")
first = compile_model("chain", *everything)
one = open(first, "rb").read()
assert open(compile_model("chain", *everything), "rb").read() == one, "a rebuild differs"
x = normal(64, 3, 8, 8)
reference = run(compile_model("chain", "--precision=f32"), x)
assert sqnr(reference, run(first, x)) > sqnr(reference, run(compile_model("chain", *everything[:2]), x)) + 6, "repairs together do not help"

# Saved decisions hold the repairs: without samples they give the same bytes.
decisions = path("decisions.json")
assert open(compile_model("chain", *everything, f"--save-decisions={decisions}"), "rb").read() == one, "saving decisions changes the library"
assert open(compile_model("chain", f"--decisions={decisions}", "--prefix=chain"), "rb").read() == one, "a replay differs"


# What cannot be done is one line.
def refused(message, *flags):
    p = subprocess.run([os.path.join(BIN, "mpc-compile"), path("chain.onnx"), *flags, "-o", path("refused.so")], capture_output=True, text=True)
    assert p.returncode == 1 and message in p.stderr and len(p.stderr.splitlines()) == 1 and not os.path.exists(path("refused.so")), p.stderr


data = everything[1]
refused("--repair: expected equalization, smoothquant, clipping, adaptive-rounding or bias-correction, but got 'smooth'", "--precision=int8", data, "--repair=smooth")
refused("--repair repairs int8 groups, but there are none with --precision=f32", "--precision=f32", "--repair=clipping", data)
table = path("table.json")
compile_model("chain", "--precision=int8", data, f"--save-calibration={table}", "--repair=equalization")
refused("--repair=smoothquant needs samples", "--precision=int8", f"--calibration={table}", "--repair=smoothquant")
# A table of the repaired model is not one of the model, and the other way round.
refused("is of another model", "--precision=int8", f"--calibration={table}")
compile_model("chain", "--precision=int8", f"--calibration={table}", "--repair=equalization")
