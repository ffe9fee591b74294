#!/usr/bin/env python3
# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runner of a GPU bundle (scripts/make-gpu-bundle.sh): tests compiled libraries, and times them beside their peers.

    run.py test [--only=REGEX] [--once]         exit status 0, 1 for failures, 77 where there is no driver or no device
    run.py bench [--only=REGEX] [--results=FILE] [--seconds=N]

Needs NumPy; device tensors, streams and everything that is timed need PyTorch with CUDA. It is part of the bundle, and runs there.
"""

import argparse
import datetime
import functools
import json
import lzma
import pathlib
import re
import statistics
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError:
    sys.exit(f"error: {sys.executable} has no NumPy; PYTHON=... names another Python, or: {sys.executable} -m pip install numpy")

BUNDLE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BUNDLE))
import mpc  # noqa: E402  the bundle's copy
import results  # noqa: E402  and this one

NO_DEVICE = 77
DEVICE_ERROR = 10  # MPC_ERROR_DEVICE


def torch_with_cuda():
    """PyTorch, or None where it has no device."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def load_json(name):
    return json.loads((BUNDLE / name).read_text())


_unpacked = tempfile.TemporaryDirectory(prefix="mpc-bundle-")


def load_library(name):
    """A library of the bundle, which holds it packed."""
    path = pathlib.Path(_unpacked.name) / name
    if not path.exists():
        path.write_bytes(lzma.decompress((BUNDLE / "libraries" / (name + ".xz")).read_bytes()))
    return mpc.load(path)


def arrays(name):
    with np.load(BUNDLE / "data" / name) as file:
        return dict(file)


# -- tests ---------------------------------------------------------------------


def difference(case, expected, got):
    """What is wrong, or ""."""
    for name, want in expected.items():
        have = np.asarray(got[name])
        if have.shape != want.shape or have.dtype != want.dtype:
            return f"{name}: {have.dtype}{list(have.shape)}, expected {want.dtype}{list(want.shape)}"
        if case["tolerance"] == 0:
            if want.tobytes() != have.tobytes():
                return f"{name}: {int((want != have).sum())} of {want.size} values differ"
            continue
        error = np.abs(want.astype(np.float64) - have.astype(np.float64)).max() / max(np.abs(want.astype(np.float64)).max(), 1e-30)
        if not error <= case["tolerance"]:  # NaN, too
            return f"{name} differs by {error:.2g} of the largest value, more than {case['tolerance']:.2g}"
    return ""


def check_host(case, model, inputs, expected, runs):
    """The first run launches kernels, the second one captures a graph, the third one replays it."""
    for i in range(runs):
        wrong = difference(case, expected, model.run(inputs))
        if wrong:
            return f"run {i + 1}: {wrong}"
    return ""


def check_device(case, model, inputs, expected, torch):
    """Tensors of the device, on a stream of the caller's, alone and in a graph of the caller's."""
    stream = torch.cuda.Stream()
    given = {name: torch.from_numpy(value).cuda() for name, value in inputs.items()}
    out = {name: torch.zeros(value.shape, dtype=torch.from_numpy(value).dtype, device="cuda") for name, value in expected.items()}
    torch.cuda.synchronize()

    def compare(what):
        stream.synchronize()
        wrong = difference(case, expected, {name: value.cpu().numpy() for name, value in out.items()})
        for value in out.values():
            value.zero_()
        torch.cuda.synchronize()
        return wrong and f"{what}: {wrong}"

    for i in range(3):
        model.run(given, out=out, stream=stream)
        wrong = compare(f"run {i + 1} with device tensors")
        if wrong:
            return wrong
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        model.run(given, out=out, stream=stream)
    with torch.cuda.stream(stream):
        graph.replay()
    return compare("a graph of the caller's")


def test(arguments):
    torch, failures, passed = torch_with_cuda(), 0, 0
    for case in load_json("cases.json")["tests"]:
        if not re.search(arguments.only, case["name"]):
            continue
        model, inputs, expected = load_library(case["library"]), arrays(case["inputs"]), arrays(case["expected"])
        try:
            wrong = check_host(case, model, inputs, expected, 1 if arguments.once else 3)
            if not wrong and torch and not arguments.once:
                wrong = check_device(case, model, inputs, expected, torch)
        except mpc.ModelError as error:
            if error.status == DEVICE_ERROR and re.search("libcuda|no device", str(error)):
                print(f"skipped: {error}")
                return NO_DEVICE
            wrong = str(error)
        failures, passed = failures + bool(wrong), passed + (not wrong)
        print(f"{'FAIL' if wrong else 'PASS'}  {case['name']}{': ' + wrong if wrong else ''}", flush=True)
    print(f"{passed} passed, {failures} failed" + ("" if torch else "; device tensors not tested: there is no PyTorch with CUDA"))
    return 1 if failures or not passed else 0


