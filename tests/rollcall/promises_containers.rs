//! One container in many spellings, through whole runs: whoever stands in it stays in scope and is nowhere else, however an
//! export or a configuration writes its name.

use rollcall::guard::Reviewed;

use super::promises_support::House;

/// The container of the tests as a configuration writes it: one code point for each letter with a mark.
const CONFIGURED: &str = "ou=Büro Zürich,dc=acme,dc=com";

/// The same as a directory, an export or a person may write it.
const SPELLINGS: [&str; 9] = [
    "ou=Bu\u{308}ro Zu\u{308}rich,dc=acme,dc=com",
    "OU=BÜRO ZÜRICH, DC=acme, DC=com",
    "ou = Büro  Zürich , dc = acme , dc = com",
    "organizationalUnitName=Büro Zürich,domainComponent=acme,dc=com",
    "2.5.4.11=Büro Zürich,0.9.2342.19200300.100.1.25=acme,dc=com",
    "OID.2.5.4.11=Büro Zürich,dc=acme,dc=com",
    "ou=\"Büro Zürich\",dc=acme,dc=com",
    "ou=B\\C3\\BCro\\20Z\\c3\\bcrich;dc=acme;dc=com",
    "ou=#0c0d42c3bc726f205ac3bc72696368,dc=acme,dc=com",
];

/// An export of these people, each with the container in which they stand, and of a group with all of them, whose members
/// may be spelled in another way than the people themselves.
fn export(people: &[(&str, &str)], spelled: impl Fn(&str) -> String) -> String {
    let (mut text, mut members) = ("version: 1\n".to_owned(), String::new());
    for (name, container) in people {
        text += &format!(
            "\ndn: uid={name},{container}\nobjectClass: inetOrgPerson\nentryUUID: u-{name}\nuid: {name}\n\
             mail: {name}@acme.com\ncn: {name}\n"
        );
        members += &format!("member: uid={name},{}\n", spelled(container));
    }
    text += &format!("\ndn: cn=staff,dc=acme\nobjectClass: groupOfNames\nentryUUID: g\ncn: staff\n{members}");
    text + &format!("\n# numEntries: {}\n", people.len() + 1)
}

/// Four people in the container, and one beside it.
fn five(container: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("ann", container),
        ("bob", container),
        ("cem", container),
        ("dan", container),
        ("eve", "ou=Labor,dc=acme,dc=com"),
    ]
}

/// A house whose directory is an export.
struct Exporting(House);

impl Exporting {
    fn new(extra: &str) -> Self {
        let mut house = House::new();
        let file = house.folder.path().join("staff.ldif");
        house.elsewhere = Some(format!("connector = \"file\"\nusers = \"{}\"", file.display()));
        house.extra = extra.to_owned();
        Self(house)
    }

    /// With a scope that names both containers.
    fn scoped() -> Self {
        Self::new(&format!("scope = {{ containers = [{CONFIGURED:?}, \"ou=Labor,dc=acme,dc=com\"] }}"))
    }

    fn write(&self, text: &str) {
        std::fs::write(self.0.folder.path().join("staff.ldif"), text).unwrap();
    }

    /// Plans, and makes sure that nothing is to be done.
    async fn plans_nothing(&self, why: &str) {
        let reviewed = self.0.plan().await.unwrap();
        let (changes, refusals) = (&reviewed.plan().changes, &reviewed.plan().refusals);
        assert!(matches!(reviewed, Reviewed::Cleared(_)), "{why}: {:?}", reviewed.holds());
        assert!(changes.is_empty() && refusals.is_empty(), "{why}: {changes:?} {refusals:?}");
    }
}

#[tokio::test]
async fn an_export_that_spells_a_container_otherwise_than_the_scope_puts_nobody_out_of_scope() {
    let exporting = Exporting::scoped();
    exporting.write(&export(&five(CONFIGURED), str::to_owned));
    exporting.0.settle().await;
    assert!(five(CONFIGURED).iter().all(|(name, _)| exporting.0.is_in(name)));
    for spelling in SPELLINGS {
        exporting.write(&export(&five(spelling), str::to_owned));
        exporting.plans_nothing(spelling).await;
    }
}

#[tokio::test]
async fn a_group_that_spells_its_members_otherwise_than_they_are_keeps_them() {
    let exporting = Exporting::scoped();
    exporting.write(&export(&five(CONFIGURED), str::to_owned));
    exporting.0.settle().await;
    assert_eq!(exporting.0.account("ann").unwrap().roles, ["editor"]);
    for spelling in SPELLINGS {
        exporting.write(&export(&five(CONFIGURED), |container| container.replace(CONFIGURED, spelling)));
        exporting.plans_nothing(spelling).await;
    }
}

#[tokio::test]
async fn a_container_that_two_leave_empty_at_once_is_doubted_however_their_records_spelled_it() {
    for spelling in SPELLINGS {
        let exporting = Exporting::new("");
        let eve = ("eve", "ou=Labor,dc=acme,dc=com");
        exporting.write(&export(&[("ann", CONFIGURED), ("bob", spelling), eve], str::to_owned));
        exporting.0.settle().await;
        exporting.write(&export(&[eve], str::to_owned));
        let reviewed = exporting.0.plan().await.unwrap();
        let holds = format!("{:?}", reviewed.holds());
        assert!(
            holds.contains("2 people are not found") && holds.contains("all who stood in the same place"),
            "{spelling}: {holds}"
        );
    }
}
