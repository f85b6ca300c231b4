//! Mails over SMTP.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::notice::Notice;
use super::settings::{MailSettings, MailTls};

/// How long the server may take for the whole of it. The library bounds the connection only, and a server that goes
/// silent would hold the channel up for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends one notice as one mail to all receivers.
pub(super) async fn deliver(settings: &MailSettings, notice: &Notice) -> Result<(), String> {
    let mail = mail(settings, notice)?;
    let sent = tokio::time::timeout(PATIENCE, transport(settings)?.send(mail)).await;
    let sent = sent.map_err(|_| format!("the mail server {} went silent", settings.server))?;
    sent.map(drop).map_err(|error| format!("the mail server {} did not take it: {}", settings.server, whole(&error)))
}

fn mail(settings: &MailSettings, notice: &Notice) -> Result<Message, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|_| format!("\"{text}\" is no mailbox"));
    let from = mailbox(&settings.from)?;
    // A repetition has the same id, so that mail programs show it once.
    let domain = from.email.domain().to_owned();
    let mut builder = Message::builder()
        .from(from)
        .subject(format!("[rollcall] {}", one_line(&notice.title)))
        .message_id(Some(format!("<{}@{domain}>", notice.id)))
        .header(ContentType::TEXT_PLAIN);
    for receiver in &settings.to {
        builder = builder.to(mailbox(receiver)?);
    }
    let run = notice.run.as_ref().map(|run| format!("\n\nrollcall show {run}")).unwrap_or_default();
    let body = format!("{}\n\n{}{run}\n", notice.title, notice.text());
    builder.body(body).map_err(|error| format!("the mail cannot be written: {error}"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn transport(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let tls = match settings.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(parameters(settings)?),
        MailTls::Tls => Tls::Wrapper(parameters(settings)?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.server)
        .port(settings.port())
        .timeout(Some(PATIENCE))
        .tls(tls);
    if let (Some(user), Some(place)) = (&settings.user, &settings.password) {
        let password = place.resolve().map_err(|error| error.to_string())?;
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

fn parameters(settings: &MailSettings) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(settings.server.clone());
    if let Some(path) = &settings.ca_file {
        builder = builder.certificate_store(CertificateStore::None);
        for certificate in authorities(path)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| format!("TLS with the mail server cannot be set up: {error}"))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let refuse = |problem: String| format!("ca_file {}: {problem}", path.display());
    let pem = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    const END: &str = "-----END CERTIFICATE-----";
    let parts: Vec<&str> = pem.split_inclusive(END).filter(|part| part.contains(END)).collect();
    if parts.is_empty() {
        return Err(refuse("holds no certificate in PEM form (BEGIN CERTIFICATE)".to_owned()));
    }
    let parse = |part: &str| Certificate::from_pem(part.as_bytes()).map_err(|error| refuse(error.to_string()));
    parts.into_iter().map(parse).collect()
}

/// An error with its causes. The library says what the server answered, never what we sent.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
