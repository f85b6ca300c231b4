# What the server scripts share. Sourced, never run.
#
# Every server script speaks one protocol with the test that starts it: it stays in the foreground, prints NAME=value
# facts and then READY on standard output (everything else goes to standard error), and ends its own processes, by
# their pids, when its standard input closes. A test that dies therefore takes its servers with it.
#
# What takes long (generating data, loading a database, provisioning a domain) is done once, into a template folder
# under $ROLLCALL_SERVERS; every start copies the template into a folder of its own, so that a test may change what it
# likes and two tests never meet.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${ROLLCALL_SERVERS:-$(cd "$here/../.." && pwd)/target/servers}"
pids=()

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

# need PROGRAM...: stops with the remedy if the machine lacks one.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || die "$program is missing; run tests/servers/install-debian.sh as root"
    done
}

# template NAME FILE...: the folder of a template; its name ends in a hash of the files that make it, so that an edited
# seed is never served from an old template. Sets $template. Run make_template afterwards.
template() {
    local name=$1; shift
    template="$cache/$name-$(cat "$@" | sha256sum | cut -c1-12)"
}

# make_template FUNCTION: calls FUNCTION in a fresh folder unless $template is there already. The lock makes parallel
# starts wait for the first; the rename at the end makes sure that a half-made template is never used.
make_template() {
    [ -d "$template" ] && return 0
    mkdir -p "$cache"
    (
        flock 9
        [ -d "$template" ] && exit 0
        rm -rf "$template.making"
        mkdir -p "$template.making"
        cd "$template.making"
        "$1"
        mv "$template.making" "$template"
    ) 9>"$template.lock" || die "the template $template cannot be made"
}

# own_folder: a copy of the template for this start alone, in $folder, which goes when the script ends.
own_folder() {
    folder="$(mktemp -d "${TMPDIR:-/tmp}/rollcall-server.XXXXXX")"
    trap finish EXIT
    trap 'exit 143' TERM INT HUP
    cp -a --sparse=always --reflink=auto "$template/." "$folder/"
}

# background LOG COMMAND...: starts a process of ours; it keeps neither our input nor our output open.
background() {
    local log=$1; shift
    "$@" </dev/null >>"$folder/$log" 2>&1 &
    pids+=($!)
}

# finish: ends what this script started, last started first, and removes its folder.
finish() {
    local status=$? pid i
    trap '' TERM INT HUP
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
    if declare -F finish_more >/dev/null; then finish_more; fi
    [ -z "${folder:-}" ] || rm -rf "$folder"
    exit "$status"
}

# serve: says that the server is ready and stays until standard input closes.
serve() {
    echo READY
    cat >/dev/null
}

# free_ports N: N different TCP ports on 127.0.0.1 that were free a moment ago.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))
PYTHON
}

# certificates HOST...: in ./tls a CA, a server certificate for loopback and HOST..., a CA that has signed nothing, and
# a self-signed CA certificate used as a server's (the commonest home-made setup, which rustls refuses).
certificates() {
    mkdir -p tls
    local names="IP:127.0.0.1,IP:::1,DNS:localhost" host ca
    for host in "$@"; do names="$names,DNS:$host"; done
    for ca in ca other-ca; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -sha256 \
            -subj "/O=Rollcall tests/CN=$ca" -addext basicConstraints=critical,CA:TRUE \
            -addext keyUsage=critical,keyCertSign,cRLSign -keyout "tls/$ca.key" -out "tls/$ca.crt" 2>/dev/null
    done
    openssl req -newkey rsa:2048 -nodes -subj "/O=Rollcall tests/CN=server" \
        -keyout tls/server.key -out tls/server.csr 2>/dev/null
    printf '%s\n' basicConstraints=CA:FALSE keyUsage=digitalSignature,keyEncipherment extendedKeyUsage=serverAuth \
        "subjectAltName=$names" >tls/extensions
    openssl x509 -req -in tls/server.csr -CA tls/ca.crt -CAkey tls/ca.key -CAcreateserial -days 3650 -sha256 \
        -extfile tls/extensions -out tls/server.crt 2>/dev/null
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/O=Rollcall tests/CN=self-signed" \
        -addext "subjectAltName=$names" -keyout tls/selfsigned.key -out tls/selfsigned.crt 2>/dev/null
    chmod 600 tls/*.key
}
