//! The application misbehaved, or the tool itself did.

use super::Incident;

pub(super) const ROWS: &[Incident] = &[
    Incident {
        title: "Accounts removed that were never ours",
        sources: &["awslabs/ssosync #88", "awslabs/ssosync #179", "DefGuard/defguard #1623", "DefGuard/defguard #2833"],
        happened: "Accounts and groups that people had made by hand were deleted, because the directory did not know \
                   them.",
        rule: "An account is changed only if it was created or adopted by Rollcall, and a role is taken only if a rule \
               names it.",
        played: &[
            "rollcall plan::properties::only_what_is_ours_is_changed",
            "rollcall apply::tests::rules::a_change_of_an_account_that_is_not_ours_is_skipped",
            "rollcall plan::tests::a_role_that_no_rule_names_any_more_stays_where_it_is",
            "rollcall::rollcall scim_servers::roles_of_others_stay_when_ours_change",
        ],
    },
    Incident {
        title: "The last administrator",
        sources: &["DefGuard and Zulip (which guard against it)", "authentik (its defaults)"],
        happened: "A synchronization can take the last account away that could repair what it did.",
        rule: "Protected accounts are never put out, and the last holder of a protected role keeps it. No approval \
               overrides that.",
        played: &[
            "rollcall guard::properties::a_protected_role_never_loses_its_last_holder",
            "rollcall guard::properties::a_protected_account_is_never_put_out",
            "rollcall guard::tests::the_last_admin_stays_and_everybody_else_goes",
        ],
    },
    Incident {
        title: "An account that is not there any more",
        sources: &["slashdevops/idp-scim-sync #104"],
        happened: "The tool's own record named an account that somebody had deleted in the application. Every later \
                   run failed at it.",
        rule: "A user who is gone is out: a deactivation that finds nobody is done. Any other change of such an account fails \
               alone and is named, and everybody else goes on; `reconcile` finds it and says what becomes of it.",
        played: &[
            "rollcall::rollcall promises_people::an_account_that_was_deleted_by_hand_stops_only_its_own_change_and_its_owner_can_leave",
            "rollcall apply::tests::rules::whoever_is_gone_already_is_out",
            "rollcall::rollcall command_reconcile::a_deleted_account_is_left_deleted_until_its_owner_has_left_and_returned",
        ],
    },
    Incident {
        title: "A crash before the record was written",
        sources: &["slashdevops/idp-scim-sync #45", "slashdevops/idp-scim-sync #48"],
        happened: "Accounts were created and the tool died before it remembered them. Every later run met a conflict.",
        rule: "Every write is journalled before it is sent and settled after. What a crash leaves open is looked up in \
               the application before anything is planned.",
        played: &[
            "rollcall apply::tests::simulation::a_crash_at_any_step_loses_nothing_and_repeats_nothing",
            "rollcall::rollcall promises_story::a_process_that_dies_at_any_write_leaves_nobody_twice_out_or_in_who_should_not_be",
            "rollcall::rollcall scim_lists::an_account_whose_creation_got_no_answer_is_found_and_not_created_twice",
        ],
    },
    Incident {
        title: "Success was reported and nothing was done",
        sources: &["bitwarden/directory-connector #28", "bitwarden/directory-connector #22"],
        happened: "The application answered with success, and nobody was there.",
        rule: "What a write left behind is compared with what was sent. What was not kept is named, and somebody is \
               out only if the application shows them so.",
        played: &[
            "rollcall::rollcall command_bad_input::a_target_that_keeps_nothing_of_a_write_is_named",
            "rollcall::rollcall scim_wire::a_deactivation_that_was_answered_and_not_carried_out_is_a_failure",
            "rollcall apply::tests::rules::the_ledger_never_claims_that_somebody_is_out_who_is_not",
        ],
    },
    Incident {
        title: "An application that shows only a part",
        sources: &["bitwarden/directory-connector #39", "awslabs/ssosync #65"],
        happened: "Lists ended at 50 or 200 entries without a word. A user who was not on them was created again, or \
                   could not be.",
        rule: "A list is read until a page brings nothing new and has to add up: to the application's own count, and \
               to the accounts of ours that must be on it. From a list that does not, nothing is concluded about \
               anybody.",
        played: &[
            "rollcall::rollcall scim_lists::a_walk_that_does_not_add_up_is_an_error",
            "rollcall::rollcall scim_lists::a_list_that_shows_fewer_accounts_than_ours_leaves_it_unknown",
            "rollcall::rollcall promises_lists::a_list_that_shows_fewer_accounts_than_we_keep_there_lets_nobody_be_taken_for_absent",
            "rollcall::rollcall promises_lists::a_ledger_forgets_no_account_that_a_list_leaves_out_and_the_target_still_has",
            "rollcall::rollcall command_reconcile::an_account_that_the_list_leaves_out_is_not_deleted",
        ],
    },
    Incident {
        title: "The same update, run after run",
        sources: &["adobe-apiplatform/user-sync.py #471", "awslabs/ssosync #329", "slashdevops/idp-scim-sync v0.44"],
        happened: "Everything was sent again by every run, because the application spells values in its own way or \
                   because nobody compared.",
        rule: "Planning again after a clean apply yields no change, also where the application does not keep \
               everything.",
        played: &[
            "rollcall plan::properties::planning_again_after_a_clean_apply_yields_no_change",
            "rollcall apply::tests::rules::what_the_target_did_not_keep_is_noted_and_entered_as_sent",
            "rollcall::rollcall command_apply::apply_with_yes_applies_and_the_second_run_has_nothing_to_do",
        ],
    },
    Incident {
        title: "Too many requests",
        sources: &["firezone/firezone #6748", "Microsoft Entra provisioning (its quarantine)"],
        happened: "A limit that the whole organization shares was used up, and the retries made it worse.",
        rule: "A stated pause is waited for exactly and holds every request, not only the one that was told. Requests \
               in flight are bounded, and a pause that is too long is an error instead of a siege.",
        played: &[
            "rollcall-kit::kit http_retry::when_one_request_is_told_to_wait_all_clones_wait",
            "rollcall-kit::kit http_retry::a_pause_beyond_max_wait_is_an_error_at_once_and_for_all_clones",
            "rollcall::rollcall scim_resend::a_stated_pause_is_waited_for_and_then_everything_goes_through",
        ],
    },
    Incident {
        title: "Half a change",
        sources: &["awslabs/ssosync (seen in its source)", "kanidm/kanidm (its design notes)"],
        happened: "An error in the middle ended the run, with some changes done, some not, and no record of which.",
        rule: "Access is taken before it is given, so that a run that breaks off leaves nobody in who should be out. A \
               failed change stops only those that need it, each outcome is recorded, and the rest is planned again.",
        played: &[
            "rollcall::rollcall promises_rules::a_run_that_was_applied_in_part_is_sealed_and_its_rest_is_planned_again",
            "rollcall apply::tests::rules::a_failed_change_stops_only_those_that_need_it",
            "rollcall plan::properties::a_plan_is_in_canonical_order_and_says_what_is_destructive",
        ],
    },
    Incident {
        title: "Two runs at once",
        sources: &["awslabs/ssosync v2.2.7"],
        happened: "Two runs raced each other.",
        rule: "One process holds a snapshot. The second is told which one does.",
        played: &[
            "rollcall::rollcall command_bad_input::a_snapshot_that_another_process_holds_is_named_as_busy",
            "rollcall snapshot::tests::faults::a_second_opener_is_told_who_is_first",
        ],
    },
    Incident {
        title: "A role from two groups",
        sources: &["adobe-apiplatform/user-sync.py #505"],
        happened: "Somebody was in two groups that give the same role, and left one of them.",
        rule: "A role knows its causes and is revoked when the last one goes.",
        played: &[
            "rollcall roster::properties::the_union_is_exactly_its_causes",
            "rollcall roster::judge::tests::roles_are_the_union_over_all_groups_and_each_names_its_causes",
        ],
    },
    Incident {
        title: "A limit that was loosened until it guarded nothing",
        sources: &["firezone/firezone #10898"],
        happened: "A limit stopped real work, and there was no way to let one change through. It went from 25 to 75 to \
                   100 per cent.",
        rule: "A held plan is approved as it stands, by its id, once. The limit stays where it was.",
        played: &[
            "rollcall guard::tests::an_approval_is_for_exactly_the_plan_that_was_held",
            "rollcall::rollcall command_apply::a_plan_beyond_a_limit_stays_held_for_a_script_and_is_applied_by_its_file",
        ],
    },
    Incident {
        title: "A limit that counted the wrong things",
        sources: &["firezone/firezone #9373"],
        happened: "Records that had been deleted long ago counted as deletions, and the breaker went off for nothing.",
        rule: "Limits count the changes of this plan, out of the accounts that such a change could still concern.",
        played: &[
            "rollcall guard::tests::those_who_are_out_already_are_neither_leavers_nor_among_those_who_could_leave",
            "rollcall guard::properties::nothing_beyond_a_limit_passes_without_a_person",
        ],
    },
    Incident {
        title: "Stopping as the safe reaction",
        sources: &["Azure/acr #895"],
        happened: "A link to a foreign page was answered by not reading on. In a synchronization that is a read that \
                   was cut short, and everybody behind it has left.",
        rule: "A page that may not be fetched fails the read. So does a referral that nobody declared ignorable.",
        played: &[
            "rollcall-kit http::origin::tests::a_link_to_another_scheme_host_or_port_is_refused",
            "rollcall-ldap search::tests::a_reference_elsewhere_is_an_error_unless_it_is_listed",
            "rollcall-ldap::ldap openldap::parts_that_cannot_be_read_are_errors_or_named_exceptions",
        ],
    },
];
