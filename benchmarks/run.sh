#!/usr/bin/env bash
# Times mpc beside its peers: kernels against oneDNN, whole models against ONNX Runtime and OpenVINO. Sets the machine up first, as
# scripts/setup.sh does; the peers from PyPI go into a virtual environment of their own in the build folder. See README.md.
#
#   benchmarks/run.sh [kernels|models|table|plot] [--no-setup] [options of run.py]      without a name: kernels, models and the plot
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

MPC_PACKAGES+=(libdnnl-dev)
venv=$MPC_BUILD/benchmarks/venv

setup_peers() {
  local requirements=$MPC_ROOT/benchmarks/requirements.txt
  cmp -s "$requirements" "$venv/.installed" && return
  mkdir -p "$MPC_BUILD/benchmarks"
  [ -x "$venv/bin/python3" ] || run python3 -m venv "$venv" || die "python3 -m venv failed; on Debian the package python3-venv provides it"
  run "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
    die "pip could not install the packages of benchmarks/requirements.txt into $venv"
  cp "$requirements" "$venv/.installed"
}

what=all
case ${1-} in
  kernels | models | table | plot)
    what=$1
    shift
    ;;
  -* | "") ;;
  *) die "expected kernels, models, table or plot, but got $1" ;;
esac
options=()
setup=1
if [ "$what" = table ] || [ "$what" = plot ]; then setup=0; fi
for option in "$@"; do
  if [ "$option" = --no-setup ]; then setup=0; else options+=("$option"); fi
done
if [ "$setup" = 1 ]; then
  install_packages
  setup_peers
  # A folder that was configured before oneDNN was there does not know of it.
  [ ! -f "$MPC_BUILD/build.ninja" ] || [ -f "$MPC_BUILD/bin/mpc-bench-kernels" ] || run cmake -B "$MPC_BUILD" "$MPC_ROOT" >/dev/null
  build_project benchmarks
fi
python=$venv/bin/python3
[ -x "$python" ] || python=python3
measure() { MPC_BUILD=$MPC_BUILD "$python" "$MPC_ROOT/benchmarks/run.py" "$1" "${options[@]}"; }
if [ "$what" = all ]; then
  status=0
  measure kernels || status=$?
  measure models || status=$?
  measure plot
  exit $status
fi
measure "$what"
