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
//! It knows nothing of the program under test but its clock, so that it can be a witness.
#![allow(
    dead_code,
    unused_imports,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    clippy::too_many_lines,
    reason = "each user of the fake needs another part of it, and its panics are a test's failures"
)]

mod act;
mod answer;
mod auth;
mod clock;
mod fault;
mod http;
mod kube;
mod page;
mod route;
mod schedule;
mod server;
mod shape;
mod spec;
mod tls;
mod word;
mod world;

pub use answer::{Answer, Request};
pub use clock::FakeClock;
pub use fault::{Chaos, Fault};
pub use server::{GitLab, Logged};
pub use spec::{Ci, JobSpec, When, child, ci, downstream, job};
pub use tls::Tls;
pub use word::{STATUSES, iso};
pub use world::{Allow, Id, MIRA, Protected, World};
