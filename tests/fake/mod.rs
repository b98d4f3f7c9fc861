//! A GitLab for tests and the demo: a world with rules under a thin HTTP skin.
//!
//! ```text
//! let mut world = World::new();
//! world.project("shop/web");
//! let pipeline = world.pipeline("shop/web", "main", ci()
//!     .stage("build", [job("compile").runs(60)])
//!     .stage("gate", [job("gate").here()]));
//! let me = world.job(pipeline, "gate");
//! let gitlab = GitLab::start(world);
//! let vars = gitlab.vars(me);        // CI_API_V4_URL, CI_JOB_TOKEN…
//! let clock = gitlab.clock();        // sleeping moves the world
//! ```
//!
//! - *The plan* is a value: [`ci`], [`job`], [`child`], [`downstream`] and their setters say what a `.gitlab-ci.yml` says and
//!   what will happen (`runs`, `fails`, `stuck`, `log_at`), or that a job stands still (`is("manual")`).
//! - *The world* moves only by its clock and by requests. A story moves it with [`World::after`], [`World::signal_after`],
//!   [`GitLab::before`] (just before a request), or at once with [`GitLab::world`] and the verbs `play`, `retry`, `cancel_job`,
//!   `approve`, `end`, `flip`, `delete`.
//! - *Trouble*: [`GitLab::fault`], [`GitLab::answer`], [`GitLab::outage`], [`GitLab::chaos`], [`GitLab::limit`], [`GitLab::latency`].
//! - *Afterwards*: [`World::writes`], [`GitLab::log`], and [`GitLab::finish`], which fails if anything was asked that no client may ask.
//!
//! It knows nothing of the program under test but its clock, so that it can be a witness.
#![allow(
    dead_code,
    unused_imports,
    reason = "each user of the fake needs another part of it"
)]

mod act;
mod answer;
mod auth;
mod clock;
mod create;
mod data;
mod demo;
mod fault;
mod http;
mod page;
mod read;
mod route;
mod runner;
mod schedule;
mod server;
mod shape;
mod shape_project;
mod spec;
mod state;
mod tls;
mod word;
mod world;

pub use answer::Answer;
pub use clock::FakeClock;
pub use create::NewPipeline;
pub use data::{Allow, Id, Job, Protected};
pub use demo::{Demo, SERVER, to_paste};
pub use fault::{Bad, Chaos, Fault, ListFault, To};
pub use server::GitLab;
pub use spec::{Ci, JobSpec, When, child, ci, downstream, job};
pub use state::Logged;
pub use tls::Tls;
pub use word::{STATUSES, iso};
pub use world::{MIRA, World};
