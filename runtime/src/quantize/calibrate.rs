//! Ranges and means of every activation over calibration texts, column by column.

use std::collections::HashMap;

use crate::reference::{Observer, Site};

/// Ranges of the columns of one site.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// Smallest value of each column.
    pub min: Vec<f32>,
    /// Largest value of each column.
    pub max: Vec<f32>,
    /// Sum of each column.
    sum: Vec<f64>,
    /// Rows seen.
    rows: usize,
}

impl Ranges {
    fn new(cols: usize) -> Self {
        Self { min: vec![f32::INFINITY; cols], max: vec![f32::NEG_INFINITY; cols], sum: vec![0.0; cols], rows: 0 }
    }

    /// Largest magnitude of each column.
    pub fn magnitudes(&self) -> Vec<f64> {
        self.min.iter().zip(&self.max).map(|(lo, hi)| f64::from(lo.abs().max(hi.abs()))).collect()
    }

    /// Mean of each column.
    pub fn means(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.rows as f64).collect()
    }

    /// Largest magnitude of all columns.
    pub fn magnitude(&self) -> f64 {
        self.magnitudes().into_iter().fold(0.0, f64::max)
    }
}

/// Collects [`Ranges`] during a forward pass of the reference.
#[derive(Debug, Default)]
pub struct Calibration {
    sites: HashMap<(usize, Site), Ranges>,
}

impl Calibration {
    /// The ranges of a site; the forward pass has visited every site of every layer.
    pub(super) fn get(&self, layer: usize, site: Site) -> &Ranges {
        &self.sites[&(layer, site)]
    }
}

impl Observer for Calibration {
    fn wants(&self, _layer: usize, site: Site) -> bool {
        !matches!(site, Site::Scores | Site::FfnPre)
    }

    fn observe(&mut self, layer: usize, site: Site, rows: usize, cols: usize, values: &[f32]) {
        let ranges = self.sites.entry((layer, site)).or_insert_with(|| Ranges::new(cols));
        ranges.rows += rows;
        for row in values.chunks_exact(cols) {
            let columns = ranges.min.iter_mut().zip(&mut ranges.max).zip(&mut ranges.sum);
            for (((lo, hi), sum), &v) in columns.zip(row) {
                *lo = lo.min(v);
                *hi = hi.max(v);
                *sum += f64::from(v);
            }
        }
    }
}
