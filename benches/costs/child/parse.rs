//! The limit of reading a JSON file: it is read and parsed into the types that it consists of, piece by piece, and each
//! piece is dropped at once. The companies that are measured need no escapes, so texts are borrowed.

use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    users: Each<User<'a>>,
    #[serde(borrow)]
    groups: Each<Group<'a>>,
}

/// What is read of a person.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is parsed is what counts")]
struct User<'a> {
    id: &'a str,
    login: &'a str,
    status: &'a str,
    email: &'a str,
    given_name: &'a str,
    family_name: &'a str,
    name: &'a str,
    locale: &'a str,
    phone_number: &'a str,
    department: &'a str,
    title: &'a str,
    employee_number: &'a str,
    place: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that it is parsed is what counts")]
struct Group<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(borrow)]
    members: Each<&'a str>,
}

/// How many there were of a list whose entries nobody keeps.
struct Each<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Drops<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Drops<T> {
            type Value = Each<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut count = 0;
                while let Some(entry) = list.next_element::<T>()? {
                    black_box(entry);
                    count += 1;
                }
                Ok(Each(count, PhantomData))
            }
        }
        deserializer.deserialize_seq(Drops(PhantomData))
    }
}

/// Parses the file, and prints how many people and groups there were.
pub(super) fn whole(file: &str) {
    let bytes = std::fs::read(file).unwrap();
    let document: Document<'_> = serde_json::from_slice(&bytes).unwrap();
    println!("{}", document.users.0 + document.groups.0);
}
