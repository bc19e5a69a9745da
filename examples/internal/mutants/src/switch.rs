//! The switch that is written into the copy of the core: one mutant of all is on, the one that the
//! environment names.

/// Stands at the end of the core's `lib.rs`.
pub(crate) const SOURCE: &str = r#"
#[doc(hidden)]
pub mod mutation {
    use std::{fs, io::Write as _, sync::{LazyLock, atomic::{AtomicBool, Ordering}}, time::Duration};

    struct State {
        chosen: usize,
        trace: Option<(fs::File, Vec<AtomicBool>)>,
    }

    static STATE: LazyLock<State> = LazyLock::new(|| State {
        chosen: std::env::var("FAUTH_MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0),
        trace: std::env::var_os("FAUTH_MUTANT_TRACE").map(|path| {
            let file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            (file, (0..100_000).map(|_| AtomicBool::new(false)).collect())
        }),
    });

    pub fn m(id: usize) -> bool {
        if let Some((file, seen)) = &STATE.trace
            && !seen[id].swap(true, Ordering::Relaxed)
        {
            let mut file = file;
            file.write_all(format!("{id}\n").as_bytes()).unwrap();
        }
        STATE.chosen == id
    }

    pub trait Bump {
        fn bump(self, id: usize) -> Self;
    }
    macro_rules! bump {
        ($($t:ty)*) => { $(impl Bump for $t { fn bump(self, id: usize) -> Self { self + <$t>::from(m(id)) } })* };
    }
    bump! { u8 u16 u32 u64 u128 usize i16 i32 i64 i128 }
    impl Bump for Duration {
        fn bump(self, id: usize) -> Self {
            self + Duration::from_secs(m(id).into())
        }
    }
}
"#;
