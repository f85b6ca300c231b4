//! The clouds that Microsoft runs apart from each other, each with a login and a Graph of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Which of Microsoft's clouds a tenant lives in. A token of one is of no use in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The worldwide one.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (Department of Defense).
    UsDod,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    /// Where tokens come from.
    pub(crate) const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment | Self::UsDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Where the directory is read.
    pub(crate) const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovernment => "https://graph.microsoft.us",
            Self::UsDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}

/// What a token is for: Graph, by its URL without a path.
pub(crate) fn resource(graph: &Url) -> &str {
    graph.as_str().trim_end_matches('/')
}
