//! Sums and means beside exact arithmetic.

#![expect(clippy::float_cmp, reason = "sums are exact: to the last bit")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::asking::ask;
use crate::oracle::{Attributes, ByPeriod, Oracle, Row};
use crate::world::World;

fn oracle(world: &World) -> Oracle {
    let mut oracle = Oracle::default();
    let width = world.spec.dimensions.len();
    oracle.merge(world.loaded.values().map(|loaded| Row {
        flow: "F".to_owned(),
        key: loaded[..width].to_vec(),
        period: if world.spec.has_time() { loaded[width].clone() } else { String::new() },
        measures: vec![Some(loaded[world.key_width()].clone()).filter(|text| !text.is_empty())],
        attributes: Attributes::new(),
        series_attributes: Attributes::new(),
    }));
    oracle
}

/// Sum, mean, least and greatest value of each group are those of exact arithmetic, rounded once.
fn check(world: &World, dimensions: &[usize], by_period: ByPeriod) {
    let oracle = oracle(world);
    let groups = oracle.groups("F", 0, dimensions, by_period, |_| true);
    let mut key: Vec<String> =
        dimensions.iter().map(|it| world.spec.dimensions[*it].id.to_lowercase()).collect();
    if by_period == ByPeriod::Yes {
        key.push("time_period".to_owned());
    }
    let columns = "count(*), count(obs_value), sum(obs_value), min(obs_value), max(obs_value), \
                   avg(obs_value)";
    let sql = if key.is_empty() {
        format!("SELECT {columns} FROM {}", world.table)
    } else {
        let key = key.join(", ");
        format!("SELECT {key}, {columns} FROM {} GROUP BY {key}", world.table)
    };
    let answer = ask(&world.connection, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let found: BTreeMap<Vec<&str>, &[String]> = answer
        .rows
        .iter()
        .map(|row| (row[..key.len()].iter().map(String::as_str).collect(), &row[key.len()..]))
        .collect();
    assert_eq!(found.len(), groups.len(), "{sql}");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    for (name, expected) in groups {
        let found = found.get(&name).unwrap_or_else(|| panic!("{sql}: no {name:?}"));
        assert_eq!(found[0], expected.rows.to_string(), "{sql}: rows of {name:?}");
        assert_eq!(found[1], expected.count.to_string(), "{sql}: values of {name:?}");
        if expected.count == 0 {
            assert!(found[2..].iter().all(|cell| cell == "NULL"), "{sql}: {name:?}");
            continue;
        }
        let sum = expected.sum.to_f64();
        assert!(number(&found[2]) == sum, "{sql}: {name:?}: sum {} is {sum}", found[2]);
        let (min, max) = (expected.min.expect("some"), expected.max.expect("some"));
        assert!(number(&found[3]) == min.to_f64(), "{sql}: {name:?}: least");
        assert!(number(&found[4]) == max.to_f64(), "{sql}: {name:?}: greatest");
        // The mean of the oracle rounds twice.
        let mean = expected.mean().expect("some");
        let near = (number(&found[5]) - mean).abs() <= mean.abs() * f64::EPSILON * 2.0;
        assert!(near, "{sql}: {name:?}: mean {} is {mean}", found[5]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact(
        preset in prop::sample::select(vec!["labour", "no_time", "very_short", "daily"]),
        seed in 0_u64..1_000_000,
        mask in 0_usize..8,
        is_by_period in any::<bool>(),
    ) {
        let world = World::new(preset, 1_500, seed);
        let dimensions: Vec<usize> = (0..3).filter(|bit| mask >> bit & 1 == 1).collect();
        let is_by_period = is_by_period && world.spec.has_time();
        check(&world, &dimensions, if is_by_period { ByPeriod::Yes } else { ByPeriod::No });
    }
}
