//! The users file on disk: reading, atomic replacement, locking, and detecting changes.
//!
//! The module `format` handles the content of the file; this module handles bytes only. Every
//! function blocks, so call them on Tokio's blocking pool.
//!
//! Readers take no lock. A writer writes a complete temporary file and renames it over the old one,
//! so that a reader finds either the old content or the new one, never a mixture; the same holds
//! after a crash. Other programs, such as an editor, may write the file in place. A reader
//! therefore compares the metadata before and after reading, and reads again if it differs.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};

/// How many times a read is attempted while the file keeps changing.
const MAX_READ_ATTEMPTS: usize = 32;

/// A problem with a file, which it names by its path.
///
/// # Security
/// The message quotes nothing from the file: the file holds password hashes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub(super) struct FileError {
    path: PathBuf,
    problem: String,
}

impl FileError {
    fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }

    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(path, error.to_string())
    }
}

/// The lock against other processes. Dropping it releases the lock.
pub(super) struct Lock {
    _file: File,
}

/// A file that is kept open so that no other file gets its inode number.
///
/// Outside Unix nothing is kept: a [`Stamp`] has no inode number there, and some systems do not
/// allow an open file to be replaced.
#[cfg(unix)]
pub(super) type OpenFile = File;
#[cfg(not(unix))]
pub(super) type OpenFile = ();

/// The whole content of the file, and the stamp that the file had meanwhile.
pub(super) struct Content {
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
    pub(super) open: OpenFile,
}

/// The metadata that shows whether the file was changed or replaced, without reading it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    device_and_inode: (u64, u64),
    #[cfg(unix)]
    changed: (i64, i64),
    #[cfg(not(unix))]
    created: Option<SystemTime>,
}

impl Stamp {
    fn new(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            device_and_inode: (metadata.dev(), metadata.ino()),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            #[cfg(not(unix))]
            created: metadata.created().ok(),
        }
    }

    /// Whether the file was not written to in place, as far as its metadata shows.
    ///
    /// Ignores the change time, which also moves when another file is renamed over this one. That
    /// does no harm: the open file still has its complete old content.
    fn has_same_length_and_mtime(&self, other: &Self) -> bool {
        self.length == other.length && self.modified == other.modified
    }
}

/// The paths of the file, its folder, its lock file and its temporary replacement.
pub(super) struct Place {
    file: PathBuf,
    folder: PathBuf,
    lock: PathBuf,
    replacement: PathBuf,
}

impl Place {
    /// Makes the path absolute, so that a later change of the working directory does not matter.
    pub(super) fn new(path: &Path) -> Result<Self, FileError> {
        let file = std::path::absolute(path).map_err(FileError::at(path))?;
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(FileError::new(path, "does not name a file"));
        };
        let beside = |ending: &str| {
            let mut name = OsString::from(name);
            name.push(ending);
            folder.join(name)
        };
        Ok(Self { folder: folder.to_owned(), lock: beside(".lock"), replacement: beside(".tmp"), file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> FileError {
        FileError::new(&self.file, problem)
    }

    /// The error for a lock that other processes held for too long.
    pub(super) fn lock_timeout(&self, waited: Duration) -> FileError {
        let seconds = waited.as_secs();
        FileError::new(&self.lock, format!("is still locked after {seconds} seconds; try again later"))
    }

    /// The stamp of the file now; `None` if there is no file.
    ///
    /// A symbolic link is an error, because a change would replace the link and not the file that
    /// it points to.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, FileError> {
        let metadata = match fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(FileError::at(&self.file))?,
        };
        if metadata.is_symlink() {
            return Err(self.error("is a symbolic link; open the file that it points to"));
        }
        // Opening anything else could block for ever: a pipe waits for a writer, for example.
        if !metadata.is_file() {
            return Err(self.error("is not a file"));
        }
        Ok(Some(Stamp::new(&metadata)))
    }

