//! Reads a small regular file, and nothing that only looks like one.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::path::Path;

/// No gate file needs more; a larger one is a mistake.
const LIMIT: u64 = 64 << 10;

/// The whole file. The error is for the message that names it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Looked at before it is opened, since opening a device or a pipe can do something; and again after, since it may have been replaced.
    regular(&std::fs::symlink_metadata(path).map_err(|error| error.to_string())?)?;
    let file = open(path).map_err(|error| error.to_string())?;
    regular(&file.metadata().map_err(|error| error.to_string())?)?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("larger than {} KiB", LIMIT >> 10));
    }
    Ok(bytes)
}

fn regular(metadata: &Metadata) -> Result<(), String> {
    if metadata.is_symlink() {
        return Err("a symbolic link, not a regular file; name the file itself".into());
    }
    if metadata.is_file() {
        Ok(())
    } else {
        Err("not a regular file".into())
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A link put there meanwhile is refused; a pipe put there meanwhile does not block.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn a_link_that_was_put_there_meanwhile_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "{}").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert!(super::open(&file).is_ok());
        assert!(super::open(&link).is_err());
    }
}
