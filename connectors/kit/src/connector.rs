//! The [`Connector`] trait: what the engine asks of every kind of directory.

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{Address, Certificate, Changes, Container, Cursor, DirectoryGroup, DirectoryId, DirectoryUser};

/// Where a connector sends what it reads. The channel is bounded, so a slow consumer slows the read and memory stays
/// bounded whatever the directory's size.
#[derive(Clone, Debug)]
pub struct Entries(mpsc::Sender<Entry>);

impl Entries {
    /// A channel that holds at most `bound` entries.
    #[must_use]
    pub fn channel(bound: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (sender, receiver) = mpsc::channel(bound);
        (Self(sender), receiver)
    }

    /// Hands over one entry.
    ///
    /// # Errors
    ///
    /// [`ReadError::Cancelled`] if nobody listens any more.
    pub async fn send(&self, entry: Entry) -> Result<(), ReadError> {
        self.0.send(entry).await.map_err(|_| ReadError::Cancelled)
    }

    /// Hands over several entries, in their order. A sender that waits for room waits once for many and not once
    /// for each; a fast reader on a thread of its own spends most of its time so.
    ///
    /// # Errors
    ///
    /// [`ReadError::Cancelled`] if nobody listens any more.
    pub async fn send_all(&self, entries: Vec<Entry>) -> Result<(), ReadError> {
        // More permits than the channel has room for would never be had.
        let room = self.0.max_capacity().div_ceil(2);
        let mut entries = entries.into_iter();
        while entries.len() > 0 {
            let permits = self.0.reserve_many(entries.len().min(room)).await.map_err(|_| ReadError::Cancelled)?;
            for (permit, entry) in permits.zip(&mut entries) {
                permit.send(entry);
            }
        }
        Ok(())
    }

    /// Hands over one user.
    ///
    /// # Errors
    ///
    /// As [`Entries::send`].
    pub async fn user(&self, user: DirectoryUser) -> Result<(), ReadError> {
        self.send(Entry::User(Box::new(user))).await
    }

    /// Hands over one group.
    ///
    /// # Errors
    ///
    /// As [`Entries::send`].
    pub async fn group(&self, group: DirectoryGroup) -> Result<(), ReadError> {
        self.send(Entry::Group(Box::new(group))).await
    }
}

/// One thing that a connector read.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A user; a deleted one that the directory still shows comes as inactive.
    User(Box<DirectoryUser>),
    /// A group with its direct members.
    Group(Box<DirectoryGroup>),
    /// A record whose owner is known but which cannot be understood. They are held as they are, and named.
    Unreadable(Unreadable),
}

/// A record that stops only itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Unreadable {
    /// Whose record it is. A record without even an id is no entry but an incomplete read.
    pub id: DirectoryId,
    /// What people call it: a login, a DN.
    pub label: String,
    /// What is wrong with it, in a sentence.
    pub problem: String,
}

/// What a connector can do beyond a full read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// It can read groups and memberships.
    pub groups: bool,
    /// It can read what changed since a cursor.
    pub incremental: bool,
    /// Deleted or disabled users appear as positive records.
    pub shows_inactive: bool,
    /// It knows assignment to the application.
    pub assignment: bool,
    /// Its groups may go on naming people who were deleted, so that such a name proves nothing.
    pub leaves_names: bool,
}

/// The answer to a look-up of one user by id.
#[derive(Clone, Debug, PartialEq)]
pub enum LookUp {
    /// The directory holds them within what this connector reads: a read that missed them was wrong.
    Found(Box<DirectoryUser>),
    /// The directory holds them outside of what this connector reads; the text says where and by which setting.
    OutOfReach(Box<DirectoryUser>, String),
    /// The directory, asked for this id, says that there is nobody.
    Gone,
}

/// How a finding of `check` should be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    /// As it should be.
    Good,
    /// Works, but somebody should look.
    Warning,
    /// Will not work.
    Problem,
}

