//! The parts of a service account's key file that are no secret, and whether what it says may be believed.
//!
//! The file comes from somebody's hands, and it names where its assertions are sent. Only Google's own endpoints are
//! taken from it: any other would be somebody else's way to our assertions.

use rollcall_kit::secret::SecretRef;
use serde::Deserialize;
use url::Url;

/// Google's token endpoint.
pub(crate) const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The endpoints that key files have named over the years.
const KNOWN: [&str; 4] = [
    TOKEN_URL,
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://www.googleapis.com/oauth2/v3/token",
];

/// Google's own universe, where the Admin SDK is.
const UNIVERSE: &str = "googleapis.com";

/// Who the service account is, and where it asks for tokens.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) token_url: Url,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(default, rename = "type")]
    kind: String,
    client_email: Option<String>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
}

/// Reads who the account is. Nothing of the key leaves this function.
pub(crate) fn account(file: &SecretRef, token_url: Option<&Url>) -> Result<Account, String> {
    let place = match file {
        SecretRef::File(path) => format!("the key file {}", path.display()),
        SecretRef::Env(name) => format!("the key file in the environment variable {name}"),
        SecretRef::Credential(name) => format!("the key file in the credential {name}"),
    };
    let text = file.resolve().map_err(|error| error.to_string())?;
    read(text.expose(), token_url).map_err(|problem| format!("{place} {problem}"))
}

fn read(text: &str, token_url: Option<&Url>) -> Result<Account, String> {
    // serde's own words quote the text that they stumble over, which may be the key.
    let file: KeyFile = serde_json::from_str(text).map_err(|error| {
        format!(
            "is not the JSON file that Google Cloud hands out for a service account (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if file.kind != "service_account" {
        return Err(format!("is of the type {:?}; make a key (JSON) for a service account", file.kind));
    }
    let email = file.client_email.map(|email| email.trim().to_owned()).filter(|email| !email.is_empty());
    let email = email.ok_or("names no client_email; download it anew")?;
    if let Some(url) = token_url {
        return Ok(Account { email, token_url: url.clone() });
    }
    if let Some(universe) = file.universe_domain.filter(|universe| universe != UNIVERSE) {
        return Err(format!("belongs to the universe {universe:?}, and Google Workspace is in {UNIVERSE}"));
    }
    let named = file.token_uri.unwrap_or_else(|| TOKEN_URL.to_owned());
    if !KNOWN.contains(&&*named) {
        return Err(format!(
            "names a token endpoint that is not Google's ({named:?}), and nothing was sent there; if it is meant, write it \
             as token_url"
        ));
    }
    let token_url = Url::parse(&named).map_err(|_| "names a token endpoint that is no URL".to_owned())?;
    Ok(Account { email, token_url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_googles_own_endpoints_are_taken_from_a_key_file() {
        let file = |token_uri: &str| {
            format!(r#"{{"type": "service_account", "client_email": "r@p.example", "token_uri": "{token_uri}"}}"#)
        };
        for known in KNOWN {
            assert_eq!(read(&file(known), None).unwrap().token_url.as_str(), known);
        }
        for hostile in [
            "https://evil.example/token",
            "http://oauth2.googleapis.com/token",
            "https://oauth2.googleapis.com.evil.example/token",
            "https://oauth2.googleapis.com@evil.example/token",
            "",
        ] {
            let error = read(&file(hostile), None).unwrap_err();
            assert!(error.contains("not Google's") && error.contains("token_url"), "{error}");
        }
        let own = Url::parse("https://gateway.internal/token").unwrap();
        assert_eq!(read(&file("https://evil.example/token"), Some(&own)).unwrap().token_url, own);
    }

    #[test]
    fn what_is_no_key_file_is_named_and_not_quoted() {
        for (text, expected) in [
            (r#"{"private_key": "hunter2","#, "JSON file"),
            (r#"{"type": "authorized_user", "client_id": "hunter2"}"#, "authorized_user"),
            (r#"{"type": "service_account", "private_key": "hunter2"}"#, "client_email"),
            (r#"{"type": "service_account", "client_email": "a@b", "universe_domain": "other.example"}"#, "universe"),
        ] {
            let error = read(text, None).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
    }
}
