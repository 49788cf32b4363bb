//! The cure for a misspelt name: the known one that was probably meant.

/// "; did you mean `x`?" for the known name nearest to `wrong`, else a list of the known names, else nothing.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    // Names of three letters with two of them swapped count as near, which they do not by similarity alone.
    let likeness = |name: &str| {
        let slip = strsim::damerau_levenshtein(wrong, name) <= 1;
        if slip { 1.0 } else { strsim::jaro_winkler(wrong, name) }
    };
    let best = known
        .iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("ulr", "; did you mean `url`?")]
    #[case("timeuot", "; did you mean `timeout`?")]
    #[case("x", "; known are timeout, url")]
    fn the_name_that_was_meant_is_found(#[case] wrong: &str, #[case] says: &str) {
        assert_eq!(nearest(wrong, ["url", "timeout"].into_iter()), says);
    }

    #[test]
    fn nothing_is_said_where_nothing_is_known() {
        assert_eq!(nearest("x", std::iter::empty()), "");
    }
}
