//! Attribute paths: `active`, `name.givenName`, `emails[type eq "work"].value`, and each of them behind a schema URN
//! (RFC 7644, sections 3.5.2 and 3.10).

use super::error::ScimError;
use super::filter::{Filter, parse_value_filter};
use super::schema::{Attribute, ENTERPRISE, Kind, Resource, find};

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// The attribute that holds it at the top of the resource. For the enterprise extension that is its URN.
    pub(super) top: &'static Attribute,
    /// Which of several values.
    pub(super) which: Option<Filter>,
    /// The parts below, one for `name.givenName`, two for the extension's `manager.value`.
    pub(super) below: Vec<&'static Attribute>,
}

impl Path {
    /// The attribute at the end.
    pub(super) fn last(&self) -> &'static Attribute {
        self.below.last().copied().unwrap_or(self.top)
    }

    /// Parses a path.
    pub(super) fn parse(resource: Resource, text: &str) -> Result<Self, ScimError> {
        let unknown = || ScimError::bad("invalidPath", format!("The path {text:?} leads nowhere."));
        let mut rest = strip_schema(text.trim(), resource.schema());
        let mut top = None;
        if let Some(inner) = strip_urn(rest, ENTERPRISE).filter(|_| resource == Resource::User) {
            top = find(resource.attributes(), ENTERPRISE);
            rest = inner;
        }
        let (front, which, behind) = match rest.split_once('[') {
            None => (rest, None, ""),
            Some((front, filtered)) => {
                let end = filtered.rfind(']').ok_or_else(unknown)?;
                (front, Some(&filtered[..end]), filtered[end + 1..].trim_start_matches('.'))
            }
        };
        let mut names: Vec<&str> = front.split('.').chain(behind.split('.')).filter(|name| !name.is_empty()).collect();
        let top = match top {
            Some(extension) => extension,
            None if names.is_empty() => return Err(unknown()),
            None => find(resource.attributes(), names.remove(0)).ok_or_else(unknown)?,
        };
        let mut below: Vec<&'static Attribute> = Vec::new();
        for name in names {
            let Kind::Complex(parts) = below.last().copied().unwrap_or(top).kind else { return Err(unknown()) };
            below.push(find(parts, name).ok_or_else(unknown)?);
        }
        let which = match (which, top.kind) {
            (None, _) => None,
            (Some(filter), Kind::Complex(parts)) if top.multi => Some(parse_value_filter(parts, filter)?),
            (Some(_), _) => return Err(unknown()),
        };
        Ok(Self { top, which, below })
    }
}

/// The text behind a URN and its colon; nothing at all behind the bare URN.
fn strip_urn<'a>(text: &'a str, urn: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(urn.len())?;
    if !front.eq_ignore_ascii_case(urn) {
        return None;
    }
    if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
}

fn strip_schema<'a>(text: &'a str, schema: &str) -> &'a str {
    strip_urn(text, schema).filter(|rest| !rest.is_empty()).unwrap_or(text)
}
