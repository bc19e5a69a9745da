//! Audit events for Caracal: written to the Redis stream `caracal.audit.events`, in Caracal's
//! format. Feature `caracal-audit`.
//!
//! An [`AuditStream`] is a sink of [events](crate::event::AuthEvents). It converts the provider's
//! events to audit events, and also writes the application's own ([`AuditRecord`]).
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
//! # Format
//! Each entry has the fields `id`, `data` (the event as compact JSON, with sorted members and
//! without null members) and `sig` (the HMAC-SHA256 of exactly that text, in hexadecimal). The
//! members of the event are:
//!
//! | member | value |
//! |---|---|
//! | `id` | a random UUID; readers use it to recognise duplicates |
//! | `zone_id` | the zone of the mandate, otherwise that of the stream |
//! | `event_type` | `fauth.` and the [kind of the event], or the type of an [`AuditRecord`] |
//! | `request_id` | the trace id of the request's `traceparent`, otherwise the `id` |
//! | `decision` | `deny` for a refusal, otherwise `allow` |
//! | `evaluation_status` | `complete`, or `error` if a fault of the server prevented a decision |
//! | `determining_policies_json` | `[]`: fauth has no policies |
//! | `diagnostics_json` | the reason of a refusal as `[{"code": …}]`, otherwise `[]` |
//! | `metadata_json` | subject, client, method, path, address, the mandate's claims, the trace |
//! | `occurred_at` | the time, to the millisecond |
//!
//! [kind of the event]: crate::event::EventKind::as_str
//!
//! # What is written
//! By default, the stream gets every event about the authority of a subject: logins, revocations,
//! API keys, one-time tokens, requests admitted by a mandate, and refusals of mandates and tokens
//! that verify. Faults of the server, fetched signing keys and rehashed passwords are left out:
//! they belong in the log. Change the selection with [`AuditStreamBuilder::select`].
//!
//! Events that anyone can cause without a credential that verifies are left out too: refused and
//! limited requests (`request_refused`, `request_limited`) and failed logins
//! (`authentication_failed`, `login_throttled`, `one_time_refused`). They are in the log. Otherwise
//! unauthenticated callers could fill the stream, the files and the buffer.
//! [`AuditStreamBuilder::include_unverified`] gives these events a small share of their own, from
//! which they cannot displace others.
//!
//! # Which Redis
//! Use another Redis than that of the revocations. Redis keeps the stream until somebody removes
//! entries, and `maxmemory` with its policy applies to the whole server. Revocations need
//! `noeviction`: a server that evicts loses them, and revoked mandates are valid again. But with
//! `noeviction`, a stream that has filled the memory makes every write fail, including revocations,
//! while mandates are still checked and accepted. On a server of its own, the stream can harm only
//! itself, and the server may have another policy; with `noeviction`, entries go into files until
//! there is room again.
//!
//! By default no entry is removed, because the control plane reads the stream. See
//! [`AuditStreamBuilder::max_length`] for the risk of removing entries.
//!
//! # When Redis fails
//! No request waits. Events go into a buffer of 10 000, and a background task writes up to 1 000 of
//! them every 50 ms in one round trip. If that fails, it writes them to files in the
//! [folder](AuditStreamBuilder::spill_to). When Redis is back, or after the next start, it replays
//! the files into the stream, in order. A process killed during a replay loses nothing, but may
//! write some entries twice, with the same `id`.
//!
//! A file that is missing, or has lines that are not signed with the key, is logged and does not
//! hold up the others. A file that cannot be read at the moment does, until it can be read.
//!
//! Without a folder, or if it is full, events stay in the buffer. Events that do not fit into the
//! buffer are dropped, the newest first, and counted ([`AuditCounters`]). Events that any request
//! causes, such as accepted and refused mandates, may fill half of the buffer; the other half is
//! reserved for actions, such as logins and revocations.
//!
//! A killed process loses what is in the buffer: the events of the last 50 ms, or 250 ms while
//! Redis fails.
//!
//! # Redaction
//! All values that an application passes are [redacted](redact) by name and by form, except the id,
//! the zone and the time of a record. Members that fauth writes have known names that are harmless,
//! such as `agent_session_id`; their values are redacted by form. See [`is_secret_name`].

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
