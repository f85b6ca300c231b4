//! Names one by one: what is the same, what is not, and what is none.

use super::*;

fn same(one: &str, other: &str) -> bool {
    let mut keys = Keys::default();
    let (dns, keys) = ((Dn::parse(one).unwrap(), Dn::parse(other).unwrap()), (keys.name(one), keys.name(other)));
    assert!(keys.0.is_some() && keys.1.is_some(), "{one} and {other}");
    assert_eq!(dns.0 == dns.1, keys.0 == keys.1, "{one} and {other}");
    dns.0 == dns.1
}

#[test]
fn spellings_of_one_name_are_one_name() {
    assert!(same("uid=u0000007,ou=people,dc=lab", "UID=U0000007, OU=People, DC=LAB"));
    assert!(same("cn=Doe\\2C John,dc=lab", "CN=Doe\\, John,DC=lab"));
    assert!(same("cn=a\\3Bb,dc=lab", "cn=a\\;b,dc=lab"));
    assert!(same("cn=\"Doe, John\";dc=lab", "cn=Doe\\, John,dc=lab"));
    assert!(same("cn=Multi Rdn+uid=multi,dc=lab", "UID=multi + CN=multi  rdn, dc=lab"));
    assert!(same("cn=#0C024869,dc=lab", "cn=Hi,dc=lab"));
    assert!(same("uid=j\\C3\\BCrgen,dc=lab", "uid=jürgen,dc=lab"));
    assert!(same("cn=Trailing\\20,dc=lab", "cn=Trailing\\ ,dc=lab"));
    assert!(same("cn=lab\\20", " cn=lab\\  "), "also where the space is the last of the whole name");
    assert!(same("cn=a=b<c>,dc=lab", "cn=a\\=b\\<c\\>,dc=lab"));
    assert!(same("cn=a\tb,dc=lab", "cn=a b,dc=lab"));
    assert!(same("cn=a+cn=a,dc=lab", "cn=a,dc=lab"), "a set has each value once");
    assert!(same("ou=,dc=lab", "ou=\"\" , dc=lab"));
}

#[test]
fn a_name_is_one_name_in_every_normal_form_with_every_name_of_its_types() {
    for spelling in [
        "uid=ana,ou=Bu\u{308}ro ΟΔΟΣ,dc=acme",
        "UID = Ana , OU = BÜRO  οδος , DC = Acme",
        "userid=ana,organizationalUnitName=Büro οδοσ,domainComponent=acme",
        "0.9.2342.19200300.100.1.1=ana,2.5.4.11=Büro οδος,dc=acme",
        "uid=\"ana\",ou=\"Büro οδος\",dc=acme",
        "uid=a\u{ad}na,ou=B\\c3\\bcro οδος;dc=acme",
        "uid=#048103616e61,ou=Büro οδος,dc=acme",
    ] {
        assert!(same(spelling, "uid=ana,ou=Büro οδος,dc=acme"), "{spelling}");
    }
    let types = [
        ("cn", "commonName", "2.5.4.3"),
        ("sn", "surname", "2.5.4.4"),
        ("c", "countryName", "2.5.4.6"),
        ("l", "localityName", "2.5.4.7"),
        ("st", "stateOrProvinceName", "2.5.4.8"),
        ("street", "streetAddress", "2.5.4.9"),
        ("o", "organizationName", "2.5.4.10"),
        ("ou", "organizationalUnitName", "2.5.4.11"),
        ("givenName", "gn", "OID.2.5.4.42"),
        ("uid", "userid", "0.9.2342.19200300.100.1.1"),
        ("dc", "domainComponent", "0.9.2342.19200300.100.1.25"),
    ];
    for (short, long, oid) in types {
        assert!(same(&format!("{short}=x,dc=lab"), &format!("{long}=X,dc=lab")), "{long}");
        assert!(same(&format!("{short}=x,dc=lab"), &format!("{oid} = x, dc=lab")), "{oid}");
    }
}

