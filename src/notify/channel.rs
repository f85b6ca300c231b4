//! A way to tell somebody: what it takes, who it is, and one delivery.

use super::notice::Notice;
use super::settings::{CommandSettings, MailSettings, NotifySettings, Taste, WebhookSettings};
use super::{command, mail, webhook};

/// One configured way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Channel<'a> {
    Webhook(&'a WebhookSettings),
    Mail(&'a MailSettings),
    Command(&'a CommandSettings),
}

impl<'a> Channel<'a> {
    /// Every way that is configured.
    pub(super) fn all(settings: &'a NotifySettings) -> Vec<Self> {
        let webhooks = settings.webhook.iter().map(Self::Webhook);
        webhooks.chain(settings.mail.iter().map(Self::Mail)).chain(settings.command.iter().map(Self::Command)).collect()
    }

    /// Who it is, over restarts and changes of the others: what waits for a channel waits under this.
    pub(super) fn id(self) -> String {
        let (kind, settings) = match self {
            Self::Webhook(settings) => ("webhook", serde_json::to_vec(&(&settings.url, &settings.secret_url))),
            Self::Mail(settings) => ("mail", serde_json::to_vec(&(&settings.server, &settings.to))),
            Self::Command(settings) => ("command", serde_json::to_vec(&(&settings.program, &settings.arguments))),
        };
        format!("{kind}-{}", &blake3::hash(&settings.unwrap_or_default()).to_hex()[..12])
    }

    /// What people call it in a log.
    pub(super) fn label(self) -> String {
        match self {
            Self::Webhook(settings) => webhook::label(settings),
            Self::Mail(settings) => format!("the mail to {}", settings.to.join(", ")),
            Self::Command(settings) => format!("the command {}", settings.program.display()),
        }
    }

    /// Which notices it takes.
    pub(super) fn taste(self) -> Taste<'a> {
        match self {
            Self::Webhook(settings) => settings.taste(),
            Self::Mail(settings) => settings.taste(),
            Self::Command(settings) => settings.taste(),
        }
    }

    /// Tells it one notice.
    ///
    /// # Errors
    ///
    /// Why it was not received, without any secret.
    pub(super) async fn deliver(self, notice: &Notice) -> Result<(), String> {
        match self {
            Self::Webhook(settings) => webhook::deliver(settings, notice).await,
            Self::Mail(settings) => mail::deliver(settings, notice).await,
            Self::Command(settings) => command::deliver(settings, notice).await,
        }
    }
}
