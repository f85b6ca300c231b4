//! What every connector is built from.
//!
//! The directory model ([`model`]) with its containers ([`container`]) and distinguished names ([`dn`]), the
//! [`Connector`] trait with its readings and [`Certificate`]s, the one HTTP client of the house ([`http`]), lists and
//! objects of JSON interfaces ([`rest`]), what is fetched before its turn ([`ahead`]), secret references ([`secret`]),
//! the spans of traces ([`traces`]) and, for tests, the contract that every connector must pass and samples that are damaged. Paging, retrying and
//! authenticating exist here and nowhere else, and so does taking names apart; a connector only says what its provider's
//! pages look like. Nothing here knows what a plan, a role or a target is.

pub mod ahead;
pub mod attributes;
pub mod certificate;
pub mod changes;
pub mod connector;
pub mod container;
#[cfg(any(test, feature = "contract-tests"))]
pub mod contract;
#[cfg(any(test, feature = "contract-tests"))]
pub mod damage;
pub mod digest;
pub mod dn;
pub mod duration;
pub mod expiry;
pub mod http;
pub mod model;
pub mod rest;
pub mod secret;
pub mod settings;
pub mod template;
pub mod traces;
pub mod trial;
pub mod value;

pub use attributes::{Attributes, Name};
pub use certificate::{Certificate, CertificateDraft, Collection, Source};
pub use changes::{Changes, Cursor};
pub use connector::{Capabilities, CheckFinding, CheckLevel, Connector, Entries, Entry, LookUp, ReadError, Unreadable};
pub use container::Container;
pub use digest::{DigestError, digest};
pub use dn::Dn;
pub use duration::HumanDuration;
pub use model::{Address, DirectoryGroup, DirectoryId, DirectoryUser, InactiveReason, Member, Status, attribute};
pub use trial::Trial;
pub use value::Value;
