//! `rollcall check`: validates the configuration, signs in to directory and target, and says what it found.

use std::path::Path;

use rollcall_kit::{CheckFinding, CheckLevel};

use super::arguments::CheckArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::config::Organization;
use crate::report::checks::{self, Checked};
use crate::report::{self, json};
use crate::run::check_parts;

/// Checks everything that can be checked without writing anywhere.
pub(super) async fn check(config: &Path, arguments: &CheckArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let organizations = select::organizations(&configuration, arguments.organization.as_deref())?;
    let mut found = vec![Checked {
        organization: None,
        part: "configuration".to_owned(),
        findings: vec![CheckFinding::good(format!(
            "{} is sound: {} named, expressions compiled",
            config.display(),
            counted(configuration.organizations.len())
        ))],
    }];
    if !arguments.offline {
        for organization in organizations {
            found.extend(check_organization(organization).await);
        }
    }
    let document = checks::document(&found);
    report::print(&report::render(arguments.format, &document, report::columns(), || json::checks(&found)))?;
    let problem = found.iter().flat_map(|each| &each.findings).any(|each| each.level == CheckLevel::Problem);
    Ok(if problem { Exit::Error } else { Exit::Done })
}

fn counted(organizations: usize) -> String {
    if organizations == 1 { "one organization".to_owned() } else { format!("{organizations} organizations") }
}

/// Both sides of an organization; one that cannot be asked is a problem, and the other is asked all the same.
async fn check_organization(organization: &Organization) -> Vec<Checked> {
    let (directory, target) = check_parts(organization).await;
    [("directory", directory), ("target", target)]
        .into_iter()
        .map(|(part, findings)| Checked {
            organization: Some(organization.name.clone()),
            part: part.to_owned(),
            findings: findings.unwrap_or_else(|error| vec![CheckFinding::problem(error.to_string())]),
        })
        .collect()
}
