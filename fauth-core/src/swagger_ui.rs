//! Swagger UI: a page that shows an OpenAPI document, logs its reader in and tries out the
//! operations.
//!
//! Its scripts and styles are embedded in the binary (from the crate `utoipa-swagger-ui`). The page
//! loads nothing from other origins, and its `Content-Security-Policy` forbids it. The adapters
//! mount it with their function `swagger_ui`.
//!
//! The Authorize button posts the form of RFC 6749 section 4.3 to the `tokenUrl` of the document's
//! OAuth2 password flow. `POST /login` accepts that form. Since a page sends it, the URL must
//! request the tokens in the body: `/login?deliver=body`. The redirect of the authorization code
//! flow is not served.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, LazyLock},
};

use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

use crate::{
    rejection::Rejection,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

/// Scripts and requests of the page stay on its own origin.
///
/// Swagger UI sets `style` attributes by script, which no policy forbids, and uses pictures that
/// are `data:` URLs in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer.
const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

const METHODS: &str = "GET, HEAD";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLES: &str = "text/css; charset=utf-8";

/// The files of Swagger UI that the page uses. The others are not served.
const ASSETS: [(&str, &str); 3] =
    [("favicon-32x32.png", "image/png"), ("swagger-ui-bundle.js", SCRIPT), ("swagger-ui.css", STYLES)];
/// Our additional style sheet.
const STYLE_SHEET: &str = "page.css";
const STYLE_SHEET_TEXT: &str = include_str!("swagger_ui/page.css");
const START_SCRIPT: &str = "start.js";

/// A page with Swagger UI for one document. Cheap to clone.
///
/// ```
/// use fauth_core::swagger_ui::SwaggerUi;
/// # use fauth_testing::WireRequest;
/// # let head = WireRequest::new("GET", "/docs");
///
/// let ui = SwaggerUi::new("/openapi.json");
/// let page = ui.answer(&head, "");
/// assert_eq!(page.status(), 200);
/// ```
///
/// # Security
/// The page and its document are public, unless the application mounts both in a guarded group.
/// Credentials that the reader enters stay in the memory of the page and are gone when it is
/// closed.
#[derive(Clone)]
pub struct SwaggerUi {
    start_script: Arc<str>,
}

impl SwaggerUi {
    /// A page for the document at `document_url`: a path such as `/openapi.json`, or a URL relative
    /// to the page. The policy of the page forbids loading it from another origin.
    #[must_use]
    pub fn new(document_url: &str) -> Self {
        // A JSON string is also a JavaScript string.
        let url = serde_json::Value::from(document_url).to_string();
        Self { start_script: START_TEMPLATE.replacen("$DOCUMENT_URL", &url, 1).into() }
    }

    /// Answers a request below the path where an adapter mounted the page. `rest` is what follows
    /// that path: nothing or a slash for the page itself, otherwise the name of one of its files,
    /// with or without a leading slash.
    ///
    /// An unknown name is answered with 404, a method other than GET and HEAD with 405.
    #[must_use]
    pub fn answer(&self, head: &dyn RequestHead, rest: &str) -> Reply {
        let mut reply = self.find(head, rest).unwrap_or_else(|rejection| rejection.default_reply());
        for (name, value) in HEADERS {
            reply.replace(ResponseHeader::new(name, value));
        }
        reply.for_method(head.method())
    }

    fn find(&self, head: &dyn RequestHead, rest: &str) -> Result<Reply, Rejection> {
        if !METHODS.split(", ").any(|method| method == head.method()) {
            return Err(Rejection::MethodNotAllowed { allow: METHODS });
        }
        match rest.strip_prefix('/').unwrap_or(rest) {
            "" => Ok(revalidated(page(head.path()))),
            START_SCRIPT => Ok(revalidated(text(SCRIPT, &self.start_script))),
            STYLE_SHEET => Ok(revalidated(text(STYLES, STYLE_SHEET_TEXT))),
            name => asset(name, head.query()).ok_or(Rejection::NotFound),
        }
    }
}

impl fmt::Debug for SwaggerUi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwaggerUi").finish_non_exhaustive()
    }
}

const START_TEMPLATE: &str = include_str!("swagger_ui/start.js");
const PAGE_TEMPLATE: &str = include_str!("swagger_ui/page.html");

/// The page. Its links are relative, so they also work behind a proxy that strips a prefix. They
/// depend on whether the path ends with a slash.
fn page(path: &str) -> Reply {
    let folder = match path.rsplit('/').next() {
        None | Some("") => ".".to_owned(),
        Some(last) => format!("./{}", escaped(last)),
    };
    let page = PAGE_TEMPLATE.replace("$VERSION", &VERSION).replace("$FOLDER", &folder);
    text("text/html; charset=utf-8", &page)
}

/// Escapes text for an HTML attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

fn text(content_type: &'static str, text: &str) -> Reply {
    Reply::new(200).body(content_type, text)
}

/// Small, and different after an update, so it is revalidated each time.
fn revalidated(reply: Reply) -> Reply {
    reply.header(ResponseHeader::new("cache-control", "no-cache"))
}

/// A file of Swagger UI. Under our page's URL, which contains its version, it never changes.
fn asset(name: &str, query: Option<&str>) -> Option<Reply> {
    let (name, content_type) = ASSETS.into_iter().find(|(known, _)| *known == name)?;
    let file = embedded(name)?;
    let mut reply = Reply::new(200).body(content_type, file.bytes);
    if file.gzpipped {
        // Another crate of the application has enabled the feature `gzip` of `utoipa-swagger-ui`.
        reply = reply.header(ResponseHeader::new("content-encoding", "gzip"));
    }
    if query.and_then(|query| query.strip_prefix("v=")) != Some(&VERSION) {
        return Some(revalidated(reply));
    }
    Some(reply.header(ResponseHeader::new("cache-control", "max-age=31536000, immutable")))
}

fn embedded(name: &str) -> Option<SwaggerFile<'static>> {
    serve(name, Arc::new(Config::default())).ok().flatten()
}

/// The version of the files, a hash of their contents.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let files = ASSETS.iter().filter_map(|(name, _)| embedded(name));
    let hash = files.fold(Sha256::new(), |hash, file| hash.chain_update(&file.bytes)).finalize();
    hash.iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_embedded() {
        for (name, _) in ASSETS {
            assert!(embedded(name).is_some_and(|file| !file.bytes.is_empty()), "{name}");
        }
        assert_eq!(VERSION.len(), 16);
    }

    #[test]
    fn the_templates_have_their_gaps() {
        assert_eq!(START_TEMPLATE.matches("$DOCUMENT_URL").count(), 1);
        assert_eq!(PAGE_TEMPLATE.matches("$FOLDER/").count(), 5);
        assert_eq!(PAGE_TEMPLATE.matches("$VERSION").count(), ASSETS.len());
    }

    #[test]
    fn no_path_ends_an_attribute() {
        let reply = page("/a/\"><script>'&");
        let page = std::str::from_utf8(reply.body_bytes()).unwrap();
        assert!(page.contains("./&#34;&#62;&#60;script&#62;&#39;&#38;/start.js"), "{page}");
    }
}
