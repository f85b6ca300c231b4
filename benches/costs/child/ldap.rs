//! The limit of reading an LDAP server: a bare loop over its pages.

use ldap3::controls::{Control, ControlType, PagedResults};
use ldap3::{Ldap, LdapConnAsync, Scope, SearchEntry};

/// The attributes that a person is read with.
const PERSON: [&str; 14] = [
    "objectClass",
    "entryUUID",
    "uid",
    "mail",
    "cn",
    "displayName",
    "givenName",
    "sn",
    "telephoneNumber",
    "preferredLanguage",
    "departmentNumber",
    "title",
    "employeeNumber",
    "pwdAccountLockedTime",
];

/// The attributes that a group is read with.
const GROUP: [&str; 6] = ["objectClass", "entryUUID", "cn", "member", "uniqueMember", "memberUid"];

/// Reads people and groups, and prints how many entries there were.
pub(super) fn read(url: &str, dn: &str, password: &str, base: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, mut ldap) = LdapConnAsync::new(url).await.unwrap();
        let driver = tokio::spawn(connection.drive());
        ldap.simple_bind(dn, password).await.unwrap().success().unwrap();
        let people = walk(&mut ldap, &format!("ou=people,{base}"), "(objectClass=inetOrgPerson)", &PERSON).await;
        let groups = walk(&mut ldap, &format!("ou=groups,{base}"), "(objectClass=*)", &GROUP).await;
        ldap.unbind().await.unwrap();
        driver.abort();
        println!("{}", people + groups);
    });
}

async fn walk(ldap: &mut Ldap, base: &str, filter: &str, attributes: &[&str]) -> usize {
    let (mut cookie, mut entries) = (Vec::new(), 0);
    loop {
        let page = PagedResults { size: 500, cookie };
        let found = ldap.with_controls(page).search(base, Scope::Subtree, filter, attributes).await.unwrap();
        // 10 is a referral: a part of the tree that lies elsewhere.
        assert!(matches!(found.1.rc, 0 | 10), "{}", found.1);
        for entry in found.0.into_iter().filter(|entry| !entry.is_ref()) {
            std::hint::black_box(SearchEntry::construct(entry));
            entries += 1;
        }
        let next = found.1.ctrls.into_iter().find_map(|Control(kind, raw)| {
            matches!(kind, Some(ControlType::PagedResults)).then(|| raw.parse::<PagedResults>().cookie)
        });
        match next.filter(|next| !next.is_empty()) {
            Some(next) => cookie = next,
            None => return entries,
        }
    }
}
