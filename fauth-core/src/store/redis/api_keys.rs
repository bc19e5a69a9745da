//! API keys: a hash each, and a sorted set for each owner.

use super::{
    RedisStore,
    fault::Fault,
    link::Again,
    names::{seconds, time_to_live},
    reply::Reply,
    scripts,
};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, SecretHash, StoreError, StoredApiKey},
};

impl ApiKeyStore for RedisStore {
    async fn insert(&self, stored: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let hub = &self.shared.hub;
        let StoredApiKey { key, hash } = stored;
        let mut step = hub.names.step(&scripts::KEY_INSERT, now);
        step.arg(key.id.as_str())
            .arg(limit)
            .arg(time_to_live(now, key.expires_at))
            .arg(&key.owner)
            .arg(&key.name)
            .arg(serde_json::to_string(&key.scopes).map_err(Fault::from)?)
            .arg(seconds(key.created_at))
            .arg(seconds(key.expires_at))
            .arg(hash.as_bytes());
        if let Some(used) = key.last_used_at {
            step.arg(seconds(used));
        }
        let reply = hub.ask(&step, Again::NorLate).await?;
        match reply.word() {
            b"known" => Err(Fault::Known("the API key").into()),
            b"full" => Ok(false),
            _ => {
                reply.done()?;
                Ok(true)
            }
        }
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::KEY_FIND, now);
        step.arg(id.as_str());
        let mut reply = hub.ask(&step, Again::Yes).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(stored(&mut reply.next_row()?)?))
    }

    async fn list(&self, owner: &str, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::KEY_LIST, now);
        step.arg(owner);
        let mut reply = hub.ask(&step, Again::Yes).await?;
        reply.done()?;
        let keys: Result<Vec<_>, Fault> =
            reply.rows()?.map(|row| Ok(stored(&mut Reply::row(row)?)?.key)).collect();
        let mut keys = keys?;
        keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(keys)
    }

    async fn touch(&self, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::KEY_TOUCH, used_at);
        step.arg(id.as_str());
        Ok(hub.ask(&step, Again::Yes).await?.done()?)
    }

    async fn remove(&self, id: &ApiKeyId, owner: Option<&str>) -> Result<bool, StoreError> {
        let hub = &self.shared.hub;
        let now = hub.clock.now().map_err(Fault::from)?;
        let mut step = hub.names.step(&scripts::KEY_REMOVE, now);
        step.arg(id.as_str());
        if let Some(owner) = owner {
            step.arg(owner);
        }
        let reply = hub.ask(&step, Again::No).await?;
        if reply.is("none") {
            return Ok(false);
        }
        reply.done()?;
        Ok(true)
    }
}

fn stored(row: &mut Reply) -> Result<StoredApiKey, Fault> {
    Ok(StoredApiKey {
        key: ApiKey {
            id: ApiKeyId::parse(&row.text()?).ok_or(Fault::Malformed("no id of an API key"))?,
            owner: row.text()?,
            name: row.text()?,
            scopes: serde_json::from_slice(&row.bytes()?)?,
            created_at: row.time()?,
            expires_at: row.time()?,
            last_used_at: row.optional_time()?,
        },
        hash: SecretHash::from_bytes(row.array()?),
    })
}
