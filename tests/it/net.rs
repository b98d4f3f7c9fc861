//! Stories about the network, over real sockets on loopback.

mod answers;
mod broken;
mod ending;
mod names;
mod pages;
pub mod proxies;
mod redirects;
mod server;
mod tokens;
mod trust;
mod world;
