//! The frames of the wire, without the session that they are for.

#[path = "../../../src/pg/charset.rs"]
pub mod charset;
#[path = "../../../src/pg/frontend.rs"]
pub mod frontend;

/// What a client is told; here only whether it is.
pub mod errors {
    #[derive(Debug, PartialEq, Eq)]
    pub struct Fault;

    impl Fault {
        pub fn new(_code: &'static str, message: impl Into<String>) -> Self {
            drop(message.into());
            Self
        }

        pub fn fatal(code: &'static str, message: impl Into<String>) -> Self {
            Self::new(code, message)
        }

        pub fn protocol(message: impl Into<String>) -> Self {
            Self::new("08P01", message)
        }

        pub fn hint(self, hint: impl Into<String>) -> Self {
            drop(hint.into());
            self
        }

        pub fn is_fatal(&self) -> bool {
            false
        }
    }
}

/// Reads bytes as the first packet, and as a message of each encoding.
pub fn read(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let body = bytes::Bytes::copy_from_slice(body);
    drop(frontend::Opening::parse(body.clone()));
    for charset in [charset::Charset::Utf8, charset::Charset::Latin1, charset::Charset::Windows1252]
    {
        drop(frontend::Message::parse(*kind, body.clone(), charset));
    }
}
