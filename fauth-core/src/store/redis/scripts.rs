//! The scripts, each a file of its own: one script is one atomic step and one round trip.
//!
//! All keys begin with the namespace in braces, so in a cluster they share a slot, also those that a script finds only on its way.

use std::sync::LazyLock;

use redis::Script;

/// A static script for each line, put together from the files that are named.
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
    BEGIN: "begin";

    OPEN: "prelude" "prompt" "session" "open";
    ROTATE: "prelude" "prompt" "session" "rotate";
    END: "prelude" "session" "end";
    END_ALL: "prelude" "session" "end_all";
    LIST: "prelude" "session" "list";

    REVOKE: "prelude" "revocation" "revoke";
    RAISE: "prelude" "revocation" "raise";
    CHECK: "prelude" "revocation" "check";
    EPOCH: "prelude" "revocation" "epoch";
    HEAD: "prelude" "revocation" "head";
    SNAPSHOT: "prelude" "revocation" "snapshot";
    RESTORE: "prelude" "revocation" "restore";

    ONCE_INSERT: "prelude" "prompt" "one_time" "once_insert";
    ONCE_REDEEM: "prelude" "prompt" "one_time" "once_redeem";
    ONCE_WITHDRAW: "prelude" "one_time" "once_withdraw";

    KEY_INSERT: "prelude" "prompt" "api_key" "key_insert";
    KEY_FIND: "prelude" "api_key" "key_find";
    KEY_LIST: "prelude" "api_key" "key_list";
    KEY_TOUCH: "prelude" "api_key" "key_touch";
    KEY_REMOVE: "prelude" "api_key" "key_remove";
}
