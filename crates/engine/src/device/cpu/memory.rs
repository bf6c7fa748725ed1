//! Memory of the CPU device.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use super::Memory;

/// Words on the heap. All access goes through the device's queue lock, which the accessors ask to see.
pub(super) struct CpuMemory {
    words: UnsafeCell<Vec<u32>>,
    len: usize,
    allocated: Arc<AtomicU64>,
}

// SAFETY: the vector is only reached while the device's queue lock is held (every accessor takes its guard), and by the
// device's own threads while the thread that holds the lock waits for them, on parts that a step keeps apart.
unsafe impl Sync for CpuMemory {}

impl CpuMemory {
    /// `None` where the system has not that much.
    pub fn zeroed(len: usize, allocated: Arc<AtomicU64>) -> Option<Self> {
        let mut words: Vec<u32> = Vec::new();
        words.try_reserve_exact(len).ok()?;
        words.resize(len, 0);
        allocated.fetch_add(4 * len as u64, Ordering::Relaxed);
        Some(CpuMemory { words: UnsafeCell::new(words), len, allocated })
    }

    fn checked(&self, offset: usize, words: usize) -> *mut u32 {
        assert!(
            offset.checked_add(words).is_some_and(|end| end <= self.len),
            "a region lies outside of its memory"
        );
        // SAFETY: in bounds, as just checked; the vector is never resized.
        unsafe { (*self.words.get()).as_mut_ptr().add(offset) }
    }

    pub fn words_ref<'a>(&'a self, _queue: &'a MutexGuard<'_, ()>, offset: usize, words: usize) -> &'a [u32] {
        // SAFETY: in bounds; the queue lock is held.
        unsafe { std::slice::from_raw_parts(self.checked(offset, words), words) }
    }

    #[allow(clippy::mut_from_ref)]
    pub fn words_mut<'a>(
        &'a self,
        _queue: &'a MutexGuard<'_, ()>,
        offset: usize,
        words: usize,
    ) -> &'a mut [u32] {
        // SAFETY: in bounds; the queue lock is held, and callers take one part at a time.
        unsafe { std::slice::from_raw_parts_mut(self.checked(offset, words), words) }
    }

    /// A checked raw part, for a step that reads and writes in place.
    pub fn raw(&self, _queue: &MutexGuard<'_, ()>, offset: usize, words: usize) -> Part {
        Part { start: self.checked(offset, words), words }
    }
}

impl Drop for CpuMemory {
    fn drop(&mut self) {
        self.allocated.fetch_sub(4 * self.len as u64, Ordering::Relaxed);
    }
}

impl Memory for CpuMemory {
    fn words(&self) -> usize {
        self.len
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A part of a memory during one step. Threads share it; they write disjoint ranges.
#[derive(Clone, Copy)]
pub(super) struct Part {
    start: *mut u32,
    words: usize,
}

// SAFETY: used only inside one step, under the queue lock; see `read` and `write`.
unsafe impl Send for Part {}
// SAFETY: as above.
unsafe impl Sync for Part {}

impl Part {
    pub fn len(self) -> usize {
        self.words
    }

    /// Words `first..first + count`.
    ///
    /// # Safety
    /// Nobody writes these words while the slice lives: a plan never reads and writes the same region in one step but
    /// in place, where each block is read before the same thread writes it.
    pub unsafe fn read<'a>(self, first: usize, count: usize) -> &'a [u32] {
        assert!(first.checked_add(count).is_some_and(|end| end <= self.words), "a read outside of a region");
        // SAFETY: in bounds; aliasing is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(first), count) }
    }

    /// Words `first..first + count`, to be written.
    ///
    /// # Safety
    /// No other slice over these words lives, and no other thread touches them.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn overwrite<'a>(self, first: usize, count: usize) -> &'a mut [u32] {
        assert!(first.checked_add(count).is_some_and(|end| end <= self.words), "a write outside of a region");
        // SAFETY: in bounds; aliasing is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), count) }
    }

    /// Writes words from `first` on.
    ///
    /// # Safety
    /// No slice from `read` over these words lives, and no other thread touches them.
    pub unsafe fn write(self, first: usize, data: &[u32]) {
        assert!(
            first.checked_add(data.len()).is_some_and(|end| end <= self.words),
            "a write outside of a region"
        );
        // SAFETY: in bounds; `data` is a thread's own buffer, so it does not overlap.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), self.start.add(first), data.len()) }
    }
}
