"""Assembles every NAME.onnxtxt of a folder, ONNX's own textual form, into NAME.onnx.

The form is that of onnx.parser; # begins a comment. Nothing is checked, so that wrong models can be written, too.
"""
import pathlib
import sys

import onnx.parser

for source in sorted(pathlib.Path(sys.argv[1]).glob("*.onnxtxt")):
    source.with_suffix(".onnx").write_bytes(onnx.parser.parse_model(source.read_text()).SerializeToString())
