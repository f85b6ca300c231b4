//! A token that somebody else issued and put where a [`SecretRef`] points.

use std::sync::{Mutex, PoisonError};

use super::TokenSource;
use crate::secret::{Secret, SecretRef};

/// A fixed token, sent as `Bearer` (RFC 6750) unless told otherwise. Kept after its first use, and read anew from its reference when it is refused, so
/// that a rotated file or credential is picked up without a restart.
pub struct BearerToken {
    scheme: &'static str,
    reference: SecretRef,
    held: Mutex<Option<Secret>>,
}

impl BearerToken {
    /// A token that is read when it is first needed.
    #[must_use]
    pub fn new(reference: SecretRef) -> Self {
        Self::with_scheme("Bearer", reference)
    }

    /// The same under a provider's own scheme, such as Okta's `SSWS`.
    #[must_use]
    pub fn with_scheme(scheme: &'static str, reference: SecretRef) -> Self {
        Self { scheme, reference, held: Mutex::new(None) }
    }
}

#[async_trait::async_trait]
impl TokenSource for BearerToken {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let token = match held.take() {
            Some(token) if !renew => token,
            _ => self.reference.resolve().map_err(|error| error.to_string())?,
        };
        let header = Secret::new(format!("{} {}", self.scheme, token.expose()));
        *held = Some(token);
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn write(path: &Path, token: &str) {
        std::fs::write(path, token).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[tokio::test]
    async fn a_rotated_file_is_read_anew_only_when_the_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "first\n");
        let token = BearerToken::new(SecretRef::File(path.clone()));
        assert_eq!(token.authorization(false).await.unwrap().expose(), "Bearer first");
        write(&path, "second\n");
        assert_eq!(token.authorization(false).await.unwrap().expose(), "Bearer first");
        assert_eq!(token.authorization(true).await.unwrap().expose(), "Bearer second");
        assert_eq!(token.authorization(false).await.unwrap().expose(), "Bearer second");
    }

    #[tokio::test]
    async fn a_token_is_sent_under_its_providers_own_scheme() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "00abc");
        let token = BearerToken::with_scheme("SSWS", SecretRef::File(path));
        assert_eq!(token.authorization(false).await.unwrap().expose(), "SSWS 00abc");
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_named_and_read_again_once_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = BearerToken::new(SecretRef::File(path.clone()));
        let error = token.authorization(false).await.err().unwrap();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        write(&path, "now");
        assert_eq!(token.authorization(false).await.unwrap().expose(), "Bearer now");
    }
}