# -- timings -------------------------------------------------------------------


def race(torch, stream, sides, count, seconds):
    """Seconds per call of each side, by events, in rounds that alternate between them.

    A round is a CUDA graph of `count` calls, one for each set of buffers, so that the time of the host is not part of it.
    """
    graphs = []
    for side in sides:
        for _ in range(3):
            for i in range(count):
                side(i)
        stream.synchronize()
        graphs.append(torch.cuda.CUDAGraph())
        with torch.cuda.graph(graphs[-1], stream=stream):
            for i in range(count):
                side(i)
    times, end, rounds = [[] for _ in sides], time.monotonic() + seconds, 0
    with torch.cuda.stream(stream):
        while rounds < 20 or time.monotonic() < end:
            events = []
            for graph, series in zip(graphs, times):
                start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                start.record()
                graph.replay()
                stop.record()
                events.append((series, start, stop))
            stream.synchronize()
            for series, start, stop in events:
                series.append(start.elapsed_time(stop) * 1e-3 / count)
            rounds += 1
    return [series[3:] for series in times]  # the first ones warm up


def latency(torch, stream, sides, seconds):
    """Seconds from a call to its result, by the clock of the host."""
    for side in sides:
        for i in range(10):
            side(i)
    stream.synchronize()
    times, end, i = [[] for _ in sides], time.monotonic() + seconds, 0
    while i < 50 or time.monotonic() < end:
        for side, series in zip(sides, times):
            start = time.perf_counter()
            side(i)
            stream.synchronize()
            series.append(time.perf_counter() - start)
        i += 1
    return times


TABLES = {
    "products": {"title": "Matrix products", "peer": "cuBLASLt"},
    "attention": {"title": "Attention", "peer": "PyTorch's scaled_dot_product_attention"},
    "convolutions": {"title": "Convolutions", "peer": "cuDNN"},
    "bandwidth": {"title": "Element-wise and normalising kernels", "peer": "copy"},
    "models": {"title": "Models, batch 1", "peer": "torch.compile f16 and ONNX Runtime"},
}


