//! Refusals for people in front of a browser.

use std::{fmt, sync::Arc};

use super::{
    reason::{InvalidToken, Rejection},
    render::{Outcome, ProblemJson, RefusalBody, Renderer},
};
use crate::{
    error::{BoxError, ConfigError},
    escape::html,
    navigation::RequestKind,
    redirect::LocalTarget,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

/// Refusals that fit the client: browsers are sent to the sign-in page or shown a page, calls of
/// scripts get a status and a body.
///
/// | refused | a page (GET, HEAD) | a form (POST) |
/// |---|---|---|
/// | nobody is signed in, or no longer | 303 to the sign-in page, with `next` | without `next` |
/// | wrong password | 303 to the sign-in page, with `error` and `next` | the same |
/// | the login is not recent enough | 303 to [`sign_in_again_at`], else shown | without `next` |
/// | something is missing (403) | 303 to [`forbidden_at`], else shown | the same |
/// | everything else, such as a mailed link that has been used | shown | shown |
///
/// `next` is path and query of the page; after a wrong password it is the `next` of the request's
/// query, and `error` is `invalid_credentials`.
///
/// [`sign_in_again_at`]: Self::sign_in_again_at
/// [`forbidden_at`]: Self::forbidden_at
///
/// *Shown* is a short HTML page with the status of the refusal, or the application's
/// [own](Self::error_page). What counts as a page, a form or a call of a script is told by
/// [`RequestKind`]; scripts get a problem document, or [another form](Self::scripts), and are never
/// redirected.
///
/// A redirect is 303 and never 307, so that the body of a form goes nowhere; neither does its
/// target become `next`, because a browser that comes back comes with GET. Redirects and pages are
/// kept by no cache. A page is never sent to itself: a sign-in page that is guarded by mistake is
/// shown the refusal.
///
/// ```
/// use fauth_core::{Rejection, rejection::{DetailJson, Pages}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pages = Pages::new("/signin")
///     .forbidden_at("/unauthorized")
///     .error_page(|rejection: &Rejection| {
///         format!("<!doctype html><title>{}</title>", rejection.status())
///     })
///     .scripts(DetailJson::new());
/// let auth = fauth_testing::provider().pages(pages).build()?;
/// # Ok(()) }
/// ```
///
/// It belongs to a [provider](crate::AuthProviderBuilder::pages) or to a single guard. The sign-in
/// page reads `next` with [`LocalTarget::from_query`], and hands it on to where it is used, which
/// reads it with [`LocalTarget::parse`]: what comes back from a browser is checked again.
///
/// # Security
/// An own page [escapes](crate::escape::html) what it shows. [`Rejection::detail`] holds no text of
/// the request.
#[derive(Clone)]
#[must_use]
pub struct Pages {
    sign_in: LocalTarget,
    sign_in_again: Option<LocalTarget>,
    forbidden: Option<LocalTarget>,
    error_page: Arc<ErrorPage>,
    headers: Vec<ResponseHeader>,
    scripts: Arc<dyn Renderer>,
    fault: Option<ConfigError>,
}

type ErrorPage = dyn Fn(&Rejection) -> Result<String, BoxError> + Send + Sync;

/// The parameter that says where a browser came from and is to be brought back to.
pub(crate) const NEXT: &str = "next";

impl Pages {
    /// Sends whoever is not signed in to the page of this path.
    ///
    /// A path that is no [`LocalTarget`] makes
    /// [`build`](crate::AuthProviderBuilder::build) fail. A guard that is given such pages says so
    /// in the log, and its refusals are 500.
    pub fn new(sign_in: impl AsRef<str>) -> Self {
        let mut fault = None;
        let sign_in = setting("pages", sign_in.as_ref(), &mut fault).unwrap_or(LocalTarget::root());
        Self {
            sign_in,
            sign_in_again: None,
            forbidden: None,
            error_page: Arc::new(|rejection| Ok(plain_page(rejection))),
            headers: Vec::new(),
            scripts: Arc::new(ProblemJson::new()),
            fault,
        }
    }

    /// Sends a user whose login is not recent enough
    /// ([`login_within`](crate::Requirement::login_within)) to the page of this path, with `next`.
    /// It asks for the password once more. The sign-in page will not do if it is for
    /// [guests](crate::Guard::guests) only: who is signed in would be sent back from there.
    pub fn sign_in_again_at(mut self, path: impl AsRef<str>) -> Self {
        self.sign_in_again = setting("sign_in_again_at", path.as_ref(), &mut self.fault);
        self
    }

    /// Sends a user who lacks something to the page of this path, where it is explained. Every user
    /// must be able to open that page.
    pub fn forbidden_at(mut self, path: impl AsRef<str>) -> Self {
        self.forbidden = setting("forbidden_at", path.as_ref(), &mut self.fault);
        self
    }

    /// Shows refusals with a page of the application's own: the HTML, or a `Result` of it.
    pub fn error_page<F, R>(mut self, page: F) -> Self
    where
        F: Fn(&Rejection) -> R + Send + Sync + 'static,
        R: Outcome<String>,
    {
        self.error_page = Arc::new(move |rejection| page(rejection).into_result());
        self
    }

    /// Adds a header to each page that is shown, such as the `Content-Security-Policy` that the
    /// application's other pages have. Redirects and the refusals of scripts do not get it.
    ///
    /// ```
    /// use fauth_core::{rejection::Pages, reply::ResponseHeader};
    ///
    /// let pages = Pages::new("/signin")
    ///     .header(ResponseHeader::new("content-security-policy", "default-src 'none'"));
    /// ```
    pub fn header(mut self, header: ResponseHeader) -> Self {
        self.headers.push(header);
        self
    }

    /// The form of refusals for calls of scripts. Default: [`ProblemJson`].
    pub fn scripts(mut self, renderer: impl Renderer) -> Self {
        self.scripts = Arc::new(renderer);
        self
    }

    fn answer(
        &self,
        rejection: &Rejection,
        head: &dyn RequestHead,
        kind: RequestKind,
    ) -> Result<Reply, BoxError> {
        let page = (kind == RequestKind::Page).then(|| LocalTarget::of_request(head)).flatten();
        let target = match rejection {
            // What a handler has read from a link or a form: to sign in would not help, and a
            // `next` would take the token along.
            Rejection::InvalidToken(InvalidToken::OneTime(_) | InvalidToken::ApiKey(_)) => None,
            Rejection::MissingCredential | Rejection::InvalidToken(_) => Some(with_next(&self.sign_in, page)),
            Rejection::InvalidCredentials => {
                let failed = self.sign_in.with_parameter("error", rejection.code());
                let next = LocalTarget::from_query(head.query(), NEXT);
                Some(with_next(failed.as_ref().unwrap_or(&self.sign_in), next))
            }
            Rejection::StaleLogin { .. } => self.sign_in_again.as_ref().map(|target| with_next(target, page)),
            Rejection::Forbidden(_) => self.forbidden.clone(),
            _ => None,
        };
        match target {
            // Never from a page to itself.
            Some(target) if kind == RequestKind::Form || target.path() != head.path() => {
                Ok(target.see_other())
            }
            _ => {
                let page = Reply::new(rejection.status())
                    .body("text/html; charset=utf-8", (self.error_page)(rejection)?);
                Ok(self.headers.iter().cloned().fold(page, Reply::header))
            }
        }
    }
}

impl Renderer for Pages {
    fn render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.try_render(rejection, head).unwrap_or_else(|_| Reply::new(500))
    }

    fn try_render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Result<Reply, BoxError> {
        self.validate()?;
        match RequestKind::of(head) {
            RequestKind::Call => self.scripts.try_render(rejection, head),
            kind => self.answer(rejection, head, kind),
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => self.scripts.validate(),
        }
    }

    fn describe(&self) -> Option<RefusalBody> {
        self.scripts.describe()
    }
}

