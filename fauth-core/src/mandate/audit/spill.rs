//! Files for entries that Redis did not accept. Every function blocks.
//!
//! A file holds up to 1 000 entries, one per line, as JSON of the stream's fields. It is written to
//! a temporary file, flushed to the disk and renamed, so after a crash it exists completely or not
//! at all. It is removed only after Redis has confirmed all its entries; a process that is killed
//! in between sends them again.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};

use super::seal::Seal;
use crate::store::AuditEntry;

/// The suffix of the files.
const ENDING: &str = ".audit.ndjson";
/// The additional suffix of a file that is still being written.
const UNFINISHED: &str = ".tmp";
/// The additional suffix of a file with unreadable lines. It is kept, and never read again.
const UNREADABLE: &str = ".unreadable";
/// The maximum number of entries in a file.
const MAX_ENTRIES: usize = 1000;
/// A file that has reached this size gets no more entries.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// A larger file is not ours and is not read. A batch has at most 8 MiB; encoding it as lines adds
/// up to the same amount again, and the worst possible ids add 6 MiB.
const MAX_READ_BYTES: u64 = 32 * 1024 * 1024;

/// The limits of the folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpillLimits {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

impl Default for SpillLimits {
    fn default() -> Self {
        Self { files: 1000, bytes: 256 * 1024 * 1024 }
    }
}

/// Why entries were not written to a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpillError {
    #[error("the folder is full, with {files} files and {bytes} bytes")]
    Full { files: usize, bytes: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// The folder and its files.
#[derive(Debug)]
pub(super) struct SpillFolder {
    path: PathBuf,
    limits: SpillLimits,
    /// From the oldest to the newest.
    files: VecDeque<SpillFile>,
    unreadable: SpillLimits,
    next: u64,
}

#[derive(Debug)]
struct SpillFile {
    name: String,
    bytes: u64,
    /// The number of entries. A file of an earlier run gets no more entries.
    entries: usize,
}

/// The content of the oldest file.
#[derive(Debug, Default)]
pub(super) struct Oldest {
    pub(super) entries: Vec<AuditEntry>,
    /// The number of lines that cannot be read, or are not signed with our key.
    pub(super) unreadable: usize,
}

/// Why the oldest file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The file was removed by somebody else. It counts as empty.
    #[error("the file was removed: {0}")]
    Gone(io::Error),
    /// The file stays the oldest.
    #[error(transparent)]
    Io(io::Error),
}

