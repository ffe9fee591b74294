# REQUIRES: browser
# RUN: %python %s %mpc_obj_root/bin %mpc_src_root/examples/digits/digits.onnx %browser %t

"""The report's page in a real browser, as wide as a phone: its script ends without an error, draws, and nothing makes the page scroll sideways."""
import json
import os
import re
import shutil
import subprocess
import sys

BIN, MODEL, BROWSER, FOLDER = sys.argv[1:5]
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
page = os.path.join(FOLDER, "report.html")
subprocess.run([os.path.join(BIN, "mpc-compile"), MODEL, "--precision=f16", f"--report={page}"], check=True)

# What only samples or a search give is put in by hand, so that every plot has something to draw.
text = open(page, encoding="utf-8").read()
data = json.loads(re.search(r'id="report">(.*?)</script>', text, re.S).group(1))
long = "a/very/long/name/" * 12
data["groups"][0].update(name=long + '<img src="x" onerror="console.error(1)">', nodes=[long])
data["samples"], data["predicted_latency_ms"], data["optimality_gap"], data["accuracy_unit"] = 8, 0.5, 0.01, "dB"
data["outputs"][0].update(sqnr_db=30.5, cosine=0.999)
for i, group in enumerate(data["groups"]):
    group.update(local_sqnr_db=30.0 + i, predicted_sqnr_db=29.0, accumulated_sqnr_db=200.0 if i == 1 else 28.0, accumulated_cosine=0.99, channel_spread=3.5,
                 widest_channel=1, latency_ms=0.1, latency_share=0.1, histogram={"low": -1, "high": 1, "f32": [1] * 66, "lowered": [2] * 66})
    group["outputs"][0].update(scale=0.05, zero_point=20)
data["groups"][2].update(local_sqnr_db=None, predicted_sqnr_db=None, histogram=None)
data["advice"] = [{"gain_db": 2.5, "tensor": long, "config": [{"name": long, "precision": "f32"}]}, {"gain_db": 1, "tensor": None, "config": [{"name": "a", "precision": "f32"}]}]
data["pareto"] = [{"label": "int8", "latency_ms": 0.2, "accuracy": 20.0, "chosen": False}, {"label": "mixed", "latency_ms": 0.3, "accuracy": 31.0, "chosen": True}]
data["conversions"] = [{"name": long, "from": "f32", "to": "u8", "elements": 64, "latency_ms": None, "latency_share": None}]
filled = json.dumps(data).replace("<", "\\u003c")
text = re.sub(r'(id="report">).*?(</script>)', lambda m: m.group(1) + filled + m.group(2), text, flags=re.S)
# At the end: sort and filter the table, then write down what can be seen.
text = text.replace("</body>", """<script>
addEventListener("error", event => document.body.dataset.error = event.message);
document.querySelectorAll("#heads button").forEach(button => button.click());
const marks = id => document.querySelectorAll(`#${id} rect, #${id} circle`).length;
const sorted = [...document.querySelectorAll("#rows tr")].length;
document.querySelector("#changes button").click();
document.getElementById("filter").value = "nothing of that name"; fillTable();
document.body.dataset.seen = [marks("plot-errors"), marks("plot-cost"), marks("plot-latency"), marks("plot-front"), marks("worst"), sorted,
  document.querySelectorAll("#rows tr").length, document.querySelectorAll("#changes li").length, document.images.length].join(" ");
document.body.dataset.sideways = document.documentElement.scrollWidth - document.documentElement.clientWidth;
</script></body>""")
open(page, "w", encoding="utf-8").write(text)

for scheme in ([], ["--force-dark-mode"]):
    p = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                        f"--user-data-dir={os.path.join(FOLDER, 'profile')}", "--enable-logging=stderr", "--window-size=380,800", *scheme, "--virtual-time-budget=3000",
                        "--dump-dom", "file://" + page], capture_output=True, text=True, timeout=120)
    console = [line for line in p.stderr.splitlines() if "CONSOLE" in line]
    assert p.returncode == 0 and not console and "data-error" not in p.stdout, (p.returncode, console, p.stderr[-2000:])
    errors, cost, latency, front, worst, rows, filtered, changes, images = map(int, re.search(r'data-seen="([\d ]+)"', p.stdout).group(1).split())
    count = len(data["groups"])
    assert errors == 2 * count - 1 and cost == count and latency == count and front == 2 and worst == (count - 1) * 132, (errors, cost, latency, front, worst)
    assert (rows, filtered, changes, images) == (count, 0, 2, 0), (rows, filtered, changes, images)
    assert int(re.search(r'data-sideways="(-?\d+)"', p.stdout).group(1)) <= 0, "the page scrolls sideways"
