#!/usr/bin/python3
"""Seeds a provisioned Samba AD domain, before its first start (Debian's python3-samba).

samba-seed.py SMB_CONF USERS GROUPS >facts

The same arguments give the same people and groups (GUIDs and SIDs differ). Everything goes through the whole module
stack of the directory, as SYSTEM, in large batches: one user at a time would take minutes.
"""
import random
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, users, groups = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
parameters = LoadParm()
parameters.load(configuration)
directory = SamDB(url=parameters.private_path("sam.ldb"), session_info=system_session(), lp=parameters,
                  options=["transaction_index_cache_size:200000", "batch_mode:1"])
base, realm = str(directory.domain_dn()), parameters.get("realm").lower()
PEOPLE, GROUPS, SERVICE, HIDDEN, LEAVERS = (f"OU={ou},{base}" for ou in ("People", "Groups", "Service", "Hidden", "Leavers"))
SERVICE_PASSWORD = "Reader!Passw0rd"
ACTIVE, DISABLED = "544", "546"  # userAccountControl of a normal account without a password; bit 2 is "disabled"
GLOBAL, UNIVERSAL, DOMAIN_LOCAL, DISTRIBUTION = "-2147483646", "-2147483640", "-2147483644", "2"
GIVEN = "Ada Jürgen Zoë Łukasz Søren 太郎 Olga Ömer Bob Aoife".split()
FAMILY = "Lovelace Müller Kowalski O'Brien García 山田 Smith Yılmaz Петров Żółć".split()
chance = random.Random(7)


def filetime(unix):
    """Seconds since 1970 as AD counts: 100 ns since 1601."""
    return str((unix + 11_644_473_600) * 10_000_000)


class transaction:
    def __enter__(self):
        directory.transaction_start()

    def __exit__(self, error, *_):
        directory.transaction_cancel() if error else directory.transaction_commit()


def add(dn, classes, **attributes):
    directory.add({"dn": dn, "objectClass": ["top", *classes], **attributes})


def change(dn, how, **attributes):
    message = ldb.Message(ldb.Dn(directory, dn))
    for name, value in attributes.items():
        message[name] = ldb.MessageElement(value, how, name)
    directory.modify(message)


def user(cn, account, ou=PEOPLE, control=ACTIVE, more_classes=(), **attributes):
    dn = f"CN={cn},{ou}"
    add(dn, ["person", "organizationalPerson", "user", *more_classes], sAMAccountName=account,
        userPrincipalName=f"{account}@{realm}", userAccountControl=control, **attributes)
    return dn


def group(cn, account=None, members=(), kind=GLOBAL, **attributes):
    dn = f"CN={cn},{GROUPS}"
    add(dn, ["group"], sAMAccountName=account or cn, groupType=kind, **attributes)
    if members:
        change(dn, ldb.FLAG_MOD_ADD, member=list(members))
    return dn


def ordinary_people():
    dns = []
    for i in range(1, users + 1):
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        more = dict(givenName=given, sn=family, displayName=f"{given} {family}", employeeID=str(i))
        if i % 97:
            more["mail"] = f"u{i:07d}@example.com"
            more["proxyAddresses"] = [f"SMTP:u{i:07d}@example.com", f"smtp:old.u{i:07d}@example.org"]
        if i % 500 == 1:
            more["thumbnailPhoto"] = b"\xff\xd8\xff\xe0" + chance.randbytes(2000) + b"\xff\xd9"
        dns.append(user(f"u{i:07d}", f"u{i:07d}", control=DISABLED if i % 50 == 0 else ACTIVE, **more))
    return dns


