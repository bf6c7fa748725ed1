//! What a word that is unknown may have meant.

/// Returns the candidate that a mistyped word most likely meant, by edit distance; `None` where none is near. Upper and lower case, `_` and `-` count as
/// the same.
///
/// ```
/// use rhyton_error::nearest;
/// assert_eq!(nearest("adma", ["sgd", "adam", "adamw"]), Some("adam"));
/// assert_eq!(nearest("banana", ["sgd", "adam"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |w: &str| -> Vec<char> {
        w.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let asked = plain(word);
    // Nobody types that much; and the distance takes time that grows with the square.
    if asked.is_empty() || asked.len() > 64 {
        return None;
    }
    let typed: Vec<char> = word.chars().collect();
    // Of two that are as near, the one that is written alike.
    let mut best: Option<((usize, usize), &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let length = asked.len().max(known.len());
        // A third may be wrong: of three letters one, of six two.
        if known.is_empty() || known.len() > 64 || asked.len().abs_diff(known.len()) > length / 3 {
            continue;
        }
        let distance = self::distance(&asked, &known);
        if distance > (length / 3).max(1) || distance >= length {
            continue;
        }
        let rank = (distance, self::distance(&typed, &candidate.chars().collect::<Vec<char>>()));
        if best.is_none_or(|(best, _)| rank < best) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns `; did you mean `adam`?`, or nothing where no candidate is near: to be put behind what was found.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |found| format!("; did you mean `{found}`?"))
}

/// Lists words: `a`, `a or b`, `a, b or c`, each in quotes.
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| format!("{w:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Letters to change, add, drop or swap with their neighbour (the optimal string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<usize>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[1][j] + 1).min(rows[2][j - 1] + 1).min(rows[1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest, one_of};

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (a, b, d) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("adma", "adam", 1),
            ("ca", "abc", 3),
            ("abc", "abc", 0),
        ] {
            let [a, b] = [a, b].map(|w| w.chars().collect::<Vec<char>>());
            assert_eq!(distance(&a, &b), d, "{a:?} {b:?}");
            assert_eq!(distance(&b, &a), d, "{b:?} {a:?}");
        }
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known =
            ["relu", "selu", "elu", "mse", "adam", "MaxPooling2D", "same", "valid", "Accuracy", "accuracy"];
        for (typed, meant) in [
            ("rleu", Some("relu")),
            ("msee", Some("mse")),
            ("adma", Some("adam")),
            ("ADAM", Some("adam")),
            ("MaxPool2D", Some("MaxPooling2D")),
            ("max_pooling2d", Some("MaxPooling2D")),
            ("smae", Some("same")),
            ("acuracy", Some("accuracy")),
            ("Acuracy", Some("Accuracy")),
            ("banana", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        assert_eq!(nearest(&"a".repeat(1 << 20), known), None);
    }

    #[test]
    fn words_are_listed() {
        assert_eq!(one_of([]), "");
        assert_eq!(one_of(["a"]), "\"a\"");
        assert_eq!(one_of(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
