"""Trains the example model in NumPy and writes it as ONNX.

    python3 train.py [digits.onnx]

The network is small and yet has what a compiler has to deal with: convolutions with batch normalisation, a depthwise
convolution, a residual connection, pooling, a fully connected layer, and a symbolic batch.

    stem        conv 3x3,  1 -> 16   norm  relu
    depthwise   conv 3x3, 16 groups  norm  relu
    pointwise   conv 1x1, 16 -> 32   norm  relu   maxpool 2x2
    block       conv 3x3, 32 -> 32   norm  + its input  relu   maxpool 2x2
    classifier  flatten   fully connected 128 -> 10

Half a minute on one core. The seed is fixed: one machine and one version of NumPy give the same file every time; another
machine's linear algebra may round differently.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import data

EPOCHS, BATCH, PEAK_RATE, WEIGHT_DECAY = 30, 32, 0.05, 5e-4
EPSILON, MOMENTUM = 1e-5, 0.9
LAYERS = [("stem", 1, 16, 3, 1), ("depthwise", 16, 16, 3, 16), ("pointwise", 16, 32, 1, 1), ("block", 32, 32, 3, 1)]


class Conv:
    """A convolution with stride 1 that keeps the size, normalised over the batch. Images are NCHW."""

    def __init__(self, name, inputs, outputs, kernel, groups, random):
        self.name, self.kernel, self.groups = name, kernel, groups
        fan_in = inputs // groups * kernel * kernel
        self.weight = random.normal(0, np.sqrt(2 / fan_in), (outputs, inputs // groups, kernel, kernel))
        self.scale, self.shift = np.ones(outputs), np.zeros(outputs)
        self.mean, self.variance = np.zeros(outputs), np.ones(outputs)

    def windows(self, x):
        pad = self.kernel // 2
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        view = np.lib.stride_tricks.sliding_window_view(x, (self.kernel, self.kernel), axis=(2, 3))
        n, c, h, w = view.shape[:4]
        # samples x groups x channels of a group x height x width x kernel x kernel
        return view.reshape(n, self.groups, c // self.groups, h, w, self.kernel, self.kernel)

    def forward(self, x, training):
        self.columns = self.windows(x)
        weight = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        y = np.einsum("ngchwyx,gocyx->ngohw", self.columns, weight, optimize=True)
        y = y.reshape(x.shape[0], -1, *y.shape[3:])
        if training:
            mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3))
            self.mean = MOMENTUM * self.mean + (1 - MOMENTUM) * mean
            self.variance = MOMENTUM * self.variance + (1 - MOMENTUM) * variance
        else:
            mean, variance = self.mean, self.variance
        self.deviation = np.sqrt(variance + EPSILON)[:, None, None]
        self.normal = (y - mean[:, None, None]) / self.deviation
        return self.normal * self.scale[:, None, None] + self.shift[:, None, None]

    def backward(self, dy):
        axes = (0, 2, 3)
        self.d_scale, self.d_shift = (dy * self.normal).sum(axes), dy.sum(axes)
        count = dy.size / dy.shape[1]
        dy = self.scale[:, None, None] / self.deviation * (
            dy - (self.d_shift[:, None, None] + self.normal * self.d_scale[:, None, None]) / count)
        grouped = dy.reshape(dy.shape[0], self.groups, -1, *dy.shape[2:])
        self.d_weight = np.einsum("ngchwyx,ngohw->gocyx", self.columns, grouped,
                                  optimize=True).reshape(self.weight.shape)
        # The gradient of the input is a convolution with the kernel turned around.
        weight = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])[..., ::-1, ::-1]
        dx = np.einsum("ngohwyx,gocyx->ngchw", self.windows(dy), weight, optimize=True)
        return dx.reshape(dx.shape[0], -1, *dx.shape[3:])

    def parameters(self):
        return [(self, "weight", WEIGHT_DECAY), (self, "scale", 0.0), (self, "shift", 0.0)]


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class MaxPool:
    """2 x 2, stride 2."""

    def forward(self, x):
        n, c, h, w = x.shape
        self.blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = self.blocks.max((3, 5), keepdims=True)
        self.mask = self.blocks == y
        return y[:, :, :, 0, :, 0]

    def backward(self, dy):
        share = self.mask / self.mask.sum((3, 5), keepdims=True)
        dx = share * dy[:, :, :, None, :, None]
        return dx.reshape(dx.shape[0], dx.shape[1], dx.shape[2] * 2, dx.shape[4] * 2)


class Network:
    def __init__(self, random):
        self.stem, self.depthwise, self.pointwise, self.block = (Conv(*layer, random) for layer in LAYERS)
        self.relus = [Relu() for _ in LAYERS]
        self.pools = [MaxPool(), MaxPool()]
        self.weight, self.bias = random.normal(0, np.sqrt(1 / 128), (10, 128)), np.zeros(10)

    def forward(self, x, training=False):
        for conv, relu in zip((self.stem, self.depthwise, self.pointwise), self.relus):
            x = relu.forward(conv.forward(x, training))
        x = self.pools[0].forward(x)
        x = self.relus[3].forward(self.block.forward(x, training) + x)
        x = self.pools[1].forward(x)
        self.features = x.reshape(len(x), -1)
        return self.features @ self.weight.T + self.bias

    def backward(self, dy):
        self.d_weight, self.d_bias = dy.T @ self.features, dy.sum(0)
        dx = (dy @ self.weight).reshape(-1, 32, 2, 2)
        dx = self.relus[3].backward(self.pools[1].backward(dx))
        dx = self.pools[0].backward(self.block.backward(dx) + dx)
        for conv, relu in zip((self.pointwise, self.depthwise, self.stem), self.relus[2::-1]):
            dx = conv.backward(relu.backward(dx))

    def parameters(self):
        convs = [p for conv in (self.stem, self.depthwise, self.pointwise, self.block) for p in conv.parameters()]
        return convs + [(self, "weight", WEIGHT_DECAY), (self, "bias", 0.0)]


def shifted(images, random):
    """Moves each image by up to one pixel: the classifier should not learn the grid by heart."""
    result = np.zeros_like(images)
    for i, (dy, dx) in enumerate(random.integers(-1, 2, (len(images), 2))):
        result[i, :, max(dy, 0):8 + min(dy, 0), max(dx, 0):8 + min(dx, 0)] = \
            images[i, :, max(-dy, 0):8 + min(-dy, 0), max(-dx, 0):8 + min(-dx, 0)]
    return result


def train(network, images, labels, random):
    """Stochastic gradient descent with momentum; the rate rises for a tenth of the steps and falls on a cosine."""
    velocity = {(id(owner), name): 0.0 for owner, name, _ in network.parameters()}
    steps = EPOCHS * (len(images) // BATCH)
    for step in range(steps):
        if step % (steps // EPOCHS) == 0:
            order = random.permutation(len(images))
        start = step % (steps // EPOCHS) * BATCH
        batch = order[start:start + BATCH]
        logits = network.forward(shifted(images[batch], random), training=True)
        probability = np.exp(logits - logits.max(1, keepdims=True))
        probability /= probability.sum(1, keepdims=True)
        probability[np.arange(BATCH), labels[batch]] -= 1
        network.backward(probability / BATCH)
        rate = PEAK_RATE * min(1, 10 * step / steps) * (1 + np.cos(np.pi * step / steps)) / 2
        for owner, name, decay in network.parameters():
            value = getattr(owner, name)
            gradient = getattr(owner, "d_" + name) + decay * value
            velocity[id(owner), name] = 0.9 * velocity[id(owner), name] - rate * gradient
            setattr(owner, name, value + velocity[id(owner), name])


def export(network, path):
    """Writes the trained network as ONNX, batch normalisation as its own nodes."""
    nodes, initializers = [], []

    def constant(name, value):
        initializers.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def conv(layer, x):
        pad = layer.kernel // 2
        x = node("Conv", [x, constant(f"{layer.name}.weight", layer.weight)], f"{layer.name}.conv",
                 kernel_shape=[layer.kernel] * 2, pads=[pad] * 4, group=layer.groups)
        statistics = [constant(f"{layer.name}.{name}", getattr(layer, name))
                      for name in ("scale", "shift", "mean", "variance")]
        return node("BatchNormalization", [x, *statistics], f"{layer.name}.norm", epsilon=EPSILON)

    def pool(x, name):
        return node("MaxPool", [x], name, kernel_shape=[2, 2], strides=[2, 2])

    x = "image"
    for layer in (network.stem, network.depthwise, network.pointwise):
        x = node("Relu", [conv(layer, x)], f"{layer.name}.relu")
    x = pool(x, "pool1")
    x = node("Add", [conv(network.block, x), x], "block.add")
    x = pool(node("Relu", [x], "block.relu"), "pool2")
    x = node("Flatten", [x], "features")
    node("Gemm", [x, constant("classifier.weight", network.weight), constant("classifier.bias", network.bias)],
         "logits", transB=1)

    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])], initializers)
    model = helper.make_model(graph, producer_name="mpc/examples/digits", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    random = np.random.Generator(np.random.PCG64(1))
    images, labels, test_images, test_labels = data.load()
    network = Network(random)
    train(network, images.astype(np.float64), labels, random)
    for name, x, y in (("training", images, labels), ("held-back", test_images, test_labels)):
        print(f"{name}: {np.mean(network.forward(x).argmax(1) == y):.4f} of {len(x)} right")
    export(network, sys.argv[1] if len(sys.argv) > 1 else "digits.onnx")


if __name__ == "__main__":
    main()
