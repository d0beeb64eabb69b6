//! The cubes that benches and tests share. The argument is the wanted number of observations;
//! what comes out differs from it by a few percent ([`super::Cube::totals`] counts).

use super::CubeSpec;
use super::DimensionSpec;
use super::SeriesAttribute;
use super::periods::Frequency;
use super::periods::FrequencySpec;

/// Names of the presets, with a line about each.
pub const PRESETS: [(&str, &str); 8] = [
    ("labour", "7 dimensions, annual to monthly, 57 observations a series, 1 % gaps, 7 % statuses"),
    ("annual_short", "the same dimensions, annual, 28 observations a series"),
    ("very_short", "4 dimensions without FREQ, annual, 1 to 3 observations a series"),
    ("two_measures", "a second measure OBS_COUNT, half-yearly and quarterly (SDMX 3.0, CSV 2.0)"),
    ("text_values", "one value in 50 is no plain number: <2.5, NaN, 01, 1E5; one in 50 is empty"),
    ("no_time", "a cross-section: no time dimension, one observation a series"),
    ("wide31", "31 dimensions with keys of more than 128 bits, annual, 8 a series"),
    ("daily", "exchange rates: working days and weeks, 4,000 observations a series, titles"),
];

/// The preset of a name, or `None` if there is none.
pub fn by_name(name: &str, observations: u64) -> Option<CubeSpec> {
    match name {
        "labour" => Some(labour(observations)),
        "annual_short" => Some(annual_short(observations)),
        "very_short" => Some(very_short(observations)),
        "two_measures" => Some(two_measures(observations)),
        "text_values" => Some(text_values(observations)),
        "no_time" => Some(no_time(observations)),
        "wide31" => Some(wide31(observations)),
        "daily" => Some(daily(observations)),
        _ => None,
    }
}

/// Labour statistics: the cube of the benchmarks.
pub fn labour(observations: u64) -> CubeSpec {
    let frequencies = vec![
        FrequencySpec {
            frequency: Frequency::Annual,
            weight: 0.58,
            periods_mean: 26,
            periods_spread: 0.8,
        },
        FrequencySpec {
            frequency: Frequency::Quarterly,
            weight: 0.30,
            periods_mean: 78,
            periods_spread: 0.7,
        },
        FrequencySpec {
            frequency: Frequency::Monthly,
            weight: 0.12,
            periods_mean: 165,
            periods_spread: 0.7,
        },
    ];
    let mut dimensions = vec![DimensionSpec::frequency(&frequencies)];
    dimensions.extend(labour_dimensions());
    CubeSpec {
        seed: 1,
        agency: "GEN".to_owned(),
        flow: "LABOUR".to_owned(),
        name: "Labour force by sex and age".to_owned(),
        dimensions,
        subject: 2,
        series_count: (observations / 57).max(1),
        frequencies,
        first_year: 1950,
        last_year: 2025,
        weekdays_only: false,
        gap_share: 0.01,
        null_share: 0.002,
        status_share: 0.07,
        measures: vec!["OBS_VALUE".to_owned()],
        decimals: vec![(0, 0.40), (1, 0.30), (2, 0.15), (3, 0.15)],
        digits: (2, 6),
        volatility: 0.014,
        constant_share: 0.08,
        trimmed_share: 0.10,
        text_share: 0.0,
        attributes: vec![
            SeriesAttribute::UnitMeasure,
            SeriesAttribute::UnitMult,
            SeriesAttribute::Decimals,
        ],
    }
}

/// Annual series of about 28 observations.
pub fn annual_short(observations: u64) -> CubeSpec {
    let frequencies = vec![FrequencySpec {
        frequency: Frequency::Annual,
        weight: 1.0,
        periods_mean: 28,
        periods_spread: 0.9,
    }];
    let mut spec = labour(observations);
    spec.seed = 2;
    "ANNUAL_SHORT".clone_into(&mut spec.flow);
    spec.dimensions[0] = DimensionSpec::frequency(&frequencies);
    spec.frequencies = frequencies;
    spec.series_count = (observations / 28).max(1);
    spec
}

/// Series of one to three observations, without a dimension of frequency.
pub fn very_short(observations: u64) -> CubeSpec {
    let mut spec = labour(observations);
    spec.seed = 3;
    "VERY_SHORT".clone_into(&mut spec.flow);
    spec.dimensions = vec![
        DimensionSpec::zipf("REPORTER", "Reporter", &areas(), 5.0, 11),
        DimensionSpec::zipf("PARTNER", "Partner", &areas(), 5.0, 12),
        DimensionSpec::zipf("PRODUCT", "Product", &numbered("HS", 4, 1_224), 20.0, 13),
        DimensionSpec::weighted(
            "FLOW",
            "Trade flow",
            [("X", "Exports", 1.0), ("M", "Imports", 1.2)],
        ),
    ];
    spec.subject = 2;
    spec.frequencies = vec![FrequencySpec {
        frequency: Frequency::Annual,
        weight: 1.0,
        periods_mean: 2,
        periods_spread: 0.5,
    }];
    spec.gap_share = 0.0;
    spec.series_count = (observations / 2).max(1);
    spec
}