    /// Reads the whole file; `None` if there is no file.
    ///
    /// A file of more than `limit` bytes is an error, and so is one that changes during every
    /// attempt.
    pub(super) fn read(&self, limit: usize) -> Result<Option<Content>, FileError> {
        for _ in 0..MAX_READ_ATTEMPTS {
            let Some(stamp) = self.stamp()? else {
                return Ok(None);
            };
            if let Some(content) = self.read_if_unchanged(stamp, limit)? {
                return Ok(Some(content));
            }
        }
        Err(self.error("keeps changing while it is read"))
    }

    /// Reads the file that has this stamp; `None` if it was changed or replaced meanwhile.
    fn read_if_unchanged(&self, stamp: Stamp, limit: usize) -> Result<Option<Content>, FileError> {
        let mut open = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            open => open.map_err(FileError::at(&self.file))?,
        };
        let metadata = open.metadata().map_err(FileError::at(&self.file))?;
        if Stamp::new(&metadata) != stamp {
            return Ok(None);
        }
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if stamp.length > limit {
            return Err(self.error(format!("is longer than {limit} bytes")));
        }
        self.warn_if_public(&metadata);
        #[cfg(test)]
        tests::meanwhile();
        let mut bytes = Vec::new();
        (&mut open).take(limit).read_to_end(&mut bytes).map_err(FileError::at(&self.file))?;
        let after = Stamp::new(&open.metadata().map_err(FileError::at(&self.file))?);
        let is_whole =
            after.has_same_length_and_mtime(&stamp) && u64::try_from(bytes.len()) == Ok(stamp.length);
        #[cfg(not(unix))]
        let open = drop(open);
        Ok(is_whole.then_some(Content { stamp, bytes, open }))
    }

    /// Warns if other users of the system have access to the file, which holds password hashes.
    #[cfg(unix)]
    fn warn_if_public(&self, metadata: &Metadata) {
        if metadata.mode() & 0o077 != 0 {
            let path = &self.file;
            tracing::warn!(target: "fauth", ?path, "other users of the system can access the users file; the next change restricts it to its owner");
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "there are no mode bits to check")]
    fn warn_if_public(&self, _: &Metadata) {}

    /// Takes the lock, without waiting; `None` if another process holds it.
    pub(super) fn try_lock(&self) -> Result<Option<Lock>, FileError> {
        self.make_folder().map_err(FileError::at(&self.folder))?;
        let mut options = owner_only();
        let file =
            options.create(true).truncate(false).open(&self.lock).map_err(FileError::at(&self.lock))?;
        // Called by its path, because `File` has a `try_lock` of its own in newer Rust versions.
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(fs4::TryLockError::WouldBlock) => Ok(None),
            Err(fs4::TryLockError::Error(error)) => Err(FileError::at(&self.lock)(error)),
        }
    }

    /// Atomically replaces the file by one with these bytes, and waits until that is on disk.
    ///
    /// If this fails, either the old file or the new one is in place, and complete.
    pub(super) fn replace(&self, _lock: &Lock, bytes: &[u8]) -> Result<(), FileError> {
        // A leftover of an interrupted change. Only a file that is created gets the mode 0600.
        match fs::remove_file(&self.replacement) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(FileError::at(&self.replacement))?,
        }
        let written = self
            .write_replacement(bytes)
            .and_then(|()| fs::rename(&self.replacement, &self.file).map_err(FileError::at(&self.file)));
        if written.is_err() {
            // If this fails as well, the next change removes the leftover.
            _ = fs::remove_file(&self.replacement);
        }
        written?;
        sync_folder(&self.folder).map_err(FileError::at(&self.folder))
    }

    /// Writes the temporary file and waits until its content is on disk.
    fn write_replacement(&self, bytes: &[u8]) -> Result<(), FileError> {
        let at = || FileError::at(&self.replacement);
        let mut file = owner_only().create_new(true).open(&self.replacement).map_err(at())?;
        self.check_owner(&file)?;
        file.write_all(bytes).map_err(at())?;
        sync(&file).map_err(at())
    }

    /// Refuses to replace a file that belongs to another user of the system, who could not read
    /// the replacement any more.
    #[cfg(unix)]
    fn check_owner(&self, replacement: &File) -> Result<(), FileError> {
        let present = match fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            present => present.map_err(FileError::at(&self.file))?,
        };
        let replacement = replacement.metadata().map_err(FileError::at(&self.replacement))?;
        if present.uid() == replacement.uid() {
            Ok(())
        } else {
            Err(self.error("belongs to another user of the system; change it as that user"))
        }
    }

    #[cfg(not(unix))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "files get their owner from the folder"
    )]
    fn check_owner(&self, _: &File) -> Result<(), FileError> {
        Ok(())
    }

    /// Creates the folders that are missing, with mode 0700 on Unix, and waits until their names
    /// are on disk.
    fn make_folder(&self) -> io::Result<()> {
        let missing: Vec<&Path> = self.folder.ancestors().take_while(|folder| !folder.exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&self.folder)?;
        missing.iter().filter_map(|made| made.parent()).try_for_each(sync_folder)
    }
}

