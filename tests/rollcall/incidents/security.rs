//! A secret went where it should not.

use super::Incident;

pub(super) const ROWS: &[Incident] = &[
    Incident {
        title: "A token that followed a link",
        sources: &[
            "agent-bom #4751",
            "erpl-web #183",
            "datarobot cli #501",
            "Azure/acr #895",
            "onyx #9385",
            "crabbox #1176",
        ],
        happened: "The link to the next page, or a redirect, led to another host, and the request carried the token \
                   along.",
        rule: "Scheme, host and port of every link must be those that the configuration names, without user name or \
               password in it. Redirects are not followed. A URL that was not checked cannot be sent to: it is another \
               type.",
        played: &[
            "rollcall-kit http::origin::tests::a_link_to_another_scheme_host_or_port_is_refused",
            "rollcall-kit http::origin::tests::a_link_with_credentials_is_refused_and_they_are_not_shown",
            "rollcall-kit::kit http_wire::a_url_of_another_client_is_not_sent_to",
            "rollcall-kit::kit http_wire::a_redirect_is_an_answer_and_is_not_followed",
        ],
    },
    Incident {
        title: "Secrets in logs",
        sources: &[
            "ldapts #94",
            "nextcloud #38461",
            "nextcloud #39035",
            "sysPass #1339",
            "owncloud #18547",
            "kanidm/kanidm (seen in its source)",
        ],
        happened: "Passwords and tokens stood in debug logs and error messages, among them the bind password of an \
                   LDAP library.",
        rule: "A secret cannot be printed: its type has no form for it. Whole runs at the highest log level, that of \
               the libraries too, are searched for the token and the password, and so is everything that they wrote.",
        played: &[
            "rollcall::rollcall command_secrets::a_token_is_in_nothing_that_is_printed_or_kept_whatever_happens",
            "rollcall::rollcall whole_way::bad_input::the_directorys_password_is_in_nothing_that_is_printed_or_kept",
            "rollcall-kit::kit http_wire::the_debug_form_of_requests_and_answers_holds_no_body_and_no_header_value",
            "rollcall-kit::kit tokens::a_refusal_is_quoted_without_the_secret_that_the_endpoint_repeats",
            "rollcall-kit::kit http_wire::an_error_that_repeats_our_token_is_handed_on_without_it",
        ],
    },
    Incident {
        title: "A secret that everybody can read",
        sources: &["kanidm/kanidm (which warns)", "Google Cloud Directory Sync (its documentation)"],
        happened: "The configuration held the secret, or the key lay beside the encrypted file.",
        rule: "The configuration refers to secrets and never holds one. A secret file that others can read is refused, \
               not warned about; and the folder of the snapshot is closed to others.",
        played: &[
            "rollcall-kit secret::tests::a_file_that_others_can_read_write_or_run_is_refused_with_the_remedy",
            "rollcall config::tests::a_secret_in_the_file_is_answered_with_the_ways_to_refer_to_it_and_never_shown",
            "rollcall::rollcall command_bad_input::a_secret_that_cannot_be_had_or_that_others_can_read_stops_everything",
            "rollcall::rollcall command_secrets::what_is_kept_of_people_is_closed_to_other_users_of_the_machine",
        ],
    },
    Incident {
        title: "A password before encryption",
        sources: &["famedly/famedly-sync (which names it a danger)"],
        happened: "StartTLS that is refused or stripped lets the password cross the network in clear text.",
        rule: "LDAP is encrypted unless the configuration says `danger_clear_text`. A refused StartTLS is the end, not \
               a reason to go on without.",
        played: &[
            "rollcall-ldap::ldap transport::start_tls_never_falls_back_to_clear_text",
            "rollcall-ldap starttls::tests::a_refusal_and_nonsense_never_count_as_agreement",
            "rollcall-ldap settings::tests::clear_text_is_refused_even_on_loopback_unless_it_is_asked_for_by_its_name",
        ],
    },
    Incident {
        title: "A name that becomes part of a query",
        sources: &["bitwarden/directory-connector (its guidelines)"],
        happened: "A name with brackets, an asterisk or a quotation mark changes the query in which it is looked up.",
        rule: "Values are escaped where a query is put together: LDAP filters, SCIM filters and paths of URLs.",
        played: &[
            "rollcall-ldap lookup::tests::an_address_stays_a_value_whatever_is_in_it",
            "rollcall-ldap ids::tests::what_is_asked_for_never_leaves_its_value",
            "rollcall scim::filter::tests::quotes_and_backslashes_are_escaped",
            "rollcall-kit http::origin::tests::an_id_that_a_path_cannot_hold_never_names_its_parent",
        ],
    },
];
