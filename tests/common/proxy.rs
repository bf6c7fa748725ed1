//! A proxy between a client and a server that cuts and stalls connections. It passes bytes on without looking at them, so TLS
//! goes through it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Direction {
    ToServer,
    ToClient,
}
pub use Direction::{ToClient, ToServer};

/// What went over one connection.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    pub to_server: u64,
    pub to_client: u64,
    /// The first bytes that the client sent, at most 64.
    pub begins_with: Vec<u8>,
    /// Whether the proxy has cut it.
    pub cut: bool,
}

/// A proxy at a port of 127.0.0.1. It passes all until told otherwise; a new setting replaces the one before. When it is
/// dropped, its connections are cut and its threads end.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts it, before the server at this address.
    pub fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared::default());
        let acceptor = thread::spawn({
            let shared = shared.clone();
            move || accept(&shared, &listener, upstream)
        });
        Proxy { shared, address, acceptor: Some(acceptor) }
    }

    /// Its address, in place of the server's.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// A URL of the server as one that goes through the proxy.
    pub fn url(&self, base: &str) -> String {
        let (scheme, rest) = base.split_once("://").expect("a URL");
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        format!("{scheme}://{}{path}", self.address)
    }

    /// Passes everything on, from now.
    pub fn pass(&self) {
        self.set(Rule::Pass);
    }

    /// Lets as many more bytes through, over all connections. The byte after these cuts all connections, and new ones are
    /// closed at once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.set(Rule::CutAll { direction, left: bytes });
    }

    /// Lets as many more bytes through over each connection. The byte after these cuts it; this happens to the first
    /// connections that get there, as many as given, and then no more.
    pub fn cut_first(&self, connections: usize, direction: Direction, bytes: u64) {
        self.set(Rule::CutEach { direction, bytes, connections });
    }

    /// Lets as many more bytes through, over all connections. The byte after these, and all others in this direction, wait
    /// for a time (or the next setting). Connections stay open.
    pub fn stall_after(&self, direction: Direction, bytes: u64, time: Duration) {
        self.set(Rule::Stall { direction, left: bytes, time });
    }

    /// All connections so far, the oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.state().links.iter().map(|link| link.connection.clone()).collect()
    }

    /// The bytes let through so far, over all connections.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.state().links.iter_mut().map(|link| *link.connection.count(direction)).sum()
    }

    fn set(&self, rule: Rule) {
        let mut state = self.shared.state();
        state.rule = rule;
        state.links.iter_mut().for_each(|link| link.since = 0);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.rule = Rule::Refuse;
            state.over = true;
            state.links.iter_mut().for_each(Link::close);
            self.shared.changed.notify_all();
        }
        // The acceptor looks whether it is over when somebody comes.
        let _ = TcpStream::connect(self.address);
        let _ = self.acceptor.take().expect("dropped once").join();
    }
}

enum Rule {
    Pass,
    CutAll {
        direction: Direction,
        left: u64,
    },
    /// What `CutAll` becomes.
    Refuse,
    CutEach {
        direction: Direction,
        bytes: u64,
        connections: usize,
    },
    Stall {
        direction: Direction,
        left: u64,
        time: Duration,
    },
    /// What `Stall` becomes.
    Stalled {
        direction: Direction,
        until: Instant,
    },
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    rule: Rule,
    over: bool,
    links: Vec<Link>,
}

impl Default for State {
    fn default() -> Self {
        State { rule: Rule::Pass, over: false, links: Vec::new() }
    }
}

/// A connection, with its two sockets as long as it is open.
struct Link {
    connection: Connection,
    sockets: Vec<TcpStream>,
    /// Bytes since the last setting, in the direction that the setting is about.
    since: u64,
    /// Directions in which no more will come.
    ended: usize,
}

impl Link {
    fn close(&mut self) {
        for socket in self.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn cut(&mut self) {
        self.connection.cut |= !self.sockets.is_empty();
        self.close();
    }
}

impl Connection {
    fn count(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            ToServer => &mut self.to_server,
            ToClient => &mut self.to_client,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread has panicked")
    }

