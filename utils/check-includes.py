#!/usr/bin/env python3
"""Checks that each room includes only the rooms below it; docs/Architecture.md has the reasons.

    check-includes.py CHECKOUT
"""

import pathlib
import re
import sys

DIALECTS = {"Support", "Dialect/MPC", "Dialect/Kernel"}
GRAPH = {"Support", "Dialect/MPC", "Analysis"}
ALL = DIALECTS | GRAPH | {"Transforms", "Conversion", "Codegen", "GPU", "Frontend/ONNX", "Target", "Pipelines"}
# What a room may include beside itself and mpc/runtime.h.
ROOMS = {
    "Support": set(),
    "Dialect/MPC": {"Support"},
    "Dialect/Kernel": {"Support"},
    "Analysis": {"Support", "Dialect/MPC"},
    "Transforms": GRAPH,
    "Conversion": GRAPH | {"Dialect/Kernel"},
    "Codegen": {"Support", "Dialect/Kernel"},
    "GPU": {"Support", "Dialect/Kernel", "Codegen"},
    "Frontend/ONNX": {"Support", "Dialect/MPC"},
    "Target": {"Support", "Dialect/Kernel", "Codegen"},
    "Pipelines": ALL,
    "Compiler": ALL,
}
INCLUDE = re.compile(r'^\s*#?include "mpc/([^"]+)"', re.MULTILINE)


def room(path):
    """The room that a path below lib/ or include/mpc/ belongs to, or None for a file that stands in no room."""
    return next((name for name in ROOMS if path.startswith(name + "/")), None)


def main(checkout):
    problems = []
    for base in ("lib", "include/mpc"):
        for file in sorted((checkout / base).rglob("*")):
            owner = room(file.relative_to(checkout / base).as_posix())
            if owner is None or file.suffix not in (".h", ".cpp", ".td"):
                continue
            for included in INCLUDE.findall(file.read_text()):
                target = room(included)
                if target not in (None, owner) and target not in ROOMS[owner]:
                    problems.append(f"{file.relative_to(checkout)}: {owner} may not include {included}")
    print("\n".join(problems) or "every room includes only rooms below it")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
