//! Whatever a server calls an attribute, the entry is taken apart, or the slice refused.

use proptest::prelude::*;
use rollcall_kit::damage::{cases, damaged_text};

use crate::entry::tests::entry;

/// What means something in the name of an attribute.
const WORDS: [&str; 9] = [";", "range=", "member", "-", "*", "18446744073709551615", "99999999999999999999", "0", "+1"];

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn whatever_a_server_calls_an_attribute_is_taken_apart_or_refused(
        name in damaged_text(&["member;range=0-1", "member;range=2-*", "member;binary", "member"], &WORDS),
        value in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let entry = entry("cn=big", &[(&name, &[&value, b"b"]), ("uid", &[&value])]);
        if let Ok(Some(slice)) = entry.slice("member") {
            prop_assert!(slice.last.is_none_or(|last| last - slice.first == 1), "{}", name);
        }
        let _ = (entry.values("member").count(), entry.text("uid"), entry.sliced().count(), entry.mentions(&name));
    }
}
