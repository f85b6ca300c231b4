//! The reading that streams is the reading of the whole document, over generated documents, whole and damaged.

use proptest::prelude::*;
use rollcall_kit::Entry;

use super::oracle;
use crate::settings::FileSettings;
use crate::walk::{Sink, Walked};

/// Names that a user may have, known ones, misspelt ones and ones that mean nothing here.
const NAMES: [&str; 16] = [
    "login",
    "status",
    "staus",
    "email",
    "name",
    "given_name",
    "place",
    "assigned",
    "employee_number",
    "emails",
    "badge",
    "depatment",
    "preferred_username",
    "na\\u006de",
    "id",
    "größe",
];

/// Values that a name may have.
const VALUES: [&str; 24] = [
    "\"active\"",
    "\"disabled\"",
    "\"ana@acme.com\"",
    "\"Ana Müller\"",
    "\"\"",
    "\" padded\\n\\\"quoted\\\" \"",
    "\"\\u00e9\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "null",
    "true",
    "false",
    "0",
    "17",
    "-0",
    "1.5",
    "1e3",
    "18446744073709551615",
    "1e999",
    "-9223372036854775808",
    "[]",
    "[1, null, \"x\", [2.50]]",
    "{\"b\": {\"c\": 1.0, \"c\": null}, \"a\": [null]}",
    "{ }",
    "[{\"primary\": true}]",
];

/// Bytes that decide what is generated, one after the other; at their end everything is plain.
struct Tape<'a>(std::slice::Iter<'a, u8>);

impl Tape<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % bound)
    }

    /// Seldom true.
    fn rarely(&mut self) -> bool {
        self.below(24) == 23
    }

    fn gap(&mut self) -> &'static str {
        ["", " ", "\n", "\r\n\t ", "\n\n"][self.below(5)]
    }

    fn object(&mut self, parts: &[(String, String)]) -> String {
        let mut text = String::from("{");
        for (index, (name, value)) in parts.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            text += &format!("{}{comma}{}\"{name}\"{}:{}{value}", self.gap(), self.gap(), self.gap(), self.gap());
        }
        text + self.gap() + "}"
    }

    fn list(&mut self, values: &[String]) -> String {
        let gap = self.gap();
        format!("[{gap}{}{}]", values.join(&format!(",{gap}")), self.gap())
    }

    fn user(&mut self, number: usize) -> String {
        if self.rarely() {
            return VALUES[self.below(VALUES.len())].to_owned();
        }
        let number = if self.rarely() { 0 } else { number };
        let id = match self.below(12) {
            0 => number.to_string(),
            1 => format!("\" p{number} \""),
            2 if self.rarely() => VALUES[self.below(VALUES.len())].to_owned(),
            _ => format!("\"p{number}\""),
        };
        let mut parts: Vec<(String, String)> = (0..self.below(7))
            .map(|_| (NAMES[self.below(NAMES.len() - 1)].to_owned(), VALUES[self.below(VALUES.len())].to_owned()))
            .filter(|(name, _)| name != "id")
            .collect();
        let place = self.below(parts.len() + 1);
        parts.insert(place, ("id".to_owned(), id));
        self.object(&parts)
    }

    fn group(&mut self, number: usize) -> String {
        let member = |tape: &mut Self| match tape.below(20) {
            0 => format!("\"g{}\"", tape.below(4)),
            1 => "\"gone\"".to_owned(),
            2 => "\" p1\"".to_owned(),
            3 => "\"\\u00701\"".to_owned(),
            4 => "\" \"".to_owned(),
            5 if tape.rarely() => VALUES[tape.below(VALUES.len())].to_owned(),
            _ => format!("\"p{}\"", tape.below(8)),
        };
        let members: Vec<String> = (0..self.below(9)).map(|_| member(self)).collect();
        let mut parts = vec![
            ("id".to_owned(), if self.rarely() { "\"p0\"".to_owned() } else { format!("\"g{number}\"") }),
            ("name".to_owned(), if self.rarely() { "7".to_owned() } else { "\"all\\u0021\"".to_owned() }),
            ("members".to_owned(), self.list(&members)),
        ];
        match self.below(40) {
            0 => drop(parts.pop()),
            1 => parts.push(("owner".to_owned(), "1".to_owned())),
            2 => parts.push(("name".to_owned(), "\"again\"".to_owned())),
            3..=9 => parts.push(("place".to_owned(), "\"Berlin\"".to_owned())),
            10 => parts.push(("place".to_owned(), VALUES[self.below(VALUES.len())].to_owned())),
            11 => parts[0].1 = "\" \"".to_owned(),
            _ => {}
        }
        let turn = self.below(parts.len());
        parts.rotate_left(turn);
        self.object(&parts)
    }

    fn document(&mut self) -> String {
        let users: Vec<String> = (0..self.below(7)).map(|number| self.user(number)).collect();
        let groups: Vec<String> = (0..self.below(5)).map(|number| self.group(number)).collect();
        let mut parts = vec![("users".to_owned(), self.list(&users)), ("groups".to_owned(), self.list(&groups))];
        match self.below(30) {
            0..=5 => parts.push(("count".to_owned(), users.len().to_string())),
            6 => parts.push(("count".to_owned(), VALUES[self.below(VALUES.len())].to_owned())),
            7 => parts.push(("user".to_owned(), "[]".to_owned())),
            8 => parts.push(("users".to_owned(), "[]".to_owned())),
            9 => drop(parts.pop()),
            _ => {}
        }
        let turn = self.below(parts.len());
        parts.rotate_left(turn);
        let mark = if self.rarely() { "\u{feff}" } else { "" };
        let behind = if self.rarely() { "{}" } else { "" };
        format!("{mark}{}{}{}{behind}", self.gap(), self.object(&parts), self.gap())
    }
}

