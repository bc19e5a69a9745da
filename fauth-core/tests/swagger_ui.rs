//! The page with Swagger UI, as plain replies. That it works is seen by a browser: see
//! `examples/internal/browser`.

use fauth_core::{reply::Reply, swagger_ui::SwaggerUi};
use fauth_testing::{WireRequest, WireResponse};

/// The answer to a request for what follows `/docs`.
fn ask(method: &str, rest: &str) -> Reply {
    let path = rest.split('?').next().unwrap_or_default();
    SwaggerUi::new("/openapi.json").answer(&WireRequest::new(method, &format!("/docs{rest}")), path)
}

fn get(rest: &str) -> WireResponse {
    ask("GET", rest).into()
}

/// What the page links to, as what follows `/docs`.
fn links() -> Vec<String> {
    let page = get("/").text();
    page.split('"').filter_map(|text| text.strip_prefix('.')).map(str::to_owned).collect()
}

#[test]
fn the_page_and_its_headers() {
    let page = get("");
    let version = page.text().split("?v=").nth(1).unwrap()[..16].to_owned();
    expect_test::expect![[r#"
        200
        cache-control: no-cache
        content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        content-type: text/html; charset=utf-8
        cross-origin-opener-policy: same-origin
        cross-origin-resource-policy: same-origin
        referrer-policy: no-referrer
        x-content-type-options: nosniff

        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>API documentation</title>
        <link rel="stylesheet" href="./docs/swagger-ui.css?v=(version)">
        <link rel="stylesheet" href="./docs/page.css">
        <link rel="icon" type="image/png" sizes="32x32" href="./docs/favicon-32x32.png?v=(version)">
        </head>
        <body>
        <noscript>This page needs JavaScript.</noscript>
        <div id="swagger-ui"></div>
        <script src="./docs/swagger-ui-bundle.js?v=(version)"></script>
        <script src="./docs/start.js"></script>
        </body>
        </html>
    "#]]
    .assert_eq(&format!("{page:?}").replace(&version, "(version)"));
}

#[test]
fn links_are_relative_to_the_page_with_a_slash_or_without() {
    assert!(get("").text().contains("\"./docs/start.js\""));
    assert!(get("/").text().contains("\"./start.js\""));
    let nested = WireRequest::new("GET", "/a/b/reference");
    let page = WireResponse::from(SwaggerUi::new("x").answer(&nested, "/"));
    assert!(page.text().contains("\"./reference/start.js\""));
}

#[test]
fn every_link_leads_to_a_file_of_its_type() {
    let links = links();
    assert_eq!(links.len(), 5);
    for link in links {
        let file = get(&link);
        let expected = match link.split('?').next().unwrap().rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/png",
        };
        assert_eq!((file.status, file.header("content-type")), (200, vec![expected]), "{link}");
        assert!(!file.body.is_empty(), "{link}");
    }
}

#[test]
fn what_names_its_version_never_changes() {
    let versioned: Vec<_> = links().into_iter().filter(|link| link.contains("?v=")).collect();
    assert_eq!(versioned.len(), 3);
    for link in &versioned {
        assert_eq!(get(link).header("cache-control"), ["max-age=31536000, immutable"], "{link}");
        let (file, _) = link.split_once('?').unwrap();
        for other in [file.to_owned(), format!("{file}?v=0123456789abcdef"), format!("{link}0")] {
            let answer = get(&other);
            assert_eq!((answer.status, answer.header("cache-control")), (200, vec!["no-cache"]), "{other}");
        }
    }
    for file in ["/start.js", "/page.css"] {
        assert_eq!(get(file).header("cache-control"), ["no-cache"], "{file}");
    }
}

#[test]
fn nothing_else_is_there() {
    for rest in [
        "/nothing",
        "/index.html",
        "/swagger-initializer.js",
        "/swagger-ui.js",
        "/swagger-ui-bundle.js/",
        "//start.js",
        "/./start.js",
        "/../start.js",
        "/%73tart.js",
        "/START.JS",
        "/..%2f..%2fetc%2fpasswd",
        "/\\start.js",
    ] {
        let answer = get(rest);
        assert_eq!(answer.status, 404, "{rest}");
        assert_eq!(answer.header("content-type"), ["application/problem+json"], "{rest}");
        assert_eq!(answer.header("content-security-policy").len(), 1, "{rest}");
    }
}

#[test]
fn get_and_head_are_answered_and_no_other_method() {
    for rest in ["", "/", "/start.js", "/swagger-ui.css", "/nothing"] {
        let (get, head) = (ask("GET", rest), ask("HEAD", rest));
        assert!(head.answers_head() && head.body_bytes().is_empty(), "{rest}");
        assert_eq!((head.status(), head.headers()), (get.status(), get.headers()), "{rest}");
        for method in ["POST", "OPTIONS", "get", ""] {
            let refused = WireResponse::from(ask(method, rest));
            assert_eq!(
                (refused.status, refused.header("allow")),
                (405, vec!["GET, HEAD"]),
                "{method} {rest}"
            );
            assert_eq!(refused.header("content-security-policy").len(), 1, "{method} {rest}");
        }
    }
}

#[test]
fn the_url_of_the_document_is_a_string_whatever_it_holds() {
    let script = |url: &str| {
        let reply = SwaggerUi::new(url).answer(&WireRequest::new("GET", "/docs/start.js"), "/start.js");
        WireResponse::from(reply).text()
    };
    assert!(script("/openapi.json").contains(r#"url: "/openapi.json","#));
    assert!(script("\"\\\n$DOCUMENT_URL").contains(r#"url: "\"\\\n$DOCUMENT_URL","#));
    for setting in ["persistAuthorization: false", "queryConfigEnabled: false", "validatorUrl: null"] {
        assert!(script("x").contains(setting), "{setting}");
    }
}
