//! Password reset and magic link: one-time tokens sent by mail. The mailer of this example prints.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p reset-link
//!
//! curl http://127.0.0.1:3000/login -d username=alice@example.com -d password=green-ideas-sleep
//!
//! # A new password. The second command takes the token from the mail that is printed.
//! curl http://127.0.0.1:3000/forgot -d email=alice@example.com
//! curl http://127.0.0.1:3000/reset -d token=$TOKEN -d password='correct horse battery'
//!
//! # A login without password. The answer is a pair of tokens; the access token opens /me.
//! curl http://127.0.0.1:3000/magic-link -d email=alice@example.com
//! curl http://127.0.0.1:3000/magic-login -d token=$TOKEN
//! curl http://127.0.0.1:3000/me -H "Authorization: Bearer $ACCESS_TOKEN"
//! ```

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Form, Router,
    extract::{FromRef, State},
    http::{StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use fauth_axum::{CurrentUser, Head, auth_routes, respond};
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, ClientInfo, ConfigError, IdentityLoader, MemoryStore,
    OneTimePurpose, Purpose, Rejection, TokenPayload, UserLoader, async_trait,
    one_time::{LinkBase, OneTimeRequest},
    password::{NewPassword, OnBehalfOf, PasswordConfig, PasswordError, PasswordHasher},
    rejection::Unavailable,
    reply::Reply,
    token::TokenError,
};
use serde::Deserialize;
use tokio::{net::TcpListener, sync::mpsc};

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let (mailer, mut outbox) = mpsc::unbounded_channel();
    let app = app(settings()?, mailer).await?;
    tokio::spawn(async move {
        while let Some(Mail { to, text }) = outbox.recv().await {
            // If stdout is closed, nobody can read the mail.
            let _ = writeln!(io::stdout(), "--- mail to {to}\n{text}\n---");
        }
    });
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("reset-link listens on http://{ADDRESS}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Reads the settings from the environment; the default name of the application is this program's.
fn settings() -> Result<AuthConfig, ConfigError> {
    AuthConfig::from_env_or(|name| (name == "FAUTH_APPLICATION").then(|| "reset-link".to_owned()))
}

/// Returns the routes, with one user: `alice@example.com`, whose password is `green-ideas-sleep`.
async fn app(config: AuthConfig, mailer: mpsc::UnboundedSender<Mail>) -> Result<Router, BoxError> {
    let users = Users::sample().await?;
    let auth = AuthProvider::builder(config)
        .user_loader(users.clone())
        .identity_loader(users.clone())
        .store(MemoryStore::new())
        .build()?;
    // The base of the links is a setting. Never build it from the request's `Host`, which an
    // attacker controls: the mail would lead the user, with the token, to the attacker's server.
    let reset_page = LinkBase::new(format!("http://{ADDRESS}/reset"))?;
    let magic_page = LinkBase::new(format!("http://{ADDRESS}/magic-login"))?;
    Ok(Router::new()
        .merge(auth_routes(&auth)) // login, refresh, logout, sessions
        .route("/me", get(me))
        .route("/forgot", post(forgot))
        .route("/reset", get(reset_page_html).post(reset))
        .route("/magic-link", post(magic_link))
        .route("/magic-login", get(magic_page_html).post(magic_login))
        .with_state(App { auth, users, mailer, reset_page, magic_page }))
}

#[derive(Clone)]
struct App {
    auth: AuthProvider<User>,
    users: Users,
    mailer: mpsc::UnboundedSender<Mail>,
    reset_page: LinkBase,
    magic_page: LinkBase,
}

/// Lets `CurrentUser` find the provider.
impl FromRef<App> for AuthProvider<User> {
    fn from_ref(app: &App) -> Self {
        app.auth.clone()
    }
}

async fn me(CurrentUser(user): CurrentUser<User>) -> String {
    format!("Hello {}\n", user.email)
}

// --- Asking for a link -------------------------------------------------------------------------

#[derive(Deserialize)]
struct Forgotten {
    email: String,
}

async fn forgot(State(app): State<App>, Form(form): Form<Forgotten>) -> impl IntoResponse {
    send_link(app, OneTimePurpose::PasswordReset, form.email)
}

async fn magic_link(State(app): State<App>, Form(form): Form<Forgotten>) -> impl IntoResponse {
    send_link(app, OneTimePurpose::MagicLink, form.email)
}

/// Everything that depends on the address happens in a separate task. The response is the same for
/// every address and equally fast, so it does not reveal who has an account.
///
/// A real service also limits the requests of one client and for one address: each call starts a
/// task and may send a mail.
fn send_link(app: App, purpose: OneTimePurpose, email: String) -> impl IntoResponse {
    tokio::spawn(async move {
        if let Err(error) = app.mail_link(purpose, &email).await {
            tracing::error!(%error, %purpose, "no link was sent");
        }
    });
    (StatusCode::ACCEPTED, "If there is such an account, a mail is on its way.\n")
}

impl App {
    async fn mail_link(&self, purpose: OneTimePurpose, email: &str) -> Result<(), BoxError> {
        let Some(user) = self.users.by_email(email) else { return Ok(()) };
        let token = self.auth.issue_one_time(purpose, OneTimeRequest::for_user(&user)).await?;
        let (page, what) = match purpose {
            OneTimePurpose::MagicLink => (&self.magic_page, "log in"),
            _ => (&self.reset_page, "choose a new password"),
        };
        let minutes = token.expires_in().as_secs() / 60;
        let link = token.link(page);
        let text = format!("Follow this link within {minutes} minutes to {what}:\n{}", link.expose());
        // To the address of the account, never to the one in the request: they may differ although
        // a database calls them equal.
        self.mailer.send(Mail { to: user.email.clone(), text })?;
        Ok(())
    }
}

struct Mail {
    to: String,
    text: String,
}

// --- The pages behind the links ----------------------------------------------------------------

/// A GET only shows a button. Mail scanners follow links, and would use up the token if a GET
/// redeemed it.
async fn reset_page_html() -> impl IntoResponse {
    page(concat!(
        "<!doctype html><title>New password</title><form method=post action=/reset>",
        "<input type=hidden name=token><input type=password name=password autocomplete=new-password>",
        "<button>Set this password</button></form>",
        "<script>document.forms[0].token.value = new URLSearchParams(location.search).get('token')</script>",
    ))
}

async fn magic_page_html() -> impl IntoResponse {
    page(concat!(
        "<!doctype html><title>Log in</title><form method=post action=/magic-login>",
        "<input type=hidden name=token><button>Log in</button></form>",
        "<script>document.forms[0].token.value = new URLSearchParams(location.search).get('token')</script>",
    ))
}

/// The token is in the URL of the page: it must not be cached, or sent as a `Referer`.
fn page(html: &'static str) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")], Html(html))
}

// --- Redeeming a token -------------------------------------------------------------------------

#[derive(Deserialize)]
struct Reset {
    token: String,
    password: String,
}

async fn reset(State(app): State<App>, head: Parts, Form(form): Form<Reset>) -> Response {
    let head = Head::from(&head);
    match app.set_password(&form, &app.auth.client(&head)).await {
        Ok(()) => "Your password has been set. Please log in.\n".into_response(),
        Err(Problem::Password(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
        Err(Problem::Refused(rejection)) => respond(app.auth.refuse_in_handler(&rejection, &head)),
    }
}

impl App {
    async fn set_password(&self, form: &Reset, client: &ClientInfo) -> Result<(), Problem> {
        // Verified, but not used up yet: without a token, nobody makes this server hash passwords,
        // and an unacceptable password does not cost the user the link.
        let token = self.auth.verify_signature_and_claims(&form.token, Purpose::PasswordReset)?;
        // What the policy should know of the user: the password must not be close to the address.
        let mut password = NewPassword::new(&form.password);
        if let Some(user) = self.users.by_id(token.subject()) {
            password = password.identifier(&user.email);
        }
        let hash = self.auth.hash_new_password(OnBehalfOf::User(token.subject()), &password).await?;
        let redeemed = self.auth.redeem(&form.token, OneTimePurpose::PasswordReset).await?;
        let id = &redeemed.user().id;
        // This ends every access token, refresh token and link that was issued to the user before.
        self.users.set_password(id, hash);
        // The sessions have no valid tokens any more. This also removes them from the user's list,
        // and has the same effect in applications that keep no count in the user's record.
        self.auth.password_changed(id, client).await?;
        Ok(())
    }
}

async fn magic_login(State(app): State<App>, head: Parts, Form(form): Form<MagicLogin>) -> Response {
    let head = Head::from(&head);
    match app.log_in_by_link(&form.token, &head).await {
        Ok(reply) => respond(reply),
        Err(rejection) => respond(app.auth.refuse_in_handler(&rejection, &head)),
    }
}

#[derive(Deserialize)]
struct MagicLogin {
    token: String,
}

impl App {
    /// The link works in any browser, so that a user who reads mail on the phone can log in there.
    /// To bind a link to the browser that requested it, see `OneTimeRequest::browser`.
    async fn log_in_by_link(&self, token: &str, head: &Head<'_>) -> Result<Reply, Rejection> {
        // First check whether this request may log in at all: a refused one uses up no link. The
        // body alone, by its token, proves who the user is.
        let login = self.auth.begin_login(head, true)?;
        let redeemed = self.auth.redeem(token, OneTimePurpose::MagicLink).await?;
        login.finish(&redeemed).await
    }
}

/// Why no password was set.
enum Problem {
    /// Shown to the user as it is.
    Password(String),
    /// Answered as fauth answers.
    Refused(Rejection),
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Unacceptable(why) => Self::Password(format!("{why}\n")),
            PasswordError::Busy { retry_after } => Self::Refused(Rejection::Busy { retry_after }),
            _ => Self::Refused(Rejection::Unavailable(Unavailable::PasswordHasher)),
        }
    }
}

// --- The users: a list in memory, in place of your database ------------------------------------

#[derive(Clone)]
struct User {
    id: String,
    email: String,
    password_hash: String,
    password_changes: u64,
}

impl AuthUser for User {
    /// Not the address: that may change, and subjects must not.
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }

    /// Tokens carry the epoch in which they were issued. A lower one than this is refused.
    fn token_epoch(&self) -> u64 {
        self.password_changes
    }
}