/// What a damage does to a document.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Cut(prop::sample::Index),
    Lost(prop::sample::Index, usize),
    Other(prop::sample::Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        3 => Just(Damage::None),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), 1_usize..9).prop_map(|(start, length)| Damage::Lost(start, length)),
        1 => (at(), prop_oneof![prop::sample::select(&b"{}[],:\"\\0e-. \n\x01"[..]), any::<u8>()])
            .prop_map(|(place, byte)| Damage::Other(place, byte)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    match damage {
        Damage::None => {}
        Damage::Cut(end) => bytes.truncate(end.index(bytes.len())),
        Damage::Lost(start, length) => {
            let start = start.index(bytes.len());
            bytes.drain(start..(start + length).min(bytes.len()));
        }
        Damage::Other(place, byte) => {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
    }
    bytes
}

/// What a walk hands on, with groups by their ids, and what it has to show; or its refusal.
fn outcome(
    settings: &FileSettings,
    walk: fn(&FileSettings, Sink<'_>) -> Result<Walked, rollcall_kit::ReadError>,
) -> Result<(Vec<Entry>, String), String> {
    let mut entries = Vec::new();
    let walked = walk(settings, &mut |entry| {
        entries.push(entry);
        Ok(())
    });
    let walked = walked.map_err(|error| error.to_string())?;
    let first = entries.iter().position(|entry| matches!(entry, Entry::Group(_))).unwrap_or(entries.len());
    entries[first..].sort_by_key(|entry| match entry {
        Entry::Group(group) => Some(group.id.clone()),
        _ => None,
    });
    Ok((entries, format!("{walked:?}")))
}

proptest! {
    #![proptest_config(rollcall_kit::damage::cases(512))]

    #[test]
    fn a_document_is_read_in_a_stream_as_it_is_read_whole(
        tape in prop::collection::vec(any::<u8>(), 0..400),
        damage in damage(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.json");
        let document = damaged(Tape(tape.iter()).document().into_bytes(), &damage);
        std::fs::write(&path, &document).unwrap();
        let settings = FileSettings::of(path);
        let whole = outcome(&settings, oracle::walk);
        prop_assert_eq!(outcome(&settings, super::walk), whole, "{}", String::from_utf8_lossy(&document));
    }
}
