//! Acting on jobs: finds them, plans, and takes each from its request to the confirmed effect.

use serde_json::json;

use super::call::{Action, Call, Goal, Looked, Sent};
use super::leave;
use super::list::{Jobs, Read, route};
use super::options::Until;
use crate::decide::action::{Plan, Progress, Target, Verb, Why};
use crate::decide::select::{Matched, Operand};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::explain_no_token;
use crate::gitlab::{Body, Error, Kind, Route, TokenKind};
use crate::model::{Deployment, JobId, Status};
use crate::pipeline::refused;
use crate::report::act::{self as report, Ending, What};
use crate::report::events::Missing;

impl Action for Jobs<'_> {
    fn ready(&mut self, call: &Call) -> Result<(), Stop> {
        let start = self.request.place.start(call.me.as_ref())?;
        let start = self.start.insert(start);
        if call.session.gitlab.has(TokenKind::Access) {
            return self.request.parameters.check(call.session);
        }
        if call.options.until == Until::Planned {
            return Ok(());
        }
        // No GitLab takes a job token for these: better said before waiting for hours.
        let route = route(start, self.request.action.verb, JobId(0));
        Err(explain_no_token(&route))
    }

    fn plan(&mut self, call: &mut Call) -> Result<(), Stop> {
        let waits = self.request.action.waits && call.options.until != Until::Planned;
        let ids = self.request.selection.operands.iter().any(Operand::is_id);
        let mut looks = 0;
        // What `cancel --from` is meant for: a trigger job that starts its pipeline a moment after it was played.
        let from = self.request.action.matched == Matched::Everything;
        let starts =
            |one: &Target| one.progress == Progress::Planned(Plan::Refuse(Why::TriggerJob));
        loop {
            looks += 1;
            match call.turns.ask(|| self.read(ids))? {
                Read::Rows(trigger_jobs) => {
                    match self.choose(call.me.as_ref(), trigger_jobs) {
                        Ok(targets) if from && looks < 5 && targets.iter().any(starts) => {}
                        Ok(targets) => break self.targets = targets,
                        // Of a list of several pages a row may be missed once, while others move.
                        Err(stop)
                            if stop.exit == Exit::NotFound
                                && looks < 2
                                && self.rows.len() > 100 => {}
                        Err(stop) => return Err(stop),
                    }
                }
                Read::NotYet(stop) if waits => self.say(report::waiting_for_pipeline(&stop)),
                Read::NotYet(stop) | Read::Never(stop) => return Err(stop),
            }
            call.turns.pause(None)?;
        }
        for target in &self.targets {
            self.session.talk.line(&report::plan(target));
        }
        Ok(())
    }

    fn send(&mut self, call: &mut Call) -> Result<(), Stop> {
        let mut end = Ok(());
        loop {
            self.name_missing(call);
            let sent = match self.send_planned(call) {
                // What was sent before the gate has closed is still looked after.
                Err(halt) if call.closed => {
                    for target in &mut self.targets {
                        if target.progress.open() {
                            target.progress = Progress::Closed(halt.exit);
                        }
                    }
                    end = Err(halt);
                    true
                }
                sent => sent?,
            };
            if self.targets.iter().all(|target| target.progress.settled()) {
                return end;
            }
            if !sent {
                let sent = |target: &Target| matches!(target.progress, Progress::Sent(_));
                if self.targets.iter().any(sent) {
                    call.turns.changed();
                }
                call.turns.pause(None)?;
            }
            self.look(call)?;
        }
    }

    fn goal(&self) -> Option<Goal<'_>> {
        let done = self.targets.iter().filter(|target| target.progress.done());
        let known = done.map(|target| (target.job.name.clone(), target.job.id));
        let known: Vec<_> = known.collect();
        let place = self.known_place()?;
        (!known.is_empty()).then_some((place, Some(known)))
    }

    fn waited(&mut self, outcome: &Outcome) {
        for target in &mut self.targets {
            let mut seen = outcome.jobs.iter().filter_map(|seen| seen.job.as_deref());
            if let Some(job) = seen.find(|job| job.name == target.job.name) {
                target.job = job.clone();
            }
        }
    }

    fn exits(&self, call: &Call, open: Exit) -> Vec<Exit> {
        let planned = call.options.until == Until::Planned;
        let exits = self.targets.iter().map(|target| match target.request() {
            // What can be done is as good as done for a plan.
            Some(_) if planned => Exit::Ok,
            _ => target.progress.exit(open),
        });
        let mut progress = self.targets.iter().map(|target| &target.progress);
        let sent = progress.any(|one| one.verb().is_some());
        // 2 promises that nothing was changed.
        let exits = exits.map(|exit| match exit {
            Exit::Usage if sent => Exit::Closed,
            exit => exit,
        });
        exits.collect()
    }

    fn leave(&self, cancel: bool) {
        let place = self.known_place();
        // A job whose request had no answer may not have been started; the ending names it.
        let known = |one: &&Target| cancel || matches!(one.progress, Progress::Did { .. });
        let started = self.targets.iter().filter(known);
        let started = started.filter_map(|one| leave::job(one, place?));
        leave::leave(cancel, self.session, &started.collect::<Vec<_>>());
    }

    fn ending<'e>(&'e self, exit: Exit, waited: Option<&'e Outcome>) -> Ending<'e> {
        Ending {
            action: self.request.name,
            exit,
            place: self.known_place(),
            what: What::Jobs(&self.targets),
            waited,
        }
    }
}

