"""ONNX Runtime and OpenVINO: their sessions, and their own static quantization.

As a program, `peers.py PEER MODEL THREADS FEED.npz` holds one session and, for every number n on standard input, prints the median
seconds of n calls. It can be stopped (SIGSTOP) while something else is timed, so that no thread that spins takes a core.
"""

import contextlib
import io
import json
import multiprocessing
import pathlib
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

import results

NAMES = ("onnxruntime", "openvino")


def open_onnxruntime(model, threads, feed):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    # Bound once: no call converts or allocates what the caller sees.
    binding = session.io_binding()
    values = {}

    def set_input(feed):
        for name, value in feed.items():
            values[name] = onnxruntime.OrtValue.ortvalue_from_numpy(value)
            binding.bind_ortvalue_input(name, values[name])

    set_input(feed)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding), set_input, lambda: [value.numpy() for value in binding.get_outputs()]


def open_openvino(model, threads, feed):
    import openvino
    core = openvino.Core()
    loaded = core.read_model(str(model))
    if any(value.partial_shape.is_dynamic for value in loaded.inputs):
        loaded.reshape({value: list(feed[value.any_name].shape) for value in loaded.inputs})
    compiled = core.compile_model(loaded, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                                                  "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()

    def set_input(feed):
        for value in compiled.inputs:
            request.set_tensor(value, openvino.Tensor(np.ascontiguousarray(feed[value.any_name])))

    set_input(feed)
    # Without arguments: neither a conversion nor another thread.
    return request.infer, set_input, lambda: [np.array(request.get_output_tensor(i).data) for i in range(len(compiled.outputs))]


def open_session(peer, model, threads, feed):
    """(call, set the inputs, get the outputs)"""
    return (open_onnxruntime if peer == "onnxruntime" else open_openvino)(model, threads, feed)


def outputs(peer, model, feeds):
    """The first output of every feed."""
    call, set_input, get = open_session(peer, model, 1, feeds[0])
    found = []
    for feed in feeds:
        set_input(feed)
        call()
        found.append(np.array(get()[0]))
    return found


class Worker:
    """A session in a process of its own, stopped unless it is asked."""

    def __init__(self, peer, model, threads, feed_file):
        command = [sys.executable, "-B", __file__, peer, str(model), str(threads), str(feed_file)]
        while True:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if self.process.stdout.readline():
                break
            message, status = self.process.stderr.read().strip(), self.process.wait()
            if not results.limit_onednn(status):
                raise RuntimeError(f"{peer}: {(message or f'it ended with status {status}').splitlines()[-1]}")
        self.process.send_signal(signal.SIGSTOP)

    def seconds(self, calls):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        if not answer:
            raise RuntimeError("the peer's process ended")
        return json.loads(answer)

    def close(self):
        self.process.kill()
        self.process.wait()


def quantize_onnxruntime(model, target, feeds, activation):
    """QDQ with s8 weights per channel; `activation`: u8 or s8."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):

        def __init__(self):
            self.feeds = iter(feeds)

        def get_next(self):
            return next(self.feeds, None)

    prepared = target.with_suffix(".prepared.onnx")
    try:
        quant_pre_process(str(model), str(prepared))
    except Exception:  # symbolic shape inference does not know every model; the quantizer takes it as it is
        prepared = model
    quantize_static(str(prepared), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8 if activation == "u8" else QuantType.QInt8, weight_type=QuantType.QInt8)


def quantize_openvino(model, target, feeds):
    """With NNCF, its documented way."""
    import nncf
    import openvino
    loaded = openvino.Core().read_model(str(model))
    if any(value.partial_shape.is_dynamic for value in loaded.inputs):
        loaded.reshape({value: list(feeds[0][value.any_name].shape) for value in loaded.inputs})
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        quantized_model = nncf.quantize(loaded, nncf.Dataset(feeds), subset_size=len(feeds))
    openvino.save_model(quantized_model, str(target), compress_to_fp16=False)


def quantized(peer, model, folder, feeds):
    """{name of the variant: file}"""
    if peer == "openvino":
        target = folder / f"{model.stem}-nncf.xml"
        exists = target.exists()
        while not exists:
            # It runs the model, which may end the process.
            process = multiprocessing.get_context("spawn").Process(target=quantize_openvino, args=(model, target, feeds))
            process.start()
            process.join()
            exists = process.exitcode == 0
            if not exists and not results.limit_onednn(process.exitcode):
                raise RuntimeError(f"NNCF ended with status {process.exitcode}")
        return {"nncf": target}
    files = {}
    for activation in ("u8", "s8"):
        files[activation] = folder / f"{model.stem}-{activation}.onnx"
        if not files[activation].exists():
            quantize_onnxruntime(model, files[activation], feeds, activation)
    return files


def serve(peer, model, threads, feed_file):
    call, _, _ = open_session(peer, pathlib.Path(model), threads, dict(np.load(feed_file)))
    for _ in range(3):
        call()
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        print(json.dumps(statistics.median(times)), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
