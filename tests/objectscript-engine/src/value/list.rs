//! `$LIST` strings. Whether two lists are equal as strings is all that may be seen of their form, which is that of IRIS:
//! each element has a length, a type and its text. Lengths are those of characters, not of bytes.

use super::Value;

const TEXT: u32 = 1;
const NUMBER: u32 = 4;
const LONG: u32 = 0;

/// One element is missing where `$listbuild` was given nothing.
pub type Element = Option<Value>;

pub fn build(elements: &[Element]) -> String {
    elements.iter().map(element).collect()
}

fn element(element: &Element) -> String {
    let (kind, body) = match element {
        None => return "\u{1}".to_owned(),
        Some(Value::Number(number)) => (NUMBER, number.to_string()),
        Some(value) => (TEXT, value.to_text().to_string()),
    };
    let length = u32::try_from(body.chars().count()).expect("a text that fits into memory") + 2;
    let character = |number| char::from_u32(number).expect("a small number is a character");
    let head = match length {
        0..=254 => character(length).to_string(),
        // The length of a longer element follows in two characters of fifteen bits, which never are surrogates.
        _ => [character(LONG), character(length & 0x7FFF), character(length >> 15)].iter().collect(),
    };
    format!("{head}{}{body}", character(kind))
}

/// `None` if the text is no list.
pub fn parse(text: &str) -> Option<Vec<Element>> {
    let characters: Vec<char> = text.chars().collect();
    let mut elements = Vec::new();
    let mut place = 0;
    while let Some(first) = characters.get(place) {
        let (length, head) = match u32::from(*first) {
            1 => {
                elements.push(None);
                place += 1;
                continue;
            }
            LONG => (u32::from(*characters.get(place + 1)?) | u32::from(*characters.get(place + 2)?) << 15, 3),
            length if length >= 2 => (length, 1),
            _ => return None,
        };
        let kind = u32::from(*characters.get(place + head)?);
        let start = place + head + 1;
        let end = start + usize::try_from(length).ok()? - 2;
        let body: String = characters.get(start..end)?.iter().collect();
        elements.push(match kind {
            TEXT => Some(Value::from(body)),
            NUMBER => Some(Value::Number(super::Decimal::leading(&body))),
            _ => return None,
        });
        place = end;
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_elements() {
        let elements = vec![Some(Value::from("a")), None, Some(Value::from(5)), Some(Value::from("x".repeat(40_000)))];
        let text = build(&elements);
        assert_eq!(parse(&text).expect("a list").len(), 4);
        assert_eq!(build(&parse(&text).expect("a list")), text);
        assert!(parse("abc").is_none());
    }
}
