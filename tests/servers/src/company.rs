//! A company of any size as a JSON file for the file connector, the same for the same seed.
//!
//! It is written as it is made up, so a million people with five million memberships take no memory. Ids lie in no
//! order, as a directory's do. The first group is called `editors` and has every tenth of the people, the others
//! are called `team-0` and so on, have nearly equal sizes, and their members come from all over the company.

use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The domain of all addresses.
pub const DOMAIN: &str = "acme.com";

const DEPARTMENTS: [&str; 8] =
    ["Sales", "Engineering", "Finance", "People", "Legal", "Support", "Research", "Marketing"];
const GIVEN: [&str; 8] = ["Ada", "Bob", "Mei", "Ivan", "Olga", "Raúl", "Zoë", "Jürgen"];
const FAMILY: [&str; 7] = ["Lovelace", "Müller", "Kowalski", "O'Brien", "García", "Smith", "Yılmaz"];

/// Steps through the company by which a team picks its members; primes, so that nobody is picked twice.
const STEPS: [u64; 8] = [1_000_003, 1_000_033, 1_000_037, 1_000_039, 1_000_081, 1_000_099, 1_000_117, 1_000_121];

/// What the company is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Company {
    /// How many people.
    pub people: u32,
    /// How many groups.
    pub groups: u32,
    /// How many memberships in all. No group has more members than there are people.
    pub memberships: u64,
    /// Another seed makes another company.
    pub seed: u64,
    /// So many people have another telephone number than at the beginning.
    pub changed: u32,
    /// Which number: a later round changes the same people again.
    pub round: u32,
}

impl Company {
    /// A company of so many people, in teams of about fifty, with a tenth of them editors.
    #[must_use]
    pub const fn of(people: u32) -> Self {
        let groups = 1 + people.div_ceil(50);
        Self { people, groups, memberships: people as u64 + people as u64 / 10, seed: 1, changed: 0, round: 0 }
    }

    /// The same with so many people changed, in this round.
    #[must_use]
    pub const fn with_changes(self, changed: u32, round: u32) -> Self {
        Self { changed, round, ..self }
    }

    /// The id of a person, by their number.
    #[must_use]
    pub fn id(&self, number: u32) -> String {
        format!("{:08x}-{:04x}-4000-8000-{number:012x}", mixed(self.seed, number), self.seed & 0xffff)
    }

    /// The address of a person, by their number.
    #[must_use]
    pub fn address(number: u32) -> String {
        format!("person.{number}@{DOMAIN}")
    }

