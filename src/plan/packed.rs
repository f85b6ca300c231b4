//! A list of everybody, packed: what a plan needs of a million people and walks over from end to end.
//!
//! Items are written one behind the other into blocks, and a full block is compressed. A walk unpacks one block at a
//! time, so of a long list hardly more than its compressed bytes is ever in memory.
//!
//! Reading back what we wrote ourselves cannot fail but by a mistake of ours, and even then nobody is lost silently: a
//! walk yields exactly as many results as there were items, and from the first one that cannot be read on each of them
//! is the error. The same holds for an item that could not be written: then they all are.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::{Compressor, Decompressor};

/// Bytes of items after which a block is full: enough for items to be compressed against each other, and not too many
/// to unpack for one of them.
const FULL: usize = 32 << 10;

/// How hard zstd tries.
const LEVEL: i32 = 1;

/// An item of a packed list that cannot be written or read back, which is a mistake of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item of a list in memory cannot be packed or unpacked: {0}")]
pub struct PackedError(String);

impl PackedError {
    pub(crate) fn because(error: &impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// How items are written: postcard, unless a type says otherwise, because postcard cannot read serde's tagged enums.
pub(crate) trait Pack: Serialize + DeserializeOwned {
    /// Writes it behind what is there.
    fn pack(&self, into: Vec<u8>) -> Result<Vec<u8>, PackedError> {
        postcard::to_extend(self, into).map_err(|error| PackedError::because(&error))
    }

    /// Reads the first item of these bytes, and says what is left of them.
    fn unpack(bytes: &[u8]) -> Result<(Self, &[u8]), PackedError> {
        postcard::take_from_bytes(bytes).map_err(|error| PackedError::because(&error))
    }
}

/// A list that only grows. Clones share their blocks.
pub(crate) struct Packed<T> {
    blocks: Vec<Block>,
    /// What is not full yet.
    last: Vec<u8>,
    length: usize,
    packer: Option<Packer>,
    /// Why an item could not be written.
    fault: Option<PackedError>,
    items: PhantomData<fn() -> T>,
}

/// A full block.
#[derive(Clone)]
struct Block {
    /// The number of the first item behind it.
    end: usize,
    /// Bytes that it unpacks to.
    unpacked: usize,
    packed: Arc<[u8]>,
}

/// What zstd works with takes longer to make than a block to pack, so it is kept while the list grows.
struct Packer {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

impl Packer {
    fn new() -> Result<Self, PackedError> {
        let compressor = Compressor::new(LEVEL).map_err(|error| PackedError::because(&error))?;
        Ok(Self { compressor, packed: Vec::new() })
    }

    fn pack(&mut self, bytes: &[u8]) -> Result<Arc<[u8]>, PackedError> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        let packed = self.compressor.compress_to_buffer(bytes, &mut self.packed);
        packed.map_err(|error| PackedError::because(&error))?;
        Ok(Arc::from(self.packed.as_slice()))
    }
}

impl<T: Pack> Packed<T> {
    /// An empty list.
    pub(crate) fn new() -> Self {
        Self { blocks: Vec::new(), last: Vec::new(), length: 0, packer: None, fault: None, items: PhantomData }
    }

    /// Appends an item. If it cannot be written, every walk over the list says so from its first item on.
    pub(crate) fn push(&mut self, item: &T) {
        self.length += 1;
        if self.fault.is_none() {
            self.fault = self.write(item).err();
        }
    }

    fn write(&mut self, item: &T) -> Result<(), PackedError> {
        if self.last.capacity() == 0 {
            self.last.reserve(FULL + FULL / 8);
        }
        self.last = item.pack(std::mem::take(&mut self.last))?;
        if self.last.len() < FULL {
            return Ok(());
        }
        let packer = match &mut self.packer {
            Some(packer) => packer,
            none => none.insert(Packer::new()?),
        };
        let packed = packer.pack(&self.last)?;
        self.blocks.push(Block { end: self.length, unpacked: self.last.len(), packed });
        self.last.clear();
        Ok(())
    }

    /// Lets go of what only a list that grows needs. It can grow again.
    pub(crate) fn shrink(&mut self) {
        self.packer = None;
        self.blocks.shrink_to_fit();
        self.last.shrink_to_fit();
    }

    /// Bytes that its items take in memory.
    pub(crate) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|block| block.packed.len()).sum();
        blocks + self.blocks.capacity() * size_of::<Block>() + self.last.capacity() + size_of::<Self>()
    }