def odd_people():
    def odd(cn, account=None, **more):
        account = account or cn.lower()
        return user(cn, account, **{"mail": f"{account}@example.com", **more})
    made = {
        "disabled": odd("disabled", control=DISABLED),
        "expired": odd("expired", accountExpires=filetime(1_577_836_800)),
        "expfuture": odd("expfuture", accountExpires=filetime(4_102_444_800)),
        "never0": odd("never0", accountExpires="0"),
        "nevermax": odd("neverMax", accountExpires="9223372036854775807"),
        "nomail": user("nomail", "nomail"),
        "dup-a": odd("Dup A", "dup.a", mail="Dup@Example.com"),
        "dup-b": odd("Dup B", "dup.b", mail="dUP@eXAMPLE.COM"),
        "umlaut": odd("Jürgen Müller", "jmueller", ou=f"OU=Büro Köln,{PEOPLE}"),
        "comma": odd("Doe\\, John", "john.doe"),
        "odd": odd("\\#hash \\+ plus \\\"q\\\" \\; (star*)", "odd.chars"),
        "photo": odd("photo", thumbnailPhoto=b"\xff\xd8\xff\xe0" + chance.randbytes(60_000) + b"\xff\xd9"),
        "mover": odd("mover"),
        "primary": odd("primary"),
        "inetorg": odd("inetorg", more_classes=["inetOrgPerson"]),
        "hidden": odd("hidden1", ou=HIDDEN),
        "deleted": odd("todelete"),
    }
    # People and machines that are no users, though they have the same classes.
    add(f"CN=Contact One,{PEOPLE}", ["person", "organizationalPerson", "contact"], mail="contact@example.com")
    add(f"CN=PC1,CN=Computers,{base}", ["person", "organizationalPerson", "user", "computer"], sAMAccountName="PC1$",
        userAccountControl="4128")
    return made


def service_accounts():
    for name in ("svc-reader", "svc-blind"):
        user(name, name, ou=SERVICE, control="514")
        directory.setpassword(f"(sAMAccountName={name})", SERVICE_PASSWORD, force_change_at_next_login=False)
        change(f"CN={name},{SERVICE}", ldb.FLAG_MOD_REPLACE, userAccountControl="66048")


def all_groups(dns, odd):
    for g in range(1, groups + 1):
        group(f"g{g:05d}", members=chance.sample(dns, min(users, 1 + chance.randrange(40))), description=f"group {g}")
    big = dns[:4000]
    group("big", members=big)
    a, b, c = (group(f"nest-{x}", kind=UNIVERSAL) for x in "abc")
    for outer, members in ((a, [b, dns[0]]), (b, [c, dns[1]]), (c, [a, dns[2]])):  # and round again
        change(outer, ldb.FLAG_MOD_ADD, member=members)
    inner = dns[4]
    for depth in range(11, -1, -1):
        inner = group(f"deep-{depth:02d}", kind=UNIVERSAL, members=[inner])
    group("dist", kind=DISTRIBUTION, members=[dns[5], f"CN=Contact One,{PEOPLE}", f"CN=PC1,CN=Computers,{base}"])
    group("domlocal", kind=DOMAIN_LOCAL, members=[dns[6]])
    group("Sales\\, EMEA \\+ APAC", "sales-emea-apac", members=[odd["comma"], odd["odd"]])
    group("Vertrieb Süd", "vertrieb-sued", members=[odd["umlaut"]])
    group("hiddenmember", members=[odd["hidden"], dns[7]])
    group("empty")
    change(f"CN=g00001,{GROUPS}", ldb.FLAG_MOD_ADD, member=[odd["deleted"]])
    return group("primarygrp", members=[odd["primary"]]), len(big)


def set_primary_group(user_dn, group_dn):
    """Makes the group the user's primary one: AD then takes him out of its `member` values."""
    sid = directory.search(group_dn, ldb.SCOPE_BASE, attrs=["objectSid"])[0]["objectSid"][0]
    rid = str(ndr_unpack(security.dom_sid, sid)).rsplit("-", 1)[1]
    change(user_dn, ldb.FLAG_MOD_REPLACE, primaryGroupID=rid)


with transaction():
    for ou in (PEOPLE, GROUPS, SERVICE, HIDDEN, LEAVERS, f"OU=Büro Köln,{PEOPLE}"):
        add(ou, ["organizationalUnit"])
with transaction():
    ordinary = ordinary_people()
    odd = odd_people()
service_accounts()
with transaction():
    primary_group, big_members = all_groups(ordinary, odd)
set_primary_group(odd["primary"], primary_group)
directory.delete(odd["deleted"])
# Below OU=People: all but the hidden and the deleted one.
print(f"PEOPLE={users + len(odd) - 2}\nBIG_MEMBERS={big_members}")
