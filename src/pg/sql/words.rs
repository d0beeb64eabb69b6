//! A cursor over the tokens of a statement, for commands that are lists of words.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::pg::errors::Fault;
use crate::pg::sql::text::{self, Part};

/// The tokens of a statement that are still to be read.
pub(in crate::pg) struct Words<'a> {
    sql: &'a str,
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl<'a> Words<'a> {
    pub(in crate::pg) fn new(sql: &'a str, part: &'a Part) -> Self {
        Self { sql, tokens: &part.tokens, at: 0 }
    }

    /// The text that the tokens are of.
    pub(in crate::pg) fn sql(&self) -> &'a str {
        self.sql
    }

    pub(in crate::pg) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|token| &token.token)
    }

    /// The next token as a word in capitals; empty if it is none.
    pub(in crate::pg) fn word(&self) -> String {
        match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
            _ => String::new(),
        }
    }

    pub(in crate::pg) fn skip(&mut self) {
        self.at += 1;
    }

    pub(in crate::pg) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Reads a keyword, if it is next.
    pub(in crate::pg) fn accept(&mut self, keyword: &str) -> bool {
        let found = self.word() == keyword;
        if found {
            self.at += 1;
        }
        found
    }

    /// Reads several keywords, if all of them are next.
    pub(in crate::pg) fn accept_all(&mut self, keywords: &[&str]) -> bool {
        let start = self.at;
        let found = keywords.iter().all(|keyword| self.accept(keyword));
        if !found {
            self.at = start;
        }
        found
    }

    pub(in crate::pg) fn expect(&mut self, keyword: &str) -> Result<(), Fault> {
        if self.accept(keyword) { Ok(()) } else { Err(self.wrong()) }
    }

    pub(in crate::pg) fn accept_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.at += 1;
        }
        found
    }

    /// A name: in lower case unless it stands between quotes.
    pub(in crate::pg) fn name(&mut self) -> Result<String, Fault> {
        let name = match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_some() => word.value.clone(),
            Some(Token::Word(word)) => word.value.to_lowercase(),
            _ => return Err(self.wrong()),
        };
        self.at += 1;
        Ok(name)
    }

    /// A name with dots in it.
    pub(in crate::pg) fn dotted(&mut self) -> Result<String, Fault> {
        let mut name = self.name()?;
        while self.accept_token(&Token::Period) {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }

    /// A text between quotes.
    pub(in crate::pg) fn quoted(&mut self) -> Option<String> {
        let text = match self.peek()? {
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::UnicodeStringLiteral(text) => text.clone(),
            Token::DollarQuotedString(text) => text.value.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(text)
    }

    /// A whole number, with its sign.
    pub(in crate::pg) fn number(&mut self) -> Option<i64> {
        let start = self.at;
        let negative = match self.peek()? {
            Token::Minus => {
                self.at += 1;
                true
            }
            Token::Plus => {
                self.at += 1;
                false
            }
            _ => false,
        };
        if let Some(Token::Number(digits, _)) = self.peek()
            && let Ok(number) = format!("{}{digits}", if negative { "-" } else { "" }).parse()
        {
            self.at += 1;
            return Some(number);
        }
        self.at = start;
        None
    }

    /// The tokens between brackets, of which the first is next; without the brackets.
    pub(in crate::pg) fn bracketed(&mut self) -> Result<Vec<TokenWithSpan>, Fault> {
        if !self.accept_token(&Token::LParen) {
            return Err(self.wrong());
        }
        let (start, mut depth) = (self.at, 1);
        while let Some(token) = self.peek() {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                let inner = self.tokens.get(start..self.at - 1).unwrap_or_default();
                return Ok(inner.to_vec());
            }
        }
        Err(self.wrong())
    }

    /// All that is left.
    pub(in crate::pg) fn rest(&mut self) -> Vec<TokenWithSpan> {
        let rest = self.tokens.get(self.at..).unwrap_or_default().to_vec();
        self.at = self.tokens.len();
        rest
    }

    /// Nothing may be left.
    pub(in crate::pg) fn end(&self) -> Result<(), Fault> {
        if self.is_at_end() { Ok(()) } else { Err(self.wrong()) }
    }

    /// The next token is not what it should be.
    pub(in crate::pg) fn wrong(&self) -> Fault {
        let Some(token) = self.tokens.get(self.at) else {
            let end = self.sql.trim_end().chars().count() + 1;
            return Fault::new("42601", "syntax error at end of input").at(Some(end));
        };
        let text = format!("syntax error at or near \"{}\"", token.token);
        Fault::new("42601", text).at(text::offset(self.sql, token.span.start))
    }
}
