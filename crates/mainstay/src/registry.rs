//! Named factories: children that can be added from data.

use crate::context::Context;
use crate::declare::{Child, child};
use crate::end::{BoxError, End};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

/// What a factory is given: names and texts, as they stand in a file or came over a wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    values: BTreeMap<String, String>,
}

impl Params {
    /// Returns no parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// Returns a parameter as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns a parameter that must be there.
    ///
    /// # Errors
    ///
    /// When it is missing, or is no such value.
    pub fn required<T: FromStr<Err: Into<BoxError>>>(&self, name: &str) -> Result<T, ParamError> {
        self.optional(name)?.ok_or_else(|| ParamError::Missing { name: name.into() })
    }

    /// Returns a parameter that may be left out.
    ///
    /// # Errors
    ///
    /// When it is there and is no such value.
    pub fn optional<T: FromStr<Err: Into<BoxError>>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ParamError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| ParamError::Value {
            name: name.into(),
            value: text.into(),
            source: error.into(),
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self {
            values: values.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

/// Why parameters do not fit their factory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// One is missing.
    #[error("the parameter `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// One is no such value.
    #[error("the parameter `{name}` cannot be `{value}`")]
    Value {
        /// Its name.
        name: String,
        /// What it was.
        value: String,
        /// Why not.
        source: BoxError,
    },
    /// One is not known to the factory.
    #[error("there is no parameter `{name}`; this factory takes {}", known.join(", "))]
    Unknown {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
}

/// Why a child cannot be made from data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// There is no such factory.
    #[error("there is no factory `{factory}`; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        factory: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The parameters do not fit.
    #[error("the factory `{factory}` cannot make a child of these parameters")]
    Params {
        /// The factory.
        factory: String,
        /// What is wrong with them.
        #[source]
        source: ParamError,
    },
    /// The factory panicked while it read its parameters.
    #[error("the factory `{factory}` panicked: {panic}")]
    Panicked {
        /// The factory.
        factory: String,
        /// What it said.
        panic: crate::Panic,
    },
}

type Make = dyn Fn(&str, &Params) -> Result<Child, ParamError> + Send + Sync;

/// A factory as a list shows it.
#[derive(Clone)]
pub struct Factory {
    name: String,
    title: String,
    params: &'static [&'static str],
    make: Arc<Make>,
}

impl Factory {
    /// Returns the name by which data asks for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it makes, in words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the names of the parameters it takes.
    pub const fn params(&self) -> &'static [&'static str] {
        self.params
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Factory({})", self.name)
    }
}

/// The factories of a program, by name.
///
/// ```
/// use mainstay::{Context, Params, Registry};
///
/// async fn fetch(url: String, cx: Context) { /* .. */ }
///
/// let registry = Registry::new().task("fetch", "Fetches a page over and over", &["url"], |params| {
///     let url: String = params.required("url")?;
///     Ok(move |cx| fetch(url.clone(), cx))
/// });
/// let child = registry.make("fetch", "front-page", &Params::new().with("url", "/")).unwrap();
/// // handle.by("alice").add("", child, "asked for over the API").await?;
/// # let _ = child;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry {
    factories: BTreeMap<String, Factory>,
}

impl Registry {
    /// Returns a registry without factories.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a factory of tasks: `read` reads the parameters and returns what makes the runs.
    ///
    /// A later factory of the same name takes the place of an earlier one.
    #[must_use]
    pub fn task<F, Fut>(
        self,
        name: &str,
        title: &str,
        params: &'static [&'static str],
        read: impl Fn(&Params) -> Result<F, ParamError> + Send + Sync + 'static,
    ) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: End> + Send + 'static,
    {
        self.add(name, title, params, move |called, params| Ok(child(called).task(read(params)?)))
    }

    /// The same for blocking children.
    #[must_use]
    pub fn blocking<F, T>(
        self,
        name: &str,
        title: &str,
        params: &'static [&'static str],
        read: impl Fn(&Params) -> Result<F, ParamError> + Send + Sync + 'static,
    ) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: End,
    {
        self.add(name, title, params, move |called, params| {
            Ok(child(called).blocking(read(params)?))
        })
    }

    fn add(
        mut self,
        name: &str,
        title: &str,
        params: &'static [&'static str],
        make: impl Fn(&str, &Params) -> Result<Child, ParamError> + Send + Sync + 'static,
    ) -> Self {
        let (name, title) = (name.to_owned(), title.to_owned());
        let factory = Factory { name: name.clone(), title, params, make: Arc::new(make) };
        self.factories.insert(name, factory);
        self
    }

    /// Returns the factories in order of their names, for a list or a schema.
    pub fn factories(&self) -> impl Iterator<Item = &Factory> {
        self.factories.values()
    }

    /// Makes the declaration of a child called `name`. Its policy can still be said.
    ///
    /// # Errors
    ///
    /// When there is no such factory, or the parameters do not fit it: one that it does not know is an error too.
    pub fn make(&self, factory: &str, name: &str, params: &Params) -> Result<Child, MakeError> {
        let Some(found) = self.factories.get(factory) else {
            let known = self.factories.keys().cloned().collect();
            return Err(MakeError::Unknown { factory: factory.into(), known });
        };
        let wrong = |source| MakeError::Params { factory: factory.into(), source };
        let stranger = params.values.keys().find(|name| !found.params.contains(&name.as_str()));
        if let Some(stranger) = stranger {
            let (name, known) = (stranger.clone(), found.params.to_vec());
            return Err(wrong(ParamError::Unknown { name, known }));
        }
        match crate::caught::guard(|| (found.make)(name, params)) {
            Ok(made) => made.map_err(wrong),
            Err(panic) => Err(MakeError::Panicked { factory: factory.into(), panic }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::new()
            .task("tick", "Ticks", &["every"], |params| {
                let every: u64 = params.required("every")?;
                Ok(move |_cx| async move { assert!(every > 0) })
            })
            .blocking("index", "Builds the index", &[], |_| Ok(|_cx| ()))
    }

    fn text(result: Result<Child, MakeError>) -> String {
        let error = result.map(|_| ()).expect_err("an error");
        let source = std::error::Error::source(&error);
        source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let make = |factory: &str, params: Params| text(registry().make(factory, "x", &params));
        assert_eq!(
            make("tack", Params::new()),
            "there is no factory `tack`; there are: index, tick"
        );
        let tick = "the factory `tick` cannot make a child of these parameters";
        assert_eq!(
            make("tick", Params::new()),
            format!("{tick}: the parameter `every` is missing")
        );
        assert_eq!(
            make("tick", Params::new().with("every", "soon")),
            format!("{tick}: the parameter `every` cannot be `soon`")
        );
        assert_eq!(
            make("tick", Params::new().with("each", "1")),
            format!("{tick}: there is no parameter `each`; this factory takes every")
        );
    }

    #[test]
    fn factories_are_listed_with_titles() {
        let registry = registry();
        let list: Vec<_> = registry.factories().map(|f| (f.name(), f.title())).collect();
        assert_eq!(list, [("index", "Builds the index"), ("tick", "Ticks")]);
        assert!(registry.make("tick", "t", &Params::new().with("every", "5")).is_ok());
    }
}
