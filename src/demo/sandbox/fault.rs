//! Misbehaviour on demand, each kind seen in a real application or on a real network.

use std::collections::VecDeque;

/// A way to misbehave. Those that say "next" happen once, in the order in which they were injected, to the first
/// request that they fit; the others last until [`super::Sandbox::heal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next request of this method is carried out, and the connection is cut before the answer.
    LoseNextAnswer {
        /// `POST`, `PATCH`, …
        method: &'static str,
    },
    /// The next request of this method is answered with this status, and nothing is done.
    FailNext {
        /// `POST`, `PATCH`, …
        method: &'static str,
        /// 500, 503, …
        status: u16,
    },
    /// The next request of any method is answered 429, and nothing is done.
    ThrottleNext {
        /// Seconds in `Retry-After`.
        retry_after: u64,
    },
    /// Every write of this attribute is answered 2xx and not kept.
    Drop {
        /// A top-level attribute, such as `roles`.
        attribute: &'static str,
    },
    /// Filters are ignored: everybody is returned.
    IgnoreFilters,
    /// Lists stop at this many resources, which they also give as the total.
    CapLists {
        /// How many.
        at: usize,
    },
    /// Groups are shown without their members.
    HideMembers,
    /// A name may be taken any number of times: nothing keeps a client from making somebody twice.
    AllowTwins,
    /// Every token is refused.
    RefuseTokens,
}

/// What is to happen to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing special.
    Served,
    /// Answered with an error, nothing done.
    Failed { status: u16, retry_after: Option<u64> },
    /// Done, but the answer is lost.
    Lost,
}

/// The faults that are in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    next: VecDeque<Fault>,
    lasting: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::LoseNextAnswer { .. } | Fault::FailNext { .. } | Fault::ThrottleNext { .. } => {
                self.next.push_back(fault);
            }
            lasting => self.lasting.push(lasting),
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Decides over a request, and uses the fault up that decided.
    pub(super) fn fate(&mut self, request: &str) -> Fate {
        let fits = |fault: &Fault| match fault {
            Fault::LoseNextAnswer { method } | Fault::FailNext { method, .. } => *method == request,
            _ => true,
        };
        match self.next.iter().position(fits).and_then(|index| self.next.remove(index)) {
            Some(Fault::LoseNextAnswer { .. }) => Fate::Lost,
            Some(Fault::FailNext { status, .. }) => Fate::Failed { status, retry_after: None },
            Some(Fault::ThrottleNext { retry_after }) => Fate::Failed { status: 429, retry_after: Some(retry_after) },
            _ => Fate::Served,
        }
    }

    pub(super) fn drops(&self, attribute: &str) -> bool {
        self.lasting.iter().any(|fault| matches!(fault, Fault::Drop { attribute: dropped } if *dropped == attribute))
    }

    pub(super) fn ignores_filters(&self) -> bool {
        self.lasting.contains(&Fault::IgnoreFilters)
    }

    pub(super) fn hides_members(&self) -> bool {
        self.lasting.contains(&Fault::HideMembers)
    }

    pub(super) fn allows_twins(&self) -> bool {
        self.lasting.contains(&Fault::AllowTwins)
    }

    pub(super) fn refuses_tokens(&self) -> bool {
        self.lasting.contains(&Fault::RefuseTokens)
    }

    pub(super) fn cap(&self) -> Option<usize> {
        self.lasting.iter().find_map(|fault| match fault {
            Fault::CapLists { at } => Some(*at),
            _ => None,
        })
    }
}
