//! How such a file is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{FOOTER, HASH, Hash, MARK, Slice, VERSION, damage, hash, take_number, take_part};
use crate::snapshot::StoreError;
use crate::snapshot::engine::Bytes;
use crate::snapshot::engine::opening;
use crate::snapshot::io::cannot;
use crate::snapshot::keys;

/// A file whose index was read.
pub(in crate::snapshot::engine) struct SortedFile {
    /// The state directory, to name it where damage is found.
    directory: PathBuf,
    path: PathBuf,
    file: File,
    pub(super) tally: Bytes,
    pub(super) blocks: Vec<BlockAt>,
    /// The block that was read last: who looks for a key and then reads it asks for it twice.
    latest: Mutex<Option<(usize, Arc<Vec<u8>>)>>,
}

/// Where a block lies.
pub(super) struct BlockAt {
    pub(super) first: Box<[u8]>,
    offset: u64,
    length: u32,
    hash: Hash,
}

/// The pairs of a block that are yet to come, in the order of their keys.
#[derive(Default)]
pub(super) struct Block {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) pairs: std::vec::IntoIter<PairAt>,
}

/// Where in a block a key begins, its value, and where that ends.
#[derive(Clone, Copy)]
pub(super) struct PairAt {
    key: (usize, usize),
    value: (usize, usize),
}

impl SortedFile {
    /// Opens a file and reads its index; none if there is no such file.
    pub(in crate::snapshot::engine) fn open(directory: &Path, path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(path, "be opened", error)),
        };
        let (tally, blocks) = read_index(&file).map_err(|error| damaged(directory, path, &error))?;
        let to = tally.len();
        let tally = Bytes::File(Slice { block: Arc::new(tally), from: 0, to });
        let (directory, path) = (directory.to_owned(), path.to_owned());
        Ok(Some(Self { directory, path, file, tally, blocks, latest: Mutex::default() }))
    }

    /// One value.
    pub(in crate::snapshot::engine) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if key == keys::TALLY {
            return Ok(Some(self.tally.clone()));
        }
        let Some(at) = self.blocks_until(key).checked_sub(1) else { return Ok(None) };
        let found = self.read_block(at).and_then(|block| {
            let found = pairs_of(&block)?.into_iter().find(|pair| pair.key(&block) == key);
            Ok(found.map(|pair| pair.slices(&block).1))
        });
        found.map_err(|error| self.damaged(&error))
    }

    /// How many blocks begin at or before a key.
    pub(super) fn blocks_until(&self, key: &[u8]) -> usize {
        self.blocks.partition_point(|block| *block.first <= *key)
    }

    /// The pairs of a block within bounds.
    pub(super) fn block(&self, at: usize, (from, to): (&[u8], Option<&[u8]>)) -> Result<Block, StoreError> {
        let read = || {
            let bytes = self.read_block(at)?;
            let mut pairs = pairs_of(&bytes)?;
            pairs.retain(|pair| {
                let key = pair.key(&bytes);
                key >= from && to.is_none_or(|to| key < to)
            });
            Ok(Block { bytes, pairs: pairs.into_iter() })
        };
        read().map_err(|error| self.damaged(&error))
    }

    fn read_block(&self, at: usize) -> io::Result<Arc<Vec<u8>>> {
        let latest = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = latest().as_ref().filter(|(number, _)| *number == at) {
            return Ok(Arc::clone(block));
        }
        let place = self.blocks.get(at).ok_or_else(|| damage("a block is missing"))?;
        let mut block = vec![0; place.length as usize];
        self.file.read_exact_at(&mut block, place.offset)?;
        if hash(&block) != place.hash {
            return Err(damage(&format!("the block at byte {} is not as it was written", place.offset)));
        }
        let block = Arc::new(block);
        *latest() = Some((at, Arc::clone(&block)));
        Ok(block)
    }

    fn damaged(&self, error: &io::Error) -> StoreError {
        damaged(&self.directory, &self.path, error)
    }
}

/// An error that names the file and the next step, whatever kept us from reading it.
fn damaged(directory: &Path, path: &Path, error: &io::Error) -> StoreError {
    let path = path.strip_prefix(directory).unwrap_or(path);
    opening::damaged(directory, &format!("{} cannot be read: {error}", path.display()))
}

/// Reads the tally of a file, and where its blocks lie.
fn read_index(file: &File) -> io::Result<(Vec<u8>, Vec<BlockAt>)> {
    let length = file.metadata()?.len();
    let before_footer = length.checked_sub(FOOTER as u64).ok_or_else(|| damage("it is cut off"))?;
    let mut footer = [0; FOOTER];
    file.read_exact_at(&mut footer, before_footer)?;
    let (index_length, rest) = footer.split_first_chunk::<8>().ok_or_else(|| damage("it is cut off"))?;
    let (expected, end) = rest.split_at(HASH);
    if end[1..] != MARK {
        return Err(damage("it is cut off, or its end is not as it was written"));
    }
    if end[0] != VERSION {
        return Err(damage(&format!("its version is {}, and {VERSION} is known", end[0])));
    }
    let index_length = u64::from_le_bytes(*index_length);
    let index_at = before_footer.checked_sub(index_length).ok_or_else(|| damage("its index is cut off"))?;
    let mut index = vec![0; usize::try_from(index_length).map_err(io::Error::other)?];
    file.read_exact_at(&mut index, index_at)?;
    if hash(&index) != expected {
        return Err(damage("its index is not as it was written"));
    }
    parse_index(&index, index_at).ok_or_else(|| damage("its index does not fit its blocks"))
}

/// None if the index makes no sense, or its blocks do not lie one behind the other up to where it lies itself.
fn parse_index(mut index: &[u8], index_at: u64) -> Option<(Vec<u8>, Vec<BlockAt>)> {
    let tally = take_part(&mut index)?.to_vec();
    let (mut blocks, mut offset) = (Vec::new(), 0_u64);
    while !index.is_empty() {
        let first = take_part(&mut index)?.into();
        let length = take_number(&mut index)?;
        let (hash, rest) = index.split_first_chunk::<HASH>()?;
        blocks.push(BlockAt { first, offset, length, hash: *hash });
        index = rest;
        offset = offset.checked_add(u64::from(length))?;
    }
    (offset == index_at).then_some((tally, blocks))
}

/// Where the pairs of a block lie.
fn pairs_of(block: &[u8]) -> io::Result<Vec<PairAt>> {
    let (mut pairs, mut rest) = (Vec::new(), block);
    let next = |rest: &mut &[u8]| {
        let length = take_part(rest)?.len();
        let end = block.len() - rest.len();
        Some((end - length, end))
    };
    while !rest.is_empty() {
        let pair = next(&mut rest).and_then(|key| Some(PairAt { key, value: next(&mut rest)? }));
        pairs.push(pair.ok_or_else(|| damage("a pair in a block is cut off"))?);
    }
    Ok(pairs)
}

impl PairAt {
    fn key(self, block: &[u8]) -> &[u8] {
        block.get(self.key.0..self.key.1).unwrap_or_default()
    }

    /// Key and value, without copying them.
    pub(super) fn slices(self, block: &Arc<Vec<u8>>) -> (Bytes, Bytes) {
        let slice = |(from, to)| Bytes::File(Slice { block: Arc::clone(block), from, to });
        (slice(self.key), slice(self.value))
    }
}
