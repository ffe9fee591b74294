# shellcheck shell=bash
# What quickstart.sh and test.sh share: sourced, not run. Brings a Debian 12 machine to the point where the project is
# built: distribution packages, a Python virtual environment in the checkout, CMake, ninja. Every command that changes the
# machine is printed before it runs, and a step whose result is already there is skipped.

MPC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MPC_PRESET=${MPC_PRESET:-release} # of CMakePresets.json
MPC_BUILD=${MPC_BUILD:-$MPC_ROOT/build$([ "$MPC_PRESET" = release ] || echo "-$MPC_PRESET")}
MPC_VENV=$MPC_ROOT/.venv

MPC_PACKAGES=(
  # LLVM and MLIR: headers, libraries, FileCheck, lit, the compiler and the linker
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools clang-22 libclang-rt-22-dev lld-22
  # libraries
  nlohmann-json3-dev libonnx-dev libprotobuf-dev protobuf-compiler zlib1g-dev libjpeg-dev libpng-dev libgtest-dev libbenchmark-dev
  coinor-libcbc-dev
  # build tools
  cmake ninja-build g++ binutils git python3 python3-venv
)

die() {
  echo "error: $*" >&2
  exit 1
}

# Prints a command, then runs it.
run() {
  echo "+ $*" >&2
  "$@"
}

run_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    run env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    run sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    die "these packages are missing and neither root nor sudo is available to install them: ${missing[*]}"
  fi
}

install_packages() {
  local package
  missing=()
  if ! command -v dpkg-query >/dev/null; then
    check_programs "this machine has no dpkg: install LLVM, MLIR and clang 22.1, nlohmann-json, ONNX's protobuf library, GoogleTest, CMake and ninja by other means"
    return
  fi
  for package in "${MPC_PACKAGES[@]}"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || die "apt-get is not available to install: ${missing[*]}"
    run_as_root apt-get update -q || die "apt-get update failed (network, or the sources of apt)"
    run_as_root apt-get install -y -q --no-install-recommends "${missing[@]}" ||
      die "apt-get could not install: ${missing[*]}
LLVM 22 is in Debian 12's security suite (bookworm-security): /etc/apt/sources.list must name it"
  fi
  check_programs "it should have come with the packages above"
}

# A browser, in which a test opens the page of a report. Without one that test is skipped: nothing else needs it.
install_browser() {
  local missing=(chromium)
  if command -v chromium >/dev/null || command -v google-chrome >/dev/null || ! command -v apt-get >/dev/null; then
    return
  fi
  (run_as_root apt-get install -y -q --no-install-recommends chromium) ||
    echo "no browser could be installed (package chromium): the test that opens reports in one is skipped" >&2
}

check_programs() {
  local program
  for program in clang-22 clang++-22 llvm-config-22 cmake ninja python3; do
    command -v "$program" >/dev/null || die "$program is not in PATH; $1"
  done
}

setup_python() {
  local requirements=$MPC_ROOT/scripts/requirements.txt stamp=$MPC_VENV/.installed
  if [ -f "$stamp" ] && cmp -s "$requirements" "$stamp"; then
    return
  fi
  if [ ! -x "$MPC_VENV/bin/python3" ]; then
    run python3 -m venv "$MPC_VENV" || die "python3 -m venv failed; on Debian the package python3-venv provides it"
  fi
  run "$MPC_VENV/bin/python3" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
    die "pip could not install the packages of scripts/requirements.txt into $MPC_VENV"
  cp "$requirements" "$stamp"
}

# Configures if needed and builds the given targets (default: all).
build_project() {
  if [ ! -f "$MPC_BUILD/build.ninja" ]; then
    (cd "$MPC_ROOT" && run cmake --preset "$MPC_PRESET" -B "$MPC_BUILD") || die "the configuration failed; the lines above say why"
  fi
  run ninja -C "$MPC_BUILD" "$@" || die "the build failed; the lines above say where"
}
