//! Audit events in the form and at the place where Caracal reads them: the Redis stream
//! `caracal.audit.events`. Feature `caracal-audit`.
//!
//! An [`AuditStream`] is a sink of [events](crate::event::AuthEvents). It turns what the provider
//! raises into audit events, and writes the application's own ones ([`AuditRecord`]) beside them.
//!
//! ```no_run
//! use fauth_core::{AuthProviderBuilder, AuthUser, mandate::audit::AuditStream, store::StreamKey};
//!
//! # async fn example<U: AuthUser>(
//! #     builder: AuthProviderBuilder<U>, key: &str,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let audit = AuditStream::builder("redis://127.0.0.1/", "zone_prod")
//!     .signing_key(StreamKey::from_hex(key)?)
//!     .spill_to("/var/lib/billing/audit")
//!     .start()?;
//! let auth = builder.events(audit.clone()).build()?;
//! // … serve …
//! audit.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is written
//! Each entry has the fields `id`, `data` (the event as JSON without blanks, members sorted, none
//! of them null) and `sig` (HMAC-SHA256 of exactly that text, in hexadecimal digits). Of the event:
//!
//! | member | is |
//! |---|---|
//! | `id` | a random UUID; a reader recognises duplicates by it |
//! | `zone_id` | the zone of the stream, or that of the mandate |
//! | `event_type` | `fauth.` and the [kind of the event], or what an [`AuditRecord`] says |
//! | `request_id` | the trace id of the request's `traceparent`, otherwise the `id` |
//! | `decision` | `deny` for what refuses somebody, otherwise `allow` |
//! | `evaluation_status` | `complete`, or `error` if the server could not decide |
//! | `determining_policies_json` | `[]`: fauth has no policies |
//! | `diagnostics_json` | the reason of a refusal as `[{"code": …}]`, otherwise `[]` |
//! | `metadata_json` | subject, client, method, path, address, the mandate's claims, the trace |
//! | `occurred_at` | the time, to the millisecond |
//!
//! [kind of the event]: crate::event::EventKind::as_str
//!
//! By default everything is written that concerns somebody's authority: logins, revocations, API
//! keys, one-time tokens, requests that a mandate has opened, and refusals of mandates and tokens
//! that verify. Left out are faults of the server and keys, which are for logs;
//! [`AuditStreamBuilder::select`] decides otherwise.
//!
//! Left out is also what anybody can cause without a credential that verifies: refused and limited
//! requests (`request_refused`, `request_limited`) and failed logins (`authentication_failed`,
//! `login_throttled`, `one_time_refused`). The log has them. Otherwise a stranger would fill the
//! stream, the files and the buffer. [`AuditStreamBuilder::include_unverified`] gives them a small
//! share, from which they displace nothing else.
//!
//! # Which Redis
//! Another one than that of the revocations. Redis keeps the stream until somebody removes entries,
//! and `maxmemory` with its policy counts for the whole server. Revocations need `noeviction`:
//! a server that evicts forgets them, and what was revoked is good again. But with `noeviction`
//! a stream that has filled the memory makes every write fail, also that of a revocation, while
//! mandates are still checked and accepted. On a server of its own, the stream can only hurt
//! itself, and may have another policy; with `noeviction` there too, entries go into files until
//! there is room again.
//!
//! Nothing is removed by default, since the control plane reads the stream;
//! [`AuditStreamBuilder::max_length`] says what it costs to have it removed.
//!
//! # When Redis fails
//! A request never waits: an event goes into a buffer of 10 000, and a task of its own writes up to
//! 1 000 of them every 50 ms in one round trip. If that fails, they go into files in the
//! [folder](AuditStreamBuilder::spill_to), and from there into the stream when Redis is back, in
//! order, or after the next start. A kill while a file is replayed loses nothing; the entries may
//! then come twice, with the same `id`. A file that is gone, or has lines that are not signed with
//! the key, is told and does not hold up the others; one that cannot be read now does, until it can
//! be. Without a folder, or when it is full, they stay in the buffer. What the buffer cannot take
//! is dropped, the newest first, and counted ([`AuditCounters`]). What requests raise by
//! themselves, such as refused and accepted mandates, may fill half of it: the other half is left
//! for what was done, such as logins and revocations.
//!
//! A kill loses what is in the buffer: the events of the last 50 ms, or 250 ms while Redis fails.
//!
//! # Redaction
//! Whatever an application gives is [redacted](redact) by name and by form, all but the id, the
//! zone and the time of a record. What fauth itself writes has names that are known to be
//! harmless, such as `agent_session_id`, and is redacted by form. See [`is_secret_name`].

mod buffer;
mod builder;
mod canonical;
mod counters;
mod patterns;
mod record;
mod redaction;
mod seal;
mod snapshot;
mod spill;
mod strangers;
mod stream;
mod writer;

pub use builder::AuditStreamBuilder;
pub use counters::AuditCounters;
pub use record::{AuditRecord, Decision};
pub use redaction::{is_secret_name, redact};
pub use snapshot::is_audited;
pub use stream::AuditStream;
