//! Makes the static release binary for Linux smaller. It changes nothing that the program does.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// Nothing unwinds in a program that is built with `panic = "abort"`: the tables for it would be an eighth of the file.
const NO_UNWIND_TABLES: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table .gcc_except_table.*) } } INSERT AFTER .text;\n";

/// From here on a static program of glibc's can read packed relocations at its start.
const PACKED_RELOCATIONS: (u32, u32) = (2, 36);

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name: &str| env::var(name).unwrap_or_default();
    let is_static = var("CARGO_CFG_TARGET_FEATURE")
        .split(',')
        .any(|feature| feature == "crt-static");
    let glibc = var("CARGO_CFG_TARGET_OS") == "linux" && var("CARGO_CFG_TARGET_ENV") == "gnu";
    if !(glibc && is_static && var("PROFILE") == "release") {
        return Ok(());
    }
    let script = Path::new(&var("OUT_DIR")).join("no-unwind-tables.ld");
    fs::write(&script, NO_UNWIND_TABLES)?;
    println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    if var("HOST") == var("TARGET") && glibc_version() >= Some(PACKED_RELOCATIONS) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// Of the C library that is linked: this machine's own.
fn glibc_version() -> Option<(u32, u32)> {
    let told = Command::new("ldd").arg("--version").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.lines().next()?.rsplit(' ').next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
