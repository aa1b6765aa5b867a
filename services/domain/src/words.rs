//! Enums whose values have a word for files, the store and the wire.

/// Declares an enum whose values have one stable word each: [`as_str`](crate::MatchState::as_str) gives it, `parse`
/// reads it, serde writes it. Words are never renamed: stored rows hold them.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$value_meta])* #[serde(rename = $word)] $value),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$value),+];

            /// The word of the value.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$value => $word),+ }
            }

            /// The value of a word; `None` for a word that is none of them.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

/// Declares an id: text that means something to its maker only; compared byte by byte.
macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub smol_str::SmolStr);

        impl $name {
            /// The id that this text is.
            pub fn new(text: &str) -> Self {
                $name(text.into())
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use {id, words};
