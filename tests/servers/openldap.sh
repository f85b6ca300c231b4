#!/usr/bin/env bash
# A real OpenLDAP server on loopback, with seeded people and groups.
#
#   openldap.sh [USERS=6000] [GROUPS=100]
#
# Environment: CERTIFICATE=server|selfsigned  which certificate it shows
#              SIZELIMIT=500                  the readers' size limit, and reader's largest page
#              MAXSIZE=4294967296             the largest database, in bytes; 100,000 people take 0.5 GB
#              LDAP_PORT, LDAPS_PORT          default: free ones
#
# Facts: LDAP_URL LDAPS_URL CA_FILE OTHER_CA_FILE SELFSIGNED_FILE BASE BIND_DN BIND_PW ADMIN_DN ADMIN_PW CONFIG_DN
# CONFIG_PW, and what the seed counted: PEOPLE HIDDEN_PEOPLE GROUPS_SEEDED BIG_MEMBERS.
#
# Accounts for reading: cn=NAME,ou=service,BASE with the password NAME-pw, where NAME is
#   reader          pages of at most SIZELIMIT entries, any number of them
#   reader-hard     SIZELIMIT entries in all, however they are paged: result code 4
#   reader-nomail   sees neither mail nor member nor memberOf
#   reader-nothing  sees nobody below ou=people, without any error
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
PATH="$PATH:/usr/sbin"
need slapd slapadd openssl python3 flock

users=${1:-6000} groups=${2:-100}
base="dc=corp,dc=example"

configuration() { # of this start: folder, ports, certificate and limits are its own
    local limit=${SIZELIMIT:-500}
    cat <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile $PWD/slapd.pid
TLSCACertificateFile $PWD/tls/ca.crt
TLSCertificateFile $PWD/tls/${CERTIFICATE:-server}.crt
TLSCertificateKeyFile $PWD/tls/${CERTIFICATE:-server}.key
TLSVerifyClient never
sizelimit $limit
threads 4
sortvals member uniqueMember memberUid memberOf
access to dn.base="" by * read
access to dn.base="cn=Subschema" by * read

database config
rootdn "cn=config"
rootpw configpw

database mdb
suffix "$base"
rootdn "cn=admin,$base"
rootpw adminpw
directory $PWD/db
maxsize ${MAXSIZE:-4294967296}
envflags nosync
index objectClass,entryUUID,uid,mail,cn,member,memberUid eq

# "size.prtotal" lifts the sum over all pages; without it a hard limit holds whatever the paging.
limits dn.exact="cn=reader,ou=service,$base" size.soft=$limit size.hard=$limit size.pr=$limit size.prtotal=unlimited
limits dn.exact="cn=reader-nomail,ou=service,$base" size.soft=$limit size.hard=$limit size.pr=$limit size.prtotal=unlimited
limits dn.exact="cn=reader-nothing,ou=service,$base" size.soft=$limit size.hard=$limit size.pr=$limit size.prtotal=unlimited
limits dn.exact="cn=reader-hard,ou=service,$base" size.soft=$limit size.hard=$limit
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=hidden,$base" by * none
access to attrs=mail,member,memberOf by dn.exact="cn=reader-nomail,ou=service,$base" none by dn.children="ou=service,$base" read by * none
access to dn.subtree="ou=people,$base" by dn.exact="cn=reader-nothing,ou=service,$base" none by dn.children="ou=service,$base" read by * none
access to * by dn.children="ou=service,$base" read by * none

overlay memberof
memberof-group-oc groupOfNames
memberof-dangling ignore
overlay ppolicy
ppolicy_default "cn=default,ou=policies,$base"
CONF
}

seed() {
    certificates ldap.corp.example
    mkdir db
    configuration >slapd.conf
    python3 "$here/openldap-seed.py" "$users" "$groups" "$base" >seed.ldif 2>facts || { cat facts >&2; exit 1; }
    # Without -q: quick mode of Debian's 2.5 dies of heap corruption now and then.
    slapadd -f slapd.conf -b "$base" -l seed.ldif >slapadd.log 2>&1 || { tail -5 slapadd.log >&2; exit 1; }
    rm -f seed.ldif slapd.conf
}

template "openldap-$users-$groups" "$here/openldap.sh" "$here/openldap-seed.py" "$here/common.sh"
make_template seed
own_folder
cd "$folder"
configuration >slapd.conf

read -r free1 free2 <<<"$(free_ports 2)"
port=${LDAP_PORT:-$free1} tls_port=${LDAPS_PORT:-$free2}
background slapd.log slapd -f slapd.conf -h "ldap://127.0.0.1:$port/ ldaps://127.0.0.1:$tls_port/" -d 0
for _ in $(seq 200); do
    kill -0 "${pids[0]}" 2>/dev/null || { cat slapd.log >&2; die "slapd ended at once"; }
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.05
done

cat <<FACTS
LDAP_URL=ldap://127.0.0.1:$port
LDAPS_URL=ldaps://127.0.0.1:$tls_port
CA_FILE=$folder/tls/ca.crt
OTHER_CA_FILE=$folder/tls/other-ca.crt
SELFSIGNED_FILE=$folder/tls/selfsigned.crt
BASE=$base
BIND_DN=cn=reader,ou=service,$base
BIND_PW=reader-pw
ADMIN_DN=cn=admin,$base
ADMIN_PW=adminpw
CONFIG_DN=cn=config
CONFIG_PW=configpw
FACTS
cat facts
serve
