//! Connections: the servers in order, TLS before anything else, a sign-in whose answer is looked at, and one server for
//! a whole read.

use std::sync::Arc;
use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, ResultEntry, SearchOptions, SearchStream, StdStream,
};
use rollcall_kit::{ReadError, traces};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{Instrument as _, Span};
use url::Url;

use crate::entry::RawEntry;
use crate::request::{Scope, Search};
use crate::results;
use crate::settings::LdapSettings;
use crate::starttls;
use crate::tls;

/// A signed-in connection to one server.
pub(crate) struct Session {
    ldap: Ldap,
    /// The library's task that moves the bytes. Its death, be it by a panic, ends every search with an error.
    driver: Option<JoinHandle<Result<(), LdapError>>>,
    /// The server, as its URL.
    pub(crate) server: String,
    /// The name of its host.
    host: String,
    /// As whom we are signed in.
    pub(crate) identity: String,
    answer_timeout: Duration,
}

/// The answer of a search as it comes in.
type Stream = SearchStream<'static, String, Vec<String>>;

/// A search that was sent, or could not be, which [`Session::gather`] says.
pub(crate) struct Asked {
    stream: Result<Stream, LdapError>,
    span: Span,
}

/// What one search operation brought.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) entries: Vec<RawEntry>,
    /// URLs of servers that hold a part of what was asked for.
    pub(crate) references: Vec<String>,
    pub(crate) result: LdapResult,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

/// Connects to the first server that answers, and signs in.
///
/// # Errors
///
/// The first server's error if the sign-in is refused (it would be refused everywhere, and retries lock accounts);
/// otherwise what each server said.
pub(crate) async fn connect(settings: &LdapSettings) -> Result<Session, ReadError> {
    let password = settings.bind_password.resolve().map_err(|error| ReadError::Settings(error.to_string()))?;
    if password.expose().is_empty() {
        // Servers take an empty password for an anonymous sign-in and say that it succeeded (RFC 4513, section 5.1.2).
        return Err(ReadError::Settings("the password for bind_dn is empty, which would sign in as nobody".to_owned()));
    }
    let tls = tls::client(settings.ca_file.as_deref())?;
    let mut failures: Vec<ReadError> = Vec::new();
    for url in &settings.servers {
        match open(settings, url, &tls, password.expose()).await {
            Ok(session) => return Ok(session),
            Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => {
                tracing::warn!("the LDAP server {url} was passed over: {error}");
                failures.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(combined(failures))
}

/// One error for several servers. A server that did not prove who it is matters more than one that is down.
fn combined(mut failures: Vec<ReadError>) -> ReadError {
    let untrusted = failures.iter().position(|error| matches!(error, ReadError::Untrusted { .. }));
    if let Some(position) = untrusted {
        return failures.swap_remove(position);
    }
    if failures.len() == 1 {
        return failures.remove(0);
    }
    let reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
    ReadError::Unreachable { server: "every one of the servers".to_owned(), reason: reasons.join("; ") }
}

/// Connects to one server and signs in.
async fn open(
    settings: &LdapSettings,
    url: &Url,
    tls: &Arc<ClientConfig>,
    password: &str,
) -> Result<Session, ReadError> {
    let server = url.as_str().trim_end_matches('/').to_owned();
    let patience = settings.timeouts.connect.duration();
    let (connection, ldap) = timeout(patience, establish(settings, url, tls)).await.unwrap_or_else(|_| {
        Err(ReadError::Unreachable {
            server: server.clone(),
            reason: format!("no connection stood after {} seconds", patience.as_secs()),
        })
    })?;
    let mut session = Session {
        ldap,
        driver: Some(tokio::spawn(connection.drive())),
        server,
        host: url.host_str().unwrap_or_default().to_owned(),
        identity: settings.bind_dn.clone(),
        answer_timeout: settings.timeouts.answer.duration(),
    };
    session.bind(password, settings.timeouts.bind.duration()).await?;
    Ok(session)
}

/// A connection that is encrypted, unless clear text was asked for by its name.
async fn establish(
    settings: &LdapSettings,
    url: &Url,
    tls: &Arc<ClientConfig>,
) -> Result<(LdapConnAsync, Ldap), ReadError> {
    let server = url.as_str().trim_end_matches('/').to_owned();
    let unreachable = |reason: String| ReadError::Unreachable { server: server.clone(), reason };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(if url.scheme() == "ldaps" { 636 } else { 389 });
    let mut stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(error.to_string()))?;
    let mut url = url.clone();
    if url.scheme() == "ldap" && settings.start_tls {
        starttls::negotiate(&mut stream)
            .await
            .map_err(|error| ReadError::Untrusted { server: server.clone(), reason: error.to_string() })?;
        // From here on the connection is what an ldaps connection is from its start.
        url = encrypted_twin(host, port).map_err(&unreachable)?;
    }
    let stream = stream.into_std().map_err(|error| unreachable(error.to_string()))?;
    let options = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream)).set_config(Arc::clone(tls));
    LdapConnAsync::from_url_with_settings(options, &url).await.map_err(|error| handshake_error(&server, &error))
}