/// Sending and looking.
impl Jobs<'_> {
    /// Reads the rows again and plans by them. A [`Stop`] if there is nothing to look at any more.
    fn refresh(&mut self) -> Looked<()> {
        match self.read(false)? {
            Read::Rows(_) => {}
            Read::NotYet(stop) => {
                self.say(report::waiting_for_pipeline(&stop));
                self.rows.clear();
            }
            Read::Never(stop) => return Ok(Err(stop)),
        }
        for target in &mut self.targets {
            target.look(&self.rows);
        }
        Ok(Ok(()))
    }

    /// Sends every request that is planned; whether any was. With `--all` none waits for the result of another.
    fn send_planned(&mut self, call: &mut Call) -> Result<bool, Stop> {
        let mut any = false;
        for index in 0..self.targets.len() {
            if let Some(verb) = self.targets[index].request() {
                self.request(call, index, verb)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn request(&mut self, call: &mut Call, index: usize, verb: Verb) -> Result<(), Stop> {
        let id = self.targets[index].job.id;
        let mut look = |jobs: &mut Self| {
            let looked = jobs.refresh()?;
            let target = &jobs.targets[index];
            Ok(looked.map(|()| target.job.id == id && target.request() == Some(verb)))
        };
        let mut post = |jobs: &mut Self| {
            let Some(place) = &jobs.place else {
                return Ok(());
            };
            let job = &jobs.targets[index].job;
            let body = match verb {
                Verb::Play => jobs.request.parameters.body("job_inputs"),
                Verb::Retry => jobs.request.parameters.body("inputs"),
                Verb::Cancel => (job.status == Status::Canceling).then(|| json!({"force": true})),
                Verb::Erase => None,
            };
            let body = body.as_ref().map_or(Body::None, Body::Json);
            let route = match verb {
                Verb::Cancel => leave::route(place, job),
                _ => route(place, verb, job.id),
            };
            jobs.session.gitlab.post(&route, &body).map(drop)
        };
        match call.send_once(self, &mut look, &mut post)? {
            Sent::Changed => return Ok(()),
            Sent::Refused(error) => return self.refused(call, index, &error),
            Sent::Accepted(()) => self.targets[index].sent(verb, false),
            Sent::Lost(error) => {
                self.targets[index].sent(verb, true);
                if let Kind::Interrupted { .. } = error.kind {
                    return Err(call.turns.stop(&error));
                }
                self.session.talk.warning(&report::lost(&error));
            }
        }
        call.interim(&self.ending(Exit::Pending, None));
        Ok(())
    }

    /// GitLab refuses. Where it names the job's status, somebody else may have changed that, or a deployment approval is missing.
    fn refused(&mut self, call: &mut Call, index: usize, error: &Error) -> Result<(), Stop> {
        if error.exit() == Exit::Closed {
            let before = self.targets[index].request();
            self.look(call)?;
            if before == Some(Verb::Play) && self.targets[index].request() == before {
                self.look_for_approval(call, index)?;
                self.show_news(call);
            }
            if self.targets[index].request() != before {
                return Ok(());
            }
        }
        self.targets[index].progress = Progress::Failed(error.stop());
        self.show_news(call);
        Ok(())
    }

    /// Looks, and says what has changed.
    fn look(&mut self, call: &mut Call) -> Result<(), Stop> {
        call.turns.ask(|| self.refresh())??;
        for index in 0..self.targets.len() {
            let target = &self.targets[index];
            if target.approval.is_some() && target.progress.open() {
                self.look_for_approval(call, index)?;
            }
        }
        self.show_news(call);
        Ok(())
    }

    /// Shows what has changed since it was last shown.
    fn show_news(&mut self, call: &mut Call) {
        for index in 0..self.targets.len() {
            if self.targets[index].news() {
                let line = report::changed(&self.targets[index]);
                report::happening(self.session.talk, self.session.host.clock.wall(), &line);
                call.turns.changed();
                call.interim(&self.ending(Exit::Pending, None));
            }
        }
    }

    /// Whether GitLab lists the job among the deployments that wait for an approval; a list that cannot be read is a no.
    fn look_for_approval(&mut self, call: &Call, index: usize) -> Result<(), Stop> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let route = Route::Deployments(place.project.clone());
        let query = [("status", "blocked")];
        let gitlab = self.session.gitlab;
        let list = || match gitlab.rows::<Deployment>(&route, &query, &|_| false) {
            Err(error) if refused(&error) => Ok(Vec::new()),
            other => other,
        };
        let mut rows = call.turns.ask(list)?.into_iter();
        let target = &mut self.targets[index];
        let id = Some(target.job.id);
        let blocked = rows.find(|row| row.deployable.as_ref().map(|job| job.id) == id);
        target.approval = blocked.map(|row| row.environment);
        target.plan();
        Ok(())
    }

    /// What the heartbeat names.
    fn name_missing(&self, call: &mut Call) {
        let open = self.targets.iter().filter(|one| !one.progress.settled());
        let missing = open.map(|target| Missing {
            name: target.job.name.clone(),
            status: Some(target.job.status.clone()),
            running: None,
        });
        call.turns.session.missing(missing.collect());
    }
}
