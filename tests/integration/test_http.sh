#!/usr/bin/env bash
# HTTP itself, against the real gateway, by curl and nghttp2's client: methods and statuses (RFC 9110), bodies by length and
# in chunks, both versions of the protocol, CORS, compression, what is too large, who is too slow, the access log, and
# the end of a gateway with a request under way.
# shellcheck disable=SC2034,SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh"
log=$stack_dir/access.jsonl
stack_start STORE_GATEWAY_CORS_ORIGINS='https://shop.example, https://other.example' STORE_GATEWAY_ACCESS_LOG="$log" \
  STORE_GATEWAY_REQUEST_TIMEOUT_MS=2000 STORE_GATEWAY_MAX_CONNECTIONS=40
stock=$inventory_url/inventory
product=$stock/LAPTOP-001
json='Content-Type: application/json'
order='{"customer_id":"CUST-001","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"123 Main St"}'

# --- methods ---

http GET "$product"
check 'GET' "$http_status" 200
length=$(http_header content-length)
check 'its length is told' "${#http_body}" "$length"
check 'HEAD sends nothing' "$(curl -s -I -o "$stack_dir/body" -w '%{http_code} %{size_download}' "$product")" '200 0'
check 'but tells the length' "$(tr -d '\r' <"$stack_dir/body" | sed -n 's/^content-length: //Ip')" "$length"
http DELETE "$product"
check 'another method' "$http_status" 405
check 'Allow' "$(http_header allow)" 'GET, HEAD'
http GET "$inventory_url/nothing"
check 'another path' "$http_status" 404
http OPTIONS "$order_url/orders"
check 'OPTIONS' "$http_status" 204
check 'its Allow' "$(http_header allow)" 'GET, HEAD, POST, OPTIONS'
http OPTIONS "$gateway_url/health"
check 'OPTIONS of a page' "$(http_header allow)" 'GET, HEAD, OPTIONS'
http OPTIONS "$gateway_url/nothing"
check 'OPTIONS of nothing' "$http_status" 404
http OPTIONS "$order_url" --request-target '*'
check 'OPTIONS of the gateway as a whole' "$http_status:$(http_header allow)" '204:GET, HEAD, POST, OPTIONS'
http GET "$product" --request-target "$product"
check 'a request as to a proxy' "$http_status" 200
http GET "$product" -H 'Host:'
check 'HTTP/1.1 without Host' "$http_status" 400
check 'HTTP/1.0 without Host' "$(curl -s --http1.0 -H 'Host:' -o "$stack_dir/body" -w '%{http_code}' "$product")" 200

# --- CORS ---

http OPTIONS "$order_url/orders" -H 'Origin: https://other.example' -H 'Access-Control-Request-Method: POST' \
  -H 'Access-Control-Request-Headers: content-type, idempotency-key'
check 'a preflight of a page that may' "$http_status" 204
check 'its origin' "$(http_header access-control-allow-origin)" 'https://other.example'
check 'its methods' "$(http_header access-control-allow-methods)" 'GET, HEAD, POST, OPTIONS'
check 'its headers' "$(http_header access-control-allow-headers | grep -c idempotency-key)" 1
check 'for caches' "$(http_header vary)" origin
http POST "$order_url/orders" -H 'Origin: https://shop.example' -H "$json" -d "$order"
check 'what a page that may gets' "$http_status:$(http_header access-control-allow-origin)" '200:https://shop.example'
http POST "$order_url/orders" -H 'Origin: https://shop.example' -H "$json" -d '{'
check 'an error too' "$http_status:$(http_header access-control-allow-origin)" '400:https://shop.example'
http OPTIONS "$order_url/orders" -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: POST'
check 'a page that may not' "$(http_header access-control-allow-origin)" ''

# --- bodies ---

