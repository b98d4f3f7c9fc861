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
            Ok(facts) => (facts, Some(200), None),
            Err(error) => (error.facts.clone(), error.status, Some(refused(error)?)),
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
}

/// What is to be told of an error; a signal ends everything.
pub(super) fn refused(error: Error) -> Result<Refused, Stop> {
    if matches!(error.kind, Kind::Interrupted { .. }) {
        return Err(error.stop());
    }
    let exit = error.exit();
    let why = error.explained.map_or_else(
        || Explanation {
            exit,
            cause: error.message.clone(),
            hints: error.hints,
        },
        |explained| *explained,
    );
    Ok(Refused {
        message: error.message,
        why,
    })
}
