//! The pipeline that a `trigger` with a lost answer started.

use jobgate::decide::trigger::{Assumed, Triggered, find_assumed};
use jobgate::model::{Pipeline, PipelineId};
use jobgate::time::Timestamp;
use serde_json::{Value, json};

fn row(id: u64, more: &Value) -> Pipeline {
    let mut text = json!({"id": id, "ref": "main", "status": "created", "source": "pipeline",
        "created_at": "2026-11-20T08:00:05.500Z"});
    text.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_str(&text.to_string()).unwrap()
}

#[test]
fn a_lost_trigger_is_found_if_exactly_one_pipeline_fits() {
    let triggered = Triggered {
        ref_name: "main",
        username: "mira",
        since: Timestamp::parse("2026-11-20T08:00:05Z").unwrap(),
    };
    let found = |rows: &[Pipeline]| find_assumed(rows, &triggered);
    let plain = |id| row(id, &json!({}));
    assert_eq!(found(&[]), Assumed::None);
    assert_eq!(found(&[plain(9)]), Assumed::One(PipelineId(9)));
    assert_eq!(found(&[plain(9), plain(9)]), Assumed::One(PipelineId(9)));
    let both = Assumed::Several(vec![PipelineId(8), PipelineId(9)]);
    assert_eq!(found(&[plain(9), plain(8)]), both);
    for unfit in [
        json!({"ref": "Main"}),
        json!({"ref": "refs/heads/main"}),
        json!({"source": "trigger"}),
        json!({"source": "parent_pipeline"}),
        json!({"source": null}),
        json!({"created_at": "2026-11-20T08:00:04.999Z"}),
        json!({"user": {"id": 1, "username": "tom"}}),
    ] {
        assert_eq!(found(&[row(7, &unfit)]), Assumed::None, "{unfit}");
        assert_eq!(
            found(&[plain(9), row(7, &unfit)]),
            Assumed::One(PipelineId(9)),
            "{unfit}"
        );
    }
    for fit in [
        json!({"created_at": "2026-11-20T08:00:05Z"}),
        json!({"user": {"id": 1, "username": "mira"}}),
    ] {
        assert_eq!(found(&[row(7, &fit)]), Assumed::One(PipelineId(7)), "{fit}");
    }
    // Of one without a time it cannot be told: it is neither the one, nor is another the only one.
    let timeless = row(8, &json!({"created_at": null}));
    assert_eq!(
        found(std::slice::from_ref(&timeless)),
        Assumed::Several(vec![PipelineId(8)])
    );
    assert_eq!(found(&[plain(9), timeless]), both);
}
