//! When an account that has been inactive for long enough is due for deletion.

use super::ledger::LedgerAccount;
use super::settings::PlanSettings;

/// The whole days for which the account has been inactive, if that is long enough to delete it. An account without
/// the moment of its deactivation is never due: nobody can say for how long it has been waiting.
pub(super) fn days_if_due(account: &LedgerAccount, settings: &PlanSettings) -> Option<u32> {
    let wait = settings.delete_after?;
    if account.active {
        return None;
    }
    let inactive = settings.as_of.duration_since(account.deactivated_at?);
    u32::try_from(inactive.as_hours() / 24).ok().filter(|_| inactive >= wait)
}
