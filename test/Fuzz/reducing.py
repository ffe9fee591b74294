# REQUIRES: numpy, onnx
# RUN: env PYTHONPATH=%mpc_src_root/fuzz:%mpc_src_root/python %python %s

"""What makes findings of fuzz/graphs.py small, and what tells findings from rounding."""

import random
import unittest

import generator
import graphs
import numpy as np
import onnx
from reducer import reduce


def graph_with(operator, least):
    """A random graph that has an operator among at least so many nodes."""
    for seed in range(1000):
        graph = generator.generate(random.Random(seed))
        operators = [node.op_type for node in graph.model.graph.node]
        if operator in operators and len(operators) >= least:
            return graph
    raise AssertionError(operator)


class Reducing(unittest.TestCase):
    def test_one_node_is_left(self):
        for operator in ("Conv", "Softmax", "Concat"):
            graph = graph_with(operator, 6)
            fails = lambda model, inputs: operator in [node.op_type for node in model.graph.node]
            model, inputs = reduce(graph.model, graph.inputs, fails)
            self.assertEqual([node.op_type for node in model.graph.node], [operator])
            onnx.checker.check_model(model, full_check=True)
            self.assertEqual(len(graphs.reference(model, inputs)), len(model.graph.output))

    def test_what_is_needed_stays(self):
        graph = graph_with("Conv", 6)
        size = len(graph.model.graph.node)
        model, _ = reduce(graph.model, graph.inputs, lambda model, inputs: False)
        self.assertEqual(len(model.graph.node), size)


class Generating(unittest.TestCase):
    def test_graphs_are_valid_and_repeat(self):
        for seed in range(30):
            graph, again = (generator.generate(random.Random(seed)) for _ in range(2))
            self.assertEqual(graph.model.SerializeToString(), again.model.SerializeToString())
            onnx.checker.check_model(graph.model, full_check=True)
            for expected, output in zip(graph.outputs.values(), graphs.reference(graph.model, graph.inputs)):
                self.assertTrue(np.array_equal(expected, output))

    def test_differences(self):
        a = np.array([1, 2, 3], np.float32)
        self.assertIsNone(graphs.compare(a + np.float32(1e-3), a, 1e-2))
        self.assertIn("1 of 3 values; first at (1,): 9.0 instead of 2.0", graphs.compare(np.array([1, 9, 3], np.float32), a, 1e-2))
        self.assertIn("float64[3] instead of float32[3]", graphs.compare(a.astype(float), a, 0))
        self.assertIsNone(graphs.compare(np.array([np.inf]), np.array([np.inf]), 0))
        self.assertIsNotNone(graphs.compare(np.array([np.nan]), np.array([1.0]), 1))


if __name__ == "__main__":
    unittest.main()
