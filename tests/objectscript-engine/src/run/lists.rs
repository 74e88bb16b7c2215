//! `$list` functions, and the places of `$extract` and `$list` that count from the end.

use super::{Run, strings::last_place};
use crate::{
    iris::errors::Outcome,
    source::ast::{Argument, Expression},
    value::{
        Decimal, Value,
        list::{self, Element},
    },
};

impl Run<'_> {
    pub(crate) fn list_build(&mut self, arguments: &[Argument]) -> Outcome<Value> {
        let mut elements: Vec<Element> = Vec::new();
        for argument in arguments {
            elements.push(match argument {
                Argument::Omitted => None,
                // What has no value is left out instead of an error.
                Argument::Value(Expression::Variable(target)) => {
                    let place = self.place_of(target)?;
                    self.read_if_defined(&place)?
                }
                other => Some(self.value_of_argument(other)?),
            });
        }
        Ok(Value::from(list::build(&elements)))
    }

    fn elements(&self, value: &Value) -> Outcome<Vec<Element>> {
        match list::parse(&value.to_text()) {
            Some(elements) => Ok(elements),
            None => self.raise("<LIST>", ""),
        }
    }

    pub(crate) fn list_function(&mut self, name: &str, given: &[Value]) -> Outcome<Option<Value>> {
        let element = |elements: Vec<Element>, place: i64| {
            let index = usize::try_from(if place == -1 { i64::try_from(elements.len()).unwrap_or(0) } else { place });
            index.ok().and_then(|index| index.checked_sub(1)).and_then(|index| elements.get(index).cloned().flatten())
        };
        Ok(Some(match (name, given) {
            ("list", [value]) => match element(self.elements(value)?, 1) {
                Some(value) => value,
                None => return self.raise("<NULL VALUE>", ""),
            },
            ("listget", [value]) => element(self.elements(value)?, 1).unwrap_or_else(Value::empty),
            ("listget", [value, place]) => {
                element(self.elements(value)?, place.to_number().to_i64()).unwrap_or_else(Value::empty)
            }
            ("listget", [value, place, default]) => {
                element(self.elements(value)?, place.to_number().to_i64()).unwrap_or_else(|| default.clone())
            }
            ("listlength", [value]) => Value::from(self.elements(value)?.len()),
            ("listvalid", [value]) => Value::from(list::parse(&value.to_text()).is_some()),
            ("listfind", [value, wanted]) => {
                let wanted = wanted.to_text();
                let same = |element: &Element| element.as_ref().is_some_and(|value| value.to_text() == wanted);
                Value::from(self.elements(value)?.iter().position(same).map_or(0, |place| place + 1))
            }
            ("listtostring", [value] | [value, _] | [value, _, _]) => {
                // With 1 as the third argument an empty place is an empty text.
                let lenient = given.get(2).is_some_and(|flag| &*flag.to_text() == "1");
                let delimiter = given.get(1).map_or_else(|| ",".into(), Value::to_text);
                let mut texts = Vec::new();
                for element in self.elements(value)? {
                    match element {
                        Some(value) => texts.push(value.to_text()),
                        None if lenient => texts.push("".into()),
                        None => return self.raise("<NULL VALUE>", ""),
                    }
                }
                Value::from(texts.join(&delimiter))
            }
            ("listfromstring", [value] | [value, _]) => {
                let delimiter = given.get(1).map_or_else(|| ",".into(), Value::to_text);
                let text = value.to_text();
                let elements: Vec<Element> = match text.is_empty() {
                    true => Vec::new(),
                    false => text.split(&*delimiter).map(|piece| Some(Value::from(piece))).collect(),
                };
                Value::from(list::build(&elements))
            }
            _ => return Ok(None),
        }))
    }

    /// `$extract` and `$list` with one place or two.
    pub(crate) fn places_function(&mut self, name: &str, arguments: &[Argument]) -> Outcome<Value> {
        let whole = self.value_of_argument(&arguments[0])?;
        let elements = if name == "list" { Some(self.elements(&whole)?) } else { None };
        let last = match &elements {
            Some(elements) => Decimal::from(i64::try_from(elements.len()).unwrap_or(0)),
            None => last_place(&whole),
        };
        let mut places = Vec::new();
        for argument in &arguments[1..] {
            places.push(match argument {
                Argument::Value(Expression::End(None)) => last.to_i64(),
                Argument::Value(Expression::End(Some(back))) => last.minus(self.evaluate(back)?.to_number()).to_i64(),
                other => match self.value_of_argument(other)?.to_number().to_i64() {
                    // -1 is the last place of a list.
                    -1 if name == "list" => last.to_i64(),
                    place => place,
                },
            });
        }
        let (from, to) = match places[..] {
            [only] => (only, only),
            [from, to] => (from.max(1), to),
            _ => return self.refuse(&format!("${name} with {} places", places.len())),
        };
        let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
        let count = (to + 1).saturating_sub(from);
        match elements {
            None if from == 0 => Ok(Value::empty()),
            None => Ok(Value::from(whole.to_text().chars().skip(from - 1).take(count).collect::<String>())),
            Some(elements) if places.len() == 1 => {
                match from.checked_sub(1).and_then(|from| elements.get(from).cloned().flatten()) {
                    Some(value) => Ok(value),
                    None => self.raise("<NULL VALUE>", ""),
                }
            }
            Some(elements) => {
                let part: Vec<_> = elements.into_iter().skip(from.saturating_sub(1)).take(count).collect();
                Ok(Value::from(list::build(&part)))
            }
        }
    }
}
