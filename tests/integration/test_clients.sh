#!/usr/bin/env bash
# The clients in other languages (tests/clients) do what they show, each over the transport it is written for.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname "$0")/../..")
clients=$root/tests/clients
work=$stack_dir/clients
mkdir -p "$work"/{python,java,node}

# Messages of the .proto files, by protobuf's own compiler. Debian's protobuf is what python3-protobuf and
# libprotobuf-java fit; protobufjs reads the .proto files as they are.
(cd "$root/proto" && protoc -I . --python_out="$work/python" --java_out="$work/java" rpc/v1/*.proto store/v1/*.proto)
export CLASSPATH=/usr/share/java/protobuf.jar:$work/java/classes PYTHONPATH=$work/python PYTHONDONTWRITEBYTECODE=1
find "$work/java" -name '*.java' >"$work/java/sources"
javac -nowarn -d "$work/java/classes" "@$work/java/sources" "$clients/java/StoreClient.java"
cp "$clients"/node/{package.json,package-lock.json,store_client.js} "$work/node"
npm ci --prefix "$work/node" --prefer-offline --no-audit --no-fund --silent

# The order service also listens on ws:// (the test's ten ports are not all taken) and ipc://, and charging takes a
# second: longer than the clients' last deadline.
stack_start STORE_SIM_CHARGE_MIN_DELAY_MS=1000 STORE_SIM_CHARGE_MAX_DELAY_MS=1000
address=$STORE_ORDER_LISTEN
ws=ws://127.0.0.1:$((STORE_INVENTORY_HTTP_PORT + 3))
export STORE_ORDER_LISTEN=$address,$ws,ipc://$stack_dir/order.ipc
stack_restart order-service

python_tcp() { /usr/bin/python3 "$clients/python/store_client.py" "$address" "$@"; }
python_ipc() { /usr/bin/python3 "$clients/python/store_client.py" "ipc://$stack_dir/order.ipc" "$@"; }
python_ws() { /usr/bin/python3 "$clients/python/store_client.py" "$ws" "$@"; }
node_ws() { node "$work/node/store_client.js" "$ws" "$root/proto" "$@"; }
java_tcp() { java -Xshare:auto -XX:TieredStopAtLevel=1 StoreClient "${address#tcp://}" "$@"; }

# The line of $work/out that begins with $1 fits the regular expression $2.
says() {
  local line
  line=$(grep "^$1 " "$work/out" || true)
  check "$client: '$line' fits '$1 $2'" "$([[ $line =~ ^$1\ $2$ ]] && echo yes)" yes
}

for client in python_tcp python_ipc python_ws node_ws java_tcp; do
  "$client" >"$work/out" || { cat "$work/out" >&2; fail "$client"; }
  says placed 'ORD-[0-9A-Z]+ confirmed 999\.99'
  says read 'ORD-[0-9A-Z]+ confirmed correlation_id [a-z]+-[-0-9a-f]+ trace_id [0-9a-f]{32}'
  says refused 'FAILED_PRECONDITION OUT_OF_STOCK ORD-[0-9A-Z]+'
  says late DEADLINE_EXCEEDED
  says outcome 'DEADLINE_EXCEEDED ORDER_DEADLINE_EXCEEDED ORD-[0-9A-Z]+'

  # What the service keeps of the order's trace is part of the trace that the client began.
  correlation_id=$(sed -n 's/^read .* correlation_id \([^ ]*\) .*/\1/p' "$work/out")
  http_body=$("$stack_bin/store-runner" call "$address" rpc.v1.Traces/GetTrace "{\"correlation_id\":\"$correlation_id\"}")
  check_json "$client: its trace" ".spans[0] | (.name | endswith(\"/CreateOrder\")) and .trace_id == \"$(sed -n 's/^read .* trace_id //p' "$work/out")\""
done

# The example in the README is exact: what it sends is answered with what it shows.
bytes_of() { sed -nE "s/^    $1(( +[0-9a-f]{2})+)(   .*)?$/\1/p" "$clients/README.md" | tr -s ' \n' ' ' | sed 's/ $//'; }
sent=$(bytes_of '>') expected=$(bytes_of '<')
exec {socket}<>"/dev/tcp/127.0.0.1/${address##*:}"
# shellcheck disable=SC2059 # the format is the bytes
printf "${sent// /\\x}" >&"$socket"
received=$(timeout 20 head -c "$(wc -w <<<"$expected")" <&"$socket" | od -An -v -tx1 | tr -s ' \n' ' ' | sed 's/ $//')
exec {socket}>&-
http_body=
check 'the bytes in the README: sent' "$(wc -w <<<"$sent")" 29
check 'the bytes in the README: received' "$received" "$expected"

# A service that stands still answers nothing, and takes no connection further than the kernel does: each client's own
# timer ends the call.
kill -STOP "${stack_pid[order-service]}"
for client in python_tcp python_ipc python_ws node_ws java_tcp; do
  status=0
  "$client" 500 >"$work/out" 2>&1 || status=$?
  check "$client: exit code without an answer" "$status" 1
  check "$client: it says why" "$(<"$work/out")" 'DEADLINE_EXCEEDED OWN_TIMER: no answer in time'
done
kill -CONT "${stack_pid[order-service]}"

# With nobody there the clients that connect themselves say so at once; NNG goes on trying until the deadline.
stack_end_cleanly order-service
for client in node_ws java_tcp; do
  status=0
  "$client" >"$work/out" 2>&1 || status=$?
  check "$client: exit code with nobody there" "$status" 1
  check "$client: nobody there" "$(grep -o '^UNAVAILABLE' "$work/out")" UNAVAILABLE
done
finish