fn encrypted_twin(host: &str, port: u16) -> Result<Url, String> {
    Url::parse(&format!("ldaps://{host}:{port}")).map_err(|error| error.to_string())
}

fn handshake_error(server: &str, error: &LdapError) -> ReadError {
    let cause = match error {
        LdapError::Rustls { source } => Some(source),
        LdapError::Io { source } => source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        _ => None,
    };
    match cause.and_then(tls::distrust) {
        Some(reason) => ReadError::Untrusted { server: server.to_owned(), reason },
        None => {
            ReadError::Unreachable { server: server.to_owned(), reason: format!("the TLS handshake failed: {error}") }
        }
    }
}

/// Notes in a span how an operation ended.
fn note(span: &Span, code: Result<u32, &LdapError>) {
    match code {
        Ok(results::SUCCESS) => {}
        Ok(code) => traces::fails(span, &format!("result code {code}")),
        Err(LdapError::Timeout { .. }) => traces::fails(span, "timeout"),
        Err(_) => traces::fails(span, "no_answer"),
    }
}

impl Session {
    /// Signs in, and looks at the answer: without that a wrong password would go on as an anonymous reader, who sees
    /// less and gets no error.
    async fn bind(&mut self, password: &str, patience: Duration) -> Result<(), ReadError> {
        let span = traces::operation("ldap", "bind", &self.host);
        let bound =
            self.ldap.with_timeout(patience).simple_bind(&self.identity, password).instrument(span.clone()).await;
        note(&span, bound.as_ref().map(|result| result.rc));
        let result = match bound {
            Ok(result) => result,
            Err(error) => {
                let reason = format!("the sign-in was not answered: {}", self.loss(&error).await);
                return Err(ReadError::Unreachable { server: self.server.clone(), reason });
            }
        };
        match result.rc {
            results::SUCCESS => Ok(()),
            code if results::is_transient(code) => Err(ReadError::Unreachable {
                server: self.server.clone(),
                reason: format!("it cannot answer now ({})", results::words(&result)),
            }),
            _ => Err(results::bind_error(&self.server, &self.identity, &result)),
        }
    }

    /// Sends one search operation and gathers all that comes until its end.
    ///
    /// # Errors
    ///
    /// As [`Session::gather`].
    pub(crate) async fn search(&mut self, search: &Search, controls: Vec<RawControl>) -> Result<Answer, ReadError> {
        let asked = self.ask(search, controls).await;
        self.gather(search, asked).await
    }

    /// Sends one search operation, whose answer is gathered later. Until then it waits in memory, so only searches in
    /// pages, and those that are known to be small, may be asked for ahead.
    pub(crate) async fn ask(&mut self, search: &Search, controls: Vec<RawControl>) -> Asked {
        let span = traces::operation("ldap", "search", &self.host);
        let stream = self.send(search, controls).instrument(span.clone()).await;
        Asked { stream, span }
    }

    async fn send(&mut self, search: &Search, controls: Vec<RawControl>) -> Result<Stream, LdapError> {
        let patience = self.answer_timeout;
        self.ldap.with_timeout(patience).with_search_options(SearchOptions::new());
        if !controls.is_empty() {
            self.ldap.with_controls(controls);
        }
        let (base, scope, filter) = (search.base.as_str(), search.scope.into(), search.filter.as_str());
        self.ldap.streaming_search(base, scope, filter, search.attributes.clone()).await
    }

