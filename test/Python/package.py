# REQUIRES: numpy, sklearn, avx2
# RUN: rm -rf %t && mkdir %t
# RUN: %python %mpc_src_root/examples/digits/data.py %t/data
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s %mpc_src_root/examples/digits/digits.onnx %t

"""The Python package: compiling, calibrating, running, and what it answers to what it cannot do."""

import gc
import os
import pathlib
import subprocess
import sys
import threading
import unittest
from unittest import mock

import numpy as np

import mpc

DIGITS, FOLDER = (pathlib.Path(path) for path in sys.argv[1:3])
IMAGES = np.load(FOLDER / "data/images.npy")
LABELS = np.load(FOLDER / "data/labels.npy")
SAMPLES = np.load(FOLDER / "data/calibration.npy")


def compile_text(text, **options):
    """Compiles a model that is written in the mpc dialect."""
    path = FOLDER / "text.mlir"
    path.write_text(text)
    return mpc.compile(path, march="x86-64-v3", **options)


class Compiling(unittest.TestCase):
    def test_model_as_path_and_bytes(self):
        library = mpc.compile(str(DIGITS), FOLDER / "digits.so", precision="f32", march=["x86-64-v3"])
        self.assertEqual(library, FOLDER / "digits.so")
        self.assertTrue((FOLDER / "digits.h").exists())
        same = mpc.load(mpc.compile(DIGITS.read_bytes(), precision="f32", march="x86-64-v3"))
        self.assertEqual(same.manifest["model"]["hash"], mpc.load(library).manifest["model"]["hash"])

    def test_model_proto(self):
        class Proto:  # what is needed of onnx.ModelProto
            def SerializeToString(self):
                return DIGITS.read_bytes()

        self.assertTrue(mpc.compile(Proto(), march="x86-64-v3").exists())

    def test_shape_and_further_flags(self):
        model = mpc.load(mpc.compile(DIGITS, shape={"image": (3, 1, 8, 8)}, io_type={"logits": "f16"}, march="x86-64-v3"))
        self.assertEqual(model.inputs[0].shape, (3, 1, 8, 8))
        self.assertEqual(model.outputs[0].dtype, np.float16)

    def test_diagnostics(self):
        with self.assertRaises(mpc.CompileError) as raised:
            mpc.compile(b"no model at all")
        self.assertIn("model.onnx: expected an ONNX model", str(raised.exception))
        self.assertEqual((raised.exception.status, raised.exception.diagnostics[0].severity), (1, "error"))
        with self.assertRaisesRegex(mpc.CompileError, "--precision: expected keep"):
            mpc.compile(DIGITS, precision="i3")
        with self.assertRaisesRegex(TypeError, "expected a path, bytes or an onnx.ModelProto, but got list"):
            mpc.compile([DIGITS])

    def test_tool_is_missing(self):
        with mock.patch.dict("os.environ", MPC_BIN=str(FOLDER)), self.assertRaisesRegex(mpc.Error, "mpc-compile is not in .*MPC_BIN"):
            mpc.compile(DIGITS)


