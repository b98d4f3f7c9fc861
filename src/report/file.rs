//! The file of `--output-file`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::text::visible;
use crate::exit::Stop;

/// A file that is either replaced as a whole or grows as it is written.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    kind: Kind,
    /// Bytes that were written whole.
    len: u64,
}

#[derive(Debug)]
enum Kind {
    /// A file beside the target; none between a placed version and the next.
    Whole(Option<NamedTempFile>),
    Live(File),
}

impl OutputFile {
    /// Makes sure that the file can be written, before there is anything to write. Exit 2 if not.
    pub fn create(path: &Path, live: bool) -> Result<Self, Stop> {
        let bad = |why: String| {
            let path = path.to_string_lossy();
            Stop::usage(format!(
                "cannot write output file {}: {why}",
                visible(&path)
            ))
        };
        let name = path.file_name().unwrap_or_default();
        let bytes = path.as_os_str().as_encoded_bytes();
        if name.is_empty() || !bytes.ends_with(name.as_encoded_bytes()) {
            return Err(bad("it is not a file name".to_owned()));
        }
        match fs::symlink_metadata(path) {
            Ok(target) if !target.is_file() => return Err(bad("not a regular file".to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(bad(error.to_string()));
            }
            _ => {}
        }
        let kind = if live {
            Kind::Live(File::create(path).map_err(|error| bad(error.to_string()))?)
        } else {
            Kind::Whole(Some(beside(path).map_err(|error| bad(error.to_string()))?))
        };
        Ok(Self {
            path: path.to_owned(),
            kind,
            len: 0,
        })
    }

    /// Writes all of it or, as far as the disk lets us, nothing.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.kind {
            Kind::Live(file) => file,
            Kind::Whole(Some(file)) => file.as_file_mut(),
            Kind::Whole(none) => none.insert(beside(&self.path)?).as_file_mut(),
        };
        if let Err(error) = file.write_all(bytes) {
            let _ = file.set_len(self.len);
            let _ = file.seek(SeekFrom::Start(self.len));
            return Err(error);
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Puts what was written so far in the target's place; the next write begins a new version. A live file is in its place already.
    pub fn place(&mut self) -> io::Result<()> {
        if let Kind::Whole(slot) = &mut self.kind
            && let Some(file) = slot.take()
        {
            if let Err(failed) = file.persist(&self.path) {
                *slot = Some(failed.file);
                return Err(failed.error);
            }
            self.len = 0;
        }
        Ok(())
    }

    /// What was written but is not in its place.
    pub fn rescue(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Kind::Whole(Some(file)) = &mut self.kind {
            let file = file.as_file_mut();
            file.seek(SeekFrom::Start(0))?;
            file.take(self.len).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A new file in the target's directory. Others may read it as far as the umask lets them, as with any file that a script writes.
fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".jobgate-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    match target.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => builder.tempfile_in(directory),
        _ => builder.tempfile_in("."),
    }
    // tempfile adds the name of the file that it tried to make; the user knows only the target.
    .map_err(|error| {
        let text = error.to_string();
        let why = text.split(" at path ").next().unwrap_or(&text);
        io::Error::new(error.kind(), why)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::exit::Exit;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_whole_file_appears_at_once_and_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.env");
        fs::write(&path, "old").unwrap();
        let mut file = OutputFile::create(&path, false).unwrap();
        file.write(b"A=1\n").unwrap();
        file.write(b"B=2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\nB=2\n");
        file.place().unwrap();
        assert_eq!(names(directory.path()), ["out.env"]);
        file.write(b"C=3\n").unwrap();
        file.place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "C=3\n");
        assert_eq!(names(directory.path()), ["out.env"]);
    }

    #[test]
    fn nothing_is_left_behind_when_it_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.env");
        let mut file = OutputFile::create(&path, false).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        drop(file);
        assert_eq!(names(directory.path()), [""; 0]);
    }

    #[test]
    fn a_live_file_grows_as_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        fs::write(&path, "from an earlier call").unwrap();
        let mut file = OutputFile::create(&path, true).unwrap();
        file.write(b"one\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        file.write(b"two\n").unwrap();
        file.place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_path_that_cannot_be_a_file_is_told_before_anything_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let inside = |name: &str| directory.path().join(name);
        fs::create_dir(inside("dir")).unwrap();
        fs::write(inside("plain"), "").unwrap();
        #[cfg(unix)]
        for (target, link) in [("plain", "link"), ("nowhere", "dangling")] {
            std::os::unix::fs::symlink(inside(target), inside(link)).unwrap();
        }
        let mut bad = vec![
            "dir",
            "dir/",
            "new/",
            "missing/out",
            "plain/out",
            "dir/..",
            ".",
        ];
        if cfg!(unix) {
            bad.extend(["link", "dangling", "nul\0"]);
        }
        let before = names(directory.path());
        for name in bad {
            for live in [false, true] {
                let stop = OutputFile::create(&inside(name), live).unwrap_err();
                assert_eq!(stop.exit, Exit::Usage, "{name}");
            }
        }
        assert!(OutputFile::create(Path::new(""), false).is_err());
        assert!(OutputFile::create(Path::new("/"), false).is_err());
        assert_eq!(names(directory.path()), before);
        #[cfg(target_os = "linux")]
        assert!(OutputFile::create(Path::new("/dev/null"), true).is_err());
    }

    #[test]
    fn what_cannot_be_put_in_place_can_be_rescued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut file = OutputFile::create(&path, false).unwrap();
        file.write(b"precious\n").unwrap();
        fs::create_dir(&path).unwrap();
        assert!(file.place().is_err());
        assert_eq!(file.rescue().unwrap(), b"precious\n");
        drop(file);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_umask_alone_says_who_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            fs::metadata(directory.path().join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        fs::write(directory.path().join("usual"), "").unwrap();
        for live in [false, true] {
            let mut file = OutputFile::create(&directory.path().join("ours"), live).unwrap();
            file.write(b"x").unwrap();
            file.place().unwrap();
            assert_eq!(mode("ours"), mode("usual"));
            fs::remove_file(directory.path().join("ours")).unwrap();
        }
    }
}
