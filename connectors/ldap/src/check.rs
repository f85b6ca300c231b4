//! `check`: signs in, reads as the read would, and says in sentences what it found.

use rollcall_kit::{CheckFinding, ReadError, Trial};

use crate::connect::connect;
use crate::dialect::Dialect;
use crate::flavour::Flavour;
use crate::read;
use crate::root::RootDse;
use crate::settings::LdapSettings;

/// Checks everything that can be checked without changing anything.
///
/// # Errors
///
/// If no server can be reached or the sign-in is refused; whatever is wrong beyond that is a finding.
pub(crate) async fn check(settings: &LdapSettings) -> Result<Vec<CheckFinding>, ReadError> {
    let mut session = connect(settings).await?;
    let mut findings = vec![CheckFinding::good(format!("signed in to {} as {}", session.server, session.identity))];
    findings.push(encryption(settings, &session.server));
    let root = RootDse::read(&mut session).await?;
    let dialect = match Dialect::resolve(settings, &root) {
        Ok(dialect) => dialect,
        Err(error) => {
            findings.push(CheckFinding::problem(error.to_string()));
            return Ok(findings);
        }
    };
    findings.push(kind(settings, &dialect, &root));
    findings.push(paging(&root));
    drop(session);
    findings.extend(trial(settings).await);
    Ok(findings)
}

fn encryption(settings: &LdapSettings, server: &str) -> CheckFinding {
    if server.starts_with("ldaps:") {
        CheckFinding::good("the connection is encrypted from its start, and the server's certificate was verified")
    } else if settings.start_tls {
        CheckFinding::good("the connection was switched to TLS first, and the server's certificate was verified")
    } else {
        CheckFinding::warning("the password and everybody's data cross the network in clear text (danger_clear_text)")
    }
}

fn kind(settings: &LdapSettings, dialect: &Dialect, root: &RootDse) -> CheckFinding {
    match root.flavour() {
        Some(seen) if settings.flavour != Flavour::Auto && seen != dialect.flavour => CheckFinding::warning(format!(
            "the settings say {}, but the server looks like {seen}; correct flavour, or override what differs",
            dialect.flavour
        )),
        _ => CheckFinding::good(format!(
            "the server is read as {}, ids come from {}",
            dialect.flavour, dialect.id_attribute
        )),
    }
}

fn paging(root: &RootDse) -> CheckFinding {
    if root.announces_paging() {
        CheckFinding::good("the server can send its answers in pages")
    } else {
        CheckFinding::warning(
            "the server does not say that it can send its answers in pages; a read is refused unless it does",
        )
    }
}

/// Reads everything as a run would, and counts.
async fn trial(settings: &LdapSettings) -> Vec<CheckFinding> {
    match Trial::of(|entries| read::read(settings, entries)).await {
        Err(error) => vec![CheckFinding::problem(error.to_string())],
        Ok((trial, certificate)) => {
            let mut findings = counted(&trial, settings);
            findings.extend(certificate.exceptions().iter().map(CheckFinding::warning));
            findings
        }
    }
}

fn counted(trial: &Trial, settings: &LdapSettings) -> Vec<CheckFinding> {
    if trial.users == 0 {
        return vec![CheckFinding::problem(
            "not one user is within reach; correct users.bases and users.filter, or grant the account the right to read \
             there (servers hide what may not be read, without an error)",
        )];
    }
    let mut findings = trial.findings("grant the account the right to read it, or name another attribute for it");
    if trial.unresolved > 0 && settings.groups.as_ref().is_some_and(|groups| !groups.leaves_names) {
        findings.push(CheckFinding::warning(format!(
            "groups name {} members whom the read does not find; if this directory leaves the names of deleted people \
             in its groups, set groups.leaves_names = true, or everybody who is deleted waits for a person",
            trial.unresolved
        )));
    }
    if settings.groups.is_some() && trial.groups == 0 {
        findings.push(CheckFinding::problem(
            "not one group is within reach; correct groups.bases and groups.filter, or grant the right to read there",
        ));
    }
    findings
}
