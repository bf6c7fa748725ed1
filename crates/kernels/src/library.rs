//! The shared functions of shaders/common: a source takes those that it calls, and what they call.

/// The identity program.
pub const IDENTITY_STORE: &str = rhyton_shaders::shader("common/identity_store");

/// Files of shared functions, in the order in which they stand in a source.
pub const COMMON: &[(&str, &str)] = &[
    ("step", rhyton_shaders::shader("common/step")),
    ("math", rhyton_shaders::shader("common/math")),
    ("narrow", rhyton_shaders::shader("common/narrow")),
    ("exponential", rhyton_shaders::shader("common/exponential")),
    ("power", rhyton_shaders::shader("common/power")),
    ("trigonometry", rhyton_shaders::shader("common/trigonometry")),
    ("inverse", rhyton_shaders::shader("common/inverse")),
    ("error", rhyton_shaders::shader("common/error")),
    ("philox", rhyton_shaders::shader("common/philox")),
    ("reduce", rhyton_shaders::shader("common/reduce")),
    ("row", rhyton_shaders::shader("common/row")),
    ("tiles", rhyton_shaders::shader("common/tiles")),
];

/// A declaration at the top level of a file.
struct Item {
    name: &'static str,
    text: &'static str,
}

/// The top-level items of a file: each starts at the beginning of a line with `fn`, `const`, `struct`, `var` or an attribute and ends before the
/// next blank line that is followed by an unindented one. Comments before it are left out.
fn items(file: &'static str) -> impl Iterator<Item = Item> {
    file.split("\n\n").filter_map(|block| {
        let start = block.lines().find(|l| !l.starts_with("//"))?;
        let at = block.find(start)?;
        let text = block[at..].trim_end();
        let after = |keyword, end| text.strip_prefix(keyword).and_then(|rest: &str| rest.split(end).next());
        let name = after("fn ", '(').or(after("const ", ':')).or(after("struct ", ' '));
        let name = match name {
            Some(name) => name,
            None => text.split("> ").nth(1)?.split(':').next()?,
        };
        Some(Item { name, text })
    })
}

/// Whether the identifier occurs in the text as a word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word))
}

/// The items that a text uses, directly or through others, in the order of the files.
pub fn needed(text: &str) -> String {
    let all: Vec<Item> = COMMON.iter().flat_map(|(_, file)| items(file)).collect();
    let mut taken: Vec<bool> = all.iter().map(|item| mentions(text, item.name)).collect();
    loop {
        let more = (0..all.len())
            .find(|&i| !taken[i] && (0..all.len()).any(|j| taken[j] && mentions(all[j].text, all[i].name)));
        match more {
            Some(i) => taken[i] = true,
            None => break,
        }
    }
    let used = all.iter().zip(&taken).filter(|(_, t)| **t).map(|(item, _)| item.text);
    used.map(|text| format!("{text}\n\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called() {
        assert_eq!(needed("let y = max(x, 0.0);"), "");
        let softplus = needed("let y = softplus(x);");
        assert!(softplus.contains("fn log1p_f32(") && softplus.contains("fn softplus("));
        assert!(!softplus.contains("fn erf_f32(") && !softplus.contains("step_row"));
        let draw = needed("uniform_draw(3u, i)");
        assert!(draw.contains("step_row") && draw.contains("fn mul_wide(") && draw.contains("fn philox("));
    }

    #[test]
    fn every_function_is_found() {
        for (name, file) in COMMON {
            let functions = file.lines().filter(|l| l.starts_with("fn ")).count();
            assert_eq!(items(file).filter(|i| i.text.starts_with("fn ")).count(), functions, "{name}");
        }
    }
}
