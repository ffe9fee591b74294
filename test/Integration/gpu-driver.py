# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t --cc %cc

"""Libraries for NVIDIA GPUs: how they are assembled, and what becomes of an assembler that is missing or fails; that mpc-run runs them, with a driver of the
test's own; and, where ptxas is installed, that it takes their kernels without spills."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUTS = os.path.dirname(os.path.abspath(__file__)) + "/Inputs"
sys.path.insert(0, INPUTS)
import gpu_kernels

CHIPS = ("sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a")


def run(command, env=None, expect=0):
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **(env or {})})
    if p.returncode != expect:
        sys.exit(f"FAILED: {' '.join(map(str, command))}: exit {p.returncode}, expected {expect}\n{p.stdout}{p.stderr}")
    return p.stderr


def require(pattern, text):
    if not re.search(pattern, text):
        sys.exit(f"FAILED: expected '{pattern}' in\n{text}")


def save(path, nodes, inputs, weights=()):
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "gpu", [value(*i) for i in inputs], [value("y", None)],
                              [numpy_helper.from_array(w, n) for n, w in weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


# Without ptxas.
BARE_PATH = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not os.path.exists(p + "/ptxas"))


def write_assembler(root, text):
    """A program of ptxas's name that writes `text`, or fails with it if it is an error."""
    os.makedirs(f"{root}/bin")
    with open(f"{root}/bin/ptxas", "w") as f:
        f.write("#!/bin/sh\nlast=; for a; do [ \"$last\" = -o ] && out=$a; last=$a; done\n" +
                (f"echo '{text}' >&2; echo more >&2; exit 255\n" if "error" in text else f"echo \"{text} $1\" >\"$out\"\n"))
    os.chmod(f"{root}/bin/ptxas", 0o755)


def check_assembler(work):
    """--cuda-path, CUDA_PATH, PATH: in this order."""
    for name in ("flag", "variable", "path"):
        write_assembler(f"{work}/{name}", f"cubin of {name}")
    write_assembler(f"{work}/broken", "ptxas fatal   : planted error")
    compile_sum = ["mpc-compile", f"{INPUTS}/gpu-sum.mlir", "--compile-from=bufferized", "--target=nvvm", "-o", f"{work}/sum.so"]
    for flags, variable, folder, expected in ((["--cuda-path=" + f"{work}/flag"], f"{work}/variable", "path", "flag"), ([], f"{work}/variable", "path", "variable"),
                                              (["--cuda-path=" + work], work, "path", "path"), (["--cuda-path=" + work], "", "nowhere", None)):
        told = run([*compile_sum, "--chip=sm_80,sm_90a,sm_80", *flags], {"CUDA_PATH": variable, "PATH": f"{work}/{folder}/bin:{BARE_PATH}"})
        with open(f"{work}/sum.so", "rb") as f:
            content = f.read()
        found = re.findall(rb"cubin of \w+ -arch=\w+", content)
        want = [f"cubin of {expected} -arch={chip}".encode() for chip in ("sm_80", "sm_90a")] if expected else []
        targets = re.findall(rb"\.target (\w+)", content)
        if sorted(found) != want or sorted(targets) != [b"sm_80", b"sm_90a"]:
            sys.exit(f"FAILED: {flags}, {variable}, {folder}: {found} and PTX for {targets}, expected {want}")
        # What is taken although --cuda-path names another place is told.
        wanted = "ptxas is not in --cuda-path" if not expected else f"--cuda-path: {work} has no bin/ptxas: taking .*/path/bin/ptxas" if expected == "path" else "^$"
        require(wanted, told)
    require("^mpc-compile: remark: ptxas is not in --cuda-path, CUDA_PATH or PATH: the library holds PTX only", told)
    told = run([*compile_sum, "--chip=sm_80", f"--cuda-path={work}/broken"], {}, 1)
    require(r"cannot be assembled for sm_80 by '.*/broken/bin/ptxas': ptxas fatal   : planted error\n$", told)
    require("--chip: expected sm_80, sm_86, sm_87, sm_89, sm_90 or sm_90a, but got 'sm_70'", run([*compile_sum, "--chip=sm_80,sm_70"], {}, 1))
    require("--cuda-path: only --target=nvvm uses CUDA", run(["mpc-compile", "x.onnx", "--cuda-path=/usr", "-o", f"{work}/x.so"], {}, 1))


