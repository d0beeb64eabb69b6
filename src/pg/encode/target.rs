//! What the values of a column become on the wire.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use crate::error::{Error, Result};
use crate::pg::types::{Format, WireType, catalogue_name, element_of, is_plain_text, is_reg};
use crate::pg::types::{oids, wire_type};

/// Finds the name that a number of the catalogue is shown by, given the type of reference (as
/// `regclass`) and the number.
pub type RegNames = Arc<dyn Fn(u32, u32) -> Option<String> + Send + Sync>;

/// What the values of a column become.
#[derive(Clone)]
pub(in crate::pg) struct Target {
    pub(super) wire: WireType,
    pub(super) form: Form,
    /// Of a list its element, of a record its fields, of a dictionary its values.
    pub(super) children: Vec<Self>,
    /// The Arrow type that arrays must have.
    pub(super) data_type: DataType,
    /// Names of what numbers refer to.
    pub(super) names: Option<RegNames>,
}

/// What the Arrow type alone does not say about the bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Follows from the Arrow type.
    Natural,
    /// An integer of so many bytes.
    Integer(u8),
    /// An integer without a sign, of 4 bytes.
    Oid,
    /// A number of the catalogue that is shown by a name.
    Reg,
    /// An integer as an exact decimal.
    Numeric,
    /// One byte that is shown as itself.
    Char,
    /// Text, whose bytes are both forms.
    Text,
    /// Text with a byte for the version before it in binary.
    Jsonb,
    /// Sixteen bytes.
    Uuid,
    /// A place in a file: `(0,1)`.
    Tid,
    /// Text that has no binary form here.
    TextOnly,
    /// A list whose numbers stand between spaces, and count from 0.
    Vector,
    /// A list between braces.
    Array,
}

impl Target {
    /// What values of this field become.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the type has no binary form, but is asked for it;
    /// [`Error::Unsupported`] for Arrow types that PostgreSQL has no match for.
    pub(in crate::pg) fn new(field: &Field, format: Format) -> Result<Self> {
        Self::of(field, wire_type(field), format)
    }

    /// The same with names for numbers of the catalogue.
    pub(in crate::pg) fn with_names(mut self, names: &RegNames) -> Self {
        self.names = Some(Arc::clone(names));
        self.children = self.children.into_iter().map(|child| child.with_names(names)).collect();
        self
    }

    fn of(field: &Field, wire: WireType, format: Format) -> Result<Self> {
        let data_type = field.data_type();
        let form = form(data_type, wire.oid);
        if form == Form::TextOnly && format == Format::Binary {
            let name = catalogue_name(wire.oid).unwrap_or("unknown");
            let reason = format!("no binary output function available for type {name}");
            return Err(Error::invalid(field.name(), reason));
        }
        let children = match data_type {
            DataType::Dictionary(_, values) => {
                let values = Field::new(field.name(), values.as_ref().clone(), true);
                vec![Self::of(&values, wire, format)?]
            }
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _)
            | DataType::Map(element, _) => {
                vec![Self::of(element, element_type(element, wire), format)?]
            }
            DataType::Struct(fields) => {
                fields.iter().map(|field| Self::new(field, format)).collect::<Result<_>>()?
            }
            DataType::Union(..) | DataType::RunEndEncoded(..) => {
                return Err(Error::Unsupported { what: format!("a column of type {data_type}") });
            }
            _ => Vec::new(),
        };
        Ok(Self { wire, form, children, data_type: data_type.clone(), names: None })
    }
}

/// The type of the elements of a list: that of the list says it, or, where lists are nested, is it.
fn element_type(element: &Field, list: WireType) -> WireType {
    let declared = wire_type(element);
    let is_nested = element_of(declared.oid).is_some() && element_of(list.oid).is_some();
    match (list.oid, element_of(list.oid)) {
        _ if is_nested => list,
        (oids::INT2VECTOR, _) => WireType::of(oids::INT2),
        (oids::OIDVECTOR, _) => WireType::of(oids::OID),
        (_, Some(oid)) if oid != declared.oid => WireType::of(oid),
        _ => declared,
    }
}

fn form(data_type: &DataType, oid: u32) -> Form {
    match data_type {
        integer if integer.is_integer() => match oid {
            oids::INT2 => Form::Integer(2),
            oids::INT4 => Form::Integer(4),
            oids::INT8 => Form::Integer(8),
            oids::CHAR => Form::Char,
            oids::NUMERIC => Form::Numeric,
            reg if is_reg(reg) => Form::Reg,
            _ => Form::Oid,
        },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match oid {
            oids::CHAR => Form::Char,
            oids::JSONB => Form::Jsonb,
            oids::UUID => Form::Uuid,
            oids::TID => Form::Tid,
            text if is_plain_text(text) => Form::Text,
            _ => Form::TextOnly,
        },
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(..)
        | DataType::Map(..) => match oid {
            oids::INT2VECTOR | oids::OIDVECTOR => Form::Vector,
            _ => Form::Array,
        },
        DataType::FixedSizeBinary(16) if oid == oids::UUID => Form::Uuid,
        _ => Form::Natural,
    }
}
