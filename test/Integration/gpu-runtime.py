# REQUIRES: numpy, avx2
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %t %cc

"""Contexts of libraries for GPUs, through the Python package: what they ask of the driver and in which order, with a driver of the test's own."""

import ctypes as c
import gc
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

WORK, CC = pathlib.Path(sys.argv[1]), sys.argv[2]
INPUTS = pathlib.Path(__file__).resolve().parent / "Inputs"


# Between the kernels of gpu-sum.mlir: w is added until t[0, 1] is 10 or more, and t[0, 0] becomes the number of times.
LOOP = """
      %none = arith.constant 0.0 : f32
      %one = arith.constant 1.0 : f32
      %limit = arith.constant 10.0 : f32
      %count = scf.while (%i = %none) : (f32) -> f32 {
        %value = memref.load %t[%c0, %c1] : memref<?x64xf32>
        %less = arith.cmpf olt, %value, %limit : f32
        scf.condition(%less) %i : f32
      } do {
      ^bb0(%i: f32):
        gpu.launch_func @gpu::@add blocks in (%batch, %c1, %c1) threads in (%c64, %c1, %c1)
            args(%n : index, %t : memref<?x64xf32>, %row : memref<64xf32>, %t : memref<?x64xf32>)
        %next = arith.addf %i, %one : f32
        scf.yield %next : f32
      }
      memref.store %count, %t[%c0, %c0] : memref<?x64xf32>
"""


def prepare():
    """Builds the driver and the library, and starts this script again where the loader finds that driver."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    subprocess.run([CC, "-O1", "-shared", "-fPIC", "-o", WORK / "libcuda.so.1", INPUTS / "fake-cuda.c"], check=True)
    compiler = os.path.join(os.environ["MPC_BIN"], "mpc-compile")
    bare = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not os.path.exists(os.path.join(p, "ptxas")))
    begin, launch, end = (INPUTS / "gpu-sum.mlir").read_text().partition("      gpu.launch_func @gpu::@negate")
    (WORK / "loop.mlir").write_text(begin + LOOP + launch + end)
    for name, source, path in (("sum", INPUTS / "gpu-sum.mlir", os.environ["PATH"]), ("ptx", INPUTS / "gpu-sum.mlir", bare), ("loop", WORK / "loop.mlir", bare)):
        subprocess.run([compiler, source, "--compile-from=bufferized", "--target=nvvm", "--chip=sm_80,sm_90a", "-o", WORK / f"{name}.so"],
                       check=True, env={**os.environ, "PATH": path, "CUDA_PATH": ""}, capture_output=True)
    done = subprocess.run([sys.executable, *sys.argv, "run"], env={**os.environ, "LD_LIBRARY_PATH": str(WORK), "FAKE_CUDA": "80"}, capture_output=True,
                          text=True)
    sys.stderr.write(done.stderr)
    if "in use: 0 buffers, 0 contexts, 0 modules, 0 streams, 0 graphs" not in done.stderr:
        sys.exit("FAILED: something is still in use")
    sys.exit(done.returncode)


if len(sys.argv) == 3:
    prepare()

import numpy as np  # noqa: E402

import mpc  # noqa: E402

FAKE = c.CDLL("libcuda.so.1")
FAKE.fake_log.restype = c.c_char_p
WEIGHTS = np.arange(64, dtype=np.float32)
rng = np.random.default_rng(3)


def log():
    """The driver's calls since the last time."""
    return FAKE.fake_log().decode().removeprefix("; ").split("; ")


def call(name, *arguments):
    status = getattr(FAKE, name)(*arguments)
    assert status == 0, f"{name}: {status}"


class Memory:
    """Device memory with floats, as other packages show it; `array` is the host's view, which only this driver allows."""

    def __init__(self, values, device=0, offset=0):
        self.device, self.base, context = device, c.c_uint64(), c.c_void_p()
        call("cuDevicePrimaryCtxRetain", c.byref(context), 7 + device)
        call("cuCtxPushCurrent_v2", context)
        call("cuMemAlloc_v2", c.byref(self.base), c.c_size_t(values.nbytes + offset))
        call("cuCtxPopCurrent_v2", c.byref(context))
        call("cuDevicePrimaryCtxRelease_v2", 7 + device)
        self.array = np.frombuffer((c.c_char * values.nbytes).from_address(self.base.value + offset), values.dtype).reshape(values.shape)
        self.array[...] = values

    def __del__(self):
        FAKE.cuMemFree_v2(self.base)