class Bench:
    """What all rows share: the stream, rotating buffers, the file of results."""

    def __init__(self, torch, arguments):
        self.torch, self.seconds, self.stream = torch, arguments.seconds, torch.cuda.Stream()
        self.made = load_json("cases.json")
        properties = torch.cuda.get_device_properties(0)
        name = re.sub(r"[^a-z0-9]+", "-", properties.name.lower()).strip("-")
        self.path = pathlib.Path(arguments.results or BUNDLE / "results" / f"{name}.json")
        self.cache_bytes = getattr(properties, "L2_cache_size", 64 << 20)
        self.data = {"machine": {"device": properties.name, "capability": f"{properties.major}.{properties.minor}",
                                 "memory_mib": properties.total_memory >> 20, "multiprocessors": properties.multi_processor_count},
                     "versions": {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()},
                     "commands": [results.describe_command("bench.sh", sys.argv[2:])], "tables": {}, "rows": []}

    def sets(self, bytes_of_one):
        """How many sets of buffers, so that none is in the cache when its turn comes."""
        return max(2, min(16, 4 * self.cache_bytes // bytes_of_one + 1))

    def random(self, shape, dtype):
        torch = self.torch
        if dtype.is_floating_point:
            return torch.rand(shape, device="cuda", dtype=torch.float32).mul_(2).sub_(1).to(dtype)
        info = torch.iinfo(dtype)
        return torch.randint(info.min, info.max + 1, shape, device="cuda", dtype=dtype)

    def add(self, table, name, peer, measured, **more):
        row = {"name": name, "table": table, "peer": peer, **results.compare(*measured), **more, "commit": self.made["commit"],
               "date": datetime.date.today().isoformat()}
        self.data["tables"][table] = TABLES[table]
        self.data["rows"].append(row)
        figures = "".join(f", {key} {value:.4g}" for key, value in more.items() if isinstance(value, float))
        print(f"{name:32} {row['seconds'] * 1e6:10.1f} us  {peer} {row['peer_seconds'] * 1e6:10.1f} us  ratio {row['ratio']:.3f}{figures}", flush=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = ",\n  ".join(json.dumps(row) for row in self.data["rows"])
        head = json.dumps({key: value for key, value in self.data.items() if key != "rows"}, indent=1)
        self.path.write_text(head[:-2] + ',\n "rows": [\n  ' + rows + "\n ]\n}\n")

    def runner(self, model, make, sets):
        """Calls of the model, on rotating buffers."""
        torch = self.torch
        dtypes = {"f16": torch.float16, "f32": torch.float32, "u8": torch.uint8, "i8": torch.int8, "i32": torch.int32}
        size = lambda info: [1 if s is None else s for s in info.shape]
        given = [[make(size(info), dtypes[info.type]) for info in model.inputs] for _ in range(sets)]
        out = [{info.name: torch.empty(size(info), device="cuda", dtype=dtypes[info.type]) for info in model.outputs} for _ in range(sets)]
        torch.cuda.synchronize()
        calls = [model.bind(x, out=y, stream=self.stream) for x, y in zip(given, out)]
        return given, lambda i: calls[i % sets]()


def bench_product(bench, row):
    """A matrix product of `shape` (rows, columns, k) beside cuBLASLt, whose weights are bytes or f16."""
    import cublaslt
    torch, (m, n, k), is_int8 = bench.torch, row["shape"], row["precision"] == "int8"
    model = load_library(row["library"])
    sets = bench.sets((m * n + m * k + n * k) * (1 if is_int8 else 2))
    given, mine = bench.runner(model, bench.random, sets)
    product = cublaslt.MatMul(m, n, k, is_int8)
    dtype = torch.int8 if is_int8 else torch.float16
    a = [x[0].view(dtype) for x in given]
    b, out = ([bench.random(shape, dtype) for _ in range(sets)] for shape in ([n, k], [m, n]))
    workspace = torch.empty(cublaslt.WORKSPACE_BYTES, device="cuda", dtype=torch.uint8)

    def call(algorithm, i):
        product.run(algorithm, a[i % sets].data_ptr(), b[i % sets].data_ptr(), out[i % sets].data_ptr(), workspace.data_ptr(), bench.stream.cuda_stream)

    tried = []
    for i, algorithm in enumerate(product.algorithms):
        try:
            tried.append((statistics.median(race(torch, bench.stream, [functools.partial(call, algorithm)], sets, 0.2)[0]), i))
        except cublaslt.Missing:  # offered, but not for these buffers
            pass
    best = product.algorithms[min(tried)[1]]
    measured = race(torch, bench.stream, [mine, functools.partial(call, best)], sets, bench.seconds)
    tera = 2 * m * n * k * 1e-12
    bench.add("products", row["name"], "cuBLASLt", measured, tops=tera / statistics.median(measured[0]), algorithms=len(tried))


def bench_attention(bench, row):
    """Heads × rows by keys, `shape` with the size of a head, beside what PyTorch chooses for it, such as FlashAttention."""
    torch, (heads, rows, keys, size) = bench.torch, row["shape"]
    model = load_library(row["library"])
    sets = bench.sets(2 * 2 * heads * (rows + keys) * size)
    given, mine = bench.runner(model, bench.random, sets)

    def theirs(i):
        with torch.cuda.stream(bench.stream), torch.no_grad():
            torch.nn.functional.scaled_dot_product_attention(*(x.unsqueeze(0) for x in given[i % sets]), scale=1.0)

    measured = race(torch, bench.stream, [mine, theirs], sets, bench.seconds)
    tera = 4 * heads * rows * keys * size * 1e-12
    bench.add("attention", row["name"], "PyTorch SDPA f16", measured, tops=tera / statistics.median(measured[0]))


def bench_convolution(bench, row):
    """A convolution beside cuDNN, which PyTorch calls with its benchmark mode and channels last."""
    torch = bench.torch
    torch.backends.cudnn.benchmark = True
    model = load_library(row["library"])
    sets = bench.sets(row["bytes"])
    given, mine = bench.runner(model, bench.random, sets)
    channels_last = torch.channels_last
    x = [one[0].half().contiguous(memory_format=channels_last) for one in given]
    w = bench.random(row["weights"], torch.float16).contiguous(memory_format=channels_last)

    def theirs(i):
        with torch.cuda.stream(bench.stream), torch.no_grad():
            torch.nn.functional.conv2d(x[i % sets], w, None, row["strides"], row["pads"], 1, row["group"])

    bench.add("convolutions", row["name"], "cuDNN f16", race(torch, bench.stream, [mine, theirs], sets, bench.seconds))


def bench_bandwidth(bench, row):
    """Element-wise and normalising kernels beside a copy of as many bytes within the device."""
    torch = bench.torch
    model = load_library(row["library"])
    sets = bench.sets(row["bytes"])
    _, mine = bench.runner(model, bench.random, sets)
    source, target = ([torch.empty(row["bytes"] // 2, device="cuda", dtype=torch.uint8) for _ in range(sets)] for _ in range(2))

    def copy(i):
        with torch.cuda.stream(bench.stream):
            target[i % sets].copy_(source[i % sets])

    measured = race(torch, bench.stream, [mine, copy], sets, bench.seconds)
    bench.add("bandwidth", row["name"], "copy", measured, gb_per_s=row["bytes"] * 1e-9 / statistics.median(measured[0]))


def open_session(onnxruntime, graph, provider):
    """ONNX Runtime's session of a graph, with the weights that PyTorch's module has, in f32."""
    weights, large = arrays(graph + ".npz"), load_json(f"data/{graph}.json")["large_weights"]
    options = onnxruntime.SessionOptions()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name].astype(np.float32)) for name in large]
    options.add_external_initializers(large, values)
    session = onnxruntime.InferenceSession(str(BUNDLE / "data" / (graph + ".onnx")), options, providers=[provider])
    session.weights = values  # which it may go on reading
    return session


def bench_model(bench, row):
    """A whole model with batch 1 beside torch.compile in f16, and ONNX Runtime's CUDA provider where it runs."""
    torch = bench.torch
    model = load_library(row["library"])
    given, mine = bench.runner(model, bench.random, 1)
    from torch_model import Graph
    try:
        module = Graph(load_json(f"data/{row['graph']}.json"), arrays(row["graph"] + ".npz")).cuda().half().eval()
        compiled = torch.compile(module, mode="max-autotune")
        x = [one.half() for one in given[0]]

        def peer(i):
            with torch.cuda.stream(bench.stream), torch.no_grad():
                compiled(*x)

        bench.add("models", row["name"], "torch.compile f16", latency(torch, bench.stream, [mine, peer], bench.seconds))
    except Exception as error:  # noqa: BLE001  a peer's failure is not the bundle's
        print(f"{row['name']}: torch.compile: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    try:
        import onnxruntime
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise RuntimeError("it has no CUDA provider")
        session = open_session(onnxruntime, row["graph"], "CUDAExecutionProvider")
        if session.get_providers()[0] != "CUDAExecutionProvider":
            raise RuntimeError("its CUDA provider does not start")
        binding = session.io_binding()
        for description in session.get_outputs():
            binding.bind_output(description.name, "cuda")
        keep = [tensor.float().contiguous() for tensor in given[0]]
        for description, tensor in zip(session.get_inputs(), keep):
            binding.bind_input(description.name, "cuda", 0, np.float32, list(tensor.shape), tensor.data_ptr())
        bench.add("models", row["name"] + "/ort", "ONNX Runtime f32",
                  latency(torch, bench.stream, [mine, lambda i: session.run_with_iobinding(binding)], bench.seconds))
    except Exception as error:  # noqa: BLE001
        print(f"{row['name']}: ONNX Runtime: {str(error).splitlines()[0] if str(error) else type(error).__name__}")


KINDS = {"product": bench_product, "attention": bench_attention, "convolution": bench_convolution, "bandwidth": bench_bandwidth, "model": bench_model}


def run_benchmarks(arguments):
    torch = torch_with_cuda()
    if not torch:
        print("skipped: there is no PyTorch with a CUDA device")
        return NO_DEVICE
    bench, failed = Bench(torch, arguments), 0
    for row in bench.made["benchmarks"]:
        if not re.search(arguments.only, row["name"]):
            continue
        try:
            KINDS[row["kind"]](bench, row)
        except Exception as error:  # noqa: BLE001  the other rows go on
            failed += 1
            print(f"FAIL  {row['name']}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
        torch.cuda.empty_cache()
    print(f"{len(bench.data['rows'])} rows in {bench.path}, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, function in (("test", test), ("bench", run_benchmarks)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("--only", default="", help="rows whose name matches the regular expression")
    commands.choices["test"].add_argument("--once", action="store_true", help="one run with host tensors, as under compute-sanitizer")
    commands.choices["bench"].add_argument("--results", help="the file to write (default: results/DEVICE.json)")
    commands.choices["bench"].add_argument("--seconds", type=float, default=3, help="of each row (default: 3)")
    arguments = parser.parse_args()
    return arguments.function(arguments)


if __name__ == "__main__":
    sys.exit(main())