/// A cube with two measures.
pub fn two_measures(observations: u64) -> CubeSpec {
    let frequencies = vec![
        FrequencySpec {
            frequency: Frequency::HalfYearly,
            weight: 0.3,
            periods_mean: 24,
            periods_spread: 0.5,
        },
        FrequencySpec {
            frequency: Frequency::Quarterly,
            weight: 0.7,
            periods_mean: 48,
            periods_spread: 0.5,
        },
    ];
    let mut spec = labour(observations);
    spec.seed = 4;
    "TWO_MEASURES".clone_into(&mut spec.flow);
    spec.dimensions = vec![
        DimensionSpec::frequency(&frequencies),
        DimensionSpec::zipf("REF_AREA", "Area", &areas(), 5.0, 21),
        DimensionSpec::zipf("ITEM", "Item", &numbered("I", 3, 400), 4.0, 22),
        sexes(),
    ];
    spec.subject = 2;
    spec.frequencies = frequencies;
    spec.measures = vec!["OBS_VALUE".to_owned(), "OBS_COUNT".to_owned()];
    spec.null_share = 0.03;
    spec.attributes.push(SeriesAttribute::Title);
    spec.series_count = (observations / 41).max(1);
    spec
}

/// The labour cube with values that are no plain numbers, and more empty ones.
pub fn text_values(observations: u64) -> CubeSpec {
    let mut spec = labour(observations);
    spec.seed = 5;
    "TEXT_VALUES".clone_into(&mut spec.flow);
    spec.text_share = 0.02;
    spec.null_share = 0.02;
    spec
}

/// A cross-section: a census by place of living, work and birth.
pub fn no_time(observations: u64) -> CubeSpec {
    let mut spec = labour(observations);
    spec.seed = 6;
    "NO_TIME".clone_into(&mut spec.flow);
    spec.dimensions = vec![
        DimensionSpec::zipf("LIVING", "Place of living", &numbered("R", 3, 600), 10.0, 31),
        DimensionSpec::zipf("WORK", "Place of work", &numbered("R", 3, 600), 10.0, 32),
        DimensionSpec::zipf("BIRTH", "Country of birth", &areas(), 3.0, 33),
        sexes(),
    ];
    spec.subject = 2;
    spec.frequencies = Vec::new();
    spec.gap_share = 0.0;
    spec.decimals = vec![(0, 1.0)];
    spec.series_count = observations.max(1);
    spec
}

/// 31 dimensions, most of them `_T`, as in the data base of sustainable development goals.
pub fn wide31(observations: u64) -> CubeSpec {
    let mut spec = labour(observations);
    spec.seed = 7;
    "WIDE31".clone_into(&mut spec.flow);
    spec.dimensions = vec![
        DimensionSpec::zipf("SERIES", "Series", &numbered("SE_", 3, 500), 4.0, 41),
        DimensionSpec::zipf("REF_AREA", "Area", &areas(), 10.0, 42),
    ];
    for dimension in 3_u32..=31 {
        let id = format!("BREAKDOWN_{dimension:02}");
        let name = format!("Breakdown {dimension}");
        let mut codes = numbered("B", 2, 16 + dimension % 7);
        codes.push("_T".to_owned());
        let mut made = DimensionSpec::zipf(&id, &name, &codes, 1.0, u64::from(dimension));
        let total = made.codes.len() - 1;
        made.weights[total] = 60.0;
        spec.dimensions.push(made);
    }
    spec.subject = 0;
    spec.frequencies = vec![FrequencySpec {
        frequency: Frequency::Annual,
        weight: 1.0,
        periods_mean: 8,
        periods_spread: 0.9,
    }];
    spec.series_count = (observations / 8).max(1);
    spec
}

