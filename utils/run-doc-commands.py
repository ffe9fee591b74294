#!/usr/bin/env python3
"""Runs the commands that a Markdown document shows, as a reader would, and checks the output that it promises.

    run-doc-commands.py DOCUMENT --source CHECKOUT --build BUILD --work FOLDER

A fenced block counts when the line above it is one of these comments (Markdown does not show them):

    <!-- run -->           the block is a shell script; it must succeed
    <!-- fails -->         ... it must fail with exit status 1
    <!-- output -->        lines that the last script printed, in this order, each of them whole; `...` stands for anything
    <!-- file: NAME -->    the block is the content of a file, which is written first

Scripts start in FOLDER, which looks like the checkout (its entries are symbolic links), so that what they write stays out
of it. `build` is the build folder; the tools of LLVM and the tests' Python come first in PATH.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

MARK = re.compile(r"^<!-- (run|fails|output|file: (?P<name>\S+)) -->$")


def blocks(text):
    """Yields (line number, kind, file name, content) of each marked block."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        mark = MARK.match(line.strip())
        if not mark:
            continue
        if number + 1 == len(lines) or not lines[number + 1].strip().startswith("```"):
            raise SystemExit(f"line {number + 1}: expected a fenced block below {line.strip()}")
        indent = len(lines[number + 1]) - len(lines[number + 1].lstrip())
        end = next(i for i in range(number + 2, len(lines)) if lines[i].strip() == "```")
        content = "".join(text[indent:] + "\n" for text in lines[number + 2:end])
        yield number + 3, mark.group(1).split(":")[0], mark.group("name"), content


def missing_line(expected, printed):
    """Returns the first expected line that the output lacks, or None."""
    printed = iter(line.rstrip() for line in printed.splitlines())
    for line in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.strip().split("..."))))
        if line.strip() and not any(pattern.fullmatch(other.strip()) for other in printed):
            return line
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("document", type=pathlib.Path)
    for name in ("source", "build", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options = parser.parse_args()

    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    for entry in options.source.iterdir():
        if not entry.name.startswith(("build", ".git")):
            (options.work / entry.name).symlink_to(entry.resolve())
    (options.work / "build").symlink_to(options.build.resolve())

    path = [options.source / ".venv/bin", os.environ["PATH"]]
    environment = dict(os.environ, PATH=os.pathsep.join(map(str, path)))
    printed, count = "", 0
    for line, kind, name, content in blocks(options.document.read_text()):
        where = f"{options.document.name}:{line}"
        if kind == "file":
            target = options.work / name
            # Write beside the checkout's files, never through a link into them.
            for parent in reversed(list(target.relative_to(options.work).parents)[:-1]):
                if (options.work / parent).is_symlink():
                    sys.exit(f"{where}: '{name}' lies in the checkout")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        elif kind == "output":
            lost = missing_line(content, printed)
            if lost is not None:
                sys.exit(f"{where}: expected the line '{lost}', but the script printed:\n{printed}")
        else:
            result = subprocess.run(["bash", "-euo", "pipefail", "-c", content], cwd=options.work, env=environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            printed, count = result.stdout, count + 1
            expected = 1 if kind == "fails" else 0
            if result.returncode != expected:
                sys.exit(f"{where}: expected exit status {expected}, but got {result.returncode}:\n{content}\n{printed}")
    if not count:
        sys.exit(f"{options.document}: no block is marked to run")
    print(f"{options.document.name}: {count} scripts ran")


if __name__ == "__main__":
    main()
