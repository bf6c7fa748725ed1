//! Formats: how each of them says what is in a [`Tree`](crate::tree::Tree). They know nothing of offsets.