impl SpillFolder {
    /// Opens the folder, and creates it for this user only if it does not exist.
    pub(super) fn open(path: &Path, limits: SpillLimits) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        make_folder(&path)?;
        refuse_others(&path)?;
        let unreadable = SpillLimits { files: 0, bytes: 0 };
        let mut folder = Self { path, limits, files: VecDeque::new(), unreadable, next: 0 };
        // The owner and mode of the folder must be checked before any file in it is trusted.
        folder.try_to_write()?;
        folder.look()?;
        Ok(folder)
    }

    /// Finds the files of earlier runs.
    fn look(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.path)? {
            let file = file?;
            let Ok(name) = file.file_name().into_string() else { continue };
            let about = file.metadata()?;
            if !about.is_file() {
                continue;
            }
            let bytes = about.len();
            if name.ends_with(ENDING) {
                found.push(SpillFile { name, bytes, entries: MAX_ENTRIES });
            } else if name.ends_with(&format!("{ENDING}{UNREADABLE}")) {
                self.unreadable.files += 1;
                self.unreadable.bytes += bytes;
            } else if name.ends_with(&format!("{ENDING}{UNFINISHED}")) {
                // It was never confirmed as written.
                let _ = fs::remove_file(file.path());
            }
        }
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let number = |file: &SpillFile| file.name.split('-').next().and_then(|number| number.parse().ok());
        self.next = found.iter().filter_map(number).max().map_or(0, |number: u64| number.saturating_add(1));
        self.files = found.into();
        Ok(())
    }

    /// Detects at the start that the folder is not writable, or belongs to another user.
    fn try_to_write(&self) -> io::Result<()> {
        let random = random().map_err(io::Error::other)?;
        let probe = self.path.join(format!("probe-{random}{ENDING}{UNFINISHED}"));
        let refused = new_file(&probe).and_then(|own| refuse_other_owner(&self.path, &own));
        let removed = fs::remove_file(probe);
        refused.and(removed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns whether more than half of the limits is used up.
    pub(super) fn is_crowded(&self) -> bool {
        let (files, bytes) = self.used();
        files > self.limits.files / 2 || bytes > self.limits.bytes / 2
    }

    fn used(&self) -> (usize, u64) {
        let bytes: u64 = self.files.iter().map(|file| file.bytes).sum();
        (self.files.len() + self.unreadable.files, bytes.saturating_add(self.unreadable.bytes))
    }

    /// Appends entries: all of them or, after an error, none.
    pub(super) fn add(&mut self, entries: &[AuditEntry]) -> Result<(), SpillError> {
        let text = lines_of(entries)?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let fits = |last: &&SpillFile| {
            last.entries + entries.len() <= MAX_ENTRIES && last.bytes.saturating_add(length) <= MAX_FILE_BYTES
        };
        // A file that cannot be read at the moment is left as it is.
        let read =
            |last: &SpillFile| Some((last.name.clone(), read_bounded(&self.path.join(&last.name)).ok()??));
        let last = self.files.back().filter(fits).and_then(read);
        let (files, bytes) = self.used();
        let is_full = last.is_none() && files >= self.limits.files;
        if is_full || bytes.saturating_add(length) > self.limits.bytes {
            return Err(SpillError::Full { files, bytes });
        }
        match last {
            Some((name, mut whole)) => {
                whole.extend_from_slice(&text);
                self.extend(&name, &whole, entries.len())
            }
            None => self.begin(&text, entries.len()),
        }
    }

    /// Begins a new file.
    fn begin(&mut self, text: &[u8], entries: usize) -> Result<(), SpillError> {
        // The random part keeps files apart if two processes share a folder by mistake.
        let name = format!("{:020}-{}{ENDING}", self.next, random()?);
        self.replace(&name, text)?;
        self.next = self.next.saturating_add(1);
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.files.push_back(SpillFile { name, bytes, entries });
        Ok(())
    }

    /// Rewrites the last file with more entries.
    fn extend(&mut self, name: &str, whole: &[u8], entries: usize) -> Result<(), SpillError> {
        self.replace(name, whole)?;
        if let Some(last) = self.files.back_mut() {
            last.bytes = u64::try_from(whole.len()).unwrap_or(u64::MAX);
            last.entries += entries;
        }
        Ok(())
    }

    fn replace(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let written =
            self.write(&unfinished, text).and_then(|()| fs::rename(&unfinished, self.path.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        flush_folder(&self.path)
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut file = new_file(path).or_else(|error| match error.kind() {
            // Left over from a failed attempt.
            ErrorKind::AlreadyExists => fs::remove_file(path).and_then(|()| new_file(path)),
            // The folder was removed.
            ErrorKind::NotFound => make_folder(&self.path).and_then(|()| new_file(path)),
            _ => Err(error),
        })?;
        file.write_all(text)?;
        file.sync_all()
    }

    /// Returns the oldest file, or `None` if there is none. A file too large to be ours is not
    /// read.
    pub(super) fn oldest(&mut self, seal: &Seal) -> Result<Option<Oldest>, ReadError> {
        let Some(file) = self.files.front() else { return Ok(None) };
        match read_bounded(&self.path.join(&file.name)) {
            Ok(Some(bytes)) => Ok(Some(entries_of(&bytes, seal))),
            Ok(None) => Ok(Some(Oldest { entries: Vec::new(), unreadable: 1 })),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.files.pop_front();
                Err(ReadError::Gone(error))
            }
            Err(error) => Err(ReadError::Io(error)),
        }
    }

    /// Removes the oldest file, after Redis has confirmed its entries. A file with unreadable lines
    /// is kept under another name.
    pub(super) fn finish_oldest(&mut self, has_unreadable: bool) -> io::Result<()> {
        let Some(file) = self.files.pop_front() else { return Ok(()) };
        let path = self.path.join(&file.name);
        if !has_unreadable {
            return fs::remove_file(path);
        }
        self.unreadable.files += 1;
        self.unreadable.bytes = self.unreadable.bytes.saturating_add(file.bytes);
        fs::rename(path, self.path.join(format!("{}{UNREADABLE}", file.name)))
    }
}

fn lines_of(entries: &[AuditEntry]) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Entries signed with another key may come from anyone, and count as unreadable.
fn entries_of(bytes: &[u8], seal: &Seal) -> Oldest {
    let mut oldest = Oldest::default();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(entry) if seal.is_ours(&entry) => oldest.entries.push(entry),
            _ => oldest.unreadable += 1,
        }
    }
    oldest
}

