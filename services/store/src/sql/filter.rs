//! A WHERE that grows.

use super::Value;

#[derive(Default)]
pub(crate) struct Filter {
    text: String,
    args: Vec<Value>,
}

impl Filter {
    /// Adds a condition; each `?` stands for the next value.
    pub(crate) fn and(
        &mut self,
        condition: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) -> &mut Self {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        let mut values = values.into_iter();
        for part in condition.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(before) => {
                    self.text.push_str(before);
                    self.bind(values.next().expect("a value for each ?"));
                }
                None => self.text.push_str(part),
            }
        }
        self
    }

    /// Adds `column IN (values)`; no values means no condition.
    pub(crate) fn one_of(
        &mut self,
        column: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) -> &mut Self {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
            self.text.push_str(column);
            self.text.push_str(" IN (");
            for (i, value) in values.enumerate() {
                if i > 0 {
                    self.text.push(',');
                }
                self.bind(value);
            }
            self.text.push(')');
        }
        self
    }

    fn bind(&mut self, value: Value) {
        self.args.push(value);
        self.text.push('$');
        self.text.push_str(&self.args.len().to_string());
    }

    /// The condition, what comes behind it, a limit; and the values.
    pub(crate) fn finish(mut self, order: &str, limit: usize) -> (String, Vec<Value>) {
        self.text.push(' ');
        self.text.push_str(order);
        self.text.push_str(" LIMIT ");
        self.bind(Value::Int(Some(i64::try_from(limit).unwrap_or(i64::MAX))));
        (self.text, self.args)
    }

    /// The condition and the values.
    pub(crate) fn bare(self) -> (String, Vec<Value>) {
        (self.text, self.args)
    }
}
