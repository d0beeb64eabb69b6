//! Queries for rows: single observations, the greatest, those of other queries, and joins.

use crate::queries::{Near, Query, Writer};

impl Writer<'_> {
    /// Observations, perhaps in an order.
    pub(crate) fn rows(&mut self) -> Query {
        let columns = match self.draw.below(4) {
            0 => "*".to_owned(),
            1 => self.key().join(", "),
            2 => {
                let (measure, attribute) = (self.draw.measure(), self.draw.attribute());
                format!("{measure}, {measure}_text, {attribute}")
            }
            _ => {
                let (key, measure) = (self.key().join(", "), self.draw.measure());
                format!("{key}, {measure}, {measure}_text, obs_status")
            }
        };
        let mut sql = format!("SELECT {columns} FROM {}{}", self.table(), self.draw.filter());
        let is_ordered = self.draw.chance(0.6);
        if is_ordered {
            sql += &format!(" ORDER BY {}", self.key_order());
            if self.draw.chance(0.6) {
                sql += &self.limit();
            }
        }
        Query { sql, is_ordered, near: Vec::new() }
    }

    /// The rows with the greatest or least of something.
    pub(crate) fn top(&mut self) -> Query {
        let (measure, key) = (self.draw.measure(), self.key());
        let by = match self.draw.below(5) {
            0 => format!("abs({measure})"),
            1 => "obs_status".to_owned(),
            2 if self.draw.has_time() => "time_period".to_owned(),
            _ => measure.clone(),
        };
        let direction = self.draw.pick(&["", " DESC", " DESC NULLS LAST", " NULLS FIRST"]);
        let columns = key.join(", ");
        let (table, filter) = (self.table(), self.draw.filter());
        let order = self.key_order();
        let limit = self.limit();
        let sql = format!(
            "SELECT {columns}, {measure} FROM {table}{filter} ORDER BY {by}{direction}, {order}{limit}"
        );
        Query { sql, is_ordered: true, near: Vec::new() }
    }

    /// Conditions and numbers that come from another query.
    pub(crate) fn subqueries(&mut self) -> Query {
        let (table, column) = (self.table(), self.draw.dimension());
        let (inner, outer) = (self.draw.condition(), self.draw.condition());
        let (measure, time) = (self.draw.measure(), self.draw.has_time());
        let condition = match self.draw.below(7) {
            0 | 1 => format!("{column} IN (SELECT {column} FROM {table} WHERE {inner})"),
            2 => format!("{column} NOT IN (SELECT {column} FROM {table} WHERE {inner})"),
            3 => format!("{measure} > (SELECT avg({measure}) FROM {table} WHERE {inner})"),
            4 if time => {
                format!("time_period = (SELECT max(time_period) FROM {table} WHERE {inner})")
            }
            5 => format!(
                "EXISTS (SELECT 1 FROM {table} AS i WHERE i.{column} = o.{column} AND {})",
                self.draw.number() + " < i.obs_value"
            ),
            _ => format!(
                "{column} IN (SELECT {column} FROM {table} GROUP BY {column} HAVING count(*) > {})",
                self.draw.below(200)
            ),
        };
        let filter = format!(" WHERE {condition} AND {outer}");
        if self.draw.chance(0.3) {
            let key = self.key().join(", ");
            let sql = format!("SELECT {key}, {measure} FROM {table} AS o{filter}");
            return Query { sql, is_ordered: false, near: Vec::new() };
        }
        let key = self.draw.dimension();
        let sql = format!(
            "SELECT {key}, count(*), sum({measure}) FROM {table} AS o{filter} GROUP BY {key}"
        );
        Query { sql, is_ordered: false, near: vec![Near::Exact, Near::Exact, Near::Sum] }
    }

    /// Two slices side by side, shares of a total, and names of codes.
    pub(crate) fn joins(&mut self) -> Query {
        match self.draw.below(4) {
            0 => self.shares(),
            1 => self.names(),
            _ => self.slices(),
        }
    }

    /// Observations of two codes of one dimension that agree in everything else.
    fn slices(&mut self) -> Query {
        let (table, apart) = (self.table(), self.draw.dimension());
        let (one, two) = (self.draw.code(&apart), self.draw.code(&apart));
        let measure = self.draw.measure();
        let on: Vec<String> = self.draw.world.key_columns();
        let on: Vec<String> = on.into_iter().filter(|column| *column != apart).collect();
        if on.is_empty() {
            return self.shares();
        }
        let equal: Vec<String> = on.iter().map(|it| format!("a.{it} = b.{it}")).collect();
        let columns: Vec<String> = on.iter().map(|it| format!("a.{it}")).collect();
        let kind = self.draw.pick(&["JOIN", "JOIN", "LEFT JOIN"]);
        let joined = format!(
            "(SELECT * FROM {table} WHERE {apart} = '{one}') AS a {kind} \
             (SELECT * FROM {table} WHERE {apart} = '{two}') AS b ON {}",
            equal.join(" AND ")
        );
        let ratio = format!("a.{measure} / nullif(b.{measure}, 0)");
        if self.draw.chance(0.3) {
            let sql = format!("SELECT count(*), count({ratio}), max({ratio}) FROM {joined}");
            return Query { sql, is_ordered: false, near: Vec::new() };
        }
        let sql = format!("SELECT {}, {ratio} AS ratio FROM {joined}", columns.join(", "));
        Query { sql, is_ordered: false, near: Vec::new() }
    }

    fn shares(&mut self) -> Query {
        let (table, of, filter) = (self.table(), self.draw.dimension(), self.draw.filter());
        let (by, measure) = (self.draw.dimension(), self.draw.measure());
        let sql = format!(
            "WITH totals AS (SELECT {of}, sum({measure}) AS total, count(*) AS n FROM {table}{filter} \
             GROUP BY {of}) SELECT d.{by}, count(*), sum(d.{measure}), max(t.total), max(t.n) \
             FROM {table} AS d JOIN totals AS t ON d.{of} = t.{of} GROUP BY d.{by}"
        );
        let near = vec![Near::Exact, Near::Exact, Near::Sum, Near::Sum, Near::Exact];
        Query { sql, is_ordered: false, near }
    }

    /// The table of a dimension beside the cube.
    fn names(&mut self) -> Query {
        let (table, column) = (self.table(), self.draw.dimension());
        let (filter, measure) = (self.draw.filter(), self.draw.measure());
        let sql = format!(
            "SELECT n.name, sum(d.{measure}), count(*) FROM (SELECT * FROM {table}{filter}) AS d \
             JOIN {table}_dim_{column} AS n ON d.{column} = n.code GROUP BY n.name"
        );
        Query { sql, is_ordered: false, near: vec![Near::Exact, Near::Sum, Near::Exact] }
    }

    /// Two queries one after the other.
    pub(crate) fn union(&mut self) -> Query {
        let (table, measure) = (self.table(), self.draw.measure());
        let (one, two) = (self.draw.dimension(), self.draw.dimension());
        let (first, second) = (self.draw.filter(), self.draw.filter());
        let sql = format!(
            "SELECT '{one}' AS what, {one} AS code, count(*) AS n, sum({measure}) AS s FROM \
             {table}{first} GROUP BY {one} UNION ALL SELECT '{two}', {two}, count(*), \
             sum({measure}) FROM {table}{second} GROUP BY {two}"
        );
        let near = vec![Near::Exact, Near::Exact, Near::Exact, Near::Sum];
        Query { sql, is_ordered: false, near }
    }

    /// All dimensions in a random order, then the period.
    pub(crate) fn key(&mut self) -> Vec<String> {
        let dimensions = self.draw.dimensions();
        let mut key = self.draw.shuffled(dimensions);
        if self.draw.has_time() {
            key.push("time_period".to_owned());
        }
        key
    }

    /// An order that no two rows share.
    fn key_order(&mut self) -> String {
        let mut key = self.key();
        if self.draw.chance(0.2) {
            key = self.draw.shuffled(key);
        }
        let mut order = Vec::new();
        for column in key {
            let direction = self.draw.pick(&["", "", "", "", "", " DESC", " DESC NULLS LAST"]);
            order.push(format!("{column}{direction}"));
        }
        order.join(", ")
    }

    fn limit(&mut self) -> String {
        let mut sql = format!(" LIMIT {}", self.draw.below(30));
        if self.draw.chance(0.3) {
            sql += &format!(" OFFSET {}", self.draw.below(20));
        }
        sql
    }
}
