//! Stories about the network, over real sockets on loopback.

mod broken;
mod ending;
mod pages;
mod plain;
mod proxies;
mod redirects;
mod server;
mod trust;
mod world;
