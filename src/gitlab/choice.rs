//! Which token a request carries: the weakest that works.

use std::mem::discriminant;
use std::time::Duration;

use super::client::{Client, Note};
use super::error::{Error, Kind};
use super::route::{JobToken, Route, TokenKind};

impl Client<'_> {
    /// Runs a request with the weakest token that works.
    pub(super) fn with_token<T>(
        &self,
        route: &Route,
        send: impl Fn(TokenKind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let key = (discriminant(route), route.project().cloned());
        let kind = match route.need().job_token {
            JobToken::Only => TokenKind::Job,
            JobToken::Never => TokenKind::Access,
            _ if !self.has(TokenKind::Access) => TokenKind::Job,
            // The job token first; once GitLab has refused it (401, 403, 404), the access token from then on.
            _ if self.has(TokenKind::Job) && !self.memory().refused.contains(&key) => {
                let refusal = match self.with(TokenKind::Job, route, &send) {
                    Err(error) if error.token_refused() => Box::new(error),
                    other => return other,
                };
                let before = Some(refusal);
                let answer = self.with(TokenKind::Access, route, &send);
                let answer = answer.map_err(|error| Error { before, ..error })?;
                self.memory().refused.insert(key);
                return Ok(answer);
            }
            _ => TokenKind::Access,
        };
        self.with(kind, route, &send)
    }

    /// With this kind of token and no other. A 401 is asked once more after a second, a POST's too, since GitLab authenticates before it
    /// acts: at a job's start a replica of its database may not know the token yet.
    fn with<T>(
        &self,
        kind: TokenKind,
        route: &Route,
        send: &impl Fn(TokenKind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.has(kind) {
            return Err(Self::no_token(kind, route));
        }
        let unauthorized = |error: &Error| error.kind == Kind::Unauthorized;
        let mut answer = send(kind);
        if answer.as_ref().is_err_and(unauthorized) && self.rest(Duration::from_secs(1)) {
            answer = send(kind);
        }
        let answer = answer?;
        self.memory().worked.insert((discriminant(route), kind));
        Ok(answer)
    }

    /// Says, once, that a token is used and where it came from.
    pub(super) fn using(&self, token: TokenKind) {
        if !self.memory().used.insert(token) {
            return;
        }
        let source = match (token, &self.ci.access) {
            (TokenKind::Access, Some(access)) => access.source,
            _ => "CI_JOB_TOKEN",
        };
        (self.note)(Note::Using { token, source });
    }
}
