#!/usr/bin/env bash
# Writes build/gpu-bundle: what tests and times libraries for GPUs on a machine that has a driver, CUDA and Python with PyTorch (and ONNX Runtime), but
# neither mpc nor LLVM. Copy the folder there, and run its test.sh and bench.sh. docs/GPU.md has more.
#
#   scripts/make-gpu-bundle.sh [--model=MODEL.onnx[,SAMPLES.npz]]... [--chip=sm_80,sm_90a] [--sizes=4096,8192] [--out=FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec "$root/.venv/bin/python3" "$root/benchmarks/gpu/make.py" "$@"
