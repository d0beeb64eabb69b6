//! What Tab offers: tables, columns, and the codes of a dimension inside quotes.

/// Where names come from. The prompt asks its database; a test says them.
pub(super) trait Words {
    /// All tables, as `schema.table`.
    fn tables(&self) -> Vec<String>;
    /// The columns of a table.
    fn columns(&self, table: &str) -> Vec<String>;
    /// The codes of a column that begin with a text, in their order.
    fn codes(&self, table: &str, column: &str, begin: &str) -> Vec<String>;
}

/// Keywords that are offered where a word may begin.
const KEYWORDS: [&str; 30] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "JOIN",
    "LEFT JOIN",
    "USING",
    "ON",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "BETWEEN",
    "AS",
    "DISTINCT",
    "COUNT",
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "LAG",
    "OVER",
    "PARTITION BY",
    "WITH",
    "UNION ALL",
    "HAVING",
    "EXPLAIN",
];
/// Commands of the prompt.
const COMMANDS: [&str; 11] = [
    "\\d", "\\dt", "\\dn", "\\chart", "\\format", "\\timing", "\\pager", "\\i", "\\?", "\\h", "\\q",
];
/// Words after which a table comes.
const BEFORE_TABLE: [&str; 6] = ["from", "join", "\\d", "\\chart", "describe", "table"];
/// Words that offers are made of at most.
const OFFERED_MAX: usize = 500;

/// Where the word at the cursor begins, and what it may become.
pub(super) fn complete(line: &str, cursor: usize, words: &dyn Words) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let mut offers = match open_quote(before) {
        Some(quote) => codes(line, before, quote, words),
        None => names(line, before, words),
    };
    offers.1.truncate(OFFERED_MAX);
    offers
}

/// The place after the quote that is open at the end, if one is.
fn open_quote(before: &str) -> Option<usize> {
    let quotes = before.matches('\'').count();
    if quotes % 2 == 1 { before.rfind('\'').map(|place| place + 1) } else { None }
}

/// The codes of the column that a text in quotes is compared with.
fn codes(line: &str, before: &str, start: usize, words: &dyn Words) -> (usize, Vec<String>) {
    let begin = &before[start..];
    let tokens = tokens(&before[..start - 1]);
    let is_between = |token: &&&str| {
        let lower = token.to_lowercase();
        token.starts_with('\'')
            || matches!(lower.as_str(), "," | "(" | "=" | "<>" | "!=" | "in" | "not" | "like")
    };
    let between = tokens.iter().rev().take_while(is_between).count();
    let column = tokens.iter().rev().nth(between).filter(|_| between > 0);
    let Some(column) = column.filter(|token| token.starts_with(is_word)) else {
        return (start, Vec::new());
    };
    let column = column.rsplit('.').next().unwrap_or(column).trim_matches('"');
    for table in tables_of(line) {
        let found = words.codes(&table, column, begin);
        if !found.is_empty() {
            return (start, found.into_iter().map(|code| format!("{code}'")).collect());
        }
    }
    (start, Vec::new())
}

fn names(line: &str, before: &str, words: &dyn Words) -> (usize, Vec<String>) {
    let is_part = |c: char| is_word(c) || c == '.' || c == '\\' || c == '?';
    let start = before
        .rfind(|c| !is_part(c))
        .map_or(0, |place| place + before[place..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    if word.starts_with('\\') {
        return (start, beginning(word, COMMANDS.iter().map(|c| (*c).to_owned())));
    }
    let last = tokens(&before[..start]).last().map(|token| token.to_lowercase());
    if last.is_some_and(|last| BEFORE_TABLE.contains(&last.as_str())) {
        return (start, beginning(word, words.tables().into_iter()));
    }
    if word.is_empty() {
        return (start, Vec::new());
    }
    let mut offers = Vec::new();
    let (prefix, part) = word.rsplit_once('.').map_or(("", word), |(table, part)| (table, part));
    for table in tables_of(line) {
        let columns = words.columns(&table).into_iter();
        let columns = beginning(part, columns).into_iter();
        offers.extend(columns.map(|column| match prefix {
            "" => column,
            prefix => format!("{prefix}.{column}"),
        }));
    }
    if prefix.is_empty() {
        offers.extend(beginning(word, KEYWORDS.iter().map(|word| (*word).to_owned())));
    }
    offers.extend(beginning(word, words.tables().into_iter()));
    offers.dedup();
    (start, offers)
}

fn beginning(begin: &str, all: impl Iterator<Item = String>) -> Vec<String> {
    let begin = begin.to_lowercase();
    all.filter(|word| word.to_lowercase().starts_with(&begin)).collect()
}

/// The tables that a statement names after FROM and JOIN, before or after the cursor.
fn tables_of(line: &str) -> Vec<String> {
    let tokens = tokens(line);
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    let named = pairs.filter(|(word, _)| matches!(word.to_lowercase().as_str(), "from" | "join"));
    named.map(|(_, table)| table.replace('"', "")).collect()
}

/// Words, texts in quotes and other characters, one after the other.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if is_word(first) || first == '\\' || first == '"' {
            let is_part = |c: char| is_word(c) || matches!(c, '.' | '\\' | '"');
            rest.find(|c| !is_part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("<>") || rest.starts_with("!=") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Words for Known {
        fn tables(&self) -> Vec<String> {
            ["ecb.exr", "ecb.exr_labels", "demo.exr_avg"].map(str::to_owned).to_vec()
        }

        fn columns(&self, table: &str) -> Vec<String> {
            let columns: &[&str] =
                if table == "ecb.exr" { &["currency", "currency_denom", "obs_value"] } else { &[] };
            columns.iter().map(|c| (*c).to_owned()).collect()
        }

        fn codes(&self, table: &str, column: &str, begin: &str) -> Vec<String> {
            let known: &[&str] = if (table, column) == ("ecb.exr", "currency") {
                &["GBP", "USD", "UAH"]
            } else {
                &[]
            };
            known.iter().filter(|c| c.starts_with(begin)).map(|c| (*c).to_owned()).collect()
        }
    }

    #[test]
    fn offers_what_fits_the_place() {
        let check = |line: &str, expected: &[&str]| {
            let cursor = line.find('|').expect("a cursor");
            let line = line.replace('|', "");
            let (start, offers) = complete(&line, cursor, &Known);
            assert!(start <= cursor && offers == expected, "{line}: {start} {offers:?}");
        };
        check("SELECT * FROM ecb.|", &["ecb.exr", "ecb.exr_labels"]);
        check("SELECT curr| FROM ecb.exr", &["currency", "currency_denom"]);
        check("SELECT e.cur| FROM ecb.exr e", &["e.currency", "e.currency_denom"]);
        check("SELECT 1 FROM ecb.exr WHERE currency = 'U|", &["USD'", "UAH'"]);
        check("SELECT 1 FROM ecb.exr WHERE currency IN ('USD', 'G|", &["GBP'"]);
        check("SELECT 1 FROM ecb.exr e WHERE e.currency <> '|", &["GBP'", "USD'", "UAH'"]);
        check("SELECT 1 FROM ecb.exr WHERE obs_value = '|", &[]);
        check("sel|", &["SELECT"]);
        check("\\ch|", &["\\chart"]);
        check("\\d de|", &["demo.exr_avg"]);
        check("SELECT 'é' FROM d|", &["demo.exr_avg"]);
        check("é|", &[]);
    }
}
