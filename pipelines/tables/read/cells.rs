//! Values of our columns as JSON.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use serde_json::{Map, Value};

/// Returns a value of a column; the error says that the column has a type that no table of ours has.
pub(super) fn value(column: &ArrayRef, row: usize) -> Result<Value, String> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int64 => Value::from(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::from(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::from(column.as_string::<i32>().value(row)),
        DataType::Timestamp(unit, _) => Value::from(utc(seconds(column, unit, row)?)),
        DataType::List(_) => list(&column.as_list::<i32>().value(row))?,
        DataType::Map(_, _) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pairs = (0..entries.len()).map(|at| match value(keys, at)? {
                Value::String(key) => Ok((key, value(values, at)?)),
                other => Err(format!("a map with the key {other}, expected text")),
            });
            Value::Object(pairs.collect::<Result<Map<_, _>, String>>()?)
        }
        other => return Err(format!("a column has type {other}, which no table has")),
    })
}

fn list(items: &ArrayRef) -> Result<Value, String> {
    (0..items.len()).map(|at| value(items, at)).collect()
}

fn seconds(column: &ArrayRef, unit: &TimeUnit, row: usize) -> Result<i64, String> {
    match unit {
        TimeUnit::Second => Ok(column.as_primitive::<TimestampSecondType>().value(row)),
        TimeUnit::Millisecond => Ok(column
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .div_euclid(1000)),
        TimeUnit::Microsecond => Ok(column
            .as_primitive::<TimestampMicrosecondType>()
            .value(row)
            .div_euclid(1_000_000)),
        TimeUnit::Nanosecond => Err("a column counts nanoseconds, which no table does".to_owned()),
    }
}

/// Returns seconds since 1970 as `2026-11-20T10:00:00Z`.
pub fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March here, so that the leap day is their last (Howard Hinnant, "chrono-compatible low-level date
    // algorithms": `civil_from_days`); 719,468 days lie between 0000-03-01 and 1970-01-01, 146,097 in 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
    use arrow_array::{BooleanArray, Float32Array, Float64Array, TimestampMillisecondArray};
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_168_800, "2026-11-20T10:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
        utc(i64::MIN);
        utc(i64::MAX);
    }

    #[test]
    fn every_type_of_our_tables_has_a_value() {
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        map.keys().append_value("lf_only");
        map.values().append_value(3);
        map.append(true).unwrap();
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("a"), None]);
        let columns: [(ArrayRef, Value); 6] = [
            (Arc::new(map.finish()), json!({"lf_only": 3})),
            (Arc::new(list.finish()), json!(["a", null])),
            (Arc::new(BooleanArray::from(vec![true])), json!(true)),
            (Arc::new(Float64Array::from(vec![f64::NAN])), Value::Null),
            (Arc::new(Float64Array::from(vec![0.25])), json!(0.25)),
            (
                Arc::new(TimestampMillisecondArray::from(vec![1999])),
                json!("1970-01-01T00:00:01Z"),
            ),
        ];
        for (column, expected) in columns {
            assert_eq!(value(&column, 0), Ok(expected));
        }
        let foreign: ArrayRef = Arc::new(Float32Array::from(vec![1.0]));
        assert!(value(&foreign, 0).is_err());
    }
}
