#!/usr/bin/env python3
"""Writes the people and groups of the OpenLDAP test server as LDIF (standard library only).

openldap-seed.py USERS GROUPS BASE >seed.ldif 2>facts

The same arguments give the same data (ids differ: the server makes them). Ordinary people are u0000001 and so on;
everything odd has a fixed name, because a test speaks about it. Counts go to standard error as NAME=value facts.
"""
import base64
import random
import sys

users, groups, base = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
people, teams, service, hidden = (f"ou={ou},{base}" for ou in ("people", "groups", "service", "hidden"))
chance = random.Random(20240601)

GIVEN = "Ada Jürgen Zoë Łukasz Søren Íñigo Nguyễn 太郎 Olga Ömer Anaïs Bob Mei Ivan Aoife Raúl".split()
FAMILY = "Lovelace Müller Ångström Kowalski O'Brien García Văn 山田 Smith Yılmaz Lefèvre Ng Петров D'Souza Żółć".split()
DEPARTMENTS = ["Engineering", "Sales", "Finance", "People", "Legal", "Support", "R&D", "Marketing"]

entries = []  # (dn, [(attribute, value), …]), containers first
member_of = {}  # slapadd runs no overlay, so the back links of `member` are written out


def add(dn, *attributes):
    entries.append((dn, list(attributes)))


def person(dn, uid, name, family, given=None, mail=(), number=0, more=()):
    attributes = [("objectClass", "inetOrgPerson"), ("objectClass", "posixAccount"), ("uid", uid), ("cn", name), ("sn", family)]
    if given:
        attributes.append(("givenName", given))
    attributes += [("mail", address) for address in ([mail] if isinstance(mail, str) else mail)]
    attributes += [("uidNumber", str(10000 + number)), ("gidNumber", "5000"), ("homeDirectory", f"/home/{10000 + number}")]
    add(dn, *attributes, *more)


def group(name, members, rdn=None, kind="groupOfNames", attribute="member", more=(), back_links=True):
    dn = f"cn={rdn or name},{teams}"
    add(dn, ("objectClass", kind), ("cn", name), *((attribute, m) for m in members), *more)
    if back_links and attribute != "memberUid":
        for m in members:
            member_of.setdefault(m, []).append(dn)


def ordinary(number):
    return f"uid=u{number:07d},{people}"


def photo(size):
    return ("jpegPhoto", b"\xff\xd8\xff\xe0" + chance.randbytes(size) + b"\xff\xd9")


def containers():
    add(base, ("objectClass", "dcObject"), ("objectClass", "organization"), ("dc", base.split(",")[0][3:]), ("o", "Corp"))
    for ou in ("people", "groups", "service", "hidden", "policies", "leavers"):
        add(f"ou={ou},{base}", ("objectClass", "organizationalUnit"), ("ou", ou))
    add(f"ou=Büro Köln,{people}", ("objectClass", "organizationalUnit"), ("ou", "Büro Köln"))
    for name in ("reader", "reader-hard", "reader-nomail", "reader-nothing"):
        add(f"cn={name},{service}", ("objectClass", "applicationProcess"), ("objectClass", "simpleSecurityObject"),
            ("cn", name), ("userPassword", f"{name}-pw"))
    add(f"cn=default,ou=policies,{base}", ("objectClass", "applicationProcess"), ("objectClass", "pwdPolicy"),
        ("cn", "default"), ("pwdAttribute", "userPassword"), ("pwdLockout", "TRUE"), ("pwdMaxFailure", "3"))
    # Part of the scope that is served elsewhere: a reader gets a reference instead of an entry.
    add(f"ou=elsewhere,{people}", ("objectClass", "referral"), ("objectClass", "extensibleObject"), ("ou", "elsewhere"),
        ("ref", f"ldap://127.0.0.1:9/ou=elsewhere,{people}"))


def ordinary_people():
    for i in range(1, users + 1):
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        mail = [] if i % 97 == 0 else [f"u{i:07d}@example.com"]
        if i % 200 == 3:
            mail.append(f"alias.u{i:07d}@example.org")
        more = [("employeeNumber", str(i)), ("departmentNumber", DEPARTMENTS[i % len(DEPARTMENTS)]),
                ("displayName", f"{given} {family}")]
        if i % 500 == 1:
            more.append(photo(2000))
        if i <= 50:
            more.append(("userPassword", f"pw-u{i:07d}"))
        person(ordinary(i), f"u{i:07d}", f"{given} {family}", family, given, mail, i, more)


