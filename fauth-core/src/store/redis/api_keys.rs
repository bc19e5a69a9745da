//! API keys: one hash each, found by the id alone, and a sorted set of ids for each owner.

use async_trait::async_trait;

use super::{
    fault::Fault,
    link::Retry,
    names::OwnerNames,
    reply::Reply,
    scripts,
    step::{Step, seconds, time_to_live},
    store::RedisStore,
};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, Owner, SecretHash, StoreError, StoreLocation, StoredApiKey},
};

/// How often listing is repeated when the keys of an owner change meanwhile.
const LIST_ATTEMPTS: usize = 10;

#[async_trait]
impl ApiKeyStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, stored: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let StoredApiKey { key, hash, hash_key_id } = stored;
        if !key.is_in_bucket() {
            return Err(Fault::WrongBucket.into());
        }
        let names = self.hub().names.owner(&key.owner);
        let mut step = names.step(&scripts::API_KEY_INSERT);
        step.key(names.api_key(&key.id)).key(names.api_keys()).time(now);
        step.arg(key.id.as_str())
            .arg(limit)
            .arg(time_to_live(now, key.expires_at))
            .arg(seconds(key.expires_at));
        add_fields(&mut step, &key)?;
        step.arg("hash").arg(hash.as_bytes()).arg("hash_key").arg(hash_key_id);
        let reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
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
        let names = self.hub().names.bucket(id.bucket());
        let mut step = names.step(&scripts::API_KEY_FIND);
        step.key(names.api_key(id)).time(now);
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(stored(id.clone(), &mut reply.next_row()?)?))
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        let names = self.hub().names.owner(owner);
        let mut ids = Vec::new();
        for _ in 0..LIST_ATTEMPTS {
            let mut reply = self.hub().run(&list_step(&names, &ids, now), Retry::Yes).await?;
            if !reply.is("changed") {
                reply.done()?;
                return Ok(sorted(&mut reply)?);
            }
            ids = reply.texts()?.iter().map(|text| parsed_id(text)).collect::<Result<_, _>>()?;
        }
        Err(Fault::KeepsChanging.into())
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        let names = self.hub().names.owner(owner);
        let mut step = names.step(&scripts::API_KEY_TOUCH);
        step.key(names.api_key(id)).time(used_at);
        add_owner(&mut step, owner);
        Ok(self.hub().run(&step, Retry::Yes).await?.done()?)
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        let names = self.hub().names.owner(owner);
        let mut step = names.step(&scripts::API_KEY_REMOVE);
        step.key(names.api_key(id)).key(names.api_keys()).arg(id.as_str());
        add_owner(&mut step, owner);
        let reply = self.hub().run(&step, Retry::No).await?;
        if reply.is("none") {
            return Ok(false);
        }
        reply.done()?;
        Ok(true)
    }
}

fn add_owner(step: &mut Step, owner: &Owner<'_>) {
    step.arg(&*owner.application).arg(&*owner.issuer).arg(&*owner.subject);
}

fn add_fields(step: &mut Step, key: &ApiKey) -> Result<(), Fault> {
    step.arg("application")
        .arg(&*key.owner.application)
        .arg("issuer")
        .arg(&*key.owner.issuer)
        .arg("subject")
        .arg(&*key.owner.subject)
        .arg("name")
        .arg(&key.name)
        .arg("scopes")
        .arg(serde_json::to_string(&key.scopes)?)
        .arg("created")
        .arg(seconds(key.created_at));
    if let Some(used) = key.last_used_at {
        step.arg("used").arg(seconds(used));
    }
    if let Some(epoch) = key.user_epoch {
        step.arg("user_epoch").arg(epoch);
    }
    Ok(())
}

/// Returns the script that lists an owner's keys, provided that these are all of them.
fn list_step(names: &OwnerNames, ids: &[ApiKeyId], now: Timestamp) -> Step {
    let mut step = names.step(&scripts::API_KEY_LIST);
    step.key(names.api_keys()).time(now);
    for id in ids {
        step.key(names.api_key(id)).arg(id.as_str());
    }
    step
}

/// Newest first; keys made in the same second are sorted by id.
fn sorted(reply: &mut Reply) -> Result<Vec<ApiKey>, Fault> {
    let keys: Result<Vec<_>, Fault> = reply.rows()?.map(listed).collect();
    let mut keys = keys?;
    keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
    Ok(keys)
}

fn listed(row: redis::Value) -> Result<ApiKey, Fault> {
    let mut row = Reply::row(row)?;
    let id = parsed_id(&row.text()?)?;
    Ok(stored(id, &mut row)?.key)
}

fn stored(id: ApiKeyId, row: &mut Reply) -> Result<StoredApiKey, Fault> {
    Ok(StoredApiKey {
        key: ApiKey {
            id,
            owner: Owner::new(row.text()?, row.text()?, row.text()?),
            name: row.text()?,
            scopes: serde_json::from_slice(&row.bytes()?)?,
            created_at: row.time()?,
            expires_at: row.time()?,
            last_used_at: row.optional_time()?,
            user_epoch: row.optional_parsed()?,
        },
        hash: SecretHash::from_bytes(row.array()?),
        hash_key_id: row.text()?,
    })
}

fn parsed_id(text: &str) -> Result<ApiKeyId, Fault> {
    ApiKeyId::parse(text).ok_or(Fault::Malformed("no id of an API key"))
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing {
    use redis::Value;

    use super::{Reply, listed, parsed_id, sorted};

    /// Checks that the newest keys come first.
    pub(in crate::store::redis) fn read(value: &Value) -> bool {
        let mut is_accepted = false;
        if let Ok(key) = listed(value.clone()) {
            assert!(parsed_id(key.id.as_str()).is_ok_and(|id| id == key.id));
            assert!(key.id.bucket() < crate::store::OWNER_BUCKETS);
            is_accepted = true;
        }
        if let Ok(mut reply) = Reply::of(value.clone())
            && let Ok(keys) = sorted(&mut reply)
        {
            assert!(keys.is_sorted_by(|a, b| a.created_at >= b.created_at));
            is_accepted = true;
        }
        is_accepted
    }
}
