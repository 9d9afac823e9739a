//! PTX text to tokens.

use super::LoadError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name, an opcode with its dots, a directive with its leading dot, or `_`.
    Word(String),
    Integer(i64),
    Double(u64),
    Single(u32),
    Text(String),
    Mark(char),
}

#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) token: Token,
    pub(crate) line: u32,
    /// Byte range in the source, so that a refusal can quote it.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'.')
}

/// Splits the text. Comments and preprocessor lines vanish.
pub(crate) fn tokenise(source: &str) -> Result<Vec<Located>, LoadError> {
    let bytes = source.as_bytes();
    let (mut at, mut line) = (0, 1u32);
    let mut tokens = Vec::new();
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        let rest = &bytes[at..];
        let token = if byte == b'\n' {
            line += 1;
            at += 1;
            continue;
        } else if byte.is_ascii_whitespace() || byte == 0 {
            at += 1;
            continue;
        } else if rest.starts_with(b"//") {
            at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            continue;
        } else if rest.starts_with(b"/*") {
            let length = source[at + 2..].find("*/").map_or(rest.len(), |end| end + 4);
            line += rest[..length].iter().filter(|&&b| b == b'\n').count() as u32;
            at += length;
            continue;
        } else if byte == b'"' {
            let length = rest[1..].iter().position(|&b| b == b'"').map_or(rest.len(), |end| end + 2);
            at += length;
            line += rest[..length].iter().filter(|&&b| b == b'\n').count() as u32;
            Token::Text(source.get(start + 1..at - 1).unwrap_or_default().to_string())
        } else if byte.is_ascii_digit() {
            at += rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
            number(&source[start..at])
                .ok_or_else(|| LoadError::new(line, &source[start..at], "not a number"))?
        } else if is_word(byte) {
            at += word_length(rest);
            Token::Word(source[start..at].to_string())
        } else if byte.is_ascii_punctuation() {
            at += 1;
            Token::Mark(byte as char)
        } else {
            return Err(LoadError::new(line, format!("byte {byte:#04x}"), "not PTX text"));
        };
        tokens.push(Located { token, line, start, end: at });
    }
    Ok(tokens)
}

/// A word runs on over `::`, as in `shared::cluster`.
fn word_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while length < bytes.len() {
        if is_word(bytes[length]) {
            length += 1;
        } else if bytes[length..].starts_with(b"::") {
            length += 2;
        } else {
            break;
        }
    }
    length
}

fn number(text: &str) -> Option<Token> {
    if let Some(digits) = text.strip_prefix("0d").or_else(|| text.strip_prefix("0D")) {
        return u64::from_str_radix(digits, 16).ok().map(Token::Double);
    }
    if let Some(digits) = text.strip_prefix("0f").or_else(|| text.strip_prefix("0F")) {
        return u32::from_str_radix(digits, 16).ok().map(Token::Single);
    }
    let text = text.trim_end_matches('U');
    let value = if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u64::from_str_radix(digits, 16).ok()?
    } else {
        text.parse::<u64>().ok()?
    };
    Some(Token::Integer(value as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<Token> {
        tokenise(source).unwrap().into_iter().map(|located| located.token).collect()
    }

    #[test]
    fn opcodes_registers_and_numbers() {
        let tokens = words("@!%p1 ld.shared::cluster.u32 %r1, [%r2+-16]; // end\n0x1F 0f3F800000 7U");
        assert_eq!(tokens[0], Token::Mark('@'));
        assert_eq!(tokens[3], Token::Word("ld.shared::cluster.u32".into()));
        assert!(tokens.contains(&Token::Mark('-')) && tokens.contains(&Token::Integer(16)));
        assert_eq!(
            &tokens[tokens.len() - 3..],
            [Token::Integer(31), Token::Single(0x3f80_0000), Token::Integer(7)]
        );
    }

    #[test]
    fn lines_count_through_comments_and_strings() {
        let tokens = tokenise("/* a\nb */ x \"c\nd\"\ny").unwrap();
        assert_eq!(tokens.iter().map(|token| token.line).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(tokenise("caf\u{e9}").is_err());
    }
}
