#!/usr/bin/env bash
# Tests the bundle's libraries on this machine's GPU, then a part of them under compute-sanitizer where CUDA has it.
#
#   test.sh [--only=REGEX]     exit status 0 if all is right, 77 where there is no driver or no device
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=${PYTHON:-python3}

"$python" run.py test "$@"
status=$?
[ $status -eq 0 ] || exit $status

sanitizer=$(command -v compute-sanitizer || ls "${CUDA_PATH:-/usr/local/cuda}/bin/compute-sanitizer" 2>/dev/null)
if [ -z "$sanitizer" ]; then
  echo "compute-sanitizer: skipped, it is not in PATH, CUDA_PATH or /usr/local/cuda"
  exit 0
fi
for tool in memcheck racecheck; do
  echo "compute-sanitizer --tool $tool"
  "$sanitizer" --tool "$tool" --error-exitcode 9 "$python" run.py test --once "$@" || exit 1
done