def check_driver(work, cc):
    library = f"{work}/sum.so"
    run(["mpc-compile", f"{INPUTS}/gpu-sum.mlir", "--compile-from=bufferized", "--target=nvvm", "--chip=sm_80,sm_90a", "-o", library])
    x = np.random.default_rng(1).standard_normal((3, 64)).astype(np.float32)
    np.save(f"{work}/x.npy", x)
    np.save(f"{work}/y.npy", -(x + np.arange(64, dtype=np.float32)))
    command = ["mpc-run", library, f"--input={work}/x.npy", f"--expected={work}/y.npy", "--rtol=0", "--atol=0"]
    os.makedirs(f"{work}/driver")
    run([cc, "-shared", "-fPIC", "-o", f"{work}/driver/libcuda.so.1", f"{INPUTS}/fake-cuda.c"])
    fake = lambda kind: {"LD_LIBRARY_PATH": f"{work}/driver", "FAKE_CUDA": kind}
    require("in use: 0 buffers, 0 contexts, 0 modules, 0 streams, 0 graphs", run(command, fake("80")))
    require("GPU: no device\n", run(command, fake("none"), 1))
    # Groups are timed, kernel by kernel.
    told = run([*command[:3], "--benchmark=3", "--profile"], fake("80"))
    require("negate on 16; sync 16", told)
    if not os.path.exists("/dev/nvidiactl"):
        told = run(command, {"LD_LIBRARY_PATH": ""}, 1)
        require("GPU: libcuda.so.1, the NVIDIA driver, cannot be loaded\n", told)


def check_maps(work):
    """Tensor maps are made anew for each launch that is no replay, with the addresses and sizes of the call; a graph keeps those of its capture."""
    library = f"{work}/map.so"
    run(["mpc-compile", f"{INPUTS}/gpu-map.mlir", "--compile-from=bufferized", "--target=nvvm", "--chip=sm_90a", "-o", library])
    x = np.random.default_rng(4).standard_normal((2, 64)).astype(np.float16)
    np.save(f"{work}/mx.npy", x)
    np.save(f"{work}/my.npy", np.stack([x[1], np.zeros(64, np.float16)]))
    environment = {"LD_LIBRARY_PATH": f"{work}/driver", "FAKE_CUDA": "90"}
    command = ["mpc-run", library, f"--input={work}/mx.npy"]
    run([*command, f"--expected={work}/my.npy", "--rtol=0", "--atol=0"], environment)
    told = run([*command, "--benchmark=3"], environment)
    kinds = re.findall("map of 2 dimensions, 2 rows|box on|graph of 1|replay 1", told)
    if kinds[:5] != ["map of 2 dimensions, 2 rows", "box on", "map of 2 dimensions, 2 rows", "box on", "graph of 1"] or set(kinds[5:]) != {"replay 1"}:
        sys.exit(f"FAILED: maps are made at the wrong times\n{told}")
    # Of blocks that stay no more are launched than the device has multiprocessors; no other kernel has fewer blocks than it asks for.
    with open(f"{INPUTS}/gpu-map.mlir") as f:
        source = f.read()
    source = source.replace("blocks in (%c1,", "blocks in (%c64,")
    stays = source.replace("box[%c2, %c64]", "box[%c2, %c64] {mpc.resident}")
    for text, kind, blocks in ((stays, "90", 64), (stays, "90 slice", 3), (source, "90 slice", 64)):
        with open(f"{work}/blocks.mlir", "w") as f:
            f.write(text)
        run(["mpc-compile", f"{work}/blocks.mlir", "--compile-from=bufferized", "--target=nvvm", "--chip=sm_90a", "-o", library])
        told = run([*command, f"--expected={work}/my.npy", "--rtol=0", "--atol=0"], {**environment, "FAKE_CUDA": kind})
        require(rf"box on \d+; {blocks} blocks", told)


def assemble(work, text, chip, what):
    """ptxas, where there is one, takes PTX: no register is spilled, wgmma stays asynchronous, registers move."""
    ptxas = shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")
    if not ptxas:
        return
    with open(f"{work}/k.ptx", "w") as f:
        f.write(text)
    told = run([ptxas, "-v", "-arch=" + chip, f"{work}/k.ptx", "-o", f"{work}/k.cubin"])
    spills = re.findall(r"(\d+) bytes spill stores", told)
    if not spills or any(int(s) for s in spills) or re.search("serializ|setmaxnreg|C75(0[0-9]|1[0-8])", told):
        sys.exit(f"FAILED: {what}, {chip}: spills, or wgmma one after the other\n{told}")


