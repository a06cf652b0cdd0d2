#!/usr/bin/env bash
# The files of docker/ without an engine (tests/docker/run is the real thing): rules that images and services keep.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname -- "$0")/../..")

check 'the Dockerfiles and compose files keep their rules' "$(/usr/bin/python3 "$root/tests/docker/rules.py" 2>&1)" ''
if command -v docker-compose >/dev/null; then
  cd "$root/docker"
  for overlay in '' scale secure; do
    [[ -z $overlay || -e compose.$overlay.yaml ]] || continue
    arguments=(-f compose.yaml ${overlay:+-f "compose.$overlay.yaml"})
    [[ ! -e ${overlay:-none}.env ]] || arguments=(--env-file "$overlay.env" "${arguments[@]}")
    status=0
    docker-compose "${arguments[@]}" config -q || status=$?
    check "docker-compose takes ${arguments[*]}" "$status" 0
  done
fi
finish