    /// The item of this number, counted from nought; nothing behind the last.
    ///
    /// # Errors
    ///
    /// If it cannot be read back.
    pub(crate) fn get(&self, number: usize) -> Result<Option<T>, PackedError> {
        if number >= self.length {
            return Ok(None);
        }
        let block = self.blocks.partition_point(|block| block.end <= number);
        let from = block.checked_sub(1).map_or(0, |before| self.blocks[before].end);
        let mut items = self.walk(block, from);
        for _ in from..number {
            items.step()?;
        }
        items.step().map(Some)
    }

    /// The items in their order.
    pub(crate) fn iter(&self) -> Items<'_, T> {
        self.walk(0, 0)
    }

    /// The items from the beginning of a block on.
    fn walk(&self, block: usize, number: usize) -> Items<'_, T> {
        Items { list: self, number, block, unpacked: Vec::new(), at: 0, unpacker: None, fault: self.fault.clone() }
    }
}

impl<T> Packed<T> {
    /// How many items there are.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The items of a list in their order.
pub(crate) struct Items<'a, T> {
    list: &'a Packed<T>,
    /// The number of the next item.
    number: usize,
    /// The block that it lies in.
    block: usize,
    /// What this block unpacks to, unless it is the last one, which is not packed; empty before its first item.
    unpacked: Vec<u8>,
    /// Where in the block the next item begins.
    at: usize,
    unpacker: Option<Decompressor<'static>>,
    fault: Option<PackedError>,
}

impl<T: Pack> Items<'_, T> {
    /// The next item, of which it is known that there is one.
    fn step(&mut self) -> Result<T, PackedError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let item = self.read();
        self.fault = item.as_ref().err().cloned();
        item
    }

    fn read(&mut self) -> Result<T, PackedError> {
        let block = self.list.blocks.get(self.block);
        if let Some(block) = block.filter(|_| self.at == 0) {
            self.open(block)?;
        }
        let bytes = block.map_or(&self.list.last, |_| &self.unpacked);
        let (item, rest) = T::unpack(bytes.get(self.at..).unwrap_or_default())?;
        (self.at, self.number) = (bytes.len() - rest.len(), self.number + 1);
        if self.number == block.map_or(self.list.length, |block| block.end) {
            if !rest.is_empty() {
                return Err(PackedError("a block goes on behind its last item".to_owned()));
            }
            (self.at, self.block) = (0, self.block + 1);
        }
        Ok(item)
    }

    fn open(&mut self, block: &Block) -> Result<(), PackedError> {
        let because = |error: std::io::Error| PackedError::because(&error);
        let unpacker = match &mut self.unpacker {
            Some(unpacker) => unpacker,
            none => none.insert(Decompressor::new().map_err(because)?),
        };
        self.unpacked.clear();
        self.unpacked.reserve(block.unpacked);
        unpacker.decompress_to_buffer(&block.packed, &mut self.unpacked).map_err(because)?;
        Ok(())
    }
}

impl<T: Pack> Iterator for Items<'_, T> {
    type Item = Result<T, PackedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.number >= self.list.length {
            return None;
        }
        let number = self.number + 1;
        let item = self.step();
        // Also where there is an error: what was counted is accounted for.
        self.number = number;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.length - self.number;
        (left, Some(left))
    }
}

impl<T: Pack> ExactSizeIterator for Items<'_, T> {}

impl<T: Pack> Default for Packed<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self {
            blocks: self.blocks.clone(),
            last: self.last.clone(),
            length: self.length,
            packer: None,
            fault: self.fault.clone(),
            items: PhantomData,
        }
    }
}

/// By the items, however they are packed.
impl<T: Pack + PartialEq> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.iter().eq(other.iter())
    }
}

impl<T: Pack + Eq> Eq for Packed<T> {}

impl<T: Pack + fmt::Debug> fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for item in self.iter() {
            match item {
                Ok(item) => list.entry(&item),
                Err(error) => list.entry(&error),
            };
        }
        list.finish()
    }
}

impl<T: Pack> Extend<T> for Packed<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.push(&item);
        }
    }
}

impl<T: Pack> FromIterator<T> for Packed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::new();
        list.extend(items);
        list.shrink();
        list
    }
}

impl<'a, T: Pack> IntoIterator for &'a Packed<T> {
    type Item = Result<T, PackedError>;
    type IntoIter = Items<'a, T>;

    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    impl Pack for String {}