impl<P: AsRef<str>> From<P> for Pages {
    fn from(sign_in: P) -> Self {
        Self::new(sign_in)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("sign_in", &self.sign_in).finish_non_exhaustive()
    }
}

/// The path of a page of the application. The first fault is kept.
pub(crate) fn setting(
    field: &'static str,
    path: &str,
    fault: &mut Option<ConfigError>,
) -> Option<LocalTarget> {
    match LocalTarget::parse(path) {
        Ok(target) => Some(target),
        Err(problem) => {
            let fix = "give the path of a page of this application, such as `/signin`";
            fault.get_or_insert_with(|| ConfigError::new(field, format!("`{path}`: {problem}"), fix));
            None
        }
    }
}

/// Without `next` if it does not fit.
fn with_next(target: &LocalTarget, next: Option<LocalTarget>) -> LocalTarget {
    next.and_then(|next| target.with_parameter(NEXT, next.as_str())).unwrap_or_else(|| target.clone())
}

/// What is shown where the application has no page of its own. No style, no script: it fits every
/// `Content-Security-Policy`.
fn plain_page(rejection: &Rejection) -> String {
    let title = super::render::title(rejection.status());
    let detail = rejection.detail();
    let detail = html(&detail);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<h1>{title}</h1>\n<p>{detail}</p>\n"
    )
}
