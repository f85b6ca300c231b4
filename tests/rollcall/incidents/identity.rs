//! Somebody was taken for somebody else.

use super::Incident;

pub(super) const ROWS: &[Incident] = &[
    Incident {
        title: "A rename that deleted and created",
        sources: &["awslabs/ssosync #353", "awslabs/ssosync #199", "ssoready #164", "rancher/rancher #55220"],
        happened: "Users were recognised by user name or address and groups by name. A rename deleted the one and \
                   created another, or stopped every later run.",
        rule: "Identity is the directory's immutable id. A rename is an update of the same account.",
        played: &[
            "rollcall::rollcall promises_people::somebody_who_is_renamed_in_everything_but_his_id_keeps_his_one_account",
            "rollcall roster::properties::a_renamed_group_goes_on",
            "rollcall-ldap::ldap openldap::who_is_renamed_while_the_read_runs_keeps_his_groups",
        ],
    },
    Incident {
        title: "The address is the key, and it changes",
        sources: &["famedly/famedly-sync (its documentation)", "1Password SCIM bridge (its documentation)"],
        happened: "In some applications a new address is a new sign-in, or locks people out of what was encrypted for \
                   the old one.",
        rule: "Addresses are immutable in the target unless the configuration says otherwise. A changed one is refused \
               with a reason, and the rest of that person's update goes through.",
        played: &[
            "rollcall plan::properties::an_address_never_changes_where_addresses_are_immutable",
            "rollcall::rollcall command_explain::an_address_that_the_target_cannot_change",
        ],
    },
    Incident {
        title: "Somebody who comes back under a new id",
        sources: &["better-auth/better-auth #11111", "awslabs/ssosync #304", "keycloak/keycloak #19056"],
        happened: "A returning employee met their own inactive account and got a conflict for ever, or the record of their \
                   old deletion removed the new account.",
        rule: "The same address under a new id is a relink that the plan names, and it gives the account back that is \
               there. Many of them at once wait for a person.",
        played: &[
            "rollcall plan::tests::a_rehire_under_a_new_id_gets_his_account_back_instead_of_a_second_one",
            "rollcall plan::tests::somebody_who_returns_loses_what_he_should_not_have_before_he_is_let_in",
            "rollcall::rollcall promises_moved::accounts_that_all_pass_to_new_directory_ids_wait_for_a_person",
        ],
    },
    Incident {
        title: "An account taken over by its address",
        sources: &["eneo #443"],
        happened: "The first user whose address matched became the owner of a local account, in silence.",
        rule: "Taking over an account that we did not make is a change of its own. It stands in the plan before it \
               happens, takes nothing away that no rule names, and waits for a person if there are many.",
        played: &[
            "rollcall guard::tests::a_mapping_that_suddenly_adopts_everybody_is_held_and_names_by_what_it_matches",
            "rollcall::rollcall promises_people::an_account_of_somebody_else_is_adopted_in_full_sight_and_keeps_what_nobody_mapped",
            "rollcall plan::tests::an_account_that_is_there_already_is_adopted_and_only_its_mapped_values_are_ours",
        ],
    },
    Incident {
        title: "Two people, one account",
        sources: &["Microsoft Entra provisioning (its documentation)", "famedly/famedly-sync (its documentation)"],
        happened: "Two users with one address were linked to the same account.",
        rule: "Both are refused, both are named, and nothing is done to either.",
        played: &[
            "rollcall roster::judge::tests::two_users_with_one_address_are_both_withheld_and_each_names_the_other",
            "rollcall roster::properties::no_two_accounts_have_one_address_whatever_its_case",
            "rollcall::rollcall command_explain::several_users_who_match_one_account",
        ],
    },
    Incident {
        title: "One odd person stops everybody",
        sources: &["bitwarden/directory-connector #105", "RocketChat/Rocket.Chat #17723", "sysPass #518"],
        happened: "A single double or missing address ended the whole run, and the message did not say whose it was.",
        rule: "One bad record stops only itself. It is named with a reason code, everybody else goes on, and the exit \
               code says so.",
        played: &[
            "rollcall roster::properties::one_bad_record_stops_only_itself",
            "rollcall::rollcall command_bad_input::odd_people_stop_only_themselves",
            "rollcall::rollcall promises_rules::a_record_that_cannot_be_understood_is_named_and_stops_only_itself",
        ],
    },
    Incident {
        title: "Capitals",
        sources: &[
            "adobe-apiplatform/user-sync.py #281",
            "adobe-apiplatform/user-sync.py #471",
            "tailscale/tailscale #3662",
            "microsoft/o365-moodle #1356",
            "langfuse #13528",
        ],
        happened: "The same address in another case was another person, or an update that was sent again for ever.",
        rule: "Addresses are compared without regard to case, everywhere, and a difference of case alone is no change \
               of an address.",
        played: &[
            "rollcall-kit model::tests::addresses_are_compared_sorted_and_hashed_case_folded_and_shown_as_spelled",
            "rollcall plan::properties::a_change_of_case_is_no_change_of_an_address",
            "rollcall plan::tests::an_address_in_another_case_is_the_same_address",
        ],
    },
    Incident {
        title: "Ids that are bytes",
        sources: &["famedly/famedly-sync (its change log)"],
        happened: "Binary ids were read in two ways that sort differently, and every account needed a migration.",
        rule: "An id is read once, at the border, into the one text that the directory's own tools show.",
        played: &[
            "rollcall-ldap ids::tests::an_object_guid_turns_its_first_three_fields_round",
            "rollcall-ldap ids::tests::a_guid_survives_the_way_there_and_back",
            "rollcall-ldap ids::tests::values_that_are_no_id_are_refused",
        ],
    },
    Incident {
        title: "Dates that mean never",
        sources: &["LdapRecord #552", "ansible microsoft.ad #182", "cannatag/ldap3 #1154"],
        happened: "Expiry dates of nought, of the largest number, or in the year 10000 broke the sign-in or the run.",
        rule: "The values that mean never are never, and no value of one attribute makes a read fail.",
        played: &[
            "rollcall-ldap active::tests::active_directory_means_never_by_nought_and_by_the_largest_number",
            "rollcall-ldap active::tests::generalized_times_are_read_in_all_their_forms",
            "rollcall-ldap active::tests::no_value_makes_a_rule_fail_badly",
        ],
    },
];
