//! What is decided from answers alone.

use jobgate::decide::doctor::{Access, Capability, Check, Machine, Member, Works, expiry};
use jobgate::gitlab::{Project, Route};
use jobgate::model::{JobId, ProjectId, Role};
use jobgate::time::Timestamp;

fn access(scopes: &[&str], member: Member) -> Access {
    Access::Known {
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: None,
        member,
    }
}

fn judged(route: fn(Project, JobId) -> Route, access: &Access) -> String {
    let route = route(Project::Id(ProjectId(44)), JobId(9));
    let check = Check::judged(Capability::Play, &route, access);
    match &check.works {
        Works::No(why) => format!("{}: {}", why.exit.name(), why.cause),
        other => other.word().to_owned(),
    }
}

#[test]
fn a_write_takes_scope_and_role() {
    use Member::{Hidden, Unasked, Unnamed};
    let role = |word: &str| Member::Role(Role::parse(word));
    for (scopes, member, play, erase) in [
        (&["api"][..], role("owner"), "yes", "yes"),
        (&["read_api", "api"], role("maintainer"), "yes", "yes"),
        (
            &["api"],
            role("developer"),
            "yes",
            "refused: the access token's user cannot erase jobs here",
        ),
        (
            &["api"],
            role("security_manager"),
            "refused: the access token's user cannot play jobs here",
            "refused: the access token's user cannot erase jobs here",
        ),
        (
            &["api"],
            role("guest"),
            "refused: the access token's user cannot play jobs here",
            "refused: the access token's user cannot erase jobs here",
        ),
        (&["api"], Unasked, "unasked", "unasked"),
        (
            &["api"],
            Hidden(ProjectId(44)),
            "refused: the token cannot see project 44, which exists",
            "refused: the token cannot see project 44, which exists",
        ),
        (
            &["api"],
            Unnamed,
            "unknown: GitLab names no membership of the access token's user in this project",
            "unknown: GitLab names no membership of the access token's user in this project",
        ),
        (
            &["read_api"],
            role("owner"),
            "refused: the access token's scopes do not allow it to play jobs",
            "refused: the access token's scopes do not allow it to erase jobs",
        ),
        (
            &[],
            role("owner"),
            "refused: the access token's scopes do not allow it to play jobs",
            "refused: the access token's scopes do not allow it to erase jobs",
        ),
        (
            &["granular"],
            role("owner"),
            "unknown: GitLab does not tell what a fine-grained access token may do",
            "unknown: GitLab does not tell what a fine-grained access token may do",
        ),
    ] {
        let access = access(scopes, member);
        assert_eq!(judged(Route::Play, &access), play, "{access:?}");
        assert_eq!(judged(Route::Erase, &access), erase, "{access:?}");
    }
    assert_eq!(
        judged(Route::Play, &Access::Missing),
        "refused: job tokens cannot play jobs; use an access token"
    );
}

#[test]
fn a_tokens_last_day_is_told_a_month_ahead() {
    let now = Timestamp::parse("2026-11-20T08:00:00Z").unwrap();
    for (day, expected) in [
        (
            "2026-11-20",
            Some("the access token expires in 0 days, on 2026-11-20"),
        ),
        (
            "2026-11-21",
            Some("the access token expires in 1 day, on 2026-11-21"),
        ),
        (
            "2026-12-20",
            Some("the access token expires in 30 days, on 2026-12-20"),
        ),
        ("2026-12-21", None),
        ("soon", None),
        ("", None),
    ] {
        let found = expiry(day, now).map(|finding| finding.cause);
        assert_eq!(found.as_deref(), expected, "{day}");
    }
}

#[test]
fn an_odd_image_is_told() {
    for (no_resolver, no_bundle, words) in [
        (false, false, &[][..]),
        (true, false, &["/etc/resolv.conf"]),
        (false, true, &["CA bundle"]),
        (true, true, &["/etc/resolv.conf", "CA bundle"]),
    ] {
        let found = Machine {
            no_resolver,
            no_bundle,
        }
        .findings();
        assert_eq!(found.len(), words.len());
        for (finding, word) in found.iter().zip(words) {
            assert!(finding.cause.contains(word), "{finding:?}");
            assert!(finding.hint.is_some());
        }
    }
}

#[test]
fn an_access_level_that_nobody_knows_is_no_role() {
    for (level, role) in [
        (0, None),
        (5, Some("minimal_access")),
        (20, Some("reporter")),
        (30, Some("developer")),
        (35, None),
        (40, Some("maintainer")),
        (50, Some("owner")),
        (u64::MAX, None),
    ] {
        let found = Role::of_level(level);
        assert_eq!(found.as_ref().map(Role::word), role, "{level}");
    }
}
