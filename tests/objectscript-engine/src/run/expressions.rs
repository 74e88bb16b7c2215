//! Expressions and operators, strictly from left to right.

use super::Run;
use crate::{
    iris::errors::Outcome,
    source::ast::{Argument, Expression, Json, Operator},
    value::{Body, Decimal, Item, Object, Value, object, pattern},
};
use std::cmp::Ordering;

/// Characters of the longest text.
const LONGEST: usize = 3_641_144;

impl Run<'_> {
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Outcome<Value> {
        match expression {
            Expression::Text(text) => Ok(Value::Text(text.clone())),
            Expression::Number(number) => Ok(Value::Number(*number)),
            Expression::Variable(target) => {
                let place = self.place_of(target)?;
                self.read(&place)
            }
            Expression::Chain(first, pairs) => {
                let mut value = self.evaluate(first)?;
                for (operator, right) in pairs {
                    value = self.operate(&value, operator, right)?;
                }
                Ok(value)
            }
            Expression::Unary(operator, inner) => {
                let value = self.evaluate(inner)?;
                Ok(match operator {
                    '\'' => Value::from(!value.is_true()),
                    '-' => Value::Number(value.to_number().negated()),
                    _ => Value::Number(value.to_number()),
                })
            }
            Expression::Function { name, arguments } => self.function(name, arguments),
            Expression::Select(pairs) => {
                for (condition, result) in pairs {
                    if self.evaluate(condition)?.is_true() {
                        return self.evaluate(result);
                    }
                }
                self.raise("<SELECT>", "")
            }
            Expression::Case(subject, pairs) => {
                let subject = self.evaluate(subject)?.to_text();
                for (value, result) in pairs {
                    let matches = match value {
                        Some(value) => self.evaluate(value)?.to_text() == subject,
                        None => true,
                    };
                    if matches {
                        return self.evaluate(result);
                    }
                }
                self.raise("<ILLEGAL VALUE>", "")
            }
            Expression::Call { .. }
            | Expression::ClassMethod { .. }
            | Expression::Method { .. }
            | Expression::Super(_) => {
                // Whatever a function is made of, it leaves $TEST as it was.
                let test = self.process.test;
                let result = self.call(expression)?;
                self.process.test = test;
                match result {
                    Some(Some(value)) => Ok(value),
                    // It ended without a value, which is wanted here.
                    _ => self.raise("<COMMAND>", ""),
                }
            }
            Expression::ClassParameter { class, name } => self.class_parameter(class.as_deref(), name),
            Expression::This => match &self.frame().this {
                Some(object) => Ok(object.clone().into()),
                None => self.refuse("an object outside of a method of one"),
            },
            Expression::Property(inner, name) => match self.evaluate(inner)?.object() {
                Some(object) => self.property(object, name),
                None => self.raise("<INVALID OREF>", ""),
            },
            Expression::Object(pairs) => {
                let mut items = Vec::new();
                for (key, value) in pairs {
                    let item = self.item(value)?;
                    object::put(&mut items, key, item);
                }
                Ok(Object::new(object::DYNAMIC_OBJECT, Body::Map(items)).into())
            }
            Expression::Array(values) => {
                let mut items = Vec::new();
                for value in values {
                    items.push(self.item(value)?);
                }
                Ok(Object::new(object::DYNAMIC_ARRAY, Body::List(items)).into())
            }
            Expression::End(_) => self.refuse("`*` outside of $extract and $list"),
        }
    }

    fn item(&mut self, json: &Json) -> Outcome<Item> {
        Ok(match json {
            Json::Value(expression) => Item::Value(self.evaluate(expression)?),
            Json::Boolean(truth) => Item::Boolean(*truth),
            Json::Null => Item::Null,
        })
    }

    /// The value of an argument that has to be there.
    pub(crate) fn value_of_argument(&mut self, argument: &Argument) -> Outcome<Value> {
        match argument {
            Argument::Value(expression) => self.evaluate(expression),
            _ => self.refuse("an argument of this kind is not supported here"),
        }
    }

    fn operate(&mut self, left: &Value, operator: &Operator, right: &Expression) -> Outcome<Value> {
        // What the right side does, it does not do if the left one has decided already.
        match operator {
            Operator::And if !left.is_true() => return Ok(Value::from(false)),
            Operator::Or if left.is_true() => return Ok(Value::from(true)),
            Operator::Not(positive) => {
                let value = self.operate(left, positive, right)?;
                return Ok(Value::from(!value.is_true()));
            }
            Operator::Pattern(code) => {
                return match pattern::matches(&left.to_text(), code) {
                    Ok(matches) => Ok(Value::from(matches)),
                    Err(why) => self.refuse(&why),
                };
            }
            _ => {}
        }
        let right = self.evaluate(right)?;
        let (a, b) = (|| left.to_number(), || right.to_number());
        let divided = |result: Option<Decimal>| match result {
            Some(result) => Ok(Value::Number(result)),
            None => self.raise("<DIVIDE>", ""),
        };
        let order = || a().compare(b());
        Ok(match operator {
            Operator::Plus => Value::Number(a().plus(b())),
            Operator::Minus => Value::Number(a().minus(b())),
            Operator::Times => Value::Number(a().times(b())),
            Operator::Over => return divided(a().over(b())),
            Operator::Quotient => return divided(a().quotient(b())),
            Operator::Modulo => return divided(a().modulo(b())),
            Operator::Power => Value::Number(a().power(b())),
            Operator::Concatenate => {
                let text = format!("{}{}", left.to_text(), right.to_text());
                if text.len() > LONGEST {
                    return self.raise("<MAXSTRING>", "");
                }
                Value::from(text)
            }
            Operator::Equal => Value::from(left.to_text() == right.to_text()),
            Operator::Less => Value::from(order() == Ordering::Less),
            Operator::Greater => Value::from(order() == Ordering::Greater),
            Operator::LessOrEqual => Value::from(order() != Ordering::Greater),
            Operator::GreaterOrEqual => Value::from(order() != Ordering::Less),
            Operator::Contains => Value::from(left.to_text().contains(&*right.to_text())),
            Operator::Follows => Value::from(*left.to_text() > *right.to_text()),
            Operator::SortsAfter => {
                let key = crate::value::Key::new;
                Value::from(key(left) > key(&right))
            }
            Operator::And | Operator::BothAnd => Value::from(left.is_true() && right.is_true()),
            Operator::Or | Operator::BothOr => Value::from(left.is_true() || right.is_true()),
            Operator::Pattern(_) | Operator::Not(_) => unreachable!("handled above"),
        })
    }
}
