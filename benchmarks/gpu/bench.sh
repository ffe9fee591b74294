#!/usr/bin/env bash
# Times the bundle's libraries on this machine's GPU: matrix products beside cuBLASLt, convolutions beside cuDNN, element-wise and normalising
# kernels beside a copy, models beside torch.compile and ONNX Runtime. Results go to results/DEVICE.json.
#
#   bench.sh [--only=REGEX] [--results=FILE] [--seconds=N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec "${PYTHON:-python3}" run.py bench "$@"
