//! The scripts, one file each: a script is one atomic step and one round trip.
//!
//! A script names all its keys in `KEYS`, and all of them are in one slot of a cluster.

use std::sync::LazyLock;

use redis::Script;

/// Defines a static script for each line, concatenated from the named files.
macro_rules! scripts {
    ($($name:ident: $($part:literal)+;)*) => {
        $(
            pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+))
            });
        )*
    };
}

scripts! {
OPEN: "prelude_insert" "deadline" "time" "sessions/shared" "sessions/open";
    ROTATE: "prelude_insert" "deadline" "time" "sessions/shared" "sessions/rotate";
    FIND: "prelude" "time" "sessions/shared" "sessions/find";
    END: "prelude" "time" "sessions/shared" "sessions/end";
    END_ALL: "prelude" "time" "sessions/shared" "sessions/end_all";
    FORGET: "prelude" "time" "sessions/shared" "sessions/forget";
    LIST: "prelude" "time" "sessions/shared" "sessions/list";
    LOAD: "prelude" "time" "sessions/shared" "sessions/load";
    PROLONG: "prelude_insert" "time" "sessions/shared" "sessions/prolong";
    CHANGE_PAYLOAD: "prelude_insert" "deadline" "time" "sessions/shared" "sessions/change_payload";

    BEGIN: "prelude" "revocations/memory" "revocations/begin";
    REVOKE: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/revoke";
    CHECK: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/check";
    EPOCH: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/epoch";
    RAISE_EPOCH: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/raise_epoch";
    HEAD: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/head";
    SNAPSHOT: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/snapshot";
    RESTORE: "prelude" "time" "revocations/memory" "revocations/shared" "revocations/restore";

    ONE_TIME_INSERT: "prelude_insert" "deadline" "time" "one_times/shared" "one_times/insert";
    ONE_TIME_REDEEM: "prelude" "deadline" "time" "one_times/shared" "one_times/redeem";
    ONE_TIME_WITHDRAW: "prelude" "time" "one_times/shared" "one_times/withdraw";

    API_KEY_INSERT: "prelude_insert" "deadline" "time" "api_keys/insert";
    API_KEY_FIND: "prelude" "time" "api_keys/shared" "api_keys/find";
    API_KEY_LIST: "prelude" "time" "api_keys/shared" "api_keys/list";
    API_KEY_TOUCH: "prelude_insert" "time" "api_keys/touch";
    API_KEY_REMOVE: "prelude" "api_keys/remove";

    THROTTLE_READ: "prelude" "throttles/read";
    THROTTLE_REPLACE: "prelude_insert" "throttles/replace";
    THROTTLE_REMOVE: "prelude" "throttles/remove";

    LIMIT_TAKE: "prelude_insert" "limits/take";
}

#[cfg(feature = "mandates")]
scripts! {
ANCHORS_CHECK: "prelude" "anchors/check";
    ANCHORS_REVOKE: "prelude" "anchors/revoke";
    ANCHORS_RAISE_EPOCH: "prelude" "anchors/raise_epoch";
    ANCHORS_SPEND: "prelude_insert" "deadline" "anchors/spend";

    STREAM_BURY: "prelude_insert" "streams/bury";
    STREAM_LEAVE: "prelude" "streams/leave";
}