http POST "$order_url/orders" -H "$json" -H 'Transfer-Encoding: chunked' -d "$order"
check 'a body in chunks' "$http_status" 200
http POST "$order_url/orders" -H "$json" -H 'Expect: 100-continue' -d "$order"
check 'Expect: 100-continue' "$http_status" 200
check '100 comes first' "$(head -n 1 <<<"$http_headers")" 'HTTP/1.1 100 Continue'
http POST "$order_url/orders" -H "$json" -H 'Expect: miracles' -d "$order"
check 'another expectation' "$http_status" 417
http POST "$order_url/orders" -H 'Content-Type: text/xml' -d "$order"
check 'a body that is said not to be JSON' "$http_status" 415
head -c 1100000 /dev/zero | tr '\0' ' ' >"$stack_dir/large"
http POST "$order_url/orders" -H "$json" --data-binary @"$stack_dir/large"
check 'a body that is too large' "$http_status" 413

# --- negotiation ---

for accept in '*/*' 'application/*' 'text/html, application/json;q=0.5' 'application/json; charset=utf-8'; do
  http GET "$product" -H "Accept: $accept"
  check "Accept: $accept" "$http_status" 200
done
for accept in text/html 'application/xml, text/*' 'application/json;q=0' '*/*, application/json; q=0.0'; do
  http GET "$product" -H "Accept: $accept"
  check "Accept: $accept" "$http_status" 406
done
check_json 'the reason' '.reason == "NOT_ACCEPTABLE"'
http GET "$product" -H 'Accept: text/html' -H 'Accept: application/json;q=0.5'
check 'several lines of Accept are one' "$http_status" 200
http GET "$product" -H 'Accept: */*' -H 'Accept: application/json;q=0'
check 'also where the last decides' "$http_status" 406
http GET "$gateway_url/" -H 'Accept: text/html, */*;q=0.8'
check 'the console for who wants HTML' "$(http_header content-type)" 'text/html; charset=utf-8'
http GET "$gateway_url/" -H 'Accept: text/html;q=0.1, text/plain'
check 'text for who wants that more' "$(http_header content-type)" 'text/plain; charset=utf-8'
http GET "$gateway_url/openapi.json" -H 'Accept-Encoding: gzip'
check 'a large answer is compressed' "$(http_header content-encoding)" gzip
http GET "$gateway_url/openapi.json" --compressed
check_json 'and the same' '.openapi == "3.1.0"'
http GET "$gateway_url/openapi.json"
check 'not for who does not ask' "$(http_header content-encoding)" ''
http GET "$product" -H 'Accept-Encoding: gzip'
check 'a small one is not' "$(http_header content-encoding)" ''

# --- versions ---

check 'HTTP/2 by prior knowledge' "$(curl -s --http2-prior-knowledge -o "$stack_dir/body" -w '%{http_version} %{http_code}' "$product")" '2 200'
check 'HTTP/2 by upgrade' "$(curl -s --http2 -o "$stack_dir/body" -w '%{http_version} %{http_code}' "$product")" '2 200'
check 'HTTP/1.0' "$(curl -s --http1.0 -o "$stack_dir/body" -w '%{http_code}' "$product")" 200
check 'nghttp, 20 streams of one connection' "$(nghttp -n -m 20 -s "$product" 2>&1 | awk '$6 == 200 || $5 == 200 || / 200 /' | wc -l)" 20
http GET "$product" --http2-prior-knowledge -H 'Accept-Encoding: gzip' -H 'Origin: https://shop.example'
check 'HTTP/2 with all of it' "$http_status:$(http_header access-control-allow-origin)" '200:https://shop.example'

# --- too large, too slow, too many ---

large=$(head -c 40000 /dev/zero | tr '\0' a)
http GET "$product" -H "X-Large: $large"
check 'headers that are too large' "$http_status" 431
check_json 'with a reason' '.reason == "HEADERS_TOO_LARGE"'
huge=$stack_dir/huge
{ printf 'X-Huge: '; head -c 500000 /dev/zero | tr '\0' a; } >"$huge"
check 'and headers past all bounds get one too, or the end of the connection' \
  "$(curl -s -m 20 -o "$stack_dir/body" -w '%{http_code}' -H @"$huge" "$product" | grep -cE '^(400|431|000)$')" 1

