//! How much memory a thread takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Watched;

thread_local! {
    /// Bytes that the thread has, since it began, and the most of them since the last start. What another thread gives back is not seen.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn grew(by: isize) {
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + by);
        MOST.set(MOST.get().max(live.get()));
    });
}

// Safety: forwards to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        grew(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Holds what a file of some kilobytes may take, whatever it says.
const MEMORY: isize = 80 << 20;

/// The memory of this thread from here on.
pub struct Watch(isize);

impl Watch {
    pub fn start() -> Self {
        MOST.set(LIVE.get());
        Watch(LIVE.get())
    }

    /// The most that was taken at once.
    pub fn most(&self) -> isize {
        MOST.get() - self.0
    }

    pub fn check(&self, what: &str) {
        assert!(self.most() < MEMORY, "{what}: {} MB", self.most() >> 20);
    }
}