#[test]
fn different_names_stay_different() {
    assert!(!same("cn=a\\,cn=b,dc=lab", "cn=a,cn=b,dc=lab"));
    assert!(!same("cn=a+uid=b,dc=lab", "cn=a\\+uid\\=b,dc=lab"));
    assert!(!same("cn=a,dc=lab", "uid=a,dc=lab"));
    assert!(!same("cn=a,ou=x,dc=lab", "cn=a,dc=lab"));
    assert!(!same("cn=a\\5c,dc=lab", "cn=a,dc=lab"));
    assert!(!same("cn=Hans Groß,dc=lab", "cn=Hans Gross,dc=lab"));
    assert!(!same("cn=#0500,dc=lab", "cn=\\#0500,dc=lab"), "a value that is no text, and a text");
    assert!(!same("cn=#0500,dc=lab", "cn=#0501,dc=lab"));
    assert!(same("cn=#05AA,dc=lab", "cn=#05aa,dc=lab"));
}

#[test]
fn what_is_no_name_is_refused_with_the_place_and_the_reason() {
    use DnProblem::{Behind, CutOff, Digits, EmptyPart, Escape, NoValue, NotUtf8, Nul, Quote, Type};
    for (text, problem, at) in [
        ("u7", NoValue, 0),
        ("cn=a,staff,dc=lab", NoValue, 5),
        ("=x", Type, 0),
        ("c n=a", Type, 0),
        ("cn=a, c;n=b", NoValue, 6),
        ("cn=a,", CutOff, 5),
        ("cn=a , ", CutOff, 6),
        ("cn=a+", CutOff, 5),
        ("cn=a,,dc=lab", EmptyPart, 5),
        ("cn=a;;dc=lab", EmptyPart, 5),
        (",dc=lab", EmptyPart, 0),
        ("cn=a\\", Escape, 5),
        ("cn=ä\\z", Escape, 5),
        ("  cn=a\\z", Escape, 7),
        ("cn=\"a", Quote, 4),
        ("cn=a\"b", Quote, 4),
        ("cn=\"a\"b", Behind, 6),
        ("cn=#0", Digits, 4),
        ("cn=#,dc=lab", Digits, 4),
        ("cn=#0c0141 x", Behind, 11),
        ("cn=\\ff,dc=lab", NotUtf8, 3),
        ("cn=#0c01ff", NotUtf8, 4),
        ("cn=a\0", Nul, 4),
    ] {
        assert_eq!(Dn::parse(text), Err(DnError { at, problem }), "{text}");
        assert_eq!(Keys::default().name(text), None, "{text}");
    }
    let error = Dn::parse("OU=Staff,,DC=acme").unwrap_err();
    assert_eq!(error.to_string(), "a part of it is empty, at character 10");
}

#[test]
fn an_entry_is_within_its_base_and_within_itself() {
    let dn = |text: &str| Dn::parse(text).unwrap();
    let entry = dn("uid=a,ou=People,dc=corp,dc=example");
    assert!(entry.is_within(&dn("OU=people, DC=corp, DC=example")));
    assert!(entry.is_within(&entry));
    assert!(entry.is_within(&dn("")));
    assert!(!entry.is_within(&dn("ou=groups,dc=corp,dc=example")));
    // "le" is the end of "people", not a container.
    assert!(!entry.is_within(&dn("ou=le,dc=corp,dc=example")));
    assert_eq!(entry.own_part(), Some("uid=a"));
}

#[test]
fn the_name_above_is_spelled_as_it_stands() {
    assert_eq!(above("uid=a,ou=People,dc=corp"), Some("ou=People,dc=corp"));
    assert_eq!(above("CN=Doe\\, J+UID=a, OU=Sales\\2C EMEA, DC=corp"), Some("OU=Sales\\2C EMEA, DC=corp"));
    assert_eq!(above("cn=a,ou=b\\  "), Some("ou=b\\ "));
    assert_eq!(above("dc=corp"), None);
    assert_eq!(above("no name"), None);
}

#[test]
fn a_unique_identifier_is_not_part_of_the_name() {
    assert_eq!(without_unique_identifier("uid=a,dc=lab#'0101'B"), "uid=a,dc=lab");
    assert_eq!(without_unique_identifier("cn=a#'b,dc=lab"), "cn=a#'b,dc=lab");
}

#[test]
fn a_name_with_very_many_parts_is_no_trouble() {
    let deep = vec!["ou=a"; 100_000].join(",");
    assert!(Keys::default().name(&deep).is_some() && Dn::parse(&deep).is_ok());
    assert_eq!(Keys::default().name(&format!("{deep},=")), None);
}
