//! A list of everybody, packed: what a plan needs of a million people and walks over from end to end.
//!
//! A short list is kept as it is. Of a longer one, items are written into blocks that are compressed, and a walk unpacks
//! one block at a time, so hardly more than the compressed bytes is ever in memory.
//!
//! Nobody can be lost on the way: what was packed is unpacked at once and compared, and a block that does not come back as
//! it was stays as it is. The same bytes unpack to the same items ever after.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::{Compressor, Decompressor};

/// Items of a block: enough to be compressed against each other, and not too many to unpack for one of them.
pub(crate) const ITEMS: usize = 128;

/// So many items are kept as they are.
const FEW: usize = 2_048;

/// Unpacked blocks that are kept, for items that are asked for by their place.
const AT_HAND: usize = 4;

/// How hard zstd tries.
const LEVEL: i32 = 1;

/// How items are written: postcard, unless a type says otherwise, because postcard cannot read serde's tagged enums.
pub(crate) trait Pack: Clone + PartialEq + Serialize + DeserializeOwned {
    /// Writes it behind what is there.
    fn pack(&self, into: Vec<u8>) -> postcard::Result<Vec<u8>> {
        postcard::to_extend(self, into)
    }

    /// Reads the first item of these bytes, and says what is left of them.
    fn unpack(bytes: &[u8]) -> postcard::Result<(Self, &[u8])> {
        postcard::take_from_bytes(bytes)
    }
}

/// A list that only grows. Clones share its blocks.
pub(crate) struct Packed<T> {
    blocks: Vec<Block<T>>,
    /// Behind the blocks.
    rest: Vec<T>,
    packer: Option<Packer>,
    at_hand: Mutex<VecDeque<(usize, Arc<[T]>)>>,
}

/// So many items as [`ITEMS`].
enum Block<T> {
    Packed { bytes: Arc<[u8]>, unpacked: usize },
    Plain(Arc<[T]>),
}

/// What zstd works with takes longer to make than a block to pack, so it is kept while the list grows.
struct Packer {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    written: Vec<u8>,
}

impl Packer {
    fn new() -> Option<Self> {
        Some(Self {
            compressor: Compressor::new(LEVEL).ok()?,
            decompressor: Decompressor::new().ok()?,
            written: Vec::new(),
        })
    }

    /// The block of these items, if they come back as they are.
    fn pack<T: Pack>(&mut self, items: &[T]) -> Option<Block<T>> {
        let mut written = std::mem::take(&mut self.written);
        written.clear();
        for item in items {
            written = item.pack(written).ok()?;
        }
        let bytes = self.compressor.compress(&written).ok()?.into();
        let block = Block::Packed { bytes, unpacked: written.len() };
        self.written = written;
        (block.items(&mut self.decompressor)? == items).then_some(block)
    }
}

impl<T: Pack> Block<T> {
    fn of(items: Vec<T>, packer: Option<&mut Packer>) -> Self {
        packer.and_then(|packer| packer.pack(&items)).unwrap_or_else(|| Self::Plain(items.into()))
    }

    fn items(&self, decompressor: &mut Decompressor<'_>) -> Option<Vec<T>> {
        let Self::Packed { bytes, unpacked } = self else { return None };
        let written = decompressor.decompress(bytes, *unpacked).ok()?;
        let mut items = Vec::with_capacity(ITEMS);
        let mut rest = written.as_slice();
        while !rest.is_empty() {
            let (item, behind) = T::unpack(rest).ok()?;
            items.push(item);
            rest = behind;
        }
        Some(items)
    }

    /// Its items. What was packed came back once, and so it does again.
    fn unpacked(&self, decompressor: &mut Option<Decompressor<'static>>) -> Arc<[T]> {
        if let Self::Plain(items) = self {
            return Arc::clone(items);
        }
        if decompressor.is_none() {
            *decompressor = Decompressor::new().ok();
        }
        decompressor.as_mut().and_then(|decompressor| self.items(decompressor)).unwrap_or_default().into()
    }
}

impl<T: Pack> Packed<T> {
    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len() * ITEMS + self.rest.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an item.
    pub(crate) fn push(&mut self, item: T) {
        self.rest.push(item);
        if self.rest.len() > FEW || (!self.blocks.is_empty() && self.rest.len() > ITEMS) {
            self.pack();
        }
    }

    /// The last item, which is never packed.
    pub(crate) fn last(&self) -> Option<&T> {
        self.rest.last()
    }

