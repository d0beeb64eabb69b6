//! Users, and what those of them who may write do over the wire.

use std::io::{Read, Write};
use std::{slice, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BufMut;
use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{Client, NoTls};
use ring::{digest, hmac, pbkdf2};
use sdmxdb::model::Zone;
use sdmxdb::store::{Editor, Message, NewRelease, ReleaseTime, Right, UserChange};

use crate::world::{Raw, World, field, kinds, rows, tags};

/// The columns that tests write.
const COLUMNS: &str = "freq, currency, currency_denom, exr_type, exr_suffix, time_period, \
                       obs_value_text, obs_status";

impl World {
    /// A server with a writer and a reader.
    fn with_users() -> Self {
        let world = Self::new();
        let add = |rights: &[Right]| {
            UserChange::Add("secret".to_owned(), rights.iter().copied().collect())
        };
        for (name, rights) in
            [("anna", &[Right::Write][..]), ("bob", &[]), ("root", &[Right::Admin])]
        {
            world.database.change_user(name, &add(rights), 1, "test").expect("a user");
        }
        world
    }

    fn log_in(&self, name: &str) -> Client {
        let mut config = self.config();
        config.user(name).password("secret").connect(NoTls).expect("a connection")
    }

    /// A session of messages, as a user with a password.
    ///
    /// Source: RFC 5802, section 3.
    fn raw_as(&self, name: &str, password: &str) -> Raw {
        let mut raw = Raw::connect(self.address);
        raw.start(&[("user", name), ("database", "sdmxdb")]);
        raw.until(b'R');
        let bare = format!("n={name},r=abcdef");
        raw.send(b'p', &first(&format!("n,,{bare}")));
        let challenge = String::from_utf8(raw.until(b'R')[0].1[4..].to_vec()).expect("a text");
        let part = |place: usize| challenge.split(',').nth(place).expect("a part")[2..].to_owned();
        let (nonce, salt) = (part(0), STANDARD.decode(part(1)).expect("a salt"));
        let rounds = part(2).parse().expect("a number");
        let mut salted = [0; 32];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, rounds, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
        };
        let client_key = sign(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, &client_key);
        let unproved = format!("c=biws,r={nonce}");
        let signature =
            sign(stored_key.as_ref(), format!("{bare},{challenge},{unproved}").as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        raw.send(b'p', format!("{unproved},p={}", STANDARD.encode(proof)).as_bytes());
        raw.until(b'Z');
        raw
    }

    fn commits(&self) -> u64 {
        self.database.snapshot().expect("a snapshot").number()
    }
}

/// The first answer of a client that proves itself.
fn first(text: &str) -> Vec<u8> {
    let mut body = b"SCRAM-SHA-256\0".to_vec();
    body.put_i32(i32::try_from(text.len()).expect("short"));
    body.put_slice(text.as_bytes());
    body
}

/// What the rates of a currency are, by a reader of its own.
fn rates(world: &World, currency: &str) -> String {
    let sql = format!(
        "SELECT time_period, obs_value_text, obs_status FROM ecb.exr WHERE currency = '{currency}' \
         ORDER BY 1"
    );
    let found = world.log_in("bob").query(&sql, &[]).expect("rows");
    let text =
        |row: &postgres::Row, at: usize| row.get::<_, Option<&str>>(at).unwrap_or("-").to_owned();
    let found = found.iter().map(|row| [text(row, 0), text(row, 1), text(row, 2)].join("|"));
    found.collect::<Vec<_>>().join(" ")
}

fn insert(currency: &str, period: &str, value: &str) -> String {
    format!(
        "INSERT INTO ecb.exr ({COLUMNS}) \
         VALUES ('D', '{currency}', 'EUR', 'SP00', 'A', '{period}', '{value}', 'A')"
    )
}

#[test]
fn a_text_that_comes_again_sees_what_was_written() {
    let world = World::with_users();
    let mut raw = world.raw_as("bob", "secret");
    // Rows, and the state of an error or the text of a notice.
    let mut ask = |sql: &str| {
        raw.query(sql);
        let answer = raw.until(b'Z');
        let told = |(kind, name)| answer.iter().find(|(k, _)| *k == kind).map(|m| field(m, name));
        let told = told((b'E', b'C')).or_else(|| told((b'N', b'M'))).flatten().unwrap_or_default();
        format!("{} {told}", rows(&answer))
    };
    let count = "SELECT count(*) FROM ecb.exr WHERE currency = 'GBP'";
    let none = "SELECT obs_value FROM ecb.exr WHERE currency = 'GPB'";
    let why = "ecb.exr has no code 'GPB' in currency; did you mean 'GBP'?";
    for rates in ["2 ", "3 "] {
        for _ in 0..3 {
            assert_eq!(ask(count), rates);
            assert_eq!(ask(none), format!(" {why}"));
        }
        if rates == "2 " {
            let insert = insert("GBP", "2024-01-04", "0.9");
            world.log_in("anna").batch_execute(&insert).expect("inserted");
        }
    }
    assert_eq!(ask("BEGIN"), " ");
    assert_eq!(ask(count), "3 ");
    assert_eq!(ask("SELECT 1/(SELECT 0)"), " 22012");
    assert_eq!(ask(count), " 25P02");
    assert_eq!(ask("ROLLBACK"), " ");
    assert_eq!(ask(count), "3 ");
}

#[track_caller]
fn refused(client: &mut Client, sql: &str, state: &str) {
    let error = client.batch_execute(sql).expect_err(sql);
    assert_eq!(error.code().map(SqlState::code), Some(state), "{sql}: {error}");
}

#[test]
fn users_log_in_by_their_password() {
    let world = World::with_users();
    let row = world.log_in("anna").query_one("SELECT current_user", &[]).expect("a row");
    assert_eq!(row.get::<_, &str>(0), "anna");
    for (name, password) in [("anna", "Secret"), ("anna", ""), ("nobody", "secret")] {
        let mut config = world.config();
        let error = config.user(name).password(password).connect(NoTls).err().expect(name);
        let expected = format!("password authentication failed for user \"{name}\"");
        let found = error.as_db_error().map(|e| (e.code().code(), e.message()));
        assert_eq!(found, Some(("28P01", expected.as_str())));
    }
    let users = ["anna", "bob", "root"];
    for name in users {
        world.database.change_user(name, &UserChange::Drop, 1, "test").expect("dropped");
    }
    drop(world.client());
}

#[test]
fn nobody_comes_in_without_a_proof() {
    let world = World::with_users();
    let start = || {
        let mut raw = Raw::connect(world.address);
        raw.start(&[("user", "anna"), ("database", "sdmxdb")]);
        assert_eq!(raw.until(b'R')[0].1, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
        raw
    };
    let wrong: [(u8, Vec<u8>); 7] = [
        (b'Q', b"SELECT 1\0".to_vec()),
        (b'p', b"secret\0".to_vec()),
        (b'p', b"PLAIN\0\0\0\0\x01x".to_vec()),
        (b'p', b"SCRAM-SHA-256\0\x7f\xff\xff\xff".to_vec()),
        (b'p', first("p=tls-server-end-point,,n=,r=abc")),
        (b'p', first("")),
        (b'p', first("n,,n=anna")),
    ];
    for (kind, body) in wrong {
        let mut raw = start();
        raw.send(kind, &body);
        let end = raw.until(b'E');
        let code = field(end.last().expect("an error"), b'C');
        assert_eq!(code.as_deref(), Some("08P01"), "{body:?}");
        let mut rest = Vec::new();
        raw.0.read_to_end(&mut rest).expect("the end");
        assert!(rest.is_empty(), "the connection is closed");
    }
    let mut raw = start();
    raw.send(b'p', &first("n,,n=anna,r=abcdef"));
    let challenge = raw.until(b'R');
    let text = String::from_utf8_lossy(&challenge[0].1[4..]).into_owned();
    let nonce = text.split(',').next().expect("a nonce").to_owned();
    let proof = "A".repeat(43) + "=";
    raw.send(b'p', format!("c=biws,{nonce},p={proof}").as_bytes());
    let end = raw.until(b'E');
    assert_eq!(field(end.last().expect("an error"), b'C').as_deref(), Some("28P01"));
    let mut raw = start();
    raw.0.write_all(b"p\x7f\xff\xff\xff").expect("sent");
    assert_eq!(kinds(&raw.until(b'E')), "E", "it is not waited for two gigabytes");
}

#[test]
fn only_those_write_who_may() {
    let world = World::with_users();
    let before = world.commits();
    let sql = insert("CHF", "2024-01-02", "0.9310");
    let mut bob = world.log_in("bob");
    refused(&mut bob, &sql, "42501");
    refused(&mut bob, &format!("BEGIN READ WRITE; {sql}"), "42501");
    refused(&mut bob, "ROLLBACK; COPY ecb.exr FROM STDIN", "42501");
    refused(&mut bob, "PREPARE p AS DELETE FROM ecb.exr", "42501");
    let mut anna = world.log_in("anna");
    refused(&mut anna, &format!("BEGIN READ ONLY; {sql}"), "25006");
    anna.batch_execute("ROLLBACK").expect("over");
    refused(&mut anna, "CREATE TABLE t (a int)", "0A000");
    assert_eq!(world.commits(), before);
    anna.batch_execute(&sql).expect("written");
    assert_eq!(rates(&world, "CHF"), "2024-01-02|0.9310|A");
    let write = UserChange::Revoke([Right::Write].into());
    world.database.change_user("anna", &write, 1, "test").expect("revoked");
    refused(&mut anna, &insert("CHF", "2024-01-03", "1"), "42501");
    let nobody = World::new();
    refused(&mut nobody.client(), &sql, "25006");
}

/// A text that comes again is answered from what there is by then.
#[test]
fn the_same_text_is_asked_anew_where_something_has_changed() {
    let world = World::with_users();
    let (mut anna, mut bob) = (world.log_in("anna"), world.log_in("bob"));
    let sql = "SELECT count(*) FROM ecb.exr WHERE currency = 'CHF'";
    let count = |client: &mut Client| -> i64 { client.query_one(sql, &[]).expect("a row").get(0) };
    let before = count(&mut bob);
    assert_eq!((count(&mut anna), count(&mut bob)), (before, before));
    anna.batch_execute(&insert("CHF", "2024-01-02", "0.9310")).expect("written");
    assert_eq!((count(&mut anna), count(&mut bob)), (before + 1, before + 1));
    anna.batch_execute("BEGIN").expect("begun");
    anna.batch_execute(&insert("CHF", "2024-01-03", "0.9320")).expect("written");
    assert_eq!((count(&mut anna), count(&mut bob)), (before + 2, before + 1));
    refused(&mut anna, "SELECT nothing", "42703");
    let error = anna.query_one(sql, &[]).expect_err("a failed transaction");
    assert_eq!(error.code().map(SqlState::code), Some("25P02"));
    anna.batch_execute("ROLLBACK").expect("over");
    assert_eq!(count(&mut anna), before + 1);
    for data_type in [Type::INT4, Type::TEXT, Type::INT4] {
        let asked =
            bob.prepare_typed("SELECT $1 AS same", slice::from_ref(&data_type)).expect("prepared");
        assert_eq!(asked.columns()[0].type_(), &data_type);
    }
}

#[test]
fn others_are_stopped_by_admins_only() {
    let world = World::with_users();
    let mut bob = world.log_in("bob");
    let pid: i32 = bob.query_one("SELECT pg_backend_pid()", &[]).expect("a row").get(0);
    let stop = format!("SELECT pg_terminate_backend({pid})");
    refused(&mut world.log_in("anna"), &stop, "42501");
    world.log_in("root").batch_execute(&stop).expect("stopped");
    while bob.batch_execute("SELECT 1").is_ok() {
        thread::yield_now();
    }
}

#[test]
fn a_transaction_is_one_commit_or_nothing() {
    let world = World::with_users();
    let mut anna = world.log_in("anna");
    let before = world.commits();
    let mut work = anna.transaction().expect("begun");
    work.batch_execute(&insert("CHF", "2024-01-02", "0.9310")).expect("written");
    let mut inner = work.savepoint("a").expect("a savepoint");
    inner.batch_execute(&insert("CHF", "2024-01-03", "0.9320")).expect("written");
    inner.rollback().expect("back");
    work.batch_execute(&insert("CHF", "2024-01-04", "0.9330")).expect("written");
    let own: i64 = work
        .query_one("SELECT count(*) FROM ecb.exr WHERE currency = 'CHF'", &[])
        .expect("a row")
        .get(0);
    assert_eq!(own, 2, "it sees its own rows");
    assert_eq!(rates(&world, "CHF"), "", "and nobody else does");
    work.commit().expect("committed");
    assert_eq!(rates(&world, "CHF"), "2024-01-02|0.9310|A 2024-01-04|0.9330|A");
    assert_eq!(world.commits(), before + 1);
    let mut work = anna.transaction().expect("begun");
    work.batch_execute(&insert("CHF", "2024-01-05", "0.9340")).expect("written");
    drop(work);
    refused(&mut anna, &insert("CHF", "2024-01-02", "1"), "23505");
    assert_eq!(world.commits(), before + 1, "what is taken back leaves no trace");
    let commit = world.database.snapshot().expect("a snapshot");
    let commit = commit.commits().next_back().expect("a commit").clone();
    assert_eq!(commit.author, "anna");
}

#[test]
fn what_belongs_together_without_a_word_is_one_commit() {
    let world = World::with_users();
    let mut anna = world.log_in("anna");
    let before = world.commits();
    let two = [insert("CHF", "2024-01-02", "1"), insert("CHF", "2024-01-03", "2")].join(";");
    anna.batch_execute(&two).expect("written");
    assert_eq!(world.commits(), before + 1);
    let half = [insert("CHF", "2024-01-04", "1"), insert("CHF", "2024-01-02", "2")].join(";");
    refused(&mut anna, &half, "23505");
    assert_eq!(world.commits(), before + 1);
    assert_eq!(rates(&world, "CHF"), "2024-01-02|1|A 2024-01-03|2|A");
}

#[test]
fn the_first_to_commit_wins() {
    let world = World::with_users();
    let (mut first, mut second) = (world.log_in("anna"), world.log_in("root"));
    first.batch_execute("BEGIN").expect("begun");
    second.batch_execute("BEGIN").expect("begun");
    first.batch_execute(&insert("CHF", "2024-01-02", "1")).expect("written");
    second.batch_execute(&insert("CHF", "2024-01-03", "2")).expect("written");
    first.batch_execute("COMMIT").expect("committed");
    refused(&mut second, "COMMIT", "40001");
    second.batch_execute(&insert("CHF", "2024-01-03", "2")).expect("again, and alone");
    assert_eq!(rates(&world, "CHF"), "2024-01-02|1|A 2024-01-03|2|A");
}

#[test]
fn parameters_keep_their_digits() {
    let world = World::with_users();
    let mut anna = world.log_in("anna");
    let sql = "INSERT INTO ecb.exr (freq, currency, currency_denom, exr_type, exr_suffix, \
               time_period, obs_value) VALUES ('D', $1, 'EUR', 'SP00', 'A', $2, $3)";
    let statement = anna.prepare(sql).expect("prepared");
    assert_eq!(
        statement.params(),
        [Type::VARCHAR, Type::VARCHAR, Type::FLOAT8]
            .map(|t| { if t == Type::VARCHAR { Type::TEXT } else { t } })
    );
    for (period, value) in [("2024-01-02", 0.5), ("2024-01-03", 1e21)] {
        let done = anna.execute(&statement, &[&"CHF", &period, &value]).expect("written");
        assert_eq!(done, 1);
    }
    // Numbers as text, whose type the client leaves open.
    let mut raw = world.raw_as("anna", "secret");
    raw.parse("s", sql);
    raw.bind_texts("", "s", &["CHF", "2024-01-04", "1.10"]);
    raw.execute("", 0);
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!((kinds(&answer).as_str(), tags(&answer).as_str()), ("12CZ", "INSERT 0 1"));
    raw.bind_texts("", "s", &["CHF", "2024-01-05", "much"]);
    raw.execute("", 0);
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("22P02"));
    assert_eq!(
        rates(&world, "CHF"),
        "2024-01-02|0.5|- 2024-01-03|1000000000000000000000|- 2024-01-04|1.10|-"
    );
}

#[test]
fn rounds_of_the_extended_protocol_are_one_commit() {
    let world = World::with_users();
    let before = world.commits();
    let mut raw = world.raw_as("anna", "secret");
    let sql = "INSERT INTO ecb.exr (freq, currency, currency_denom, exr_type, exr_suffix, \
               time_period, obs_value) VALUES ('D', $1, 'EUR', 'SP00', 'A', $2, $3) \
               RETURNING currency, obs_value_text";
    raw.parse("s", sql);
    for period in ["2024-01-02", "2024-01-03", "2024-01-04"] {
        raw.bind_texts("", "s", &["CHF", period, "1.0"]);
        raw.execute("", 0);
    }
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!(kinds(&answer), "12DC2DC2DCZ");
    assert_eq!(rows(&answer), "CHF|1.0 CHF|1.0 CHF|1.0");
    assert_eq!(tags(&answer), "INSERT 0 1,INSERT 0 1,INSERT 0 1");
    assert_eq!(world.commits(), before + 1);
    for period in ["2024-01-05", "2024-01-02"] {
        raw.bind_texts("", "s", &["CHF", period, "1.0"]);
        raw.execute("", 0);
    }
    raw.sync();
    assert_eq!(field(raw.until(b'E').last().expect("an error"), b'C').as_deref(), Some("23505"));
    raw.until(b'Z');
    assert_eq!(world.commits(), before + 1, "with the last of them the first is taken back");
}

#[test]
fn releases_are_seen_by_those_who_may() {
    let world = World::with_users();
    let by = Editor::at(2, "test");
    let new = NewRelease {
        name: "march".to_owned(),
        title: String::new(),
        notes: String::new(),
        at: ReleaseTime::parse("2040-01-01 09:00", Zone::UTC).expect("a time"),
        is_announced: false,
    };
    world.database.create_release(new, &by).expect("made");
    let data = "DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n\
                ECB:EXR(1.0),D,CHF,EUR,SP00,A,2024-01-02,7.7777\n";
    let message = Message::open(Box::new(data.as_bytes()), "march.csv").expect("a message");
    world.database.add_to_release("march", vec![message], &by).expect("added");
    let mut anna = world.log_in("anna");
    for release in ["march", "none"] {
        refused(&mut anna, &format!("SET sdmx.release = '{release}'"), "42501");
        anna.batch_execute(&format!("SELECT set_config('sdmx.release', '{release}', false)"))
            .expect("set");
        refused(&mut anna, "SELECT * FROM ecb.exr", "42501");
        anna.batch_execute("RESET sdmx.release").expect("reset");
    }
    assert_eq!(rates(&world, "CHF"), "");
    let mut root = world.log_in("root");
    refused(&mut root, "SET sdmx.release = 'none'", "42704");
    root.batch_execute("SET sdmx.release = 'march'").expect("set");
    let sql = "SELECT obs_value_text FROM ecb.exr WHERE currency = 'CHF'";
    let seen = root.query(sql, &[]).expect("rows");
    assert_eq!(seen.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["7.7777"]);
    assert_eq!(rates(&world, "CHF"), "", "nobody else sees it meanwhile");
    refused(&mut root, &insert("CHF", "2024-01-03", "1"), "22023");
    root.batch_execute("RESET sdmx.release").expect("reset");
    assert!(root.query(sql, &[]).expect("no rows").is_empty());
}

#[track_caller]
fn copy(world: &World, options: &str, data: &[u8]) -> Result<u64, String> {
    let mut anna = world.log_in("anna");
    let sql = format!("COPY ecb.exr ({COLUMNS}) FROM STDIN {options}");
    let mut writer = anna.copy_in(&sql).map_err(|error| error.to_string())?;
    // In small pieces, so that lines come in parts.
    for piece in data.chunks(7) {
        writer.write_all(piece).expect("sent");
        writer.flush().expect("sent");
    }
    writer.finish().map_err(|error| {
        let error = error.as_db_error().expect("an answer");
        let place = error.where_().unwrap_or("-");
        format!("{} {} [{place}]", error.code().code(), error.message())
    })
}

#[test]
fn copies_text() {
    let world = World::with_users();
    let data = b"D\tCHF\tEUR\tSP00\tA\t2024-01-02\t0.9310\tA\nD\tCHF\tEUR\tSP00\tA\t2024-01-03\t\\N\tM\n\\.\n";
    assert_eq!(copy(&world, "", data), Ok(2));
    assert_eq!(rates(&world, "CHF"), "2024-01-02|0.9310|A 2024-01-03|-|M");
    let before = world.commits();
    let check = |options: &str, data: &str, expected: &str| {
        assert_eq!(copy(&world, options, data.as_bytes()), Err(expected.to_owned()));
    };
    check(
        "",
        "D\tJPY\tEUR\tSP00\tA\t2024-01-02\t1\tA\nD\tJPY\tEUR\n",
        "22P04 missing data for column \"exr_type\" [COPY exr, line 2: \"D\tJPY\tEUR\"]",
    );
    check(
        "(DELIMITER '|')",
        "D|JPY|EUR|SP00|A|2024-01-02|1|A|x\n",
        "22P04 extra data after last expected column [COPY exr, line 1: \
         \"D|JPY|EUR|SP00|A|2024-01-02|1|A|x\"]",
    );
    assert_eq!(world.commits(), before, "what fails leaves no trace");
    let twice = b"D\tJPY\tEUR\tSP00\tA\t2024-01-02\t1\tA\nD\tJPY\tEUR\tSP00\tA\t2024-01-02\t1\tA\n";
    assert!(copy(&world, "", twice).is_err_and(|text| text.starts_with("23505")));
    assert_eq!(copy(&world, "", b""), Ok(0));
}

#[test]
fn copies_csv() {
    let world = World::with_users();
    let header = COLUMNS.replace(' ', "");
    let data = format!("{header}\r\nD,CHF,EUR,SP00,\"A\",2024-01-02,\"0.9310\",A\r\n");
    assert_eq!(copy(&world, "(FORMAT csv, HEADER match)", data.as_bytes()), Ok(1));
    let wrong = data.replace("currency_denom", "denom");
    let error = copy(&world, "(FORMAT csv, HEADER match)", wrong.as_bytes());
    let expected = "22P04 column name mismatch in header line field 3: got \"denom\", expected \
                    \"currency_denom\" [COPY exr, line 1: ";
    assert!(error.as_ref().is_err_and(|text| text.starts_with(expected)), "{error:?}");
    assert_eq!(rates(&world, "CHF"), "2024-01-02|0.9310|A");
}

#[test]
fn copies_binary_as_it_was_copied_out() {
    let world = World::with_users();
    let mut anna = world.log_in("anna");
    let out =
        format!("COPY (SELECT {COLUMNS} FROM ecb.exr WHERE currency = 'USD') TO STDOUT BINARY");
    let mut data = Vec::new();
    anna.copy_out(out.as_str()).expect("rows").read_to_end(&mut data).expect("read");
    let changed = data.windows(3).position(|found| found == b"USD").expect("a code");
    assert!(changed > 0);
    let text = data.iter().map(|byte| char::from(*byte)).collect::<String>().replace("USD", "CHF");
    let data: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect();
    assert_eq!(copy(&world, "BINARY", &data), Ok(2));
    assert_eq!(rates(&world, "CHF"), rates(&world, "USD"));
    for cut in [5, 15, 30, data.len() - 10] {
        let error = copy(&world, "BINARY", &data[..cut]).expect_err("cut");
        assert!(error.starts_with("22P04"), "{cut}: {error}");
    }
}

#[test]
fn a_client_that_gives_up_leaves_nothing() {
    let world = World::with_users();
    let before = world.commits();
    let mut raw = world.raw_as("anna", "secret");
    raw.query(&format!("COPY ecb.exr ({COLUMNS}) FROM STDIN"));
    assert_eq!(kinds(&raw.until(b'G')), "G");
    raw.send(b'd', b"D\tCHF\tEUR\tSP00\tA\t2024-01-02\t1\tA\n");
    raw.send(b'f', b"enough\0");
    let answer = raw.until(b'Z');
    assert_eq!(field(&answer[0], b'M').as_deref(), Some("COPY from stdin failed: enough"));
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("57014"));
    // A mistake in the middle: what is still on its way is passed over.
    raw.query(&format!("COPY ecb.exr ({COLUMNS}) FROM STDIN"));
    raw.until(b'G');
    raw.send(b'd', &b"wrong\n".repeat(20_000));
    raw.send(b'd', b"wrong\n");
    raw.send(b'c', b"");
    assert_eq!(kinds(&raw.until(b'Z')), "EZ");
    assert_eq!(raw.kinds("SELECT 1"), "TDCZ");
    assert_eq!(world.commits(), before);
    raw.query(&format!("COPY ecb.exr ({COLUMNS}) FROM STDIN"));
    raw.until(b'G');
    raw.query("SELECT 1");
    assert_eq!(field(raw.until(b'E').last().expect("an error"), b'C').as_deref(), Some("08P01"));
}
