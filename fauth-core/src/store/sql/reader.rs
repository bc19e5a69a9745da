//! Reads a row column by column, and validates the values.

use super::{dialect::SqlDialect, failure::damaged};
use crate::{
    clock::Timestamp,
    store::{ClientFingerprint, Nonce, SecretHash, SessionId, StoreError},
};

/// A row, and the next column to read.
pub(super) struct Reader<'r, D: SqlDialect> {
    row: &'r D::Row,
    next: usize,
}

impl<'r, D: SqlDialect> Reader<'r, D> {
    pub(super) const fn new(row: &'r D::Row) -> Self {
        Self { row, next: 0 }
    }

    /// Reads the next column by one of the dialect's methods.
    fn take<T>(
        &mut self,
        get: impl FnOnce(&D::Row, usize) -> Result<Option<T>, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        let value = get(self.row, self.next).map_err(StoreError::new);
        self.next += 1;
        value
    }

    pub(super) fn optional_number(&mut self) -> Result<Option<i64>, StoreError> {
        self.take(D::number)
    }

    pub(super) fn number(&mut self) -> Result<i64, StoreError> {
        self.optional_number()?.ok_or_else(damaged)
    }

    /// A number that is never negative.
    pub(super) fn natural(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.number()?).map_err(|_| damaged())
    }

    pub(super) fn optional_natural(&mut self) -> Result<Option<u64>, StoreError> {
        let number = self.optional_number()?;
        number.map(|number| u64::try_from(number).map_err(|_| damaged())).transpose()
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.number()? != 0)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp::from_unix_seconds)
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_number()?.map(Timestamp::from_unix_seconds))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        self.take(D::text)
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(damaged)
    }

    pub(super) fn session_id(&mut self) -> Result<SessionId, StoreError> {
        SessionId::parse(&self.text()?).ok_or_else(damaged)
    }

    pub(super) fn hash(&mut self) -> Result<SecretHash, StoreError> {
        self.optional_hash()?.ok_or_else(damaged)
    }

    pub(super) fn optional_hash(&mut self) -> Result<Option<SecretHash>, StoreError> {
        Ok(self.optional_bytes()?.map(SecretHash::from_bytes))
    }

    pub(super) fn optional_nonce(&mut self) -> Result<Option<Nonce>, StoreError> {
        Ok(self.optional_bytes()?.map(Nonce::from_bytes))
    }

    pub(super) fn optional_fingerprint(&mut self) -> Result<Option<ClientFingerprint>, StoreError> {
        Ok(self.optional_bytes()?.map(ClientFingerprint::from_bytes))
    }

    /// Bytes of any length.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.take(D::bytes)?.ok_or_else(damaged)
    }

    fn optional_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>, StoreError> {
        let bytes = self.take(D::bytes)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| damaged())).transpose()
    }
}
