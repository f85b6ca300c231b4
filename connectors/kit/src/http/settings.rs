//! What an administrator can set about connections.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::HttpError;
use crate::HumanDuration;
use crate::settings::{Problem, Problems};

/// How a client connects. Every field has a default; see [`Default`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// A PEM file with certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate and key that we prove ourselves with.
    pub client_certificate: Option<PathBuf>,
    /// A proxy URL; without one, the environment's `HTTPS_PROXY` and `NO_PROXY` count.
    pub proxy: Option<Url>,
    /// How long a connection may take to stand.
    pub connect_timeout: HumanDuration,
    /// How long an answer may send no byte before it counts as dead.
    pub idle_timeout: HumanDuration,
    /// How long one whole exchange may take, one attempt.
    pub timeout: HumanDuration,
    /// The largest answer that is accepted, in MiB.
    pub max_body_mib: u64,
    /// How often a request that is safe to repeat is sent at most, the first time included.
    pub attempts: u32,
    /// The longest `Retry-After` that a run waits for; a longer one ends the run for now.
    pub max_wait: HumanDuration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            client_certificate: None,
            proxy: None,
            connect_timeout: HumanDuration::seconds(10),
            idle_timeout: HumanDuration::seconds(60),
            timeout: HumanDuration::seconds(120),
            max_body_mib: 64,
            attempts: 5,
            max_wait: HumanDuration::seconds(300),
        }
    }
}

impl HttpSettings {
    /// Lets relative paths start at this folder.
    pub fn start_at(&mut self, folder: &Path) {
        for path in [&mut self.ca_file, &mut self.client_certificate].into_iter().flatten() {
            *path = folder.join(&path);
        }
    }

    /// What is wrong with them: bounds under which no request could ever succeed, or which no run could wait for, and
    /// a secret in the proxy's URL.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        let lengths = [
            ("connect_timeout", self.connect_timeout, HumanDuration::seconds(3_600)),
            ("idle_timeout", self.idle_timeout, HumanDuration::seconds(3_600)),
            ("timeout", self.timeout, HumanDuration::seconds(86_400)),
        ];
        for (name, value, most) in lengths {
            let is_wrong = value.is_zero() || value > most;
            problems.add_if(is_wrong, name, format!("`{name}` must be between \"1s\" and \"{most}\""));
        }
        for (name, value, most) in [("max_body_mib", self.max_body_mib, 4_096), ("attempts", self.attempts.into(), 20)]
        {
            let is_wrong = !(1..=most).contains(&value);
            problems.add_if(is_wrong, name, format!("`{name}` must be a whole number from 1 to {most}"));
        }
        problems.add_if(
            self.proxy.as_ref().is_some_and(|proxy| proxy.password().is_some()),
            "proxy",
            "proxy holds a password, and settings hold no secrets; put the proxy with its password into the environment \
             variable HTTPS_PROXY instead",
        );
        problems.all()
    }

    /// Refuses settings that have problems.
    ///
    /// # Errors
    ///
    /// [`HttpError::Settings`] with all of them.
    pub(super) fn validate(&self) -> Result<(), HttpError> {
        let messages: Vec<String> = self.problems().into_iter().map(|problem| problem.message).collect();
        if messages.is_empty() { Ok(()) } else { Err(HttpError::Settings(messages.join("; "))) }
    }

    /// The largest answer that is accepted, in bytes.
    pub(super) fn max_body(&self) -> usize {
        usize::try_from(self.max_body_mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert!(HttpSettings::default().validate().is_ok());
    }

    #[test]
    fn a_bound_of_zero_is_refused_by_name() {
        let settings = HttpSettings { idle_timeout: HumanDuration::seconds(0), ..HttpSettings::default() };
        let error = settings.validate().unwrap_err().to_string();
        assert_eq!(error, "`idle_timeout` must be between \"1s\" and \"1h\"");
    }

    #[test]
    fn a_password_in_the_proxy_setting_is_refused_and_not_repeated() {
        let proxy = Some(Url::parse("http://user:hunter2@proxy.internal:3128").unwrap());
        let error = HttpSettings { proxy, ..HttpSettings::default() }.validate().unwrap_err().to_string();
        assert!(error.contains("HTTPS_PROXY"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_unknown_setting_is_an_error() {
        let error = serde_json::from_str::<HttpSettings>(r#"{"retries": 3}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `retries`"), "{error}");
    }

    #[test]
    fn a_body_bound_beyond_memory_does_not_overflow() {
        let settings = HttpSettings { max_body_mib: u64::MAX, ..HttpSettings::default() };
        assert_eq!(settings.max_body(), usize::MAX);
    }
}
