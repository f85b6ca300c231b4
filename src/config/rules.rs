//! What a schema cannot say: rules over the values of one organization, and over organizations together.

use std::collections::BTreeMap;

use rollcall_kit::{Address, HumanDuration, attribute};

use super::Organization;
use super::directory::{DirectorySettings, TargetSettings};
use super::error::nearest;
use super::file::OrganizationFile;
use crate::guard::AccountMark;
use crate::plan::drift;
use crate::roster::account::CUSTOM_PREFIX;
use crate::roster::{GroupRef, RoleRule};
use crate::scim::ScimSettings;

/// Something that is wrong: the key within the organization, and what is wrong with it.
pub(super) type Problem = (String, String);

/// Checks a name: it becomes the name of a directory below the state directory, and is typed on command lines.
pub(super) fn name(name: &str) -> Result<(), String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(sound) || name.starts_with(['.', '-']) {
        return Err(format!(
            "`{name}` cannot be the name of an organization; use at most 64 letters, digits, `-`, `_` and `.`, and \
             begin with a letter, a digit or `_`"
        ));
    }
    Ok(())
}

/// Checks one organization. Parts whose shape was wrong are absent and reported already.
pub(super) fn organization(file: &OrganizationFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(domains) = &file.domains {
        domain_list(domains, &mut problems);
    }
    scope(file, &mut problems);
    roles(&file.role, &mut problems);
    if file.roles.default.as_ref().is_some_and(|role| role.0.trim().is_empty()) {
        problems.push(("roles.default".to_owned(), "`default` must name a role; leave it out for none".to_owned()));
    }
    for (index, address) in file.protect.addresses.iter().enumerate() {
        if Address::parse(address).is_none() {
            let key = format!("protect.addresses[{index}]");
            problems.push((key, format!("\"{address}\" is no e-mail address, so it would protect nobody")));
        }
    }
    for (index, mark) in file.protect.accounts.iter().enumerate() {
        if let Err((key, message)) = protected_account(mark) {
            problems.push((format!("protect.accounts[{index}].{key}"), message));
        }
    }
    if let Some((key, message)) = file.schedule.problem() {
        let key = if key.is_empty() { "schedule".to_owned() } else { format!("schedule.{key}") };
        problems.push((key, message));
    }
    for (index, blackout) in file.blackout.iter().enumerate() {
        if let Err(message) = blackout.check() {
            problems.push((format!("blackout[{index}]"), message));
        }
    }
    let found = file.directory.as_ref().map(DirectorySettings::problems).unwrap_or_default();
    problems.extend(found.into_iter().map(|found| found.within("directory")).map(|found| (found.key, found.message)));
    if let Some(TargetSettings::Scim(target)) = &file.target {
        scim(target, &mut problems);
    }
    problems
}

/// Checks a value that protects accounts: one that no account can carry would protect nobody.
fn protected_account(mark: &AccountMark) -> Result<(), (&'static str, String)> {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '$');
    if mark.attribute.is_empty() || !mark.attribute.chars().all(sound) {
        let message = format!(
            "\"{}\" is no name of a SCIM attribute, so it would protect nobody; write it like \"userType\" or \
             \"name.familyName\", without a filter",
            mark.attribute
        );
        return Err(("attribute", message));
    }
    if mark.value.trim().is_empty() {
        return Err(("value", "`value` is blank, so it would protect nobody; name the value".to_owned()));
    }
    Ok(())
}

fn domain_list(domains: &[String], problems: &mut Vec<Problem>) {
    if domains.is_empty() {
        let message = "`domains` is empty, so nobody would be in scope; name at least one e-mail domain";
        problems.push(("domains".to_owned(), message.to_owned()));
    }
    let mut seen = BTreeMap::new();
    for (index, text) in domains.iter().enumerate() {
        let key = format!("domains[{index}]");
        match domain(text) {
            Err(message) => problems.push((key, message)),
            Ok(()) if seen.insert(text.to_lowercase(), index).is_some() => {
                problems.push((key, format!("\"{text}\" is listed twice")));
            }
            Ok(()) => {}
        }
    }
}

/// Checks one e-mail domain.
fn domain(text: &str) -> Result<(), String> {
    if let Some(rest) = text.strip_prefix("*.") {
        return Err(format!(
            "\"{text}\" is a pattern, and patterns are not possible here; list \"{rest}\" and each sub-domain itself"
        ));
    }
    if let Some((_, rest)) = text.split_once('@') {
        return Err(format!("\"{text}\" is not a domain; write \"{rest}\", the part behind the @, alone"));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    if text.len() > 253 || !text.contains('.') || !text.split('.').all(label) {
        return Err(format!("\"{text}\" is not an e-mail domain; write it like \"acme.com\""));
    }
    Ok(())
}

fn scope(file: &OrganizationFile, problems: &mut Vec<Problem>) {
    if file.scope.when.as_ref().is_some_and(|when| when.trim().is_empty()) {
        let message = "`when` is blank; leave it out if everybody in the domains is meant";
        problems.push(("scope.when".to_owned(), message.to_owned()));
    }
    for (index, container) in file.scope.containers.iter().enumerate() {
        if container.trim().is_empty() {
            let message = "a blank container would let everybody in; leave it out".to_owned();
            problems.push((format!("scope.containers[{index}]"), message));
        }
    }
    if file.attributes.email.as_ref().is_some_and(|expression| expression.trim().is_empty()) {
        let message = "`email` cannot be switched off: the address decides who an account belongs to";
        problems.push(("attributes.email".to_owned(), message.to_owned()));
    }
}

fn roles(rules: &[RoleRule], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<(&GroupRef, &str), usize> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        if rule.role.0.trim().is_empty() {
            problems
                .push((format!("role[{index}].role"), "`role` is blank; name the role that the target knows".into()));
        }
        if let Some(first) = seen.insert((&rule.group, rule.role.0.as_str()), index) {
            let message = format!(
                "this rule says the same as rule {}: the same group gives the same role; remove one",
                first + 1
            );
            problems.push((format!("role[{index}]"), message));
        }
    }
}

