//! The connection that all callers share. It reconnects by itself, and no caller waits longer than
//! the time-out.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, SendError},
    io::tcp::TcpSettings,
};

use super::{deadline::ServerClock, eviction::Eviction, fault::Fault, reply::Reply, step::Step};

/// Whether a step is sent again after the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The step only reads, or has the same effect however often it runs.
    Yes,
    /// A second attempt would return another result.
    No,
    /// As [`No`](Self::No). In addition, Redis must not run the step after its caller was told that
    /// it failed. The script of the step begins with `deadline`.
    NotAfterDeadline,
}

#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    manager: ConnectionManager,
    limit: Duration,
    clock: Arc<ServerClock>,
    eviction: Arc<Eviction>,
}

impl Link {
    pub(super) async fn open(client: Client, limit: Duration, may_evict: bool) -> Result<Self, Fault> {
        let client = prepared(&client, limit)?;
        let eviction = Arc::new(Eviction::new(may_evict));
        let watching = Arc::clone(&eviction);
        let forget = move |push: PushInfo| -> Result<(), SendError> {
            if push.kind == PushKind::Disconnection {
                watching.forget();
            }
            Ok(())
        };
        // One command waits for a few attempts at most; the next command starts new attempts.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit))
            .set_pipeline_buffer_size(1024)
            .set_push_sender(forget);
        let manager =
            in_time(limit.saturating_mul(2), ConnectionManager::new_with_config(client.clone(), config));
        Ok(Self { manager: manager.await?, client, limit, clock: Arc::default(), eviction })
    }

    /// The last known eviction policy of the server.
    pub(super) fn eviction(&self) -> &Eviction {
        &self.eviction
    }

    /// Asks for the eviction policy, and fails if the server may evict keys.
    pub(super) async fn ask_for_eviction(&self) -> Result<(), Fault> {
        in_time(self.limit, self.eviction.ask_if_due(&mut self.manager.clone())).await?;
        self.eviction.refuse()
    }

    /// Opens a separate connection for a caller that blocks it. It may lead to another server than
    /// the one that was asked last.
    pub(super) async fn another(&self, longest: Duration) -> Result<MultiplexedConnection, Fault> {
        self.eviction.forget();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limit))
            .set_response_timeout(Some(self.limit.saturating_add(longest)));
        in_time(self.limit, self.client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// Opens a separate connection that receives messages of the channels it subscribes to, and is
    /// told when the connection is lost.
    #[cfg(feature = "mandates")]
    pub(super) async fn listening(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, Fault> {
        let hear = move |push: PushInfo| -> Result<(), SendError> {
            hear(push);
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limit))
            .set_response_timeout(Some(self.limit))
            .set_push_sender(hear);
        in_time(self.limit, self.client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// The database that the client selects.
    #[cfg(feature = "mandates")]
    pub(super) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Runs one step. This is one round trip, unless Redis does not know the script yet, or its
    /// time or eviction policy must be asked for first. Fails while the server may evict keys.
    pub(super) async fn run(&self, step: &Step, retry: Retry) -> Result<Reply, Fault> {
        let value = in_time(self.limit, async {
            let mut connection = self.manager.clone();
            self.eviction.ask_if_due(&mut connection).await?;
            self.eviction.refuse()?;
            let deadline = match retry {
                Retry::NotAfterDeadline => Some(self.clock.deadline(&mut connection, self.limit).await?),
                Retry::Yes | Retry::No => None,
            };
            let step = step.invocation(deadline);
            let answer = match step.invoke_async::<Value>(&mut connection).await {
                // No server was listening, so nothing was sent.
                Err(error)
                    if error.is_connection_refusal()
                        || (retry == Retry::Yes && error.is_connection_dropped()) =>
                {
                    step.invoke_async::<Value>(&mut connection).await
                }
                answer => answer,
            };
            Ok::<_, Fault>(answer?)
        });
        let value = value.await;
        self.leave_replica(&value);
        let reply = Reply::of(value?)?;
        if reply.is("late") {
            // The caller is still waiting, so the step was not late: a clock has jumped, or another
            // server answers.
            self.clock.forget();
            return Err(Fault::Late);
        }
        Ok(reply)
    }

    /// Closes the connection if the server is a replica: the next connection may lead to the new
    /// master. The library keeps a connection for as long as the server does.
    fn leave_replica<T>(&self, answer: &Result<T, Fault>) {
        if let Err(Fault::Redis(error)) = answer
            && is_read_only(error)
        {
            let link = self.clone();
            tokio::spawn(async move { link.command(&redis::cmd("QUIT")).await });
        }
    }

    /// Sends a command that is not a script.
    pub(super) async fn command(&self, command: &redis::Cmd) -> Result<Value, Fault> {
        let mut connection = self.manager.clone();
        in_time(self.limit, command.query_async(&mut connection)).await
    }
}

impl Link {
    /// Sends commands as one transaction in one round trip, and ignores their results.
    #[cfg(feature = "caracal-audit")]
    pub(super) async fn transaction(&self, commands: &redis::Pipeline) -> Result<(), Fault> {
        let mut connection = self.manager.clone();
        let done = in_time(self.limit, commands.query_async::<()>(&mut connection)).await;
        self.leave_replica(&done);
        done
    }
}

/// Returns whether the error says that the server is a replica. Redis 6 puts the code of a script's
/// error into the middle of the text. In a transaction, each command that was not queued has an
/// error of its own.
fn is_read_only(error: &RedisError) -> bool {
    let of_command = || error.clone().into_server_errors().unwrap_or_default();
    error.code() == Some("READONLY")
        || error.to_string().contains("READONLY")
        || of_command().iter().any(|(_, error)| error.code() == "READONLY")
}

async fn in_time<T, E: Into<Fault>>(
    limit: Duration,
    ask: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, ask).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Fault::TimedOut(limit)),
    }
}

/// With RESP3, a broken connection is detected and replaced before it is needed.
fn prepared(client: &Client, limit: Duration) -> Result<Client, Fault> {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default().set_nodelay(true);
    // A machine that has disappeared sends no reset: data that stays unacknowledged for this long
    // breaks the connection.
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(limit.saturating_mul(2));
    #[cfg(not(target_os = "linux"))]
    let _ = limit;
    Ok(Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp))?)
}
