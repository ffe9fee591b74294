#!/usr/bin/env bash
# Feeds the ONNX importer changed models for a while, with the sanitizers and coverage (preset `fuzz`, in build-fuzz).
#
#   fuzz/run-importer.sh SECONDS [option of libFuzzer...]
#
# build-fuzz/corpus keeps what was worth keeping, for the next run. A finding is written to build-fuzz/findings; its name as the only argument of
# build-fuzz/bin/mpc-fuzz-import shows it again. Exit status 0: nothing was found.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

seconds=${1:?usage: fuzz/run-importer.sh SECONDS}
shift
MPC_PRESET=fuzz
MPC_BUILD=$MPC_ROOT/build-fuzz
build_project mpc-fuzz-import
mkdir -p "$MPC_BUILD/corpus" "$MPC_BUILD/findings"
"$MPC_VENV/bin/python3" "$MPC_ROOT/fuzz/seeds.py" "$MPC_BUILD/seeds"
run "$MPC_BUILD/bin/mpc-fuzz-import" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=4096 -max_len=32768 -print_final_stats=1 \
  -artifact_prefix="$MPC_BUILD/findings/" "$@" "$MPC_BUILD/corpus" "$MPC_BUILD/seeds"
