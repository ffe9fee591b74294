# REQUIRES: numpy, onnx, avx2
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s --work %t

"""Preprocessing in the model: what a library computes from pixels is what NumPy computes in f64 from the definition in docs/Preprocessing.md, from
arrays and from image files; int8 calibrates on either to the same library."""

import argparse
import base64
import json
import pathlib
import struct
import subprocess
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(5)
# 16 x 16: red grows to the right, green downwards, blue is 255 - 8 x - 7 y; without subsampling, quality 90.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/"
    "2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAQABADAREAAhEBAxEB/8QA"
    "FQABAQAAAAAAAAAAAAAAAAAABwj/xAAZEAABBQAAAAAAAAAAAAAAAAAABgcjMqH/xAAWAQEBAQAAAAAAAAAAAAAAAAAIBgn/xAAaEQACAgMAAAAAAAAAAAAA"
    "AAAABQYhIjEy/9oADAMBAAIRAxEAPwCbE42NYsGG+lG8ifjDzmxSTjY1iwOL+UbyFzGHnNjKnGxpFhIv5RvIzDjDzmxSTjY0iwOL6UbyFzGHnNn/2Q==")


def run(*command, status=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == status, (command, done.returncode, done.stderr)
    return done.stderr


def make_identity(path, shape):
    """Gives its input, by an operator that changes no value."""
    node = helper.make_node("Max", ["x", "low"], ["y"])
    low = numpy_helper.from_array(np.array(-1e30, np.float32), "low")
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], [low])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def make_network(path):
    weights = {"w1": rng.normal(size=(16, 3, 3, 3)) / 5, "b1": rng.normal(size=16) / 5, "w2": rng.normal(size=(10, 16)) / 4}
    nodes = [helper.make_node("Conv", ["x", "w1", "b1"], ["c"], name="conv", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("GlobalAveragePool", ["r"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("Gemm", ["f", "w2"], ["y"], name="fc", transB=1)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
                              [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def resize_axis(x, axis, size):
    """Triangles of the width of the larger pixel, cut off at the border; f64."""
    old = x.shape[axis]
    reach = max(1.0, old / size)
    centers = (np.arange(size) + 0.5) * old / size
    weights = np.maximum(0, 1 - np.abs(np.arange(old) + 0.5 - centers[:, None]) / reach)
    weights /= weights.sum(1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, np.moveaxis(x, axis, 0).astype(float), 1), 0, axis)


def write_png(path, pixels):
    """8 bits, grey or RGB, filter 0 in every row."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Bench:
    def __init__(self, work):
        self.work = work

    def compile(self, model, config, *flags, name="model.so"):
        (self.work / "preprocess.json").write_text(json.dumps({"x": config}))
        run("mpc-compile", model, f"--preprocess={self.work}/preprocess.json", *flags, "-o", self.work / name)
        return self.work / name

    def feed(self, library, samples):
        if isinstance(samples, np.ndarray):
            np.save(self.work / "x.npy", samples)
            samples = self.work / "x.npy"
        run("mpc-run", library, f"--input={samples}", f"--output={self.work}/out")
        return np.load(self.work / "out" / "y.npy")

    def check_values(self):
        """Two roundings of f32 for the affine part: within 4 units in the last place of the largest term. What only moves pixels is exact."""
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        nchw, nhwc = self.work / "nchw.onnx", self.work / "nhwc.onnx"
        make_identity(nchw, ["n", 3, 16, 20])
        make_identity(nhwc, ["n", 16, 20, 3])
        pixels = rng.integers(0, 256, (3, 16, 20, 3), np.uint8)
        numbers = {"scale": "1/255", "mean": mean.tolist(), "std": std.tolist()}
        expected = (pixels / 255 - mean) / std
        got = self.feed(self.compile(nchw, numbers), pixels)
        assert np.abs(got - expected.transpose(0, 3, 1, 2)).max() < 4 * 2**-24 * 8, np.abs(got - expected.transpose(0, 3, 1, 2)).max()
        got = self.feed(self.compile(nhwc, {**numbers, "layout": "nchw", "type": "f32"}), pixels.transpose(0, 3, 1, 2).astype(np.float32))
        assert np.abs(got - expected).max() < 4 * 2**-24 * 8
        larger = rng.integers(0, 256, (2, 19, 25, 3), np.uint8)
        got = self.feed(self.compile(nchw, {"size": [19, 25], "crop": [16, 20], "color": "bgr"}), larger)
        # (19 - 16) / 2 = 1.5 and (25 - 20) / 2 = 2.5 go to the even side.
        assert np.array_equal(got, larger[:, 2:18, 2:22, ::-1].transpose(0, 3, 1, 2))

    def check_resize(self):
        """Within half a level, and what f32 sums may add where the exact value is in the middle of two."""
        model = self.work / "resized.onnx"
        make_identity(model, ["n", 3, 16, 16])
        pixels = rng.integers(0, 256, (2, 41, 60, 3), np.uint8)
        config = {"size": [41, 60], "resize": 18, "crop": 16}
        exact = resize_axis(resize_axis(pixels, 1, 18), 2, 18 * 60 // 41)[:, 1:17, 5:21]  # (26 - 16) / 2
        got = self.feed(self.compile(model, config), pixels).transpose(0, 2, 3, 1)
        assert np.array_equal(got, np.rint(got)) and np.abs(got - exact).max() < 0.5 + 1e-4, np.abs(got - exact).max()
        # As floats, nothing is rounded.
        got = self.feed(self.compile(model, {**config, "type": "f32"}), pixels.astype(np.float32)).transpose(0, 2, 3, 1)
        assert np.abs(got - exact).max() < 1e-4
        got = self.feed(self.compile(model, {"size": [41, 60], "resize": [16, 16], "interpolation": "nearest"}), pixels)
        y, x = (np.floor((np.arange(16) + 0.5) * n / 16).astype(int) for n in (41, 60))
        assert np.array_equal(got.transpose(0, 2, 3, 1), pixels[:, y][:, :, x])
        # Without antialiasing: between the four pixels around, at positions rounded to f32 (below 64: 4e-6 of 255 levels, twice).
        got = self.feed(self.compile(model, {"size": [41, 60], "resize": [16, 16], "antialias": False, "type": "f32"}), pixels.astype(np.float32))
        (y, v), (x, u) = (np.divmod((np.arange(16) + 0.5) * n / 16 - 0.5, 1) for n in (41, 60))
        y, x, v, u = y.astype(int), x.astype(int), v[:, None, None], u[:, None]
        rows = pixels[:, y] * (1 - v) + pixels[:, y + 1] * v
        exact = rows[:, :, x] * (1 - u) + rows[:, :, x + 1] * u
        assert np.abs(got.transpose(0, 2, 3, 1) - exact).max() < 4e-3, np.abs(got.transpose(0, 2, 3, 1) - exact).max()

    def check_files(self):
        """PNG in the model's size arrives as it is; other pictures cover it, in two steps that each round to whole levels. Names are in natural order."""
        model, folder = self.work / "files.onnx", self.work / "pictures"
        make_identity(model, ["n", 3, 16, 16])
        library = self.compile(model, {"color": "rgb"})
        folder.mkdir()
        pictures = [rng.integers(0, 256, size, np.uint8) for size in ((16, 16, 3), (16, 16, 1), (37, 52, 3), (11, 9, 3))]
        for i, picture in enumerate(pictures):
            write_png(folder / f"p{8 + i}.PNG", picture)
        (folder / "p12.jpg").write_bytes(JPEG)
        (folder / "notes.txt").write_text("no picture")
        got = self.feed(library, folder).transpose(0, 2, 3, 1)
        assert got.shape[0] == 5
        assert np.array_equal(got[0], pictures[0]) and np.array_equal(got[1], np.repeat(pictures[1], 3, 2))
        wide = resize_axis(resize_axis(pictures[2], 1, 16 * 52 // 37), 0, 16)[:, 3:19]  # (22 - 16) / 2
        tall = resize_axis(resize_axis(pictures[3], 1, 16), 0, 16 * 11 // 9)[2:18]  # (19 - 16) / 2 = 1.5
        assert np.abs(got[2] - wide).max() < 1.01 and np.abs(got[3] - tall).max() < 1.01
        y, x = np.mgrid[:16, :16]
        assert np.abs(got[4] - np.stack([16 * x, 16 * y, 255 - 8 * x - 7 * y], -1)).max() <= 12
        assert np.array_equal(self.feed(library, folder / "p8.PNG").transpose(0, 2, 3, 1)[0], pictures[0])

        grey = self.work / "grey.onnx"
        make_identity(grey, ["n", 1, 16, 16])
        one = self.feed(self.compile(grey, {}), folder / "p8.PNG")[0, 0]
        assert np.abs(one - pictures[0] @ [0.299, 0.587, 0.114]).max() < 0.51

        plain = self.work / "plain.so"
        run("mpc-compile", model, "-o", plain)
        assert "pictures are for an input of u8 pixels" in run("mpc-run", plain, f"--input={folder}", status=1)
        for name, data in (("cut.png", (folder / "p8.PNG").read_bytes()[:200]), ("cut.jpg", JPEG[:300]), ("text.png", b"no picture at all")):
            (self.work / name).write_bytes(data)
            assert f"{name}: cannot decode: " in run("mpc-run", library, f"--input={self.work / name}", status=1)

    def check_int8(self):
        """Calibration sees the pixels: PNG files and an array give the same library, near to f32. Ranges without preprocessing do not fit."""
        model, folder = self.work / "network.onnx", self.work / "samples"
        make_network(model)
        folder.mkdir()
        pixels = np.clip(128 + 90 * rng.normal(size=(12, 16, 16, 3)), 0, 255).astype(np.uint8)
        for i, picture in enumerate(pixels):
            write_png(folder / f"{i}.png", picture)
        np.save(self.work / "samples.npy", pixels)
        config = {"type": "u8", "layout": "nhwc", "scale": "1/255", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
        table = self.work / "ranges.json"
        array = self.compile(model, config, "--precision=int8", f"--calibration-data={self.work}/samples.npy", f"--save-calibration={table}")
        content = array.read_bytes()
        files = self.compile(model, config, "--precision=int8", f"--calibration-data={folder}")
        assert files.read_bytes() == content
        exact = self.feed(self.compile(model, config, name="f32.so"), folder)
        error = self.feed(array, pixels) - exact
        assert 10 * np.log10((exact**2).sum() / (error**2).sum()) > 30
        error = run("mpc-compile", model, "--precision=int8", f"--calibration={table}", "-o", self.work / "no.so", status=1)
        assert "is of another model" in error
        error = run("mpc-compile", model, f"--preprocess={self.work}/preprocess.json", "--io-type=x=f16", "-o", self.work / "no.so", status=1)
        assert "expected neither --io-type nor --io-layout" in error
        error = run("mpc-compile", model, f"--preprocess={self.work}/none.json", "-o", self.work / "no.so", status=1)
        assert "none.json: No such file" in error and not (self.work / "no.so").exists()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    bench = Bench(parser.parse_args().work)
    bench.check_values()
    bench.check_resize()
    bench.check_files()
    bench.check_int8()


if __name__ == "__main__":
    main()
