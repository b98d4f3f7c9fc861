//! One question, and what is kept of its answer.

use serde::Deserialize;

use super::Doctor;
use crate::decide::doctor::{Capability, Check, Refused, Reply};
use crate::exit::{Exit, Stop};
use crate::gitlab::explain::Explanation;
use crate::gitlab::{Answer, Error, Facts, Kind, Route, TokenKind};

impl Doctor<'_, '_> {
    pub(super) fn try_route(
        &mut self,
        capability: Capability,
        routes: &[(Route, &[(&str, &str)])],
    ) -> Result<(), Stop> {
        self.try_rows(capability, routes).map(drop)
    }

    /// Tries the routes in turn, each with the job token first, until one works.
    pub(super) fn try_rows(
        &mut self,
        capability: Capability,
        routes: &[(Route, &[(&str, &str)])],
    ) -> Result<Option<Answer>, Stop> {
        if self.given_up(capability) {
            return Ok(None);
        }
        let gitlab = self.session.gitlab;
        let mut replies = Vec::new();
        let mut found = None;
        'routes: for (route, pairs) in routes {
            for token in [TokenKind::Job, TokenKind::Access] {
                let job_only = matches!(route, Route::AllowedAgents);
                if !gitlab.has(token) || (job_only && token == TokenKind::Access) {
                    continue;
                }
                let answer = gitlab.get_as(token, route, pairs);
                let again = answer.as_ref().is_err_and(Error::token_refused);
                let no_route = answer.as_ref().is_err_and(|error| {
                    error.kind == Kind::NotFound && error.exit() == Exit::Unknown
                });
                let (facts, answer) = match answer {
                    Ok(answer) => (Ok(answer.facts.clone()), Some(answer)),
                    Err(error) => (Err(error), None),
                };
                replies.push(self.reply(token, route, facts)?);
                found = answer;
                if no_route {
                    continue 'routes;
                }
                if !again {
                    break 'routes;
                }
            }
        }
        self.found.checks.push(Check::tried(capability, replies));
        Ok(found)
    }

    pub(super) fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        route: &Route,
    ) -> Result<(T, Facts), Error> {
        let answer = self.session.gitlab.get_as(TokenKind::Access, route, &[])?;
        Ok((answer.json()?, answer.facts))
    }

    pub(super) fn reply(
        &mut self,
        token: TokenKind,
        route: &Route,
        result: Result<Facts, Error>,
    ) -> Result<Reply, Stop> {
        let request = format!("GET {route}");
        let (facts, status, refused) = match result {
            // The one good status of these routes.
            Ok(facts) => (facts, Some(200), None),
            Err(error) => {
                let (kind, facts, status) = (error.kind.clone(), error.facts.clone(), error.status);
                let refused = refused(error)?;
                self.strike(&kind, &refused.why);
                (facts, status, Some(refused))
            }
        };
        let request_id = facts.request_id.clone();
        if facts.date.is_some() {
            self.found.facts = facts;
        }
        Ok(Reply {
            token,
            request,
            status,
            request_id,
            refused,
        })
    }

    /// A server that does not answer, or answers 429, is left alone soon.
    fn strike(&mut self, kind: &Kind, why: &Explanation) {
        if matches!(
            kind,
            Kind::Unreachable | Kind::Lost | Kind::Limited { .. } | Kind::Deadline
        ) {
            self.strikes += 1;
        }
        if self.strikes >= 2 {
            self.stuck.get_or_insert_with(|| why.clone());
        }
    }

    /// Nothing more is asked: the same trouble stands for this, too.
    pub(super) fn given_up(&mut self, capability: Capability) -> bool {
        let Some(why) = &self.stuck else {
            return false;
        };
        let check = Check::missing(capability, why.clone());
        self.found.checks.push(check);
        true
    }
}

/// What is to be told of an error; a signal ends everything.
pub(super) fn refused(error: Error) -> Result<Refused, Stop> {
    if matches!(error.kind, Kind::Interrupted { .. }) {
        return Err(error.stop());
    }
    let exit = error.exit();
    let (cause, more) = match error.explained {
        Some(explained) => (explained.cause, explained.hints),
        None => (error.message.clone(), Vec::new()),
    };
    Ok(Refused {
        message: error.message,
        why: Explanation {
            exit,
            cause,
            hints: error.hints.into_iter().chain(more).collect(),
        },
    })
}
