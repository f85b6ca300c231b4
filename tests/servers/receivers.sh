#!/usr/bin/env bash
# Receives mails, webhooks and traces on loopback until standard input closes; see receivers.py.
#
#   tests/servers/receivers.sh FOLDER [CERTIFICATE KEY]
#
# Needs tests/servers/install-scim.sh to have been run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
servers=${ROLLCALL_SERVERS:-$(cd "$here/../.." && pwd)/target/servers}
exec "$servers/receivers/bin/python" "$here/receivers.py" "$@"
