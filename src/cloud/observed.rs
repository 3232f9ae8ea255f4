//! Knowing what one does not know.

/// What is known of a thing in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed<T> {
    /// The listing failed or is too old: it may well exist. Nothing is created and nothing deleted.
    Unknown,
    /// A complete look did not find it.
    Absent,
    /// It is there.
    Present(T),
}

impl<T> Observed<T> {
    /// The thing, where it is known to be there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Unknown | Self::Absent => None,
        }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The same knowledge of something derived from the thing.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Unknown => Observed::Unknown,
            Self::Absent => Observed::Absent,
            Self::Present(thing) => Observed::Present(f(thing)),
        }
    }
}
