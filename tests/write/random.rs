//! Random statements, transactions and savepoints of two sessions beside a map that keeps every row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sdmxdb::query::Connection;

use crate::cube::random::Random;
use crate::flow::{ask, connect, database};

/// By area and period: the value as text, and the status.
type Rows = BTreeMap<(u64, u64), (Option<String>, Option<String>)>;

/// A session with what it should see.
struct Client {
    connection: Connection,
    open: Option<Open>,
}

/// A transaction.
#[derive(Default)]
struct Open {
    /// What was committed when it first wrote.
    base: Option<Rows>,
    rows: Rows,
    /// The areas that it wrote.
    touched: BTreeSet<u64>,
    savepoints: Vec<(Option<Rows>, Rows, BTreeSet<u64>)>,
    is_failed: bool,
}

const SHOW: &str = "SELECT area, time_period, obs_value_text, obs_status FROM t.w \
                    WHERE area LIKE 'R%' ORDER BY 1, 2";

fn shown(rows: &Rows) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "NULL".to_owned());
    let line =
        |((area, period), (value, status)): (&(u64, u64), &(Option<String>, Option<String>))| {
            format!("R{area}|{}|{}|{}", 2000 + period, text(value), text(status))
        };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn literal(text: Option<&String>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"))
}

/// A statement, what it should answer, and the rows after it.
fn statement(random: &mut Random, rows: &Rows) -> (String, String, Rows, BTreeSet<u64>) {
    let mut after = rows.clone();
    let (area, period) = (random.below(5), random.below(8));
    let value = random.chance(0.8).then(|| format!("{}.{}0", random.below(90), random.below(10)));
    let status = random.chance(0.5).then(|| ["A", "P", "E"][random.below(3) as usize].to_owned());
    let mut touched = BTreeSet::new();
    let (sql, count) = match random.below(8) {
        0..=2 => {
            let upsert = random.chance(0.4);
            let mut sql = format!(
                "INSERT INTO t.w (freq, area, time_period, obs_value, obs_status) VALUES \
                 ('A', 'R{area}', '{}', {}, {})",
                2000 + period,
                value.as_deref().unwrap_or("NULL"),
                literal(status.as_ref())
            );
            let is_there = rows.contains_key(&(area, period));
            if upsert {
                sql += " ON CONFLICT (freq, area, time_period) DO UPDATE SET obs_value = \
                        excluded.obs_value, obs_status = excluded.obs_status";
            }
            if is_there && !upsert {
                let id = format!("A.R{area}.{}", 2000 + period);
                let error = format!("error: key of T:W(1.0) {id}: is there already (row 1)");
                return (sql, error, after, touched);
            }
            touched.insert(area);
            after.insert((area, period), (value, status));
            (sql, "INSERT 0 1".to_owned())
        }
        3 | 4 => {
            let sql = format!(
                "UPDATE t.w SET obs_value = {}, obs_status = {} WHERE area = 'R{area}' AND \
                 time_period >= '{}'",
                value.as_deref().unwrap_or("NULL"),
                literal(status.as_ref()),
                2000 + period
            );
            let mut count = 0;
            for (key, row) in &mut after {
                if key.0 == area && key.1 >= period {
                    *row = (value.clone(), status.clone());
                    touched.insert(area);
                    count += 1;
                }
            }
            (sql, format!("UPDATE {count}"))
        }
        5 => {
            let sql = format!(
                "UPDATE t.w SET obs_status = 'U' WHERE time_period = '{}' AND area LIKE 'R%'",
                2000 + period
            );
            let mut count = 0;
            for (key, row) in &mut after {
                if key.1 == period {
                    row.1 = Some("U".to_owned());
                    touched.insert(key.0);
                    count += 1;
                }
            }
            (sql, format!("UPDATE {count}"))
        }
        _ => {
            let sql = format!(
                "DELETE FROM t.w WHERE area = 'R{area}' AND time_period <= '{}'",
                2000 + period
            );
            let before = after.len();
            after.retain(|key, _| !(key.0 == area && key.1 <= period));
            if after.len() < before {
                touched.insert(area);
            }
            (sql, format!("DELETE {}", before - after.len()))
        }
    };
    (sql, count, after, touched)
}

