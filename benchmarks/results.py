"""What was measured: statistics, the file of results, the table."""

import datetime
import json
import math
import os
import pathlib
import platform
import re
import shlex
import signal
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def compare(mine, theirs):
    """Of seconds per round: the median of the ratios within rounds (above 1: mpc is faster), with its spread."""
    ratios = [b / a for a, b in zip(mine, theirs)]
    return {"ratio": statistics.median(ratios), "p10": quantile(ratios, 0.1), "p90": quantile(ratios, 0.9),
            "seconds": statistics.median(mine), "peer_seconds": statistics.median(theirs)}


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def cpu_info():
    """What /proc/cpuinfo says of the first core."""
    info = {}
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            info[key.strip()] = value.strip()
    except OSError:
        pass
    return info


ONEDNN_LIMIT = "ONEDNN_MAX_CPU_ISA"


def limit_onednn(status):
    """Keeps oneDNN, and OpenVINO, which has one inside, from AMX in processes from now on: on some machines that code of theirs ends in an illegal
    instruction. Whether a process that ended with `status` is to be tried again."""
    if status != -signal.SIGILL or ONEDNN_LIMIT in os.environ:
        return False
    os.environ[ONEDNN_LIMIT] = "AVX512_CORE_BF16"
    return True


NAMED_FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8")


def machine():
    """What the processor can do; no name of a host."""
    info = cpu_info()
    flags = set(info.get("flags", "").split())
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = 1
    caches = {}
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        read = lambda name: (index / name).read_text().strip()
        if read("type") != "Instruction":
            caches[f"L{read('level')}"] = read("size")
    return {"architecture": platform.machine(), "vendor": info.get("vendor_id"), "family": info.get("cpu family"), "model": info.get("model"),
            "features": [name for name in NAMED_FEATURES if name in flags], "cores": cores, "caches": caches}


def describe(described):
    names = [described["architecture"], described["vendor"], "family", described["family"], "model", described["model"]]
    return f"{' '.join(map(str, names))}, {described['cores']} cores, {' '.join(described['features'])}"


def commit():
    """What was measured: the commit, and whether more than results has changed since."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()
    name = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
    return (name or "unknown") + ("-dirty" if changed else "")


def describe_command(program, arguments):
    """As it was given, but with files as they are called within the project, or by their names alone if they are elsewhere."""
    def shorten(match):
        path = pathlib.PurePath(match[0])
        if not path.is_absolute():
            return match[0]
        return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
    return shlex.join([program, *(re.sub("[^=,]+", shorten, argument) for argument in arguments)])


def load(path):
    try:
        data = json.loads(path.read_text())
        return {key: data[key] for key in ("machine", "versions", "commands", "tables", "rows")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"error: {path}: expected a file of results: {error}")


class Results:
    """benchmarks/results/NAME.json, written anew after each row, so that a run that ends early loses nothing.

    {"machine", "versions", "commands": [...], "tables": {NAME: {"title", "peer", "goal", "worst_goal"}}, "rows": [...]}
    """

    def __init__(self, path, command, versions):
        self.path = path
        self.data = {"machine": machine(), "versions": {}, "commands": [], "tables": {}, "rows": []}
        if path.exists():
            self.data = load(path)
            if self.data["machine"] != machine():
                other = describe(self.data["machine"])
                raise SystemExit(f"error: {path} holds results of another machine ({other}): name another file with --results")
        self.data["versions"] |= versions
        if command not in self.data["commands"]:
            self.data["commands"].append(command)

    def find(self, name):
        return next((row for row in self.data["rows"] if row["name"] == name), None)

    def add(self, row, table):
        """`table`: the description of the row's table."""
        row |= {"commit": commit(), "date": datetime.date.today().isoformat()}
        self.data["tables"][row["table"]] = table
        old = self.find(row["name"])
        if old:
            self.data["rows"][self.data["rows"].index(old)] = row
        else:
            self.data["rows"].append(row)
        self.save()

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        lines = ",\n  ".join(json.dumps(row) for row in self.data["rows"])
        head = json.dumps({key: value for key, value in self.data.items() if key != "rows"}, indent=1)
        temporary.write_text(head[:-2] + ',\n "rows": [\n  ' + lines + "\n ]\n}\n")
        temporary.replace(self.path)


def format_row(row):
    if "error" in row:
        return f"{row['name']:44} {row['error']}"
    if "peak_mib" in row:
        return f"{row['name']:44} {row['seconds']:8.2f} s {row['peak_mib']:8.0f} MiB"
    text = f"{row['name']:44} {row['ratio']:6.3f} [{row['p10']:.2f}..{row['p90']:.2f}]"
    text += f"  {1e6 * row['seconds']:11.2f} {1e6 * row['peer_seconds']:11.2f} us"
    if row.get("gops"):
        text += f"  {row['gops']:8.1f} {row['peer_gops']:8.1f} GOP/s"
        text += f"  {100 * row['of_peak']:5.1f} {100 * row['peer_of_peak']:5.1f} % of peak"
    if row.get("gb_per_s"):
        text += f"  {row['gb_per_s']:8.1f} GB/s"
    if row.get("accuracy"):
        text += f"  {row['accuracy']}"
    return text + (f"  {row['peer']}" if row.get("peer") else "")


def summaries(data):
    """A row per table: geometric mean and worst."""
    for name, table in data["tables"].items():
        rows = [row for row in data["rows"] if row["table"] == name and "ratio" in row]
        failed = [row for row in data["rows"] if row["table"] == name and "error" in row]
        if rows:
            worst = min(rows, key=lambda row: row["ratio"])
            mean = geometric_mean([row["ratio"] for row in rows])
            yield {"name": name, **table, "mean": mean, "worst": worst["ratio"], "worst_name": worst["name"], "failed": len(failed)}


def format_summary(data):
    lines = [f"{'':56} {'peer':26} {'mean':>6} {'goal':>5} {'worst':>6} {'goal':>5}  worst case"]
    for row in summaries(data):
        goal, worst_goal = (f"{row[key]:.2f}" if row.get(key) else "" for key in ("goal", "worst_goal"))
        failed = f"; {row['failed']} failed" if row["failed"] else ""
        figures = f"{row['mean']:6.2f} {goal:>5} {row['worst']:6.2f} {worst_goal:>5}"
        lines.append(f"{row['title']:56} {row['peer']:26} {figures}  {row['worst_name']}{failed}")
    return "\n".join(lines)
