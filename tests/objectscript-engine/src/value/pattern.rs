//! The pattern operator `?`: counts, the codes A C E L N P U, quoted texts, and alternations in parentheses.

/// How often (from, to) one of the alternatives.
struct Atom {
    from: usize,
    to: usize,
    what: What,
}

enum What {
    Codes(String),
    Text(Vec<char>),
    Any(Vec<Vec<Atom>>),
}

/// Whether all of a text fits the pattern.
///
/// # Errors
/// What the pattern has that is not known here.
pub fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut place = 0;
    let atoms = parse(&pattern, &mut place)?;
    if place != pattern.len() {
        return Err(format!("a pattern with {:?}", pattern[place]));
    }
    let text: Vec<char> = text.chars().collect();
    Ok(ends(&text, 0, &atoms).contains(&text.len()))
}

fn parse(pattern: &[char], place: &mut usize) -> Result<Vec<Atom>, String> {
    let mut atoms = Vec::new();
    while let Some(next) = pattern.get(*place).filter(|next| !matches!(next, ')' | ',')) {
        let first = number(pattern, place);
        let (from, to) = if pattern.get(*place) == Some(&'.') {
            *place += 1;
            (first.unwrap_or(0), number(pattern, place).unwrap_or(usize::MAX))
        } else {
            let count = first.ok_or_else(|| format!("a pattern with {next:?} where a count belongs"))?;
            (count, count)
        };
        atoms.push(Atom { from, to, what: what(pattern, place)? });
    }
    Ok(atoms)
}

fn number(pattern: &[char], place: &mut usize) -> Option<usize> {
    let digits: String = pattern[*place..].iter().take_while(|digit| digit.is_ascii_digit()).collect();
    *place += digits.len();
    digits.parse().ok()
}

fn what(pattern: &[char], place: &mut usize) -> Result<What, String> {
    match pattern.get(*place) {
        Some('"') => {
            let mut text = Vec::new();
            *place += 1;
            while let Some(next) = pattern.get(*place) {
                *place += 1;
                match (next, pattern.get(*place)) {
                    ('"', Some('"')) => *place += 1,
                    ('"', _) => return Ok(What::Text(text)),
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
            Ok(What::Any(alternatives))
        }
        _ => {
            let codes: String = pattern[*place..].iter().take_while(|code| code.is_ascii_alphabetic()).collect();
            *place += codes.len();
            let codes = codes.to_ascii_uppercase();
            match codes.chars().find(|code| !"ACELNPU".contains(*code)) {
                None if !codes.is_empty() => Ok(What::Codes(codes)),
                other => Err(format!("the pattern code {other:?}")),
            }
        }
    }
}

/// Every place where the atoms can end, if they start at `start`.
fn ends(text: &[char], start: usize, atoms: &[Atom]) -> Vec<usize> {
    let mut places = vec![start];
    for atom in atoms {
        let mut found = Vec::new();
        let mut reached = places;
        for count in 0..=atom.to.min(text.len() + 1).max(atom.from) {
            if count >= atom.from {
                found.extend(&reached);
            }
            if reached.is_empty() {
                break;
            }
            reached = reached.iter().flat_map(|place| once(text, *place, &atom.what)).collect();
            reached.sort_unstable();
            reached.dedup();
        }
        found.sort_unstable();
        found.dedup();
        places = found;
    }
    places
}

fn once(text: &[char], place: usize, what: &What) -> Vec<usize> {
    match what {
        What::Text(wanted) if text[place..].starts_with(wanted) => vec![place + wanted.len()],
        What::Codes(codes) if text.get(place).is_some_and(|next| codes.chars().any(|code| is(*next, code))) => {
            vec![place + 1]
        }
        What::Any(alternatives) => alternatives.iter().flat_map(|atoms| ends(text, place, atoms)).collect(),
        _ => Vec::new(),
    }
}

fn is(character: char, code: char) -> bool {
    match code {
        'A' => character.is_alphabetic(),
        'C' => character.is_control(),
        'L' => character.is_lowercase(),
        'N' => character.is_ascii_digit(),
        'P' => !character.is_alphanumeric() && !character.is_control(),
        'U' => character.is_uppercase(),
        _ => true,
    }
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
        ] {
            assert_eq!(matches(text, pattern), Ok(expected), "{text:?} ? {pattern}");
        }
        assert!(matches("a", "1Z").is_err());
    }
}
