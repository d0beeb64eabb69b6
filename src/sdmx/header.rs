//! What every SDMX message says of itself.

/// The header of a message that goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// The identifier of the message; the same for equal answers, so that they are equal bytes.
    pub id: String,
    /// When it was prepared: RFC 3339, in UTC, `2024-01-02T10:00:00Z`.
    pub prepared: String,
    /// The identifier of who sends it.
    pub sender: String,
}