class Calibrating(unittest.TestCase):
    def test_table_and_samples_give_the_same_library(self):
        by_name = ({"image": SAMPLES[i:i + 10]} for i in range(0, len(SAMPLES), 10))
        table = mpc.calibrate(DIGITS, by_name, FOLDER / "table.json")
        of_table = mpc.compile(DIGITS, precision="int8", calibration=table, march="x86-64-v3")
        of_arrays = mpc.compile(DIGITS, precision="int8", calibration=list(SAMPLES[:, None]), march="x86-64-v3")
        of_file = mpc.compile(DIGITS, precision="int8", calibration=FOLDER / "data/calibration.npy", march="x86-64-v3")
        self.assertEqual(of_table.read_bytes(), of_arrays.read_bytes())
        self.assertEqual(of_table.read_bytes(), of_file.read_bytes())
        model = mpc.load(of_table)
        self.assertEqual(model.manifest["precision"], "int8")
        self.assertGreater(np.mean(model.run([IMAGES])["logits"].argmax(1) == LABELS), 0.97)

    def test_samples_that_do_not_fit(self):
        with self.assertRaisesRegex(ValueError, "at least one sample"):
            mpc.calibrate(DIGITS, [])
        with self.assertRaisesRegex(TypeError, "every sample"):
            mpc.calibrate(DIGITS, [SAMPLES[0], {"image": SAMPLES[0]}])
        with self.assertRaises(mpc.CompileError):
            mpc.calibrate(DIGITS, [SAMPLES[0, :, :3]])


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = mpc.compile(DIGITS, precision="f32")
        cls.model = mpc.load(cls.library, threads=1)

    def test_description(self):
        self.assertEqual(self.model.inputs[0], mpc.TensorInfo("image", "f32", np.dtype("f4"), (None, 1, 8, 8), 1))
        self.assertEqual([(o.name, o.shape) for o in self.model.outputs], [("logits", (None, 10))])
        self.assertEqual(self.model.threads, 1)
        self.assertIn(self.model.isa, self.model.isas)
        self.assertIn("f32", repr(self.model))

    def test_any_batch_and_order(self):
        logits = self.model.run({"image": IMAGES})["logits"]
        self.assertGreater(np.mean(logits.argmax(1) == LABELS), 0.97)
        self.assertTrue(np.array_equal(self.model.run([IMAGES[:1]])["logits"], logits[:1]))
        # An array that is not dense.
        self.assertTrue(np.array_equal(self.model.run([IMAGES[::2]])["logits"], logits[::2]))

    def test_every_instruction_set_and_thread_count(self):
        logits = self.model.run([IMAGES])["logits"]
        for isa in self.model.isas:
            other = mpc.load(self.library, threads=2, isa=isa)
            self.assertEqual((other.isa, other.threads), (isa, 2))
            self.assertTrue(np.array_equal(other.run([IMAGES])["logits"], logits))

    def test_outputs_of_the_caller(self):
        mine = np.zeros((4, 10), np.float32)
        self.assertIs(self.model.run([IMAGES[:4]], out={"logits": mine})["logits"], mine)
        self.assertTrue(mine.any())
        with self.assertRaisesRegex(mpc.ModelError, "dense and writable"):
            self.model.run([IMAGES[:4]], out={"logits": np.zeros((8, 10), np.float32)[::2]})
        with self.assertRaisesRegex(mpc.ModelError, "no output 'other'"):
            self.model.run([IMAGES[:4]], out={"other": mine})
        with self.assertRaises(mpc.ModelError):
            self.model.run([IMAGES[:4]], out={"logits": np.zeros((5, 10), np.float32)})

    def test_bound_tensors(self):
        images, logits = IMAGES[:3].copy(), np.zeros((3, 10), np.float32)
        call = self.model.bind([images], out={"logits": logits})
        self.assertFalse(logits.any())
        for first in (0, 7):
            images[...] = IMAGES[first:first + 3]
            self.assertIs(call()["logits"], logits)
            self.assertTrue(np.array_equal(logits, self.model.run([IMAGES[first:first + 3]])["logits"]))

    def test_dlpack(self):
        class Tensor:  # another library's
            def __init__(self, array):
                self.array, self.device = array, (1, 0)

            def __dlpack_device__(self):
                return self.device

            def __dlpack__(self, stream=None):
                return self.array.__dlpack__()

        mine, logits = Tensor(np.zeros((4, 10), np.float32)), self.model.run([IMAGES[:4]])["logits"]
        self.assertIs(self.model.run([Tensor(IMAGES[:4])], out={"logits": mine})["logits"], mine)
        self.assertTrue(np.array_equal(mine.array, logits))
        self.assertTrue(np.array_equal(np.from_dlpack(logits), mine.array))
        with self.assertRaisesRegex(mpc.ModelError, "expected dense strides"):
            self.model.run([Tensor(IMAGES[::2])])
        with self.assertRaisesRegex(mpc.ModelError, "expected type f32, but got f64"):
            self.model.run([Tensor(IMAGES.astype(np.float64))])
        for device, message in (((2, 0), "input 'image': expected memory of the CPU, but got device 1"), ((8, 0), "but got DLPack's device type 8")):
            wrong = Tensor(IMAGES[:4])
            wrong.device = device
            with self.assertRaisesRegex(mpc.ModelError, message):
                self.model.run([wrong])
        with self.assertRaisesRegex(mpc.ModelError, "on the CPU, which has no streams"):
            self.model.run([IMAGES], stream=5)
        with self.assertRaisesRegex(mpc.ModelError, "on the CPU: expected no device_index, but got 1"):
            mpc.load(self.library, device=1)

    def test_wrong_inputs(self):
        for inputs, message in [
            ({}, "no 'image' is given; the model has 'image': f32\\['batch', 1, 8, 8\\]"),
            ({"image": IMAGES, "x": IMAGES}, "'x' is not one"),
            ([], "expected 1 inputs"),
            (IMAGES, "expected 1 inputs"),
            ([IMAGES.astype(complex)], "expected float32, but got complex128"),
            ([IMAGES.astype(">f4")], "expected float32, but got >f4"),
            ([IMAGES.astype(np.float64)], "image.*f32.*f64"),
            ([IMAGES[:, 0]], "image.*expected shape"),
            ([IMAGES[:, :, 1:]], "image.*7"),
            ([np.float32(1)], "image.*expected shape"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(mpc.ModelError, message):
                self.model.run(inputs)
        with self.assertRaises(mpc.ModelError) as raised:
            self.model.run([IMAGES[:, 0]])
        self.assertEqual(raised.exception.status, 2)

    def test_threads_have_contexts_of_their_own(self):
        logits, wrong = self.model.run([IMAGES])["logits"], []

        def work(batch):
            for _ in range(20):
                if not np.array_equal(self.model.run([IMAGES[:batch]])["logits"], logits[:batch]):
                    wrong.append(batch)

        threads = [threading.Thread(target=work, args=(batch,)) for batch in (1, 3, 50, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(wrong)

    def test_a_library_is_replaced(self):
        path = FOLDER / "replaced.so"
        mpc.compile(DIGITS, path, precision="f32", march="x86-64-v3")
        old = mpc.load(path)
        mpc.compile(DIGITS, path, precision="f16", march="x86-64-v3")
        self.assertEqual(mpc.load(path).manifest["precision"], "f16")
        self.assertEqual(mpc.load(path).manifest["precision"], "f16")
        self.assertEqual(old.manifest["precision"], "f32")

    def test_a_library_goes_with_its_models(self):
        path = mpc.compile(DIGITS, FOLDER / "goes.so", precision="f32", march="x86-64-v3")
        mapped = lambda: str(path) in pathlib.Path("/proc/self/maps").read_text()
        model = mpc.load(path)
        logits = model.run([IMAGES])["logits"]
        self.assertTrue(mapped())
        del model
        gc.collect()
        self.assertFalse(mapped())
        self.assertTrue(np.isfinite(logits).all())

    def test_libraries_go_with_processes(self):
        program = ("import sys, tempfile, multiprocessing, mpc\n"
                   "tempfile.tempdir = sys.argv[2]\n"
                   "def work(): assert mpc.compile(sys.argv[1], precision='f32', march='x86-64-v3').exists()\n"
                   "for parent in (False, True):\n"
                   "    if parent: work()\n"
                   "    child = multiprocessing.get_context('fork').Process(target=work)\n"
                   "    child.start(); child.join(); assert child.exitcode == 0\n"
                   "    import pathlib; assert len(list(pathlib.Path(sys.argv[2]).iterdir())) == parent\n")
        folder = FOLDER / "temporary"
        folder.mkdir()
        subprocess.run([sys.executable, "-c", program, DIGITS, folder], check=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
        self.assertEqual(list(folder.iterdir()), [])

    def test_not_a_library(self):
        with self.assertRaisesRegex(mpc.ModelError, "nowhere.so"):
            mpc.load(FOLDER / "nowhere.so")
        with self.assertRaisesRegex(mpc.ModelError, "invalid ELF header|file too short"):
            mpc.load(DIGITS)
        with self.assertRaisesRegex(mpc.ModelError, "not a model that mpc-compile wrote"):
            mpc.load(next(line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line))
        (FOLDER / "half.so").write_bytes(pathlib.Path(self.library).read_bytes()[:9000])
        with self.assertRaisesRegex(mpc.ModelError, "half.so: the file is truncated"):
            mpc.load(FOLDER / "half.so")
        with self.assertRaisesRegex(mpc.ModelError, "threads: expected 0 or a number of threads, but got -1"):
            mpc.load(self.library, threads=-1)
        with self.assertRaisesRegex(mpc.ModelError, "sse9") as raised:
            mpc.load(self.library, isa="sse9")
        self.assertEqual(raised.exception.status, 3)


class Types(unittest.TestCase):
    def test_scalars_and_names(self):
        model = mpc.load(compile_text("""
            func.func @main(%x: tensor<f32> {mpc.name = "x"}) -> (tensor<f32> {mpc.name = "y"}) {
              %0 = mpc.neg %x : (tensor<f32>) -> tensor<f32>
              return %0 : tensor<f32>
            }"""))
        y = model.run([np.float32(3)])["y"]
        self.assertEqual((y.shape, float(y)), ((), -3))

    def test_bf16(self):
        model = mpc.load(compile_text("""
            func.func @main(%x: tensor<4xbf16> {mpc.name = "x"}) -> (tensor<4xbf16> {mpc.name = "y"}) {
              %0 = mpc.neg %x : (tensor<4xbf16>) -> tensor<4xbf16>
              return %0 : tensor<4xbf16>
            }"""))
        self.assertEqual(model.inputs[0].type, "bf16")
        x = np.array([1, -2, 0.5, 3], np.float32)
        bits = (x.view(np.uint32) >> 16).astype(np.uint16)
        y = model.run([bits.view(model.inputs[0].dtype)])["y"]
        self.assertTrue(np.array_equal(y.view(np.uint16), bits ^ 0x8000))

    def test_i4(self):
        model = mpc.load(compile_text("""
            func.func @main(%x: tensor<4xi4> {mpc.name = "x"}) -> (tensor<4xf32> {mpc.name = "y"}) {
              %0 = mpc.cast %x : (tensor<4xi4>) -> tensor<4xf32>
              return %0 : tensor<4xf32>
            }"""))
        x = np.array([-3, 7, -8, 0], np.int8).astype(model.inputs[0].dtype)
        self.assertEqual(model.run([x])["y"].tolist(), [-3, 7, -8, 0])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
