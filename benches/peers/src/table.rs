//! Markdown tables and the few statistics in them.

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        let header: Vec<String> = header.iter().map(ToString::to_string).collect();
        let rule = vec!["---".to_owned(); header.len()];
        Self {
            rows: vec![header, rule],
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn print(&self) {
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let num = values.len().max(1);
    values.sum::<f64>() / num as f64
}

/// The value that `share` of all values do not exceed.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(index.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Three figures and a unit, as one would say it.
pub fn nanoseconds(value: f64) -> String {
    match value {
        v if v.is_nan() => "-".to_owned(),
        v if v < 1e3 => format!("{v:.0} ns"),
        v if v < 1e4 => format!("{:.2} us", v / 1e3),
        v if v < 1e6 => format!("{:.1} us", v / 1e3),
        v => format!("{:.1} ms", v / 1e6),
    }
}
