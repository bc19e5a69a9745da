//! The metadata of a protected resource (RFC 9728), and the challenges that name them.

use fauth_core::{ResourceMetadata, TokenRequest, rejection::Pages};
use serde_json::json;

use super::cases;
use crate::suite::Probe;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const JSON: &str = "application/json";

/// The application as this resource, whose tokens come from another issuer.
fn publishing<H: crate::suite::Harness>(resource: &str) -> Probe<H> {
    let metadata = ResourceMetadata::new(resource)
        .authorization_server("https://login.example.com/realms/shop")
        .scopes_supported(["read", "write"]);
    Probe::build(|builder| builder.resource_metadata(metadata))
}

/// The beginning of challenges of `https://api.example.com/mcp`.
const MCP_SPACE: &str = "Bearer realm=\"fauth\", \
    resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/mcp\"";

cases! { $ __resource_metadata_tests in resource_metadata;
    fn the_metadata_lie_at_the_well_known_path(t) {
        t = publishing("https://api.example.com");
        let seen = t.get(WELL_KNOWN).send();
        seen.is(200).has("content-type", JSON).has("cache-control", "public, max-age=3600");
        seen.lacks("set-cookie").lacks("www-authenticate").lacks("vary");
        assert_eq!(
            seen.response.json(),
            json!({
                "resource": "https://api.example.com",
                "authorization_servers": ["https://login.example.com/realms/shop"],
                "scopes_supported": ["read", "write"],
                "bearer_methods_supported": ["header"],
            })
        );
    }

    /// A request under another path is for another resource (RFC 9728 section 3.3).
    fn the_path_of_the_resource_follows_the_well_known_one(t) {
        t = publishing("https://api.example.com/mcp");
        let seen = t.get(&format!("{WELL_KNOWN}/mcp")).send();
        assert_eq!(seen.is(200).response.json()["resource"], "https://api.example.com/mcp");
        for path in [
            WELL_KNOWN.to_owned(),
            format!("{WELL_KNOWN}/"),
            format!("{WELL_KNOWN}/other"),
            format!("{WELL_KNOWN}/mcp/x"),
            format!("{WELL_KNOWN}/MCP"),
        ] {
            t.get(&path).send_to_framework().is(404);
        }
    }

    /// Requests of the suite have the host `app.example`.
    fn nothing_of_a_request_is_in_the_metadata(t) {
        t = publishing("https://api.example.com");
        let plain = t.get(WELL_KNOWN).send();
        let seen = t
            .get(&format!("{WELL_KNOWN}?resource=https://evil.example"))
            .header("x-forwarded-host", "evil.example")
            .bearer("no token at all")
            .send();
        assert_eq!(seen.is(200).response.body, plain.response.body);
        let seen = t.get("/guards/user").header("x-forwarded-host", "evil.example").send();
        seen.is(401).has(
            "www-authenticate",
            "Bearer realm=\"fauth\", \
             resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"",
        );
    }

    fn head_is_answered_as_get_without_the_body(t) {
        t = publishing("https://api.example.com");
        let seen = t.request("HEAD", WELL_KNOWN).send();
        seen.is(200).says("").has("content-type", JSON).has("cache-control", "public, max-age=3600");
    }

    fn another_method_is_405(t) {
        t = publishing("https://api.example.com");
        for method in ["POST", "PUT", "DELETE"] {
            let seen = t.request(method, WELL_KNOWN).send();
            seen.refused(405, "method_not_allowed").has("allow", "GET, HEAD").has("cache-control", "no-store");
        }
    }

    fn the_challenge_of_401_names_the_metadata(t) {
        t = publishing("https://api.example.com/mcp");
        for path in ["/guards/user", "/group/dashboard", "/me", "/group/mounted/x"] {
            t.get(path).send().is(401).has("www-authenticate", MCP_SPACE);
        }
        let invalid = format!(
            "{MCP_SPACE}, error=\"invalid_token\", \
             error_description=\"The token is invalid or has expired\""
        );
        let seen = t.get("/guards/user").bearer("x").send();
        seen.is(401).has("www-authenticate", &invalid);
        // A valid one opens the route, and there is no challenge.
        t.get("/guards/user").bearer(t.access("alice")).send().is(200).lacks("www-authenticate");
    }

    fn the_challenge_of_403_names_the_metadata_too(t) {
        t = publishing("https://api.example.com/mcp");
        let forbidden = format!(
            "{MCP_SPACE}, error=\"insufficient_scope\", \
             error_description=\"The request needs more rights than the token gives\""
        );
        let seen = t.get("/guards/roles").bearer(t.access("bob")).send();
        seen.is(403).has("www-authenticate", &forbidden);
        let seen = t.get("/guards/scopes").bearer(t.access("alice")).send();
        seen.is(403).has("www-authenticate", &format!("{forbidden}, scope=\"read write\""));
        let token = t.access(TokenRequest::for_subject("alice").scopes(["read", "write"]));
        t.get("/guards/scopes").bearer(token).send().is(200);
    }

    fn a_refused_login_names_the_metadata(t) {
        t = publishing("https://api.example.com/mcp");
        t.login("alice", "wrong").send().is(401).has("www-authenticate", MCP_SPACE);
    }

    /// A redirected browser gets no challenge.
    fn a_page_has_no_challenge(t) {
        let metadata = ResourceMetadata::new("https://api.example.com").authorization_server("https://a.example");
        t = Probe::build(|builder| builder.resource_metadata(metadata).pages(Pages::new("/signin")));
        let seen = t.get("/guards/user").header("accept", "text/html").send();
        seen.is(303).lacks("www-authenticate");
    }

    fn without_metadata_there_is_no_endpoint(t) {
        t.get(WELL_KNOWN).send_to_framework().is(404);
        t.get("/guards/user").send().is(401).has("www-authenticate", "Bearer realm=\"fauth\"");
    }

    fn a_token_in_the_url_is_among_the_methods_where_it_is_allowed(t) {
        let metadata = ResourceMetadata::new("https://api.example.com").authorization_server("https://a.example");
        t = Probe::build(|builder| builder.resource_metadata(metadata).danger_query_token("access_token"));
        let seen = t.get(WELL_KNOWN).send();
        assert_eq!(seen.is(200).response.json()["bearer_methods_supported"], json!(["header", "query"]));
    }

    /// Other resources of the same provider are refused without a challenge that names foreign
    /// metadata.
    fn another_provider_names_its_own(t) {
        t = publishing("https://api.example.com/mcp");
        t.get("/guards/other").send().is(401).has("www-authenticate", "Bearer realm=\"fauth\"");
    }
}
