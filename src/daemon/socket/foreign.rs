//! Whatever comes over the socket ends as messages or as an error, and what is written is what is read.

use std::io::ErrorKind;

use proptest::prelude::*;
use rollcall_kit::damage::{cases, damaged};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frames::{self, FRAME};
use super::protocol::{Frame, Reply, Request};

const SAMPLES: [&str; 4] = [
    r#"{"version":2,"arguments":["plan","acme"],"config":"/etc/rollcall/config.toml","columns":80,"can_ask":true,"login":1000}
"#,
    r#"{"is":"say","text":"Reading acme."}
{"is":"ask","question":"Apply? "}
{"is":"keep","path":"plan.json"}
{"is":"more","text":"{}"}
{"is":"done","whole":true}
{"is":"end","code":0}
"#,
    r#"{"is":"answer","text":"yes"}
{"is":"file","text":"{}","more":false,"error":null}
{"is":"kept","error":"no space left"}
{"is":"interrupt"}
"#,
    r#"{"is":"print","text":"\u001b[1m\ud83d\ude00"}
{"is":"read","name":"-"}
"#,
];

const WORDS: [&str; 18] = [
    "\n",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\",
    "\\ud800",
    "null",
    "true",
    "-1",
    "256",
    "18446744073709551616",
    "\"is\"",
    "\"interrupt\"",
    "\0",
];

/// Reads to the end, or to an error. What was read is written and read again, to be the same.
async fn read_all<T: DeserializeOwned + Serialize + Sync>(mut bytes: &[u8], most: u64) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for _ in 0..=lines {
        match frames::read::<T>(&mut bytes, most).await {
            Ok(Some(message)) => {
                let mut written = Vec::new();
                frames::write(&mut written, &message).await.unwrap();
                let again = frames::read::<T>(&mut &written[..], FRAME).await.unwrap().unwrap();
                assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&message).unwrap());
            }
            Ok(None) => return assert!(bytes.is_empty()),
            Err(error) => return assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}"),
        }
    }
    panic!("more messages than lines");
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn whatever_comes_over_the_socket_is_read_or_refused(
        bytes in damaged(&SAMPLES, &WORDS),
        most in prop_oneof![3 => Just(FRAME), 1 => 1..200_u64],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            read_all::<Request>(&bytes, most).await;
            read_all::<Frame>(&bytes, most).await;
            read_all::<Reply>(&bytes, most).await;
        });
    }
}