    /// An enum that postcard writes and cannot read.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One { text: String },
    }

    impl Pack for Tagged {}

    fn tagged(text: &str) -> Tagged {
        Tagged::One { text: text.to_owned() }
    }

    /// What cannot be written if it is odd.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Even(u32);

    impl Pack for Even {
        fn pack(&self, into: Vec<u8>) -> Result<Vec<u8>, PackedError> {
            if self.0 % 2 == 0 { Ok(into) } else { Err(PackedError::because(&"it is odd")) }
        }
    }

    fn unpacked<T: Pack>(list: &Packed<T>) -> Vec<T> {
        list.iter().collect::<Result<_, _>>().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_list_holds_what_was_put_into_it_in_its_order(
            items in vec(prop_oneof![8 => 0..40_usize, 3 => 3_000..9_000_usize, 1 => Just(2 * FULL)], 0..60),
        ) {
            let items: Vec<String> = items.iter().enumerate().map(|(n, long)| format!("{n} ").repeat(*long)).collect();
            let list: Packed<String> = items.iter().cloned().collect();
            prop_assert_eq!(&unpacked(&list), &items);
            prop_assert_eq!((list.len(), list.is_empty()), (items.len(), items.is_empty()));
            let mut walk = list.iter();
            for left in (0..items.len()).rev() {
                walk.next();
                prop_assert_eq!(walk.len(), left);
            }
            for (number, item) in items.iter().enumerate() {
                let found = list.get(number).unwrap();
                prop_assert_eq!(found.as_ref(), Some(item));
            }
            prop_assert_eq!(list.get(items.len()).unwrap(), None);
            let mut longer = list.clone();
            prop_assert_eq!(&longer, &list);
            longer.push(&"one more".to_owned());
            prop_assert_ne!(&longer, &list);
            prop_assert_eq!(unpacked(&longer).len(), items.len() + 1);
        }
    }

    #[test]
    fn many_items_alike_take_little_memory() {
        let list: Packed<String> = (0..20_000).map(|n| format!("somebody-{n}@example.com")).collect();
        assert!(list.blocks.len() > 10 && list.bytes() < 20_000 * 10, "{}", list.bytes());
    }

    #[test]
    fn what_cannot_be_read_back_is_an_error_for_every_item_that_is_left() {
        let list: Packed<Tagged> = ["a", "b", "c"].into_iter().map(tagged).collect();
        let items: Vec<_> = list.iter().collect();
        assert!(items.len() == 3 && items.iter().all(Result::is_err), "{items:?}");
        assert!(list.get(2).is_err());
    }

    #[test]
    fn a_block_that_was_damaged_is_an_error_from_there_on() {
        let mut list: Packed<String> = (0..10_000).map(|n| format!("{n:030}")).collect();
        let first = list.blocks[0].end;
        list.blocks[1].packed = Arc::from([1, 2, 3].as_slice());
        let items: Vec<_> = list.iter().collect();
        assert_eq!(items.len(), 10_000);
        assert!(items[..first].iter().all(Result::is_ok) && items[first..].iter().all(Result::is_err));
        let mut list: Packed<String> = (0..10_000).map(|n| format!("{n:030}")).collect();
        list.blocks[1].packed = Arc::clone(&list.blocks.last().unwrap().packed);
        list.last.push(0);
        assert_eq!(list.iter().count(), 10_000);
        assert!(list.iter().any(|item| item.is_err()), "an item too many in the last block is noticed");
    }

    #[test]
    fn an_item_that_cannot_be_written_is_an_error_for_all() {
        let list: Packed<Even> = (0..3).map(Even).collect();
        assert_eq!(list.len(), 3);
        let error = Err(PackedError("it is odd".to_owned()));
        assert_eq!(list.iter().collect::<Vec<_>>(), vec![error.clone(), error.clone(), error]);
    }

    #[test]
    #[ignore = "it measures"]
    fn a_million_items_are_packed_and_unpacked_in_about_a_second() {
        let names: Vec<String> = (0..1_000_000).map(|n| format!("{n:08x}-somebody.{n}@acme.example")).collect();
        let start = Instant::now();
        let mut list = Packed::new();
        names.iter().for_each(|name| list.push(name));
        let (packing, start) = (start.elapsed(), Instant::now());
        assert_eq!(list.iter().filter(|item| item.is_ok()).count(), 1_000_000);
        println!("packed in {packing:?}, unpacked in {:?}, {} bytes", start.elapsed(), list.bytes());
    }
}
