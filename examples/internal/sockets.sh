#!/usr/bin/env bash
# Requests per second over sockets: what a guarded route loses against an open one, on each framework.
#
#     examples/internal/sockets.sh            about a minute, after the build
#     ROUNDS=2 examples/internal/sockets.sh   about twenty seconds, to see that it works
#
# Each quickstart runs on one core, and so with one worker; wrk runs on another. Both routes are sent the same number of
# bytes with the same headers, the token too, so that only what the server does with them differs. They are measured in
# turns, a second each, because neighbours come and go: the ratio is the median of those of the single turns. The exit code
# is 0 only if every framework meets the target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ROUNDS=${ROUNDS:-9}
CONNECTIONS=16
SERVER_CORE=${SERVER_CORE:-0}
CLIENT_CORE=${CLIENT_CORE:-1}
TARGET=0.90
GUARDED=/internal/dashboard
# The home page, filled up to the length of the other path.
OPEN=/?nobody-is-asked-x

fail() { printf '%s\n' "$*" >&2; exit 1; }

need() { command -v "$1" >/dev/null || fail "$1 is missing: install the package $2"; }

# Without them, hashing is most of what authentication costs.
sha_instructions() { if grep -qwE 'sha_ni|sha2' /proc/cpuinfo; then echo yes; else echo no; fi; }

scratch=$(mktemp -d)
server=
stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
trap 'stop_server; rm -rf "$scratch"' EXIT

# start PROGRAM: runs it on a free port and sets `base` to its address.
start() {
  FAUTH_ADDR=127.0.0.1:0 FAUTH_SECRET_KEY=$secret RUST_LOG=warn \
    taskset -c "$SERVER_CORE" "$1" >"$scratch/greeting" 2>"$scratch/log" &
  server=$!
  local _
  for _ in {1..100}; do
    base=$(grep -om1 'http://127\.0\.0\.1:[0-9]*' "$scratch/greeting") && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  fail "$1 did not start: $(cat "$scratch/log")"
}

# status PATH [CURL ARGUMENTS..]
status() {
  local path=$1
  shift
  curl --silent --output "$scratch/body" --write-out '%{http_code}' --max-time 5 "$@" "$base$path"
}

# Clock ticks that the server has spent so far, in user space and in the kernel.
ticks() { awk '{ sub(/.*[)] /, ""); print $12 + $13 }' "/proc/$server/stat"; }

# run PATH: for a second; prints requests per second with the token, and microseconds of the server's CPU time for each.
run() {
  local report before after
  before=$(ticks)
  report=$(taskset -c "$CLIENT_CORE" wrk -t1 -c"$CONNECTIONS" -d1s -H "Authorization: Bearer $token" "$base$1")
  after=$(ticks)
  if grep -qE 'Non-2xx|Socket errors' <<<"$report"; then fail "$base$1 was not always answered:" "$report"; fi
  awk -v ticks="$((after - before))" -v each="$(getconf CLK_TCK)" '
    $2 == "requests" { requests = $1 }
    $1 == "Requests/sec:" { print $2, ticks / each * 1e6 / requests }' <<<"$report"
}

# median EXPRESSION: over all turns; $1 and $2 are what `run` has printed for the open route, $3 and $4 for the guarded one.
median() {
  awk "{ print $1 }" "$scratch/turns" | sort -n |
    awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

measure() {
  local framework=$1 round open guarded ratio verdict
  start "target/release/quickstart-$framework"
  token=$(curl --silent --fail --max-time 5 -d username=alice -d password=green-ideas-sleep "$base/login" |
    sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
  [ "$(status "$OPEN" -H "Authorization: Bearer $token")" = 200 ] || fail "$framework: the open route is not open"
  [ "$(status "$GUARDED" -H "Authorization: Bearer $token")" = 200 ] || fail "$framework: the token opens nothing"
  [ "$(status "$GUARDED")" = 401 ] || fail "$framework: the guarded route is not guarded"

  run "$OPEN" >/dev/null
  run "$GUARDED" >/dev/null
  for ((round = 0; round < ROUNDS; round++)); do
    open=$(run "$OPEN")
    guarded=$(run "$GUARDED")
    printf '%s %s\n' "$open" "$guarded"
  done >"$scratch/turns"
  stop_server
  ratio=$(median '$3 / $1')
  verdict=holds
  awk -v ratio="$ratio" -v target="$TARGET" 'BEGIN { exit !(ratio >= target) }' || verdict='DOES NOT HOLD' missed=1
  printf '%-9s %9.0f %9.0f %7.3f %9.1f %9.1f  %s\n' "$framework" \
    "$(median '$1')" "$(median '$3')" "$ratio" "$(median '$2')" "$(median '$4')" "$verdict"
}

need wrk wrk
need taskset util-linux
need curl curl
[ "${#OPEN}" = "${#GUARDED}" ] || fail "$OPEN and $GUARDED are not of the same length"
taskset -c "$SERVER_CORE,$CLIENT_CORE" true || fail "the machine needs two cores"
cargo build --locked --release -p quickstart-axum -p quickstart-actix -p quickstart-poem
secret=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')

printf '%-9s %9s %9s %7s %9s %9s  %s\n' framework open guarded ratio 'open us' 'guard us' "target $TARGET"
missed=0
for framework in axum actix poem; do measure "$framework"; done
cat <<END
Requests per second and their ratio, then CPU time of the server per request: medians of $ROUNDS turns of a second for each
route, $CONNECTIONS connections, one worker. SHA instructions: $(sha_instructions).
open: GET $OPEN, a text. guarded: GET $GUARDED, a user with a token and a small JSON object.
The quickstarts have no open route with JSON, so that writing it counts against the guarded one.
END
exit "$missed"
