//! Many small questions in one request (`$batch`).
//!
//! The outer answer is a success even when parts of it are none: each part has its own status and its own pause, and
//! Graph throttles each on its own. Only what was refused for now is asked again.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_kit::ReadError;
use rollcall_kit::http::{Client, Method, Repeat, Request};
use rollcall_kit::rest::{Interface as _, Refusal as _};
use serde_json::{Value as Json, json};

use crate::api::{self, Api, Query, marked};
use crate::limits::{FULLNESS, pause_at};
use crate::refusal::Refusal;

/// How many parts Graph takes at once.
pub(crate) const PARTS: usize = 20;

/// The answer to one part.
pub(crate) struct Part {
    pub(crate) status: u16,
    pub(crate) body: Json,
    request: Option<String>,
    /// How long to stay away, if this part nearly emptied the bucket.
    slow_down: Option<Duration>,
}

impl Part {
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::new(self.status, &self.body, self.request.as_deref())
    }
}

/// What is to be done with one part's answer.
enum Fate {
    Final(Part),
    Again(Part, Option<Duration>),
}

impl Fate {
    fn slow_down(&self) -> Option<Duration> {
        match self {
            Self::Final(part) | Self::Again(part, _) => part.slow_down,
        }
    }
}

impl Api {
    /// Asks several things at once, at most [`PARTS`]. The answers come in the order of the questions; each is final:
    /// what could be asked again was.
    ///
    /// # Errors
    ///
    /// If the batch itself fails, or an answer to a part is missing.
    pub(crate) async fn batch(&self, collection: &'static str, parts: &[Query<'_>]) -> Result<Vec<Part>, ReadError> {
        let mut open: Vec<usize> = (0..parts.len()).collect();
        let mut done: BTreeMap<usize, Part> = BTreeMap::new();
        let mut attempt = 0;
        while !open.is_empty() {
            attempt += 1;
            let mut answers = self.exchange(collection, parts, &open).await?;
            let slow_down = answers.values().filter_map(Fate::slow_down).max();
            let (mut again, mut told) = (Vec::new(), None);
            for number in open {
                let missing = || ReadError::incomplete(collection, "a batch was answered without one of its parts");
                match answers.remove(&number).ok_or_else(missing)? {
                    Fate::Again(_, pause) if attempt < self.attempts => {
                        again.push(number);
                        told = told.max(pause);
                    }
                    Fate::Again(part, _) | Fate::Final(part) => {
                        done.insert(number, part);
                    }
                }
            }
            if !again.is_empty() {
                self.wait(collection, attempt, told.max(slow_down)).await?;
            } else if let Some(pause) = slow_down {
                tokio::time::sleep(pause).await;
            }
            open = again;
        }
        Ok(done.into_values().collect())
    }

    /// Things by their ids, in the order of the questions; nothing for each of which Graph itself says that it is not
    /// there.
    ///
    /// # Errors
    ///
    /// As [`Api::batch`], and for any other answer to a part.
    pub(crate) async fn many(&self, parts: &[Query<'_>]) -> Result<Vec<Option<Json>>, ReadError> {
        let mut found = Vec::with_capacity(parts.len());
        for chunk in parts.chunks(PARTS) {
            let collection = chunk.first().map_or("directory", |query| query.collection);
            for (query, part) in chunk.iter().zip(self.batch(collection, chunk).await?) {
                if part.status == 200 {
                    found.push(Some(part.body));
                    continue;
                }
                let refusal = part.refusal();
                if !refusal.is_not_found() {
                    return Err(refusal.error((&self.server, &self.identity), &self.words(query), query.collection));
                }
                found.push(None);
            }
        }
        Ok(found)
    }

    /// Sends the parts that are open.
    async fn exchange(
        &self,
        collection: &'static str,
        parts: &[Query<'_>],
        open: &[usize],
    ) -> Result<BTreeMap<usize, Fate>, ReadError> {
        let requests: Vec<Json> = open
            .iter()
            .map(|number| json!({"id": number.to_string(), "method": "GET", "url": relative(&self.client, &parts[*number])}))
            .collect();
        let body = json!({"requests": requests});
        // Every part of it only reads.
        let url = self.client.url(&["$batch"]);
        let request = marked(Request::json(Method::POST, url, "application/json", &body, Repeat::Safe));
        let answer = self.client.send(request).await.map_err(|error| self.no_answer(error, collection))?;
        if answer.status != 200 {
            return Err(Refusal::of(&answer).error((&self.server, &self.identity), "/v1.0/$batch", collection));
        }
        let damaged = |problem: &str| ReadError::incomplete(collection, format!("/v1.0/$batch: {problem}"));
        let mut body = api::json(&answer).map_err(|problem| damaged(&problem))?;
        let Some(Json::Array(responses)) = body.get_mut("responses").map(Json::take) else {
            return Err(damaged("the answer holds no responses"));
        };
        responses.into_iter().map(|response| fate(response).ok_or_else(|| damaged("a part cannot be read"))).collect()
    }

    /// Waits before what was refused is asked again: as long as the longest pause that was told, or by ourselves.
    async fn wait(&self, collection: &'static str, attempt: u32, told: Option<Duration>) -> Result<(), ReadError> {
        let own = || self.first_pause.saturating_mul(1 << (attempt - 1).min(6)).mul_f64(fastrand::f64());
        let pause = told.unwrap_or_else(own);
        if pause > self.longest_pause {
            return Err(ReadError::incomplete(
                collection,
                format!("Graph asks to wait {} seconds, more than max_wait allows", pause.as_secs()),
            ));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// The URL of a part, which begins below Graph's interface.
fn relative(client: &Client, query: &Query<'_>) -> String {
    let url = client.url(query.path).with_query(query.parameters);
    let path = url.as_url().path().strip_prefix("/v1.0").unwrap_or_default();
    let query = url.as_url().query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{query}")
}

fn fate(mut response: Json) -> Option<(usize, Fate)> {
    let id = match &response["id"] {
        Json::String(id) => id.parse().ok()?,
        id => usize::try_from(id.as_u64()?).ok()?,
    };
    let status = u16::try_from(response["status"].as_u64()?).ok()?;
    let header = |name: &str| {
        let headers = response["headers"].as_object()?;
        let (_, value) = headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name))?;
        value.as_str().map(ToOwned::to_owned).or_else(|| Some(value.as_u64()?.to_string()))
    };
    let pause = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let request = header("request-id");
    let slow_down = header(FULLNESS).and_then(|fullness| pause_at(&fullness));
    let part = Part { status, request, slow_down, body: response["body"].take() };
    let again = matches!(status, 429 | 500 | 502 | 503 | 504);
    Some((id, if again { Fate::Again(part, pause) } else { Fate::Final(part) }))
}
