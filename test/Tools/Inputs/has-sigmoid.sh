#!/bin/sh
# Exit status 1 tells mpc-reduce that the file still shows what is looked for.
if grep -q mpc.sigmoid "$1"; then
  exit 1
fi
