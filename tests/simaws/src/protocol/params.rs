//! The parameters of a query request: a flat form whose names spell a tree (`Filter.1.Value.2`).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::str::FromStr;

use super::ApiError;

/// The form's fields by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads an `application/x-www-form-urlencoded` body or query string.
    pub(crate) fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    /// Adds fields that are not there yet.
    pub(crate) fn extend(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// Puts `value` in the place of a field, or takes the field away.
    pub(crate) fn set(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.0.insert(name.to_owned(), value),
            None => self.0.remove(name),
        };
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(other) => Err(ApiError::value(format!(
                "Invalid value '{other}' for boolean {name}"
            ))),
        }
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(ApiError::value(format!(
                    "Invalid value '{text}' for number {name}"
                ))),
            },
        }
    }

    /// The values `name.1`, `name.2`, … in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut values: Vec<(u32, &String)> = self
            .under(name)
            .filter_map(|(rest, value)| rest.parse().ok().map(|number| (number, value)))
            .collect();
        values.sort_by_key(|(number, _)| *number);
        values.into_iter().map(|(_, value)| value.clone()).collect()
    }

    /// The structures `name.1.…`, `name.2.…` in the order of their numbers.
    pub(crate) fn structs(&self, name: &str) -> Vec<Params> {
        let mut found: BTreeMap<u32, Params> = BTreeMap::new();
        for (rest, value) in self.under(name) {
            let Some((number, field)) = rest.split_once('.') else {
                continue;
            };
            if let Ok(number) = number.parse() {
                found
                    .entry(number)
                    .or_default()
                    .0
                    .insert(field.to_owned(), value.clone());
            }
        }
        found.into_values().collect()
    }

    /// The structure `name.…`.
    pub(crate) fn group(&self, name: &str) -> Params {
        Self(
            self.under(name)
                .map(|(rest, value)| (rest.to_owned(), value.clone()))
                .collect(),
        )
    }

    /// What makes two requests with one client token the same request.
    pub(crate) fn fingerprint(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            if !matches!(name.as_str(), "ClientToken" | "DryRun" | "Version") {
                text.push_str(&format!("{name}={value:?};"));
            }
        }
        text
    }

    fn under(&self, name: &str) -> impl Iterator<Item = (&str, &String)> {
        let prefix = format!("{name}.");
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.0
            .range::<String, _>(from)
            .map_while(move |(key, value)| key.strip_prefix(&prefix).map(|rest| (rest, value)))
    }
}

#[cfg(test)]
mod tests;