    fn pack(&mut self) {
        if self.packer.is_none() {
            self.packer = Packer::new();
        }
        while self.rest.len() > ITEMS {
            let behind = self.rest.split_off(ITEMS);
            let items = std::mem::replace(&mut self.rest, behind);
            self.blocks.push(Block::of(items, self.packer.as_mut()));
        }
    }

    /// Whether any of it is packed, and all blocks are.
    #[cfg(test)]
    pub(crate) fn is_packed(&self) -> bool {
        !self.blocks.is_empty() && self.blocks.iter().all(|block| matches!(block, Block::Packed { .. }))
    }

    /// Bytes that its blocks take in memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let of = |block: &Block<T>| match block {
            Block::Packed { bytes, .. } => bytes.len(),
            Block::Plain(items) => size_of_val(&**items),
        };
        self.blocks.iter().map(of).sum::<usize>() + self.blocks.capacity() * size_of::<Block<T>>()
    }

    /// The item at this place, counted from 0. As of a slice, it must be there.
    pub(crate) fn at(&self, place: usize) -> Cow<'_, T> {
        match place.checked_sub(self.blocks.len() * ITEMS) {
            Some(behind) => Cow::Borrowed(&self.rest[behind]),
            None => Cow::Owned(self.block_at_hand(place / ITEMS)[place % ITEMS].clone()),
        }
    }

    /// The place of the first item for which this does not hold, of a list in which such items come last.
    pub(crate) fn partition_point(&self, holds: impl Fn(&T) -> bool) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            if holds(&self.at(middle)) { from = middle + 1 } else { to = middle }
        }
        from
    }

    fn block_at_hand(&self, number: usize) -> Arc<[T]> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let known = at_hand.iter().position(|(known, _)| *known == number);
        let block = match known.and_then(|place| at_hand.remove(place)) {
            Some((_, block)) => block,
            None => self.blocks[number].unpacked(&mut None),
        };
        at_hand.truncate(AT_HAND - 1);
        at_hand.push_front((number, Arc::clone(&block)));
        block
    }

    /// The items in their order.
    pub(crate) fn iter(&self) -> Items<'_, T> {
        Items { list: self, place: 0, block: Arc::default(), decompressor: None }
    }

    /// The items of some blocks: each block has a number, counted from 0, and [`ITEMS`] items. What is not asked for is not
    /// unpacked.
    pub(crate) fn iter_some(&self, is_wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = Cow<'_, T>> {
        let blocks = self.len().div_ceil(ITEMS);
        let of = move |number: usize| {
            let place = number * ITEMS;
            Items { list: self, place, block: Arc::default(), decompressor: None }.take(ITEMS)
        };
        (0..blocks).filter(move |number| is_wanted(*number)).flat_map(of)
    }
}

/// The items of a list in their order.
pub(crate) struct Items<'a, T> {
    list: &'a Packed<T>,
    /// That of the next item.
    place: usize,
    /// The block in which it lies, unless it begins there.
    block: Arc<[T]>,
    decompressor: Option<Decompressor<'static>>,
}

impl<'a, T: Pack> Iterator for Items<'a, T> {
    type Item = Cow<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        let (place, packed) = (self.place, self.list.blocks.len() * ITEMS);
        if place >= self.list.len() {
            return None;
        }
        self.place += 1;
        if place >= packed {
            return Some(Cow::Borrowed(&self.list.rest[place - packed]));
        }
        if place.is_multiple_of(ITEMS) {
            self.block = self.list.blocks[place / ITEMS].unpacked(&mut self.decompressor);
        }
        Some(Cow::Owned(self.block[place % ITEMS].clone()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len() - self.place;
        (left, Some(left))
    }
}

impl<T: Pack> ExactSizeIterator for Items<'_, T> {}

impl<T: Pack> Clone for Items<'_, T> {
    fn clone(&self) -> Self {
        Self { list: self.list, place: self.place, block: Arc::clone(&self.block), decompressor: None }
    }
}

/// Takes the items out of a list. What was taken out takes no memory any more.
pub(crate) struct Taken<T> {
    blocks: std::vec::IntoIter<Block<T>>,
    block: std::vec::IntoIter<T>,
    rest: std::vec::IntoIter<T>,
    decompressor: Option<Decompressor<'static>>,
}

impl<T: Pack> Iterator for Taken<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.block.next() {
                return Some(item);
            }
            let Some(block) = self.blocks.next() else { return self.rest.next() };
            self.block = self.items(&block);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.block.len() + self.blocks.len() * ITEMS + self.rest.len();
        (left, Some(left))
    }
}

