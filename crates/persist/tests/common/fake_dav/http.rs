//! Requests and answers on a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Head {
    pub method: String,
    /// Decoded, without slashes at its end.
    pub path: String,
    pub ends_in_slash: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The next one of a connection.
    pub fn read(reader: &mut BufReader<TcpStream>) -> Option<Head> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines.first()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let headers = lines.iter().filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Some(Head { method, path: path_of(target), ends_in_slash: target.ends_with('/'), headers })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn body(&self, reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
        let length = self.header("content-length").map_or(0, |text| text.parse().expect("a length"));
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The path of the header `Destination`, and as it came.
    pub fn destination(&self) -> Option<(String, &str)> {
        let text = self.header("destination")?;
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => text,
        };
        Some((path_of(path), text))
    }

    /// The bytes of a file of this size that are asked for: the first, and the one after the last.
    pub fn range(&self, size: usize) -> Option<(usize, usize)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        let last = last.parse::<usize>().map_or(size, |last| size.min(last + 1));
        Some((first.parse().ok()?, last))
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn saying(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sends it, and so many bytes of its body.
    pub fn send(&self, mut stream: &TcpStream, most: usize) -> Option<()> {
        let mut text = format!("HTTP/1.1 {} Fake\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.status != 204 {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend(self.body.iter().take(most));
        stream.write_all(&bytes).ok()
    }
}

/// The path of a URL's path.
fn path_of(target: &str) -> String {
    let bytes = target.split('?').next().unwrap_or_default().as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).expect("UTF-8").trim_end_matches('/').to_owned()
}

/// A path as it is in an href.
pub fn encoded(path: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    path.bytes().map(letter).collect()
}