cat >"$stack_dir/slow.py" <<'END'
"""Clients that take their time: headers, or a body, a byte every 0.1 s; each must be let go of, and others served meanwhile."""
import socket, sys, time, urllib.request
port, product = int(sys.argv[1]), sys.argv[2]
heads = [b"GET /inventory/LAPTOP-001 HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"POST /inventory/reserve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", b""]
slow = []
for head in heads * 4:
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(head)
    s.setblocking(False)
    slow.append(s)
end, served = time.monotonic() + 60, 0
while slow and time.monotonic() < end:
    served += urllib.request.urlopen(product, timeout=10).status == 200
    for s in list(slow):
        try:
            s.send(b"a")
            if s.recv(1000) == b"":
                raise ConnectionResetError
        except BlockingIOError:
            continue
        except OSError:
            slow.remove(s)
    time.sleep(0.1)
print(len(slow), "kept,", "others served" if served > 3 else "others not served")
END
check 'slow clients' "$(python3 "$stack_dir/slow.py" "$STORE_INVENTORY_HTTP_PORT" "$product" 2>&1)" '0 kept, others served'

cat >"$stack_dir/many.py" <<'END'
"""More connections than are accepted: those wait, and are served once others have ended."""
import socket, sys
port = int(sys.argv[1])
request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
answers = 0
for s in held:  # the idle ones in front end by their own timeout
    s.settimeout(30)
    try:
        s.sendall(request)
        answers += s.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        pass
    s.close()
print(answers >= 20, answers)
END
check 'more connections than are accepted at once' "$(python3 "$stack_dir/many.py" "$STORE_GATEWAY_HTTP_PORT" | cut -d' ' -f1)" True
http GET "$product"
check 'the gateway serves as before' "$http_status" 200

# --- the access log ---

http GET "$product?x=1" -H 'X-Correlation-ID: access-1' -A 'a "quoted" agent'
line() { grep -m1 access-1 "$log"; }
for _ in {1..100}; do
  if line >"$stack_dir/body" 2>&1; then break; fi
  sleep 0.1
done
http_body=$(line || true)
check_json 'a request in the access log' '.method == "GET" and .path == "/inventory/LAPTOP-001" and .query == "?x=1" and .status == 400 and .protocol == "HTTP/1.1" and .user_agent == "a \"quoted\" agent" and .bytes > 0'
check_json 'and how long it took' '.duration_us > 0'
http_body=
check 'every line is JSON' "$(jq -e . "$log" >"$stack_dir/body" 2>&1 && echo yes)" yes

# A pipe whose reader reads nothing: lines are lost, and nothing else.
mkfifo "$stack_dir/pipe"
sleep 1000 <>"$stack_dir/pipe" &
reader=$!
stack_end_cleanly store-gateway
STORE_GATEWAY_ACCESS_LOG=$stack_dir/pipe stack_launch store-gateway
stack_wait_healthy || fail 'a gateway with a pipe as its access log'
timeout 60 h2load -n 10000 -c 8 -m 10 -H "user-agent: $(head -c 300 /dev/zero | tr '\0' a)" "$gateway_url/" >"$stack_dir/h2load" 2>&1 || true
check 'requests beside an access log that nobody reads' "$(grep -o '10000 2xx' "$stack_dir/h2load")" '10000 2xx'
http GET "$gateway_url/metrics"
check 'lines of it are dropped, and counted' "$(sed -n 's/^http_access_log_lines_total{outcome="dropped"} //p' <<<"$http_body" | awk '{print ($1 > 1000)}')" 1
http_body=

# --- the end ---

curl -s -m 60 -o "$stack_dir/last" -w '%{http_code}' -X POST "$order_url/orders" -H "$json" -d "$order" >"$stack_dir/last.code" &
last=$!
sleep 0.05
stack_end_cleanly store-gateway
wait "$last" || true
check 'a request under way at the end is answered, or was not taken' "$(grep -cE '^(200|000)$' "$stack_dir/last.code")" 1
kill "$reader"
finish
