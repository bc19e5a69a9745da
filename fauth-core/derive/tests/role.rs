//! What `#[derive(Role)]` writes: names, both ways, and a hierarchy only where one is asked for.
#![expect(clippy::items_after_statements, reason = "each type stands before what is said of it")]

use fauth_core::{Requirement, Role, UnknownRole};
use serde::{Deserialize, Serialize};

#[derive(Role, Debug, Clone, Copy, PartialEq, Eq)]
enum Staff {
    Support,
    ContentEditor,
    #[role(name = "admin")]
    Administrator,
}

#[test]
fn a_role_is_its_name() {
    let names = Staff::ALL.iter().map(Staff::as_str).collect::<Vec<_>>();
    assert_eq!(names, ["support", "content_editor", "admin"]);
    for role in Staff::ALL {
        assert_eq!(role.as_ref(), role.as_str());
        assert_eq!(role.to_string(), role.as_str());
        assert_eq!(role.as_str().parse(), Ok(*role));
    }
    const NAME: &str = Staff::Administrator.as_str();
    assert_eq!(NAME, "admin");
    assert_eq!(format!("{:>8}|", Staff::Support), " support|");
}

/// What an application does not use of the generated code is no dead code of its own.
#[deny(dead_code)]
mod hardly_used {
    use fauth_core::{Requirement, Role};

    #[derive(Role)]
    enum Plan {
        Free,
        Paid,
    }

    #[derive(Role)]
    #[role(hierarchy)]
    enum Rank {
        Viewer,
        Editor,
    }

    #[test]
    fn nothing_is_dead_code() {
        assert_eq!(Requirement::user().role(Plan::Paid), Requirement::user().role("paid"));
        assert!(Rank::Editor.includes("viewer"));
    }
}

#[test]
fn requirements_take_roles() {
    assert_eq!(Requirement::user().role(Staff::Administrator), Requirement::user().role("admin"));
    assert_eq!(
        Requirement::user().roles(Staff::ALL),
        Requirement::user().roles(["support", "content_editor", "admin"])
    );
}

#[test]
fn only_names_are_read() {
    for text in ["", " admin", "Admin", "administrator", "Administrator", "content-editor", "support\0"] {
        let error: UnknownRole = text.parse::<Staff>().unwrap_err();
        assert_eq!(error.known(), ["support", "content_editor", "admin"], "{text}");
    }
}

#[test]
fn an_error_names_the_text_and_what_is_known() {
    let error = "owner".parse::<Staff>().unwrap_err();
    assert_eq!(error.text(), "owner");
    assert_eq!(error.to_string(), "`owner` is not one of the roles `support`, `content_editor`, `admin`");
    let _: Box<dyn std::error::Error + Send + Sync> = error.into();
}

/// It may come from a request.
#[test]
fn the_text_of_an_error_is_bounded_and_escaped() {
    let error = "a\n\u{202e}b".parse::<Staff>().unwrap_err();
    assert_eq!(error.text(), "a\\u{a}\\u{202e}b");
    let error = "x".repeat(1_000_000).parse::<Staff>().unwrap_err();
    assert_eq!(error.text(), "x".repeat(256) + "…");
}

// --- hierarchy ----------------------------------------------------------------------------------

/// What each of the roles includes, as rows of `ALL`.
fn included<R: Role + 'static>(all: &'static [R]) -> Vec<Vec<bool>> {
    all.iter().map(|one| all.iter().map(|other| one.includes(other.as_ref())).collect()).collect()
}

#[test]
fn an_order_alone_is_no_hierarchy() {
    assert_eq!(included(Staff::ALL), [[true, false, false], [false, true, false], [false, false, true]]);
}

#[derive(Role, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[role(hierarchy)]
enum Rank {
    Viewer = 1,
    Editor,
    Admin = 0x10,
}

#[test]
fn later_roles_include_earlier_ones() {
    assert_eq!(included(Rank::ALL), [[true, false, false], [true, true, false], [true, true, true]]);
    // As the numbers have it.
    for (one, row) in Rank::ALL.iter().zip(included(Rank::ALL)) {
        for (other, included) in Rank::ALL.iter().zip(row) {
            assert_eq!(one >= other, included, "{one} {other}");
        }
    }
}

#[test]
fn a_hierarchy_knows_its_own_names_only() {
    for unknown in ["", "owner", "Viewer", "viewer ", "ALL"] {
        assert!(Rank::ALL.iter().all(|rank| !rank.includes(unknown)), "{unknown}");
    }
    assert!((&&Rank::Admin).includes("viewer"));
}

#[test]
fn a_direction_can_be_said() {
    #[derive(Role)]
    #[role(hierarchy = "strongest_first")]
    enum Down {
        Admin,
        Editor,
        Viewer,
    }
    assert_eq!(included(Down::ALL), [[true, true, true], [false, true, true], [false, false, true]]);

    // The weakest of these is an administrator, and meant so.
    #[derive(Role)]
    #[role(hierarchy = "weakest_first")]
    enum Up {
        Admin,
        Founder,
    }
    assert_eq!(included(Up::ALL), [[true, false], [true, true]]);

    #[derive(Role)]
    #[role(hierarchy = "strongest_first")]
    #[repr(i8)]
    enum Numbered {
        Admin = 2,
        Viewer = -1,
    }
    assert!(Numbered::Admin.includes("viewer") && !Numbered::Viewer.includes("admin"));

    #[derive(Role)]
    #[role(hierarchy)]
    enum Alone {
        Admin,
    }
    assert!(Alone::Admin.includes("admin"));
}

// --- names as serde has them --------------------------------------------------------------------

macro_rules! cases {
    ($($case:literal => $names:expr;)*) => {$({
        #[derive(Role, Debug, PartialEq, Serialize, Deserialize)]
        #[role(rename_all = $case)]
        #[serde(rename_all = $case)]
        enum Cased {
            Admin,
            ContentEditor,
            HTTPClient,
            Level2,
        }
        let names: [&str; 4] = $names;
        assert_eq!(Cased::ALL.iter().map(Cased::as_str).collect::<Vec<_>>(), names);
        for role in Cased::ALL {
            assert_eq!(serde_json::to_string(role).unwrap(), format!("\"{role}\""), $case);
            assert_eq!(serde_json::from_str::<Cased>(&format!("\"{role}\"")).unwrap(), *role, $case);
        }
    })*};
}

#[test]
fn cases_are_those_of_serde() {
    cases! {
        "lowercase" => ["admin", "contenteditor", "httpclient", "level2"];
        "UPPERCASE" => ["ADMIN", "CONTENTEDITOR", "HTTPCLIENT", "LEVEL2"];
        "PascalCase" => ["Admin", "ContentEditor", "HTTPClient", "Level2"];
        "camelCase" => ["admin", "contentEditor", "hTTPClient", "level2"];
        "snake_case" => ["admin", "content_editor", "h_t_t_p_client", "level2"];
        "SCREAMING_SNAKE_CASE" => ["ADMIN", "CONTENT_EDITOR", "H_T_T_P_CLIENT", "LEVEL2"];
        "kebab-case" => ["admin", "content-editor", "h-t-t-p-client", "level2"];
        "SCREAMING-KEBAB-CASE" => ["ADMIN", "CONTENT-EDITOR", "H-T-T-P-CLIENT", "LEVEL2"];
    }
}