#[derive(Clone)]
struct Users(Arc<Mutex<Vec<Arc<User>>>>);

impl Users {
    async fn sample() -> Result<Self, BoxError> {
        let password_hash = PasswordHasher::new(PasswordConfig::default())?.hash("green-ideas-sleep").await?;
        let (id, email) = ("1".to_owned(), "alice@example.com".to_owned());
        let alice = User { id, email, password_hash, password_changes: 0 };
        Ok(Self(Arc::new(Mutex::new(vec![Arc::new(alice)]))))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<User>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by_id(&self, id: &str) -> Option<Arc<User>> {
        self.all().iter().find(|user| user.id == id).cloned()
    }

    fn by_email(&self, email: &str) -> Option<Arc<User>> {
        self.all().iter().find(|user| user.email == email).cloned()
    }

    /// Hash and epoch change together. In SQL that is one statement: `UPDATE users SET
    /// password_hash = $2, password_changes = password_changes + 1 WHERE id = $1`.
    fn set_password(&self, id: &str, password_hash: String) {
        if let Some(user) = self.all().iter_mut().find(|user| user.id == id) {
            let user = Arc::make_mut(user);
            user.password_hash = password_hash;
            user.password_changes += 1;
        }
    }
}

/// Finds the user of a token, for every guarded request.
#[async_trait]
impl UserLoader<User> for Users {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.by_id(token.subject()))
    }
}

