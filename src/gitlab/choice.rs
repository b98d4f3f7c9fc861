//! Which token a request carries: the weakest that works.

use std::collections::HashSet;
use std::mem::Discriminant;
use std::sync::{MutexGuard, PoisonError};

use super::route::Auth;
use super::{Client, Error, Note, Project, Route, TokenKind};
use crate::ci::Secret;
use crate::model::ProjectId;

/// What was learned on the way.
#[derive(Clone, Default)]
pub(super) struct Memory {
    /// Where the job token was refused and the access token was not.
    refused: HashSet<(Discriminant<Route>, Option<Project>)>,
    used: Vec<TokenKind>,
    /// Kinds of route that have taken a token.
    pub(super) worked: HashSet<(Discriminant<Route>, Option<TokenKind>)>,
    /// Projects that GitLab itself has named, so that they exist: the job's own first.
    pub(super) known: Vec<ProjectId>,
    /// Major and minor number of the GitLab release.
    pub(super) version: Option<(u32, u32)>,
    /// Good answers so far.
    pub(super) answers: u64,
}

impl Client<'_> {
    /// There is a token of this kind.
    pub fn has(&self, kind: TokenKind) -> bool {
        self.token(kind).is_some()
    }

    /// Good answers so far, pages of lists among them: a server that gives some is not silent.
    pub fn answers(&self) -> u64 {
        self.memory().answers
    }

    pub(super) fn count_answer(&self) {
        self.memory().answers += 1;
    }

    /// GitLab itself has named this project: a 404 for it is a refusal.
    pub fn know(&self, project: ProjectId) {
        let mut memory = self.memory();
        if !memory.known.contains(&project) {
            memory.known.push(project);
        }
    }

    /// GitLab itself has told its release: refusals are explained better by it.
    pub fn know_version(&self, major: u32, minor: u32) {
        self.memory().version = Some((major, minor));
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
                    return self.with_both(route, key, send);
                }
                if self.has(TokenKind::Access) {
                    TokenKind::Access
                } else {
                    TokenKind::Job
                }
            }
        };
        if self.has(kind) {
            self.remember(kind, route, send(kind))
        } else {
            Err(Self::no_token(kind, route))
        }
    }

    fn remember<T>(
        &self,
        kind: TokenKind,
        route: &Route,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if result.is_ok() {
            let taken = (std::mem::discriminant(route), Some(kind));
            self.memory().worked.insert(taken);
        }
        result
    }

    fn with_both<T>(
        &self,
        route: &Route,
        key: (Discriminant<Route>, Option<Project>),
        send: impl Fn(TokenKind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let refusal = match self.remember(TokenKind::Job, route, send(TokenKind::Job)) {
            Err(error) if error.token_refused() => error,
            other => return other,
        };
        let answer = self.remember(TokenKind::Access, route, send(TokenKind::Access));
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
