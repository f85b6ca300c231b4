#!/usr/bin/env bash
# A real Active Directory domain controller (Samba) on loopback, with seeded people and groups. Needs root.
#
#   samba.sh [USERS=2000] [GROUPS=50]
#
# Environment: LDAP_PORT, LDAPS_PORT   default: free ones
#
# Samba listens on the well-known ports only, so each server lives in a network namespace of its own, and socat carries
# 127.0.0.1:PORT through a unix socket into it. Nothing takes a privileged port of the machine.
#
# Facts: LDAP_URL LDAPS_URL CA_FILE OTHER_CA_FILE BASE BIND_DN BIND_PW BLIND_DN BLIND_PW ADMIN_DN ADMIN_PW DATABASE
# READER_SID PEOPLE BIG_MEMBERS. BIND_DN (svc-reader) does not see OU=Hidden; BLIND_DN (svc-blind) sees nobody below OU=People, and gets
# no error.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
PATH="$PATH:/usr/sbin:/sbin"
need samba samba-tool ldbsearch ldapsearch socat ip openssl python3 flock
[ "$(id -u)" -eq 0 ] || die "a network namespace needs root"

users=${1:-2000} groups=${2:-50}
realm=CORP.EXAMPLE base="DC=corp,DC=example"
admin_password='Passw0rd!rollcall' service_password='Reader!Passw0rd'

configuration() { # of this start; provisioning writes one with the paths of the template
    cat <<CONF
[global]
	netbios name = DC1
	realm = $realm
	workgroup = CORP
	server role = active directory domain controller
	server services = ldap, kdc, cldap
	interfaces = lo
	bind interfaces only = Yes
	private dir = $PWD/private
	state directory = $PWD/state
	cache directory = $PWD/cache
	lock directory = $PWD
	pid directory = $PWD/run
	ncalrpc dir = $PWD/run/ncalrpc
	binddns dir = $PWD/bind-dns
	log file = $PWD/samba.log
	logging = file
	ldap server require strong auth = yes
	tls enabled = yes
	tls keyfile = $PWD/tls/server.key
	tls certfile = $PWD/tls/server.crt
	tls cafile = $PWD/tls/ca.crt
	idmap_ldb:use rfc2307 = yes
CONF
}

sid_of() { ldbsearch -H private/sam.ldb "(sAMAccountName=$1)" objectSid 2>/dev/null | awk '/^objectSid/ {print $2}'; }

# deny ACE DN: adds one access control entry.
deny() { samba-tool dsacl set -H private/sam.ldb --objectdn="$2" --sddl="$1" >>seed.log 2>&1; }

seed() {
    certificates dc1.corp.example corp.example
    samba-tool domain provision --use-rfc2307 --realm=$realm --domain=CORP --host-name=dc1 --server-role=dc \
        --dns-backend=NONE --adminpass="$admin_password" --targetdir="$PWD" \
        --option="interfaces=lo" --option="bind interfaces only=yes" >provision.log 2>&1 ||
        { tail -5 provision.log >&2; exit 1; }
    /usr/bin/python3 "$here/samba-seed.py" etc/smb.conf "$users" "$groups" >facts 2>seed.log || { tail -5 seed.log >&2; exit 1; }
    # Denied "List Contents" on a container hides what is in it, without any error. It is denied on each container, and
    # not inherited: an inherited deny loses against the explicit allows that the schema puts on every object.
    deny "(D;CI;RPLCLORC;;;$(sid_of svc-reader))" "OU=Hidden,$base"
    deny "(D;CI;RPLCLORC;;;$(sid_of svc-blind))" "OU=Hidden,$base"
    deny "(D;;LC;;;$(sid_of svc-blind))" "OU=People,$base"
    deny "(D;;LC;;;$(sid_of svc-blind))" "OU=Büro Köln,OU=People,$base"
}

namespace="rollcall$$"
finish_more() { ip netns del "$namespace" 2>/dev/null || true; }

# bridge PORT INNER_PORT NAME: 127.0.0.1:PORT of the machine reaches INNER_PORT of the namespace.
bridge() {
    background socat.log ip netns exec "$namespace" \
        socat "UNIX-LISTEN:$folder/$3.sock,fork,backlog=64" "TCP:127.0.0.1:$2"
    background socat.log \
        socat "TCP-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork,backlog=64" "UNIX-CONNECT:$folder/$3.sock"
}

template "samba-$users-$groups" "$here/samba.sh" "$here/samba-seed.py" "$here/common.sh"
make_template seed
own_folder
cd "$folder"
mkdir -p run/ncalrpc
configuration >etc/smb.conf
read -r free1 free2 <<<"$(free_ports 2)"
port=${LDAP_PORT:-$free1} tls_port=${LDAPS_PORT:-$free2}

ip netns add "$namespace"
ip netns exec "$namespace" ip link set lo up
# "-M single": one process with one pid; the requests of different clients are served in turn.
background samba.out ip netns exec "$namespace" samba -F --no-process-group -M single -s "$folder/etc/smb.conf" -d 1
bridge "$port" 389 ldap
bridge "$tls_port" 636 ldaps
for attempt in $(seq 150); do
    kill -0 "${pids[0]}" 2>/dev/null || { tail -5 samba.out samba.log >&2; die "samba ended at once"; }
    LDAPTLS_REQCERT=never ldapsearch -x -LLL -o nettimeout=2 -H "ldaps://127.0.0.1:$tls_port" -s base -b '' \
        defaultNamingContext >/dev/null 2>&1 && break
    [ "$attempt" -lt 150 ] || { tail -5 samba.out samba.log >&2; die "samba did not come up"; }
    sleep 0.1
done

cat <<FACTS
LDAP_URL=ldap://127.0.0.1:$port
LDAPS_URL=ldaps://127.0.0.1:$tls_port
CA_FILE=$folder/tls/ca.crt
OTHER_CA_FILE=$folder/tls/other-ca.crt
BASE=$base
BIND_DN=svc-reader@corp.example
BIND_PW=$service_password
BLIND_DN=svc-blind@corp.example
BLIND_PW=$service_password
ADMIN_DN=Administrator@corp.example
ADMIN_PW=$admin_password
DATABASE=$folder/private/sam.ldb
READER_SID=$(sid_of svc-reader)
FACTS
cat facts
serve
