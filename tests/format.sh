#!/usr/bin/env bash
# Are all C files that we write (gen/ is not) formatted as .clang-format says? --fix formats them.
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

mode=(--dry-run -Werror)
[[ ${1:-} != --fix ]] || mode=(-i)
find proto services gateway runner tests \( -name '*.c' -o -name '*.h' \) -print0 | xargs -0 clang-format "${mode[@]}"
