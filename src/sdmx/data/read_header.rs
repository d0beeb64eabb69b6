//! What a data message says before its data.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;
use std::sync::Arc;

use crate::error::Result;
use crate::limits::MESSAGE_FLOWS_MAX;
use crate::model::Flow;
use crate::sdmx::rows::{FlowKind, FlowRef};
use crate::sdmx::structure::Reference;
use crate::sdmx::xml::{Source, Tag};

/// The parts of a header that say what its data are.
#[derive(Default)]
pub(super) struct Header {
    pub(super) structures: Vec<Structure>,
    /// The action of data sets that have none of their own.
    pub(super) action: Option<String>,
}

/// A structure that data sets refer to.
pub(super) struct Structure {
    /// What data sets call it.
    pub(super) id: String,
    pub(super) reference: FlowRef,
    /// The dimension at the observation, or `AllDimensions`.
    pub(super) at_observation: Option<String>,
    /// Whether observations are typed by the code of that dimension.
    pub(super) has_explicit_measures: bool,
    /// The flow, and its number among those that the message named.
    pub(super) flow: Option<(usize, Arc<Flow>)>,
}

impl Header {
    /// Reads the current element, up to its end.
    pub(super) fn read<R: BufRead>(source: &mut Source<'_, R>) -> Result<Self> {
        let mut header = Self::default();
        while let Some(part) = source.child()? {
            match part.name() {
                "Structure" => header.structures.push(Structure::read(source, &part)?),
                "DataSetAction" => header.action = Some(source.text()?.trim().to_owned()),
                _ => source.skip()?,
            }
            if header.structures.len() > MESSAGE_FLOWS_MAX {
                let reason = format!("the header has more than {MESSAGE_FLOWS_MAX} structures");
                return Err(source.error(part.at, reason));
            }
        }
        Ok(header)
    }
}

impl Structure {
    fn read<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Self> {
        let mut found = None;
        while let Some(child) = source.child()? {
            let kind = match child.name() {
                "Structure" => FlowKind::DataStructure,
                "StructureUsage" => FlowKind::Dataflow,
                // The schema of SDMX 2.1 spells it the second way.
                "ProvisionAgreement" | "ProvisionAgrement" => FlowKind::ProvisionAgreement,
                _ => {
                    source.skip()?;
                    continue;
                }
            };
            found = Some(Reference::read(source, &child)?.flow(source, kind)?);
        }
        let reason = "Structure refers to no dataflow, data structure or provision agreement";
        let text = |name: &str| tag.attribute(name).map(|text| text.trim().to_owned());
        Ok(Self {
            id: text("structureID").unwrap_or_default(),
            reference: found.ok_or_else(|| source.error(tag.at, reason))?,
            at_observation: text("dimensionAtObservation"),
            has_explicit_measures: tag.is_true("explicitMeasures"),
            flow: None,
        })
    }
}
