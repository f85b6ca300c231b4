#!/usr/bin/env bash
# Installs the SCIM servers of the tests, once: scim2-server (PyPI) and SCIMMY (npm), nobody here wrote either; and the
# receivers of notifications and traces: aiosmtpd, the reference implementation of Standard Webhooks, and the messages of
# OpenTelemetry (PyPI).
#
#   tests/servers/install-scim.sh
#
# Everything goes below $ROLLCALL_SERVERS (target/servers unless set). Versions are pinned, because the tests know
# these servers' habits. Running it again does nothing. Missing tools are fetched with apt, which needs root.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
servers=${ROLLCALL_SERVERS:-$repository/target/servers}
mkdir -p "$servers"

packages=()
# `ensurepip` is what Debian splits off into python3-venv; asking for `venv` alone would find a stub.
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3 python3-venv python3-pip)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
if [ ${#packages[@]} -gt 0 ]; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
fi

# Runs an installation unless its stamp says that exactly these packages are there already.
#   once FOLDER INSTALLER PACKAGE…
once() {
    local folder=$servers/$1 installer=$2
    shift 2
    if [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ]; then return; fi
    mkdir -p "$folder"
    rm -f "$folder/installed"
    (cd "$folder" && "$installer" "$@")
    echo "$*" >"$folder/installed"
}

with_pip() {
    [ -x bin/python ] || python3 -m venv .
    bin/python -m pip install -q --disable-pip-version-check "$@"
}

with_npm() {
    [ -f package.json ] || echo '{"private": true, "type": "module"}' >package.json
    npm install --no-audit --no-fund --save-exact --loglevel=error "$@"
}

once scim2-server with_pip 'scim2-server[cursor]==0.8.3' scim2-models==0.12.3 gunicorn==23.0.0
once scimmy with_npm scimmy@1.3.5 scimmy-routers@1.3.2 express@4.21.2
once scimmy5 with_npm scimmy@1.3.5 scimmy-routers@1.3.2 express@5.1.0
once receivers with_pip aiosmtpd==1.4.6 standardwebhooks==1.1.0 opentelemetry-proto==1.45.2
