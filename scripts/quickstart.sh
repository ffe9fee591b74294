#!/usr/bin/env bash
# The main job on real input: builds mpc, compiles a small CNN (examples/digits) in four precisions, runs the held-back
# digits through each library, and prints what each precision costs and gives. Sets the machine up first; see setup.sh.
#
#   scripts/quickstart.sh [--no-setup]    --no-setup: install and build nothing, use what is there
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

if [ "${1-}" != --no-setup ]; then
  install_packages
  setup_python
  build_project mpc-compile mpc-run
fi

model=$MPC_ROOT/examples/digits/digits.onnx
work=$MPC_BUILD/quickstart
python=$MPC_VENV/bin/python3
[ -x "$python" ] || python=python3
mkdir -p "$work"
[ "$work/sample.npy" -nt "$MPC_ROOT/examples/digits/data.py" ] || run "$python" "$MPC_ROOT/examples/digits/data.py" "$work"

for precision in f32 f16 bf16 int8; do
  library=$work/digits-$precision.so
  options=(--precision=$precision)
  if [ $precision = int8 ]; then
    options+=(--calibration-data="$work/calibration.npy")
  fi
  # Compiled anew when the model or the compiler has changed.
  if [ ! "$library" -nt "$model" ] || [ ! "$library" -nt "$MPC_BUILD/bin/mpc-compile" ]; then
    run "$MPC_BUILD/bin/mpc-compile" "$model" "${options[@]}" -o "$library"
  fi
  run "$MPC_BUILD/bin/mpc-run" "$library" --input=image="$work/images.npy" --labels="$work/labels.npy" \
    --output="$work/$precision" --json >"$work/$precision.json"
  run "$MPC_BUILD/bin/mpc-run" "$library" --input=image="$work/sample.npy" --benchmark=1000 --threads=1 \
    --json >"$work/$precision-latency.json"
  "$MPC_BUILD/bin/mpc-run" "$library" --describe --json >"$work/$precision-manifest.json"
done

echo
exec "$python" "$MPC_ROOT/examples/digits/table.py" "$work"
