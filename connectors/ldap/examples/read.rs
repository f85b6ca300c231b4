//! Reads a directory and prints how much came; for measuring.
//!
//! ```text
//! cargo run --release -p rollcall-ldap --example read -- settings.toml        # through the connector
//! cargo run --release -p rollcall-ldap --example read -- settings.toml bare   # ldap3 alone, which only counts
//! ```
//!
//! The settings are those of an LDAP directory in the configuration file. The bare loop asks an OpenLDAP for what the
//! connector asks for, page by page, and looks at nothing; it is the limit that the connector is held against. Run both
//! under `perf stat` or `time`, which know the processor time of the whole process.

use std::io::Write as _;

use ldap3::controls::{ControlType, MakeCritical as _, PagedResults};
use ldap3::{LdapConnAsync, LdapConnSettings, Scope};
use rollcall_kit::{Connector as _, Entries, Entry};
use rollcall_ldap::{LdapSettings, connector};

type Failure = Box<dyn std::error::Error>;

/// What the connector asks an OpenLDAP for.
const USERS: (&str, &[&str]) = (
    "(objectClass=inetOrgPerson)",
    &[
        "entryUUID",
        "uid",
        "mail",
        "displayName",
        "cn",
        "givenName",
        "sn",
        "telephoneNumber",
        "mobile",
        "preferredLanguage",
        "departmentNumber",
        "ou",
        "title",
        "employeeNumber",
        "employeeType",
        "o",
        "manager",
        "physicalDeliveryOfficeName",
        "roomNumber",
        "pwdAccountLockedTime",
        "pwdStartTime",
        "pwdEndTime",
        "shadowExpire",
    ],
);
const GROUPS: (&str, &[&str]) = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
    &["objectClass", "entryUUID", "cn", "member", "uniqueMember", "memberUid"],
);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a file with the settings of an LDAP directory")?;
    let settings: LdapSettings = toml::from_str(&std::fs::read_to_string(file)?)?;
    let (users, groups) = match arguments.next().as_deref() {
        Some("bare") => bare(&settings).await?,
        _ => read(settings).await?,
    };
    writeln!(std::io::stdout(), "{users} users, {groups} groups")?;
    Ok(())
}

/// Reads through the connector, and throws everything away.
async fn read(settings: LdapSettings) -> Result<(u64, u64), Failure> {
    let connector = connector(settings)?;
    // As many as the engine lets wait.
    let (entries, mut arriving) = Entries::channel(1_024);
    let count = tokio::spawn(async move {
        let (mut users, mut groups) = (0, 0);
        while let Some(entry) = arriving.recv().await {
            match entry {
                Entry::User(_) => users += 1,
                Entry::Group(_) => groups += 1,
                Entry::Unreadable(_) => {}
            }
        }
        (users, groups)
    });
    connector.read(entries).await?;
    Ok(count.await?)
}

/// Pages through the same searches with the LDAP library alone.
async fn bare(settings: &LdapSettings) -> Result<(u64, u64), Failure> {
    let server = settings.servers.first().ok_or("no server is named")?;
    let (connection, mut ldap) = LdapConnAsync::with_settings(LdapConnSettings::new(), server.as_str()).await?;
    let driver = tokio::spawn(connection.drive());
    let password = settings.bind_password.resolve()?;
    ldap.simple_bind(&settings.bind_dn, password.expose()).await?.success()?;
    let users = count(&mut ldap, &settings.users.bases, USERS, settings.page_size).await?;
    let bases = settings.groups.as_ref().map(|groups| groups.bases.as_slice()).unwrap_or_default();
    let groups = count(&mut ldap, bases, GROUPS, settings.page_size).await?;
    ldap.unbind().await?;
    driver.await??;
    Ok((users, groups))
}

async fn count(
    ldap: &mut ldap3::Ldap,
    bases: &[String],
    (filter, attributes): (&str, &[&str]),
    size: u32,
) -> Result<u64, Failure> {
    let mut entries = 0;
    for base in bases {
        let mut cookie = Vec::new();
        loop {
            let page = PagedResults { size: i32::try_from(size)?, cookie }.critical();
            let mut stream =
                ldap.with_controls(page).streaming_search(base, Scope::Subtree, filter, attributes).await?;
            while stream.next().await?.is_some() {
                entries += 1;
            }
            let result = stream.finish().await.success()?;
            let mut controls =
                result.ctrls.iter().filter(|control| matches!(control.0, Some(ControlType::PagedResults)));
            cookie = controls.next().ok_or("no paging control came")?.1.parse::<PagedResults>().cookie;
            if cookie.is_empty() {
                break;
            }
        }
    }
    Ok(entries)
}
