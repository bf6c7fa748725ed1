//! What a server says in XML. Whatever namespace it has: not all servers have Amazon's.

use std::io;

use percent_encoding::percent_decode_str;
use roxmltree::{Document, Node};

/// A page of the answer to `ListObjectsV2`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listing {
    pub(super) objects: Vec<Object>,
    /// What keys of folders begin with.
    pub(super) prefixes: Vec<String>,
    /// Where the next page goes on.
    pub(super) next: Option<String>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: Option<u64>,
    /// In seconds since 1970.
    pub(super) modified: Option<u64>,
}

/// A page of the answer to `ListMultipartUploads`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Uploads {
    pub(super) uploads: Vec<Upload>,
    /// Key and upload where the next page goes on.
    pub(super) next: Option<(String, String)>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) id: String,
    /// In seconds since 1970.
    pub(super) begun: Option<u64>,
}

/// The error in an answer that should have none: the server said 200 before it knew. Its code.
pub(super) fn error_code(text: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    (root.tag_name().name() == "Error").then(|| text_of(&root, "Code").unwrap_or_default())
}

/// The text of an element directly inside the outermost one, whose name is `root`.
pub(super) fn field(text: &str, root: &str, name: &str) -> io::Result<String> {
    let document = parse(text, root)?;
    text_of(&document.root_element(), name).ok_or_else(|| bad(&format!("there is no {name} in it")))
}

/// Reads the answer to `ListObjectsV2`.
pub(super) fn listing(text: &str) -> io::Result<Listing> {
    let document = parse(text, "ListBucketResult")?;
    let root = document.root_element();
    let decode = decoder(&root);
    let mut listing = Listing::default();
    for node in root.children() {
        match node.tag_name().name() {
            "Contents" => listing.objects.push(Object {
                key: decode(text_of(&node, "Key").ok_or_else(|| bad("an object without a key"))?),
                size: text_of(&node, "Size").and_then(|text| text.parse().ok()),
                modified: text_of(&node, "LastModified").and_then(|text| seconds(&text)),
            }),
            "CommonPrefixes" => listing.prefixes.extend(text_of(&node, "Prefix").map(&decode)),
            _ => {}
        }
    }
    if text_of(&root, "IsTruncated").as_deref() == Some("true") {
        let token =
            text_of(&root, "NextContinuationToken").ok_or_else(|| bad("there is more, and no word where"))?;
        listing.next = Some(token);
    }
    Ok(listing)
}

/// Reads the answer to `ListMultipartUploads`.
pub(super) fn uploads(text: &str) -> io::Result<Uploads> {
    let document = parse(text, "ListMultipartUploadsResult")?;
    let root = document.root_element();
    let decode = decoder(&root);
    let mut found = Uploads::default();
    for node in root.children().filter(|node| node.tag_name().name() == "Upload") {
        let (Some(key), Some(id)) = (text_of(&node, "Key"), text_of(&node, "UploadId")) else { continue };
        let begun = text_of(&node, "Initiated").and_then(|text| seconds(&text));
        found.uploads.push(Upload { key: decode(key), id, begun });
    }
    if text_of(&root, "IsTruncated").as_deref() == Some("true") {
        let next = |name| text_of(&root, name).unwrap_or_default();
        found.next = Some((decode(next("NextKeyMarker")), next("NextUploadIdMarker")));
    }
    Ok(found)
}

/// Seconds since 1970 of `2009-10-12T17:50:30.000Z`, which is in UTC.
fn seconds(date: &str) -> Option<u64> {
    let (day, time) = date.trim().strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, mark| -> Option<[u64; 3]> {
        let parts: Vec<u64> = text.split(mark).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let [year, month, day] = numbers(day, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // Days to the first of January 1970, counted so.
    Some((days.checked_sub(719_469)? * 24 + hour) * 3600 + minute * 60 + second)
}

fn bad(what: &str) -> io::Error {
    io::Error::other(format!("the server's answer is not one of S3: {what}"))
}

fn parse<'t>(text: &'t str, root: &str) -> io::Result<Document<'t>> {
    let document = Document::parse(text).map_err(|e| bad(&e.to_string()))?;
    let found = document.root_element().tag_name().name();
    match found == root {
        true => Ok(document),
        false => Err(bad(&format!("it begins with `{found}`, and should with `{root}`"))),
    }
}

fn text_of(node: &Node, name: &str) -> Option<String> {
    let text = node.children().find(|child| child.tag_name().name() == name)?.text()?;
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// What gives keys as they are: not every one can be written in XML, so servers are asked to encode them, as forms are.
fn decoder(root: &Node) -> impl Fn(String) -> String + use<> {
    let encoded = text_of(root, "EncodingType").as_deref() == Some("url");
    move |key| match encoded {
        true => percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned(),
        false => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_amazon() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a+b/</Prefix><KeyCount>3</KeyCount>
<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
<Contents><Key>a+b/x%2By%20%C3%BC.keras</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>
<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>a+b/</Key><Size>0</Size></Contents><CommonPrefixes><Prefix>a+b/c/</Prefix></CommonPrefixes></ListBucketResult>"#;
        let found = listing(text).unwrap();
        assert_eq!(
            found.objects,
            [
                Object { key: "a b/x+y ü.keras".into(), size: Some(434_234), modified: Some(1_255_369_830) },
                Object { key: "a b/".into(), size: Some(0), modified: None },
            ]
        );
        assert_eq!(found.prefixes, ["a b/c/"]);
        assert_eq!(found.next.as_deref(), Some("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="));

        // Of a server that neither encodes nor has a namespace.
        let plain = "<ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
                     <Contents><Key>a+%20b</Key></Contents></ListBucketResult>";
        let found = listing(plain).unwrap();
        assert_eq!((found.objects[0].key.as_str(), found.next), ("a+%20b", None));
    }

    #[test]
    fn uploads_and_errors() {
        let text = "<ListMultipartUploadsResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Bucket>b</Bucket>\
                    <NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
                    <Upload><Key>m.keras</Key><UploadId>XMgbG</UploadId><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>\
                    <Upload><Key>broken</Key></Upload></ListMultipartUploadsResult>";
        let found = uploads(text).unwrap();
        let upload = Upload { key: "m.keras".into(), id: "XMgbG".into(), begun: Some(1_289_422_113) };
        assert_eq!((found.uploads, found.next), (vec![upload], Some(("k".into(), "i".into()))));

        let error =
            "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>Try again.</Message></Error>";
        assert_eq!(error_code(error).as_deref(), Some("InternalError"));
        assert_eq!(error_code("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"), None);
        assert_eq!(field("<R><UploadId>i</UploadId></R>", "R", "UploadId").unwrap(), "i");
        assert!(field("<R/>", "R", "UploadId").is_err());

        for text in ["", "<html/>", "not xml", "<ListBucketResult><Contents/></ListBucketResult>"] {
            assert!(listing(text).is_err() && uploads(text).is_err(), "{text}");
        }
        let endless = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert!(listing(endless).is_err());
    }

    #[test]
    fn dates() {
        // From `date -u -d ... +%s`.
        for (date, wanted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00.000Z", 951_782_400),
            ("2026-01-31T12:34:56Z", 1_769_862_896),
            ("2099-12-31T23:59:59.999Z", 4_102_444_799),
        ] {
            assert_eq!(seconds(date), Some(wanted), "{date}");
        }
        for date in [
            "",
            "2026-01-31",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "1969-12-31T00:00:00Z",
            "x-1-1T0:0:0Z",
        ] {
            assert_eq!(seconds(date), None, "{date}");
        }
    }
}
