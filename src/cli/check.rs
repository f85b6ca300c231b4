//! `rollcall check`: validates the configuration, signs in to directory and target, and says what it found.

use jiff::Timestamp;
use rollcall_kit::{CheckFinding, CheckLevel};

use super::arguments::CheckArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::config::{DaemonSettings, Organization};
use crate::report::checks::{self, Checked};
use crate::report::json;
use crate::run::{check_parts, has_snapshot};
use crate::schedule::{Due, Forbids, Schedule};
use crate::watch::traces;

/// So many runs to come are shown.
const SHOWN: usize = 5;

/// Checks everything that can be checked without writing anywhere.
pub(super) async fn check(place: &Place<'_>, arguments: &CheckArguments) -> Result<Exit, Failure> {
    let configuration = place.configuration;
    let organizations = select::organizations(configuration, arguments.organization.as_deref())?;
    let mut found = vec![Checked {
        organization: None,
        part: "configuration".to_owned(),
        findings: vec![CheckFinding::good(format!(
            "{} is sound: {} named, expressions compiled",
            place.config.display(),
            counted(configuration.organizations.len())
        ))],
    }];
    if configuration.daemon.traces.is_some() && !traces::BUILT_IN {
        found[0].findings.push(CheckFinding::warning(traces::NOT_BUILT_IN));
    }
    let now = Timestamp::now();
    for organization in organizations {
        found.push(schedule(organization, &configuration.daemon, now));
        if !arguments.offline {
            if has_snapshot(organization, &configuration.state_dir) {
                found.push(snapshot(place, organization).await);
            }
            found.extend(check_organization(organization).await);
        }
    }
    let document = checks::document(&found);
    place.show(arguments.format, &document, || json::checks(&found))?;
    let problem = found.iter().flat_map(|each| &each.findings).any(|each| each.level == CheckLevel::Problem);
    Ok(if problem { Exit::Error } else { Exit::Done })
}

fn counted(organizations: usize) -> String {
    if organizations == 1 { "one organization".to_owned() } else { format!("{organizations} organizations") }
}

/// When the daemon runs an organization next, by the clocks of its schedule.
fn schedule(organization: &Organization, daemon: &DaemonSettings, now: Timestamp) -> Checked {
    let schedule = Schedule::new(&organization.schedule, &organization.name, daemon.quarantine);
    let told = |due: &Due| {
        let at = schedule.in_zone(due.at).strftime("%a %Y-%m-%d %H:%M:%S %Z");
        format!("{at} ({})", due.depth.word())
    };
    let next: Vec<String> = schedule.upcoming(now, SHOWN).iter().map(told).collect();
    let mut findings = vec![if organization.enabled {
        CheckFinding::good(format!("the daemon's next runs: {}", next.join(", ")))
    } else {
        CheckFinding::warning("the organization is switched off, so the daemon does not run it")
    }];
    if let Some(open) = organization.blackouts.at(now) {
        let what = match open.forbids {
            Forbids::Removals => "removed",
            Forbids::Writes => "written",
        };
        let until = schedule.in_zone(open.until).strftime("%a %Y-%m-%d %H:%M %Z").to_string();
        findings.push(CheckFinding::warning(format!("a blackout is open: nothing is {what} before {until}")));
    }
    Checked { organization: Some(organization.name.clone()), part: "schedule".to_owned(), findings }
}

/// Counts every record of an organization's snapshot.
async fn snapshot(place: &Place<'_>, organization: &Organization) -> Checked {
    let verdict = match place.store(organization).await {
        Ok(store) => store.verify().map_err(|error| error.to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    let finding = match verdict {
        Ok(None) => CheckFinding::good("every record was counted, and matches the seal"),
        Ok(Some(reason)) => CheckFinding::problem(format!(
            "it does not match its seal: {reason}. The next run removes nothing, and rebuilds it from the directory and the \
             target"
        )),
        Err(error) => CheckFinding::problem(error),
    };
    Checked { organization: Some(organization.name.clone()), part: "snapshot".to_owned(), findings: vec![finding] }
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
