//! XML as AWS writes it: elements and text, no attributes but the root's namespace.

use std::borrow::Cow;

use jiff::Timestamp;
use quick_xml::escape::escape;

/// An element with its text or children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    name: Cow<'static, str>,
    text: Option<String>,
    children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            text: None,
            children: Vec::new(),
        }
    }

    /// The content of an answer, before the operation's name is put around it.
    pub(crate) fn content() -> Self {
        Self::new("")
    }

    /// The answer of the many operations that only say that they succeeded.
    pub(crate) fn success() -> Self {
        Self::content().text("return", true)
    }

    /// Adds `<name>value</name>`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a value reads better at each call than a reference to it"
    )]
    pub(crate) fn text(mut self, name: &'static str, value: impl ToString) -> Self {
        self.children.push(Self {
            name: name.into(),
            text: Some(value.to_string()),
            children: Vec::new(),
        });
        self
    }

    /// Adds `<name>value</name>` when there is a value; AWS leaves unset members out.
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// The same with `<name>value</name>` in the place of every child of this name.
    pub(crate) fn replaced(mut self, name: &'static str, value: &str) -> Self {
        self.children.retain(|child| child.name != name);
        self.text(name, value)
    }

    /// Adds a child.
    pub(crate) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// Adds `<name>` around the items.
    pub(crate) fn list(mut self, name: &'static str, items: impl IntoIterator<Item = Element>) -> Self {
        let children = items.into_iter().collect();
        self.children.push(Self {
            name: name.into(),
            text: None,
            children,
        });
        self
    }

    /// The same content under another name.
    pub(crate) fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The document with this element as its root.
    pub(crate) fn document(&self, namespace: Option<&str>) -> Vec<u8> {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        self.write(&mut text, namespace);
        text.into_bytes()
    }

    /// Names are our own and need no escaping; texts and the namespace do.
    fn write(&self, out: &mut String, namespace: Option<&str>) {
        out.push('<');
        out.push_str(&self.name);
        if let Some(namespace) = namespace {
            out.push_str(" xmlns=\"");
            out.push_str(&escape(namespace));
            out.push('"');
        }
        // The root keeps both its tags: clients look for the closing one.
        if self.text.is_none() && self.children.is_empty() && namespace.is_none() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        if let Some(text) = &self.text {
            out.push_str(&escape(text.as_str()));
        }
        for child in &self.children {
            child.write(out, None);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// One element of a list, as EC2 names it.
pub(crate) fn item() -> Element {
    Element::new("item")
}

/// A time as EC2 writes it: UTC with milliseconds.
pub(crate) fn timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests;