/// The rows of one area.
fn of_area(rows: &Rows, area: u64) -> Rows {
    rows.iter().filter(|(key, _)| key.0 == area).map(|(k, v)| (*k, v.clone())).collect()
}

#[test]
fn random_statements_do_what_a_map_does() {
    for seed in 0..8 {
        run(seed, 150);
    }
}

fn run(seed: u64, steps: u64) {
    let mut random = Random::new(seed);
    let database = database();
    let mut world = Rows::new();
    let client = || Client { connection: connect(&database), open: None };
    let mut clients = [client(), client()];
    let mut log = String::new();
    for _ in 0..steps {
        let number = usize::from(random.chance(0.4));
        let client = &mut clients[number];
        let (sql, expected) = client.step(&mut random, &mut world);
        writeln!(log, "{number}: {sql}").expect("write");
        let answer = ask(&client.connection, &sql);
        assert!(answer.starts_with(&expected), "{answer}\nnot {expected}\nseed {seed}\n{log}");
        for client in clients.iter().filter(|client| !client.is_failed()) {
            if random.chance(0.3) {
                let own = client.open.as_ref().filter(|open| open.base.is_some());
                let expected = shown(own.map_or(&world, |open| &open.rows));
                assert_eq!(ask(&client.connection, SHOW), expected, "seed {seed}\n{log}");
            }
        }
    }
}

impl Client {
    fn is_failed(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_failed)
    }

    /// What is asked next, and how the answer begins.
    fn step(&mut self, random: &mut Random, world: &mut Rows) -> (String, String) {
        let same = |text: &str| (text.to_owned(), text.to_owned());
        let Some(open) = &mut self.open else {
            if random.chance(0.3) {
                self.open = Some(Open::default());
                return same("BEGIN");
            }
            let (sql, expected, after, _) = statement(random, world);
            *world = after;
            return (sql, expected);
        };
        match random.below(12) {
            _ if open.is_failed => {
                self.open = None;
                same("ROLLBACK")
            }
            0 => {
                self.open = None;
                same("ROLLBACK")
            }
            1 | 2 => {
                let open = self.open.take().expect("open");
                ("COMMIT".to_owned(), open.commit(world).to_owned())
            }
            3 => {
                open.savepoints.push((open.base.clone(), open.rows.clone(), open.touched.clone()));
                (format!("SAVEPOINT s{}", open.savepoints.len()), "SAVEPOINT".to_owned())
            }
            4 if !open.savepoints.is_empty() => {
                let place = random.below(open.savepoints.len() as u64);
                let place = usize::try_from(place).expect("small");
                open.savepoints.truncate(place + 1);
                (open.base, open.rows, open.touched) = open.savepoints[place].clone();
                (format!("ROLLBACK TO s{}", place + 1), "ROLLBACK".to_owned())
            }
            _ => {
                if open.base.is_none() {
                    open.rows.clone_from(world);
                }
                let (sql, expected, after, touched) = statement(random, &open.rows);
                open.is_failed = expected.starts_with("error");
                if !touched.is_empty() && open.base.is_none() {
                    open.base = Some(world.clone());
                }
                open.rows = after;
                open.touched.extend(touched);
                (sql, expected)
            }
        }
    }
}

impl Open {
    /// Commits, unless what it wrote was changed meanwhile.
    fn commit(self, world: &mut Rows) -> &'static str {
        let Some(base) = self.base else { return "COMMIT" };
        if self.touched.iter().any(|area| of_area(&base, *area) != of_area(world, *area)) {
            return "error: series T:W(1.0) A.R";
        }
        for area in self.touched {
            world.retain(|key, _| key.0 != area);
            world.extend(of_area(&self.rows, area));
        }
        "COMMIT"
    }
}
