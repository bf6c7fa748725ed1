//! The answer to `PROPFIND`: RFC 4918, sections 13 and 15.

use std::io;
use std::time::UNIX_EPOCH;

use percent_encoding::percent_decode_str;
use roxmltree::{Document, Node};

use crate::limits;
use crate::storage::remote_file::opaque;

/// The properties that are asked for.
pub(super) const QUESTION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>\
                                   <getlastmodified/><getetag/></prop></propfind>";

/// A file or a folder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resource {
    /// Its path on the server, decoded, without a slash at the end.
    pub(super) path: String,
    pub(super) is_folder: bool,
    pub(super) size: Option<u64>,
    pub(super) etag: Option<String>,
    /// In seconds since 1970.
    pub(super) modified: Option<u64>,
}

impl Resource {
    /// Whether it is directly in a folder.
    pub(super) fn is_in(&self, folder: &Self) -> bool {
        let name = self.path.strip_prefix(&folder.path).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| !name.contains('/') && !matches!(name, "" | "." | ".."))
    }

    /// Whether it has the tag of another one. (Apache's are weak in the first second of a file.)
    pub(super) fn has_tag_of(&self, other: &Self) -> bool {
        let tag = |r: &'_ Self| r.etag.as_deref().map(opaque).map(str::to_owned);
        tag(self).is_some() && tag(self) == tag(other)
    }

    /// Whether it is what another one was, for all that is known of them.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let same_tag = self.has_tag_of(other) || (self.etag.is_none() && other.etag.is_none());
        let is_same =
            (self.is_folder, self.size, self.modified) == (other.is_folder, other.size, other.modified);
        self.name() == other.name() && same_tag && is_same
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The path of a URL as resources have it.
pub(super) fn path_of(url: &str) -> String {
    let path = match url.find("://").and_then(|at| url.get(at.saturating_add(3)..)) {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => url,
    };
    percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy().into_owned()
}

/// Reads an answer.
pub(super) fn read(text: &str) -> io::Result<Vec<Resource>> {
    let bad = |what: &str| io::Error::other(format!("the server's list of files is no WebDAV: {what}"));
    let document = Document::parse(text).map_err(|e| bad(&e.to_string()))?;
    let root = document.root_element();
    if !is(&root, "multistatus") {
        return Err(bad(&format!("it begins with `{}`", root.tag_name().name())));
    }
    let mut found = Vec::new();
    for response in root.children().filter(|node| is(node, "response")) {
        let href = child(&response, "href")
            .and_then(|node| node.text())
            .ok_or_else(|| bad("a response without href"))?;
        let mut resource =
            Resource { path: path_of(href.trim()), is_folder: false, size: None, etag: None, modified: None };
        let told =
            |stat: &Node| child(stat, "status").and_then(|s| s.text()).is_none_or(|s| s.contains(" 200"));
        for stat in response.children().filter(|node| is(node, "propstat")).filter(told) {
            for property in child(&stat, "prop").iter().flat_map(|prop| prop.children().collect::<Vec<_>>()) {
                let text = || property.text().map(|text| text.trim().to_owned());
                match property.tag_name().name() {
                    "resourcetype" => resource.is_folder = child(&property, "collection").is_some(),
                    "getcontentlength" => resource.size = text().and_then(|text| text.parse().ok()),
                    "getetag" => resource.etag = text(),
                    "getlastmodified" => resource.modified = text().and_then(|text| seconds(&text)),
                    _ => {}
                }
            }
        }
        found.push(resource);
        if found.len() > limits::FOLDER_ENTRIES {
            return Err(bad(&format!("more than {} files", limits::FOLDER_ENTRIES)));
        }
    }
    Ok(found)
}

/// Seconds since 1970 of a date in a header.
pub(super) fn seconds(date: &str) -> Option<u64> {
    httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
}

fn is(node: &Node, name: &str) -> bool {
    node.tag_name().namespace() == Some("DAV:") && node.tag_name().name() == name
}

fn child<'a, 'b>(node: &Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| is(child, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_apache() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:"><D:href>/dav/a%20b/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype>
<lp1:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</lp1:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<D:response xmlns:lp1="DAV:"><D:href>https://h/dav/a%20b/x.keras</D:href><D:propstat><D:prop><lp1:resourcetype/>
<lp1:getcontentlength>12</lp1:getcontentlength><lp1:getetag>"c-1"</lp1:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>"#;
        let found = read(text).unwrap();
        let folder = Resource {
            path: "/dav/a b".into(),
            is_folder: true,
            size: None,
            etag: None,
            // RFC 9110, section 5.6.7.
            modified: Some(784_111_777),
        };
        let file = Resource {
            path: "/dav/a b/x.keras".into(),
            is_folder: false,
            size: Some(12),
            etag: Some("\"c-1\"".into()),
            modified: None,
        };
        assert_eq!(found, [folder, file]);
        assert_eq!(found[1].name(), "x.keras");
        assert_eq!(path_of("https://h:1/dav/a%20b/"), "/dav/a b");
        assert_eq!(path_of("https://h"), "");
    }

    #[test]
    fn what_is_no_list() {
        for text in
            ["", "<html/>", "<multistatus/>", "<D:multistatus xmlns:D='DAV:'><D:response/></D:multistatus>"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        // Entities that grow without end are not expanded.
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><D:multistatus xmlns:D='DAV:'>&b;</D:multistatus>";
        assert!(read(bomb).is_err());
        // Nor do elements inside elements need a deep stack.
        let deep = format!(
            "<D:multistatus xmlns:D='DAV:'>{}{}</D:multistatus>",
            "<a>".repeat(100_000),
            "</a>".repeat(100_000)
        );
        drop(read(&deep));
    }
}
