//! `trigger`: starts another project's pipeline with the job token, and can mirror its result.

use super::Command;
use super::act::call::{Action, Call, Goal, Sent, act};
use super::act::leave::{self, Started};
use super::act::options::{DRY_RUN, ON_CANCEL, Options, WAIT, WAITING_STRICT};
use super::act::parameters::{INPUT, Parameters, VARIABLE};
use super::gating::GATING;
use super::options::{self, CONNECTION, OUTPUT, Where};
use crate::cli::{Group, Opt, Usage, Words};
use crate::decide::wait::Outcome;
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::explain_no_token;
use crate::gitlab::{Body, Error, Project, Route, TokenKind};
use crate::host::Host;
use crate::model::{Pipeline, PipelineId, Place};
use crate::report::act::{self as report, Ending, What};
use crate::report::messages::Within;
use crate::session::{self, Session};

pub const COMMAND: Command = Command { usage: &USAGE, run };

const REF: Opt = Opt::value(
    "--ref REF",
    "branch or tag of PROJECT to run the pipeline for; required",
);
const TRIGGERING: Group = Group {
    title: "triggering",
    options: &[&REF, &VARIABLE, &INPUT, &DRY_RUN, &WAIT, &ON_CANCEL],
};

const USAGE: Usage = Usage {
    name: "trigger",
    operands: "PROJECT",
    summary: "starts another project's pipeline with the job token",
    details: "\
PROJECT is an id or a full path. The job token is enough if that project's job token allowlist contains the project of the calling job and the job's \
user may run pipelines there. --wait reads the new pipeline with the job token (GitLab 18.2 and later) or an access token. --on-cancel cancel needs an \
access token. trigger never prints the values of variables and inputs.

trigger checks conditions (--require) at the start and again before its request, which it sends once. If the answer is lost, trigger exits with 6 and \
lists the newer pipelines of this ref and user: it may have started one of them.

Exit codes: 0 ok, 2 usage, 4 refused, 5 not-found, 6 unknown, 9 closed; with --wait also 1 failed, 3 timeout, 7 canceled, 8 pending, 10 deadlock.",
    example: "\
jobgate trigger ops/monitoring --ref main --wait
jobgate trigger 1234 --ref v1.2 --variable VERSION=1.2 --input region=eu",
    groups: &[&TRIGGERING, &GATING, &WAITING_STRICT, &OUTPUT, &CONNECTION],
};

fn read(words: &mut Words, host: &Host) -> Result<(Project, String, Parameters, Options), Stop> {
    let operand = words.operands().into_iter().next().unwrap_or_default();
    let project = options::project(&operand)
        .map_err(|error| Stop::usage(format!("PROJECT {operand:?}: {error}")))?;
    let Some(ref_name) = words.value(&REF) else {
        return Err(Stop::usage("trigger needs --ref: a branch or tag"));
    };
    let parameters = Parameters::read(words, &host.vars)?;
    let options = Options::read(words, &Where::default())?;
    Ok((project, ref_name, parameters, options))
}

fn run(mut words: Words, host: &Host) -> Result<Exit, Stop> {
    let read = read(&mut words, host).map_err(|stop| USAGE.explain(stop))?;
    let (project, ref_name, parameters, options) = read;
    words.done();
    session::with(&options.printing.common, host, |session| {
        let mut action = NewPipeline {
            project,
            ref_name,
            parameters,
            session,
            started: None,
        };
        act(session, &options, &mut action)
    })
}

/// One call's work: the pipeline to start, and once it was started.
struct NewPipeline<'p> {
    project: Project,
    ref_name: String,
    parameters: Parameters,
    session: &'p Session<'p>,
    started: Option<(Place, Pipeline)>,
}

