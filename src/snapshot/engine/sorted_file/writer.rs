//! How such a file comes into being.

use std::fs::File;
use std::io::{self, Write as _};

use super::{FOOTER, FULL, HASH, MARK, VERSION, hash, put_part};

/// Writes a file from its first key to its last.
pub(in crate::snapshot::engine) struct SortedWriter {
    file: File,
    /// The pairs of the block that is being filled.
    block: Vec<u8>,
    /// The first key of that block; none if it is empty.
    first: Option<Vec<u8>>,
    /// The key before; none before the first one.
    last: Option<Vec<u8>>,
    /// Of each block its first key, its length and its hash.
    index: Vec<u8>,
}

impl SortedWriter {
    /// A writer into a file that is empty.
    pub(in crate::snapshot::engine) const fn into(file: File) -> Self {
        Self { file, block: Vec::new(), first: None, last: None, index: Vec::new() }
    }

    /// Writes the next pair. A key that does not come behind the one before is refused.
    pub(in crate::snapshot::engine) fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if self.last.as_deref().is_some_and(|last| key <= last) {
            let reason = "its keys do not come in their order";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        self.first.get_or_insert_with(|| key.to_vec());
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        put_part(key, &mut self.block)?;
        put_part(value, &mut self.block)?;
        if self.block.len() < FULL { Ok(()) } else { self.end_block() }
    }

    fn end_block(&mut self) -> io::Result<()> {
        let Some(first) = self.first.take() else { return Ok(()) };
        self.file.write_all(&self.block)?;
        put_part(&first, &mut self.index)?;
        let length = u32::try_from(self.block.len()).map_err(io::Error::other)?;
        self.index.extend_from_slice(&length.to_le_bytes());
        self.index.extend_from_slice(&hash(&self.block));
        self.block.clear();
        Ok(())
    }

    /// Writes the rest, and waits until all of it is on the disk.
    pub(in crate::snapshot::engine) fn finish(mut self, tally: &[u8]) -> io::Result<()> {
        self.end_block()?;
        let mut index = Vec::with_capacity(self.index.len() + tally.len() + HASH);
        put_part(tally, &mut index)?;
        index.extend_from_slice(&self.index);
        let mut footer = Vec::with_capacity(FOOTER);
        footer.extend_from_slice(&(index.len() as u64).to_le_bytes());
        footer.extend_from_slice(&hash(&index));
        footer.push(VERSION);
        footer.extend_from_slice(&MARK);
        self.file.write_all(&index)?;
        self.file.write_all(&footer)?;
        self.file.sync_all()
    }
}
