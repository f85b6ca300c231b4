//! The settings of notifications: whom to tell what, and how.

use std::path::{Path, PathBuf};

use rollcall_kit::HumanDuration;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::notice::{Kind, Notice};

/// The seconds of a day.
const DAY: u32 = 86_400;

/// Whom to tell what, and how. Everybody is told once for each state and not once for each run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotifySettings {
    /// After how many failed runs in a row a failure is told.
    #[schemars(range(min = 1))]
    pub failed_after: u32,
    /// How long before the end of a secret or certificate it is told, in days.
    pub before_expiry: Vec<HumanDuration>,
    /// Web addresses that are told.
    pub webhook: Vec<WebhookSettings>,
    /// Mailboxes that are told.
    pub mail: Vec<MailSettings>,
    /// Programs that are told.
    pub command: Vec<CommandSettings>,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            failed_after: 1,
            before_expiry: [30, 7, 1].map(|days| HumanDuration::seconds(days * DAY)).to_vec(),
            webhook: Vec::new(),
            mail: Vec::new(),
            command: Vec::new(),
        }
    }
}

impl NotifySettings {
    /// Lets relative paths start at this folder.
    pub fn start_at(&mut self, folder: &Path) {
        for webhook in &mut self.webhook {
            webhook.secret.iter_mut().chain(&mut webhook.secret_url).for_each(|secret| secret.start_at(folder));
            webhook.http.start_at(folder);
        }
        for mail in &mut self.mail {
            mail.password.iter_mut().for_each(|secret| secret.start_at(folder));
            mail.ca_file.iter_mut().for_each(|path| *path = folder.join(&path));
        }
        for command in &mut self.command {
            command.program = folder.join(&command.program);
        }
    }

    /// The days before the end of a secret or certificate on which it is told.
    pub(super) fn expiry_days(&self) -> Vec<u32> {
        self.before_expiry.iter().map(|before| before.as_seconds() / DAY).collect()
    }

    /// What a schema cannot say: the key within these settings, and what is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut find = |key: String, problem: Result<(), String>| {
            if let Err(message) = problem {
                problems.push((key, message));
            }
        };
        for (index, webhook) in self.webhook.iter().enumerate() {
            find(format!("webhook[{index}]"), webhook.check());
            for found in webhook.http.problems() {
                find(format!("webhook[{index}].http.{}", found.key), Err(found.message));
            }
        }
        for (index, mail) in self.mail.iter().enumerate() {
            find(format!("mail[{index}]"), mail.check());
        }
        for (index, command) in self.command.iter().enumerate() {
            find(format!("command[{index}].timeout"), command.check());
        }
        for (index, before) in self.before_expiry.iter().enumerate() {
            let is_in_days = !before.is_zero() && before.as_seconds() % DAY == 0;
            let message = "ends of secrets are told on days: write whole days, such as \"30d\"";
            find(format!("before_expiry[{index}]"), if is_in_days { Ok(()) } else { Err(message.to_owned()) });
        }
        problems
    }
}

/// Which notices a channel takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste<'a> {
    /// The kinds; all of them if empty.
    pub kinds: &'a [Kind],
    /// The organizations; all of them if empty.
    pub organizations: &'a [String],
}

impl Taste<'_> {
    /// Whether it takes this one.
    pub(super) fn takes(self, notice: &Notice) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&notice.kind))
            && (self.organizations.is_empty() || self.organizations.contains(&notice.organization))
    }
}

/// How the body of a webhook looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Our own JSON, signed as Standard Webhooks says.
    #[default]
    Standard,
    /// A message for an incoming webhook of Slack, or of whatever understands that.
    Slack,
    /// An adaptive card for a workflow of Microsoft Teams.
    Teams,
}

/// A web address that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The address.
    pub url: Option<Url>,
    /// Where the address is, if whoever knows it may write there, as with Slack and Teams.
    pub secret_url: Option<SecretRef>,
    /// How the body looks.
    #[serde(default)]
    pub shape: Shape,
    /// Where the key of the signature is (`whsec_…`); the shape `standard` needs it.
    pub secret: Option<SecretRef>,
    /// Which kinds of notices it takes; all of them if this is empty.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Of which organizations; of all if this is empty.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
}

