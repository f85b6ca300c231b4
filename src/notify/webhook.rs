//! Webhooks: one POST, received when the answer is a success.

use rollcall_kit::http::{Client, HeaderName, HeaderValue, Method, Repeat, Request};
use rollcall_kit::secret::Secret;
use url::Url;

use super::body::body;
use super::notice::Notice;
use super::settings::{Shape, WebhookSettings};
use super::signature::sign;

/// What people call the webhook in a log: never more of a secret address than that there is one.
pub(super) fn label(settings: &WebhookSettings) -> String {
    match &settings.url {
        Some(url) => format!("the webhook at {}", url.origin().ascii_serialization()),
        None => "the webhook of a secret address".to_owned(),
    }
}

/// Sends one notice. A repetition carries the same id, so that the receiver can tell it, and is safe for that reason.
pub(super) async fn deliver(settings: &WebhookSettings, notice: &Notice) -> Result<(), String> {
    let body = serde_json::to_vec(&body(notice, settings.shape)).map_err(|error| error.to_string())?;
    let client = client(settings)?;
    let make = || {
        let json = HeaderValue::from_static("application/json");
        let mut request = Request {
            body: Some(body.clone().into()),
            method: Method::POST,
            repeat: Repeat::Safe,
            ..Request::get(client.base()).class("notify")
        }
        .header(HeaderName::from_static("content-type"), json);
        if settings.shape == Shape::Standard {
            let signed = signed_headers(settings, notice, &body).map_err(rollcall_kit::http::HttpError::Settings)?;
            for (name, value) in signed {
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        Ok(request)
    };
    let answer = client.send_fresh(&make).await.map_err(|error| error.to_string())?;
    match answer.status {
        200..300 => Ok(()),
        status => Err(format!("the answer was {status}, which is no success")),
    }
}

fn client(settings: &WebhookSettings) -> Result<Client, String> {
    let (url, is_secret) = match (&settings.url, &settings.secret_url) {
        (Some(url), _) => (url.clone(), false),
        (None, Some(place)) => (secret_url(&place.resolve().map_err(|error| error.to_string())?)?, true),
        (None, None) => return Err("the webhook has no address".to_owned()),
    };
    let client = Client::new(url, settings.http.clone(), None).map_err(|error| error.to_string())?;
    Ok(if is_secret { client.with_secret_path() } else { client })
}

fn secret_url(text: &Secret) -> Result<Url, String> {
    let url = Url::parse(text.expose()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "what `secret_url` refers to is no http or https URL without a password".to_owned())
}

/// The three headers of the standard. The time is that of the attempt: receivers refuse old ones.
fn signed_headers(
    settings: &WebhookSettings,
    notice: &Notice,
    body: &[u8],
) -> Result<[(&'static str, HeaderValue); 3], String> {
    let key = settings.secret.as_ref().ok_or("the webhook has no key to sign with")?;
    let key = key.resolve().map_err(|error| error.to_string())?;
    let now = jiff::Timestamp::now();
    let signature = sign(&key, &notice.id, now, body)?;
    let header = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    Ok([
        ("webhook-id", header(&notice.id)?),
        ("webhook-timestamp", header(&now.as_second().to_string())?),
        ("webhook-signature", header(&signature)?),
    ])
}
