//! The nearest known name for a name that nobody knows.

/// How alike two names must be before one is taken for a misspelling of the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.88;

/// Names are compared without case, spaces, underscores and hyphens: `Given Name` is `given_name`.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '_', '-'], "")
}

/// The known name that this one looks like, if one does.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &folded(candidate)), candidate))
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean email?`, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|found| format!("; did you mean {found}?")).unwrap_or_default()
}
