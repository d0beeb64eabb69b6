//! Queries that aggregate.

use crate::queries::{Column, Near, Query, Writer, listed};

impl Writer<'_> {
    /// GROUP BY, perhaps with HAVING, ORDER BY and LIMIT.
    pub(crate) fn groups(&mut self) -> Query {
        let keys = self.keys(3);
        let (mut columns, aggregates) = (exact(&keys), self.aggregates(3));
        columns.extend(aggregates);
        let (list, near) = listed(&columns);
        let mut sql = format!("SELECT {list} FROM {}{}", self.table(), self.draw.filter());
        if keys.is_empty() {
            return Query { sql, is_ordered: false, near };
        }
        sql += &format!(" GROUP BY {}", keys.join(", "));
        if self.draw.chance(0.2) {
            sql += &self.having();
        }
        let is_ordered = self.draw.chance(0.4);
        if is_ordered {
            sql += &self.order(&columns, keys.len());
        }
        Query { sql, is_ordered, near }
    }

    /// ROLLUP, CUBE and GROUPING SETS.
    pub(crate) fn grouping_sets(&mut self) -> Query {
        let mut keys = self.keys(3);
        if keys.is_empty() {
            keys.push(self.draw.dimension());
        }
        let all = keys.join(", ");
        let groups = match self.draw.below(4) {
            0 => format!("ROLLUP ({all})"),
            1 => format!("CUBE ({all})"),
            2 => format!("GROUPING SETS (({all}), ({}), ())", keys[0]),
            _ => {
                let last = &keys[keys.len() - 1];
                format!("GROUPING SETS (({last}), ({}))", keys[0])
            }
        };
        let mut columns = exact(&keys);
        columns.extend(self.aggregates(2));
        if self.draw.chance(0.2) {
            columns.push(Column::exact(format!("grouping({})", keys[0])));
        }
        let (list, near) = listed(&columns);
        let (table, filter) = (self.table(), self.draw.filter());
        let mut sql = format!("SELECT {list} FROM {table}{filter} GROUP BY {groups}");
        if self.draw.chance(0.15) {
            sql += &self.having();
        }
        Query { sql, is_ordered: false, near }
    }

    /// DISTINCT rows, and counts of distinct values.
    pub(crate) fn distinct(&mut self) -> Query {
        let filter = self.draw.filter();
        let table = self.table();
        if self.draw.chance(0.5) {
            let count = 1 + self.draw.below(4);
            let of: Vec<String> = (0..count).map(|_| self.coded()).collect();
            let mut columns: Vec<Column> =
                of.iter().map(|it| Column::exact(format!("count(DISTINCT {it})"))).collect();
            if self.draw.chance(0.3) {
                columns.push(self.aggregate());
            }
            let (list, near) = listed(&columns);
            let sql = format!("SELECT {list} FROM {table}{filter}");
            return Query { sql, is_ordered: false, near };
        }
        let mut keys = self.keys(3);
        if keys.is_empty() {
            keys.push(self.coded());
        }
        if self.draw.chance(0.2) {
            // All keys of the series, or of the observations.
            keys = self.draw.shuffled(self.draw.world.key_columns());
        }
        let mut sql = format!("SELECT DISTINCT {} FROM {table}{filter}", keys.join(", "));
        let is_ordered = self.draw.chance(0.5);
        if is_ordered {
            sql += &self.order(&exact(&keys), keys.len());
        }
        Query { sql, is_ordered, near: vec![Near::Exact; keys.len()] }
    }

    /// Up to `most` expressions to group by, each once; perhaps none.
    pub(crate) fn keys(&mut self, most: usize) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for _ in 0..self.draw.below(most + 1) {
            let key = self.grouped();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if self.draw.has_time() && self.draw.chance(0.35) {
            let choices = [
                "time_period",
                "time_period",
                "substr(time_period, 1, 4)",
                "period_start",
                "period_end",
                "extract(year FROM period_start)",
                "date_trunc('year', period_start)",
                "CASE WHEN time_period < '2010' THEN 'old' ELSE 'new' END",
            ];
            let time = self.draw.pick(&choices).to_owned();
            if !keys.contains(&time) {
                keys.insert(self.draw.below(keys.len() + 1), time);
            }
        }
        keys
    }

    /// One expression to group by.
    fn grouped(&mut self) -> String {
        let column = self.draw.dimension();
        let code = self.draw.code(&column);
        match self.draw.below(16) {
            0 => format!("substr({column}, 1, 1)"),
            1 => format!("CASE WHEN {column} = '{code}' THEN 'this' ELSE 'other' END"),
            2 => format!("nullif({column}, '{code}')"),
            3 => format!("{column} || '/' || {}", self.draw.dimension()),
            4 => format!("upper({column})"),
            5 => self.draw.attribute(),
            6 => format!("{column} = '{code}'"),
            _ => column,
        }
    }

    /// A column of few values.
    fn coded(&mut self) -> String {
        match self.draw.below(8) {
            0 => self.draw.attribute(),
            1 if self.draw.has_time() => "time_period".to_owned(),
            2 if self.draw.has_time() => "period_start".to_owned(),
            _ => self.draw.dimension(),
        }
    }

    /// One to `most` + 1 aggregates, each once.
    pub(crate) fn aggregates(&mut self, most: usize) -> Vec<Column> {
        let count = 1 + self.draw.below(most + 1);
        let mut all: Vec<Column> = Vec::new();
        for _ in 0..count {
            let column = self.aggregate();
            if all.iter().all(|other| other.expr != column.expr) {
                all.push(column);
            }
        }
        // Two columns of one name are refused in some places; a name each is not.
        if self.draw.chance(0.5) {
            for (place, column) in all.iter_mut().enumerate() {
                column.expr += &format!(" AS a{place}");
            }
        }
        all
    }

    pub(crate) fn aggregate(&mut self) -> Column {
        if self.draw.chance(0.1) {
            return self.combined();
        }
        let (call, near) = self.call();
        if self.draw.chance(0.2) {
            let condition = self.draw.simple();
            return Column { expr: format!("{call} FILTER (WHERE {condition})"), near };
        }
        Column { expr: call, near }
    }

    /// A call of an aggregate function.
    fn call(&mut self) -> (String, Near) {
        let (value, dimension) = (self.draw.measure(), self.draw.dimension());
        let time = if self.draw.has_time() { "time_period".to_owned() } else { dimension.clone() };
        let condition = self.draw.simple();
        let (call, near) = match self.draw.below(34) {
            0..=3 => (format!("sum({value})"), Near::Sum),
            4 | 5 => (format!("avg({value})"), Near::Mean),
            6 => (format!("min({value})"), Near::Exact),
            7 => (format!("max({value})"), Near::Exact),
            8 => (format!("count({value})"), Near::Exact),
            9 | 10 => ("count(*)".to_owned(), Near::Exact),
            11 => (format!("count(DISTINCT {dimension})"), Near::Exact),
            12 => (format!("min({time})"), Near::Exact),
            13 => (format!("max({time})"), Near::Exact),
            14 => (format!("max({dimension})"), Near::Exact),
            15 => (format!("count(DISTINCT {time})"), Near::Exact),
            16 => (format!("sum({value} * 2)"), Near::Sum),
            17 => (format!("count({value}_text)"), Near::Exact),
            18 => (format!("median({value})"), Near::Mean),
            19 => (format!("stddev({value})"), Near::Deviation),
            20 => (format!("var_pop({value})"), Near::Variance),
            21 => (format!("var_samp({value})"), Near::Variance),
            22 | 23 => (format!("sum(CASE WHEN {condition} THEN {value} END)"), Near::Sum),
            24 => (format!("sum(CASE WHEN {condition} THEN 1 ELSE 0 END)"), Near::Exact),
            25 => (format!("count(CASE WHEN {condition} THEN 1 END)"), Near::Exact),
            26 => (format!("avg(CASE WHEN {condition} THEN {value} ELSE 0 END)"), Near::Mean),
            27 => (format!("count(DISTINCT {})", self.draw.attribute()), Near::Exact),
            28 => (self.end_by_time(&value), Near::Exact),
            29 => (format!("bool_or({value} > {})", self.draw.number()), Near::Exact),
            30 => {
                let share = self.draw.pick(&["0", "0.1", "0.25", "0.5", "0.9", "1"]);
                let call = format!("percentile_cont({share}) WITHIN GROUP (ORDER BY {value})");
                (call, Near::Mean)
            }
            31 => {
                let other = self.draw.simple();
                let cases = format!("WHEN {condition} THEN 2 WHEN {other} THEN -3");
                let otherwise = self.draw.pick(&["", " ELSE 0", " ELSE 1", " ELSE NULL"]);
                (format!("sum(CASE {cases}{otherwise} END)"), Near::Exact)
            }
            32 => {
                let (one, other) = (self.draw.code(&dimension), self.draw.code(&dimension));
                let cases = format!("WHEN '{one}' THEN 1 WHEN '{other}' THEN 5");
                (format!("sum(CASE {dimension} {cases} END)"), Near::Exact)
            }
            _ => (format!("max({value}) - min({value})"), Near::Exact),
        };
        if call.contains(" - ") {
            return (format!("max({value})"), near);
        }
        (call, near)
    }

    /// The first or last value in the order of time, and of the whole key where periods are equal.
    fn end_by_time(&mut self, value: &str) -> String {
        let mut key = self.draw.world.key_columns();
        key.reverse();
        let function = self.draw.pick(&["first_value", "last_value"]);
        let descending = self.draw.pick(&["", " DESC"]);
        let order: Vec<String> = key.iter().map(|column| format!("{column}{descending}")).collect();
        format!("{function}({value} ORDER BY {})", order.join(", "))
    }

    /// Arithmetic over aggregates.
    fn combined(&mut self) -> Column {
        let value = self.draw.measure();
        match self.draw.below(4) {
            0 => Column {
                expr: format!("sum({value}) / nullif(count({value}), 0)"),
                near: Near::Mean,
            },
            1 => Column::exact(format!("max({value}) - min({value})")),
            2 => Column { expr: format!("sum({value}) - min({value})"), near: Near::Sum },
            _ => Column::exact(format!("count(*) - count({value})")),
        }
    }

    fn having(&mut self) -> String {
        let (value, bound) = (self.draw.measure(), self.draw.number());
        match self.draw.below(4) {
            0 => format!(" HAVING sum({value}) > {bound}"),
            1 => format!(" HAVING max({value}) > {bound}"),
            2 => format!(" HAVING count({value}) > {}", self.draw.below(10)),
            _ => format!(" HAVING count(*) > {}", self.draw.below(20)),
        }
    }

    /// ORDER BY columns of which the first `keys` are different in every row; perhaps LIMIT.
    fn order(&mut self, columns: &[Column], keys: usize) -> String {
        let mut places: Vec<usize> = self.draw.shuffled((1..=keys).collect());
        // Sums that are equal but for their last bits would come in either order.
        let is_exact = |place: &usize| columns[*place - 1].near == Near::Exact;
        let others: Vec<usize> = (keys + 1..=columns.len()).filter(is_exact).collect();
        if !others.is_empty() && self.draw.chance(0.3) {
            places.insert(0, others[self.draw.below(others.len())]);
        }
        let mut order = Vec::new();
        for place in places {
            let direction =
                self.draw.pick(&["", "", "", " DESC", " DESC NULLS LAST", " NULLS FIRST"]);
            order.push(format!("{place}{direction}"));
        }
        let mut sql = format!(" ORDER BY {}", order.join(", "));
        if self.draw.chance(0.5) {
            sql += &format!(" LIMIT {}", self.draw.below(20));
            if self.draw.chance(0.2) {
                sql += &format!(" OFFSET {}", self.draw.below(5));
            }
        }
        sql
    }
}

fn exact(keys: &[String]) -> Vec<Column> {
    keys.iter().map(Column::exact).collect()
}
