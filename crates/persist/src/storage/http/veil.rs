//! Keeps secrets out of the HTTP library: it sees placeholders, which are replaced in the bytes of a request's head just before they
//! leave. So nothing that the library logs or says, at any level, has a secret in it.

use std::cell::RefCell;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

thread_local! {
    /// What is to be replaced in the request that this thread is about to send.
    static SECRETS: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
}

/// Puts the secrets in the place of the placeholders, in the request that `send` sends.
pub(super) fn reveal<T>(secrets: Vec<(String, String)>, send: impl FnOnce() -> T) -> T {
    SECRETS.set(secrets);
    let sent = send();
    SECRETS.set(Vec::new());
    sent
}

/// The last link of a chain of connectors.
#[derive(Debug)]
pub(super) struct Veil;

impl<In: Transport> Connector<In> for Veil {
    type Out = Veiled<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(Veiled))
    }
}

/// A connection that knows what placeholders stand for.
#[derive(Debug)]
pub(super) struct Veiled<T>(T);

impl<T: Transport> Transport for Veiled<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let amount = SECRETS.with_borrow_mut(|secrets| {
            let mut amount = amount;
            let mut left = Vec::new();
            for (placeholder, secret) in secrets.drain(..) {
                match replace(self.0.buffers().output(), amount, placeholder.as_bytes(), secret.as_bytes()) {
                    Some(longer) => amount = longer,
                    None => left.push((placeholder, secret)),
                }
            }
            *secrets = left;
            amount
        });
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// Replaces the first place of `old` in the beginning of a buffer; gives its new length. `None` where it is not there, or there is no room.
fn replace(buffer: &mut [u8], amount: usize, old: &[u8], new: &[u8]) -> Option<usize> {
    let at = buffer.get(..amount)?.windows(old.len().max(1)).position(|part| part == old)?;
    let (end, new_end) = (at.checked_add(old.len())?, at.checked_add(new.len())?);
    let longer = amount.checked_sub(old.len())?.checked_add(new.len())?;
    if longer > buffer.len() {
        return None;
    }
    buffer.copy_within(end..amount, new_end);
    buffer.get_mut(at..new_end)?.copy_from_slice(new);
    Some(longer)
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn longer_and_shorter_texts_take_the_place() {
        for new in ["", "x", "a much longer text"] {
            let mut buffer = [0; 64];
            let head = b"GET /?veil HTTP/1.1\r\n\r\n";
            buffer[..head.len()].copy_from_slice(head);
            let amount = replace(&mut buffer, head.len(), b"veil", new.as_bytes()).unwrap();
            assert_eq!(&buffer[..amount], format!("GET /?{new} HTTP/1.1\r\n\r\n").as_bytes());
        }
        assert_eq!(replace(&mut [b'a'; 8], 8, b"b", b"c"), None);
        assert_eq!(replace(&mut [b'a'; 2], 2, b"aa", b"ccc"), None);
    }
}
