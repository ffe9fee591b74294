#!/usr/bin/env python3
"""Adds up JUnit result files and closes with one line: N passed, N failed, N skipped.

A result file that is missing or unreadable counts as a failure: its runner did not get to write it. Exit status 0 only
if at least one test passed and none failed.
"""

import sys
import xml.etree.ElementTree as ElementTree


def main(files):
    passed, skipped, failures = 0, 0, []
    for file in files:
        try:
            cases = list(ElementTree.parse(file).iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            failures.append(f"{file}: {error}")
            continue
        for case in cases:
            name = f"{case.get('classname', '')}/{case.get('name', '')}".strip("/")
            if case.find("failure") is not None or case.find("error") is not None:
                failures.append(name)
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                skipped += 1
            else:
                passed += 1
    for name in failures:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failures)} failed, {skipped} skipped")
    return 0 if passed and not failures else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
