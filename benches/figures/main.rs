//! `cargo bench --bench figures`: size, memory and speed of the release binary, side by side with the programs that people use for the same.
//! It writes `docs/figures.md` and `docs/figures.svg`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a report, which may fail loudly"
)]
#![cfg_attr(
    unix,
    expect(
        unsafe_code,
        reason = "a child's peak memory and processor time have no safe interface in std"
    )
)]

#[path = "../../tests/fake/mod.rs"]
mod fake;

mod build;
mod pacing;
mod peers;
mod plot;
mod process;
mod report;
mod server;
mod tables;

use std::path::Path;

use report::Page;
use server::Server;
use tables::Bench;

const HEAD: &str = "# Figures

`cargo bench --bench figures` writes this page. Times and memory are those of whole processes; the commands of a table ran in turn. A figure is the
median of the runs, memory is the largest. The server is on loopback and repeats the answers of a fake GitLab.";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder, ..] = words.as_slice()
        && word == "serve"
    {
        return server::serve(Path::new(folder));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let mut page = Page::default();
    let binary = build::release(&[]);
    let mut server = Server::start(folder.path());
    let mut vars = server.vars.clone();
    tables::gate(&mut page, &binary, &mut server, &vars);
    let bench = Bench::new(binary.clone(), &mut server, &vars);
    let nginx = server.nginx(folder.path(), &mut vars);
    page.text(if nginx.is_some() {
        "\nBelow, the server is nginx."
    } else {
        "\nnginx is not installed: below, the server is the bench's own."
    });
    bench.whoami(&mut page, &vars);
    let panels = bench.jobs(&mut page, &vars);
    bench.wait(&mut page, &vars);
    bench.trace(&mut page, &vars);
    tables::pace(&mut page);
    build::machine(&mut page);
    // Last, though it stands first: it makes this process larger, which the peak memory of every child would show.
    let mut first = Page::default();
    first.text(HEAD);
    tables::size(&mut first, root, &binary);
    first.0.push_str(&page.0);
    let text = first.with_contents();
    print!("{text}");
    std::fs::write(root.join("docs/figures.md"), text).unwrap();
    std::fs::write(root.join("docs/figures.svg"), plot::svg(&panels)).unwrap();
}
