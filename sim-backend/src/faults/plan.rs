//! Which fault strikes when.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::FaultKind;

/// What strikes at which doorbell. The same plan on the same device, used in the same way, gives the same faults.
///
/// Its text form is a list of these, by commas:
///
/// | part | meaning | default |
/// |---|---|---|
/// | `seed=N` | where the random choices begin | 0 |
/// | `rate=R` | probability that a doorbell meets a fault, 0 to 1 | 0 |
/// | `kinds=A+B` | what a random fault may be, or `all` | `all` |
/// | `delay=MS` | milliseconds of what comes late | 5 |
/// | `KIND@N` | this fault at the N-th doorbell, counted from 1 | |
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    /// Where the random choices begin.
    pub seed: u64,
    /// Probability that a doorbell meets a fault.
    pub rate: f64,
    /// What a random fault may be.
    pub kinds: Vec<FaultKind>,
    /// Time of what comes late.
    pub delay: Duration,
    /// Faults at certain doorbells, counted from 1, instead of random ones.
    pub script: Vec<(u64, FaultKind)>,
}

impl Default for FaultPlan {
    /// No fault; with a rate, any kind.
    fn default() -> Self {
        let (kinds, delay) = (FaultKind::ALL.to_vec(), Duration::from_millis(5));
        Self { seed: 0, rate: 0.0, kinds, delay, script: Vec::new() }
    }
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultPlanError {
    /// A part is of none of the known forms.
    #[error("`{part}` is no part of a fault plan; possible are seed=N, rate=R, kinds=A+B, delay=MS and KIND@N")]
    Part {
        /// The part.
        part: String,
    },
    /// A value is not what its key takes.
    #[error("`{value}` is no value for {key}: give {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is possible.
        expected: &'static str,
    },
    /// No fault has this name.
    #[error("no fault is called `{name}`; known are {}", names())]
    Kind {
        /// The name.
        name: String,
    },
    /// Nothing would strike.
    #[error("`{text}` injects nothing; give a rate=R above 0 or a fault as KIND@N")]
    Nothing {
        /// The whole text.
        text: String,
    },
}

fn names() -> String {
    FaultKind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ")
}

impl FaultPlan {
    /// What strikes at the `event`-th doorbell, counted from 1.
    pub(super) fn next(&self, event: u64, random: &mut fastrand::Rng) -> Option<FaultKind> {
        if let Some((_, kind)) = self.script.iter().find(|(at, _)| *at == event) {
            return Some(*kind);
        }
        if random.f64() >= self.rate { None } else { random.choice(&self.kinds).copied() }
    }
}

fn kind(name: &str) -> Result<FaultKind, FaultPlanError> {
    let found = FaultKind::ALL.iter().copied().find(|k| k.name() == name);
    found.ok_or_else(|| FaultPlanError::Kind { name: name.to_owned() })
}

fn value<T: FromStr>(key: &'static str, text: &str, expected: &'static str) -> Result<T, FaultPlanError> {
    text.parse().map_err(|_| FaultPlanError::Value { key, value: text.to_owned(), expected })
}

impl FromStr for FaultPlan {
    type Err = FaultPlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        for part in text.split(',').map(str::trim) {
            if let Some((name, at)) = part.split_once('@') {
                let event: u64 = value("KIND@N", at, "a number from 1")?;
                plan.script.push((event, kind(name)?));
                continue;
            }
            match part.split_once('=') {
                Some(("seed", seed)) => plan.seed = value("seed", seed, "a number from 0 to 2^64 - 1")?,
                Some(("rate", text)) => {
                    let expected = "a number from 0 to 1";
                    plan.rate = value("rate", text, expected)?;
                    if !(0.0..=1.0).contains(&plan.rate) {
                        return Err(FaultPlanError::Value { key: "rate", value: text.to_owned(), expected });
                    }
                }
                Some(("kinds", "all")) => plan.kinds = FaultKind::ALL.to_vec(),
                Some(("kinds", list)) => plan.kinds = list.split('+').map(kind).collect::<Result<_, _>>()?,
                Some(("delay", ms)) => {
                    plan.delay = Duration::from_millis(value::<u32>("delay", ms, "whole milliseconds")?.into());
                }
                _ => return Err(FaultPlanError::Part { part: part.to_owned() }),
            }
        }
        let strikes = plan.rate > 0.0 || plan.script.iter().any(|(at, _)| *at > 0);
        if strikes { Ok(plan) } else { Err(FaultPlanError::Nothing { text: text.to_owned() }) }
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, rate, kinds, delay, script } = self;
        write!(f, "seed={seed},rate={rate},kinds=")?;
        if kinds == FaultKind::ALL {
            f.write_str("all")?;
        } else {
            f.write_str(&kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join("+"))?;
        }
        write!(f, ",delay={}", delay.as_millis())?;
        script.iter().try_for_each(|(at, kind)| write!(f, ",{kind}@{at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_have_a_text_form() {
        for text in [
            "seed=7,rate=0.01,kinds=all,delay=5",
            "seed=18446744073709551615,rate=1,kinds=ones+unplug,delay=0",
            "seed=0,rate=0,kinds=all,delay=5,lost-interrupt@3,reset@4",
        ] {
            let plan: FaultPlan = text.parse().unwrap();
            assert_eq!(plan.to_string(), text);
        }
        assert_eq!("reset@2".parse::<FaultPlan>().unwrap().script, [(2, FaultKind::Reset)]);
        for kind in FaultKind::ALL {
            assert!(format!("{kind}@1").parse::<FaultPlan>().is_ok());
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let refused = |text: &str| text.parse::<FaultPlan>().unwrap_err().to_string();
        assert_eq!(
            refused("seed=7,rat=1"),
            "`rat=1` is no part of a fault plan; possible are seed=N, rate=R, kinds=A+B, delay=MS and KIND@N"
        );
        assert_eq!(refused("rate=1.5"), "`1.5` is no value for rate: give a number from 0 to 1");
        assert_eq!(refused("rate=NaN"), "`NaN` is no value for rate: give a number from 0 to 1");
        assert_eq!(refused("reset@-1"), "`-1` is no value for KIND@N: give a number from 1");
        assert!(refused("kinds=fire").starts_with("no fault is called `fire`; known are ones, link-down, "));
        assert_eq!(refused("seed=7"), "`seed=7` injects nothing; give a rate=R above 0 or a fault as KIND@N");
        assert!(refused("").starts_with("`` is no part"));
    }

    #[test]
    fn a_plan_strikes_as_often_as_it_says_and_alike_each_time() {
        let plan = FaultPlan { rate: 0.25, seed: 3, ..FaultPlan::default() };
        let strikes = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (1..=4000).map(|event| plan.next(event, &mut random)).collect::<Vec<_>>()
        };
        let count = strikes(3).iter().flatten().count();
        assert!((900..1100).contains(&count), "{count}");
        assert!(FaultKind::ALL.iter().all(|kind| strikes(3).contains(&Some(*kind))));
        assert_eq!(strikes(3), strikes(3));
        assert_ne!(strikes(3), strikes(4));
    }
}
