//! A walk over the pairs of such a file, from both ends.

use std::ops::Range;
use std::sync::Arc;

use super::reader::{Block, SortedFile};
use crate::snapshot::StoreError;
use crate::snapshot::engine::{Bytes, Key, Pair, Pairs};
use crate::snapshot::keys;

/// Pairs within bounds. The block at either end is in memory, those between them are not; where the ends meet, the last
/// pairs come out of whichever block is left.
pub(super) struct Walk {
    file: Arc<SortedFile>,
    from: Key,
    to: Option<Key>,
    /// The tally, which lies before all blocks though it is written behind them.
    tally: Option<Pair>,
    front: Block,
    between: Range<usize>,
    back: Block,
}

impl SortedFile {
    /// The pairs from one key on, up to another, which is not one of them; without a second one up to the last.
    pub(in crate::snapshot::engine) fn range(self: Arc<Self>, from: &[u8], to: Option<&[u8]>) -> Pairs<'static> {
        let is_in = from <= keys::TALLY && to.is_none_or(|to| keys::TALLY < to);
        let tally = is_in.then(|| (Bytes::Memory(keys::TALLY.into()), self.tally.clone()));
        let begin = self.blocks_until(from).saturating_sub(1);
        let end = to.map_or(self.blocks.len(), |to| self.blocks.partition_point(|block| *block.first < *to));
        Box::new(Walk::new(self, tally, begin..end.max(begin), (from, to)))
    }
}

impl Walk {
    /// A walk over these blocks.
    pub(super) fn new(
        file: Arc<SortedFile>,
        tally: Option<Pair>,
        between: Range<usize>,
        (from, to): (&[u8], Option<&[u8]>),
    ) -> Self {
        let (from, to) = (from.to_vec(), to.map(<[u8]>::to_vec));
        Self { file, from, to, tally, front: Block::default(), between, back: Block::default() }
    }

    fn read(&mut self, at: usize) -> Result<Block, StoreError> {
        let read = self.file.block(at, (&self.from, self.to.as_deref()));
        if read.is_err() {
            // Nobody is to take what comes behind damage for all there is.
            self.between = 0..0;
            (self.front, self.back) = (Block::default(), Block::default());
        }
        read
    }
}

impl Iterator for Walk {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(tally) = self.tally.take() {
            return Some(Ok(tally));
        }
        loop {
            if let Some(pair) = self.front.pairs.next() {
                return Some(Ok(pair.slices(&self.front.bytes)));
            }
            let Some(at) = self.between.next() else {
                return self.back.pairs.next().map(|pair| Ok(pair.slices(&self.back.bytes)));
            };
            match self.read(at) {
                Ok(block) => self.front = block,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl DoubleEndedIterator for Walk {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.back.pairs.next_back() {
                return Some(Ok(pair.slices(&self.back.bytes)));
            }
            let Some(at) = self.between.next_back() else {
                let last = self.front.pairs.next_back().map(|pair| Ok(pair.slices(&self.front.bytes)));
                return last.or_else(|| self.tally.take().map(Ok));
            };
            match self.read(at) {
                Ok(block) => self.back = block,
                Err(error) => {
                    self.tally = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
