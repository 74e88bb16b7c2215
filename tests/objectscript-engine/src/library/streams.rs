//! `%Stream.FileCharacter`: a whole file in memory, written back by `%Save`. Characters are UTF-8 in the file.

use super::{Call, Natives, status};
use crate::{
    iris::errors::Outcome,
    value::{Object, Value},
};

const CLASS: &str = "%Stream.FileCharacter";
/// Not to be seen by the code under test: no property has a blank in its name.
const TEXT: &str = "the text";
const PLACE: &str = "the place";

pub fn register(natives: &mut Natives) {
    natives.properties(CLASS, &["Filename", "TranslateTable", "LineTerminator"]);
    natives.add(CLASS, "%New", 0..=0, |_| Ok(open(CLASS, "")));
    natives.add(CLASS, "LinkToFile", 1..=1, |call| {
        let (object, name) = (call.object()?, call.text(0));
        let path = call.path(0)?;
        object.set_property("Filename", Value::from(name.as_str()));
        match std::fs::read_to_string(&path) {
            Ok(text) => fill(&object, &text),
            // A file that is not there is made by %Save.
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => fill(&object, ""),
            Err(_) => return Ok(status::failure(5005, &[name])),
        }
        Ok(Value::from(1))
    });
    natives.add(CLASS, "%Save", 0..=0, |call| {
        let object = call.object()?;
        let name = object.text("Filename");
        let path = call.run.world.path(&name).or_else(|why| call.run.refuse(&why))?;
        match std::fs::write(path, object.text(TEXT)) {
            Ok(()) => Ok(Value::from(1)),
            Err(_) => Ok(status::failure(5005, &[name])),
        }
    });
    reading_and_writing(natives, CLASS);
}

/// What every stream can do.
pub(super) fn reading_and_writing(natives: &mut Natives, class: &str) {
    natives.add(class, "Read", 0..=2, |call| {
        let (object, rest) = rest(call)?;
        let length = call.number(0).map_or(32_000, |length| length.to_i64());
        let text: String = rest.chars().take(usize::try_from(length).unwrap_or(0)).collect();
        move_on(&object, text.len());
        call.set(0, text.chars().count());
        call.set(1, 1);
        Ok(Value::from(text))
    });
    natives.add(class, "ReadLine", 0..=2, |call| {
        let (object, rest) = rest(call)?;
        let line = rest.split('\n').next().unwrap_or_default();
        move_on(&object, (line.len() + 1).min(rest.len()));
        call.set(1, 1);
        Ok(Value::from(line.trim_end_matches('\r')))
    });
    natives.add(class, "Write", 1..=1, |call| append(call, ""));
    natives.add(class, "WriteLine", 0..=1, |call| append(call, "\n"));
    natives.add(class, "Rewind", 0..=0, |call| {
        let object = call.object()?;
        let text = object.text(TEXT);
        fill(&object, &text);
        Ok(Value::from(1))
    });
    natives.add(class, "Clear", 0..=0, |call| {
        fill(&call.object()?, "");
        Ok(Value::from(1))
    });
    natives.add(class, "MoveToEnd", 0..=0, |call| {
        let object = call.object()?;
        move_on(&object, usize::MAX);
        object.set_property("is written", Value::from(1));
        Ok(Value::from(1))
    });
}

pub(super) fn open(class: &str, text: &str) -> Value {
    let object = Object::instance(class);
    fill(&object, text);
    object.into()
}

pub(super) fn text(object: &Object) -> String {
    object.text(TEXT)
}

fn fill(object: &Object, text: &str) {
    object.set_property(TEXT, Value::from(text));
    object.set_property(PLACE, Value::from(0));
    object.set_property("AtEnd", Value::from(text.is_empty()));
    object.set_property("Size", Value::from(text.chars().count()));
    object.set_property("is written", Value::from(0));
}

fn rest(call: &Call<'_, '_>) -> Outcome<(Object, String)> {
    let object = call.object()?;
    let place = object.text(PLACE).parse().unwrap_or(0);
    let rest = object.text(TEXT).get(place..).unwrap_or_default().to_owned();
    Ok((object, rest))
}

fn move_on(object: &Object, bytes: usize) {
    let length = object.text(TEXT).len();
    let place: usize = object.text(PLACE).parse().unwrap_or(0);
    let place = place.saturating_add(bytes).min(length);
    object.set_property(PLACE, Value::from(place));
    object.set_property("AtEnd", Value::from(place == length));
}

/// The first WRITE to a linked file replaces what it held, unless `MoveToEnd` came before.
fn append(call: &mut Call<'_, '_>, end: &str) -> Outcome<Value> {
    let object = call.object()?;
    let old = if object.text("is written") == "1" { object.text(TEXT) } else { String::new() };
    let text = format!("{old}{}{end}", call.text(0));
    fill(&object, &text);
    object.set_property("is written", Value::from(1));
    move_on(&object, usize::MAX);
    Ok(Value::from(1))
}
