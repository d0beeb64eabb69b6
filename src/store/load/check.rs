//! What a cell may be: the type of a value, and the form of a period under a frequency.

use crate::limits::{CODE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::model::{Component, ComponentRole, Decimal, PeriodForm, TextType, number_of_text};

/// Says what is wrong with the text of a dimension or an attribute.
pub(super) fn text_problem(component: &Component, text: &str) -> Option<String> {
    if let Some(list) = &component.codelist {
        // Several values of one attribute are several codes.
        let known = |code: &str| list.code(code).is_some();
        if !(known(text) || component.is_multiple && text.split(';').all(known)) {
            let partial = if list.is_partial { " (of which only a part was loaded)" } else { "" };
            return Some(format!("is not a code of {}{partial}", list.identity.id));
        }
    }
    let is_dimension = component.role == ComponentRole::Dimension;
    let bytes_max = if is_dimension { CODE_BYTES_MAX } else { TEXT_BYTES_MAX };
    if text.len() > bytes_max {
        return Some(format!("has {} bytes, over the limit of {bytes_max}", text.len()));
    }
    let max = component.length_max.filter(|max| text.chars().count() as u64 > *max)?;
    Some(format!("is longer than the {max} characters that the structure allows"))
}

/// Says what is wrong with a value of a measure that is no plain decimal.
pub(super) fn value_problem(component: &Component, text: &str) -> Option<String> {
    if let Some(list) = &component.codelist {
        let known = list.code(text).is_some();
        return (!known).then(|| format!("is not a code of {}", list.identity.id));
    }
    // Values that say there is none are allowed whatever the type (SDMX-CSV 2.1, and the practice
    // of 2.1 messages).
    if text == "NaN" || text == "#N/A" {
        return None;
    }
    let fits = match component.text_type {
        TextType::Text | TextType::Period => true,
        TextType::Integer => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        }
        TextType::Decimal => number_of_text(text).is_some() && !text.contains(['e', 'E']),
        TextType::Double => {
            number_of_text(text).is_some() || matches!(text, "INF" | "-INF" | "+INF")
        }
        TextType::Boolean => matches!(text, "true" | "false" | "1" | "0"),
    };
    let expected = match component.text_type {
        TextType::Integer => "an integer",
        TextType::Decimal => "a decimal number",
        TextType::Boolean => "true or false",
        _ => "a number",
    };
    (!fits).then(|| format!("is not {expected}, which the structure asks for"))
}

/// Whether a decimal fits the type of a measure.
pub(super) fn decimal_problem(component: &Component, decimal: Decimal) -> Option<String> {
    if component.codelist.is_some() {
        return value_problem(component, &decimal.to_string());
    }
    let is_wrong = match component.text_type {
        TextType::Integer => decimal.scale > 0,
        TextType::Boolean => decimal.scale > 0 || !matches!(decimal.mantissa, 0 | 1),
        TextType::Text | TextType::Decimal | TextType::Double | TextType::Period => false,
    };
    is_wrong.then(|| "is not of the type that the structure asks for".to_owned())
}

/// Whether a period of this form contradicts the code of the frequency.
///
/// Only codes whose meaning all agencies share are checked (SDMX code list `CL_FREQ`).
pub(super) fn contradicts(frequency: &str, form: PeriodForm) -> bool {
    let expected: &[PeriodForm] = match frequency {
        "A" => &[PeriodForm::Year, PeriodForm::ReportingYear],
        "S" => &[PeriodForm::Semester],
        "T" => &[PeriodForm::Trimester],
        "Q" => &[PeriodForm::Quarter],
        "M" => &[PeriodForm::Month, PeriodForm::ReportingMonth],
        "W" => &[PeriodForm::Week],
        "D" | "B" => &[PeriodForm::Day, PeriodForm::ReportingDay],
        _ => return false,
    };
    !matches!(form, PeriodForm::Other | PeriodForm::Timeless) && !expected.contains(&form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ComponentRole, Names};

    #[test]
    fn values_must_be_of_the_type_of_their_measure() {
        let component = |text_type| Component {
            id: "OBS_VALUE".into(),
            role: ComponentRole::Measure,
            names: Names::default(),
            codelist: None,
            text_type,
            length_max: None,
            is_mandatory: false,
            is_multiple: false,
        };
        let check = |text_type, text: &str, fits: bool| {
            let problem = value_problem(&component(text_type), text);
            assert_eq!(problem.is_none(), fits, "{text_type:?} {text}");
        };
        check(TextType::Double, "1E5", true);
        check(TextType::Double, "INF", true);
        check(TextType::Double, "n/a", false);
        check(TextType::Decimal, "01", true);
        check(TextType::Decimal, "1E5", false);
        check(TextType::Decimal, "NaN", true);
        check(TextType::Integer, "007", true);
        check(TextType::Integer, "x", false);
        check(TextType::Integer, "-", false);
        check(TextType::Integer, "+-7", false);
        check(TextType::Text, "<2.5", true);
        let half = Decimal { mantissa: 5, scale: 1 };
        assert!(decimal_problem(&component(TextType::Integer), half).is_some());
        assert!(decimal_problem(&component(TextType::Decimal), half).is_none());
    }

    #[test]
    fn a_period_may_not_contradict_its_frequency() {
        assert!(contradicts("A", PeriodForm::Month));
        assert!(!contradicts("M", PeriodForm::ReportingMonth));
        assert!(!contradicts("H", PeriodForm::Semester));
        assert!(!contradicts("A", PeriodForm::Other));
    }
}
