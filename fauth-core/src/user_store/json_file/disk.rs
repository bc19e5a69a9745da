//! A file that is replaced as a whole: its lock, its replacement, and how to see that it is another one. Everything here blocks.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};

/// How often a reader starts anew because the file was replaced under it.
const MOST_READINGS: usize = 32;

/// What is wrong with a file. Quotes nothing from it.
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

/// The lock against other processes, until it is dropped.
pub(super) struct Lock {
    _file: File,
}

/// An open file, kept for its number. Elsewhere files have none, and an open one could not be replaced everywhere.
#[cfg(unix)]
pub(super) type OpenFile = File;
#[cfg(not(unix))]
pub(super) type OpenFile = ();

/// A file as it was at one moment.
pub(super) struct Content {
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
    pub(super) open: OpenFile,
}

/// What tells a file from its successor without reading it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    device_and_number: (u64, u64),
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
            device_and_number: (metadata.dev(), metadata.ino()),
            #[cfg(unix)]
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            #[cfg(not(unix))]
            created: metadata.created().ok(),
        }
    }

    /// Not changed where it lies. That it was replaced meanwhile is no harm.
    fn has_content_of(&self, other: &Self) -> bool {
        self.length == other.length && self.modified == other.modified
    }
}

/// Where the file lies, and what belongs to it.
pub(super) struct Place {
    file: PathBuf,
    folder: PathBuf,
    lock: PathBuf,
    replacement: PathBuf,
}

impl Place {
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

    pub(super) fn is_locked(&self) -> FileError {
        FileError::new(&self.lock, "was not free for too long")
    }

    /// What the file is like now; `None` if there is none.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, FileError> {
        let metadata = match fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(FileError::at(&self.file))?,
        };
        if metadata.is_symlink() {
            return Err(self.error("is a symbolic link; open the file that it points to"));
        }
        // Opening something else, a pipe for example, might never end.
        if !metadata.is_file() {
            return Err(self.error("is not a file"));
        }
        Ok(Some(Stamp::new(&metadata)))
    }

    /// All of the file, of at most `limit` bytes; `None` if there is none.
    pub(super) fn read(&self, limit: usize) -> Result<Option<Content>, FileError> {
        for _ in 0..MOST_READINGS {
            let Some(stamp) = self.stamp()? else {
                return Ok(None);
            };
            if let Some(content) = self.read_as(stamp, limit)? {
                return Ok(Some(content));
            }
        }
        Err(self.error("changes all the time while it is read"))
    }

    /// `None` if the file is not, or does not stay, the one of this stamp.
    fn read_as(&self, stamp: Stamp, limit: usize) -> Result<Option<Content>, FileError> {
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
        let mut bytes = Vec::new();
        (&mut open).take(limit).read_to_end(&mut bytes).map_err(FileError::at(&self.file))?;
        let after = Stamp::new(&open.metadata().map_err(FileError::at(&self.file))?);
        let is_whole = after.has_content_of(&stamp) && u64::try_from(bytes.len()) == Ok(stamp.length);
        #[cfg(not(unix))]
        let open = drop(open);
        Ok(is_whole.then_some(Content { stamp, bytes, open }))
    }

    #[cfg(unix)]
    fn warn_if_public(&self, metadata: &Metadata) {
        if metadata.mode() & 0o077 != 0 {
            let path = &self.file;
            tracing::warn!(target: "fauth", ?path, "others may read the file of users; the next change takes that away");
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "there is no mode to look at")]
    fn warn_if_public(&self, _: &Metadata) {}

    /// `None` if another process has the lock.
    pub(super) fn try_lock(&self) -> Result<Option<Lock>, FileError> {
        self.make_folder().map_err(FileError::at(&self.folder))?;
        let mut options = private();
        let file =
            options.create(true).truncate(false).open(&self.lock).map_err(FileError::at(&self.lock))?;
        // By its path: newer compilers have a method of this name of their own.
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(fs4::TryLockError::WouldBlock) => Ok(None),
            Err(fs4::TryLockError::Error(error)) => Err(FileError::at(&self.lock)(error)),
        }
    }

    /// Puts a file with these bytes in the place of the present one. If it fails, one of them is there.
    pub(super) fn replace(&self, _lock: &Lock, bytes: &[u8]) -> Result<(), FileError> {
        match fs::remove_file(&self.replacement) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(FileError::at(&self.replacement))?,
        }
        let written = self
            .write_replacement(bytes)
            .and_then(|()| fs::rename(&self.replacement, &self.file).map_err(FileError::at(&self.file)));
        if written.is_err() {
            // What stays is removed by the next change.
            _ = fs::remove_file(&self.replacement);
        }
        written?;
        sync_folder(&self.folder).map_err(FileError::at(&self.folder))
    }

    fn write_replacement(&self, bytes: &[u8]) -> Result<(), FileError> {
        let at = || FileError::at(&self.replacement);
        let mut file = private().create_new(true).open(&self.replacement).map_err(at())?;
        self.check_owner(&file)?;
        file.write_all(bytes).map_err(at())?;
        file.sync_all().map_err(at())
    }

    /// Would the owner of the present file still be that of its replacement?
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

/// For reading and writing, and for nobody else.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    options
}

/// Waits until the names in a folder are on the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "a folder cannot be opened there")]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
