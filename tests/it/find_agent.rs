//! Which agent is meant by AGENT, and what is said when none or several are.

#![allow(clippy::unwrap_used)]

use jobgate::decide::agents::{Allowed, Query, find, join, kube_context};
use jobgate::exit::Exit;
use jobgate::kubeconfig::Context;
use jobgate::model::{Agent, AgentId};

fn agents(all: &[(u64, &str)]) -> Vec<Agent> {
    let agent = |(id, project): &(u64, &str)| {
        let json = serde_json::json!({"id": id, "config_project": {"id": 5, "path_with_namespace": project}});
        serde_json::from_value(json).unwrap()
    };
    all.iter().map(agent).collect()
}

fn contexts(all: &[(u64, &str)]) -> Vec<Context> {
    let context = |(id, name): &(u64, &str)| Context {
        agent: AgentId(*id),
        name: (*name).into(),
        namespace: None,
    };
    all.iter().map(context).collect()
}

/// The id that is found, or the exit code and the error.
fn ask(allowed: &[Allowed], text: &str) -> Result<u64, (Exit, String)> {
    Query::parse(text)
        .and_then(|query| find(allowed, &query))
        .map(|found| found.id().0)
        .map_err(|stop| (stop.exit, stop.error))
}

fn error(exit: Exit, text: &str) -> Result<u64, (Exit, String)> {
    Err((exit, text.into()))
}

#[test]
fn an_agent_is_found_by_id_project_or_name() {
    let agents = agents(&[
        (12, "ops/agents"),
        (7, "ops/agents"),
        (3, "shop/deploy/agents"),
    ]);
    let contexts = contexts(&[
        (99, "ops/agents:prod"),
        (12, "ops/agents:prod"),
        (7, "renamed"),
        (7, "ops/agents:staging"),
        (3, "shop/deploy/agents:eu"),
    ]);
    let allowed = join(&agents, &contexts);
    let choices = "12 (ops/agents:prod), 7 (ops/agents:staging)";
    for (text, expected) in [
        ("12", Ok(12)),
        ("0012", Ok(12)),
        ("ops/agents:prod", Ok(12)),
        ("ops/agents:staging", Ok(7)),
        ("shop/deploy/agents", Ok(3)),
        ("shop/deploy/agents:eu", Ok(3)),
        (
            "ops/agents",
            error(
                Exit::Usage,
                &format!("an agent of \"ops/agents\" could be any of {choices}"),
            ),
        ),
        (
            "ops/agents:other",
            error(
                Exit::NotFound,
                "agent \"ops/agents:other\" is not allowed to this job",
            ),
        ),
        (
            "Ops/Agents:prod",
            error(
                Exit::NotFound,
                "agent \"Ops/Agents:prod\" is not allowed to this job",
            ),
        ),
        (
            "99",
            error(Exit::NotFound, "agent 99 is not allowed to this job"),
        ),
        (
            "ops/other",
            error(
                Exit::NotFound,
                "an agent of \"ops/other\" is not allowed to this job",
            ),
        ),
    ] {
        assert_eq!(ask(&allowed, text), expected, "{text}");
    }
    let names: Vec<_> = allowed.iter().map(Allowed::name).collect();
    assert_eq!(names, [Some("prod"), Some("staging"), Some("eu")]);
    let query = Query::parse("7").unwrap();
    assert_eq!(
        kube_context(&find(&allowed, &query).unwrap()),
        Ok("ops/agents:staging")
    );
    let stop = find(&allowed, &Query::parse("99").unwrap()).unwrap_err();
    assert_eq!(
        stop.hints.first().unwrap(),
        &format!("allowed are: {choices}, 3 (shop/deploy/agents:eu)")
    );
}

#[test]
fn without_names_nothing_is_guessed() {
    let agents = agents(&[(12, "ops/agents"), (7, "ops/agents"), (3, "shop/agents")]);
    let contexts = contexts(&[(12, "ops/agents:prod"), (7, "mine")]);
    let allowed = join(&agents, &contexts);
    for (text, expected) in [
        ("ops/agents:prod", Ok(12)),
        ("shop/agents", Ok(3)),
        (
            "ops/agents:staging",
            error(
                Exit::Unknown,
                "cannot tell whether agent \"ops/agents:staging\" is among 7 (ops/agents): KUBECONFIG has no name for it",
            ),
        ),
        (
            "shop/agents:eu",
            error(
                Exit::Unknown,
                "cannot tell whether agent \"shop/agents:eu\" is among 3 (shop/agents): KUBECONFIG has no name for it",
            ),
        ),
    ] {
        assert_eq!(ask(&allowed, text), expected, "{text}");
    }
    let context = |id| {
        let query = Query::Id(AgentId(id));
        find(&allowed, &query).and_then(|found| kube_context(&found))
    };
    // A renamed context still works with kubectl.
    assert_eq!(context(7), Ok("mine"));
    let stop = context(3).unwrap_err();
    assert_eq!(stop.exit, Exit::Unknown);
    assert_eq!(
        stop.error,
        "no file in KUBECONFIG has a context for agent 3"
    );
}

#[test]
fn an_agent_that_is_listed_twice_is_one_agent() {
    let agents = agents(&[(12, "ops/agents"), (12, "ops/agents")]);
    let allowed = join(&agents, &[]);
    assert_eq!(ask(&allowed, "12"), Ok(12));
    assert_eq!(ask(&allowed, "ops/agents"), Ok(12));
}

#[test]
fn many_choices_are_cut_and_hostile_names_made_visible() {
    let many: Vec<_> = (1..=12).map(|id| (id, "ops/agents")).collect();
    let agents = agents(&many);
    let allowed = join(&agents, &[]);
    let (exit, text) = ask(&allowed, "ops/agents").unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert!(text.ends_with("10 (ops/agents) and 2 more"), "{text}");
    let (_, text) = ask(&allowed, "ops/\u{1b}[31m\u{202e}x").unwrap_err();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert_eq!(
        ask(&[], "12"),
        error(Exit::NotFound, "agent 12 is not allowed to this job")
    );
}

#[test]
fn what_is_no_agent_is_refused_before_anything_is_asked() {
    for text in [
        "",
        "prod",
        ":prod",
        "ops/",
        "/agents",
        "ops//agents",
        "ops/agents:",
        "agent:12",
        "-1",
        "99999999999999999999",
        "１２",
    ] {
        assert_eq!(Query::parse(text).unwrap_err().exit, Exit::Usage, "{text}");
    }
}