def odd_people():
    n = users
    def odd(rdn, uid, name, family, mail, where=people, given=None, more=()):
        nonlocal n
        n += 1
        person(f"{rdn},{where}", uid, name, family, given, mail, n, more)
    # One address on two people, in two spellings; and nobody without an address is an error.
    odd("uid=dup-a", "dup-a", "Dup A", "Dup", "Dup@Example.com")
    odd("uid=dup-b", "dup-b", "Dup B", "Dup", "dUP@eXAMPLE.COM")
    odd("uid=nomail", "nomail", "No Mail", "Mail", ())
    # DNs that need parsing, not comparing.
    odd("uid=jürgen", "jürgen", "Jürgen Müller", "Müller", "juergen@example.com", where=f"ou=Büro Köln,{people}", given="Jürgen")
    odd("cn=Doe\\, John", "john.doe", "Doe, John", "Doe", "john.doe@example.com", given="John")
    odd('cn=\\#hash \\+ plus \\"quoted\\" \\\\ back \\; semi', "odd.chars", '#hash + plus "quoted" \\ back ; semi', "Odd", "odd.chars@example.com")
    odd("cn=Trailing\\20", "trailing", "Trailing ", "Space", "trailing@example.com")
    odd("cn=Multi Rdn+uid=multi", "multi", "Multi Rdn", "Rdn", "multi@example.com")
    odd("uid=UPPER.Case", "UPPER.Case", "Upper Case", "Case", "Upper.Case@Example.COM")
    odd("uid=paren(star*)", "paren(star*)", "Filter (Inject*)", "Inject", "inject@example.com")
    odd("uid=composed-é", "composed-é", "Composed", "NFC", "nfc@example.com")
    # Who is not active, by each of the conventions.
    odd("uid=locked", "locked", "Locked Forever", "Locked", "locked@example.com",
        more=[("userPassword", "pw-locked"), ("pwdAccountLockedTime", "000001010000Z")])
    odd("uid=lockedout", "lockedout", "Locked Out For Now", "Out", "lockedout@example.com",
        more=[("userPassword", "pw-lockedout"), ("pwdAccountLockedTime", "20240601120000Z")])
    odd("uid=expired", "expired", "Shadow Expired", "Expired", "expired@example.com",
        more=[("objectClass", "shadowAccount"), ("shadowExpire", "1")])
    odd("uid=unexpired", "unexpired", "Shadow Never", "Never", "unexpired@example.com",
        more=[("objectClass", "shadowAccount"), ("shadowExpire", "-1")])
    # Values that must not be fetched, or not be mixed up.
    odd("uid=photo", "photo", "Big Photo", "Photo", "photo@example.com", more=[photo(200_000)])
    odd("uid=lang", "lang", "Language Tag", "Tag", "lang@example.com",
        more=[("cn;lang-fr", "Étiquette"), ("preferredLanguage", "fr-CH, fr;q=0.9")])
    odd("uid=hidden1", "hidden1", "Hidden One", "Hidden", "hidden1@example.com", where=hidden)
    return n - users


def all_groups():
    for g in range(1, groups + 1):
        size = min(users, 1 + chance.randrange(40))
        chosen = sorted(chance.sample(range(1, users + 1), size))
        group(f"g{g:05d}", [ordinary(i) for i in chosen], more=[("description", f"group {g}")])
    big = min(users, 5500)
    group("big", [ordinary(i) for i in range(1, big + 1)])
    a, b, c = (f"cn=nest-{x},{teams}" for x in "abc")
    group("nest-a", [b, ordinary(1)])
    group("nest-b", [c, ordinary(2)])
    group("nest-c", [a, ordinary(3)])  # and round again
    group("selfloop", [f"cn=selfloop,{teams}", ordinary(4)])
    for depth in range(12):
        group(f"deep-{depth:02d}", [f"cn=deep-{depth + 1:02d},{teams}" if depth < 11 else ordinary(5)])
    group("dangling", [f"uid=gone,{people}", ordinary(6)])
    group("othercase", [f"UID=U0000007, OU=People, {base.upper()}"], back_links=False)
    group("Sales, EMEA + APAC", [f"cn=Doe\\, John,{people}"], rdn="Sales\\, EMEA \\+ APAC")
    group("Vertrieb Süd", [f"uid=jürgen,ou=Büro Köln,{people}"])
    group("odd-names", [f'cn=\\#hash \\+ plus \\"quoted\\" \\\\ back \\; semi,{people}', f"cn=Trailing\\20,{people}",
                        f"uid=multi+cn=multi rdn,{people}"])
    group("unique", [ordinary(8), ordinary(9)], kind="groupOfUniqueNames", attribute="uniqueMember")
    group("posix", [f"u{i:07d}" for i in range(10, 15)] + ["UPPER.CASE", "nobody.here"], kind="posixGroup",
          attribute="memberUid", more=[("gidNumber", "5000")])
    group("hiddenmember", [f"uid=hidden1,{hidden}", ordinary(15)])
    return big


def ldif_line(attribute, value):
    raw = value if isinstance(value, bytes) else value.encode()
    plain = isinstance(value, str) and value and value[0] not in " :<" and value[-1] != " " and all(32 <= b < 127 for b in raw)
    return f"{attribute}: {value}" if plain else f"{attribute}:: {base64.b64encode(raw).decode()}"


def write():
    for dn, attributes in entries:
        attributes += [("memberOf", g) for g in member_of.get(dn, [])]
        together = {}  # slapadd wants all values of an attribute in one place
        for attribute, value in attributes:
            together.setdefault(attribute, []).append(value)
        lines = [ldif_line("dn", dn)] + [ldif_line(a, v) for a, values in together.items() for v in values]
        sys.stdout.write("\n".join(lines) + "\n\n")


containers()
ordinary_people()
odd = odd_people()
before = len(entries)
big = all_groups()
seeded = len(entries) - before
write()
print(f"PEOPLE={users + odd - 1}\nHIDDEN_PEOPLE=1\nGROUPS_SEEDED={seeded}\nBIG_MEMBERS={big}", file=sys.stderr)
