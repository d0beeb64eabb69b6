//! Keys as people write them.

use std::fmt;

/// A key with wildcards and alternatives, as in `D.USD+GBP.EUR..`: for each dimension the codes
/// that are wanted, none of them meaning all.
///
/// Source: SDMX REST 1.5, section 4.4, path parameter `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    codes: Vec<Vec<String>>,
}

impl KeyPattern {
    /// Parses a pattern for so many dimensions; `all` and the empty text mean everything.
    ///
    /// # Errors
    ///
    /// What is wrong, if there are more or fewer positions than dimensions.
    pub fn parse(text: &str, dimension_count: usize) -> Result<Self, String> {
        if text.is_empty() || text == "all" {
            return Ok(Self { codes: vec![Vec::new(); dimension_count] });
        }
        let positions: Vec<&str> = text.split('.').collect();
        if positions.len() != dimension_count {
            let found = positions.len();
            return Err(format!("the key has {found} positions for {dimension_count} dimensions"));
        }
        let codes = |position: &&str| -> Vec<String> {
            position.split('+').filter(|code| !code.is_empty()).map(str::to_owned).collect()
        };
        Ok(Self { codes: positions.iter().map(codes).collect() })
    }

    /// For each dimension the codes that are wanted; none of them means all.
    pub fn codes(&self) -> &[Vec<String>] {
        &self.codes
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let positions: Vec<String> = self.codes.iter().map(|codes| codes.join("+")).collect();
        f.write_str(&positions.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_wildcards_and_alternatives() {
        let pattern = KeyPattern::parse("D.USD+GBP.", 3).expect("parses");
        assert_eq!(pattern.codes(), [vec!["D"], vec!["USD", "GBP"], vec![]]);
        assert_eq!(pattern.to_string(), "D.USD+GBP.");
        assert_eq!(KeyPattern::parse("all", 2).expect("parses").to_string(), ".");
        assert!(KeyPattern::parse("D.USD", 3).is_err());
    }
}