impl Action for NewPipeline<'_> {
    fn ready(&mut self, call: &Call) -> Result<(), Stop> {
        if call.options.cancels && !self.session.gitlab.has(TokenKind::Access) {
            let route = Route::CancelPipeline(self.project.clone(), PipelineId(0));
            return Err(explain_no_token(&route));
        }
        Ok(())
    }

    fn plan(&mut self, _: &mut Call) -> Result<(), Stop> {
        let plan = report::plan_trigger(&self.project, &self.ref_name);
        self.session.talk.line(&plan);
        Ok(())
    }

    fn send(&mut self, call: &mut Call) -> Result<(), Stop> {
        let sent = call.send_once(
            self,
            // There is nothing to look at: a pipeline that is not visible yet cannot be distinguished from one that was never made.
            &mut |_| Ok(Ok(true)),
            &mut |trigger| trigger.post(),
        )?;
        let pipeline = match sent {
            Sent::Accepted(pipeline) => pipeline,
            Sent::Lost(error) => return Err(self.lost(call, &error)),
            Sent::Refused(error) => return Err(error.stop()),
            Sent::Changed => return Ok(()),
        };
        let project = pipeline.project_id.map(Project::Id);
        let place = Place {
            project: project.unwrap_or_else(|| self.project.clone()),
            pipeline: pipeline.id,
        };
        let line = report::triggered(&place, &pipeline.web_url);
        report::happening(self.session.talk, self.session.host.clock.wall(), &line);
        self.started = Some((place, pipeline));
        call.interim(&self.ending(Exit::Pending, None));
        Ok(())
    }

    /// All jobs of the pipeline.
    fn goal(&self) -> Option<Goal<'_>> {
        let (place, _) = self.started.as_ref()?;
        Some((place, None))
    }

    fn leave(&self, cancel: bool) {
        if let Some((place, pipeline)) = &self.started {
            let route = Route::CancelPipeline(place.project.clone(), pipeline.id);
            let started = Started {
                name: Within::Pipeline(pipeline.id).to_string(),
                url: &pipeline.web_url,
                cancel: Box::new(move |_| Ok(Some(route.clone()))),
            };
            leave::leave(cancel, self.session, &[started]);
        }
    }

    fn ending<'e>(&'e self, exit: Exit, waited: Option<&'e Outcome>) -> Ending<'e> {
        Ending {
            action: "trigger",
            exit,
            place: self.started.as_ref().map(|(place, _)| place),
            what: What::Pipeline {
                project: &self.project,
                ref_name: &self.ref_name,
                started: self.started.as_ref().map(|(_, pipeline)| pipeline),
            },
            waited,
        }
    }
}

impl NewPipeline<'_> {
    fn post(&self) -> Result<Pipeline, Error> {
        let mut fields = vec![("ref".to_owned(), self.ref_name.clone())];
        fields.extend(self.parameters.fields());
        let route = Route::TriggerPipeline(self.project.clone());
        let body = Body::FormWithJobToken(&fields);
        self.session.gitlab.post(&route, &body)?.json()
    }

    /// Lists the pipelines of the ref and the calling job's user since the call began, newest first: a request with a lost answer may have
    /// started one of them. Nothing is sent again.
    fn lost(&self, call: &mut Call, lost: &Error) -> Stop {
        let user = call.me.as_ref().and_then(|me| me.job.user.as_ref());
        let user = user.map_or("", |user| user.username.as_str());
        let query = [
            ("ref", self.ref_name.as_str()),
            // A pipeline started with a job token has this source (`app/services/ci/pipeline_trigger_service.rb`).
            ("source", "pipeline"),
            ("username", user),
            ("order_by", "id"),
            ("sort", "desc"),
            ("per_page", "20"),
        ];
        let route = Route::Pipelines(self.project.clone());
        let ask = || self.session.gitlab.get(&route, &query)?.json();
        // GitLab may still be at work on it.
        let paused = call.turns.pause_short();
        let rows = paused.and_then(|()| call.turns.ask(ask));
        let since = call.me.as_ref().and_then(|me| me.facts.date);
        let newer = |row: &Pipeline| row.created_at.is_none_or(|at| Some(at) >= since);
        let rows = rows.map(|rows: Vec<Pipeline>| rows.into_iter().filter(newer).collect());
        report::lost_trigger(lost.stop(), &self.ref_name, user, rows)
    }
}