    /// How many of the bytes (at least one) may go on now. None if the connection is cut.
    fn admit(&self, link: usize, towards: Direction, bytes: &[u8]) -> Option<usize> {
        let mut guard = self.state();
        loop {
            let state = &mut *guard;
            let here = &mut state.links[link];
            if here.sockets.is_empty() {
                return None;
            }
            let all = bytes.len() as u64;
            let admitted = match &mut state.rule {
                Rule::CutAll { direction, left } if *direction == towards => {
                    let some = all.min(*left);
                    *left -= some;
                    if some == 0 {
                        state.rule = Rule::Refuse;
                        state.links.iter_mut().for_each(Link::cut);
                        return None;
                    }
                    some
                }
                Rule::Refuse => {
                    here.cut();
                    return None;
                }
                Rule::CutEach { direction, bytes, connections }
                    if *direction == towards && *connections > 0 =>
                {
                    let some = all.min(bytes.saturating_sub(here.since));
                    if some == 0 {
                        *connections -= 1;
                        here.cut();
                        return None;
                    }
                    here.since += some;
                    some
                }
                Rule::Stall { direction, left, time } if *direction == towards => {
                    let some = all.min(*left);
                    *left -= some;
                    if some == 0 {
                        state.rule = Rule::Stalled { direction: towards, until: Instant::now() + *time };
                        continue;
                    }
                    some
                }
                Rule::Stalled { direction, until } if *direction == towards => {
                    let time = until.saturating_duration_since(Instant::now());
                    if time.is_zero() {
                        state.rule = Rule::Pass;
                    } else {
                        guard = self.changed.wait_timeout(guard, time).expect("no thread has panicked").0;
                    }
                    continue;
                }
                _ => all,
            };
            *here.connection.count(towards) += admitted;
            let admitted = admitted as usize;
            if towards == ToServer {
                let known = &mut here.connection.begins_with;
                known.extend(bytes[..admitted].iter().take(64 - known.len()));
            }
            return Some(admitted);
        }
    }

    /// Notes a new connection. None if there shall be none.
    fn open(&self, client: &TcpStream, server: &TcpStream) -> std::io::Result<Option<usize>> {
        let sockets = vec![client.try_clone()?, server.try_clone()?];
        let mut state = self.state();
        let mut link = Link { connection: Connection::default(), sockets, since: 0, ended: 0 };
        let refused = matches!(state.rule, Rule::Refuse);
        if refused {
            link.cut();
        }
        state.links.push(link);
        Ok((!refused).then(|| state.links.len() - 1))
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener, upstream: SocketAddr) {
    let mut pumps = Vec::new();
    for client in listener.incoming() {
        if shared.state().over {
            break;
        }
        let opened = client.and_then(|client| {
            let server = TcpStream::connect_timeout(&upstream, Duration::from_secs(5))?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            Ok((shared.open(&client, &server)?, client, server))
        });
        // A server that is not there is seen by the client as a connection that is closed.
        let Ok((Some(link), client, server)) = opened else { continue };
        let ends = client.try_clone().and_then(|other| Ok((other, server.try_clone()?)));
        let (client_too, server_too) = ends.expect("sockets have handles");
        for (direction, from, to) in [(ToServer, client, server), (ToClient, server_too, client_too)] {
            let shared = shared.clone();
            pumps.push(thread::spawn(move || pump(&shared, link, direction, from, to)));
        }
    }
    pumps.into_iter().for_each(|pump| pump.join().expect("no panic"));
}

/// Passes on what comes in one direction, until its end.
fn pump(shared: &Shared, link: usize, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 1 << 14];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let Some(admitted) = shared.admit(link, direction, rest) else { return };
            let (now, later) = rest.split_at(admitted);
            if to.write_all(now).is_err() {
                shared.state().links[link].close();
                return;
            }
            rest = later;
        }
    }
    let link = &mut shared.state().links[link];
    link.ended += 1;
    if link.ended == 2 {
        link.close();
    } else {
        // The other direction may go on.
        let _ = to.shutdown(Shutdown::Write);
    }
}
