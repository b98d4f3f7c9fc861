//! Acting on jobs: finds them, plans, and takes each from its request to the confirmed effect.

use std::ops::ControlFlow;

use super::call::{Action, Attempt, Call, End, Goal, Sent, send_once};
use super::leave;
use super::list::{JobList, Read, Request};
use super::options::OnCancel;
use crate::commands::waiting::Ended;
use crate::decide::action::{Approval, Plan, Progress, Step, Target, Verb};
use crate::decide::select::{Operand, Selection};
use crate::decide::verdict::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::explain_no_token;
use crate::gitlab::{Body, Error, Kind, Route, TokenKind};
use crate::model::{Deployment, Job, JobId, Place};
use crate::pipeline::refused;
use crate::report::act::{self as report, Document, Ending};
use crate::report::events::Missing;
use crate::session::Session;

/// One call's work on jobs.
pub struct Jobs<'j> {
    request: &'j Request,
    session: &'j Session<'j>,
    list: JobList<'j>,
    targets: Vec<Target>,
}

impl<'j> Jobs<'j> {
    pub fn new(session: &'j Session<'j>, request: &'j Request) -> Self {
        Self {
            request,
            session,
            list: JobList::new(session, request),
            targets: Vec::new(),
        }
    }
}

fn route(place: &Place, step: Step, id: JobId) -> Route {
    let project = place.project.clone();
    match step {
        Step::Play => Route::Play(project, id),
        Step::Retry => Route::Retry(project, id),
        Step::Cancel { .. } => Route::Cancel(project, id),
        Step::Erase => Route::Erase(project, id),
    }
}

impl Action for Jobs<'_> {
    fn placed(&self) -> bool {
        self.request.place.project.is_some() && self.request.place.pipeline.is_some()
    }

    fn cleans_up(&self) -> bool {
        self.request.cleans_up()
    }

    fn ready(&mut self, call: &Call) -> Result<(), Stop> {
        let start = self.list.begin(call.gate.me.as_ref())?;
        // No GitLab takes a job token for these: better said before waiting for hours.
        if !call.options.dry_run && !call.session.gitlab.has(TokenKind::Access) {
            let step = match self.request.action.verb {
                Verb::Play => Step::Play,
                Verb::Retry => Step::Retry,
                Verb::Cancel => Step::Cancel { force: false },
                Verb::Erase => Step::Erase,
            };
            let route = route(start, step, JobId(0));
            return Err(explain_no_token(&route));
        }
        self.request.parameters.check(call.session, start)
    }

    fn plan(&mut self, call: &mut Call) -> Result<(), End> {
        let waits = self.request.action.waits && !call.options.dry_run;
        let ids = self.request.selection.operands.iter().any(Operand::is_id);
        let mut looks = 0;
        loop {
            looks += 1;
            match call.ask(&mut || self.list.read(ids))? {
                Read::Rows(trigger_jobs) => {
                    match self.list.choose(call.gate.me.as_ref(), trigger_jobs) {
                        Ok(targets) => break self.targets = targets,
                        // Of a list of several pages a row may be missed once, while others move.
                        Err(stop)
                            if stop.exit == Exit::NotFound
                                && looks < 2
                                && self.list.rows.len() > 100 => {}
                        Err(stop) => return Err(stop.into()),
                    }
                }
                Read::NotYet(stop) if waits => self.list.say(report::waiting_for_pipeline(&stop)),
                Read::NotYet(stop) | Read::Never(stop) => return Err(stop.into()),
            }
            call.turns.pause(None).map_err(|halt| call.end(&halt))?;
        }
        for target in &self.targets {
            self.session.talk.line(&report::plan(target));
            if let Some(hint) = report::hint(self.request.action.verb, target) {
                self.session.talk.hint(hint);
            }
        }
        Ok(())
    }

    fn send(&mut self, call: &mut Call) -> Result<(), End> {
        let mut closed = Ok(());
        self.name_missing(call);
        loop {
            let sent = match self.send_planned(call) {
                // What was sent before the gate has closed is still looked after.
                Err(End::Closed(exit)) => {
                    self.close(exit);
                    closed = Err(End::Closed(exit));
                    true
                }
                other => other?,
            };
            if self.targets.iter().all(|target| target.progress.settled()) {
                return closed;
            }
            if !sent {
                self.pause(call)?;
            }
            self.look(call)?;
            self.look_for_approvals(call)?;
        }
    }

    fn goal(&self) -> Option<Goal<'_>> {
        let done = self.targets.iter().filter(|target| target.progress.done());
        let known: Vec<_> = done
            .map(|target| (target.job.name.clone(), target.job.id))
            .collect();
        let names = known.iter().map(|(name, _)| Operand::name(name));
        let selection = Selection {
            operands: names.collect(),
            ..Selection::default()
        };
        let place = self.list.place()?;
        (!known.is_empty()).then_some(Goal {
            place,
            selection,
            known,
        })
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
        for target in &self.targets {
            if let Progress::Failed(stop) = &target.progress {
                self.session.talk.line(&format!("{}:", target.job.name));
                self.session.talk.stop(stop);
            }
        }
        // What can be done is as good as done for a plan.
        let planned = |target: &Target| call.options.dry_run && target.step().is_some();
        let exits = self.targets.iter().map(|target| {
            if planned(target) {
                Exit::Ok
            } else {
                target.progress.exit(open)
            }
        });
        exits.collect()
    }

    fn leave(&self, on_cancel: OnCancel) {
        if let Some(place) = self.list.place() {
            leave::jobs(on_cancel, self.session, place, &self.targets);
        }
    }

    fn document(&self, exit: Exit, waited: Option<&Ended>) -> Document {
        report::document(&Ending {
            action: self.request.name,
            exit,
            place: self.list.place(),
            targets: &self.targets,
            waited: waited.map(|ended| &ended.outcome),
        })
    }
}

