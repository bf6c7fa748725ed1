//! What a server says to people.

use std::io::Read;

use super::client::Answer;

/// Bytes that are read of it.
const MOST: u64 = 16 << 10;
/// Letters that are shown.
const SHOWN: usize = 300;

/// The message in the body of an answer: the text of its element `message`, else all text without marks. Without the secrets of the
/// request, which a server may repeat.
pub(in crate::storage) fn words(answer: Answer) -> String {
    let mut bytes = Vec::new();
    // What of it comes is enough.
    let _ = answer.body.take(MOST).read_to_end(&mut bytes);
    plain(&String::from_utf8_lossy(&bytes), &answer.secrets)
}

/// The same, of a body that was read.
pub(in crate::storage) fn plain(text: &str, secrets: &[String]) -> String {
    let message = roxmltree::Document::parse(text).ok().and_then(|document| {
        let named = |node: &roxmltree::Node| node.tag_name().name().eq_ignore_ascii_case("message");
        document.descendants().find(named)?.text().map(str::to_owned)
    });
    let text = message.unwrap_or_else(|| without_marks(text));
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    // Before it is cut: of half a secret nobody would know that it is one.
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        line = line.replace(secret, "***");
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The text of a page: what is in its paragraphs, where it has any.
fn without_marks(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let body = lower.find("<p>").or_else(|| lower.find("<body"));
    let mut inside = false;
    let mut text = String::new();
    for letter in page.get(body.unwrap_or(0)..).unwrap_or(page).chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    for (mark, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(mark, letter);
    }
    text
}

#[cfg(test)]
mod tests {
    fn plain(text: &str) -> String {
        super::plain(text, &[])
    }

    #[test]
    fn of_several_servers() {
        let apache = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>403 Forbidden</title>\n</head><body>\n\
                      <h1>Forbidden</h1>\n<p>You don't have permission to access this\nresource.</p>\n<hr>\n</body></html>";
        assert_eq!(plain(apache), "You don't have permission to access this resource.");
        let sabre = "<?xml version=\"1.0\"?><d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\"><s:exception>X</s:exception>\
                     <s:message>No quota &amp; no space</s:message></d:error>";
        assert_eq!(plain(sabre), "No quota & no space");
        assert_eq!(
            plain("<Error><Code>NoSuchKey</Code><Message>The key is not there.</Message></Error>"),
            "The key is not there."
        );
        assert_eq!(
            plain("quota of this\u{1b}[31m folder is used up\n"),
            "quota of this[31m folder is used up"
        );
        assert_eq!(plain(&"x".repeat(1000)).len(), 303);
        let repeated = format!("you sent {}", "secret".repeat(100));
        assert_eq!(super::plain(&repeated, &["".into(), "secret".repeat(100)]), "you sent ***");
    }
}
