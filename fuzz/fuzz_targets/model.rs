//! What GitLab sends as JSON, and what we print as JSON: read without a panic, printed as the same value on one visible line.
#![no_main]

use jobgate_fuzz::ci;
use jobgate_fuzz::decide::select::{Operand, Selection, group, select};
use jobgate_fuzz::gitlab::said::Said;
use jobgate_fuzz::host::Mask;
use jobgate_fuzz::model::{AllowedAgents, Deployment, Environment, GitRef, Job, Pipeline, Status};
use jobgate_fuzz::report::text::hidden;
use jobgate_fuzz::report::{Format, json};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    let _ = ci::release(text);
    let mask = Mask::default();
    mask.add("glpat-secret");
    let said = Said::read(text.as_bytes(), &mask);
    assert!(
        !said
            .line(403, "application/json", text.as_bytes(), &mask)
            .contains("glpat-secret")
    );
    assert_eq!(Status::parse(text).word(), text);
    names(text);
    read::<Job>(text);
    read::<Pipeline>(text);
    read::<AllowedAgents>(text);
    read::<Deployment>(text);
    read::<Environment>(text);
    read::<GitRef>(text);
    if let Ok(jobs) = serde_json::from_str::<Vec<Job>>(text) {
        selected(&jobs);
    }
    printed(text);
});

fn read<T: DeserializeOwned>(text: &str) {
    let _ = serde_json::from_str::<T>(text);
    let _ = serde_json::from_str::<Vec<T>>(text);
}

/// The name of a group stands in its members' names.
fn names(text: &str) {
    assert!(group::of(text).is_none_or(|group| text.contains(group) && group != text));
    if let Some((name, number, of)) = group::numbered(text) {
        assert!(
            text.starts_with(name) && number >= 1 && number <= of,
            "{text:?}"
        );
    }
}

/// What is selected is in the list and fits, and `--all` leaves out nothing but older attempts.
fn selected(jobs: &[Job]) {
    let all = Selection {
        all: true,
        ..Selection::default()
    };
    let chosen = select(&all, jobs, None).expect("nobody calls").jobs;
    for job in jobs {
        assert!(
            chosen
                .iter()
                .any(|chosen| chosen.job.name == job.name && chosen.job.id >= job.id)
        );
    }
    for job in jobs {
        let named = Selection {
            operands: vec![Operand::name(job.name.clone())],
            ..Selection::default()
        };
        let chosen = select(&named, jobs, None).expect("nobody calls");
        assert!(
            chosen.missing.is_empty()
                && chosen.jobs.iter().all(|chosen| chosen.job.name == job.name)
        );
    }
}

fn printed(text: &str) {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let ours = json::text(&value);
    shown(&ours, &value);
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else {
        return;
    };
    let mut out = String::new();
    json::rows(Format::Json, [raw], &mut |part| out.push_str(part));
    shown(&out, &Value::Array(vec![value.clone()]));
    out.clear();
    json::rows(Format::Ndjson, [raw], &mut |part| out.push_str(part));
    shown(&out, &value);
    assert_eq!(out.matches('\n').count(), 1);
}

fn shown(text: &str, value: &Value) {
    assert!(!text.contains(|c| hidden(c) && c != '\n'), "{text:?}");
    let again: Value = serde_json::from_str(text).expect(text);
    assert_eq!(&again, value);
}
