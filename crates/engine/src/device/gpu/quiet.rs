//! Keeps drivers from complaining on the standard error about what is no fault.
#![allow(unsafe_code)]

/// Keeps a layer of Mesa's from looking for a Wayland desktop where there is none: it would say so in every program that looks for a
/// GPU. All that it does is to put the desktop's GPU first, and adapters are sorted here anyway.
///
/// It can be told by the environment only, which must not change under other threads: where this process has some, nothing is done.
/// So a program with threads of its own may call this first.
pub fn quieten() {
    let there = |name: &str| std::env::var_os(name);
    let desktop = there("XDG_RUNTIME_DIR").is_some_and(|d| std::path::Path::new(&d).is_absolute());
    let alone = || std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    if cfg!(target_os = "linux") && !desktop && there("NODEVICE_SELECT").is_none() && alone() {
        // SAFETY: this is the only thread, so nothing else reads or writes the environment now.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
