"""Prints what each precision costs and gives, from the files that scripts/quickstart.sh leaves in a folder.

    python3 table.py FOLDER

For each precision P it reads digits-P.so, P/logits.npy, P.json and P-latency.json (mpc-run --json) and P-manifest.json
(mpc-run --describe --json).
"""

import collections
import json
import pathlib
import sys

import numpy as np

PRECISIONS = ("f32", "f16", "bf16", "int8")


def sqnr(reference, values):
    """Signal-to-quantization-noise ratio in dB: the power of the reference over the power of the difference."""
    noise = np.sum((values.astype(np.float64) - reference) ** 2)
    return float("inf") if noise == 0 else 10 * np.log10(np.sum(reference.astype(np.float64) ** 2) / noise)


def groups(manifest):
    """Names of the groups by the precision that they compute in, the most frequent one first."""
    result = collections.defaultdict(list)
    for group in manifest["groups"]:
        result[group["precision"]].append(group["name"])
    return dict(sorted(result.items(), key=lambda item: (-len(item[1]), item[0])))


def main(folder):
    read = lambda name: json.loads((folder / name).read_text())
    reference = np.load(folder / "f32" / "logits.npy")
    header = ("precision", "library bytes", "top-1", "SQNR dB", "median ms", "groups")
    rows = []
    for precision in PRECISIONS:
        logits = np.load(folder / precision / "logits.npy")
        counts = groups(read(f"{precision}-manifest.json"))
        rows.append((
            precision,
            f"{(folder / f'digits-{precision}.so').stat().st_size:,}",
            f"{read(f'{precision}.json')['top1']:.4f}",
            "reference" if precision == "f32" else f"{sqnr(reference, logits):.1f}",
            f"{read(f'{precision}-latency.json')['median_ms']:.4f}",
            ", ".join(f"{len(names)} {kind}" for kind, names in counts.items()),
        ))
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, tuple("-" * width for width in widths), *rows]:
        cells = [cell.rjust(width) if 0 < i < 5 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print()
    print(f"{len(reference)} held-back digits; latency of one image on one thread; which groups compute in which precision:")
    for precision in PRECISIONS:
        for kind, names in groups(read(f"{precision}-manifest.json")).items():
            print(f"  {precision}: {kind}: {', '.join(names)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
