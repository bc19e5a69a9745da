//! Refusals as pages for browsers.

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

/// Refusals that fit the client: a browser is redirected to the sign-in page or shown a page, and a
/// script gets a status and a body.
///
/// | refused | a page (GET, HEAD) | a form (POST) |
/// |---|---|---|
/// | not signed in, or no longer | 303 to the sign-in page, with `next` | without `next` |
/// | wrong password | 303 to the sign-in page, with `error` and `next` | the same |
/// | the login is not recent enough | 303 to [`sign_in_again_at`], else shown | without `next` |
/// | a right is missing (403) | 303 to [`forbidden_at`], else shown | the same |
/// | everything else, such as a mailed link that has been used | shown | shown |
///
/// `next` is the path and query of the page. After a wrong password it is the `next` of the
/// request's query, and `error` is `invalid_credentials`.
///
/// [`sign_in_again_at`]: Self::sign_in_again_at
/// [`forbidden_at`]: Self::forbidden_at
///
/// *Shown* means a short HTML page with the status of the refusal, or the application's [own
/// page](Self::error_page). [`RequestKind`] distinguishes pages, forms and scripts. Scripts get a
/// problem document, or [another form](Self::scripts), and are never redirected.
///
/// A redirect is 303 and never 307, so the body of a form is not sent on. The target of a form does
/// not become `next`, because the browser would come back with GET. Redirects and pages are not
/// cached. A page is never redirected to itself: a sign-in page that is guarded by mistake shows
/// the refusal.
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
/// It is set for a whole [provider](crate::AuthProviderBuilder::pages) or for a single guard. The
/// sign-in page reads `next` with [`LocalTarget::from_query`] and passes it on to the login
/// handler, which reads it with [`LocalTarget::parse`]: a value that comes back from a browser is
/// checked again.
///
/// # Security
/// A custom page must [escape](crate::escape::html) what it shows. [`Rejection::detail`] contains
/// no text of the request.
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

/// The query parameter with the page to return to after signing in.
pub(crate) const NEXT: &str = "next";

impl Pages {
    /// Redirects to the sign-in page at this path.
    ///
    /// If the path is not a [`LocalTarget`], [`build`](crate::AuthProviderBuilder::build) fails. A
    /// guard that is given such pages logs the error, and its refusals are 500.
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

    /// Redirects a user whose login is not recent enough
    /// ([`login_within`](crate::Requirement::login_within)) to the page at this path, with `next`.
    /// That page asks for the password again. A sign-in page for [guests](crate::Guard::guests)
    /// only cannot be used, because it would send the signed-in user away.
    pub fn sign_in_again_at(mut self, path: impl AsRef<str>) -> Self {
        self.sign_in_again = setting("sign_in_again_at", path.as_ref(), &mut self.fault);
        self
    }

    /// Redirects a user who lacks a right to the page at this path, which explains it. Every user
    /// must be able to open that page.
    pub fn forbidden_at(mut self, path: impl AsRef<str>) -> Self {
        self.forbidden = setting("forbidden_at", path.as_ref(), &mut self.fault);
        self
    }

    /// Shows refusals with a page of the application: the closure returns the HTML, or a `Result`
    /// of it.
    pub fn error_page<F, R>(mut self, page: F) -> Self
    where
        F: Fn(&Rejection) -> R + Send + Sync + 'static,
        R: Outcome<String>,
    {
        self.error_page = Arc::new(move |rejection| page(rejection).into_result());
        self
    }

    /// Adds a header to each page shown, such as the `Content-Security-Policy` of the application's
    /// other pages. Redirects and refusals of scripts do not get it.
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

    /// The form of refusals for scripts. Default: [`ProblemJson`].
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
            // The handler read it from a link or a form: signing in would not help, and `next`
            // would pass the token along.
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
            // Never redirect a page to itself.
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

/// Parses the path of a page of the application. The first fault is kept.
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

/// Leaves `next` out if the target would be too long.
fn with_next(target: &LocalTarget, next: Option<LocalTarget>) -> LocalTarget {
    next.and_then(|next| target.with_parameter(NEXT, next.as_str())).unwrap_or_else(|| target.clone())
}

/// The page shown if the application has none. It has no style and no script, so it fits every
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
