//! The case of names, with the rules of serde's `rename_all`, so that both give the same names.

/// How a variant becomes a name.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    /// The case with this name, written in that case itself.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        CASES.iter().find(|(name, _)| *name == text).map(|(_, case)| *case)
    }

    /// The names of all cases.
    pub(crate) fn names() -> String {
        CASES.map(|(name, _)| format!("\"{name}\"")).join(", ")
    }

    /// Converts the variant from Pascal case.
    pub(crate) fn of(self, variant: &str) -> String {
        match self {
            Self::Lower => variant.to_ascii_lowercase(),
            Self::Upper => variant.to_ascii_uppercase(),
            Self::Pascal => variant.to_owned(),
            Self::Camel => {
                let mut rest = variant.chars();
                rest.next()
                    .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + rest.as_str())
            }
            Self::Snake => separated(variant, '_'),
            Self::ScreamingSnake => separated(variant, '_').to_ascii_uppercase(),
            Self::Kebab => separated(variant, '_').replace('_', "-"),
            Self::ScreamingKebab => separated(variant, '_').to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// Lower case, with a separator before each capital but the first letter.
fn separated(variant: &str, separator: char) -> String {
    let mut name = String::with_capacity(variant.len() + 4);
    for (index, letter) in variant.char_indices() {
        if index > 0 && letter.is_uppercase() {
            name.push(separator);
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
