//! A small WebDAV server (RFC 4918) whose files are in memory, and which can be told to do badly.
#![allow(dead_code)]

mod faults;
mod files;
mod http;

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use faults::{Effect, Etags, Fault, Habits};
pub use files::Files;
use http::{Answer, Head, encoded};
use rhyton_persist::Location;

/// Where its files are.
const BASE: &str = "/dav";

/// It ends with the program.
pub struct FakeDav {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    files: Files,
    faults: Vec<Fault>,
    habits: Habits,
    /// Methods and paths of all requests.
    log: Vec<String>,
}

impl FakeDav {
    pub fn start() -> Self {
        Self::with(Habits::default())
    }

    pub fn with(habits: Habits) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut files = Files::default();
        files.put(BASE, None);
        let state = Arc::new(Mutex::new(State { files, faults: Vec::new(), habits, log: Vec::new() }));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// A place on it, where nothing is tried again.
    pub fn at(&self, name: &str) -> Location {
        Location::new(format!("http://{}{BASE}", self.address)).retries(0).join(name)
    }

    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: u64) {
        self.state().files.clock += seconds;
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.state().files.put(&path(name), Some(bytes.to_vec()));
    }

    pub fn make_folder(&self, name: &str) {
        self.state().files.put(&path(name), None);
    }

    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.state().files.get(&path(name))?.bytes.clone()
    }

    /// Names of what is in a folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let children = self.state().files.children(&path(folder));
        children.iter().filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect()
    }

    /// All that is in a folder, with the bytes of files.
    pub fn all(&self, folder: &str) -> BTreeMap<String, Option<Vec<u8>>> {
        let all = self.state().files.all(&path(folder));
        all.into_iter().map(|(name, node)| (name, node.bytes)).collect()
    }

    /// Makes a folder as it was.
    pub fn restore(&self, folder: &str, all: &BTreeMap<String, Option<Vec<u8>>>) {
        let files = &mut self.state().files;
        files.remove(&path(folder));
        for (rest, bytes) in all {
            files.put(&format!("{}{rest}", path(folder)), bytes.clone());
        }
    }

    /// `METHOD PATH` of all requests, and ` to PATH` where something was to go.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path of a name in the server's folder.
pub fn path(name: &str) -> String {
    format!("{BASE}/{name}").trim_end_matches('/').to_owned()
}

