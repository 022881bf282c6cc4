use std::fmt;
use std::io;

use zip::result::ZipError;

use crate::document::ReadError;

/// Why a package, or something in it, cannot be read.
///
/// Reading a [`Bitstream`](super::Bitstream) gives such an error inside of an [`io::Error`], out of
/// which `From` takes it.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackageError {
    /// The file with the package could not be read.
    Source(io::Error),
    /// This is no ZIP file, or not all of it.
    Zip(String),
    /// It asks for more than the limits allow.
    Limit(String),
    /// There is no manifest in it (§11.3).
    NoManifest,
    /// The manifest cannot be read.
    Manifest(ReadError),
    /// An entry of the manifest has no path, or one that leads out of the package.
    Path(String),
    /// The manifest lists something that is not in the package.
    Missing(String),
    /// The same is there twice, so that it is not clear which is meant.
    Repeated(String),
    /// It is encrypted, or compressed in a way that is not understood.
    Unsupported(String),
    /// It is damaged: the check sum or the length is not the one that the package names.
    Corrupt(String),
}

impl PackageError {
    /// Of opening `name`, or the whole where there is none.
    pub(super) fn of_zip(error: ZipError, name: &str) -> Self {
        let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
        match error {
            ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Zip(format!("{name}the file ends too soon"))
            }
            ZipError::Io(error) => error.into(),
            ZipError::UnsupportedArchive(what) => Self::Unsupported(format!("{name}{what}")),
            ZipError::CompressionMethodNotSupported(method) => {
                Self::Unsupported(format!("{name}compression method {method}"))
            }
            error => Self::Zip(format!("{name}{error}")),
        }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "the package could not be read: {error}"),
            Self::Zip(what) => write!(f, "not a whole ZIP file: {what}"),
            Self::Limit(what) => write!(f, "the package asks for too much: {what}"),
            Self::NoManifest => f.write_str("the package has no manifest.xml"),
            Self::Manifest(error) => write!(f, "the manifest of the package: {error}"),
            Self::Path(what) => write!(f, "the manifest of the package: {what}"),
            Self::Missing(path) => write!(f, "listed, but not in the package: {path}"),
            Self::Repeated(path) => write!(f, "twice in the package: {path}"),
            Self::Unsupported(what) => write!(f, "the package cannot be unpacked: {what}"),
            Self::Corrupt(what) => write!(f, "the package is damaged: {what}"),
        }
    }
}

impl std::error::Error for PackageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Manifest(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ReadError> for PackageError {
    fn from(error: ReadError) -> Self {
        Self::Manifest(error)
    }
}

impl From<io::Error> for PackageError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Source(error),
        }
    }
}

impl From<PackageError> for io::Error {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Source(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