/// One finding of `check`, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckFinding {
    /// How to take it.
    pub level: CheckLevel,
    /// What was found, and for problems what to do.
    pub sentence: String,
}

impl CheckFinding {
    /// As it should be.
    #[must_use]
    pub fn good(sentence: impl Into<String>) -> Self {
        Self { level: CheckLevel::Good, sentence: sentence.into() }
    }

    /// Works, but somebody should look.
    #[must_use]
    pub fn warning(sentence: impl Into<String>) -> Self {
        Self { level: CheckLevel::Warning, sentence: sentence.into() }
    }

    /// Will not work.
    #[must_use]
    pub fn problem(sentence: impl Into<String>) -> Self {
        Self { level: CheckLevel::Problem, sentence: sentence.into() }
    }
}

/// Why a read, a look-up or a check failed. Each is a whole sentence: what happened, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No connection to any configured server.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// The server or servers.
        server: String,
        /// What was tried and how it failed.
        reason: String,
    },
    /// The server's certificate does not prove that it is the server.
    #[error("{server} did not prove who it is: {reason}")]
    Untrusted {
        /// The server.
        server: String,
        /// What is wrong with the certificate, and the remedy.
        reason: String,
    },
    /// The directory refused the sign-in. Never retried: retries lock service accounts.
    #[error("{server} refused the sign-in as {identity}: {reason}")]
    SignIn {
        /// The server.
        server: String,
        /// As whom.
        identity: String,
        /// The server's reason and what to do.
        reason: String,
    },
    /// The directory let us in but not see what is configured.
    #[error("{identity} may not read {what}: {reason}")]
    Denied {
        /// As whom.
        identity: String,
        /// What was asked for.
        what: String,
        /// The server's reason and what to do.
        reason: String,
    },
    /// The read began and did not end as a complete read ends. Nothing is changed because of it.
    #[error("the read of {collection} is incomplete: {reason}. Nothing was changed")]
    Incomplete {
        /// Which collection.
        collection: String,
        /// Why it counts as incomplete, without a full stop.
        reason: String,
    },
    /// The settings ask for something that cannot be.
    #[error("{0}")]
    Settings(String),
    /// The consumer went away.
    #[error("the read was cancelled")]
    Cancelled,
}

impl ReadError {
    /// An incomplete read.
    #[must_use]
    pub fn incomplete(collection: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Incomplete { collection: collection.into(), reason: reason.into() }
    }
}

