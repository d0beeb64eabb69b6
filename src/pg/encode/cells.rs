//! A column of a batch, matched with what its values become.

use std::ops::Range;

use arrow::array::MAX_INLINE_VIEW_LEN;
use arrow::array::types::{IntervalDayTime, IntervalMonthDayNano};
use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, BinaryArray, BinaryViewArray, BooleanArray,
    FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray, PrimitiveArray, StringArray,
    StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit, i256};
use arrow::datatypes::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

use crate::error::{Error, Result};
use crate::pg::encode::interval::Span;
use crate::pg::encode::target::Target;

/// Rows that are compared at one go with those before them.
const COMPARED_ROWS: usize = 16;

/// The values of a column of one batch.
pub(in crate::pg) struct Cells<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) values: Values<'a>,
    pub(super) target: &'a Target,
}

/// The buffers of an array by what they hold.
pub(super) enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    Integer(Integers<'a>),
    Single(&'a [f32]),
    Double(&'a [f64]),
    Half(&'a PrimitiveArray<Float16Type>),
    Decimal(Decimals<'a>, i8),
    Days(&'a [i32]),
    /// A date as milliseconds.
    DateMillis(&'a [i64]),
    /// A time of day and the seconds, milliseconds and so on that are counted.
    Time(Integers<'a>, TimeUnit),
    Moment(&'a [i64], TimeUnit),
    Duration(&'a [i64], TimeUnit),
    Months(&'a [i32]),
    DayTime(&'a [IntervalDayTime]),
    Span(&'a [IntervalMonthDayNano]),
    Text(&'a StringArray),
    TextView(&'a StringViewArray),
    LargeText(&'a LargeStringArray),
    Bytes(&'a BinaryArray),
    BytesView(&'a BinaryViewArray),
    LargeBytes(&'a LargeBinaryArray),
    FixedBytes(&'a FixedSizeBinaryArray),
    Dictionary(Integers<'a>, Box<Cells<'a>>),
    List(Ranges<'a>, Box<Cells<'a>>),
    Record(Vec<Cells<'a>>),
}

/// Integers of any width.
#[derive(Clone, Copy)]
pub(super) enum Integers<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
}

/// Mantissas of any width.
#[derive(Clone, Copy)]
pub(super) enum Decimals<'a> {
    D32(&'a [i32]),
    D64(&'a [i64]),
    D128(&'a [i128]),
    D256(&'a [i256]),
}

/// Where the elements of lists are among the elements of all.
pub(super) enum Ranges<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
    View(&'a [i32], &'a [i32]),
    LargeView(&'a [i64], &'a [i64]),
    Fixed(usize),
}

impl<'a> Cells<'a> {
    /// Matches an array with its target.
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] if the array is not of the type that its schema says.
    pub(in crate::pg) fn new(array: &'a dyn Array, target: &'a Target) -> Result<Self> {
        if array.data_type() != &target.data_type {
            let (found, expected) = (array.data_type(), &target.data_type);
            return Err(Error::bug(format!("a column of {expected} holds {found}")));
        }
        let child = |array: &'a dyn Array| {
            let target = target.children.first();
            let target = target.ok_or_else(|| Error::bug("a nested column without its element"))?;
            Self::new(array, target).map(Box::new)
        };
        let values = match array.data_type() {
            DataType::Dictionary(..) => {
                let (keys, values) = dictionary(array)?;
                Values::Dictionary(keys, child(values)?)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Values::List(Ranges::Small(list.value_offsets()), child(list.values())?)
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Values::List(Ranges::Large(list.value_offsets()), child(list.values())?)
            }
            DataType::ListView(_) => {
                let list = array.as_list_view::<i32>();
                let ranges = Ranges::View(list.value_offsets(), list.value_sizes());
                Values::List(ranges, child(list.values())?)
            }
            DataType::LargeListView(_) => {
                let list = array.as_list_view::<i64>();
                let ranges = Ranges::LargeView(list.value_offsets(), list.value_sizes());
                Values::List(ranges, child(list.values())?)
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                let length = usize::try_from(list.value_length()).unwrap_or_default();
                Values::List(Ranges::Fixed(length), child(list.values())?)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                Values::List(Ranges::Small(map.value_offsets()), child(map.entries())?)
            }
            DataType::Struct(_) => {
                let columns = array.as_struct().columns().iter().zip(&target.children);
                let columns = columns.map(|(array, target)| Self::new(array.as_ref(), target));
                Values::Record(columns.collect::<Result<_>>()?)
            }
            _ => flat(array)?,
        };
        Ok(Self { nulls: array.nulls(), values, target })
    }

    /// Whether there is no value.
    #[inline]
    pub(in crate::pg) fn is_null(&self, row: usize) -> bool {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return true;
        }
        match &self.values {
            Values::Null => true,
            Values::Dictionary(keys, values) => values.is_null(keys.index(row)),
            _ => false,
        }
    }
}

impl Cells<'_> {
    /// For each of some rows whether it may differ from the one before; the first always may.
    /// Absent if more than so many do, and for values that are seldom the same.
    pub(super) fn changes(&self, rows: &Range<usize>, most: usize) -> Option<Vec<bool>> {
        let Values::TextView(values) = &self.values else { return None };
        // The texts of one array lie in the same buffers, so that equal views are equal texts.
        let views = values.views().get(rows.clone())?;
        let nulls = self.nulls.map(|nulls| nulls.slice(rows.start, rows.len()));
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let differs = |row: usize| {
            let is_null_alike = |nulls: &NullBuffer| nulls.is_null(row) == nulls.is_null(row - 1);
            views[row] != views[row - 1] || !nulls.as_ref().is_none_or(is_null_alike)
        };
        let mut changes = vec![false; views.len()];
        *changes.first_mut()? = true;
        let mut count = 1;
        for start in (1..views.len()).step_by(COMPARED_ROWS) {
            let end = views.len().min(start + COMPARED_ROWS);
            // Many at once, since most are the same.
            if nulls.is_none() && views[start..end] == views[start - 1..end - 1] {
                continue;
            }
            for row in (start..end).filter(|row| differs(*row)) {
                changes[row] = true;
                count += 1;
            }
            if count > most {
                return None;
            }
        }
        Some(changes)
    }
}

/// The bytes of a text that is so short that its view holds it, with zeros behind them, and how
/// many they are; the first four are not the text's.
#[inline]
pub(super) fn short_text(values: &StringViewArray, row: usize) -> Option<([u8; 16], usize)> {
    let view = values.views()[row].to_le_bytes();
    let length = u32::from_le_bytes([view[0], view[1], view[2], view[3]]);
    (length <= MAX_INLINE_VIEW_LEN).then_some((view, length as usize))
}

impl Integers<'_> {
    /// The number, absent if it is over the largest `i64`.
    #[inline]
    pub(super) fn signed(&self, row: usize) -> Option<i64> {
        Some(match self {
            Self::I8(values) => i64::from(values[row]),
            Self::I16(values) => i64::from(values[row]),
            Self::I32(values) => i64::from(values[row]),
            Self::I64(values) => values[row],
            Self::U8(values) => i64::from(values[row]),
            Self::U16(values) => i64::from(values[row]),
            Self::U32(values) => i64::from(values[row]),
            Self::U64(values) => return i64::try_from(values[row]).ok(),
        })
    }

    /// The sign and the magnitude of the number.
    #[inline]
    pub(super) fn magnitude(&self, row: usize) -> (bool, u64) {
        if let Self::U64(values) = self {
            return (false, values[row]);
        }
        let number = self.signed(row).unwrap_or_default();
        (number < 0, number.unsigned_abs())
    }

    /// The number as an index; one that is not, as an index that nothing has.
    #[inline]
    fn index(&self, row: usize) -> usize {
        self.signed(row).and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX)
    }
}

impl Cells<'_> {
    /// The row of the values that a row of a dictionary stands for.
    #[inline]
    pub(super) fn key(keys: &Integers<'_>, row: usize) -> usize {
        keys.index(row)
    }
}

impl Ranges<'_> {
    /// The elements of a list.
    pub(super) fn of(&self, row: usize) -> Range<usize> {
        let index = |number: i64| usize::try_from(number).unwrap_or_default();
        let small = |number: i32| usize::try_from(number).unwrap_or_default();
        match self {
            Self::Small(offsets) => small(offsets[row])..small(offsets[row + 1]),
            Self::Large(offsets) => index(offsets[row])..index(offsets[row + 1]),
            Self::View(offsets, sizes) => {
                let start = small(offsets[row]);
                start..start + small(sizes[row])
            }
            Self::LargeView(offsets, sizes) => {
                let start = index(offsets[row]);
                start..start + index(sizes[row])
            }
            Self::Fixed(length) => row * length..(row + 1) * length,
        }
    }
}

impl Values<'_> {
    /// The moment of a row in microseconds since 1970, absent if it is out of range.
    pub(super) fn micros(value: i64, unit: TimeUnit) -> Option<i64> {
        match unit {
            // Infinity, and what is as far away.
            _ if value == i64::MAX || value == i64::MIN => Some(value),
            TimeUnit::Second => value.checked_mul(1_000_000),
            TimeUnit::Millisecond => value.checked_mul(1_000),
            TimeUnit::Microsecond => Some(value),
            TimeUnit::Nanosecond => Some(value.div_euclid(1_000)),
        }
    }

    /// The span of a row, absent if this is no column of spans or the span is out of range.
    pub(super) fn span(&self, row: usize) -> Option<Span> {
        Some(match self {
            Self::Months(values) => Span { months: values[row], ..Span::default() },
            Self::DayTime(values) => {
                let value = values[row];
                let micros = i64::from(value.milliseconds) * 1_000;
                Span { days: value.days, micros, months: 0 }
            }
            Self::Span(values) => {
                let value = values[row];
                let micros = value.nanoseconds / 1_000;
                Span { months: value.months, days: value.days, micros }
            }
            Self::Duration(values, unit) => {
                Span { micros: Self::micros(values[row], *unit)?, ..Span::default() }
            }
            _ => return None,
        })
    }
}

/// The buffer of a primitive array.
fn buffer<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    array.as_primitive::<T>().values()
}

fn flat(array: &dyn Array) -> Result<Values<'_>> {
    if let Some(integers) = integers(array) {
        return Ok(Values::Integer(integers));
    }
    Ok(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Bool(array.as_boolean()),
        DataType::Float16 => Values::Half(array.as_primitive()),
        DataType::Float32 => Values::Single(buffer::<Float32Type>(array)),
        DataType::Float64 => Values::Double(buffer::<Float64Type>(array)),
        DataType::Decimal32(_, scale) => {
            Values::Decimal(Decimals::D32(buffer::<Decimal32Type>(array)), *scale)
        }
        DataType::Decimal64(_, scale) => {
            Values::Decimal(Decimals::D64(buffer::<Decimal64Type>(array)), *scale)
        }
        DataType::Decimal128(_, scale) => {
            Values::Decimal(Decimals::D128(buffer::<Decimal128Type>(array)), *scale)
        }
        DataType::Decimal256(_, scale) => {
            Values::Decimal(Decimals::D256(buffer::<Decimal256Type>(array)), *scale)
        }
        DataType::Utf8 => Values::Text(array.as_string()),
        DataType::LargeUtf8 => Values::LargeText(array.as_string()),
        DataType::Utf8View => Values::TextView(array.as_string_view()),
        DataType::Binary => Values::Bytes(array.as_binary()),
        DataType::LargeBinary => Values::LargeBytes(array.as_binary()),
        DataType::BinaryView => Values::BytesView(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => Values::FixedBytes(array.as_fixed_size_binary()),
        _ => temporal(array)?,
    })
}

fn integers(array: &dyn Array) -> Option<Integers<'_>> {
    Some(match array.data_type() {
        DataType::Int8 => Integers::I8(buffer::<Int8Type>(array)),
        DataType::Int16 => Integers::I16(buffer::<Int16Type>(array)),
        DataType::Int32 => Integers::I32(buffer::<Int32Type>(array)),
        DataType::Int64 => Integers::I64(buffer::<Int64Type>(array)),
        DataType::UInt8 => Integers::U8(buffer::<UInt8Type>(array)),
        DataType::UInt16 => Integers::U16(buffer::<UInt16Type>(array)),
        DataType::UInt32 => Integers::U32(buffer::<UInt32Type>(array)),
        DataType::UInt64 => Integers::U64(buffer::<UInt64Type>(array)),
        _ => return None,
    })
}

fn temporal(array: &dyn Array) -> Result<Values<'_>> {
    Ok(match array.data_type() {
        DataType::Date32 => Values::Days(buffer::<Date32Type>(array)),
        DataType::Date64 => Values::DateMillis(buffer::<Date64Type>(array)),
        DataType::Time32(unit @ TimeUnit::Second) => {
            Values::Time(Integers::I32(buffer::<Time32SecondType>(array)), *unit)
        }
        DataType::Time32(unit) => {
            Values::Time(Integers::I32(buffer::<Time32MillisecondType>(array)), *unit)
        }
        DataType::Time64(unit @ TimeUnit::Nanosecond) => {
            Values::Time(Integers::I64(buffer::<Time64NanosecondType>(array)), *unit)
        }
        DataType::Time64(unit) => {
            Values::Time(Integers::I64(buffer::<Time64MicrosecondType>(array)), *unit)
        }
        DataType::Timestamp(unit, _) => Values::Moment(
            match unit {
                TimeUnit::Second => buffer::<TimestampSecondType>(array),
                TimeUnit::Millisecond => buffer::<TimestampMillisecondType>(array),
                TimeUnit::Microsecond => buffer::<TimestampMicrosecondType>(array),
                TimeUnit::Nanosecond => buffer::<TimestampNanosecondType>(array),
            },
            *unit,
        ),
        DataType::Duration(unit) => Values::Duration(
            match unit {
                TimeUnit::Second => buffer::<DurationSecondType>(array),
                TimeUnit::Millisecond => buffer::<DurationMillisecondType>(array),
                TimeUnit::Microsecond => buffer::<DurationMicrosecondType>(array),
                TimeUnit::Nanosecond => buffer::<DurationNanosecondType>(array),
            },
            *unit,
        ),
        DataType::Interval(unit) => match unit {
            IntervalUnit::YearMonth => Values::Months(buffer::<IntervalYearMonthType>(array)),
            IntervalUnit::DayTime => Values::DayTime(buffer::<IntervalDayTimeType>(array)),
            IntervalUnit::MonthDayNano => Values::Span(buffer::<IntervalMonthDayNanoType>(array)),
        },
        other => {
            return Err(Error::Unsupported { what: format!("a column of type {other}") });
        }
    })
}

fn dictionary(array: &dyn Array) -> Result<(Integers<'_>, &dyn Array)> {
    let array =
        array.as_any_dictionary_opt().ok_or_else(|| Error::bug("a dictionary that is none"))?;
    let keys = integers(array.keys()).ok_or_else(|| Error::bug("keys that are no integers"))?;
    Ok((keys, array.values().as_ref()))
}
