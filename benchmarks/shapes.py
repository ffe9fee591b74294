"""The shapes of convolutions that well-known networks have, each once, for pictures of 224 x 224."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Conv:
    size: int  # height and width of the input
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1

    @property
    def pad(self):
        return (self.kernel - 1) // 2

    @property
    def out_size(self):
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def operations(self):
        """Multiplications and additions of one picture, without those by the padding."""
        inside = sum(0 <= out * self.stride - self.pad + tap < self.size for out in range(self.out_size) for tap in range(self.kernel))
        return 2 * inside**2 * self.outputs * self.inputs // self.groups

    @property
    def name(self):
        kind = f"dw{self.kernel}x{self.kernel}" if self.groups > 1 else f"{self.kernel}x{self.kernel}"
        return f"{kind}s{self.stride}-{self.size}-{self.inputs}-{self.outputs}"


def resnet50():
    """He et al. 2015, with the stride in the 3x3 convolutions, as it is trained today."""
    shapes = [Conv(224, 3, 64, 7, 2)]
    size, inputs = 56, 64
    for stage, width in enumerate((64, 128, 256, 512)):
        stride = 1 if stage == 0 else 2
        shapes += [Conv(size, inputs, width), Conv(size, width, width, 3, stride), Conv(size, inputs, 4 * width, 1, stride)]
        size //= stride
        inputs = 4 * width
        shapes += [Conv(size, width, inputs), Conv(size, inputs, width), Conv(size, width, width, 3)]
    return list(dict.fromkeys(shapes))


def mobilenet_v2():
    """Sandler et al. 2018: (expansion, channels, repetitions, stride) of each stage, as its Table 2 has them."""
    shapes = [Conv(224, 3, 32, 3, 2)]
    size, inputs = 112, 32
    for expansion, channels, repetitions, first_stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                                           (6, 160, 3, 2), (6, 320, 1, 1)):
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            middle = inputs * expansion
            if expansion != 1:
                shapes.append(Conv(size, inputs, middle))
            shapes.append(Conv(size, middle, middle, 3, stride, middle))
            size //= stride
            shapes.append(Conv(size, middle, channels))
            inputs = channels
    shapes.append(Conv(size, inputs, 1280))
    return list(dict.fromkeys(shapes))