impl<T: Pack> Taken<T> {
    fn items(&mut self, block: &Block<T>) -> std::vec::IntoIter<T> {
        if self.decompressor.is_none() {
            self.decompressor = Decompressor::new().ok();
        }
        let items = self.decompressor.as_mut().and_then(|decompressor| block.items(decompressor));
        let mut items = items.unwrap_or_else(|| block.unpacked(&mut None).to_vec());
        // Nobody goes on with less than was put in, whatever happened to it in memory: this ends the run then.
        drop(items.split_off(ITEMS));
        items.into_iter()
    }
}

impl<T: Pack> ExactSizeIterator for Taken<T> {}

impl<T: Pack> IntoIterator for Packed<T> {
    type Item = T;
    type IntoIter = Taken<T>;

    fn into_iter(self) -> Taken<T> {
        Taken {
            blocks: self.blocks.into_iter(),
            block: Vec::new().into_iter(),
            rest: self.rest.into_iter(),
            decompressor: None,
        }
    }
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), rest: Vec::new(), packer: None, at_hand: Mutex::default() }
    }
}

impl<T> Clone for Block<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Packed { bytes, unpacked } => Self::Packed { bytes: Arc::clone(bytes), unpacked: *unpacked },
            Self::Plain(items) => Self::Plain(Arc::clone(items)),
        }
    }
}

impl<T: Clone> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self { blocks: self.blocks.clone(), rest: self.rest.clone(), ..Self::default() }
    }
}

/// By the items, however they are packed.
impl<T: Pack> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Pack + Eq> Eq for Packed<T> {}

impl<T: Pack + fmt::Debug> fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Pack> Extend<T> for Packed<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T: Pack> FromIterator<T> for Packed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        list.extend(items);
        list.packer = None;
        list
    }
}

impl<'a, T: Pack> IntoIterator for &'a Packed<T> {
    type Item = Cow<'a, T>;
    type IntoIter = Items<'a, T>;

    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    impl Pack for String {}

    /// An enum that postcard writes and cannot read.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One { number: usize },
    }

    impl Pack for Tagged {}

    /// What comes back as another one if it can be divided by 500.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Fickle(usize);

    impl Pack for Fickle {
        fn pack(&self, into: Vec<u8>) -> postcard::Result<Vec<u8>> {
            postcard::to_extend(&if self.0.is_multiple_of(500) { self.0 + 1 } else { self.0 }, into)
        }
    }

    fn comes_back<T: Pack + fmt::Debug>(items: &[T], places: &[prop::sample::Index]) -> Result<(), TestCaseError> {
        let list: Packed<T> = items.iter().cloned().collect();
        prop_assert_eq!((list.len(), list.is_empty()), (items.len(), items.is_empty()));
        prop_assert!(list.iter().map(Cow::into_owned).eq(items.iter().cloned()));
        prop_assert!(list.clone().into_iter().eq(items.iter().cloned()));
        for place in places.iter().filter(|_| !items.is_empty()) {
            let place = place.index(items.len());
            prop_assert_eq!(&*list.at(place), &items[place]);
        }
        let mut walk = list.iter();
        for left in (0..items.len()).rev() {
            walk.next();
            prop_assert_eq!(walk.len(), left);
        }
        let (mut longer, mut taken) = (list.clone(), list.clone().into_iter());
        prop_assert_eq!(&longer, &list);
        if let Some(first) = items.first() {
            longer.push(first.clone());
            prop_assert_ne!(&longer, &list);
            taken.next();
            prop_assert_eq!(taken.len(), items.len() - 1);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_list_holds_what_was_put_into_it_in_its_order(
            number in prop_oneof![0..300_usize, 2_000..2_400_usize, 4_000..5_000_usize],
            long in 0..40_usize,
            places in prop::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let items: Vec<String> = (0..number).map(|n| format!("{n} ").repeat(n % (long + 1))).collect();
            comes_back(&items, &places)?;
        }

        #[test]
        fn what_does_not_come_back_as_it_was_is_kept_as_it_is(
            places in prop::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            comes_back(&(0..3_000).map(|number| Tagged::One { number }).collect::<Vec<_>>(), &places)?;
            comes_back(&(0..3_000).map(Fickle).collect::<Vec<_>>(), &places)?;
        }
    }

    #[test]
    fn many_items_alike_take_little_memory() {
        let list: Packed<String> = (0..20_000).map(|n| format!("somebody-{n}@example.com")).collect();
        assert!(list.blocks.len() > 10 && list.bytes() < 20_000 * 10, "{}", list.bytes());
    }
}
