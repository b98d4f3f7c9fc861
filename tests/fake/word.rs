//! GitLab's closed vocabularies and the rules between their words.

use jobgate::time::Timestamp;

pub type Status = &'static str;

/// `app/models/concerns/ci/has_status.rb`
pub const STATUSES: [Status; 13] = [
    "created",
    "waiting_for_resource",
    "preparing",
    "waiting_for_callback",
    "pending",
    "running",
    "canceling",
    "success",
    "failed",
    "canceled",
    "skipped",
    "manual",
    "scheduled",
];

pub fn finished(status: Status) -> bool {
    matches!(status, "success" | "failed" | "canceled" | "skipped")
}

/// A job token is valid in these (`EXECUTING_STATUSES`).
pub fn executing(status: Status) -> bool {
    matches!(status, "running" | "canceling")
}

/// Statuses from which `cancel` takes effect.
pub fn cancelable(status: Status) -> bool {
    !finished(status) && status != "canceling"
}

/// The state machine of a job (`app/models/concerns/ci/has_status.rb`, `app/models/ci/build.rb`).
pub fn legal(from: Status, to: Status) -> bool {
    match to {
        "created" => matches!(from, "skipped" | "manual"),
        "manual" => matches!(from, "created" | "scheduled"),
        "scheduled" => from == "created",
        "waiting_for_resource" => matches!(from, "created" | "skipped" | "manual" | "scheduled"),
        "preparing" => matches!(
            from,
            "created" | "skipped" | "manual" | "scheduled" | "waiting_for_resource"
        ),
        "pending" => matches!(
            from,
            "created"
                | "skipped"
                | "manual"
                | "scheduled"
                | "waiting_for_resource"
                | "preparing"
                | "waiting_for_callback"
        ),
        "running" => from == "pending",
        "success" => from == "running",
        "failed" => cancelable(from) || from == "canceling",
        "canceling" => from == "running",
        "canceled" => cancelable(from) || from == "canceling",
        "skipped" => matches!(
            from,
            "created" | "waiting_for_resource" | "preparing" | "pending"
        ),
        _ => false,
    }
}

/// A trigger job follows its downstream pipeline, and may come back when that is retried (`app/models/ci/bridge.rb`).
pub fn legal_for_trigger(from: Status, to: Status) -> bool {
    from != to && (legal(from, to) || !matches!(to, "created" | "scheduled" | "preparing"))
}

/// Status of a pipeline, or of what a job waits for, from its jobs (`lib/gitlab/ci/status/composite.rb`).
pub fn composite(jobs: impl Iterator<Item = (Status, bool)>, needs: bool) -> Option<Status> {
    let set: Vec<Status> = jobs
        .map(|(status, allow_failure)| match status {
            "failed" | "canceled" if allow_failure => "warning",
            "manual" if allow_failure => "ignored",
            other => other,
        })
        .collect();
    if set.is_empty() {
        return None;
    }
    let only = |words: &[Status]| set.iter().all(|status| words.contains(status));
    let any = |words: &[Status]| set.iter().any(|status| words.contains(status));
    let status = if needs && any(&["skipped", "ignored"]) {
        "skipped"
    } else if needs && !only(&["success", "failed", "canceled", "warning"]) {
        "pending"
    } else if only(&["skipped", "ignored"]) {
        "skipped"
    } else if only(&["success", "skipped", "warning", "ignored"]) {
        "success"
    } else if only(&["created", "warning", "ignored"]) {
        "created"
    } else if only(&["preparing", "warning", "ignored"]) {
        "preparing"
    } else if only(&["canceled", "success", "skipped", "warning", "ignored"]) {
        "canceled"
    } else if only(&["pending", "created", "skipped", "warning", "ignored"]) {
        "pending"
    } else if any(&["running", "pending"]) {
        "running"
    } else if any(&["canceling"]) {
        "canceling"
    } else if any(&["waiting_for_resource"]) {
        "waiting_for_resource"
    } else if any(&["manual"]) {
        "manual"
    } else if any(&["scheduled"]) {
        "scheduled"
    } else if any(&["preparing"]) {
        "preparing"
    } else if any(&["created"])
        || !only(&[
            "success", "failed", "canceled", "skipped", "warning", "ignored",
        ])
    {
        "running"
    } else {
        "failed"
    };
    Some(status)
}

/// `lib/gitlab/access.rb`, lowest first.
pub const ROLES: [&str; 7] = [
    "guest",
    "planner",
    "reporter",
    "security_manager",
    "developer",
    "maintainer",
    "owner",
];

/// Comparable: higher is more.
pub fn rank(role: &str) -> usize {
    ROLES
        .iter()
        .position(|word| *word == role)
        .map_or(0, |at| at + 1)
}

/// GitLab's number for a role.
pub fn access_level(role: &str) -> u64 {
    match role {
        "guest" => 10,
        "planner" => 15,
        "reporter" => 20,
        "security_manager" => 25,
        "developer" => 30,
        "maintainer" => 40,
        "owner" => 50,
        _ => 5,
    }
}

/// As GitLab writes a time in JSON: `2026-11-20T08:00:01.120Z`.
pub fn iso(time: Timestamp) -> String {
    let millis = time.millis().rem_euclid(1000);
    let whole = Timestamp::from_millis(time.millis() - millis).to_string();
    format!("{}.{millis:03}Z", whole.trim_end_matches('Z'))
}

/// As HTTP writes a time: `Fri, 20 Nov 2026 08:00:01 GMT`.
pub fn http_date(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = iso(time);
    let day = usize::try_from(time.millis().div_euclid(86_400_000).rem_euclid(7)).unwrap_or(0);
    let month: usize = text[5..7].parse().unwrap_or(1);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS[day],
        &text[8..10],
        MONTHS[month - 1],
        &text[0..4],
        &text[11..19]
    )
}

/// `prod/eu west` becomes `prod-eu-west`.
pub fn slug(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

/// `*` stands for anything: protected refs and agents' environments are written so.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|at| tail.is_char_boundary(*at))
                .any(|at| wildcard(rest, &tail[at..]))
        }),
    }
}
