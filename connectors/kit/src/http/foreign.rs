//! Whatever a `Link` header holds, the next page is a target that stands in it, or there is none, or the header is damaged.

use bytes::Bytes;
use proptest::prelude::*;
use reqwest::header::LINK;

use super::{HeaderMap, HeaderValue, Response};
use crate::damage::{cases, damaged};

/// What means something in a `Link` header.
const WORDS: [&str; 10] = ["<", ">", ",", ";", "\"", "rel=", "rel=\"next\"", "next", " ", "="];

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_link_header_gives_a_target_that_stands_in_it_or_none(
        header in damaged(&[r#"<https://x.example/a?b=1,2>; rel="self", </c>; rel="next last""#], &WORDS),
    ) {
        let Ok(value) = HeaderValue::from_bytes(&header) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        headers.append(LINK, value);
        let answer = Response { status: 200, headers, body: Bytes::new(), attempts: 1 };
        if let Ok(Some(next)) = answer.next_link() {
            prop_assert!(String::from_utf8_lossy(&header).contains(&format!("<{next}>")), "{}", next);
        }
    }
}