/// Sending and looking.
impl Jobs<'_> {
    /// Reads the rows again and plans by them. `Some` if there is nothing to look at any more.
    fn refresh(&mut self) -> Result<Option<Stop>, Error> {
        match self.list.read(false)? {
            Read::Rows(_) => {}
            Read::NotYet(stop) => {
                self.list.say(report::waiting_for_pipeline(&stop));
                self.list.rows.clear();
            }
            Read::Never(stop) => return Ok(Some(stop)),
        }
        for target in &mut self.targets {
            target.look(self.request.action, &self.list.rows);
        }
        Ok(None)
    }

    /// Nothing more is sent.
    fn close(&mut self, exit: Exit) {
        for target in &mut self.targets {
            if matches!(&target.progress, Progress::Planned(plan) if plan.open()) {
                target.progress = Progress::Closed(exit);
            }
        }
    }

    /// Sends every request that is planned; whether any was. With `--all` none waits for the result of another.
    fn send_planned(&mut self, call: &mut Call) -> Result<bool, End> {
        let mut any = false;
        for index in 0..self.targets.len() {
            if let Some(step) = self.targets.get(index).and_then(Target::step) {
                self.request(call, index, step)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn request(&mut self, call: &mut Call, index: usize, step: Step) -> Result<(), End> {
        let Some(id) = self.targets.get(index).map(|target| target.job.id) else {
            return Ok(());
        };
        let Call { turns, gate, .. } = call;
        let sent = send_once(turns, &mut |repeat| {
            if repeat {
                gate.expire();
                if let Some(stop) = self.refresh()? {
                    return Ok(Attempt::End(stop.into()));
                }
                let same = |target: &Target| target.job.id == id && target.step() == Some(step);
                if !self.targets.get(index).is_some_and(same) {
                    return Ok(Attempt::Changed);
                }
            }
            if let Err(end) = gate.again() {
                return Ok(Attempt::End(end));
            }
            self.list.pinned = true;
            Ok(Attempt::Answer(self.post(step, id).map_err(Box::new)))
        })?;
        let Some(target) = self.targets.get_mut(index) else {
            return Ok(());
        };
        match sent {
            Sent::Accepted(()) => target.sent(step, false),
            Sent::Lost(error) => {
                target.sent(step, true);
                if let Kind::Interrupted { .. } = error.kind {
                    return Err(End::Stop(error.stop()));
                }
                self.session.talk.warning(&report::lost(&error));
            }
            Sent::Refused(error) => return self.refused(call, index, step, &error),
            Sent::Changed => return Ok(()),
        }
        call.interim(&self.document(Exit::Pending, None));
        Ok(())
    }

    fn post(&self, step: Step, id: JobId) -> Result<(), Error> {
        let Some(place) = self.list.place() else {
            return Ok(());
        };
        let body = self.request.body(step);
        let body = body.as_ref().map_or(Body::None, Body::Json);
        let route = route(place, step, id);
        self.session.gitlab.post(&route, &body).map(|_| ())
    }

    /// GitLab refuses. Where it names the job's status, somebody else may have changed that, or a deployment approval is missing.
    fn refused(
        &mut self,
        call: &mut Call,
        index: usize,
        step: Step,
        error: &Error,
    ) -> Result<(), End> {
        if error.exit() == Exit::Closed {
            self.look(call)?;
            if self.targets.get(index).and_then(Target::step) != Some(step) {
                return Ok(());
            }
            if step == Step::Play && self.look_for_approval(call, index)? {
                return Ok(());
            }
        }
        if let Some(target) = self.targets.get_mut(index) {
            target.progress = Progress::Failed(error.stop());
        }
        Ok(())
    }

    /// Looks, and says what has changed.
    fn look(&mut self, call: &mut Call) -> Result<(), End> {
        let before: Vec<Progress> = self.targets.iter().map(|t| t.progress.clone()).collect();
        if let Some(stop) = call.ask(&mut || self.refresh())? {
            return Err(stop.into());
        }
        let changes = self.targets.iter().zip(before);
        if changes.fold(false, |any, (target, before)| {
            self.tell(target, &before) || any
        }) {
            call.turns.changed();
            call.interim(&self.document(Exit::Pending, None));
        }
        Ok(())
    }

    /// Says how the action on one job has gone on; whether it has.
    fn tell(&self, target: &Target, before: &Progress) -> bool {
        let line = match &target.progress {
            now if now == before => return false,
            Progress::Planned(Plan::Do(_)) | Progress::Sent(_) => return false,
            Progress::Did { .. } => report::did(target),
            _ => report::changed(target),
        };
        let now = self.session.host.clock.wall();
        report::happening(self.session.talk, now, &line);
        true
    }

    fn look_for_approvals(&mut self, call: &mut Call) -> Result<(), End> {
        for index in 0..self.targets.len() {
            if self
                .targets
                .get(index)
                .is_some_and(Target::waits_for_approval)
            {
                self.look_for_approval(call, index)?;
            }
        }
        Ok(())
    }

    /// Whether GitLab lists the job among the deployments that wait for an approval; a list that cannot be read is a no.
    fn look_for_approval(&mut self, call: &mut Call, index: usize) -> Result<bool, End> {
        let (Some(place), Some(target)) = (self.list.place(), self.targets.get(index)) else {
            return Ok(false);
        };
        let (route, id) = (Route::Deployments(place.project.clone()), target.job.id);
        let blocked = call.ask(&mut || match self.blocked(&route, id) {
            Err(error) if refused(&error) => Ok(None),
            other => other,
        })?;
        let approval = blocked.map(|deployment| Approval {
            page: environment_page(&target.job, &deployment),
            environment: deployment.environment.name,
        });
        let (waits, before) = (approval.is_some(), target.progress.clone());
        if let Some(target) = self.targets.get_mut(index) {
            target.approve(self.request.action, approval);
        }
        if let Some(target) = self.targets.get(index) {
            self.tell(target, &before);
        }
        Ok(waits)
    }

    fn blocked(&self, route: &Route, id: JobId) -> Result<Option<Deployment>, Error> {
        let mut found = None;
        self.session
            .gitlab
            .pages(route, &[("status", "blocked")], &mut |page| {
                for raw in page.rows {
                    // A row that does not name its job is none that could be found.
                    let Ok(row) = serde_json::from_str::<Deployment>(raw.get()) else {
                        continue;
                    };
                    if row.deployable.as_ref().is_some_and(|job| job.id == id) {
                        found = Some(row);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
        Ok(found)
    }

    /// What the heartbeat names.
    fn name_missing(&self, call: &mut Call) {
        let open = self
            .targets
            .iter()
            .filter(|target| !target.progress.settled());
        let seen = call.turns.now();
        let missing = open.map(|target| Missing {
            name: target.job.name.clone(),
            status: Some(target.job.status.clone()),
            running: None,
            seen,
        });
        call.turns.missing(missing.collect());
    }

    /// Sleeps until the next look.
    fn pause(&self, call: &mut Call) -> Result<(), End> {
        self.name_missing(call);
        let sent = |target: &Target| matches!(target.progress, Progress::Sent(_));
        let paused = if self.targets.iter().any(sent) {
            call.turns.pause_short()
        } else {
            call.turns.pause(None)
        };
        paused.map_err(|halt| call.end(&halt))
    }
}

/// `https://…/group/project/-/environments/7`, where people approve.
fn environment_page(job: &Job, deployment: &Deployment) -> String {
    let project = job.web_url.split("/-/").next().unwrap_or_default();
    format!("{project}/-/environments/{}", deployment.environment.id)
}
