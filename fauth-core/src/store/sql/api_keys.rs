//! API keys in SQL.

use async_trait::async_trait;

use super::{
    dialect::SqlDialect,
    failure::damaged,
    reader::Reader,
    statements::{
        COUNT_API_KEYS, FIND_API_KEY, FORGET_API_KEYS, INSERT_API_KEY, LIST_API_KEYS, REMOVE_API_KEY,
        SWEEP_API_KEYS, TOUCH_API_KEY,
    },
    store::SqlStore,
    transaction::Transaction,
    value::{Value, of_owner},
};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, Owner, StoreError, StoreLocation, StoredApiKey},
};

/// The name of the table in the [lock](super::transaction::Transaction::lock_owner) on an owner's
/// rows.
const TABLE: &str = "api_keys";

#[async_trait]
impl<D: SqlDialect> ApiKeyStore for SqlStore<D> {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        if !key.key.is_in_bucket() {
            return Err(StoreError::new(
                "the id of the API key is not in its owner's bucket: create ids with `ApiKeyId::new`",
            ));
        }
        let owner = &key.key.owner;
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        let rows = transaction.fetch(COUNT_API_KEYS, of_bucket(owner, [now.into()])).await?;
        let live = Reader::<D>::new(rows.first().ok_or_else(damaged)?).natural()?;
        if usize::try_from(live).unwrap_or(usize::MAX) >= limit.max(1) {
            transaction.roll_back().await?;
            return Ok(false);
        }
        insert(&mut transaction, &key).await?;
        transaction.sweep(SWEEP_API_KEYS, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        let values = vec![i64::from(id.bucket()).into(), id.as_str().into(), now.into()];
        let rows = self.query(FIND_API_KEY, values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let reader = &mut Reader::<D>::new(row);
        let owner = Owner::new(reader.text()?, reader.text()?, reader.text()?);
        let key = api_key(owner, id.clone(), reader)?;
        if !key.is_in_bucket() {
            return Err(damaged());
        }
        Ok(Some(StoredApiKey { key, hash: reader.hash()?, hash_key_id: reader.text()? }))
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.query(LIST_API_KEYS, of_bucket(owner, [now.into()])).await?;
        let read = |row| {
            let reader = &mut Reader::<D>::new(row);
            let id = ApiKeyId::parse(&reader.text()?).ok_or_else(damaged)?;
            api_key(owner.clone().into_owned(), id, reader)
        };
        let mut keys: Vec<ApiKey> = rows.iter().map(read).collect::<Result<_, _>>()?;
        // Not sorted by the database, where the order of texts depends on a locale.
        keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(keys)
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let values = of_bucket(owner, [id.as_str().into(), used_at.into()]);
        transaction.execute(TOUCH_API_KEY, values).await?;
        transaction.commit().await
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let removed = transaction.fetch(REMOVE_API_KEY, of_bucket(owner, [id.as_str().into()])).await?;
        transaction.commit().await?;
        Ok(!removed.is_empty())
    }

    async fn forget(&self, owner: &Owner<'_>, _now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.execute(FORGET_API_KEYS, of_bucket(owner, [])).await?;
        transaction.commit().await
    }
}

/// The values of a statement about an owner's API keys: the owner, the bucket, then the others.
fn of_bucket<'a, const N: usize>(owner: &'a Owner<'_>, others: [Value<'a>; N]) -> Vec<Value<'a>> {
    let mut values = of_owner(owner, [i64::from(owner.bucket()).into()]);
    values.extend(others);
    values
}

async fn insert<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    StoredApiKey { key, hash, hash_key_id }: &StoredApiKey,
) -> Result<(), StoreError> {
    let scopes = serde_json::to_string(&key.scopes).map_err(StoreError::new)?;
    let user_epoch = key.user_epoch.map(i64::try_from).transpose().map_err(StoreError::new)?;
    let values = of_bucket(
        &key.owner,
        [
            key.id.as_str().into(),
            key.name.as_str().into(),
            scopes.as_str().into(),
            key.created_at.into(),
            key.expires_at.into(),
            key.last_used_at.into(),
            user_epoch.into(),
            hash.into(),
            hash_key_id.as_str().into(),
        ],
    );
    transaction.execute(INSERT_API_KEY, values).await
}

fn api_key<D: SqlDialect>(
    owner: Owner<'static>,
    id: ApiKeyId,
    reader: &mut Reader<'_, D>,
) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id,
        owner,
        name: reader.text()?,
        scopes: serde_json::from_str(&reader.text()?).map_err(|_| damaged())?,
        created_at: reader.time()?,
        expires_at: reader.time()?,
        last_used_at: reader.optional_time()?,
        user_epoch: reader.optional_natural()?,
    })
}
