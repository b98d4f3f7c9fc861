//! Each failed job with its reason and the end of its log.

use std::ops::ControlFlow;

use super::{Flaws, Task};
use crate::exit::Stop;
use crate::find::refused;
use crate::gitlab::{Error, Kind, Project, Route};
use crate::model::{Job, Status};
use crate::report::log::{Cleaner, Form, Tail};
use crate::report::{Out, jobs};

/// Below the table, which is out by then. A log that cannot be read leaves the others as they are.
pub fn show(
    task: &Task,
    project: &Project,
    rows: &[&Job],
    out: &mut Out,
    flaws: &mut Flaws,
) -> Result<(), Stop> {
    let Some(keep) = task.options.log_tail else {
        return Ok(());
    };
    out.flush();
    let style = out.style(task.session.color);
    let mut hopeless = false;
    for job in rows.iter().filter(|job| job.status == Status::Failed) {
        if !out.delivers() {
            break;
        }
        out.text(&jobs::heading(job, style));
        if job.trigger || job.erased_at.is_some() || hopeless || keep == 0 {
            continue;
        }
        let own = job.pipeline.and_then(|pipeline| pipeline.project_id);
        let project = own.map_or_else(|| project.clone(), Project::Id);
        match end_of_log(task, &Route::Trace(project, job.id), keep) {
            Ok(tail) => jobs::indented(&tail, &mut |line| out.text(line)),
            Err(error) if refused(&error) => {
                hopeless = matches!(error.kind, Kind::NoToken | Kind::Unauthorized);
                flaws.add(error.stop());
            }
            Err(error) => return Err(error.stop()),
        }
        out.flush();
    }
    Ok(())
}

fn end_of_log(task: &Task, route: &Route, keep: usize) -> Result<Tail, Error> {
    task.session.steady(|| {
        let (mut cleaner, mut tail) = (Cleaner::new(Form::Plain), Tail::new(keep));
        let mut text = String::new();
        task.session.gitlab.stream(route, &[], &mut |chunk| {
            cleaner.push(chunk, &mut text);
            tail.push(text.as_bytes());
            text.clear();
            ControlFlow::Continue(())
        })?;
        cleaner.finish(&mut text);
        tail.push(text.as_bytes());
        Ok(tail)
    })
}
