//! The root entry of a server (rootDSE, RFC 4512, section 5.1): what it is and what it holds.

use rollcall_kit::{Container, ReadError};

use crate::connect::Session;
use crate::entry::RawEntry;
use crate::flavour::Flavour;
use crate::request::{Scope, Search};
use crate::search::PAGED_RESULTS;

/// What the server says about itself.
#[derive(Clone, Debug)]
pub(crate) struct RootDse(RawEntry);

const ATTRIBUTES: [&str; 10] = [
    "objectClass",
    "structuralObjectClass",
    "vendorName",
    "vendorVersion",
    "supportedCapabilities",
    "supportedControl",
    "namingContexts",
    "defaultNamingContext",
    "nsBackendSuffix",
    "ipaTopologyPluginVersion",
];

/// Active Directory, of any version (MS-ADTS 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

impl RootDse {
    /// Asks for it. Only after TLS stands: what was said before could have been forged.
    pub(crate) async fn read(session: &mut Session) -> Result<Self, ReadError> {
        let search = Search {
            collection: "root entry",
            base: String::new(),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        };
        let page = session.search_once(&search).await?;
        let entry = page.into_iter().next().ok_or_else(|| {
            ReadError::incomplete(
                "root entry",
                "the server shows no root entry to this account, so nothing else can be trusted",
            )
        })?;
        Ok(Self(entry))
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.texts(name).any(|text| text.eq_ignore_ascii_case(value))
    }

    /// The flavour, as far as the server tells.
    pub(crate) fn flavour(&self) -> Option<Flavour> {
        let vendor = self.texts("vendorName").chain(self.texts("vendorVersion")).collect::<Vec<_>>().join(" ");
        if self.has("supportedCapabilities", ACTIVE_DIRECTORY) {
            Some(Flavour::ActiveDirectory)
        } else if vendor.to_lowercase().contains("lldap") {
            Some(Flavour::Lldap)
        } else if self.0.mentions("ipaTopologyPluginVersion") {
            Some(Flavour::FreeIpa)
        } else if vendor.contains("389") || self.0.mentions("nsBackendSuffix") {
            Some(Flavour::Ds389)
        } else if self.has("structuralObjectClass", "OpenLDAProotDSE") || self.has("objectClass", "OpenLDAProotDSE") {
            Some(Flavour::OpenLdap)
        } else {
            None
        }
    }

    /// Whether the server says that it can send a search in pages. Some can and do not say so.
    pub(crate) fn announces_paging(&self) -> bool {
        self.has("supportedControl", PAGED_RESULTS)
    }

    /// The roots of all the trees that the server holds, the main one first.
    pub(crate) fn naming_contexts(&self) -> Vec<String> {
        let mut contexts: Vec<String> = self.texts("defaultNamingContext").map(str::to_owned).collect();
        for context in self.texts("namingContexts") {
            let is_it = |known: &String| Container::new(known.as_str()) == Container::new(context);
            if !contexts.iter().any(is_it) {
                contexts.push(context.to_owned());
            }
        }
        contexts
    }
}
