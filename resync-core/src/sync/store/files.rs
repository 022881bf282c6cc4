//! What happens to one file: it is written under another name, put in its place, and recognized
//! there.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::handle::{Content, Put};
use crate::document::Algorithm;
use crate::fixity;
use crate::sync::state::{Group, Known, State, Write};
use crate::sync::{InstallError, Place, Places, Tree};
use crate::{Error, ErrorKind, Result};

/// A file that is written, but not in its place yet.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    pub(super) uri: String,
    pub(super) place: Place,
    pub(super) temp: String,
    pub(super) length: u64,
    /// The time it is still to get.
    pub(super) mtime: Option<SystemTime>,
    pub(super) old_place: Option<Place>,
}

/// Writes the content down, under a name that nobody knows but the row.
pub(super) fn stage(
    tree: &Tree,
    group: &mut Group<'_>,
    put: Put,
    batch: i64,
) -> Result<(i64, Staged)> {
    let Put { uri, place, document, listed, validators, body, measured, mtime } = put;
    // What is written here gets its time at once, which saves opening it again.
    let (temp, time_left) = match body {
        Content::Memory(bytes) => (tree.write_temp(&bytes, mtime).map_err(at_temp("*"))?, None),
        Content::Temp(name) => (name, mtime),
    };
    let known = group.session().lookup(&uri)?;
    let place = free_place(group, place, &uri)?;
    // Of a file that waits still, the place does not matter, but that of the one before it.
    let old_place = known
        .as_ref()
        .filter(|known| known.error.is_none())
        .and_then(|known| Place::from_kept(known.old_place.as_ref().unwrap_or(&known.place)))
        .filter(|old| *old != place);
    let row = Write {
        uri: &uri,
        place: &place,
        document,
        listed: &listed,
        validators: &validators,
        length: measured.len,
        mtime: mtime.map(nanos),
        sha256: measured.sha256(),
        batch,
        temp: Some(&temp),
        old_place: old_place.as_ref().map(Place::as_str),
    };
    let id = group.write(known.map(|known| known.id), &row)?;
    Ok((id, Staged { uri, place, temp, length: measured.len, mtime: time_left, old_place }))
}

fn free_place(group: &mut Group<'_>, wanted: Place, uri: &str) -> Result<Place> {
    // The last goes by the exact spelling: a source may list one URL in several.
    let exact = Places::fallback(&format!("resync:{uri}"));
    for place in [wanted, Places::fallback(uri), exact] {
        let owner = group.session().place_taken_by(place.key())?;
        if owner.is_none_or(|owner| owner == uri) {
            return Ok(place);
        }
    }
    // Two URIs with the same hash.
    Err(failed(format!("there is no place left for {uri}")))
}

/// `false` if there is none that the file system would have.
pub(super) fn put_in_place(
    tree: &Tree,
    group: &mut Group<'_>,
    id: i64,
    file: &Staged,
) -> Result<bool> {
    let mut place = file.place.clone();
    let mut result = tree.install(&file.temp, &place, file.mtime);
    let fallback = Places::fallback(&file.uri);
    if matches!(result, Err(InstallError::Occupied)) && fallback != place {
        let owner = group.session().place_taken_by(fallback.key())?;
        if owner.is_none_or(|owner| owner == file.uri) {
            place = fallback;
            group.relocate(id, &place)?;
            result = tree.install(&file.temp, &place, file.mtime);
        }
    }
    match result {
        Ok(()) => {}
        Err(error @ InstallError::Occupied) => {
            group.quarantine(id, &error.to_string())?;
            tree.remove_temp(&file.temp).map_err(at_temp(&file.temp))?;
            return Ok(false);
        }
        Err(InstallError::Io(cause)) => return Err(at(&place)(cause)),
    }
    finish_install(tree, group, id, &place, file)?;
    Ok(true)
}

fn finish_install(
    tree: &Tree,
    group: &mut Group<'_>,
    id: i64,
    place: &Place,
    file: &Staged,
) -> Result<()> {
    let stat = tree.stat(place).map_err(at(place))?;
    group.install(id, stat.map(|stat| nanos(stat.modified)))?;
    // Another may have moved in since.
    if let Some(old) = file.old_place.as_ref().filter(|old| *old != place)
        && group.session().place_taken_by(old.key())?.is_none()
    {
        tree.remove(old).map_err(at(old))?;
    }
    Ok(())
}

/// Whether a file that waits no more is in its place, or in the other that it may have got.
pub(super) fn recognize(
    tree: &Tree,
    group: &mut Group<'_>,
    row: &Known,
    file: &Staged,
) -> Result<bool> {
    for place in [file.place.clone(), Places::fallback(&file.uri)] {
        if matches(tree.open_file(&place), row, place.as_str())? {
            if place != file.place {
                let owner = group.session().place_taken_by(place.key())?;
                if owner.is_some_and(|owner| owner != file.uri) {
                    continue;
                }
                group.relocate(row.id, &place)?;
            }
            finish_install(tree, group, row.id, &place, file)?;
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn remove_files(tree: &Tree, known: &Known) -> Result<()> {
    // What is in the way of a file is not ours.
    let place = known.error.is_none().then_some(known.place.as_str());
    for place in place.into_iter().chain(known.old_place.as_deref()) {
        let Some(place) = Place::from_kept(place) else { continue };
        tree.remove(&place).map_err(at(&place))?;
    }
    Ok(())
}

/// Whether a file is there and has the content that the row says. Without a digest, nobody can tell.
pub(super) fn matches(file: io::Result<File>, row: &Known, path: &str) -> Result<bool> {
    let Some(sha256) = row.sha256 else { return Ok(false) };
    let measure = || -> io::Result<bool> {
        let file = file?;
        if file.metadata()?.len() != row.length {
            return Ok(false);
        }
        let measured = fixity::of_file(file, [Algorithm::Sha256])?;
        Ok(measured.len == row.length && measured.sha256() == Some(sha256))
    };
    match measure() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map_err(|cause| unusable(path, cause)),
    }
}

pub(super) fn open_temp(state: &State, name: &str) -> io::Result<File> {
    let path = state.temp_path(name).ok_or(io::ErrorKind::NotFound)?;
    // Opening a pipe would wait for whoever writes to it.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    File::open(path)
}

/// In nanoseconds since 1970.
pub(super) fn nanos(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

pub(super) fn time(nanos: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

pub(super) fn at(place: &Place) -> impl Fn(io::Error) -> Error {
    move |cause| unusable(place.as_str(), cause)
}

pub(super) fn at_temp(name: &str) -> impl Fn(io::Error) -> Error {
    move |cause| unusable(&format!(".resync/tmp/{name}"), cause)
}

fn unusable(path: &str, cause: io::Error) -> Error {
    failed(format!("{path}: {cause}")).with_source(cause)
}

pub(super) fn failed(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Io, detail)
}

pub(super) fn gone() -> Error {
    failed("the store is gone")
}
