#!/usr/bin/env bash
# Installs the packages of a set in docker/packages.txt that are missing, as root or through sudo. The one place that
# installs anything: called by runner/demo (set "demo"), tests/run (set "tests") and the Dockerfiles. Fast and silent
# when nothing is missing.
set -euo pipefail

list=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/packages.txt

say() { echo "packages: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# The packages of set $1, one a line.
packages_of() {
  local line first rest set=
  while read -r line; do
    read -r first rest <<<"$line"
    case $first in
      '' | '#'*) ;;
      '['*) set=${first:1:-1} ;;
      include) [[ $set != "$1" ]] || packages_of "$rest" ;;
      *)
        [[ $set == "$1" ]] || continue
        [[ $rest != unless\ * ]] || ! command -v "${rest#unless }" >/dev/null || continue
        echo "$first"
        ;;
    esac
  done <"$list"
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "must be root, or have sudo, to run: $*"
  fi
}

# Waits for another apt to finish, and takes a mirror's hiccup in its stride.
apt() {
  local try
  for try in 1 2 3; do
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >&2 && return
    [[ $try -eq 3 ]] || { say "apt-get $1 failed, trying again"; sleep $((5 * try)); }
  done
  return 1
}

[[ $# -eq 1 ]] || die "usage: install-packages.sh SET (a set of $list)"
mapfile -t wanted < <(packages_of "$1")
[[ ${#wanted[@]} -gt 0 ]] || die "$list has no set '$1'"
command -v apt-get >/dev/null || die "no apt-get here: this is for Debian 12; install by hand: ${wanted[*]}"

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null || true)
  [[ $state == *installed* && $state != *not-installed* ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

say "installing ${missing[*]}"
apt update || die "apt-get update failed"
apt install -y --no-install-recommends "${missing[@]}" || die "apt-get install failed"
