//! The binary itself is static.

use std::path::{Path, PathBuf};

const BINARY: &str = env!("CARGO_BIN_EXE_jobgate");

/// Program header types and the dynamic section's tag that a static program does not have (`<elf.h>`).
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NEEDED: u64 = 1;

struct Elf {
    interpreter: bool,
    needed: usize,
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size]
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn elf(path: &Path) -> Elf {
    let bytes = std::fs::read(path).expect("the binary can be read");
    assert_eq!(
        &bytes[..6],
        b"\x7fELF\x02\x01",
        "a 64-bit little-endian ELF file"
    );
    let at = |value: u64| usize::try_from(value).expect("fits");
    let (table, size, count) = (
        at(number(&bytes, 32, 8)),
        at(number(&bytes, 54, 2)),
        at(number(&bytes, 56, 2)),
    );
    let mut found = Elf {
        interpreter: false,
        needed: 0,
    };
    for header in (0..count).map(|index| table + index * size) {
        match number(&bytes, header, 4) {
            PT_INTERP => found.interpreter = true,
            PT_DYNAMIC => {
                let (start, length) = (
                    at(number(&bytes, header + 8, 8)),
                    at(number(&bytes, header + 32, 8)),
                );
                found.needed += (start..start + length)
                    .step_by(16)
                    .filter(|entry| number(&bytes, *entry, 8) == DT_NEEDED)
                    .count();
            }
            _ => {}
        }
    }
    found
}

#[test]
fn it_needs_no_interpreter_and_no_library() {
    if !cfg!(all(target_os = "linux", target_feature = "crt-static")) {
        eprintln!("skipped: this build was asked to be dynamic, or is not for Linux");
        return;
    }
    let found = elf(Path::new(BINARY));
    assert!(!found.interpreter, "the binary asks for an interpreter");
    assert_eq!(found.needed, 0, "the binary needs shared libraries");
}

#[test]
fn a_dynamic_program_would_be_noticed() {
    let shell = PathBuf::from("/bin/sh").canonicalize().ok().filter(|path| {
        std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF\x02\x01"))
    });
    match shell.map(|path| elf(&path)) {
        Some(found) if found.interpreter => assert!(
            found.needed > 0,
            "/bin/sh has an interpreter but needs nothing"
        ),
        _ => eprintln!("skipped: no dynamic /bin/sh here to compare with"),
    }
}
