//! The way to one GitLab server: what every request shares.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashSet;
use std::mem::Discriminant;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::connection::Connection;
use super::route::{Project, Route, TokenKind};
use super::text;
use super::{proxy, tls};
use crate::ci::{Ci, Secret};
use crate::exit::Stop;
use crate::host::{Host, Mask};
use crate::model::ProjectId;
use crate::os::{Interrupt, lock};

/// Something that happened on the way, for the log. Holds no secret; URLs are already cleaned.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A request: method, URL, status, request id, time taken. Shown with `--debug`.
    Request(String),
    /// A token is used for the first time; where it came from (`GITLAB_TOKEN`, `--token-file`…).
    Using {
        token: TokenKind,
        source: &'static str,
    },
}

/// What is left for canceling after the program was asked to end.
const FRESH: Duration = Duration::from_secs(4);

/// Sends requests to one GitLab server.
pub struct Client<'a> {
    pub(super) ci: &'a Ci,
    pub(super) host: &'a Host<'a>,
    pub(super) note: &'a dyn Fn(Note),
    pub(super) tls: tls::Configs,
    pub(super) connection: Connection,
    /// The connection to wherever a log was redirected, while it is in use.
    pub(super) foreign: Arc<Mutex<Option<ureq::Agent>>>,
    /// Of the monotonic clock.
    deadline: Cell<Option<Duration>>,
    /// The client that cancels after the host's interrupt has one of its own.
    pub(super) interrupt: Interrupt,
    memory: RefCell<Memory>,
}

/// What was learned on the way.
#[derive(Clone, Default)]
pub(super) struct Memory {
    /// Where the job token was refused and the access token was not.
    pub(super) refused: HashSet<(Discriminant<Route>, Option<Project>)>,
    pub(super) used: HashSet<TokenKind>,
    /// Kinds of route that have taken a token.
    pub(super) worked: HashSet<(Discriminant<Route>, TokenKind)>,
    /// Projects that GitLab itself has named, so that they exist: the job's own first.
    pub(super) known: Vec<ProjectId>,
    /// Good answers so far: objects and whole lists.
    pub(super) answers: Rc<Cell<u64>>,
}

impl<'a> Client<'a> {
    /// Checks what the way to GitLab depends on; sends nothing. From here on an interrupt cuts requests short.
    pub fn open(ci: &'a Ci, host: &'a Host<'a>, note: &'a dyn Fn(Note)) -> Result<Self, Stop> {
        let tls = tls::Configs::new(&ci.trust)?;
        let client = Self::build(ci, host, note, tls, host.interrupt.clone())?;
        let (own, foreign) = (client.connection.agent.clone(), Arc::clone(&client.foreign));
        host.interrupt.on_raise(Box::new(move || {
            let foreign = lock(&foreign).take();
            own.shutdown();
            foreign.into_iter().for_each(ureq::Agent::shutdown);
        }));
        Ok(client)
    }

    fn build(
        ci: &'a Ci,
        host: &'a Host<'a>,
        note: &'a dyn Fn(Note),
        tls: tls::Configs,
        interrupt: Interrupt,
    ) -> Result<Self, Stop> {
        let access = ci.access.as_ref().map(|access| &access.token);
        let tokens = ci.job_token.iter().chain(access);
        let passwords = proxy::passwords(&ci.proxies);
        let secrets = tokens.map(Secret::reveal);
        let secrets = secrets.chain(passwords.iter().map(String::as_str));
        secrets.for_each(|secret| host.conceal(secret));
        let proxy = proxy::choose(&ci.api, &ci.proxies)?;
        Ok(Self {
            ci,
            host,
            note,
            connection: Connection::new(&tls.gitlab, &tls.others, proxy, &interrupt),
            tls,
            foreign: Arc::default(),
            deadline: Cell::new(None),
            interrupt,
            memory: RefCell::default(),
        })
    }

    /// For canceling what was started, after an interrupt has shut this client down: a new connection, and four seconds in all.
    pub fn fresh(&self) -> Result<Self, Stop> {
        let (tls, interrupt) = (self.tls.clone(), Interrupt::new());
        let fresh = Self::build(self.ci, self.host, self.note, tls, interrupt)?;
        fresh.set_deadline(Some(self.host.clock.monotonic().saturating_add(FRESH)));
        fresh.memory.replace(self.memory.borrow().clone());
        Ok(fresh)
    }

    pub(super) fn mask(&self) -> &Mask {
        &self.host.log.mask
    }

    /// Text of the server's in one line, tokens masked.
    pub(super) fn line(&self, text: &str, longest: usize) -> String {
        text::line(self.mask(), text, longest)
    }

    /// Host and port of the proxy on the way to GitLab.
    pub fn proxy(&self) -> Option<String> {
        self.connection.proxy()
    }

    /// No request goes on beyond this point of the monotonic clock.
    pub fn set_deadline(&self, monotonic: Option<Duration>) {
        self.deadline.set(monotonic);
    }

    /// Time left until the deadline; `None` without one.
    pub(super) fn left(&self) -> Option<Duration> {
        let deadline = self.deadline.get()?;
        Some(deadline.saturating_sub(self.host.clock.monotonic()))
    }

    /// The deadline has passed.
    pub(super) fn over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

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

    /// Good answers so far: objects and whole lists.
    pub fn answers(&self) -> u64 {
        self.memory().answers.get()
    }

    /// One more: an object, or a list that its reader has found to be whole.
    pub fn count_answer(&self) {
        self.memory().answers.update(|answers| answers + 1);
    }

    /// GitLab itself has named this project: a 404 for it is a refusal.
    pub fn know(&self, project: ProjectId) {
        let mut memory = self.memory();
        if !memory.known.contains(&project) {
            memory.known.push(project);
        }
    }

    pub(super) fn memory(&self) -> RefMut<'_, Memory> {
        self.memory.borrow_mut()
    }
}
