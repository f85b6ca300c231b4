//! The connector of a REST directory: it keeps reads within their time, and what look-ups found out for the next ones.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::interface::Interface;
use crate::settings::{DirectorySettings, refuse};
use crate::{
    Address, Capabilities, Certificate, Changes, CheckFinding, Connector, Cursor, DirectoryId, DirectoryUser, Entries,
    HumanDuration, LookUp, ReadError,
};

/// What one provider does of its own: how it is spoken to, and how it is read.
#[async_trait]
pub trait Provider: Sized + Send + Sync + 'static {
    /// What is set.
    type Settings: DirectorySettings;
    /// The interface, as one identity sees it.
    type Api: Interface + Send + Sync;
    /// What look-ups share.
    type Desk: Desk<Self>;

    /// The interface; `first_pause` is the first pause between attempts, where the provider states none. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ReadError::Settings`] for what cannot work.
    fn api(settings: &Self::Settings, first_pause: Option<Duration>) -> Result<Self::Api, ReadError>;

    /// What it can do with these settings.
    fn capabilities(settings: &Self::Settings) -> Capabilities;

    /// How long a read may take.
    fn read_timeout(settings: &Self::Settings) -> HumanDuration;

    /// As [`Connector::check`].
    async fn check(settings: &Self::Settings, api: &Self::Api) -> Result<Vec<CheckFinding>, ReadError>;

    /// As [`Connector::read`].
    async fn read(settings: &Self::Settings, api: &Self::Api, entries: Entries) -> Result<Certificate, ReadError>;

    /// As [`Connector::cursor`].
    async fn cursor(settings: &Self::Settings, api: &Self::Api) -> Result<Option<Cursor>, ReadError>;

    /// As [`Connector::read_changes`].
    async fn read_changes(
        settings: &Self::Settings,
        api: &Self::Api,
        since: &Cursor,
        entries: Entries,
    ) -> Result<Option<Changes>, ReadError>;

    /// As [`Connector::secret_ends`].
    async fn secret_ends(_settings: &Self::Settings, _api: &Self::Api) -> Vec<(String, Timestamp)> {
        Vec::new()
    }
}

/// What look-ups share, because a run may confirm many people in a row: who is within reach, and what was proved of the
/// identity that asks.
#[async_trait]
pub trait Desk<P: Provider>: Sized + Send {
    /// How many users are looked up with about the effort of one.
    const BATCH: usize = 1;

    /// Finds out what look-ups need.
    async fn open(api: &P::Api, settings: &P::Settings) -> Result<Self, ReadError>;

    /// As [`Connector::look_up_many`].
    async fn users(
        &mut self,
        api: &P::Api,
        settings: &P::Settings,
        ids: &[DirectoryId],
    ) -> Result<Vec<LookUp>, ReadError>;

    /// As [`Connector::look_up_address`].
    async fn address(
        &mut self,
        api: &P::Api,
        settings: &P::Settings,
        address: &Address,
    ) -> Result<Vec<DirectoryUser>, ReadError>;

    /// As [`Connector::look_up_group`].
    async fn group(
        &mut self,
        api: &P::Api,
        settings: &P::Settings,
        id: &DirectoryId,
    ) -> Result<Option<String>, ReadError>;
}

/// How long it is believed what was found out about the reach and the identity.
const FRESH: Duration = Duration::from_secs(300);

/// The connector of one directory behind a REST interface.
pub struct RestConnector<P: Provider> {
    settings: P::Settings,
    api: P::Api,
    /// What look-ups share, and since when.
    desk: Mutex<Option<(Instant, P::Desk)>>,
}

impl<P: Provider> RestConnector<P> {
    /// Makes a connector from its settings. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ReadError::Settings`], naming the settings and what to write instead.
    pub fn new(settings: P::Settings) -> Result<Self, ReadError> {
        refuse(&settings.problems())?;
        let api = P::api(&settings, None)?;
        Ok(Self { settings, api, desk: Mutex::new(None) })
    }

    /// The same connector with another first pause between attempts, where the provider states none: for tests, which
    /// cannot wait.
    ///
    /// # Errors
    ///
    /// As [`RestConnector::new`].
    pub fn with_back_off(self, first: Duration) -> Result<Self, ReadError> {
        let api = P::api(&self.settings, Some(first))?;
        Ok(Self { api, ..self })
    }

    /// Where the directory is read, as sentences and certificates name it.
    #[must_use]
    pub fn server(&self) -> &str {
        self.api.server()
    }

    /// A read within the time that the settings give it.
    async fn in_time<T>(&self, read: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        let longest = P::read_timeout(&self.settings);
        tokio::time::timeout(longest.duration(), read).await.unwrap_or_else(|_| {
            Err(ReadError::incomplete("directory", format!("it took longer than {longest} (read_timeout)")))
        })
    }

    /// A desk for one look-up: the kept one, or a new one. Two look-ups at once have two.
    async fn desk(&self) -> Result<(Instant, P::Desk), ReadError> {
        match self.desk.lock().await.take().filter(|(since, _)| since.elapsed() < FRESH) {
            Some(desk) => Ok(desk),
            None => {
                let since = Instant::now();
                Ok((since, P::Desk::open(&self.api, &self.settings).await?))
            }
        }
    }

    /// Keeps the desk for the next look-up, unless this one failed.
    async fn keep<T>(&self, desk: (Instant, P::Desk), answer: &Result<T, ReadError>) {
        if answer.is_ok() {
            *self.desk.lock().await = Some(desk);
        }
    }
}

#[async_trait]
impl<P: Provider> Connector for RestConnector<P> {
    fn kind(&self) -> &'static str {
        P::Settings::KIND
    }

    fn capabilities(&self) -> Capabilities {
        P::capabilities(&self.settings)
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        P::check(&self.settings, &self.api).await
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        self.in_time(P::read(&self.settings, &self.api, entries)).await
    }

    async fn secret_ends(&self) -> Vec<(String, Timestamp)> {
        P::secret_ends(&self.settings, &self.api).await
    }

    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        self.in_time(P::cursor(&self.settings, &self.api)).await
    }

    async fn read_changes(&self, since: &Cursor, entries: Entries) -> Result<Option<Changes>, ReadError> {
        self.in_time(P::read_changes(&self.settings, &self.api, since, entries)).await
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let answer = self.look_up_many(std::slice::from_ref(id)).await?.pop();
        answer.ok_or_else(|| ReadError::incomplete("look-up", "it was not answered"))
    }

    fn look_up_batch(&self) -> usize {
        P::Desk::BATCH
    }

    async fn look_up_many(&self, ids: &[DirectoryId]) -> Result<Vec<LookUp>, ReadError> {
        let (since, mut desk) = self.desk().await?;
        let answer = desk.users(&self.api, &self.settings, ids).await;
        self.keep((since, desk), &answer).await;
        answer
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        let (since, mut desk) = self.desk().await?;
        let answer = desk.address(&self.api, &self.settings, address).await;
        self.keep((since, desk), &answer).await;
        answer
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let (since, mut desk) = self.desk().await?;
        let answer = desk.group(&self.api, &self.settings, id).await;
        self.keep((since, desk), &answer).await;
        answer
    }
}
