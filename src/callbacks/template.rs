//! File-name templates in Python's format language, as far as file names need it: `{epoch:04d}`, `{val_loss:.2f}`, `{batch}`.

/// What a placeholder may name.
pub(super) enum Number {
    /// A whole number.
    Whole(usize),
    /// A logged value.
    Real(f64),
}

/// Fills a template. `value` gives the number of a name, or `None`.
///
/// # Errors
/// An unclosed brace, a name that is not there, or a format that does not fit: in one sentence.
pub(super) fn fill(template: &str, value: &dyn Fn(&str) -> Option<Number>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out += &rest[..at];
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out += &rest[at..=at];
            rest = &rest[at + 2..];
            continue;
        }
        let inside = rest[at..].strip_prefix('{').and_then(|r| r.split_once('}'));
        let Some((placeholder, after)) = inside else {
            return Err(format!("`{template}` has a brace without its partner"));
        };
        let (name, format) = placeholder.split_once(':').unwrap_or((placeholder, ""));
        let number =
            value(name).ok_or_else(|| format!("`{template}` names `{name}`, which is not logged"))?;
        out += &formatted(&number, format)
            .ok_or_else(|| format!("`{template}`: the format `{format}` does not fit `{name}`"))?;
        rest = after;
    }
    Ok(out + rest)
}

/// `[[fill]align][0][width][.precision][type]`.
fn formatted(number: &Number, format: &str) -> Option<String> {
    let (mut format, kind) = match format.chars().last() {
        Some(c) if c.is_ascii_alphabetic() || c == '%' => (&format[..format.len() - 1], Some(c)),
        _ => (format, None),
    };
    let mut align = None;
    if let Some(c) = format.chars().next().filter(|c| matches!(c, '<' | '>' | '^')) {
        align = Some(c);
        format = &format[1..];
    }
    let zeros = align.is_none() && format.starts_with('0') && format.len() > 1;
    let (width, precision) = format.split_once('.').map_or((format, None), |(w, p)| (w, Some(p)));
    let width: usize = if width.is_empty() { 0 } else { width.parse().ok().filter(|w| *w <= 100)? };
    let precision: Option<usize> = match precision {
        Some(p) => Some(p.parse().ok().filter(|p| *p <= 100)?),
        None => None,
    };
    let text = match (number, kind) {
        (Number::Whole(n), None | Some('d')) if precision.is_none() => n.to_string(),
        (Number::Whole(n), Some(k)) => real(*n as f64, Some(k), precision)?,
        (Number::Real(v), k) => real(*v, k, precision)?,
        _ => return None,
    };
    let pad = width.saturating_sub(text.chars().count());
    Some(match align {
        _ if zeros => match text.strip_prefix('-') {
            Some(digits) => format!("-{}{digits}", "0".repeat(pad)),
            None => "0".repeat(pad) + &text,
        },
        Some('<') => text + &" ".repeat(pad),
        Some('^') => " ".repeat(pad / 2) + &text + &" ".repeat(pad - pad / 2),
        _ => " ".repeat(pad) + &text,
    })
}

fn real(v: f64, kind: Option<char>, precision: Option<usize>) -> Option<String> {
    let digits = precision.unwrap_or(6);
    Some(match kind {
        None if precision.is_none() => format!("{v}"),
        None | Some('g') => format!("{v:.*}", digits.saturating_sub(1)),
        Some('f' | 'F') => format!("{v:.digits$}"),
        Some('%') => format!("{:.digits$}%", v * 100.0),
        Some('e') => {
            // Python writes at least two digits of exponent, with its sign.
            let text = format!("{v:.digits$e}");
            let (mantissa, exponent) = text.split_once('e')?;
            let exponent: i32 = exponent.parse().ok()?;
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<Number> {
        match name {
            "epoch" => Some(Number::Whole(7)),
            "val_loss" => Some(Number::Real(0.123_456)),
            _ => None,
        }
    }

    /// What Python's `str.format` gives.
    #[test]
    fn as_python() {
        for (template, want) in [
            ("cp-{epoch:04d}.ckpt", "cp-0007.ckpt"),
            ("{epoch}-{val_loss:.2f}.keras", "7-0.12.keras"),
            ("{{x}}-{epoch:>3}", "{x}-  7"),
            ("{val_loss:08.3f}", "0000.123"),
            ("{val_loss:.1e}", "1.2e-01"),
            ("{val_loss:.1%}", "12.3%"),
            ("{epoch:.1f}", "7.0"),
            ("plain", "plain"),
        ] {
            assert_eq!(fill(template, &value).as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in
            [("{epoch", "brace"), ("{acc}", "`acc`, which is not logged"), ("{val_loss:d}", "does not fit")]
        {
            let error = fill(template, &value).expect_err(template);
            assert!(error.contains(part), "{error}");
        }
    }
}
