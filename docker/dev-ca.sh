#!/usr/bin/env bash
# Makes what a secured store on one machine or in compose needs, in a folder of its own: a certificate authority, a
# certificate and key for each process, bearer tokens for its callers, and the file of their digests. For development: the
# CA's key lies beside the rest. What is there already stays as it is; certificates are made anew in the last week of
# their 90 days (the gateway takes a new one up as it runs).
# usage: docker/dev-ca.sh FOLDER [HOST...]     HOST: more names or addresses for the certificates
set -euo pipefail
[[ $# -ge 1 && $1 != -* ]] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
mkdir -p -- "$1"
cd -- "$1"
shift
umask 077

days=${DEV_CA_DAYS:-90}
quiet() { "$@" 2>log || { cat log >&2; exit 1; }; }

if [[ ! -e ca.pem ]]; then
  quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 3650 \
    -subj '/CN=Store Demo development CA' -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign
  rm -f ./*.crt
fi

# Each process is a server to some and a client to others. An address stands among the DNS names too: NNG's TLS looks at
# no others.
certify() { # certify NAME HOST...
  local name=$1 host names=
  shift
  [[ ! -e $name.crt ]] || ! openssl x509 -in "$name.crt" -noout -checkend $((7 * 86400)) >/dev/null || return 0
  for host in "$@"; do
    names+=",DNS:$host"
    [[ ! $host =~ ^[0-9.]+$|: ]] || names+=",IP:$host"
  done
  quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -out request -subj "/CN=$name"
  quiet openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -out "$name.new" -extfile <(
    printf 'subjectAltName=%s\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "${names:1}"
  )
  mv "$name.new" "$name.crt"
  rm -f request
}

for name in order-service payment-service inventory-service; do
  certify "$name" "$name" "$name-2" "$name-3" localhost 127.0.0.1 "$@"
done
certify gateway gateway gateway-2 front localhost 127.0.0.1 "$@"
certify runner demo-runner localhost

# name, scopes, calls a second (0: as many as it likes)
callers=('order-service read,write 0' 'gateway read 0' 'demo-runner read,write 0' 'prometheus read 0'
  'customer read,write 50' 'auditor read 10')
entries=
for caller in "${callers[@]}"; do
  read -r name scopes rate <<<"$caller"
  [[ -e $name.token ]] || printf '%s' "$(openssl rand -hex 32)" >"$name.token"
  digest=$(openssl dgst -sha256 -r "$name.token" | cut -d' ' -f1)
  entries+=$(printf ',\n  {"name": "%s", "token_sha256": "%s", "scopes": ["%s"]%s}' "$name" "$digest" "${scopes/,/\", \"}" \
    "$([[ $rate == 0 ]] || echo ", \"rate_per_second\": $rate")")
done
printf '{"callers": [%s\n]}\n' "${entries:1}" >tokens.json
rm -f log