/// Answers the requests of a connection until it ends, or is to be cut.
fn serve(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let head = Head::read(&mut reader)?;
        let effect = lock(state).begin(&head);
        if head.header("expect").is_some() {
            if lock(state).habits.refuses_expect {
                return Answer::new(417).with("Connection", "close").send(stream, 0);
            }
            // The head of an answer alone.
            std::io::Write::write_all(&mut &*stream, b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let body = head.body(&mut reader)?;
        let mut state = lock(state);
        let answer = match effect {
            None | Some(Effect::Meanwhile(_)) => state.answer(&head, body),
            Some(Effect::Refuse(status)) => Answer::new(status).saying("a fault of the tests"),
            Some(Effect::Busy) => Answer::new(503).with("Retry-After", "0"),
            Some(Effect::LoseAnswer) => {
                state.answer(&head, body);
                return None;
            }
            Some(Effect::CutBody) => {
                let answer = state.answer(&head, body);
                answer.send(stream, answer.body.len() / 2)?;
                return None;
            }
            Some(Effect::DropDestination(keeps, status)) => {
                let (to, _) = head.destination()?;
                for (rest, _) in state.files.all(&to).into_iter().rev().filter(|(rest, _)| !keeps(rest)) {
                    state.files.remove(&format!("{to}{rest}"));
                }
                Answer::new(status?).saying("a fault of the tests")
            }
            Some(Effect::Die) => {
                let (to, _) = head.destination()?;
                state.files.remove(&to);
                state.faults.push(Fault::on("", Effect::Refuse(503)));
                return None;
            }
            Some(Effect::DropSource) => {
                state.files.remove(&head.path);
                return None;
            }
            Some(Effect::Page) => Answer::new(200).saying("<html><body><p>Welcome!</p></body></html>"),
            Some(Effect::Partly) => {
                let href = encoded(&head.path);
                Answer::new(207).saying(multistatus(&format!(
                    "<D:response><D:href>{href}</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status></D:response>"
                )))
            }
        };
        answer.with("Date", date(state.files.clock)).send(stream, usize::MAX)?;
    }
}

impl State {
    /// Notes a request; what goes wrong with it.
    fn begin(&mut self, head: &Head) -> Option<Effect> {
        let to = head.destination().map(|(to, _)| to);
        let mut line = format!("{} {}", head.method, head.path);
        line.extend(to.iter().map(|to| format!(" to {to}")));
        self.log.push(line);
        let hits = self.faults.iter_mut().filter_map(|fault| {
            fault.hits(&head.method, &head.path, to.as_deref()).then(|| fault.effect.clone())
        });
        let (meanwhile, others): (Vec<_>, Vec<_>) = hits.partition(|e| matches!(e, Effect::Meanwhile(_)));
        for effect in meanwhile {
            if let Effect::Meanwhile(act) = effect {
                act(&mut self.files);
            }
        }
        others.into_iter().next()
    }

    fn answer(&mut self, head: &Head, body: Vec<u8>) -> Answer {
        let path = &head.path;
        let is_folder = self.files.is_folder(path);
        let is_there = is_folder || self.files.get(path).is_some();
        if self.habits.redirects_folders && is_folder && !head.ends_in_slash {
            let host = head.header("host").unwrap_or_default();
            return Answer::new(301).with("Location", format!("http://{host}{}/", encoded(path)));
        }
        match head.method.as_str() {
            // Apache has a page of what is in it.
            "GET" if is_folder && self.habits.redirects_folders => {
                Answer::new(200).saying("<html>Index</html>")
            }
            "GET" if is_folder => Answer::new(403),
            "PUT" if is_folder || head.ends_in_slash => Answer::new(405),
            "PUT" | "MKCOL" if !self.files.has_parent(path) => Answer::new(409),
            "PUT" => {
                self.files.put(path, Some(body));
                Answer::new(if is_there { 204 } else { 201 })
            }
            "MKCOL" if self.lacks_slash(head, true) => Answer::new(409),
            "MKCOL" if is_there => Answer::new(405),
            "MKCOL" => {
                self.files.put(path, None);
                Answer::new(201)
            }
            "GET" | "DELETE" | "PROPFIND" | "MOVE" | "COPY" if !is_there => Answer::new(404),
            "GET" => self.get(head),
            "DELETE" if self.lacks_slash(head, is_folder) => Answer::new(409),
            "DELETE" => {
                self.files.remove(path);
                Answer::new(204)
            }
            "PROPFIND" => self.list(head),
            "MOVE" | "COPY" if self.lacks_slash(head, is_folder) => Answer::new(409),
            "MOVE" | "COPY" => self.move_or_copy(head),
            _ => Answer::new(405),
        }
    }

    fn lacks_slash(&self, head: &Head, is_folder: bool) -> bool {
        let lacks = |text: &str| !text.ends_with('/');
        let destination_lacks = head.destination().is_some_and(|(_, text)| lacks(text));
        self.habits.strict_slashes && is_folder && (!head.ends_in_slash || destination_lacks)
    }

    fn etag(&self, path: &str) -> Option<String> {
        let node = self.files.get(path)?;
        (self.habits.etags != Etags::None).then(|| format!("\"tag-{}\"", node.tag))
    }

    fn get(&self, head: &Head) -> Answer {
        let Some(bytes) = self.files.get(&head.path).and_then(|node| node.bytes.as_ref()) else {
            return Answer::new(404);
        };
        let etag = self.etag(&head.path);
        if head.header("if-match").is_some_and(|wanted| etag.as_deref() != Some(wanted)) {
            return Answer::new(412);
        }
        let size = bytes.len();
        let answer = match head.range(size) {
            Some((from, _)) if from >= size => {
                return Answer::new(416).with("Content-Range", format!("bytes */{size}"));
            }
            Some((from, to)) => Answer::new(206)
                .with("Content-Range", format!("bytes {from}-{}/{size}", to - 1))
                .saying(&bytes[from..to]),
            None => Answer::new(200).saying(bytes.as_slice()),
        };
        etag.into_iter().fold(answer, |answer, etag| answer.with("ETag", etag))
    }

    fn move_or_copy(&mut self, head: &Head) -> Answer {
        let Some((to, text)) = head.destination() else { return Answer::new(400) };
        if self.habits.wants_path_as_destination && text.contains("://") {
            return Answer::new(502);
        }
        if self.habits.redirects_folders && self.files.is_folder(&to) && !text.ends_with('/') {
            return Answer::new(301);
        }
        if to == head.path || to.starts_with(&format!("{}/", head.path)) {
            return Answer::new(403);
        }
        if !self.files.has_parent(&to) {
            return Answer::new(409);
        }
        let over = self.files.get(&to).is_some();
        if over && head.header("overwrite").is_some_and(|value| value.eq_ignore_ascii_case("f")) {
            return Answer::new(412);
        }
        match head.method.as_str() {
            "COPY" => self.files.copy(&head.path, &to, head.header("depth") != Some("0")),
            _ => self.files.rename(&head.path, &to, self.habits.etags == Etags::NewWithName),
        }
        Answer::new(if over { 204 } else { 201 })
    }

    fn list(&self, head: &Head) -> Answer {
        let inside = match head.header("depth") {
            Some("0") => Vec::new(),
            Some("1") => self.files.children(&head.path),
            _ => return Answer::new(403),
        };
        let is_list = head.header("depth") == Some("1") && self.files.is_folder(&head.path);
        let mut all: String =
            std::iter::once(&head.path).chain(&inside).map(|path| self.about(path)).collect();
        for href in self.habits.also_lists.iter().filter(|_| is_list) {
            let kind = if href.ends_with('/') {
                "<D:resourcetype><D:collection/></D:resourcetype>"
            } else {
                "<D:resourcetype/>"
            };
            all += &format!(
                "<D:response><D:href>{href}</D:href><D:propstat><D:prop>{kind}<D:getcontentlength>1</D:getcontentlength>\
                 </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            );
        }
        Answer::new(207).with("Content-Type", "application/xml").saying(multistatus(&all))
    }

    /// The response about a file or folder.
    fn about(&self, path: &str) -> String {
        let node = self.files.get(path);
        let bytes = node.and_then(|node| node.bytes.as_ref());
        let shown = match (self.habits.href_base, path.strip_prefix(BASE)) {
            (Some(base), Some(rest)) => format!("{base}{rest}"),
            _ => path.to_owned(),
        };
        let mut found = format!(
            "<D:getlastmodified>{}</D:getlastmodified><D:resourcetype>{}</D:resourcetype>",
            date(node.map_or(0, |node| node.modified)),
            if bytes.is_none() { "<D:collection/>" } else { "" }
        );
        found.extend(bytes.map(|b| format!("<D:getcontentlength>{}</D:getcontentlength>", b.len())));
        found.extend(self.etag(path).map(|etag| format!("<D:getetag>{etag}</D:getetag>")));
        format!(
            "<D:response><D:href>{}{}</D:href><D:propstat><D:prop>{found}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>\
             </D:response>",
            encoded(&shown),
            if bytes.is_none() { "/" } else { "" }
        )
    }
}

fn multistatus(responses: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><D:multistatus xmlns:D=\"DAV:\">{responses}</D:multistatus>"
    )
}

/// A time of the server, whose first day is a Sunday.
fn date(clock: u64) -> String {
    let day = clock / 86400;
    let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][day as usize % 7];
    let (hours, minutes, seconds) = (clock / 3600 % 24, clock / 60 % 60, clock % 60);
    format!("{weekday}, {:02} Nov 1994 {hours:02}:{minutes:02}:{seconds:02} GMT", 6 + day)
}
