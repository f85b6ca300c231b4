//! The directory answered wrongly, or was asked for something else than before.

use super::Incident;

pub(super) const ROWS: &[Incident] = &[
    Incident {
        title: "A success with people missing",
        sources: &["firezone/firezone #9194", "slashdevops/idp-scim-sync #70"],
        happened: "A directory answered with success and left people out. The synchronizer took them for leavers and \
                   deleted all of them.",
        rule: "A good status proves nothing. A user who is missing is looked up by id before it costs them anything; found \
               after all, the read was wrong and the run fails. Where even the look-up says that they are gone while a \
               group still names them or their place is not shown any more, the plan waits for a person.",
        played: &[
            "rollcall::rollcall whole_way::hidden::people_whom_a_proxy_hides_from_lists_and_look_ups_wait_for_a_person",
            "rollcall read::tests::whoever_is_found_after_all_fails_the_run_and_is_named",
            "rollcall read::census::tests::a_collection_that_shrank_beyond_its_limit_is_a_finding_and_one_within_it_is_none",
        ],
    },
    Incident {
        title: "An empty list taken for an empty company",
        sources: &["keycloak/keycloak #24669", "boxyhq/jackson (directory sync, seen in its source)"],
        happened: "A query that returned nothing was read as a directory without users, and the accounts were deleted.",
        rule: "A collection that is empty where it was not before is a failed read. Nothing is changed, not even our \
               own copy.",
        played: &[
            "rollcall read::tests::a_collection_that_is_suddenly_empty_is_an_error_that_says_whose_rights_to_check",
            "rollcall-file::file torn::an_empty_file_is_an_incomplete_read_and_never_an_empty_company",
        ],
    },
    Incident {
        title: "A server error in the middle of a read",
        sources: &["awslabs/ssosync #234", "awslabs/ssosync #278", "awslabs/ssosync #236"],
        happened: "A 503 on one page was logged and passed over. Users and groups that would have stood on it were \
                   deleted, with the permissions that hung on them.",
        rule: "A read that did not finish in every collection is an error. It changes neither the application nor our \
               copy of the directory.",
        played: &[
            "rollcall-ldap::ldap faults::a_page_with_any_other_result_than_success_is_an_error",
            "rollcall-ldap::ldap faults::a_read_that_is_cut_anywhere_is_an_error",
            "rollcall read::tests::a_read_that_is_cut_at_any_entry_changes_nothing",
            "rollcall snapshot::tests::faults::a_crash_anywhere_in_a_commit_of_changes_leaves_mirror_and_place_as_they_were_or_moves_both",
            "rollcall::rollcall promises_plans::a_read_that_fails_leaves_mirror_ledger_and_target_as_they_were",
        ],
    },
    Incident {
        title: "Only the first page",
        sources: &[
            "grafana/grafana #73834",
            "LdapRecord-Laravel #406",
            "bitwarden/directory-connector #38",
            "awslabs/ssosync #65",
            "slashdevops/idp-scim-sync #76",
        ],
        happened: "A loop over pages stopped at its first page or at a fixed number of them. Everybody behind it was \
                   disabled.",
        rule: "Pages are read to the end that the protocol itself announces. A bound on their number is an error and \
               never an end, and a page without its paging control is no last page.",
        played: &[
            "rollcall-ldap search::tests::a_server_that_never_ends_is_an_error_not_an_end",
            "rollcall-ldap search::tests::a_page_without_the_paging_control_is_an_incomplete_read",
            "rollcall-ldap::ldap openldap::everybody_and_every_group_is_read_once_through_pages",
        ],
    },
    Incident {
        title: "A size limit of the LDAP server",
        sources: &["go-gitea/gitea #3815", "adobe-apiplatform/user-sync.py #418", "RocketChat/Rocket.Chat #7348"],
        happened: "The server stopped at its size limit and said so with a result code that nobody looked at.",
        rule: "Every result code but success is an error that says what to do about it, and every search is paged.",
        played: &[
            "rollcall-ldap results::tests::every_code_but_nought_is_an_error_that_says_what_to_do",
            "rollcall::rollcall whole_way::bad_input::mistakes_about_an_openldap_cost_nobody_anything",
        ],
    },
    Incident {
        title: "Large groups of Active Directory look empty",
        sources: &["Novell.Directory.Ldap #82", "adobe-apiplatform/user-sync.py #423", "pg-ldap-sync #37"],
        happened: "Above 1,500 members Active Directory hands members out in slices, beside an attribute that is \
                   empty. Adding one member removed three thousand.",
        rule: "A sliced attribute is fetched to its end. Slices that leave a gap are an error, and an empty attribute \
               beside a slice is not an empty group.",
        played: &[
            "rollcall-ldap entry::tests::an_empty_member_beside_a_slice_is_seen_as_a_slice",
            "rollcall-ldap range::tests::a_gap_an_overlap_and_an_empty_slice_are_errors",
            "rollcall-ldap group::tests::a_sliced_group_is_never_complete_at_once",
            "rollcall-ldap::ldap active_directory::an_active_directory_is_read_whole",
        ],
    },
    Incident {
        title: "A reader who sees less than before",
        sources: &["keycloak/keycloak #20177", "firezone/firezone #11939", "ns8-core #1296"],
        happened: "The password or the rights of the account that reads were changed. The sign-in was not checked, or \
                   attributes came back empty, and everybody who was not seen any more was removed.",
        rule: "A refused sign-in is an error and is not tried again. A reader who may not see what rules depend on is \
               noticed, and an attribute that cannot be read is told apart from one that is not there.",
        played: &[
            "rollcall-ldap::ldap transport::a_wrong_password_is_tried_once_and_an_empty_one_never",
            "rollcall-ldap::ldap openldap::what_a_reader_may_not_see_is_noticed",
            "rollcall-ldap active::tests::a_flag_that_must_be_there_and_is_not_makes_the_status_unknown",
            "rollcall::rollcall whole_way::bad_input::a_blind_reader_of_an_active_directory_puts_nobody_out",
            "rollcall::rollcall whole_way::hidden::people_whom_an_openldap_hides_wait_for_a_person_and_are_no_leavers",
            "rollcall read::census::tests::an_attribute_that_almost_nobody_has_any_more_is_a_finding",
        ],
    },
    Incident {
        title: "A replica that lags behind",
        sources: &["multiOTP #59"],
        happened: "One of several servers lacked people whom the others had. Whenever it was asked, they were deleted.",
        rule: "Absence is confirmed by id, and the certificate of a read names the server that answered. Whom the same \
               replica also denies by id is held only if the user left a trace (a group that still names them, a place that \
               is not shown any more); the limits bound the rest.",
        played: &[
            "rollcall::rollcall whole_way::cut_reads::who_is_hidden_while_another_leaves_stays_and_the_leaver_waits",
            "rollcall read::trace::tests::whom_a_group_still_names_is_doubted",
            "rollcall guard::tests::a_mass_of_leavers_is_held_with_the_number_the_share_the_limit_and_the_causes",
        ],
    },
    Incident {
        title: "An edited filter",
        sources: &["goauthentik/authentik #19295", "keycloak/keycloak #21359", "glpi-project/glpi #9265"],
        happened: "Somebody narrowed a filter. Users who did not fit any more were deleted at the next run, with second \
                   factors that could not be restored.",
        rule: "The first plan that takes something away after scope, mapping or the directory's settings changed waits \
               for a person, also when its effect shows only later. And nothing is deleted unless deletion is \
               configured.",
        played: &[
            "rollcall::rollcall promises_rules::a_scope_whose_group_is_found_only_later_still_waits_for_a_person",
            "rollcall guard::tests::changed_rules_hold_only_what_takes_something_away",
            "rollcall config::tests::the_rules_hash_changes_with_the_scope_and_not_with_a_limit",
            "rollcall::rollcall whole_way::bad_input::mistakes_about_an_openldap_cost_nobody_anything",
        ],
    },
    Incident {
        title: "A renamed group or organizational unit",
        sources: &["Microsoft Entra Connect and Cloud Sync (their documentation)"],
        happened: "The unit or group that bounded the synchronization was renamed. One product deleted everybody in \
                   it, another stayed healthy and stopped removing leavers.",
        rule: "A group is followed by its id once a rule by name has found it. One that cannot be found revokes \
               nothing, is named, and holds; so does a place that nobody is shown in any more.",
        played: &[
            "rollcall roster::groups::tests::a_renamed_group_is_followed_by_its_id_and_that_is_said",
            "rollcall roster::properties::a_missing_group_puts_nobody_out_and_takes_no_role",
            "rollcall read::trace::tests::a_container_that_several_left_empty_at_once_is_doubted_and_one_that_its_only_person_left_is_not",
        ],
    },
    Incident {
        title: "A change token that expired",
        sources: &["microsoft-graph-docs #2350", "microsoft-graph-docs #9053"],
        happened: "The place in a change stream was lost or too old. What happened since was never heard of.",
        rule: "An expired token means a full read, and absence from a full read is not the same evidence as absence \
               from a change stream.",
        played: &[
            "rollcall::rollcall promises_changes::the_first_run_and_one_whose_place_is_lost_read_in_full_and_say_why",
            "rollcall::rollcall promises_changes::changes_alone_are_read_no_longer_than_the_configuration_allows",
        ],
    },
    Incident {
        title: "A place that was remembered before its data",
        sources: &["bitwarden/directory-connector (seen in its source)", "famedly/ldap-poller (seen in its source)"],
        happened: "The token of the change stream was saved while reading. A failure after that lost the changes in \
                   between for good.",
        rule: "What was read becomes our copy as a whole, or not at all, and never after a failed read. The \
               place in a change stream is part of the same commit.",
        played: &[
            "rollcall snapshot::tests::faults::a_crash_anywhere_in_a_commit_leaves_the_old_mirror_or_the_new_one_and_never_a_mixture",
            "rollcall snapshot::tests::faults::a_crash_anywhere_in_a_commit_of_changes_leaves_mirror_and_place_as_they_were_or_moves_both",
            "rollcall::rollcall promises_plans::a_read_that_fails_leaves_mirror_ledger_and_target_as_they_were",
        ],
    },
    Incident {
        title: "Deletions that no stream mentions",
        sources: &["bitwarden/directory-connector (seen in its source)", "apache/syncope (its documentation)"],
        happened: "Searches by time of change never show what was deleted, so leavers stayed in.",
        rule: "A full read stands behind everything: who is not in it is looked up, and who is gone is out at that run.",
        played: &[
            "rollcall::rollcall promises_changes::who_is_merely_missing_is_found_by_the_next_full_read",
            "rollcall::rollcall whole_way::hidden::who_is_deleted_without_leaving_a_name_leaves_at_the_next_run",
            "rollcall-ldap::ldap openldap::joiners_movers_and_leavers_are_seen_by_the_next_read",
        ],
    },
    Incident {
        title: "Groups that contain each other",
        sources: &["bitwarden/directory-connector (which guards against it)"],
        happened: "A circle of nested groups can keep a walk busy for ever.",
        rule: "Every group is walked once, whatever contains what.",
        played: &["rollcall roster::groups::tests::groups_that_contain_each_other_are_walked_once"],
    },
];