/// Returns `None` if the file is too large.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(MAX_READ_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(u64::try_from(read).is_ok_and(|read| read <= MAX_READ_BYTES).then_some(bytes))
}

/// Readable by this user only.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)
}

/// Readable by this user only.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)
}

/// Anyone else who can write to the folder could add events to the stream.
#[cfg(unix)]
fn refuse_others(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let problem = format!("others may write into it (mode {:o})", mode & 0o7777);
    Err(io::Error::new(ErrorKind::PermissionDenied, problem))
}

#[cfg(not(unix))]
fn refuse_others(_: &Path) -> io::Result<()> {
    Ok(())
}

/// So could the owner of the folder. `own` is a file that this process created.
#[cfg(unix)]
fn refuse_other_owner(folder: &Path, own: &File) -> io::Result<()> {
    let (owner, own) = (fs::metadata(folder)?.uid(), own.metadata()?.uid());
    // Root can write anywhere anyway.
    if owner == own || owner == 0 {
        return Ok(());
    }
    let problem = format!("it belongs to another user ({owner}, this is {own})");
    Err(io::Error::new(ErrorKind::PermissionDenied, problem))
}

#[cfg(not(unix))]
fn refuse_other_owner(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Makes the rename survive a crash of the machine.
#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:08x}", u32::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use servers::Folder;

    use super::*;

    const SMALL: SpillLimits = SpillLimits { files: 2, bytes: 100_000 };

    fn unsigned() -> Seal {
        Seal::new("zone_prod", None).unwrap()
    }

    fn entry(number: usize) -> AuditEntry {
        AuditEntry { id: number.to_string(), data: format!("{{\"n\":{number}}}"), sig: Some("s".to_owned()) }
    }

    fn entries(numbers: std::ops::Range<usize>) -> Vec<AuditEntry> {
        numbers.map(entry).collect()
    }

    fn opened(path: &Path, limits: SpillLimits) -> SpillFolder {
        SpillFolder::open(path, limits).unwrap()
    }

    /// Everything in the folder, in order, as a replay reads it.
    fn drained(folder: &mut SpillFolder) -> Vec<AuditEntry> {
        let mut all = Vec::new();
        while let Some(oldest) = folder.oldest(&unsigned()).unwrap() {
            all.extend(oldest.entries);
            folder.finish_oldest(oldest.unreadable > 0).unwrap();
        }
        all
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_put_aside_comes_back_in_order_also_after_a_restart() {
        let place = Folder::new("spill");
        let path = place.path().join("a/b");
        let mut folder = opened(&path, SpillLimits::default());
        assert!(folder.is_empty());
        folder.add(&entries(0..600)).unwrap();
        folder.add(&entries(600..1000)).unwrap();
        assert_eq!(names(&path).len(), 1, "small batches share a file");
        folder.add(&entries(1000..1001)).unwrap();
        assert_eq!(names(&path).len(), 2);
        drop(folder);

        let mut folder = opened(&path, SpillLimits::default());
        folder.add(&entries(1001..1002)).unwrap();
        assert_eq!(names(&path).len(), 3, "a file of an earlier run is complete");
        assert_eq!(drained(&mut folder), entries(0..1002));
        assert_eq!(names(&path), Vec::<String>::new());
        assert_eq!(drained(&mut opened(&path, SpillLimits::default())), []);
    }

    #[test]
    fn a_file_stays_until_its_entries_are_confirmed() {
        let place = Folder::new("spill");
        let mut folder = opened(place.path(), SMALL);
        folder.add(&entries(0..3)).unwrap();
        assert_eq!(folder.oldest(&unsigned()).unwrap().unwrap().entries, entries(0..3));
        // A kill here.
        drop(folder);
        assert_eq!(drained(&mut opened(place.path(), SMALL)), entries(0..3));
    }

    #[test]
    fn number_and_size_are_bounded() {
        let place = Folder::new("spill");
        let mut folder = opened(place.path(), SMALL);
        folder.add(&entries(0..1000)).unwrap();
        assert!(!folder.is_crowded());
        folder.add(&entries(1000..1999)).unwrap();
        assert!(folder.is_crowded());
        assert!(matches!(folder.add(&entries(1999..2001)), Err(SpillError::Full { files: 2, .. })));
        folder.add(&entries(1999..2000)).unwrap();
        assert_eq!(drained(&mut folder), entries(0..2000), "and what was refused left no trace");

        let big = AuditEntry { data: "x".repeat(99_900), ..entry(0) };
        let bigger = AuditEntry { data: "x".repeat(100_000), ..entry(0) };
        assert!(matches!(folder.add(std::slice::from_ref(&bigger)), Err(SpillError::Full { files: 0, .. })));
        folder.add(std::slice::from_ref(&big)).unwrap();
        assert!(matches!(folder.add(&entries(0..5)), Err(SpillError::Full { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_may_read_and_write() {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let place = Folder::new("spill");
        let path = place.path().join("own");
        let mut folder = opened(&path, SMALL);
        folder.add(&entries(0..1)).unwrap();
        folder.add(&entries(1..2)).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(&names(&path)[0])), 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        let problem = SpillFolder::open(&path, SMALL).unwrap_err();
        assert!(problem.to_string().contains("others may write"), "{problem}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(drained(&mut opened(&path, SMALL)), entries(0..2));
    }

    #[test]
    fn what_was_not_finished_is_removed_and_what_cannot_be_read_is_kept() {
        let place = Folder::new("spill");
        let mut folder = opened(place.path(), SMALL);
        folder.add(&entries(0..2)).unwrap();
        let name = names(place.path()).remove(0);
        let file = place.path().join(&name);
        let mut text = fs::read(&file).unwrap();
        text.extend_from_slice(b"{\"id\":\"x\",\"da\n[]\n");
        fs::write(&file, text).unwrap();
        fs::write(place.path().join(format!("{name}{UNFINISHED}")), "{").unwrap();
        fs::write(place.path().join("somebody else's"), "").unwrap();

        let mut folder = opened(place.path(), SMALL);
        let oldest = folder.oldest(&unsigned()).unwrap().unwrap();
        assert_eq!((oldest.entries, oldest.unreadable), (entries(0..2), 2));
        folder.finish_oldest(true).unwrap();
        let kept = format!("{name}{UNREADABLE}");
        assert_eq!(names(place.path()), [kept, "somebody else's".to_owned()]);
        assert!(opened(place.path(), SMALL).is_empty());
        assert_eq!(opened(place.path(), SMALL).used().0, 1, "it counts");
    }

    #[test]
    fn a_folder_that_is_removed_meanwhile_is_made_again() {
        let place = Folder::new("spill");
        let path = place.path().join("own");
        let mut folder = opened(&path, SMALL);
        folder.add(&entries(0..1000)).unwrap();
        fs::remove_dir_all(&path).unwrap();
        let lost = folder.oldest(&unsigned());
        assert!(matches!(lost, Err(ReadError::Gone(_))), "what is lost is told: {lost:?}");
        assert!(folder.oldest(&unsigned()).unwrap().is_none(), "once");
        folder.add(&entries(0..1)).unwrap();
        assert_eq!(drained(&mut folder), entries(0..1));
    }

    #[test]
    fn a_place_that_cannot_be_a_folder_is_refused() {
        let place = Folder::new("spill");
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(SpillFolder::open(&file, SMALL).is_err());
        assert!(SpillFolder::open(&file.join("below"), SMALL).is_err());
    }
}