class CudaArray(Memory):
    strides, stream, read_only = None, None, False

    @property
    def __cuda_array_interface__(self):
        return {"version": 3, "shape": self.array.shape, "typestr": self.array.dtype.str, "strides": self.strides, "stream": self.stream,
                "data": (self.array.ctypes.data, self.read_only)}


class DLPackArray(Memory):
    asked = None

    def __dlpack_device__(self):
        return 2, self.device

    def __dlpack__(self, stream=None):
        self.asked = stream
        capsule = self.array.__dlpack__()
        pointer = c.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = c.c_void_p, [c.py_object, c.c_char_p]
        c.c_int32.from_address(pointer(capsule, b"dltensor") + 8).value = 2
        return capsule


def batch(size):
    return rng.standard_normal((size, 64)).astype(np.float32)


class Runtime(unittest.TestCase):
    def setUp(self):
        self.kind("80")

    def kind(self, text):
        gc.collect()
        FAKE.fake_set(text.encode())
        log()

    def load(self, name="sum", **options):
        return mpc.load(WORK / f"{name}.so", **options)

    def check(self, model, x):
        y = model.run([x])["y"]
        self.assertTrue(np.array_equal(y, -(x + WEIGHTS)))
        return log()

    def test_launches_then_a_graph(self):
        model = self.load("ptx")
        self.assertEqual(log(), [""])  # the driver is loaded when it is needed
        self.assertEqual(self.check(model, batch(3)), [
            "stream 16, flags 0", "alloc 2560", "alloc 320", "HtoD 320 on 0", "sync 0", "load PTX sm_80", "HtoD 768 on 16", "add on 16", "negate on 16",
            "DtoH 768 on 16", "sync 16"])
        self.assertEqual(self.check(model, batch(3)), [
            "HtoD 768 on 16", "stream 17, flags 1", "capture 17", "add on 17", "negate on 17", "graph of 2", "replay 2 on 16", "DtoH 768 on 16", "sync 16"])
        self.assertEqual(self.check(model, batch(3)), ["HtoD 768 on 16", "replay 2 on 16", "DtoH 768 on 16", "sync 16"])
        # A smaller batch fits, a larger one does not, and ends the graphs of the old memory.
        self.assertEqual(self.check(model, batch(1))[:2], ["HtoD 256 on 16", "add on 16"])
        self.assertEqual(self.check(model, batch(5))[:3], ["free 2560", "alloc 4096", "HtoD 1280 on 16"])
        self.assertIn("add on 16", self.check(model, batch(3)))

    def test_contexts_share_kernels_and_weights(self):
        one, two = self.load(), self.load()
        self.assertIn("alloc 320", self.check(one, batch(1)))
        self.assertEqual(self.check(two, batch(1))[:3], ["stream 17, flags 0", "alloc 1024", "HtoD 256 on 17"])
        del one
        gc.collect()
        self.assertEqual(log(), ["free 1024"])
        self.check(two, batch(1))
        del two
        gc.collect()
        self.assertEqual(log()[-2:], ["free 1024", "free 320"])

    def test_which_code(self):
        for kind, loads in (("80", ["cubin 80"]), ("86", ["cubin 80"]), ("90", ["cubin 90"]), ("100", ["PTX sm_80"]), ("87", ["PTX sm_80"]),
                            ("80 old", ["cubin 80", "PTX sm_80"])):
            with self.subTest(kind):
                if not shutil.which("ptxas"):
                    self.skipTest("there is no ptxas")
                self.kind(kind)
                self.assertEqual([line for line in self.check(self.load(), batch(1)) if line.startswith("load")], ["load " + one for one in loads])

    def test_device_tensors(self):
        model, x, y = self.load("ptx"), CudaArray(batch(2)), CudaArray(batch(2))
        log()
        for expected in (["stream 16, flags 0", "alloc 768", "alloc 320", "HtoD 320 on 0", "sync 0", "load PTX sm_80", "add on 16", "negate on 16", "sync 16"],
                         ["stream 17, flags 1", "capture 17", "add on 17", "negate on 17", "graph of 2", "replay 2 on 16", "sync 16"],
                         ["replay 2 on 16", "sync 16"]):
            self.assertIs(model.run([x], out={"y": y})["y"], y)
            self.assertEqual(log(), expected)
            self.assertTrue(np.array_equal(y.array, -(x.array + WEIGHTS)))
            x.array[...] = batch(2)
        # On a stream of the caller's nothing waits, unless a tensor is the host's; another one waits for what is under way.
        model.run([x], out={"y": y}, stream=5)
        self.assertEqual(log(), ["replay 2 on 5"])
        self.assertTrue(np.array_equal(model.run([x], stream=5)["y"], y.array))
        self.assertEqual(log()[-2:], ["DtoH 512 on 5", "sync 5"])
        model.run([x], out={"y": y}, stream=6)
        self.assertEqual(log()[0], "sync 5")
        # What is not aligned as kernels want it is copied on the device.
        odd = CudaArray(batch(2), offset=4)
        log()
        model.run([odd], out={"y": y}, stream=6)
        self.assertIn("DtoD 512 on 6", log())
        self.assertTrue(np.array_equal(y.array, -(odd.array + WEIGHTS)))

    def test_dlpack(self):
        model, x, y = self.load(), DLPackArray(batch(2)), DLPackArray(batch(2))
        model.run([x], out={"y": y})
        self.assertEqual((x.asked, y.asked), (1, 1))  # the legacy stream, for which the context's own waits
        self.assertTrue(np.array_equal(y.array, -(x.array + WEIGHTS)))

        class Stream:
            cuda_stream = 7

        model.run([x], out={"y": y}, stream=Stream())
        self.assertEqual(x.asked, 7)

    def test_rotating_buffers(self):
        model, x = self.load(), batch(2)
        sets = [CudaArray(x) for _ in range(10)]
        for _ in range(3):
            for y in sets[:8]:
                model.run([sets[9]], out={"y": y}, stream=5)
        log()
        for y in sets[:8]:
            model.run([sets[9]], out={"y": y}, stream=5)
        self.assertEqual(log(), ["replay 2 on 5"] * 8)
        model.run([sets[9]], out={"y": sets[8]}, stream=5)  # one too many takes the oldest one's place
        model.run([sets[9]], out={"y": sets[0]}, stream=5)
        self.assertEqual(log(), ["add on 5", "negate on 5"] * 2)

    def test_a_loop_that_waits_for_values(self):
        model, x = self.load("loop"), batch(3)
        x[0, 1] = 7.5  # and 2 more, with the first sum
        expected = -(x + WEIGHTS + WEIGHTS + WEIGHTS)
        expected[0, 0] = -2
        add_and_read = ["add on 16", "DtoH 4 on 16", "sync 16"]
        wanted = ["HtoD 768 on 16", *add_and_read * 3, "HtoD 4 on 16", "negate on 16", "DtoH 768 on 16", "sync 16"]
        for _ in range(3):  # it is never a graph
            log()
            self.assertTrue(np.array_equal(model.run([x])["y"], expected))
            self.assertEqual(log()[-len(wanted):], wanted)
        x[0, 1] = 20
        self.assertEqual(model.run([x])["y"][0, 0], 0)
        # What is read after an error would go on for ever.
        self.kind("80 fault")
        with self.assertRaisesRegex(mpc.ModelError, "a kernel failed"):
            model.run([batch(3)])
        self.kind("80")
        stream, on_device, y = c.c_void_p(9), CudaArray(x), CudaArray(x)
        call("cuStreamBeginCapture_v2", stream, 0)
        with self.assertRaisesRegex(mpc.ModelError, "being captured, but this model's loops and branches wait for values that its kernels compute"):
            model.run([on_device], out={"y": y}, stream=9)
        graph = c.c_void_p()
        call("cuStreamEndCapture", stream, c.byref(graph))
        call("cuGraphDestroy", graph)

    def test_a_capture_of_the_callers(self):
        model, x, y = self.load(), CudaArray(batch(2)), CudaArray(batch(2))
        stream, graph, executable = c.c_void_p(9), c.c_void_p(), c.c_void_p()

        def captured(x, y=y):
            call("cuStreamBeginCapture_v2", stream, 0)
            log()
            try:
                model.run([x], out={"y": y}, stream=9)
            finally:
                call("cuStreamEndCapture", stream, c.byref(graph))
                self.addCleanup(FAKE.cuGraphDestroy, c.c_void_p(graph.value))
            return log()

        with self.assertRaisesRegex(mpc.ModelError, "being captured.*run the context once"):
            captured(x)
        model.run([x], out={"y": y})
        self.assertEqual(captured(x), ["add on 9", "negate on 9"])
        with self.assertRaisesRegex(mpc.ModelError, "input 'x': the stream is being captured, where tensors have to be in the device's memory"):
            captured(x.array.copy())
        self.assertNotIn("FORBIDDEN", " ".join(log()))
        self.assertEqual(captured(x), ["add on 9", "negate on 9"])
        # The graph is good for as long as the context, also after a larger batch.
        model.run([batch(50)])
        self.assertNotIn("free", " ".join(log()))
        x.array[...] = batch(2)
        call("cuGraphInstantiateWithFlags", c.byref(executable), graph, c.c_uint64(0))
        call("cuGraphLaunch", executable, stream)
        call("cuGraphExecDestroy", executable)
        self.assertTrue(np.array_equal(y.array, -(x.array + WEIGHTS)))

    def test_tensors_that_do_not_fit(self):
        model, x = self.load(), batch(2)
        cases = [(CudaArray(x, device=1), 2, "input 'x': expected memory of device 0, but got that of device 1"),
                 (CudaArray(x.astype(np.float64)), 2, "input 'x': expected type f32, but got f64"),
                 (CudaArray(x[:, :32].copy()), 2, r"input 'x': expected shape \[batch, 64\], but got \[2, 32\]")]
        turned = CudaArray(x)
        turned.strides = (4, 8)
        cases.append((turned, 8, "input 'x': expected dense strides"))
        busy = CudaArray(x)
        busy.stream = 11
        cases.append((busy, 0, "input 'x': it is computed on stream 11: run on that one"))
        gone = CudaArray(x)
        gone.array = np.array(x)
        cases.append((gone, 2, "input 'x': expected memory of a GPU, but the driver knows no such address"))
        for value, status, message in cases:
            with self.subTest(message), self.assertRaisesRegex(mpc.ModelError, message) as raised:
                model.run([value])
            self.assertEqual(raised.exception.status, status)
        constant = CudaArray(x)
        constant.read_only = True
        with self.assertRaisesRegex(mpc.ModelError, "output 'y': expected an array that is writable"):
            model.run([x], out={"y": constant})
        with self.assertRaisesRegex(TypeError, "expected a CUDA stream or its handle, but got str"):
            model.run([x], stream="main")
        self.check(model, x)  # and goes on

    def test_what_is_missing(self):
        for kind, options, status, message in [
            ("none", {}, 10, "GPU: no device$"),
            ("80", {"device": 5}, 10, "GPU: no device 5: the machine has 2"),
            ("75", {}, 10, r"GPU: the device, of compute capability 7\.5, is too old: the library is for 8\.0 and later"),
            ("80 oom", {}, 5, "GPU: cannot allocate the workspace: out of memory"),
            ("100 jit", {}, 10, "GPU: the driver cannot compile the kernels: ptxas application ptx input, line 9; fatal : planted$"),
            ("80 fault", {}, 10, "GPU: a kernel failed: an illegal memory access was encountered"),
        ]:
            with self.subTest(kind):
                self.kind(kind)
                model = self.load("ptx", **options)
                if kind == "80 fault":  # not while the weights are copied
                    self.kind("80")
                    self.check(model, batch(1))
                    FAKE.fake_set(kind.encode())
                with self.assertRaisesRegex(mpc.ModelError, message) as raised:
                    model.run([batch(1)])
                self.assertEqual(raised.exception.status, status)

    def test_another_device(self):
        model, x = self.load(device=1), CudaArray(batch(1), device=1)
        self.assertTrue(np.array_equal(model.run([x])["y"], -(x.array + WEIGHTS)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
