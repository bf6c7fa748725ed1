//! What a variable knows of the device memory it lies in.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use crate::Error;

/// The future of a read: words of 4 bytes.
pub type Reading = Pin<Box<dyn Future<Output = Result<Vec<u32>, Error>> + Send>>;

/// A place on a device where a variable lies. Implemented by the device floor.
pub trait Resident: Send + Sync + Any {
    /// Reads words as they are after all that was submitted before.
    fn read(&self, offset: usize, words: usize) -> Reading;
    /// Writes words after all that was submitted before.
    ///
    /// # Errors
    /// The device is gone.
    fn write(&self, offset: usize, data: &[u32]) -> Result<(), Error>;
    /// For the device floor.
    fn as_any(&self) -> &dyn Any;
}