    /// Gathers all that comes until the end of a search that was asked for.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] if the connection or the server's patience ends first, or an entry is none. The result
    /// code is for the caller to judge.
    pub(crate) async fn gather(&mut self, search: &Search, asked: Asked) -> Result<Answer, ReadError> {
        let Asked { stream, span } = asked;
        let gathered = match stream {
            Ok(stream) => gather(stream).instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        note(&span, gathered.as_ref().map(|(_, result)| result.rc));
        let (items, result) = match gathered {
            Ok(gathered) => gathered,
            Err(error) => {
                let reason = self.loss(&error).await;
                return Err(ReadError::incomplete(search.collection, reason));
            }
        };
        span.record("rollcall.entries", items.len());
        let mut entries = Vec::with_capacity(items.len());
        let mut references = Vec::new();
        for item in items {
            let tag = item.0;
            match tag.id {
                REFERENCE => references.extend(urls(tag)),
                INTERMEDIATE => {}
                _ => entries.push(RawEntry::parse(tag).ok_or_else(|| {
                    ReadError::incomplete(search.collection, format!("{} sent an entry that is none", self.server))
                })?),
            }
        }
        Ok(Answer { entries, references, result })
    }

    /// One search operation that must end in success, for what is known to be small.
    pub(crate) async fn search_once(&mut self, search: &Search) -> Result<Vec<RawEntry>, ReadError> {
        let answer = self.search(search, Vec::new()).await?;
        if answer.result.rc != results::SUCCESS {
            return Err(results::search_error(search.collection, &search.base, &self.identity, &answer.result));
        }
        Ok(answer.entries)
    }

    /// Whether an entry with this name is there for us to see.
    pub(crate) async fn exists(&mut self, dn: &str) -> Result<bool, ReadError> {
        let search = Search {
            collection: "base",
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: vec!["1.1".to_owned()],
        };
        let answer = self.search(&search, Vec::new()).await?;
        match answer.result.rc {
            results::SUCCESS => Ok(!answer.entries.is_empty()),
            results::NO_SUCH_OBJECT => Ok(false),
            _ => Err(results::search_error(search.collection, dn, &self.identity, &answer.result)),
        }
    }

    /// Why the connection was lost, in a sentence without its full stop.
    async fn loss(&mut self, error: &LdapError) -> String {
        if matches!(error, LdapError::Timeout { .. }) {
            return format!("{} sent nothing for {} seconds", self.server, self.answer_timeout.as_secs());
        }
        let Some(mut driver) = self.driver.take() else {
            return format!("the connection to {} was lost before", self.server);
        };
        // The search hears of the end a moment before the driver has ended.
        match timeout(Duration::from_secs(1), &mut driver).await {
            Ok(Err(failure)) if failure.is_panic() => {
                format!("{} sent something that is no LDAP message, and the connection was given up", self.server)
            }
            Ok(Ok(Err(cause))) => format!("the connection to {} broke: {cause}", self.server),
            Ok(_) => format!("{} closed the connection before the end of its answer", self.server),
            Err(_) => {
                driver.abort();
                format!("the connection to {} failed: {error}", self.server)
            }
        }
    }
}

async fn gather(mut stream: Stream) -> Result<(Vec<ResultEntry>, LdapResult), LdapError> {
    let mut items = Vec::new();
    while let Some(item) = stream.next().await? {
        items.push(item);
    }
    Ok((items, stream.finish().await))
}

/// Search result reference, and intermediate response (RFC 4511, sections 4.5.3 and 4.13).
const REFERENCE: u64 = 19;
const INTERMEDIATE: u64 = 25;

/// The URLs of a search result reference. One that cannot be read is still a reference.
fn urls(tag: ldap3::asn1::StructureTag) -> Vec<String> {
    let parts = tag.expect_constructed().unwrap_or_default();
    let mut urls: Vec<String> = parts
        .into_iter()
        .filter_map(|part| part.expect_primitive().and_then(|raw| String::from_utf8(raw).ok()))
        .collect();
    // Several URLs of one reference are several ways to the same place; one is enough to name it.
    urls.truncate(1);
    if urls.is_empty() {
        urls.push("an unreadable address".to_owned());
    }
    urls
}
