//! API keys.

use super::{
    SqlDialect, SqlStore,
    dialect::Value::{Bytes, Number, Text},
    reader::{Reader, damaged},
    statements::{
        COUNT_API_KEYS, FIND_API_KEY, INSERT_API_KEY, LIST_API_KEYS, REMOVE_API_KEY, SWEEP_API_KEYS,
        TOUCH_API_KEY,
    },
};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, SecretHash, StoreError, StoredApiKey},
};

impl<D: SqlDialect> ApiKeyStore for SqlStore<D> {
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let StoredApiKey { key, hash } = key;
        let scopes = serde_json::to_string(&key.scopes).map_err(StoreError::new)?;
        let mut work = self.begin().await?;
        work.lock("api_keys", &key.owner).await?;
        let values = vec![Text(Some(&key.owner)), Number(now.unix_seconds())];
        let rows = work.fetch(COUNT_API_KEYS, values).await?;
        let live = Reader::<D>::new(rows.first().ok_or_else(damaged)?).natural()?;
        if usize::try_from(live).unwrap_or(usize::MAX) >= limit {
            work.leave().await?;
            return Ok(false);
        }
        let values = vec![
            Text(Some(key.id.as_str())),
            Text(Some(&key.owner)),
            Text(Some(&key.name)),
            Text(Some(&scopes)),
            Number(key.created_at.unix_seconds()),
            Number(key.expires_at.unix_seconds()),
            Bytes(hash.as_bytes()),
        ];
        work.run(INSERT_API_KEY, values).await?;
        if let Some(used_at) = key.last_used_at {
            work.run(TOUCH_API_KEY, touch(&key.id, used_at)).await?;
        }
        work.sweep(SWEEP_API_KEYS, now).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        let values = vec![Text(Some(id.as_str())), Number(now.unix_seconds())];
        let rows = self.ask(FIND_API_KEY, values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let reader = &mut Reader::<D>::new(row);
        let key = api_key(reader)?;
        Ok(Some(StoredApiKey { key, hash: SecretHash::from_bytes(reader.bytes()?) }))
    }

    async fn list(&self, owner: &str, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        let values = vec![Text(Some(owner)), Number(now.unix_seconds())];
        let rows = self.ask(LIST_API_KEYS, values).await?;
        let mut keys: Vec<ApiKey> =
            rows.iter().map(|row| api_key(&mut Reader::<D>::new(row))).collect::<Result<_, _>>()?;
        // Not there, where the order of texts depends on a locale.
        keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(keys)
    }

    async fn touch(&self, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        let mut work = self.begin().await?;
        work.run(TOUCH_API_KEY, touch(id, used_at)).await?;
        work.commit().await
    }

    async fn remove(&self, id: &ApiKeyId, owner: Option<&str>) -> Result<bool, StoreError> {
        let mut work = self.begin().await?;
        let removed = work.fetch(REMOVE_API_KEY, vec![Text(Some(id.as_str())), Text(owner)]).await?;
        work.commit().await?;
        Ok(!removed.is_empty())
    }
}

fn touch(id: &ApiKeyId, used_at: Timestamp) -> Vec<super::Value<'_>> {
    vec![Text(Some(id.as_str())), Number(used_at.unix_seconds())]
}

fn api_key<D: SqlDialect>(reader: &mut Reader<'_, D>) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: ApiKeyId::parse(&reader.text()?).ok_or_else(damaged)?,
        owner: reader.text()?,
        name: reader.text()?,
        scopes: serde_json::from_str(&reader.text()?).map_err(|_| damaged())?,
        created_at: reader.time()?,
        expires_at: reader.time()?,
        last_used_at: reader.optional_number()?.map(Timestamp::from_unix_seconds),
    })
}
