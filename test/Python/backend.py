# REQUIRES: numpy, onnx, avx2
# RUN: env PYTHONPATH=%mpc_src_root/python MPC_BIN=%mpc_obj_root/bin %python %s

"""mpc as an onnx.backend: what it binds, when it compiles anew, and what it refuses."""

import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

import mpc
import mpc.backend


def model(nodes, inputs, outputs, **keywords):
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    graph = helper.make_graph(nodes, "test", [value(*i) for i in inputs], [value(*o) for o in outputs], **keywords)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


F32, I64 = TensorProto.FLOAT, TensorProto.INT64
X = np.arange(12, dtype=np.float32).reshape(3, 4)


class Backend(unittest.TestCase):
    def test_inputs_that_decide_about_shapes_are_bound(self):
        # The shape itself is computed from two of them.
        prepared = mpc.backend.prepare(model(
            [helper.make_node("Concat", ["rows", "columns"], ["shape"], axis=0), helper.make_node("Reshape", ["x", "shape"], ["y"])],
            [("x", F32, [3, 4]), ("rows", I64, [1]), ("columns", I64, [1])], [("y", F32, ["a", "b"])]))
        self.assertFalse(prepared.bound)
        for shape in ([4, 3], [6, 2], [-1, 1]):
            outputs = prepared.run([X, np.array(shape[:1]), np.array(shape[1:])])
            self.assertEqual(prepared.bound, {"rows", "columns"})
            self.assertTrue(np.array_equal(outputs.y, X.reshape(shape)))

    def test_sizes_come_with_the_inputs(self):
        prepared = mpc.backend.prepare(model([helper.make_node("Relu", ["x"], ["y"])], [("x", F32, ["n", "m"])], [("y", F32, ["n", "m"])]))
        for x in (X, -X, X.T, X[:1]):
            self.assertTrue(np.array_equal(prepared.run({"x": x})[0], np.maximum(x, 0)))
        self.assertFalse(prepared.bound)

    def test_initialized_inputs_are_none(self):
        weights = helper.make_tensor("w", F32, [4], [1, 2, 3, 4])
        outputs = mpc.backend.run_model(model([helper.make_node("Add", ["x", "w"], ["y"])], [("x", F32, [3, 4]), ("w", F32, [4])],
                                              [("y", F32, [3, 4])], initializer=[weights]), X)
        self.assertTrue(np.array_equal(outputs[0], X + [1, 2, 3, 4]))

    def test_nodes(self):
        node = helper.make_node("Add", ["a", "b"], ["c"])
        self.assertTrue(np.array_equal(mpc.backend.run_node(node, [X, X])[0], X + X))
        self.assertTrue(np.array_equal(mpc.backend.run_node(node, [X, X], outputs_info=[(np.float32, (3, 4))])[0], X + X))

    def test_what_is_refused(self):
        unknown = model([helper.make_node("Unheard", ["x"], ["y"], name="n", domain="of")], [("x", F32, [2])], [("y", F32, [2])])
        unknown.opset_import.append(helper.make_opsetid("of", 1))
        with self.assertRaisesRegex(mpc.CompileError, "Unheard"):
            mpc.backend.run_model(unknown, [X[0, :2]])
        self.assertTrue(mpc.backend.supports_device("CPU") and mpc.backend.supports_device("CPU:0"))
        self.assertFalse(mpc.backend.supports_device("CUDA"))
        with self.assertRaisesRegex(ValueError, "expected device CPU, but got 'CUDA'"):
            mpc.backend.prepare(unknown, "CUDA")
        with self.assertRaisesRegex(ValueError, "expected 1 inputs, but got 2"):
            mpc.backend.run_model(unknown, [X, X])
        sequence = model([], [], [])
        sequence.graph.input.append(helper.make_tensor_sequence_value_info("s", F32, [2]))
        self.assertFalse(mpc.backend.is_compatible(sequence))
        self.assertTrue(mpc.backend.is_compatible(unknown))


if __name__ == "__main__":
    unittest.main()
