//! The proxy of the tests of remote storage does what those tests rely on.

mod common;

use common::proxy::{Proxy, ToClient, ToServer};
use std::io::{Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A server that sends back what it gets.
fn echo() -> SocketAddr {
    server(true).0
}

/// A server that tells how many bytes each connection brought, at its end. It lives as long as the process.
fn server(echoes: bool) -> (SocketAddr, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    let (tell, brought) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell) = (stream.expect("accepts"), tell.clone());
            thread::spawn(move || {
                let (mut total, mut buffer) = (0, [0; 1000]);
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    total += length;
                    if echoes && stream.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                let _ = tell.send(total);
            });
        }
    });
    (address, brought)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.addr()).expect("the proxy accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("sets");
    stream
}

/// Sends bytes and their end, and gives all that comes back.
fn exchange(proxy: &Proxy, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(proxy);
    let mut writer = stream.try_clone().expect("clones");
    let bytes = bytes.to_vec();
    let sender =
        thread::spawn(move || writer.write_all(&bytes).and_then(|()| writer.shutdown(Shutdown::Write)));
    let back = read_all(&mut stream);
    let _: Result<()> = sender.join().expect("no panic");
    back
}

/// All until the end or an error.
fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        all.extend(&buffer[..length]);
    }
    all
}

fn round(stream: &mut TcpStream, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut back = vec![0; bytes.len()];
    stream.write_all(bytes)?;
    stream.read_exact(&mut back)?;
    Ok(back)
}

#[test]
fn everything_passes_and_is_counted() {
    let (server, brought) = server(true);
    let proxy = Proxy::start(server);
    let bytes: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
    assert!(exchange(&proxy, &bytes) == bytes);
    assert_eq!(brought.recv(), Ok(300_000));
    assert_eq!(exchange(&proxy, b"short"), b"short");
    assert_eq!((proxy.bytes(ToServer), proxy.bytes(ToClient)), (300_005, 300_005));
    let connections = proxy.connections();
    assert_eq!(connections.len(), 2);
    assert_eq!(connections[0].begins_with, bytes[..64]);
    assert_eq!((connections[1].begins_with.as_slice(), connections[1].cut), (&b"short"[..], false));
}

#[test]
fn urls_keep_their_path() {
    let proxy = Proxy::start(echo());
    let address = proxy.addr();
    assert_eq!(proxy.url("https://127.0.0.1:1/dav/x"), format!("https://{address}/dav/x"));
    assert_eq!(proxy.url("http://localhost"), format!("http://{address}"));
}

#[test]
fn the_byte_after_the_last_cuts_all_connections() {
    let (server, brought) = server(false);
    let proxy = Proxy::start(server);
    let mut idle = connect(&proxy);
    idle.write_all(b"before the setting").expect("passes");
    while proxy.bytes(ToServer) < 18 {
        thread::yield_now();
    }

    proxy.cut_after(ToServer, 50_000);
    exchange(&proxy, &[1; 20_000]);
    assert_eq!(brought.recv(), Ok(20_000));
    exchange(&proxy, &[2; 100_000]);
    let mut rest = [brought.recv().expect("ends"), brought.recv().expect("ends")];
    rest.sort();
    assert_eq!(rest, [18, 30_000], "exactly what was let through, and the idle connection has ended");
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);

    exchange(&proxy, b"refused");
    assert_eq!(proxy.bytes(ToServer), 50_018);
    assert_eq!(proxy.connections().iter().map(|c| c.cut).collect::<Vec<_>>(), [true, false, true, true]);

    proxy.pass();
    exchange(&proxy, b"later");
    assert_eq!(proxy.bytes(ToServer), 50_023);
}

#[test]
fn as_many_bytes_as_allowed_are_no_cut() {
    let proxy = Proxy::start(echo());
    proxy.cut_after(ToServer, 5);
    assert_eq!(exchange(&proxy, b"whole"), b"whole");
    proxy.cut_after(ToClient, 0);
    assert_eq!(exchange(&proxy, b"unanswered"), b"");
    assert_eq!(proxy.bytes(ToServer), 15, "the server got it");
}

#[test]
fn some_connections_are_cut_and_the_next_is_not() {
    let proxy = Proxy::start(echo());
    let mut kept_alive = connect(&proxy);
    assert!(round(&mut kept_alive, &[0; 500]).is_ok());
    proxy.cut_first(3, ToClient, 100);
    assert_eq!(round(&mut kept_alive, &[1; 60]).expect("counts from the setting"), [1; 60]);
    assert!(round(&mut kept_alive, &[2; 60]).is_err());
    for _ in 0..2 {
        assert_eq!(exchange(&proxy, &[3; 5000]), [3; 100]);
    }
    assert_eq!(exchange(&proxy, &[4; 5000]), [4; 5000]);
    assert_eq!(proxy.connections().iter().map(|c| c.cut).collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn a_stall_keeps_connections_open_and_ends() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    let start = Instant::now();
    proxy.stall_after(ToClient, 10, Duration::from_millis(300));
    assert_eq!(round(&mut stream, &[1; 10]).expect("passes"), [1; 10]);
    assert!(start.elapsed() < Duration::from_millis(300));
    assert_eq!(round(&mut stream, &[2; 10]).expect("passes later"), [2; 10]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(round(&mut stream, &[3; 10]).expect("passes"), [3; 10]);
    assert!(start.elapsed() < Duration::from_millis(300), "one stall only");

    // The next setting ends a stall.
    proxy.stall_after(ToServer, 0, Duration::from_secs(60));
    stream.write_all(b"held").expect("sent");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("sets");
    assert!(stream.read(&mut [0]).is_err(), "nothing comes");
    proxy.pass();
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("sets");
    let mut back = [0; 4];
    stream.read_exact(&mut back).expect("comes");
    assert_eq!(&back, b"held");
}

#[test]
fn it_ends_when_dropped() {
    let (server, brought) = server(true);
    let proxy = Proxy::start(server);
    let (mut open, address) = (connect(&proxy), proxy.addr());
    assert!(round(&mut open, b"hello").is_ok());
    let mut stalled = connect(&proxy);
    proxy.stall_after(ToServer, 0, Duration::from_secs(60));
    stalled.write_all(b"held").expect("sent");
    let start = Instant::now();
    drop(proxy);
    assert!(start.elapsed() < Duration::from_secs(10), "nothing waits for the stall");
    assert_eq!(read_all(&mut open), b"");
    assert!(brought.recv().is_ok());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_is_not_there_is_a_closed_connection() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("binds");
    let proxy = Proxy::start(nobody);
    assert_eq!(exchange(&proxy, b"hello"), b"");
}
