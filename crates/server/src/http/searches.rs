//! Searches that run now, so that they can be stopped by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// The running searches: (login, name) → flag that stops it. A person stops only their own.
#[derive(Default)]
pub struct Searches {
    running: Mutex<HashMap<(String, String), Arc<AtomicBool>>>,
}

/// Takes the search off the list when it goes.
pub struct Running {
    searches: Arc<Searches>,
    key: (String, String),
    flag: Arc<AtomicBool>,
}

impl Searches {
    /// Puts a search on the list. One that runs under the same name is stopped.
    pub fn begin(self: &Arc<Self>, login: &str, name: &str, flag: Arc<AtomicBool>) -> Running {
        let key = (login.to_owned(), name.to_owned());
        let before = self.running.lock().insert(key.clone(), flag.clone());
        if let Some(before) = before {
            before.store(true, Ordering::Relaxed);
        }
        Running {
            searches: self.clone(),
            key,
            flag,
        }
    }

    /// Stops a search; false when there is none of that name.
    pub fn stop(&self, login: &str, name: &str) -> bool {
        let key = (login.to_owned(), name.to_owned());
        match self.running.lock().get(&key) {
            Some(flag) => {
                flag.store(true, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.searches.running.lock();
        // A newer search may have taken the name.
        if running
            .get(&self.key)
            .is_some_and(|flag| Arc::ptr_eq(flag, &self.flag))
        {
            running.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_stopped_by_its_owner_and_forgotten_when_it_ends() {
        let searches = Arc::new(Searches::default());
        let flag = Arc::new(AtomicBool::new(false));
        let running = searches.begin("aigerim", "s1", flag.clone());
        assert!(!searches.stop("berik", "s1"));
        assert!(searches.stop("aigerim", "s1") && flag.load(Ordering::Relaxed));
        let second = searches.begin("aigerim", "s1", Arc::default());
        drop(running);
        assert!(
            searches.stop("aigerim", "s1"),
            "the newer search keeps the name"
        );
        drop(second);
        assert!(!searches.stop("aigerim", "s1"));
    }
}
