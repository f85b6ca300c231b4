//! A made-up company: a JSON file for the file connector, the same at every run.

use std::io::Write;
use std::path::Path;

/// Members of each group.
const TEAM: u32 = 50;

/// How many users; 100,000 unless `ROLLCALL_BENCH_USERS` says otherwise.
pub(crate) fn size() -> u32 {
    std::env::var("ROLLCALL_BENCH_USERS").map_or(100_000, |text| text.parse().unwrap())
}

/// An id that looks like a directory's: in no order, and never twice.
fn id(number: u32) -> String {
    format!("{:08x}-0000-4000-8000-{number:012x}", number.wrapping_mul(2_654_435_761))
}

/// Writes the file: users in teams, and every tenth of them in the group `editors`.
pub(crate) fn write(path: &Path, users: u32) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut separator = "";
    write!(file, "{{\"users\": [").unwrap();
    for number in 0..users {
        let (id, department) = (id(number), ["Sales", "Engineering", "Finance", "People"][number as usize % 4]);
        write!(
            file,
            "{separator}\n{{\"id\": \"{id}\", \"login\": \"u{number}\", \"status\": \"active\", \
             \"email\": \"given.family{number}@acme.com\", \"given_name\": \"Given{number}\", \
             \"family_name\": \"Family{number}\", \"name\": \"Given{number} Family{number}\", \"locale\": \"de-DE\", \
             \"phone_number\": \"+49 30 {number}\", \"department\": \"{department}\", \"title\": \"Engineer\", \
             \"employee_number\": \"{number}\", \"place\": \"Berlin/{department}\"}}"
        )
        .unwrap();
        separator = ",";
    }
    write!(file, "\n], \"groups\": [").unwrap();
    group(&mut file, "editors", (0..users).step_by(10));
    for team in 0..users / TEAM {
        write!(file, ",").unwrap();
        group(&mut file, &format!("team-{team}"), team * TEAM..(team + 1) * TEAM);
    }
    write!(file, "\n], \"count\": {users}}}\n").unwrap();
    file.into_inner().unwrap().sync_all().unwrap();
}

fn group(file: &mut impl Write, name: &str, members: impl Iterator<Item = u32>) {
    let members: Vec<String> = members.map(|number| format!("\"{}\"", id(number))).collect();
    write!(file, "\n{{\"id\": \"g-{name}\", \"name\": \"{name}\", \"members\": [{}]}}", members.join(",")).unwrap();
}
