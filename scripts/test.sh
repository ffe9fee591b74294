#!/usr/bin/env bash
# Runs every test: lit (IR, tools, integration, docs) and ctest (unit tests). Sets the machine up first; see setup.sh.
#
#   scripts/test.sh              everything
#   scripts/test.sh FILTER       only the tests whose path or name matches the regular expression
#   MPC_PRESET=sanitize scripts/test.sh    with AddressSanitizer and UndefinedBehaviorSanitizer
#
# Closes with one line, "N passed, N failed, N skipped". Exit status 0 only if something ran and nothing failed.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

filter=${1-}

install_packages
install_browser
setup_python
build_project

results=$MPC_BUILD/test-results
rm -rf "$results"
mkdir -p "$results"
lit=$(llvm-config-22 --bindir)/lit

echo
echo "== lit =="
"$lit" -sv --allow-empty-runs --xunit-xml-output="$results/lit.xml" ${filter:+--filter "$filter"} "$MPC_BUILD/test"
if [ $? -eq 0 ] && [ -n "$filter" ] && [ ! -f "$results/lit.xml" ]; then
  echo '<testsuites/>' >"$results/lit.xml" # the filter leaves no lit test
fi
echo
echo "== ctest =="
(cd "$MPC_BUILD" && ctest --output-on-failure --no-tests=ignore --output-junit "$results/ctest.xml" ${filter:+-R "$filter"})
echo

exec "$MPC_VENV/bin/python3" "$MPC_ROOT/scripts/count-tests.py" "$results/lit.xml" "$results/ctest.xml"
