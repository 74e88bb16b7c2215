//! FOR, WHILE and DO … WHILE.

use super::{Flow, Run};
use crate::{
    iris::errors::Outcome,
    source::ast::{Expression, Range, Statement, Target},
    value::{Decimal, Value},
};
use std::cmp::Ordering;

/// What one turn means for the loop.
enum Turn {
    Again,
    Over(Flow),
}

impl Run<'_> {
    fn turn(&mut self, block: &[Statement]) -> Outcome<Turn> {
        self.step()?;
        Ok(match self.block(block)? {
            Flow::Next | Flow::Continue => Turn::Again,
            Flow::Quit(_) => Turn::Over(Flow::Next),
            flow @ Flow::Return(_) => Turn::Over(flow),
        })
    }

    pub(crate) fn repeat_for(
        &mut self,
        target: Option<&Target>,
        ranges: &[Range],
        block: &[Statement],
    ) -> Outcome<Flow> {
        let Some(target) = target else {
            loop {
                if let Turn::Over(flow) = self.turn(block)? {
                    return Ok(flow);
                }
            }
        };
        for range in ranges {
            match range {
                Range::Once(value) => {
                    let value = self.evaluate(value)?;
                    let place = self.place_of(target)?;
                    self.write(&place, value)?;
                    if let Turn::Over(flow) = self.turn(block)? {
                        return Ok(flow);
                    }
                }
                Range::Steps { from, by, to } => {
                    let mut number = self.evaluate(from)?.to_number();
                    let by = self.evaluate(by)?.to_number();
                    let to = match to {
                        Some(to) => Some(self.evaluate(to)?.to_number()),
                        None => None,
                    };
                    let place = self.place_of(target)?;
                    self.write(&place, Value::Number(number))?;
                    while to.is_none_or(|to| !is_beyond(number, by, to)) {
                        if let Turn::Over(flow) = self.turn(block)? {
                            return Ok(flow);
                        }
                        // The body may have changed the variable. After the last turn it keeps its value.
                        let next = self.read(&place)?.to_number().plus(by);
                        if to.is_some_and(|to| is_beyond(next, by, to)) {
                            break;
                        }
                        number = next;
                        self.write(&place, Value::Number(number))?;
                    }
                }
            }
        }
        Ok(Flow::Next)
    }

    pub(crate) fn repeat_while(&mut self, conditions: &[Expression], block: &[Statement]) -> Outcome<Flow> {
        while self.all_hold(conditions)? {
            if let Turn::Over(flow) = self.turn(block)? {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    pub(crate) fn repeat_do_while(&mut self, block: &[Statement], conditions: &[Expression]) -> Outcome<Flow> {
        loop {
            if let Turn::Over(flow) = self.turn(block)? {
                return Ok(flow);
            }
            if !self.all_hold(conditions)? {
                return Ok(Flow::Next);
            }
        }
    }
}

fn is_beyond(number: Decimal, by: Decimal, to: Decimal) -> bool {
    match number.compare(to) {
        Ordering::Greater => !by.is_negative(),
        Ordering::Less => by.is_negative(),
        Ordering::Equal => false,
    }
}
