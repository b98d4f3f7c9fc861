//! Which token a request carries: the weakest that works.

use std::collections::HashSet;
use std::mem::Discriminant;
use std::sync::{MutexGuard, PoisonError};

use super::route::Auth;
use super::{Client, Error, Note, Project, Route, TokenKind};
use crate::ci::Secret;

/// What was learned on the way.
#[derive(Clone, Default)]
pub(super) struct Memory {
    /// Where the job token was refused and the access token was not.
    refused: HashSet<(Discriminant<Route>, Option<Project>)>,
    used: Vec<TokenKind>,
}

impl Client<'_> {
    /// There is a token of this kind.
    pub fn has(&self, kind: TokenKind) -> bool {
        self.token(kind).is_some()
    }

    pub(super) fn token(&self, kind: TokenKind) -> Option<&Secret> {
        match kind {
            TokenKind::Job => self.ci.job_token.as_ref(),
            TokenKind::Access => self.ci.access.as_ref().map(|access| &access.token),
        }
    }

    /// Runs a request with the weakest token that works.
    pub(super) fn with_token<T>(
        &self,
        route: &Route,
        send: impl Fn(TokenKind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let kind = match route.auth() {
            Auth::Only(kind) => kind,
            Auth::JobFirst => {
                let key = (std::mem::discriminant(route), route.project().cloned());
                let job_first = self.has(TokenKind::Job) && !self.memory().refused.contains(&key);
                if job_first && self.has(TokenKind::Access) {
                    return self.with_both(key, send);
                }
                if self.has(TokenKind::Access) {
                    TokenKind::Access
                } else {
                    TokenKind::Job
                }
            }
        };
        if self.has(kind) {
            send(kind)
        } else {
            Err(Self::no_token(kind, route))
        }
    }

    fn with_both<T>(
        &self,
        key: (Discriminant<Route>, Option<Project>),
        send: impl Fn(TokenKind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let refusal = match send(TokenKind::Job) {
            Err(error) if error.token_refused() => error,
            other => return other,
        };
        let answer = send(TokenKind::Access);
        match answer {
            Ok(answer) => {
                self.memory().refused.insert(key);
                Ok(answer)
            }
            Err(mut error) => {
                error.before = Some(Box::new(refusal));
                Err(error)
            }
        }
    }

    /// Says, once, that a token is used and where it came from.
    pub(super) fn using(&self, token: TokenKind) {
        let mut memory = self.memory();
        if memory.used.contains(&token) {
            return;
        }
        memory.used.push(token);
        drop(memory);
        let source = match (token, &self.ci.access) {
            (TokenKind::Access, Some(access)) => access.source,
            _ => "CI_JOB_TOKEN",
        };
        (self.note)(Note::Using { token, source });
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
