//! Writes back revocations that this instance knows and Redis has lost: it restarted without its
//! last second, or empty, or was restored to an older state.

use redis::aio::MultiplexedConnection;

use super::table::{Missing, Table};
use crate::{
    clock::Timestamp,
    store::{
        Owner, RevocationTarget,
        redis::{fault::Fault, hub::Hub, reply::Reply, scripts},
    },
};

/// How many entries are written back at a time.
const BATCH: usize = 200;

/// Writes back the entries that a snapshot did not contain.
pub(super) async fn write_back(
    hub: &Hub,
    table: &Table,
    connection: &mut MultiplexedConnection,
) -> Result<(), Fault> {
    let now = hub.clock.now()?;
    let lost = table.missing(now.unix_seconds());
    for batch in lost.chunks(BATCH) {
        // In this order: a restored revocation would not be missing at the next attempt, and its
        // session would not be ended.
        end_sessions(hub, batch, now, connection).await?;
        restore(hub, batch, now, connection).await?;
    }
    if !lost.is_empty() {
        tracing::warn!(target: "fauth", count = lost.len(), "redis had lost revocations, which were written back");
    }
    Ok(())
}

/// Ends the sessions whose revocation was lost. In a Redis restored to a time before they ended,
/// they are live, and their refresh tokens would outlive the revocation.
async fn end_sessions(
    hub: &Hub,
    batch: &[Missing],
    now: Timestamp,
    connection: &mut MultiplexedConnection,
) -> Result<(), Fault> {
    let mut pipe = redis::pipe();
    pipe.load_script(&scripts::END).ignore();
    for (owner, id) in batch.iter().filter_map(session_of) {
        let mut step = hub.names.owner(&owner).sessions_step(&scripts::END, now);
        step.arg(id);
        pipe.invoke_script(&step.invocation(None)).ignore();
    }
    Ok(pipe.exec_async(connection).await?)
}

async fn restore(
    hub: &Hub,
    batch: &[Missing],
    now: Timestamp,
    connection: &mut MultiplexedConnection,
) -> Result<(), Fault> {
    let mut step = hub.names.revocations.step(&scripts::RESTORE, now);
    for entry in batch {
        step.arg(if entry.epoch.is_some() { "epoch" } else { "target" })
            .time(Timestamp::from_unix_seconds(entry.ends))
            .arg(entry.epoch.unwrap_or(0))
            .arg(&*entry.key);
    }
    Reply::of(step.invocation(None).invoke_async(connection).await?)?.done()
}

/// Returns the owner and the id of the session that an entry revokes.
fn session_of(entry: &Missing) -> Option<(Owner<'_>, &str)> {
    if entry.epoch.is_some() {
        return None;
    }
    match RevocationTarget::parse(std::str::from_utf8(&entry.key).ok()?)? {
        (owner, RevocationTarget::Session(id)) => Some((owner, id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_of_an_entry_is_read_from_its_key() {
        let alice = Owner::new("shop", "https://issuer.example", "alice");
        let missing = |key: &str, epoch| Missing { epoch, ends: 99, key: key.as_bytes().into() };
        let session = RevocationTarget::Session("s1").key(&alice);
        assert_eq!(session_of(&missing(&session, None)), Some((alice.clone(), "s1")));
        assert_eq!(session_of(&missing(&session, Some(1))), None);
        for target in [RevocationTarget::TokenId("s1"), RevocationTarget::Subject] {
            assert_eq!(session_of(&missing(&target.key(&alice), None)), None);
        }
        assert_eq!(session_of(&missing("sha256:00", None)), None);
    }
}
