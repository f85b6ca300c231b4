//! Tokens that a cloud hands out to its own machines: asked for at an address beside us, without any secret of ours.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{TokenError, TokenSource};
use crate::http::{Client, HttpError, Request, Response};
use crate::secret::Secret;

/// How long before its end a token is not used any more. Clouds keep tokens themselves, and hand out a new one only
/// minutes before the old one ends.
const MARGIN: Duration = Duration::from_secs(300);

/// Makes the request for a token anew.
type Make = dyn Fn() -> Result<Request, HttpError> + Send + Sync;

/// Takes the token of an answer, and how long it lives; or says why there is none.
type Take = fn(&Response) -> Result<(Secret, Duration), String>;

/// Tokens of the identity of this machine, kept until shortly before they end.
pub struct Ambient {
    client: Client,
    make: Box<Make>,
    take: Take,
    held: Mutex<Option<Held>>,
}

struct Held {
    secret: Secret,
    ends: Instant,
}

impl Ambient {
    /// A source that asks by what `make` makes and reads answers by `take`. Nothing is sent yet.
    pub fn new(
        client: Client,
        make: impl Fn() -> Result<Request, HttpError> + Send + Sync + 'static,
        take: Take,
    ) -> Self {
        Self { client, make: Box::new(make), take, held: Mutex::new(None) }
    }

    /// Asks for a token, whatever is in hand. The cloud itself keeps tokens, so that it may be the old one.
    ///
    /// # Errors
    ///
    /// [`TokenError`], which tells an address that cannot be reached from one that refuses.
    pub async fn renew(&self) -> Result<(), TokenError> {
        *self.held.lock().await = Some(self.ask().await?);
        Ok(())
    }

    async fn ask(&self) -> Result<Held, TokenError> {
        let answer = self.client.send_fresh(&*self.make).await?;
        let (secret, life) = (self.take)(&answer).map_err(TokenError::Refused)?;
        let ends = Instant::now().checked_add(life - MARGIN.min(life / 5)).unwrap_or_else(Instant::now);
        Ok(Held { secret, ends })
    }
}

#[async_trait::async_trait]
impl TokenSource for Ambient {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        let mut held = self.held.lock().await;
        if held.as_ref().is_none_or(|token| renew || Instant::now() >= token.ends) {
            *held = Some(self.ask().await.map_err(|error| error.to_string())?);
        }
        let token = held.as_ref().map(|token| Secret::new(format!("Bearer {}", token.secret.expose())));
        token.ok_or_else(|| "there is no token".to_owned())
    }
}
