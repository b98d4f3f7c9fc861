//! The ends of failed jobs' logs, for `--log-tail`.

use std::ops::ControlFlow;

use crate::exit::Stop;
use crate::gitlab::{Error, Kind, Project, Route};
use crate::model::{Job, Status};
use crate::pipeline::refused;
use crate::report::clean_log::{Cleaner, Form, Tail};
use crate::report::{Out, jobs};
use crate::session::Session;

/// Prints the last `keep` lines of each failed job's log below its name and reason. A log that GitLab refuses is among the errors that are
/// returned, and leaves the others as they are. `project` is that of jobs whose rows name none.
pub fn show_tails(
    session: &Session,
    project: &Project,
    jobs: &[&Job],
    keep: usize,
    out: &mut Out,
) -> Result<Vec<Stop>, Stop> {
    out.flush();
    let style = out.style(session.color);
    let mut refusals = Vec::new();
    let mut no_token = false;
    for job in jobs.iter().filter(|job| job.status == Status::Failed) {
        if !out.delivers() {
            break;
        }
        out.text(&jobs::heading(job, style));
        if job.trigger || job.erased_at.is_some() || no_token || keep == 0 {
            continue;
        }
        match end_of_log(session, &log_of(job, project), keep) {
            Ok(tail) => tail
                .lines()
                .for_each(|line| out.text(&jobs::indented(line))),
            Err(error) if refused(&error) => {
                // Another job's log takes the same token.
                no_token = matches!(error.kind, Kind::NoToken | Kind::Unauthorized);
                refusals.push(error.stop());
            }
            Err(error) => return Err(error.stop()),
        }
        out.flush();
    }
    Ok(refusals)
}

/// Where a job's log is. `project` is that of a row that names none.
pub fn log_of(job: &Job, project: &Project) -> Route {
    let own = job.pipeline.and_then(|pipeline| pipeline.project_id);
    Route::Trace(own.map_or_else(|| project.clone(), Project::Id), job.id)
}

fn end_of_log(session: &Session, route: &Route, keep: usize) -> Result<Tail, Error> {
    session.ask(|| {
        let (mut cleaner, mut tail) = (Cleaner::new(Form::Plain), Tail::new(keep));
        session.gitlab.stream(route, &[], &mut |chunk| {
            tail.push(cleaner.push(chunk).as_bytes());
            ControlFlow::Continue(())
        })?;
        tail.push(cleaner.finish().as_bytes());
        Ok(tail)
    })
}