/// Options for reading and writing. On Unix, a file created with them has the mode 0600.
fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options
}

/// Waits until a file or a folder is on disk.
fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    tests::syncs()?;
    file.sync_all()
}

/// Waits until the names in a folder are on disk, so that a rename survives a power failure.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    sync(&File::open(folder)?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "a folder cannot be opened there")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What happens between the steps of a read, and what a disk fails at, which no test from outside
/// can place there.
#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        time::Duration,
    };

    use super::*;

    const LIMIT: usize = 1000;
    const OLD: &str = "the old content";

    type Change = Box<dyn FnOnce()>;

    thread_local! {
        static MEANWHILE: RefCell<Vec<Change>> = const { RefCell::new(Vec::new()) };
        static SYNCS: Cell<usize> = const { Cell::new(0) };
        static FAILING_SYNC: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts syncs, and fails at the one that a test has chosen.
    pub(super) fn syncs() -> io::Result<()> {
        SYNCS.set(SYNCS.get() + 1);
        if SYNCS.get() == FAILING_SYNC.get() { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }

    /// Runs the next change that a test has set, after the file was looked at and before it is
    /// read.
    pub(super) fn meanwhile() {
        let change = MEANWHILE.with_borrow_mut(Vec::pop);
        if let Some(change) = change {
            change();
        }
    }

    /// A file that is deleted together with its folder.
    struct Written {
        place: Place,
        modified: SystemTime,
    }

    impl Written {
        fn new() -> Self {
            let mut random = [0; 8];
            getrandom::fill(&mut random).unwrap();
            let name = format!("fauth-disk-{:016x}", u64::from_ne_bytes(random));
            let folder = std::env::temp_dir().join(name);
            fs::create_dir(&folder).unwrap();
            let place = Place::new(&folder.join("users.json")).unwrap();
            fs::write(&place.file, OLD).unwrap();
            let modified = fs::metadata(&place.file).unwrap().modified().unwrap();
            Self { place, modified }
        }

        /// While the file is read for the next time, another program writes into it in place.
        fn meanwhile_written(&self, text: &'static str, later: Duration) {
            let (file, modified) = (self.place.file.clone(), self.modified + later);
            let change = move || {
                fs::write(&file, text).unwrap();
                File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
            };
            MEANWHILE.with_borrow_mut(|changes| changes.push(Box::new(change)));
        }

        /// The result of one attempt to read.
        fn attempt(&self) -> Option<Vec<u8>> {
            let stamp = self.place.stamp().unwrap().unwrap();
            self.place.read_if_unchanged(stamp, LIMIT).unwrap().map(|content| content.bytes)
        }
    }

    impl Drop for Written {
        fn drop(&mut self) {
            MEANWHILE.with_borrow_mut(Vec::clear);
            _ = fs::remove_dir_all(&self.place.folder);
        }
    }

    /// Each of the marks shows a change by itself: the time, where the length is the same, and
    /// the length, where the time is.
    #[test]
    fn what_was_written_to_meanwhile_is_not_taken() {
        for (text, later) in [
            ("the new content", Duration::from_secs(1)),
            ("the new content, longer", Duration::ZERO),
            ("shorter", Duration::ZERO),
            ("", Duration::ZERO),
        ] {
            let written = Written::new();
            written.meanwhile_written(text, later);
            assert_eq!(written.attempt(), None, "{text:?}");
            assert_eq!(written.attempt(), Some(text.into()), "the next attempt");
        }
    }

    #[test]
    fn what_was_replaced_since_it_was_looked_at_is_not_taken() {
        let written = Written::new();
        let stamp = written.place.stamp().unwrap().unwrap();
        let new = written.place.folder.join("new");
        fs::write(&new, OLD).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(written.modified).unwrap();
        fs::rename(&new, &written.place.file).unwrap();
        assert!(written.place.read_if_unchanged(stamp, LIMIT).unwrap().is_none());
    }

    /// Reads repeatedly, but not for ever.
    #[test]
    fn a_read_goes_on_until_it_finds_a_whole_file() {
        let written = Written::new();
        for round in 1..MAX_READ_ATTEMPTS {
            written.meanwhile_written("the new content", Duration::from_secs(u64::try_from(round).unwrap()));
        }
        let content = written.place.read(LIMIT).unwrap().unwrap();
        assert_eq!(content.bytes, b"the new content");

        let written = Written::new();
        for round in 1..=MAX_READ_ATTEMPTS {
            written.meanwhile_written("the new content", Duration::from_secs(u64::try_from(round).unwrap()));
        }
        let error = written.place.read(LIMIT).err().unwrap().to_string();
        assert!(error.contains("keeps changing"), "{error}");
    }

    impl Written {
        /// Replaces the file, on a disk that fails at this sync; 0 for none. How many there were.
        fn replace(&self, bytes: &[u8], failing: usize) -> (Result<(), FileError>, usize) {
            let lock = self.place.try_lock().unwrap().unwrap();
            SYNCS.set(0);
            FAILING_SYNC.set(failing);
            let replaced = self.place.replace(&lock, bytes);
            FAILING_SYNC.set(0);
            (replaced, SYNCS.get())
        }

        fn content(&self) -> Vec<u8> {
            fs::read(&self.place.file).unwrap()
        }
    }

    /// First the content and then the name: a name on disk whose content is not would be an empty
    /// file after a power failure.
    #[test]
    fn a_replacement_is_on_disk_before_it_counts() {
        let written = Written::new();
        let (replaced, syncs) = written.replace(b"new", 0);
        replaced.unwrap();
        assert_eq!(written.content(), b"new");
        assert_eq!(syncs, if cfg!(unix) { 2 } else { 1 });

        let (replaced, syncs) = written.replace(b"newer", 1);
        assert!(replaced.unwrap_err().to_string().ends_with("the disk is gone"));
        assert_eq!((written.content().as_slice(), syncs), (&b"new"[..], 1), "the content comes first");
        assert!(!written.place.replacement.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_may_not_be_on_disk_is_an_error() {
        let written = Written::new();
        let (replaced, syncs) = written.replace(b"new", 2);
        assert!(replaced.unwrap_err().to_string().ends_with("the disk is gone"));
        assert_eq!((written.content().as_slice(), syncs), (&b"new"[..], 2), "complete all the same");
    }

    /// Each created folder is a name in its parent.
    #[cfg(unix)]
    #[test]
    fn folders_that_are_made_are_on_disk() {
        let written = Written::new();
        let deep = written.place.folder.join("a/b/c/users.json");
        SYNCS.set(0);
        Place::new(&deep).unwrap().try_lock().unwrap().unwrap();
        assert_eq!(SYNCS.get(), 3);
        Place::new(&deep).unwrap().try_lock().unwrap().unwrap();
        assert_eq!(SYNCS.get(), 3, "nothing was made");
        SYNCS.set(0);
        FAILING_SYNC.set(3);
        let failed = Place::new(&written.place.folder.join("d/e/f/users.json")).unwrap().try_lock();
        FAILING_SYNC.set(0);
        assert!(failed.err().unwrap().to_string().ends_with("the disk is gone"));
    }
}
