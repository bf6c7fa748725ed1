//! What the server has: files and folders, by their path.

use std::collections::BTreeMap;

/// A file, or a folder where it has no bytes.
#[derive(Clone)]
pub struct Node {
    pub bytes: Option<Vec<u8>>,
    /// Another number for each content that a name has had.
    pub tag: u64,
    /// In seconds since the server began.
    pub modified: u64,
}

/// All files and folders. Paths begin with a slash and do not end in one; the root is empty.
#[derive(Default)]
pub struct Files {
    nodes: BTreeMap<String, Node>,
    /// One more with every change, so that no two have the same time.
    pub clock: u64,
}

impl Files {
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    pub fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.get(path).is_some_and(|node| node.bytes.is_none())
    }

    /// Whether something can be made there.
    pub fn has_parent(&self, path: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(parent, _)| self.is_folder(parent))
    }

    /// Puts a file, or a folder where there are no bytes.
    pub fn put(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        self.clock += 1;
        let node = Node { bytes, tag: self.clock, modified: self.clock };
        self.nodes.insert(path.into(), node);
    }

    /// It and all that is in it, by what follows its path.
    pub fn all(&self, path: &str) -> Vec<(String, Node)> {
        let inside = |(at, node): (&String, &Node)| {
            let rest = at.strip_prefix(path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (rest.to_owned(), node.clone()))
        };
        self.nodes.iter().filter_map(inside).collect()
    }

    /// Paths of what is in a folder.
    pub fn children(&self, folder: &str) -> Vec<String> {
        let all = self.all(folder).into_iter().map(|(rest, _)| rest);
        let direct = all.filter(|rest| rest.matches('/').count() == 1);
        direct.map(|rest| format!("{folder}{rest}")).collect()
    }

    /// Removes it and all that is in it.
    pub fn remove(&mut self, path: &str) {
        self.clock += 1;
        for (rest, _) in self.all(path) {
            self.nodes.remove(&format!("{path}{rest}"));
        }
    }

    /// Copies it with all that is in it, in the place of what is there. A copy has a time and a tag of its own.
    pub fn copy(&mut self, from: &str, to: &str, with_children: bool) {
        let all = self.all(from);
        self.remove(to);
        for (rest, node) in all.into_iter().filter(|(rest, _)| with_children || rest.is_empty()) {
            self.put(&format!("{to}{rest}"), node.bytes);
        }
    }

    /// Gives it another name, in the place of what is there.
    pub fn rename(&mut self, from: &str, to: &str, new_tags: bool) {
        let all = self.all(from);
        self.remove(to);
        self.remove(from);
        for (rest, mut node) in all {
            if new_tags {
                self.clock += 1;
                node.tag = self.clock;
            }
            self.nodes.insert(format!("{to}{rest}"), node);
        }
    }
}
