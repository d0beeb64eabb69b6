//! A start tag of SDMX-ML.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::sync::Arc;

use crate::sdmx::xml::located::Place;

/// What the namespaces of all versions of SDMX-ML have in common; the version follows.
const NAMESPACE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/";

/// The versions of which [`Tag::name`] knows elements. What they have in common is spelt the same.
const VERSIONS: [&str; 3] = ["v2_1", "v3_0", "v3_1"];

/// A start tag.
#[derive(Debug)]
pub(in crate::sdmx) struct Tag {
    local: String,
    /// The namespace, where there is one.
    pub(in crate::sdmx) namespace: Option<Arc<str>>,
    attributes: Vec<(String, String)>,
    pub(in crate::sdmx) at: Place,
}

impl Tag {
    pub(super) fn new(
        local: String,
        namespace: Option<Arc<str>>,
        attributes: Vec<(String, String)>,
        at: Place,
    ) -> Self {
        Self { local, namespace, attributes, at }
    }

    /// The name without prefix; empty for elements that are not of SDMX-ML 2.1 or 3.x, so that they
    /// match nothing. Elements without a namespace, such as `Ref`, are of it.
    pub(in crate::sdmx) fn name(&self) -> &str {
        let is_known = self.version().is_some_and(|version| VERSIONS.contains(&version));
        if self.namespace.is_none() || is_known { &self.local } else { "" }
    }

    /// The version of SDMX-ML as its namespace spells it, `v2_1`; absent for other namespaces.
    pub(in crate::sdmx) fn version(&self) -> Option<&str> {
        self.namespace.as_deref()?.strip_prefix(NAMESPACE)?.split('/').next()
    }

    /// Whether the element is of SDMX-ML 3.x.
    pub(in crate::sdmx) fn is_version_3(&self) -> bool {
        self.version().is_some_and(|version| version.starts_with("v3_"))
    }

    /// The name without prefix, whatever the namespace.
    pub(in crate::sdmx) fn local(&self) -> &str {
        &self.local
    }

    /// The attribute of this name, prefix included.
    pub(in crate::sdmx) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the attribute is there and true.
    pub(in crate::sdmx) fn is_true(&self, name: &str) -> bool {
        matches!(self.attribute(name).map(str::trim), Some("true" | "1"))
    }

    pub(in crate::sdmx) fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }
}