/// Exchange rates on working days, and weekly means.
pub fn daily(observations: u64) -> CubeSpec {
    let frequencies = vec![
        FrequencySpec {
            frequency: Frequency::Daily,
            weight: 0.8,
            periods_mean: 6_500,
            periods_spread: 0.5,
        },
        FrequencySpec {
            frequency: Frequency::Weekly,
            weight: 0.2,
            periods_mean: 900,
            periods_spread: 0.5,
        },
    ];
    let currencies: Vec<String> =
        ('A'..='Z').flat_map(|a| ["DF", "KK", "SD", "UB"].map(|b| format!("{a}{b}"))).collect();
    let mut spec = labour(observations);
    spec.seed = 8;
    "DAILY".clone_into(&mut spec.flow);
    spec.dimensions = vec![
        DimensionSpec::frequency(&frequencies),
        DimensionSpec::zipf("CURRENCY", "Currency", &currencies, 8.0, 51),
        DimensionSpec::zipf("CURRENCY_DENOM", "Currency denominator", &currencies, 8.0, 52),
        DimensionSpec::weighted(
            "EXR_TYPE",
            "Exchange rate type",
            [("SP00", "Spot", 3.0), ("FR00", "Forward", 1.0), ("EN00", "Effective", 1.0)],
        ),
        DimensionSpec::weighted(
            "EXR_SUFFIX",
            "Variation",
            [("A", "Average", 2.0), ("E", "End of period", 1.0)],
        ),
    ];
    spec.subject = 1;
    spec.frequencies = frequencies;
    spec.weekdays_only = true;
    spec.first_year = 1980;
    spec.gap_share = 0.02;
    spec.decimals = vec![(4, 0.7), (5, 0.1), (2, 0.2)];
    spec.digits = (4, 7);
    spec.volatility = 0.004;
    spec.attributes.push(SeriesAttribute::Title);
    spec.series_count = (observations / 3_840).max(1);
    spec
}

/// The dimensions of labour statistics after `FREQ`.
fn labour_dimensions() -> Vec<DimensionSpec> {
    let ages: Vec<String> = (15..85).step_by(5).map(|age| format!("Y{age}-{}", age + 4)).collect();
    let wide = ["Y15-24", "Y15-64", "Y20-64", "Y25-54", "Y25-64", "Y55-64", "Y_GE15", "Y_GE65"];
    let mut age = DimensionSpec::zipf(
        "AGE",
        "Age",
        &[ages, wide.map(str::to_owned).to_vec(), vec!["Y_GE85".to_owned(), "_T".to_owned()]]
            .concat(),
        4.0,
        3,
    );
    let total = age.codes.len() - 1;
    age.weights[total] = 1.0;
    let units = [
        "EUR", "EUR_HR", "HR", "IX_2015", "IX_2020", "PC_ACT", "PC_EMP", "PC_POP", "PPS", "PS",
        "THS", "USD",
    ];
    vec![
        DimensionSpec::zipf("REF_AREA", "Area", &areas(), 10.0, 1),
        DimensionSpec::zipf("INDICATOR", "Indicator", &indicators(), 8.0, 2),
        sexes(),
        age,
        DimensionSpec::zipf("UNIT", "Unit", &units.map(str::to_owned), 1.0, 4),
        DimensionSpec::weighted(
            "SOURCE",
            "Source",
            [
                ("LFS", "Labour force survey", 5.0),
                ("HIES", "Household income and expenditure survey", 1.0),
                ("CENSUS", "Population census", 1.0),
                ("ADMIN", "Administrative records", 2.0),
                ("MODEL", "Modelled estimates", 1.0),
            ],
        ),
    ]
}

fn sexes() -> DimensionSpec {
    DimensionSpec::weighted(
        "SEX",
        "Sex",
        [("_T", "Total", 1.2), ("F", "Female", 1.0), ("M", "Male", 1.0)],
    )
}

/// 204 areas: 200 of two letters, and four aggregates.
fn areas() -> Vec<String> {
    let letters = "AEIORSTUNLGKMZ".chars();
    let mut codes: Vec<String> = ('A'..='Z')
        .flat_map(|first| letters.clone().map(move |second| format!("{first}{second}")))
        .step_by(9)
        .chain(["DE", "FR", "IT", "ES", "US", "JP", "CN", "IN", "BR", "GB"].map(str::to_owned))
        .collect();
    let more = ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| format!("{a}{b}"))).step_by(3);
    for code in more {
        if codes.len() < 200 && !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes.extend(["EA20", "EU27_2020", "OECD", "WORLD"].map(str::to_owned));
    codes
}

/// 168 indicators: twelve families, seven subjects, numbers and rates.
fn indicators() -> Vec<String> {
    let families =
        ["EAP", "EAR", "EES", "EIP", "EMP", "HOW", "LAI", "LUU", "POP", "SDG", "STR", "UNE"];
    let subjects = ["2TRU", "DWAP", "TEMP", "XFLS", "STAT", "NIFL", "ECO"];
    let mut codes = Vec::new();
    for family in families {
        for subject in subjects {
            codes.extend(["NB", "RT"].map(|kind| format!("{family}_{subject}_{kind}")));
        }
    }
    codes
}

/// Codes such as `HS0001`.
fn numbered(prefix: &str, width: usize, count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}{number:0width$}")).collect()
}
