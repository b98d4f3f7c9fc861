//! How polite and how quick `wait` is: `cargo bench --bench pacing` runs the program's own pace against simulated jobs and
//! prints the README's tables. All seeds are fixed, so every run prints the same.
#![allow(clippy::print_stdout)]

mod fleet;
mod goals;
mod single;
mod stats;

fn main() {
    single::print();
    fleet::print();
    goals::print();
}
