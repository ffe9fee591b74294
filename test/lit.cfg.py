# Configuration of the lit tests: what a test is, which tools and features it may name.
#
# Substitutions beside the tools' own names:
#   %mpc_src_root    the checkout                    %mpc_obj_root   the build folder
#   %python          Python with the test packages   %cmake %cc %cxx the ones that built mpc
#   %llvm_tools      the folder of LLVM's tools
#   %fake_models     libraries of models written by hand (unittests/Runtime/FakeModel.c)
# Features (REQUIRES: ...):
#   avx2 avx512 avx512vnni avx512bf16 avx512fp16     what this machine's processor executes
#   numpy onnx sklearn clang_format                  what %python can import
#   setuptools                                       ... in a version that builds the Python package
#   venv                                             %python is the checkout's virtual environment
#   git                                              the sources are a checkout that git can list
#   fuzzer                                           mpc-fuzz-import is built
#   onednn                                           mpc-bench-kernels is built: oneDNN is installed
#   asan                                             the tools are built with the sanitizers
#   ptxas                                            CUDA's assembler is in CUDA_PATH, PATH or /usr/local/cuda, as %ptxas
#   cuda-device                                      a driver for NVIDIA GPUs is loaded, with a device
#   browser                                          Chromium or Chrome, as %browser
#   long                                             takes minutes; scripts/test.sh runs these too

import os
import shutil
import subprocess
import sys

import lit.formats
import lit.util
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "MPC"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test", ".py"]
config.excludes = ["Inputs", "lit.cfg.py", "lit.site.cfg.py", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mpc_build_dir, "test")

# The virtual environment that scripts/test.sh makes holds the packages of scripts/requirements.txt; without it, tests
# that need them are unsupported.
config.mpc_python = os.path.join(config.mpc_source_dir, ".venv", "bin", "python3")
if os.path.exists(config.mpc_python):
    config.available_features.add("venv")
else:
    config.mpc_python = sys.executable

config.substitutions.append(("%mpc_src_root", config.mpc_source_dir))
config.substitutions.append(("%mpc_obj_root", config.mpc_build_dir))
config.substitutions.append(("%llvm_tools", config.llvm_tools_dir))
config.substitutions.append(("%fake_models", os.path.join(config.mpc_build_dir, "lib", "test")))
config.substitutions.append(("%python", config.mpc_python))
config.substitutions.append(("%cmake", config.mpc_cmake))
config.substitutions.append(("%cxx", config.mpc_cxx_compiler))
config.substitutions.append(("%cc", config.mpc_c_compiler))

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.mpc_tools_dir, append_path=True)
# A user's settings must not change what a test sees.
for name in ("MPC_NUM_THREADS", "MPC_ISA", "CUDA_PATH", "MPC_HUGE_WEIGHTS"):
    config.environment.pop(name, None)
if config.mpc_sanitizers.upper() in ("ON", "1", "TRUE", "YES"):
    config.available_features.add("asan")
    # LLVM keeps its command line and pass registries until the end.
    config.environment["ASAN_OPTIONS"] = "detect_leaks=0"
    config.environment["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"

mpc_tools = ["mpc-opt", "mpc-translate", "mpc-compile", "mpc-run", "mpc-lsp-server", "mpc-reduce"]
llvm_tools = ["FileCheck", "not", "count", "split-file", "mlir-translate", "llc", "ld.lld", "llvm-objdump",
              "llvm-nm", "llvm-readelf", "llvm-mc"]
tools = [ToolSubst(name, unresolved="ignore") for name in mpc_tools + llvm_tools]
llvm_config.add_tool_substitutions(tools, [config.mpc_tools_dir, config.llvm_tools_dir])


def cpu_features():
    """Instruction sets of this machine, by the names that the tests use."""
    flags = set()
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("flags"):
                    flags = set(line.split(":", 1)[1].split())
                    break
    except OSError:
        pass
    required = {
        "avx2": {"avx2", "fma", "f16c", "bmi2"},
        "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"},
        "avx512vnni": {"avx512f", "avx512bw", "avx512vl", "avx512_vnni"},
        "avx512bf16": {"avx512f", "avx512bw", "avx512vl", "avx512_bf16"},
        "avx512fp16": {"avx512f", "avx512bw", "avx512vl", "avx512_fp16"},
    }
    return [name for name, needed in required.items() if needed <= flags]


def python_modules():
    """Which of the packages that tests use can be imported by %python."""
    script = ("import importlib.util as u\n"
              "print(*[m for m in ('numpy','onnx','sklearn','clang_format') if u.find_spec(m)])\n"
              "import setuptools as s\n"
              "print(*['setuptools' for _ in 'x' if int(s.__version__.split('.')[0]) >= 77])")
    result = subprocess.run([config.mpc_python, "-c", script], capture_output=True, text=True)
    return result.stdout.split()


config.available_features.update(cpu_features())
config.available_features.update(python_modules())
if shutil.which("git") and subprocess.run(["git", "-C", config.mpc_source_dir, "ls-files", "--error-unmatch", "CMakeLists.txt"],
                                          capture_output=True).returncode == 0:
    config.available_features.add("git")
if os.path.exists(os.path.join(config.mpc_tools_dir, "mpc-fuzz-import")):
    config.available_features.add("fuzzer")
if os.path.exists(os.path.join(config.mpc_tools_dir, "mpc-bench-kernels")):
    config.available_features.add("onednn")
ptxas = next(filter(None, (shutil.which("ptxas", path=folder) for folder in (
    os.path.join(os.environ.get("CUDA_PATH", "/nowhere"), "bin"), None, "/usr/local/cuda/bin"))), None)
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
if os.path.exists("/dev/nvidiactl") and any(name[6:].isdigit() for name in os.listdir("/dev") if name.startswith("nvidia")):
    config.available_features.add("cuda-device")
browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if browser:
    config.available_features.add("browser")
    config.substitutions.append(("%browser", browser))
if lit_config.params.get("long", "1") != "0":
    config.available_features.add("long")
