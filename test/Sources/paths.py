# REQUIRES: git
# RUN: %python %s %mpc_src_root

"""What git tracks works in any folder of any machine: no link points to an absolute path, no text names a folder of whoever built it."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
# At the start of a path: not in build/work, $ROOT/work or https://host/work.
MACHINE = re.compile(rb"(?<![\w.$)}*/-])/(work|root|(home|Users)/[\w.-]+)(?![\w.-])")


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True).stdout


problems, files = [], 0
for entry in git("ls-files", "--stage", "-z").rstrip(b"\0").split(b"\0"):
    what, name = entry.decode().split("\t")
    mode, blob, _ = what.split()
    if mode == "120000":
        target = git("cat-file", "blob", blob).decode()
        if target.startswith("/"):
            problems.append(f"{name}: a link to {target}")
        continue
    path = ROOT / name
    if not path.is_file():  # deleted, and not committed yet
        continue
    files += 1
    text = path.read_bytes()
    if b"\0" in text:
        continue
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE.search(line):
            problems.append(f"{name}:{number}: {found[0].decode()}")
assert files > 400, "where are the sources?"
if problems:
    sys.exit("expected no absolute path of a machine, but got\n" + "\n".join(problems))
