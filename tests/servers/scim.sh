#!/usr/bin/env bash
# Runs one SCIM server on loopback until standard input closes.
#
#   tests/servers/scim.sh NAME PORT
#
#   scim2-server       the conforming one, by its own command: HTTP/1.0, a connection for each request, ETags
#   scim2-cursor       the same engine under gunicorn with cursor paging (RFC 9865) only, 25 resources a page
#   scim2-no-patch     … without PATCH
#   scim2-no-filter    … without filters
#   scim2-no-etag      … without ETags
#   scimmy             SCIMMY on Express 4: no Location, userName filters mind the case, members are added twice
#   scimmy5            SCIMMY on Express 5: every page is the first page
#
# Prints URL=… and TOKEN=…, then READY. Needs tests/servers/install-scim.sh to have been run.
set -euo pipefail

name=$1 port=$2
here=$(cd "$(dirname "$0")" && pwd)
servers=${ROLLCALL_SERVERS:-$(cd "$here/../.." && pwd)/target/servers}
token=roll-call-test-token

case $name in
    scim2-server)
        path=/v2
        command=("$servers/scim2-server/bin/scim2-server" --port "$port" --bearer-token "$token")
        ;;
    scim2-*)
        path=/v2
        export SCIM_VARIANT=${name#scim2-} SCIM_TOKEN=$token PYTHONDONTWRITEBYTECODE=1
        # One worker: the accounts live in its memory.
        command=("$servers/scim2-server/bin/gunicorn" --chdir "$here/scim" --bind "127.0.0.1:$port"
            --workers 1 --threads 8 --log-level warning scim2_variants:application)
        ;;
    scimmy | scimmy5)
        path=/scim/v2
        export SCIM_MODULES=$servers/$name SCIM_TOKEN=$token SCIM_PORT=$port
        command=(node "$here/scim/scimmy.mjs")
        ;;
    *)
        echo "$0 knows no server $name" >&2
        exit 64
        ;;
esac

if [ ! -e "${command[0]}" ] && ! command -v "${command[0]}" >/dev/null; then
    echo "$name is not installed; run $here/install-scim.sh" >&2
    exit 69
fi

log=$(mktemp)
"${command[@]}" </dev/null >"$log" 2>&1 &
server=$!
end() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -f "$log"
}
trap end EXIT
trap 'exit 143' TERM INT

for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "URL=http://127.0.0.1:$port$path"
        echo "TOKEN=$token"
        echo READY
        cat >/dev/null
        exit 0
    fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
echo "$name did not start; it said:" >&2
cat "$log" >&2
exit 70
