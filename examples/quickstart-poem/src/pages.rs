//! The HTML of the pages of `session.rs`: without scripts, for small screens and dark mode. Pure
//! functions from data to a reply, the same in every quickstart.

use fauth_core::{
    CsrfToken, Rejection,
    escape::html,
    redirect::LocalTarget,
    rejection::Pages,
    reply::{Reply, ResponseHeader},
    visitor::Visitor,
};

use crate::{desk::Desk, users::User};

/// The path of the sign-in page.
pub const SIGN_IN: &str = "/session/sign-in";
/// The default redirect after the sign-in.
pub const DASHBOARD: &str = "/session/dashboard";

/// One sentence for a wrong password and for an unknown name.
const WRONG: &str = "The name or the password is wrong.";

/// The headers of every page. Nothing is loaded but the style (the icon is an empty one in the page
/// itself, so that browsers request none), no other site may frame the page or receive its forms,
/// and no cache keeps it, so that the back button after the sign-out shows nothing.
const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'",
    ),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
];

/// The form. `next` is kept in its URL, and checked again when it comes back. There is no session
/// yet to which a CSRF token could belong: the origin of the request is checked instead.
#[must_use]
pub fn sign_in(next: Option<&LocalTarget>) -> Reply {
    show(200, "Sign in", &sign_in_form(next, None))
}

/// The form again, with the submitted name. The status requires a challenge (RFC 9110 section
/// 15.5.2); this one opens no dialog.
#[must_use]
pub fn wrong_password(next: Option<&LocalTarget>, identifier: &str) -> Reply {
    show(401, "Sign in", &sign_in_form(next, Some(identifier)))
        .header(ResponseHeader::new("www-authenticate", "Bearer realm=\"fauth\""))
}

fn sign_in_form(next: Option<&LocalTarget>, failed: Option<&str>) -> String {
    let error = match failed {
        Some(_) => format!("<p id=\"error\" role=\"alert\">{WRONG}</p>\n"),
        None => String::new(),
    };
    let (in_name, in_password) = if failed.is_some() { ("", " autofocus") } else { (" autofocus", "") };
    let (action, identifier) = (action(next), html(failed.unwrap_or_default()));
    format!(
        "<main>\n<h1>Sign in</h1>\n{error}\
         <form method=\"post\" action=\"{action}\">\n\
         <label for=\"identifier\">Name</label>\n\
         <input id=\"identifier\" name=\"identifier\" value=\"{identifier}\" autocomplete=\"username\" \
         autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"255\" required{in_name}>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" \
         required{in_password}>\n\
         <label class=\"check\"><input id=\"remember\" name=\"remember\" type=\"checkbox\"> \
         Remember me on this device</label>\n\
         <button id=\"sign-in\">Sign in</button>\n</form>\n\
         <p class=\"quiet\">alice with green-ideas-sleep is an admin, bob with hunter2-and-a-half is not.</p>\n</main>\n"
    )
}

/// The URL of the form with its `next`, for a quoted attribute.
fn action(next: Option<&LocalTarget>) -> String {
    let page = LocalTarget::parse(SIGN_IN).ok();
    let with_next = page.zip(next).and_then(|(page, next)| page.with_parameter("next", next.as_str()));
    html(with_next.as_ref().map_or(SIGN_IN, LocalTarget::as_str)).into_owned()
}

/// For every user.
#[must_use]
pub fn dashboard(visitor: &Visitor<User>, desk: &Desk, token: &CsrfToken) -> Reply {
    let name = html(visitor.display_name());
    let items: Vec<_> = desk.notes.iter().map(|note| format!("<li>{}</li>\n", html(note))).collect();
    let notes = items.concat();
    let notes = if notes.is_empty() { notes } else { format!("<ul id=\"notes\">\n{notes}</ul>\n") };
    let main = format!(
        "<main>\n<h1>Dashboard</h1>\n<p>Welcome, {name}.</p>\n\
         <p>Views of this page in this session: <span id=\"visits\">{}</span></p>\n{notes}\
         <p><a href=\"/session/admin\">For admins</a></p>\n{}</main>\n",
        desk.visits,
        sign_out_form(token),
    );
    show(200, "Dashboard", &(header(visitor) + &main))
}

/// For admins.
#[must_use]
pub fn admin(visitor: &Visitor<User>, token: &CsrfToken) -> Reply {
    let main = format!(
        "<main>\n<h1>Admin</h1>\n<p>Top secret admin info</p>\n\
         <p><a href=\"{DASHBOARD}\">Dashboard</a></p>\n{}</main>\n",
        sign_out_form(token),
    );
    show(200, "Admin", &(header(visitor) + &main))
}

/// For everybody.
#[must_use]
pub fn about(visitor: &Visitor<User>) -> Reply {
    let (target, text) =
        if visitor.is_authenticated() { (DASHBOARD, "Dashboard") } else { (SIGN_IN, "Sign in") };
    let main = format!(
        "<main>\n<h1>About</h1>\n<p>This page is for everybody.</p>\n\
         <p><a href=\"{target}\">{text}</a></p>\n</main>\n"
    );
    show(200, "About", &(header(visitor) + &main))
}

/// The header of every page. Users choose their names, so names are escaped.
fn header(visitor: &Visitor<User>) -> String {
    let name = html(visitor.display_name());
    format!("<header><strong>Quickstart</strong> <span id=\"user\">{name}</span></header>\n")
}

/// Every form of a user contains the hidden field.
fn sign_out_form(token: &CsrfToken) -> String {
    format!(
        "<form method=\"post\" action=\"/session/sign-out\">\n{}\n\
         <button id=\"sign-out\">Sign out</button>\n</form>\n",
        token.hidden_field(),
    )
}

/// How pages refuse: with the sign-in page if that helps, otherwise with a page that says why.
pub fn refusals() -> Pages {
    let pages = Pages::new(SIGN_IN).error_page(refused);
    headers().filter(|header| header.name() != "cache-control").fold(pages, Pages::header)
}

fn refused(rejection: &Rejection) -> String {
    let title = match rejection.status() {
        401 => "Not signed in",
        403 => "Not allowed",
        _ => "Not now",
    };
    let detail = rejection.detail();
    document(
        title,
        &format!(
            "<main>\n<h1>{title}</h1>\n<p id=\"error\">{}</p>\n\
             <p><a href=\"{DASHBOARD}\">Dashboard</a></p>\n</main>\n",
            html(&detail)
        ),
    )
}

/// The style of all pages. A `Content-Security-Policy` without exceptions requires a file.
#[must_use]
pub fn style() -> Reply {
    Reply::new(200)
        .body("text/css; charset=utf-8", include_str!("pages.css"))
        .header(ResponseHeader::new("cache-control", "public, max-age=3600"))
        .header(ResponseHeader::new("x-content-type-options", "nosniff"))
}

fn show(status: u16, title: &str, body: &str) -> Reply {
    let page = Reply::new(status).body("text/html; charset=utf-8", document(title, body));
    headers().fold(page, Reply::header)
}

fn headers() -> impl Iterator<Item = ResponseHeader> {
    HEADERS.into_iter().map(|(name, value)| ResponseHeader::new(name, value))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/session/style.css\">\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}
