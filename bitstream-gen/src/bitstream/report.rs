//! What nextpnr reports: utilisation and timing.

use super::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Used and available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Used.
    pub used: u64,
    /// On the part.
    pub available: u64,
}

/// What the design occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utilisation {
    /// Four-input lookup tables, those of carry chains and distributed RAM included.
    pub lut: Share,
    /// Flip-flops.
    pub ff: Share,
    /// MULT18X18D.
    pub mult18: Share,
    /// Block RAM of 18 Kbit.
    pub dp16kd: Share,
}

/// Of the clock with the least slack, behind routing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// What was asked for.
    pub clock_mhz: f64,
    /// What is reached.
    pub fmax_mhz: f64,
    /// Difference of the periods; negative when it fails.
    pub slack_ns: f64,
}

/// Reads `--report`. Timing is `None` when it holds no constrained clock.
///
/// # Errors
/// [`Error::Report`] when a resource is not in it.
pub fn read(path: &Path, text: &str) -> Result<(Utilisation, Option<Timing>), Error> {
    let bad = |what| Error::Report { path: path.to_owned(), what };
    let report: Value =
        serde_json::from_str(text).map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
    let share = |cell: &str, what| {
        let entry = &report["utilization"][cell];
        let number = |field: &str| entry[field].as_u64().ok_or_else(|| bad(what));
        Ok::<_, Error>(Share { used: number("used")?, available: number("available")? })
    };
    let utilisation = Utilisation {
        lut: share("TRELLIS_COMB", "no utilisation of TRELLIS_COMB")?,
        ff: share("TRELLIS_FF", "no utilisation of TRELLIS_FF")?,
        mult18: share("MULT18X18D", "no utilisation of MULT18X18D")?,
        dp16kd: share("DP16KD", "no utilisation of DP16KD")?,
    };
    let clocks = report["fmax"].as_object().ok_or_else(|| bad("no fmax"))?;
    let timing = clocks
        .values()
        .filter_map(|clock| {
            let (fmax_mhz, clock_mhz) = (clock["achieved"].as_f64()?, clock["constraint"].as_f64()?);
            (fmax_mhz > 0.0 && clock_mhz > 0.0).then(|| Timing {
                clock_mhz,
                fmax_mhz,
                slack_ns: 1e3 / clock_mhz - 1e3 / fmax_mhz,
            })
        })
        .min_by(|a, b| a.slack_ns.total_cmp(&b.slack_ns));
    Ok((utilisation, timing))
}

/// Rounds after which a router that is not done will not be: it needs up to 80.
const ROUNDS: u32 = 200;

/// What a router that goes on without end still has to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Wires that more than one net has.
    pub twice: u32,
    /// Connections that are too slow for the clock.
    pub slow: u32,
}

/// Reads the log of a router at work.
pub fn stuck(log: &str) -> Option<Stuck> {
    let number = |line: &str, name: &str| -> Option<u32> {
        line.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse().ok())
    };
    let last = log.lines().rev().find(|line| line.contains("iter=") && line.contains("tmgfail="))?;
    let stuck = Stuck { twice: number(last, "overused=")?, slow: number(last, "tmgfail=")? };
    (number(last, "iter=")? >= ROUNDS && (stuck.twice > 0 || stuck.slow > 0)).then_some(stuck)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTILIZATION: &str = r#""utilization": {"TRELLIS_COMB": {"used": 5, "available": 83640},
        "TRELLIS_FF": {"used": 6, "available": 83640}, "MULT18X18D": {"used": 7, "available": 156},
        "DP16KD": {"used": 8, "available": 208}}"#;

    #[test]
    fn the_worst_clock_counts() {
        let text = format!(
            r#"{{"fmax": {{"a": {{"achieved": 125.0, "constraint": 100.0}}, "b": {{"achieved": 40.0, "constraint": 50.0}}}},
                {UTILIZATION}}}"#
        );
        let (utilisation, timing) = read(Path::new("report.json"), &text).unwrap();
        assert_eq!(utilisation.mult18, Share { used: 7, available: 156 });
        let timing = timing.unwrap();
        assert!((timing.slack_ns + 5.0).abs() < 1e-9 && timing.clock_mhz == 50.0, "{timing:?}");
    }

    #[test]
    fn no_clock_is_no_timing_and_a_missing_resource_an_error() {
        let text = format!(r#"{{"fmax": {{}}, {UTILIZATION}}}"#);
        assert_eq!(read(Path::new("r"), &text).unwrap().1, None);
        assert!(matches!(read(Path::new("r"), r#"{"fmax": {}}"#), Err(Error::Report { .. })));
        assert!(matches!(read(Path::new("r"), "{"), Err(Error::Manifest { .. })));
    }

    #[test]
    fn a_router_that_goes_on_for_ever_is_found_out() {
        let line = |round, overused, slow| {
            format!("Info:     iter={round} wires=956947 overused={overused} overuse=0 tmgfail={slow} archfail=NA\n")
        };
        let log =
            |round, overused, slow| format!("{}{}Info: cut of", line(round - 1, 3, 9), line(round, overused, slow));
        assert_eq!(stuck(&log(252, 0, 11)), Some(Stuck { twice: 0, slow: 11 }));
        assert_eq!(stuck(&log(200, 4, 0)), Some(Stuck { twice: 4, slow: 0 }));
        assert_eq!(stuck(&log(199, 4, 11)), None, "it may yet find a way");
        assert_eq!(stuck(&log(252, 0, 0)), None, "it is done");
        assert_eq!(stuck("Info:     iter=252 steplen=1.480861 a=8.016954\n"), None, "that is the placer");
        assert_eq!(stuck(""), None);
    }
}