def check_hopper(work):
    """A product and convolutions for which sm_90a has kernels of its own: wgmma, fed by TMA, and with windows by cp.async, whose groups ptxas keeps asynchronous."""
    rng = np.random.default_rng(3)
    window = f"{work}/window.onnx"
    save(window, [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], [("x", [1, 64, 56, 56])],
         [("w", (rng.standard_normal((256, 64, 3, 3)) * 0.1).astype(np.float32))])
    pixels = f"{work}/pixels.npy"
    np.save(pixels, rng.standard_normal((1, 64, 56, 56)).astype(np.float32) + 1)
    model, feed, library = f"{work}/product.onnx", f"{work}/product.npy", f"{work}/product.so"
    save(model, [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])], [("x", [1408, 512])],
         [("w", (rng.standard_normal((512, 3072)) * 0.3).astype(np.float32))])
    np.save(feed, rng.standard_normal((1408, 512)).astype(np.float32))
    for source, flags, wgmma, copy in ((window, ["--precision=f16"], r"wgmma.mma_async.sync.aligned.m64n\d+k16.f32.f16.f16", "cp.async.mbarrier.arrive.noinc.shared.b64"),
                                       (window, ["--precision=int8", "--calibration-data=" + pixels], r"wgmma.mma_async.sync.aligned.m64n\d+k32.s32.[su]8.s8",
                                        "cp.async.mbarrier.arrive.noinc.shared.b64"),
                                       (model, ["--precision=f16"], "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16", "cp.async.bulk.tensor"),
                                       (model, ["--precision=bf16"], "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16", "cp.async.bulk.tensor"),
                                       (model, ["--precision=int8", "--calibration-data=" + feed], "wgmma.mma_async.sync.aligned.m64n256k32.s32.[su]8.s8",
                                        "cp.async.bulk.tensor")):
        run(["mpc-compile", source, "--target=nvvm", "--chip=sm_80,sm_90a", "-o", library, *flags], {"PATH": BARE_PATH})
        with open(library, "rb") as f:
            texts = re.findall(rb"\.version \d[^\0]*", f.read())
        targets = {re.search(rb"\.target (\w+)", t).group(1).decode(): t for t in texts}
        if sorted(targets) != ["sm_80", "sm_90a"] or b"wgmma" in targets["sm_80"]:
            sys.exit(f"FAILED: {flags}: PTX for {targets.keys()}, or wgmma for sm_80")
        text = targets["sm_90a"].decode()
        require(wgmma, text)
        require(copy, text)
        require(r"\.extern \.shared \.align 1024", text)
        assemble(work, text, "sm_90a", flags)
    # Each device loads its own, unless the caller wants the others. The driver of the tests runs none of them.
    for environment, chip in (({"FAKE_CUDA": "80"}, "sm_80"), ({"FAKE_CUDA": "89"}, "sm_80"), ({"FAKE_CUDA": "90"}, "sm_90a"),
                              ({"FAKE_CUDA": "90", "MPC_ISA": "x86-64-v3"}, "sm_80")):
        told = run(["mpc-run", library, f"--input={feed}"], {"LD_LIBRARY_PATH": f"{work}/driver", **environment}, 1)
        require(f"; load PTX {chip};", told)


def check_resident(work):
    """Blocks that stay: PTX of TMA, of mbarriers and of registers that move, which ptxas takes without spills; each of the tiles there are, of products and of
    windows, whose pixels come with cp.async."""
    window = "window = #kernel.window<sizes = [3, 3], strides = [2, 1], dilations = [1, 2], low = [1, 2], high = [1, 2]>, pad_value = "
    for number, (rows, columns, stages, kind, pad) in enumerate(
            ((128, 256, 4, np.float16, ""), (128, 256, 4, np.int8, ""), (128, 128, 6, np.float16, ""), (128, 64, 8, np.int8, ""), (64, 64, 8, np.float16, ""),
             (128, 256, 4, np.float16, "0.0 : f16"), (128, 256, 4, np.int8, "3 : i8"), (128, 128, 6, np.int8, "0 : i8"), (128, 64, 8, np.float16, "1.0 : f16"),
             (64, 64, 8, np.int8, "3 : i8"))):
        sums = np.int32 if kind == np.int8 else np.float32
        staging = dict(rows=rows, columns=columns, warp_rows=64, warp_columns=columns, depth=8, stages=f"{stages}, resident = 132")
        if pad:
            gpu_kernels.prepare(work, np.zeros((2, 24, 20, 96), kind), np.zeros((512, 9, 96), kind), np.zeros((2, 12, 20, 512), sums), "wgmma", f"{window}{pad},", **staging)
        else:
            gpu_kernels.prepare(work, np.zeros((300, 1024), kind), np.zeros((512, 1, 1024), kind), np.zeros((300, 512), sums), "wgmma", **staging)
        library = f"{work}/resident{number}.so"
        run(["mpc-compile", f"{work}/kernel.mlir", "--compile-from=bufferized", "--target=nvvm", "--chip=sm_90a", "-o", library], {"PATH": BARE_PATH})
        with open(library, "rb") as f:
            text = re.search(rb"\.version \d[^\0]*", f.read()).group(0).decode()
        input_copy = "cp.async.mbarrier.arrive.noinc.shared.b64" if pad else "cp.async.bulk.tensor.2d.shared::cluster.global"
        for pattern in (r"(\.param \.align 64 \.b8 main_wgmma0_param_\d+\[128\],?\s*){%d}" % (1 if pad else 2), "mbarrier.try_wait.parity", "mbarrier.arrive.expect_tx",
                        input_copy, "cp.async.bulk.tensor.3d.shared::cluster.global", f"wgmma.mma_async.sync.aligned.m64n{columns}"):
            require(pattern, text)
        if ("setmaxnreg" in text) != (rows == 128) or re.search(r"\.shared \.align[^;]*mbarrier", text):
            sys.exit(f"FAILED: {rows} by {columns}: registers do not move, or mbarriers stand outside of the array\n{text}")
        assemble(work, text, "sm_90a", f"{rows} by {columns}")


