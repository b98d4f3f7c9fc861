//! HTTP to GitLab: the only user of ureq and rustls. One method per kind of request; every answer and refusal is data.

mod choice;
mod client;
mod connection;
mod error;
pub mod explain;
mod facts;
mod page;
mod proxy;
mod request;
mod resolve;
pub mod route;
mod said;
mod send;
mod stream;
mod text;
mod tls;
mod transport;

pub use client::{Client, Note};
pub use error::{Error, Kind};
pub use facts::Facts;
pub use request::Body;
pub use route::{Project, Route, TokenKind};
pub use send::Answer;
