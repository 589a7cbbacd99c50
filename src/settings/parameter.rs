//! A default, declared once: settings, schema, docs and the report's assumptions all read it.

/// A setting that has a value when the scenario gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The fact behind it, such as `OPEN-6`. `OWN-n` are guesses of ours about the user's own system; empty for a choice
    /// that claims nothing about any system, such as the seed.
    pub id: &'static str,
    /// Which of the parameters with this id, such as `reorder`. Empty for what is built in and has no setting.
    pub key: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// Its value in the scenario's language.
    pub value: &'static str,
    /// Why this value.
    pub basis: &'static str,
    /// Whether AWS publishes the value. What is neither published nor written down is an assumption.
    pub published: bool,
}

impl Parameter {
    /// A default that AWS publishes, or that claims nothing.
    pub const fn published(
        id: &'static str,
        key: &'static str,
        what: &'static str,
        value: &'static str,
    ) -> Self {
        Self { id, key, what, value, basis: "published", published: true }
    }

    /// A default that AWS does not publish, and why it is this one.
    pub const fn assumed(
        id: &'static str,
        key: &'static str,
        what: &'static str,
        value: &'static str,
        basis: &'static str,
    ) -> Self {
        Self { id, key, what, value, basis, published: false }
    }

    /// Something assumed that no setting changes.
    pub const fn built_in(
        id: &'static str,
        what: &'static str,
        value: &'static str,
        basis: &'static str,
    ) -> Self {
        Self::assumed(id, "", what, value, basis)
    }
}
