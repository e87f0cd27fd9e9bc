//! Files that are gone when they are no longer needed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file under the system's temporary folder, removed when it is dropped.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(end: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("spandrel-{}-{number}-{end}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
