//! The pattern operator `?`: counts, the codes A C E L N P U, quoted texts, and alternations in parentheses. A regular
//! expression that says the same does the work.

use regex::Regex;

/// Whether all of a text fits the pattern.
///
/// # Errors
/// What the pattern has that is not known here.
pub fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut place = 0;
    let expression = parse(&pattern, &mut place)?;
    if place != pattern.len() {
        return Err(format!("a pattern with {:?}", pattern[place]));
    }
    let expression = Regex::new(&format!("^(?:{expression})$"))
        .map_err(|why| format!("a pattern that no regular expression says: {why}"))?;
    Ok(expression.is_match(text))
}

fn parse(pattern: &[char], place: &mut usize) -> Result<String, String> {
    let mut expression = String::new();
    while let Some(next) = pattern.get(*place).filter(|next| !matches!(next, ')' | ',')) {
        let first = number(pattern, place);
        let count = if pattern.get(*place) == Some(&'.') {
            *place += 1;
            format!("{first:0>1},{}", number(pattern, place))
        } else if first.is_empty() {
            return Err(format!("a pattern with {next:?} where a count belongs"));
        } else {
            first
        };
        let what = what(pattern, place)?;
        expression += &format!("(?:{what}){{{count}}}");
    }
    Ok(expression)
}

fn number(pattern: &[char], place: &mut usize) -> String {
    let digits: String = pattern[*place..].iter().take_while(|digit| digit.is_ascii_digit()).collect();
    *place += digits.len();
    digits
}

fn what(pattern: &[char], place: &mut usize) -> Result<String, String> {
    match pattern.get(*place) {
        Some('"') => {
            let mut text = String::new();
            *place += 1;
            while let Some(next) = pattern.get(*place) {
                *place += 1;
                match (next, pattern.get(*place)) {
                    ('"', Some('"')) => *place += 1,
                    ('"', _) => return Ok(regex::escape(&text)),
                    _ => {}
                }
                text.push(*next);
            }
            Err("a pattern with a text that does not end".into())
        }
        Some('(') => {
            let mut alternatives = Vec::new();
            loop {
                *place += 1;
                alternatives.push(parse(pattern, place)?);
                match pattern.get(*place) {
                    Some(',') => {}
                    Some(')') => break,
                    _ => return Err("a pattern with an alternation that does not end".into()),
                }
            }
            *place += 1;
            Ok(alternatives.join("|"))
        }
        _ => {
            let codes: String = pattern[*place..].iter().take_while(|code| code.is_ascii_alphabetic()).collect();
            *place += codes.len();
            match codes.chars().map(class).collect::<Option<String>>() {
                Some(classes) if !codes.is_empty() => Ok(format!("[{classes}]")),
                _ => Err(format!("the pattern code {codes:?}")),
            }
        }
    }
}

/// What a code stands for, as a part of a class of characters.
fn class(code: char) -> Option<&'static str> {
    Some(match code.to_ascii_uppercase() {
        'A' => r"\p{Alphabetic}",
        'C' => r"\p{Cc}",
        'E' => r"\s\S",
        'L' => r"\p{Lowercase}",
        'N' => "0-9",
        'P' => r"[^\p{Alphabetic}\p{N}\p{Cc}]",
        'U' => r"\p{Uppercase}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_objectscript() {
        for (text, pattern, expected) in [
            ("123", "1.3N", true),
            ("1234", "1.3N", false),
            ("", ".E", true),
            ("abc1", "1\"ab\".AN", true),
            ("10.0.0.1", "1.3N1\".\"1.3N1\".\"1.3N1\".\"1.3N", true),
            ("eth0", "1(1\"eth\",1\"ens\")1.N", true),
            ("Abc", "1U.L", true),
            ("Äß", "1U1L", true),
            ("a\n\u{7}", "1A.C", true),
            ("-_ ", "3P", true),
            ("½", ".NAPC", false),
            ("a\nb", "3E", true),
            ("a-1", "1.AN", false),
            ("a-1", "1.ANP", true),
            ("a.\"b", "1\"a.\"\"b\"", true),
            ("axxb", "1\"a.\"\"b\"", false),
            ("abab", "2(1\"a\"1\"b\")", true),
            ("aba", "2(1\"a\"1\"b\")", false),
            ("", "1(1\"a\",)", true),
            ("eth0\n", "1\"eth\"1N", false),
            ("12", "002N", true),
        ] {
            assert_eq!(matches(text, pattern), Ok(expected), "{text:?} ? {pattern}");
        }
        for wrong in ["1Z", "A", "1", "1\"a", "1(1A", "1A)"] {
            assert!(matches("a", wrong).is_err(), "{wrong}");
        }
    }
}