    /// Writes the file anew.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
        self.write_to(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    /// Writes the document.
    ///
    /// # Errors
    ///
    /// If the writer fails.
    pub fn write_to(&self, file: &mut impl Write) -> io::Result<()> {
        write!(file, "{{\"users\": [")?;
        for number in 0..self.people {
            file.write_all(if number == 0 { b"\n" } else { b",\n" })?;
            self.person(file, number)?;
        }
        write!(file, "\n], \"groups\": [")?;
        let editors = u64::from(self.people.div_ceil(10)).min(self.memberships);
        let teams = u64::from(self.groups.saturating_sub(1));
        let (each, left) = match teams {
            0 => (0, 0),
            _ => ((self.memberships - editors) / teams, (self.memberships - editors) % teams),
        };
        for group in 0..u64::from(self.groups) {
            file.write_all(if group == 0 { b"\n" } else { b",\n" })?;
            match group.checked_sub(1) {
                None => self.group(file, "editors", (0..self.people).step_by(10).take(editors as usize))?,
                Some(team) => {
                    let size = (each + u64::from(team < left)).min(self.people.into());
                    self.group(file, &format!("team-{team}"), self.members(team, size))?;
                }
            }
        }
        writeln!(file, "\n], \"count\": {}}}", self.people)
    }

    fn person(&self, file: &mut impl Write, number: u32) -> io::Result<()> {
        let chance = mixed(self.seed ^ 0x5eed, number) as usize;
        let (given, family) = (GIVEN[chance % GIVEN.len()], FAMILY[chance / 8 % FAMILY.len()]);
        let department = DEPARTMENTS[chance / 64 % DEPARTMENTS.len()];
        let round = if self.is_changed(number) { self.round + 1 } else { 0 };
        write!(
            file,
            "{{\"id\": \"{id}\", \"login\": \"p{number}\", \"status\": \"active\", \"email\": \"{address}\", \
             \"given_name\": \"{given}\", \"family_name\": \"{family} {number}\", \"name\": \"{given} {family} {number}\", \
             \"locale\": \"de-DE\", \"phone_number\": \"+49 30 {number} {round}\", \"department\": \"{department}\", \
             \"title\": \"Engineer\", \"employee_number\": \"{number}\", \"place\": \"Berlin/{department}\"}}",
            id = self.id(number),
            address = Self::address(number),
        )
    }

    /// Whether this is one of those who changed: they lie at equal distances.
    fn is_changed(&self, number: u32) -> bool {
        let at = |number: u64| number * u64::from(self.changed) / u64::from(self.people.max(1));
        at(u64::from(number) + 1) > at(number.into())
    }

    fn members(&self, team: u64, size: u64) -> impl Iterator<Item = u32> {
        let people = u64::from(self.people.max(1));
        let chance = u64::from(mixed(self.seed ^ 0x7ea3, team as u32));
        // A step that the number of people is a multiple of would come round too early.
        let steps = STEPS.iter().cycle().skip(chance as usize % STEPS.len()).take(STEPS.len());
        let step = steps.copied().find(|step| !people.is_multiple_of(*step)).unwrap_or(1);
        (0..size).map(move |turn| ((chance + turn * step) % people) as u32)
    }

    fn group(&self, file: &mut impl Write, name: &str, members: impl Iterator<Item = u32>) -> io::Result<()> {
        write!(file, "{{\"id\": \"g-{name}\", \"name\": \"{name}\", \"members\": [")?;
        for (place, member) in members.enumerate() {
            let separator = if place == 0 { "" } else { "," };
            write!(file, "{separator}\"{}\"", self.id(member))?;
        }
        file.write_all(b"]}")
    }
}

/// A number without order, the same for the same input (the finaliser of SplitMix64).
const fn mixed(seed: u64, number: u32) -> u32 {
    let mut x = seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document(company: &Company) -> Value {
        let mut bytes = Vec::new();
        company.write_to(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn the_numbers_are_what_was_asked_for_and_nobody_is_twice_in_a_group() {
        for (people, groups, memberships) in [(1000, 21, 1100), (1000, 7, 5003), (7, 3, 15), (1, 0, 0), (50, 1, 5)] {
            let company = Company { groups, memberships, ..Company::of(people) };
            let document = document(&company);
            let ids: BTreeSet<&str> =
                document["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), people as usize);
            let all = document["groups"].as_array().unwrap();
            assert_eq!(all.len(), groups as usize);
            let members = all.iter().map(|group| group["members"].as_array().unwrap());
            assert_eq!(members.clone().map(|members| members.len() as u64).sum::<u64>(), memberships);
            for members in members {
                let different: BTreeSet<&str> = members.iter().map(|id| id.as_str().unwrap()).collect();
                assert!(different.len() == members.len() && different.is_subset(&ids));
            }
        }
    }

    #[test]
    fn exactly_so_many_people_differ_as_were_changed() {
        let before = document(&Company::of(1000));
        for changed in [0, 1, 10, 999, 1000] {
            let after = document(&Company::of(1000).with_changes(changed, 4));
            let pairs = before["users"].as_array().unwrap().iter().zip(after["users"].as_array().unwrap());
            assert_eq!(pairs.filter(|(before, after)| before != after).count(), changed as usize);
            assert_eq!(before["groups"], after["groups"]);
        }
    }

    #[test]
    fn a_seed_makes_the_same_company_again_and_another_seed_another_one() {
        let other = Company { seed: 2, ..Company::of(100) };
        assert_eq!(document(&Company::of(100)), document(&Company::of(100)));
        assert_ne!(document(&Company::of(100))["users"][0]["id"], document(&other)["users"][0]["id"]);
    }
}
