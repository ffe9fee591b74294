#!/usr/bin/env python3
"""Writes small models for mpc-fuzz-import to start from.

    seeds.py FOLDER            random graphs of generator.py and the models of ONNX's node tests
    seeds.py FOLDER --few=N    N random graphs
"""

import argparse
import random
import warnings
from pathlib import Path

import generator

LARGEST = 16384  # bytes


def node_tests():
    """(name, model) of ONNX's own tests."""
    from onnx.backend.test.loader import load_model_tests
    warnings.simplefilter("ignore")
    for case in load_model_tests(kind="node"):
        yield case.name, case.model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--few", type=int)
    options = parser.parse_args()
    if options.folder.exists() and any(options.folder.iterdir()):
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    models = [(f"graph-{seed}", generator.generate(random.Random(seed)).model) for seed in range(options.few or 200)]
    if options.few is None:
        models += node_tests()
    for name, model in models:
        content = model.SerializeToString()
        if len(content) <= LARGEST:
            (options.folder / f"{name}.onnx").write_bytes(content)


if __name__ == "__main__":
    main()