/// Finds the user of an address, for every login with a password.
#[async_trait]
impl IdentityLoader<User> for Users {
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<User>>, BoxError> {
        Ok(self.by_email(&identifier))
    }
}

#[cfg(test)]
mod tests {
    use fauth_testing::{CapturedMail, Mailbox, RequestBody, TestClient as _, WireRequest, WireResponse};

    use super::*;

    struct Service {
        app: Router,
        mailbox: Mailbox,
    }

    const ALICE: &str = "alice@example.com";

    impl Service {
        async fn new() -> Self {
            let (mailer, mut outbox) = mpsc::unbounded_channel();
            let app = app(fauth_testing::config(), mailer).await.unwrap();
            let mailbox = Mailbox::new();
            let post = mailbox.clone();
            tokio::spawn(async move {
                while let Some(Mail { to, text }) = outbox.recv().await {
                    post.deliver(to, text);
                }
            });
            Self { app, mailbox }
        }

        async fn post<const N: usize>(&self, path: &str, fields: [(&str, &str); N]) -> WireResponse {
            self.app.send(WireRequest::post(path).with_body(RequestBody::form(fields))).await
        }

        async fn get(&self, path: &str, token: &str) -> WireResponse {
            self.app.send(WireRequest::get(path).bearer(token)).await
        }

