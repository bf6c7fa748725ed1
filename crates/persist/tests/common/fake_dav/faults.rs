//! What goes wrong, and when.

use std::sync::Arc;

use super::files::Files;

/// A request that goes wrong.
#[derive(Clone)]
pub struct Fault {
    /// Empty for all.
    pub method: &'static str,
    /// What is in the path of the request or of its destination.
    pub about: String,
    /// So many go well before.
    pub skip: usize,
    /// So many go wrong.
    pub times: usize,
    pub effect: Effect,
}

/// What happens in the place of what should, or beside it.
#[derive(Clone)]
pub enum Effect {
    /// Nothing is done.
    Refuse(u16),
    /// Nothing is done, and it may be asked for again at once.
    Busy,
    /// All is done, and the connection is cut.
    LoseAnswer,
    /// All is done, and the answer is cut in the middle of its body.
    CutBody,
    /// What is at the destination is removed, but for what this keeps; then the answer is this, or the connection is cut.
    DropDestination(fn(&str) -> bool, Option<u16>),
    /// What is at the destination is removed, the connection is cut, and from then on the server is busy.
    Die,
    /// What was to be moved is gone, as when somebody else tidied; the connection is cut.
    DropSource,
    /// Nothing is done, and a page says that all is well.
    Page,
    /// Nothing is done, and the answer says 507 inside of a 207.
    Partly,
    /// Somebody else does something before.
    Meanwhile(Arc<dyn Fn(&mut Files) + Send + Sync>),
}

impl Fault {
    /// All requests of a method, until told otherwise.
    pub fn on(method: &'static str, effect: Effect) -> Self {
        Self { method, about: String::new(), skip: 0, times: usize::MAX, effect }
    }

    pub fn about(self, text: &str) -> Self {
        Self { about: text.into(), ..self }
    }

    pub fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Counts a request; whether it goes wrong.
    pub fn hits(&mut self, method: &str, path: &str, destination: Option<&str>) -> bool {
        let about = |path: &str| path.contains(&self.about);
        if !(self.method.is_empty() || self.method == method)
            || !(about(path) || destination.is_some_and(about))
        {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let hit = self.times > 0;
        self.times = self.times.saturating_sub(1);
        hit
    }
}

/// How a server is where others are not. All of it is allowed, or found in the wild.
#[derive(Clone, Default)]
pub struct Habits {
    pub etags: Etags,
    /// A folder's name has to end in a slash (nginx).
    pub strict_slashes: bool,
    /// Who leaves out the slash of a folder is sent to the name with it (Apache).
    pub redirects_folders: bool,
    /// What hrefs begin with in the place of `/dav`: the server is behind another one that changes paths.
    pub href_base: Option<&'static str>,
    /// 417 to who asks whether to send a body.
    pub refuses_expect: bool,
    /// 502 to a `Destination` with a host.
    pub wants_path_as_destination: bool,
    /// Hrefs that every list of a folder has too; of folders where they end in a slash.
    pub also_lists: Vec<String>,
}

/// What a server calls the contents of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Etags {
    /// Another content, another tag.
    #[default]
    Kept,
    None,
    /// A file that is moved gets another one too, as in Nextcloud.
    NewWithName,
}