fn scim(target: &ScimSettings, problems: &mut Vec<Problem>) {
    let mut problem = |key: &str, message: String| problems.push((format!("target.{key}"), message));
    if !matches!(target.url.scheme(), "https" | "http") || target.url.host_str().is_none() {
        problem("url", "`url` must begin with https:// or http:// and name a host".to_owned());
    }
    match (&target.token, &target.oauth) {
        (Some(_), Some(_)) => {
            problem("oauth", "`token` and `oauth` are two ways to sign in; keep one of them".to_owned());
        }
        (None, None) => problem(
            "",
            "the target has neither `token` nor `oauth`, so nobody could sign in; add token = { file = \"/path\" }, or \
             oauth with token_url, client_id and client_secret"
                .to_owned(),
        ),
        _ => {}
    }
    let known = attribute::MAPPED_BY_DEFAULT.contains(&target.user_name.as_str());
    if !known && !target.user_name.starts_with(CUSTOM_PREFIX) {
        let known = attribute::MAPPED_BY_DEFAULT.join("`, `");
        problem(
            "user_name",
            format!("`user_name` must name one of our attributes: `{known}` or `custom_attributes.…`"),
        );
    }
    for (index, name) in target.authority.iter().enumerate() {
        if let Err(message) = authority(name, target) {
            problem(&format!("authority[{index}]"), message);
        }
    }
    let mut within = |key: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            let name = key.rsplit('.').next().unwrap_or(key);
            problem(key, format!("`{name}` must be a whole number from {least} to {most}"));
        }
    };
    within("parallel", target.parallel as u64, 1, 256);
    within("members_per_request", target.members_per_request as u64, 1, 10_000);
    within("requests_per_minute", target.requests_per_minute.unwrap_or(1).into(), 1, 1_000_000);
    if target.delete_after.is_some_and(|wait| wait < HumanDuration::seconds(86_400)) {
        problem("delete_after", "`delete_after` must be between \"1d\" and \"36500d\"".to_owned());
    }
    for found in target.http.problems() {
        problem(&format!("http.{}", found.key), found.message);
    }
    if let Some(index) = target.match_by.iter().position(|attribute| attribute.trim().is_empty()) {
        problem(&format!("match_by[{index}]"), "a blank attribute would match any account; remove it".to_owned());
    }
}

/// Checks one of the names over which the directory is to be the authority.
fn authority(name: &str, target: &ScimSettings) -> Result<(), String> {
    if name == attribute::EMAIL && !target.mutable_email {
        return Err(
            "addresses are not changed in this target; remove \"email\", or set mutable_email = true".to_owned()
        );
    }
    let words = [drift::EVERYTHING, drift::ACTIVE, drift::ROLES];
    if words.contains(&name) || attribute::MAPPED_BY_DEFAULT.contains(&name) || name.starts_with(CUSTOM_PREFIX) {
        return Ok(());
    }
    let known = attribute::MAPPED_BY_DEFAULT.iter().chain(&words);
    let near = nearest(name, known.copied()).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    Err(format!(
        "\"{name}\" is nothing that the directory could be the authority over; name attributes of ours, \
         \"custom_attributes.…\", \"active\", \"roles\", or \"*\" for everything{near}"
    ))
}

/// Checks organizations against each other: two that write the same domain into the same target would put out each
/// other's people. Yields the organization besides the problem.
pub(super) fn together<'a>(organizations: impl IntoIterator<Item = &'a Organization>) -> Vec<(String, Problem)> {
    let mut owners: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut problems = Vec::new();
    for organization in organizations.into_iter().filter(|organization| organization.enabled) {
        let target = organization.target.url.as_str().trim_end_matches('/').to_owned();
        for (index, domain) in organization.roster.domains.iter().enumerate() {
            if let Some(other) = owners.insert((target.clone(), domain.clone()), organization.name.clone()) {
                let message = format!(
                    "\"{domain}\" also belongs to the organization `{other}`, which writes to the same target; each \
                     would put out the other's people. Remove it from one, or set enabled = false there"
                );
                problems.push((organization.name.clone(), (format!("domains[{index}]"), message)));
            }
        }
    }
    problems
}
