//! Encodes records as bytes: a byte for the format, then numbers one after another.

use crate::clock::Timestamp;

pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// `form` identifies the format. Use a new number whenever the format changes.
    pub(super) fn new(form: u8) -> Self {
        Self(vec![form])
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn short(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn time(self, time: Timestamp) -> Self {
        self.number(time.unix_seconds().cast_unsigned())
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// `None` if the bytes have another format.
    pub(super) fn new(bytes: &'a [u8], form: u8) -> Option<Self> {
        match bytes {
            [first, rest @ ..] if *first == form => Some(Self(rest)),
            _ => None,
        }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn short(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.number().map(|number| Timestamp::from_unix_seconds(number.cast_signed()))
    }

    /// Returns whether all bytes have been read.
    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the remaining items up to the end.
    pub(super) fn rest<T>(mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            all.push(one(&mut self)?);
        }
        Some(all)
    }
}
