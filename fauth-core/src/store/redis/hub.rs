//! Runs scripts, and begins a new revocation memory if Redis has lost it.

use std::{sync::Arc, time::Duration};

use super::{
    fault::Fault,
    link::{Link, Retry},
    names::Names,
    reply::Reply,
    scripts,
    step::{Step, hexadecimal},
};
use crate::clock::{Clock, Timestamp};

/// The connection, the names of the keys, and the clock; shared by the store and the mirror's task.
#[derive(Clone)]
pub(super) struct Hub {
    pub(super) link: Link,
    pub(super) names: Arc<Names>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Hub {
    /// Runs a script on the keys of an owner.
    pub(super) async fn run(&self, step: &Step, retry: Retry) -> Result<Reply, Fault> {
        self.link.run(step, retry).await
    }

    /// Runs a script on revocations. If Redis has lost its revocation memory, begins a new one
    /// first.
    pub(super) async fn run_on_revocations(&self, step: &Step, retry: Retry) -> Result<Reply, Fault> {
        let reply = self.link.run(step, retry).await?;
        if !reply.is("lost") {
            return Ok(reply);
        }
        let since = self.begin().await?;
        tracing::warn!(target: "fauth", %since, "redis has lost its revocation memory: tokens issued before `since` are refused");
        self.wait_for(since).await?;
        let reply = self.link.run(step, retry).await?;
        if reply.is("lost") { Err(Fault::KeepsForgetting) } else { Ok(reply) }
    }

    /// Returns the time at which the revocation memory began, and begins one if there is none.
    pub(super) async fn begin(&self) -> Result<Timestamp, Fault> {
        let (step, _) = self.begin_step()?;
        let mut reply = self.link.run(&step, Retry::Yes).await?;
        reply.done()?;
        reply.time()
    }

    /// Returns the script that begins a memory if there is none, and the time at which it would
    /// begin.
    pub(super) fn begin_step(&self) -> Result<(Step, Timestamp), Fault> {
        // A token issued in the current second may have been revoked before the memory was lost.
        let since = self.clock.now()?.checked_add(Duration::from_secs(1)).unwrap_or(Timestamp::MAX);
        let mut step = self.names.revocations.begin(&scripts::BEGIN);
        step.arg(random_id()?).time(since);
        Ok((step, since))
    }

    /// Waits until `since`: tokens issued earlier would never be trusted. Gives up on a clock that
    /// stands still.
    pub(super) async fn wait_for(&self, since: Timestamp) -> Result<(), Fault> {
        for _ in 0..44 {
            if self.clock.now()? >= since {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }
}

fn random_id() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}
