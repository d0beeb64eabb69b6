//! The groups of a structure: partial keys with a name.

use crate::sdmx::data::DataScope;

/// The groups of a structure, each with its dimensions by position in the series key.
pub(super) struct Groups<'a>(Vec<(Vec<usize>, &'a str)>);

impl<'a> Groups<'a> {
    /// The groups of the structure of a dataflow. One with the time dimension is left out: what is
    /// attached to it stands at observations.
    pub(super) fn new(scope: &DataScope<'a>) -> Self {
        let structure = scope.artefacts.data_structure(&scope.flow.structure);
        let groups = structure.iter().flat_map(|structure| &structure.groups);
        let dimensions = scope.flow.dimensions();
        let positions = groups.filter_map(|group| {
            let position = |id: &String| dimensions.iter().position(|known| known.id == *id);
            let mut found: Vec<usize> =
                group.dimensions.iter().map(position).collect::<Option<_>>()?;
            found.sort_unstable();
            Some((found, group.id.as_str()))
        });
        Self(positions.collect())
    }

    /// The name of the group of exactly these dimensions.
    pub(super) fn name(&self, dimensions: &[usize]) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, _)| known == dimensions);
        found.map(|(_, name)| *name)
    }
}