        async fn login(&self, password: &str) -> WireResponse {
            self.post("/login", [("username", ALICE), ("password", password)]).await
        }

        /// Requests a link for Alice's address, and opens the mail.
        async fn mail_after(&self, path: &str) -> CapturedMail {
            assert_eq!(self.post(path, [("email", ALICE)]).await.status, 202);
            self.mailbox.next_to(ALICE).await
        }

        async fn reset(&self, mail: &CapturedMail, password: &str) -> WireResponse {
            self.post("/reset", [("token", mail.token()), ("password", password)]).await
        }

        async fn magic_login(&self, mail: &CapturedMail) -> WireResponse {
            self.post("/magic-login", [("token", mail.token())]).await
        }
    }

    fn text(response: &WireResponse, member: &str) -> String {
        response.json()[member].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn asking_tells_nobody_who_has_an_account() {
        let service = Service::new().await;
        for path in ["/forgot", "/magic-link"] {
            let known = service.post(path, [("email", ALICE)]).await;
            let unknown = service.post(path, [("email", "nobody@example.com")]).await;
            assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
            service.mailbox.next_to(ALICE).await;
        }
        assert_eq!(service.mailbox.all().len(), 2, "{:?}", service.mailbox);
    }

    #[tokio::test]
    async fn a_reset_ends_everything_else() {
        let service = Service::new().await;
        let before = service.login("green-ideas-sleep").await;
        let (access, refresh) = (text(&before, "access_token"), text(&before, "refresh_token"));
        assert_eq!(service.get("/me", &access).await.text(), "Hello alice@example.com\n");
        let magic = service.mail_after("/magic-link").await;
        let older = service.mail_after("/forgot").await;
        let reset = service.mail_after("/forgot").await;

        let new = "correct horse battery";
        let done = service.reset(&reset, new).await;
        assert_eq!(done.status, 200, "{}", done.text());

        assert_eq!(service.get("/me", &access).await.status, 401);
        assert_eq!(service.post("/refresh", [("refresh_token", &*refresh)]).await.status, 401);
        assert_eq!(service.magic_login(&magic).await.status, 401);
        for mail in [&reset, &older] {
            assert_eq!(service.reset(mail, new).await.status, 401);
        }
        assert_eq!(service.login("green-ideas-sleep").await.status, 401);
        let after = text(&service.login(new).await, "access_token");
        assert_eq!(service.get("/me", &after).await.status, 200);
        let sessions = service.get("/sessions", &after).await.json();
        assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    }

    #[tokio::test]
    async fn a_password_that_is_not_acceptable_does_not_use_up_the_link() {
        let service = Service::new().await;
        let mail = service.mail_after("/forgot").await;
        let long = "x".repeat(5000);
        for bad in ["green ideas", &long, "green ideas\0sleep", "alice@example.com", "123456789012345"] {
            let refused = service.reset(&mail, bad).await;
            assert_eq!(refused.status, 422, "{}", refused.text());
        }
        assert_eq!(service.reset(&mail, "correct horse battery").await.status, 200);
    }

    #[tokio::test]
    async fn a_magic_link_logs_in_once() {
        let service = Service::new().await;
        let mail = service.mail_after("/magic-link").await;
        let page = mail.link().strip_prefix("http://127.0.0.1:3000").unwrap();
        let page = service.app.send(WireRequest::get(page)).await;
        assert_eq!((page.status, page.header("referrer-policy")), (200, vec!["no-referrer"]));

        let form = RequestBody::form([("token", mail.token())]);
        let login = WireRequest::post("/magic-login").header("user-agent", "phone").with_body(form);
        let pair = service.app.send(login).await;
        assert_eq!((pair.status, pair.header("cache-control")), (200, vec!["no-store"]));
        let access = text(&pair, "access_token");
        assert_eq!(service.get("/me", &access).await.status, 200);
        let sessions = service.get("/sessions", &access).await.text();
        assert!(sessions.contains("phone"), "{sessions}");

        assert_eq!(service.magic_login(&mail).await.status, 401);
        let reset = service.mail_after("/forgot").await;
        assert_eq!(service.magic_login(&reset).await.status, 401, "of another purpose");
    }
}
