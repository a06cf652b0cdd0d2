# shellcheck shell=bash disable=SC2154 # stack_dir is of stack.sh
# Debian's PostgreSQL for one test, to be sourced after stack.sh: a cluster of its own in a temporary folder, reached
# over a unix socket alone, run by a user who is not root (the server refuses that), gone with the test.
#
#   postgres_start          initialises and starts it, and sets postgres_url (of the database "store")
#   postgres_crash_restart  ends it as a crash would, at once, and starts it again
#   postgres_sql SQL        prints what the query gives, unaligned

postgres_bin=$(dirname "$(readlink -f "$(command -v postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1)")")
postgres_dir=$(mktemp -d /tmp/store-pg.XXXXXX) # short: a socket's path has 107 characters at most

as_postgres() {
  if [[ $EUID -eq 0 ]]; then
    (cd "$postgres_dir" && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

postgres_control() {
  as_postgres "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -w -t 60 -l "$postgres_dir/log" \
    -o "-c listen_addresses='' -c unix_socket_directories=$postgres_dir -c max_connections=100" "$@" >/dev/null </dev/null
}

postgres_start() {
  [[ $EUID -ne 0 ]] || chown postgres "$postgres_dir"
  chmod 711 "$postgres_dir"
  as_postgres "$postgres_bin/initdb" -D "$postgres_dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
  postgres_control start || { cat "$postgres_dir/log" >&2; fail "PostgreSQL does not start"; }
  as_postgres "$postgres_bin/createdb" -h "$postgres_dir" -U postgres store
  # shellcheck disable=SC2034 # for tests
  postgres_url="postgres://postgres@/store?host=$postgres_dir"
}

postgres_crash_restart() {
  postgres_control -m immediate stop
  postgres_control start
}

postgres_sql() { as_postgres "$postgres_bin/psql" -h "$postgres_dir" -U postgres -d store -XAtc "$1"; }

postgres_end() {
  [[ ! -e $postgres_dir/data/postmaster.pid ]] || postgres_control -m immediate stop || true
  rm -rf "$postgres_dir"
}
trap 'stack_kill_all; postgres_end; rm -rf "$stack_dir"' EXIT
