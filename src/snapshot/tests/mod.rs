//! Tests of the store: one suite over both implementations, and the faults that only the one on disk can have.

/// Runs each function against both stores, as a test of its own.
macro_rules! both {
    ($($behaviour:ident,)+) => {
        mod on_sled {
            $(#[test]
            fn $behaviour() {
                let directory = tempfile::tempdir().unwrap();
                super::$behaviour(&super::SledStore::open(directory.path()).unwrap());
            })+
        }
        mod in_memory {
            $(#[test]
            fn $behaviour() {
                super::$behaviour(&super::MemoryStore::new());
            })+
        }
    };
}

mod agenda;
mod changes;
mod faults;
mod glance;
mod golden;
mod group_commit;
mod kill;
mod mirror_file;
pub(super) mod sample;
mod size;
mod suite;
