#!/usr/bin/env bash
# clang-tidy over every C file that we write, with the checks of .clang-tidy, and shellcheck over every script.
# usage: tests/lint.sh BUILD_DIR (one that cmake has configured, best with clang)
set -euo pipefail
build=$(readlink -f -- "${1:?usage: tests/lint.sh BUILD_DIR}")
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

# What is compiled, less what is generated into gen/ or the build folder.
jq -r '.[].file' "$build/compile_commands.json" | sort -u | grep -v -e "^$PWD/gen/" -e "^$build/" |
  xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --warnings-as-errors='*'

grep -rlI --exclude-dir=build --exclude-dir=.git --exclude-dir=.store -e '^#!.*[ /]bash$' -e '^# shellcheck shell=bash' . |
  xargs shellcheck -x -P SCRIPTDIR