def check_ptx(work):
    """Kernels of tensor cores, attention and others, for every chip."""
    rng = np.random.default_rng(2)
    weight = lambda *shape: (rng.standard_normal(shape) * 0.3).astype(np.float32)
    model, feed = f"{work}/net.onnx", f"{work}/net.npy"
    save(model, [helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"]),
                 helper.make_node("Conv", ["b", "d"], ["c"], group=20), helper.make_node("GlobalAveragePool", ["c"], ["e"]),
                 helper.make_node("Flatten", ["e"], ["f"]), helper.make_node("MatMul", ["f", "m"], ["g"]), helper.make_node("Softmax", ["g"], ["y"])],
         [("x", ["batch", 3, 12, 12])], [("w", weight(20, 3, 3, 3)), ("d", weight(20, 1, 3, 3)), ("m", weight(20, 10))])
    np.save(feed, rng.standard_normal((4, 3, 12, 12)).astype(np.float32))
    attention, online = f"{work}/attention.onnx", f"{work}/online.onnx"
    for path, heads, rows, keys, size in (attention, 4, 40, 100, 32), (online, 80, 20, 7000, 128):
        save(path, [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["p"]), helper.make_node("MatMul", ["p", "v"], ["y"])],
             [("q", [heads, rows, size]), ("k", [heads, size, keys]), ("v", [heads, keys, size])], [])
    # Weights in blocks: the largest tile, and one row.
    blocks = f"{work}/blocks.onnx"
    save(blocks, [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("ReduceMax", ["a"], ["b"], axes=[0]), helper.make_node("MatMul", ["b", "v"], ["y"])],
         [("x", [2048, 160])], [("w", weight(160, 2048)), ("v", weight(2048, 64))])
    for source, flags, expected in ((blocks, ["--precision=w4", "--activation-type=f16"], "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"),
                                    (blocks, ["--precision=w8", "--activation-type=f16"], "sub.rn.f16x2"),
                                    (blocks, ["--precision=w8", "--activation-type=bf16"], "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"),
                                    (model, ["--precision=f16"], "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"),
                                    (model, ["--precision=bf16"], "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"),
                                    (model, ["--precision=int8", "--calibration-data=" + feed], "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32"),
                                    (attention, ["--precision=f16"], ".entry MatMul_0_chain_rows0("),
                                    (online, ["--precision=f16"], "shfl.sync.bfly"), (online, ["--precision=bf16"], "shfl.sync.bfly")):
        library = f"{work}/net.so"
        run(["mpc-compile", source, "--target=nvvm", "--chip=" + ",".join(CHIPS), "-o", library, *flags], {"PATH": BARE_PATH})
        with open(library, "rb") as f:
            texts = re.findall(rb"\.version \d[^\0]*", f.read())
        targets = [re.search(rb"\.target (\w+)", t).group(1).decode() for t in texts]
        if sorted(targets) != sorted(CHIPS):
            sys.exit(f"FAILED: {flags}: PTX for {targets}, expected {CHIPS}")
        for text, target in zip(texts, targets):
            require(re.escape(expected), text.decode())
            # Nothing is fused that the model does not fuse.
            if b".extern .func" in text:
                sys.exit(f"FAILED: {flags}: {target} calls functions that it does not hold")
            if re.search(rb"\b(mul|add)\.f32", text):
                sys.exit(f"FAILED: {flags}: arithmetic in {target} that ptxas may contract")
            if target in ("sm_80", "sm_90a"):
                assemble(work, text.decode(), target, flags)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--cc", required=True)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    os.makedirs(arguments.work)
    check_assembler(arguments.work)
    check_driver(arguments.work, arguments.cc)
    check_maps(arguments.work)
    check_ptx(arguments.work)
    check_hopper(arguments.work)
    check_resident(arguments.work)


if __name__ == "__main__":
    main()
