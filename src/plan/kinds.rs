//! Sets of kinds of actions: what a block of a long plan holds, so that who looks for removals passes over the creations.

use super::change::ActionKind;

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// What puts an account out.
    pub const EXITS: Self = Self::of(&[ActionKind::Deactivate, ActionKind::Delete]);

    /// What may take something from somebody.
    pub const TAKING: Self = Self::of(&[
        ActionKind::Deactivate,
        ActionKind::Delete,
        ActionKind::RevokeRole,
        ActionKind::RemoveMember,
        ActionKind::DeleteGroup,
        ActionKind::Relink,
    ]);

    /// Exactly these.
    #[must_use]
    pub const fn of(kinds: &[ActionKind]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u16;
            at += 1;
        }
        Self(set)
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, kind: ActionKind) -> bool {
        self.meets(Self::of(&[kind]))
    }

    /// Whether any of those is among them.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        for kind in ActionKind::ALL {
            let one = Kinds::of(&[kind]);
            let has: Vec<ActionKind> = ActionKind::ALL.into_iter().filter(|other| one.has(*other)).collect();
            assert_eq!(has, [kind]);
            assert!(one.and(Kinds::EXITS).meets(Kinds::EXITS) && !Kinds::default().has(kind));
        }
    }
}