/// One kind of directory. Implementations live in crates of their own and know nothing of the engine or each other.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The word for it in the configuration: `ldap`, `file`, `okta`.
    fn kind(&self) -> &'static str;

    /// What it can do; declared, not discovered by failing.
    fn capabilities(&self) -> Capabilities;

    /// Signs in, probes permissions, and says what it found, in sentences. A server that cannot be reached is an
    /// error; a right that is missing is a finding.
    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError>;

    /// Reads everybody and every group within reach, as a stream, and ends in a certificate or an error. Users come
    /// before groups. What was sent before an error is worth nothing and is thrown away by the caller.
    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError>;

    /// Looks one user up by their immutable id, past all filters of the read. An answer that does not settle the
    /// question is an error, never [`LookUp::Gone`].
    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError>;

    /// How many users [`Connector::look_up_many`] settles with about the effort of one. One means that there is nothing
    /// to gain.
    fn look_up_batch(&self) -> usize {
        1
    }

    /// Looks several users up by their ids, no more than [`Connector::look_up_batch`], each as [`Connector::look_up`]
    /// does. The answers are in the order of the ids.
    async fn look_up_many(&self, ids: &[DirectoryId]) -> Result<Vec<LookUp>, ReadError> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            answers.push(self.look_up(id).await?);
        }
        Ok(answers)
    }

    /// Looks users up by address, within reach.
    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError>;

    /// Looks a group up by its immutable id: its name if it exists, nothing if the directory says that it does not.
    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError>;

    /// A place in the directory's stream of changes, before everything that a read which begins now can miss. None for
    /// a directory that cannot tell what changed, which is what [`Capabilities::incremental`] denies.
    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        Ok(None)
    }

    /// Reads what changed since a place in the stream: users as they are now, groups with all of their direct members as
    /// they are now, users before groups, each once. Whoever is not sent is as they were; members are named whether they
    /// are within reach or not. None if the place is no good any more, so that only a full read helps.
    async fn read_changes(&self, _since: &Cursor, _entries: Entries) -> Result<Option<Changes>, ReadError> {
        Ok(None)
    }

    /// When the secrets end by which it signs in, as far as the directory tells: what each is, and its end. What may not be
    /// seen is left out; that is no error.
    async fn secret_ends(&self) -> Vec<(String, jiff::Timestamp)> {
        Vec::new()
    }

    /// The container of a record that stands at this place ([`DirectoryUser::place`]): what is hidden or emptied as a
    /// whole. The place itself, unless it is the name of the record.
    fn container(&self, place: &Container) -> Option<Container> {
        Some(place.clone())
    }

    /// Whether the directory shows this container to us. Whoever may not see a container sees nobody in it either, by
    /// search or by look-up, and gets the same answer as if they were deleted. A directory that cannot hide one from
    /// its readers shows them all.
    async fn shows_container(&self, _container: &Container) -> Result<bool, ReadError> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn unreadable(id: &str) -> Entry {
        let id = DirectoryId::new(id).unwrap();
        Entry::Unreadable(Unreadable { id, label: "jd".to_owned(), problem: "two ids".to_owned() })
    }

    #[tokio::test]
    async fn entries_arrive_in_the_order_in_which_they_were_sent() {
        let (entries, mut receiver) = Entries::channel(2);
        entries.send(unreadable("1")).await.unwrap();
        entries.send(unreadable("2")).await.unwrap();
        drop(entries);
        assert_eq!(receiver.recv().await, Some(unreadable("1")));
        assert_eq!(receiver.recv().await, Some(unreadable("2")));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn entries_that_are_sent_together_arrive_one_by_one_also_where_there_is_room_for_few() {
        for bound in [1, 2, 3, 64] {
            let (entries, mut receiver) = Entries::channel(bound);
            let sent = (0..10).map(|number| unreadable(&number.to_string())).collect::<Vec<_>>();
            let expected = sent.clone();
            let send = tokio::spawn(async move { entries.send_all(sent).await });
            let mut received = Vec::new();
            while let Some(entry) = receiver.recv().await {
                received.push(entry);
            }
            send.await.unwrap().unwrap();
            assert_eq!(received, expected);
        }
        let (entries, receiver) = Entries::channel(8);
        drop(receiver);
        assert!(matches!(entries.send_all(vec![unreadable("1")]).await, Err(ReadError::Cancelled)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_channel_slows_the_reader_down() {
        let (entries, mut receiver) = Entries::channel(1);
        entries.send(unreadable("1")).await.unwrap();
        let second = entries.send(unreadable("2"));
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_secs(60), &mut second).await.is_err());
        assert!(receiver.recv().await.is_some());
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_consumer_that_went_away_cancels_the_read() {
        let (entries, receiver) = Entries::channel(1);
        drop(receiver);
        assert!(matches!(entries.send(unreadable("1")).await, Err(ReadError::Cancelled)));
    }

    #[test]
    fn the_worst_finding_is_the_greatest() {
        let findings = [CheckFinding::warning("w"), CheckFinding::problem("p"), CheckFinding::good("g")];
        assert_eq!(findings.iter().map(|finding| finding.level).max(), Some(CheckLevel::Problem));
    }

    #[test]
    fn an_incomplete_read_says_that_nothing_was_changed() {
        let error = ReadError::incomplete("users", "page 3 failed").to_string();
        assert_eq!(error, "the read of users is incomplete: page 3 failed. Nothing was changed");
    }
}
