//! Objects: dynamic ones (JSON), their iterators, and instances of classes.

use super::Value;
use std::{
    cell::{Cell, Ref, RefCell, RefMut},
    collections::BTreeMap,
    fmt,
    rc::Rc,
};

pub const DYNAMIC_OBJECT: &str = "%Library.DynamicObject";
pub const DYNAMIC_ARRAY: &str = "%Library.DynamicArray";
pub const ITERATOR: &str = "%Iterator.Object";

/// A reference. Two of them are equal if they mean the same object.
#[derive(Clone)]
pub struct Object(Rc<Data>);

struct Data {
    number: u32,
    class: String,
    body: RefCell<Body>,
}

pub enum Body {
    /// A dynamic object, in the order in which its keys came.
    Map(Vec<(String, Item)>),
    /// A dynamic array.
    List(Vec<Item>),
    /// `%GetIterator()`, and how far it is.
    Iterator { over: Object, next: usize },
    /// Properties of any other class.
    Instance(BTreeMap<String, Value>),
}

/// A value in a dynamic object. JSON's own words keep their type, and read as 1, 0 and "".
#[derive(Clone)]
pub enum Item {
    Value(Value),
    Boolean(bool),
    Null,
}

impl Item {
    pub fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Boolean(truth) => Value::from(*truth),
            Self::Null => Value::empty(),
        }
    }

    /// What `%GetTypeOf` answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Null => "null",
            Self::Value(Value::Number(_)) => "number",
            Self::Value(Value::Text(_)) => "string",
            Self::Value(Value::Object(object)) => match &*object.body() {
                Body::Map(_) => "object",
                Body::List(_) => "array",
                _ => "oref",
            },
        }
    }
}

thread_local! {
    /// Numbers are those of a process in IRIS; here, of a thread.
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

impl Object {
    pub fn new(class: &str, body: Body) -> Self {
        let number = NEXT.replace(NEXT.get() + 1);
        Self(Rc::new(Data { number, class: class.to_owned(), body: RefCell::new(body) }))
    }

    pub fn map() -> Self {
        Self::new(DYNAMIC_OBJECT, Body::Map(Vec::new()))
    }

    pub fn array() -> Self {
        Self::new(DYNAMIC_ARRAY, Body::List(Vec::new()))
    }

    pub fn instance(class: &str) -> Self {
        Self::new(class, Body::Instance(BTreeMap::new()))
    }

    /// An instance with these properties.
    pub fn with(class: &str, properties: &[(&str, Value)]) -> Self {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self::new(class, Body::Instance(properties.collect()))
    }

    pub fn class(&self) -> &str {
        &self.0.class
    }

    pub fn body(&self) -> Ref<'_, Body> {
        self.0.body.borrow()
    }

    pub fn body_mut(&self) -> RefMut<'_, Body> {
        self.0.body.borrow_mut()
    }

    /// A property of an instance; of a dynamic object, the value of a key.
    pub fn property(&self, name: &str) -> Option<Value> {
        match &*self.body() {
            Body::Instance(properties) => properties.get(name).cloned(),
            Body::Map(pairs) => pairs.iter().find(|(key, _)| key == name).map(|(_, item)| item.to_value()),
            _ => None,
        }
    }

    /// The text of a property; empty if there is none.
    pub fn text(&self, name: &str) -> String {
        self.property(name).map(|value| value.to_text().to_string()).unwrap_or_default()
    }

    pub fn set_property(&self, name: &str, value: Value) {
        match &mut *self.body_mut() {
            Body::Instance(properties) => drop(properties.insert(name.to_owned(), value)),
            Body::Map(pairs) => put(pairs, name, Item::Value(value)),
            Body::List(_) | Body::Iterator { .. } => unreachable!("the engine sets no property of {}", self.class()),
        }
    }
}

/// Sets a key where it stands, or at the end.
pub fn put(pairs: &mut Vec<(String, Item)>, key: &str, item: Item) {
    match pairs.iter_mut().find(|(name, _)| name == key) {
        Some((_, old)) => *old = item,
        None => pairs.push((key.to_owned(), item)),
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// As an object reads where a text is wanted.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0.number, self.0.class)
    }
}