impl WebhookSettings {
    fn check(&self) -> Result<(), String> {
        match (&self.url, &self.secret_url) {
            (None, None) => Err("name the address in `url`, or where it is in `secret_url`".to_owned()),
            (Some(_), Some(_)) => Err("`url` and `secret_url` both name the address; keep one".to_owned()),
            _ => match (self.shape, &self.secret) {
                (Shape::Standard, None) => {
                    Err("a webhook of the shape \"standard\" is signed; say in `secret` where the key (whsec_…) is"
                        .to_owned())
                }
                (Shape::Slack | Shape::Teams, Some(_)) => {
                    Err("nobody checks a signature there; remove `secret`, or set shape = \"standard\"".to_owned())
                }
                _ => Ok(()),
            },
        }
    }

    pub(super) fn taste(&self) -> Taste<'_> {
        Taste { kinds: &self.kinds, organizations: &self.organizations }
    }
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// It switches to TLS before anything else is said (port 587).
    #[default]
    Starttls,
    /// It begins with TLS (port 465).
    Tls,
    /// It is not: for a server on this machine (port 25).
    None,
}

/// A mailbox that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server's name.
    pub server: String,
    /// Its port; that which belongs to `tls` if absent.
    pub port: Option<u16>,
    /// How the connection is protected: `starttls`, `tls`, or `none` for a server on this machine.
    #[serde(default)]
    pub tls: MailTls,
    /// A PEM file with certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The user to sign in as, if the server wants that.
    pub user: Option<String>,
    /// Where the password is.
    pub password: Option<SecretRef>,
    /// The sender.
    pub from: String,
    /// The receivers.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// Which kinds of notices it takes; all of them if this is empty.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Of which organizations; of all if this is empty.
    #[serde(default)]
    pub organizations: Vec<String>,
}

impl MailSettings {
    fn check(&self) -> Result<(), String> {
        if self.to.is_empty() {
            return Err("`to` names nobody; name at least one mailbox".to_owned());
        }
        for address in self.to.iter().chain([&self.from]) {
            address
                .parse::<lettre::message::Mailbox>()
                .map_err(|_| format!("\"{address}\" is no mailbox; write ada@acme.com or Ada King <ada@acme.com>"))?;
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("`user` and `password` belong together; set both or none".to_owned());
        }
        let here = self.server == "localhost"
            || self.server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if self.tls == MailTls::None && !here {
            return Err(
                "`tls` = \"none\" is for a server on this machine; mails would cross the network for everybody to read. \
                 Use \"starttls\" or \"tls\""
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The port to connect to.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Starttls => 587,
            MailTls::Tls => 465,
            MailTls::None => 25,
        })
    }

    pub(super) fn taste(&self) -> Taste<'_> {
        Taste { kinds: &self.kinds, organizations: &self.organizations }
    }
}

/// A program that is told: the notice comes as JSON on its standard input. It gets no shell and no environment but
/// `PATH` and the variables that begin with `ROLLCALL_`, and it cannot become another user: `sudo` does not work in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// How long it may take before it is ended and counts as failed, from `"1s"` to `"10m"`.
    #[serde(default = "half_a_minute")]
    pub timeout: HumanDuration,
    /// Which kinds of notices it takes; all of them if this is empty.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Of which organizations; of all if this is empty.
    #[serde(default)]
    pub organizations: Vec<String>,
}

impl CommandSettings {
    fn check(&self) -> Result<(), String> {
        let is_sound = !self.timeout.is_zero() && self.timeout <= HumanDuration::seconds(600);
        if is_sound { Ok(()) } else { Err("`timeout` must be between \"1s\" and \"10m\"".to_owned()) }
    }

    pub(super) fn taste(&self) -> Taste<'_> {
        Taste { kinds: &self.kinds, organizations: &self.organizations }
    }
}

fn half_a_minute() -> HumanDuration {
    HumanDuration::seconds(30)
}
