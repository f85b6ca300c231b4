//! Which organizations a command is about.

use std::path::Path;

use super::failure::Failure;
use crate::config::{self, ConfigError, Configuration, Organization};
use crate::roster::Rules;

/// Loads the configuration, its expressions compiled: whatever is wrong is said before anything is done.
///
/// # Errors
///
/// With everything that is wrong.
pub(super) fn load(path: &Path) -> Result<Configuration, Failure> {
    let configuration = config::load(path)?;
    let mut errors: Vec<ConfigError> = Vec::new();
    for organization in configuration.organizations.values() {
        if let Err(problems) = Rules::compile(&organization.roster) {
            errors.extend(
                problems.iter().map(|problem| configuration.error(&organization.name, &problem.key, &problem.message)),
            );
        }
    }
    if errors.is_empty() { Ok(configuration) } else { Err(errors.into()) }
}

/// The organization of this name, or all that are enabled.
///
/// # Errors
///
/// If there is none of this name, or none at all.
pub(super) fn organizations<'a>(
    configuration: &'a Configuration,
    name: Option<&str>,
) -> Result<Vec<&'a Organization>, Failure> {
    let Some(name) = name else {
        let enabled: Vec<_> = configuration.organizations.values().filter(|each| each.enabled).collect();
        return if enabled.is_empty() {
            Err(Failure::error("the configuration names no organization that is enabled"))
        } else {
            Ok(enabled)
        };
    };
    match configuration.organizations.get(name) {
        Some(organization) => Ok(vec![organization]),
        None => {
            let known: Vec<&str> = configuration.organizations.keys().map(String::as_str).collect();
            Err(Failure::usage(format!("the configuration names no organization {name}"))
                .hint(format!("it names {}", known.join(", "))))
        }
    }
}
