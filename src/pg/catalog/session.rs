//! What a session tells its functions: who asks, where, and with which settings.

use std::collections::BTreeMap;

/// The version of PostgreSQL that this server answers as. Clients ask for what they know of it, so
/// it says which columns the catalogue has.
pub const SERVER_VERSION: &str = "15.18";
/// The same as a number: `server_version_num`.
pub const SERVER_VERSION_NUMBER: &str = "150018";

/// What a session tells its functions. The server makes one for each statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The current user.
    pub user: String,
    /// The user that logged in.
    pub session_user: String,
    /// The database of the connection.
    pub database: String,
    /// The number of the connection.
    pub backend_pid: i32,
    /// Whether the user may do everything.
    pub is_superuser: bool,
    /// The schemas that a name without one is looked up in.
    pub search_path: Vec<String>,
    /// The language of names and comments.
    pub language: String,
    /// The settings by their name in lower case, where they differ from PostgreSQL's defaults.
    pub settings: BTreeMap<String, String>,
    /// When the statement began, in microseconds since 1970-01-01 UTC.
    pub statement_start: i64,
    /// When the server began, likewise.
    pub server_start: i64,
    /// The client's address; none over a local socket.
    pub client_address: Option<String>,
    /// The client's port.
    pub client_port: Option<u16>,
    /// The server's address.
    pub server_address: Option<String>,
    /// The server's port.
    pub server_port: u16,
}

impl Default for SessionInfo {
    fn default() -> Self {
        Self {
            user: "sdmxdb".to_owned(),
            session_user: "sdmxdb".to_owned(),
            database: "sdmxdb".to_owned(),
            backend_pid: 0,
            is_superuser: false,
            search_path: vec!["public".to_owned()],
            language: "en".to_owned(),
            settings: BTreeMap::new(),
            statement_start: 0,
            server_start: 0,
            client_address: None,
            client_port: None,
            server_address: None,
            server_port: 0,
        }
    }
}

/// `version()`.
pub fn version() -> String {
    format!("PostgreSQL {SERVER_VERSION} (sdmxdb {})", env!("CARGO_PKG_VERSION"))
}
