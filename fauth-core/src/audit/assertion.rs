//! An audit as a test.

use super::report::Audited;

/// The function behind [`assert_all_guarded!`](crate::assert_all_guarded).
///
/// # Panics
/// If [`Audit::all_guarded`](crate::audit::Audit::all_guarded) fails.
#[track_caller]
pub fn assert_all_guarded(app: &(impl Audited + ?Sized), except: &[&str]) {
    let audit = app.audit();
    if let Err(unguarded) = audit.all_guarded(except) {
        #[expect(clippy::panic, reason = "it is an assertion, for tests")]
        {
            panic!("{unguarded}\nall routes:\n{audit}");
        }
    }
}

/// Asserts that all routes of an application are guarded, except those at the given paths, and that
/// its audit has no findings, such as a route that bypasses the guard of a group.
///
/// It takes a router that registers what it mounts ([`Audited`](crate::audit::Audited)), and does
/// not compile for a router that cannot be inspected. See
/// [`Audit::all_guarded`](crate::audit::Audit::all_guarded) for what needs an exception.
///
/// ```
/// # use fauth_core::audit::{Audit, Audited, Methods, Precedence, RouteRecord};
/// # struct App(RouteRecord);
/// # impl Audited for App {
/// #     fn audit(&self) -> Audit {
/// #         self.0.audit()
/// #     }
/// # }
/// # let mut record = RouteRecord::new(Precedence::most_specific());
/// # record.open(&Methods::any(), "/");
/// # let app = App(record);
/// use fauth_core::assert_all_guarded;
///
/// assert_all_guarded!(app, except ["/"]);
/// ```
///
/// Parts that cannot be inspected have an exception of their own: for a Swagger UI at `/docs` it is
/// `"unseen /docs/*"`.
///
/// # Panics
/// If a route is open or the audit has a finding that no exception names, or if an exception
/// matches no open route and no finding. The message lists all of them, with file and line.
#[macro_export]
macro_rules! assert_all_guarded {
    ($app:expr $(,)?) => {
        $crate::audit::assert_all_guarded(&$app, &[])
    };
    ($app:expr, except [$($path:expr),* $(,)?] $(,)?) => {
        $crate::audit::assert_all_guarded(&$app, &[$(::core::convert::AsRef::<str>::as_ref($path)),*])
    };
}
