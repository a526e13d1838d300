//! Whether a guest passed: its console and QEMU's exit status against what should have been tried.

use std::collections::BTreeMap;

use serde::Serialize;

use super::console::Line;
use super::exit;

/// What a trial came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// What `probe` says of the way to the card; none if it does not list the place.
    pub way: Option<String>,
    /// Cases that passed.
    pub passed: usize,
    /// Those that did not, and what each found.
    pub failed: Vec<(String, String)>,
    /// How long its cases took together.
    pub seconds: f64,
    /// What was measured, in microseconds.
    pub microseconds: BTreeMap<String, f64>,
}

/// A judged run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// The kernel's release.
    pub kernel: Option<String>,
    /// Seconds from its start to the first trial.
    pub boot_seconds: Option<f64>,
    /// The trials by name.
    pub trials: BTreeMap<String, Tally>,
    /// Why it did not pass; empty if it did.
    pub objections: Vec<String>,
}

/// Judges. `status` is QEMU's, `None` if it was killed; `expected` are the trials and their cases.
pub fn judge(console: &str, status: Option<i32>, expected: &[(&str, Vec<&str>)]) -> Verdict {
    let mut verdict = Verdict::default();
    let (mut cases, mut failed, mut closing) = (Vec::new(), 0, None);
    for line in console.lines().filter_map(Line::parse) {
        if closing.is_some() {
            verdict.objections.push("the guest went on after its closing line".to_owned());
            break;
        }
        match line {
            Err(error) => verdict.objections.push(format!("a line of the guest cannot be read: {error}")),
            Ok(Line::Ready { kernel, seconds }) => {
                (verdict.kernel, verdict.boot_seconds) = (Some(kernel), Some(seconds));
            }
            Ok(Line::Way { trial, way }) => verdict.trials.entry(trial).or_default().way = Some(way),
            Ok(Line::Case { trial, name, seconds, error }) => {
                let tally = verdict.trials.entry(trial.clone()).or_default();
                tally.seconds += seconds;
                match error {
                    None => tally.passed += 1,
                    Some(error) => {
                        failed += 1;
                        tally.failed.push((name.clone(), error));
                    }
                }
                cases.push((trial, name));
            }
            Ok(Line::Figure { trial, name, microseconds }) => {
                verdict.trials.entry(trial).or_default().microseconds.insert(name, microseconds);
            }
            Ok(Line::Closing { cases, failed }) => closing = Some((cases, failed)),
        }
    }
    match closing {
        None => verdict.objections.push("the guest did not get to its closing line".to_owned()),
        Some(said) if said != (cases.len(), failed) => verdict.objections.push(format!(
            "the guest says it ran {} cases of which {} failed; {} and {failed} came through",
            said.0,
            said.1,
            cases.len()
        )),
        Some(_) => {}
    }
    for (trial, names) in expected {
        let missing = |name: &&&str| cases.iter().filter(|(t, n)| t == trial && n == **name).count() != 1;
        let missing: Vec<&str> = names.iter().filter(missing).copied().collect();
        if !missing.is_empty() {
            verdict.objections.push(format!("{trial}: not run exactly once: {}", missing.join(", ")));
        }
    }
    if failed > 0 {
        verdict.objections.push(format!("{failed} of {} cases failed", cases.len()));
    }
    match status {
        Some(exit::PASSED) => {}
        Some(other) => verdict.objections.push(format!("QEMU ended with {other} instead of {}", exit::PASSED)),
        None => verdict.objections.push("QEMU was killed, by a signal or at the end of its time".to_owned()),
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [(&str, [&str; 2]); 2] = [("vfio", ["a", "b"]), ("uio", ["a", "b"])];

    fn expected() -> Vec<(&'static str, Vec<&'static str>)> {
        EXPECTED.map(|(trial, names)| (trial, names.to_vec())).to_vec()
    }

    /// The lines of a run in which everything passed.
    fn good() -> Vec<Line> {
        let mut lines = vec![Line::Ready { kernel: "6.12".into(), seconds: 3.5 }];
        for (trial, names) in EXPECTED {
            for name in names {
                lines.push(Line::Case { trial: trial.into(), name: name.into(), seconds: 0.25, error: None });
            }
        }
        lines.push(Line::Way { trial: "vfio".into(), way: "vfio (iommufd)".into() });
        lines.push(Line::Figure { trial: "vfio".into(), name: "register read".into(), microseconds: 30.0 });
        lines.push(Line::Closing { cases: 4, failed: 0 });
        lines
    }

    fn console(lines: &[Line]) -> String {
        let printed = lines.iter().map(|line| line.print().unwrap() + "\r\n");
        std::iter::once("[    0.000000] Linux version\r\n".to_owned()).chain(printed).collect()
    }

    /// The only objection to a console.
    fn objection(lines: &[Line], status: Option<i32>) -> String {
        let verdict = judge(&console(lines), status, &expected());
        assert_eq!(verdict.objections.len(), 1, "{verdict:?}");
        verdict.objections.into_iter().next().unwrap()
    }

    #[test]
    fn a_run_in_which_everything_passed_passes() {
        let verdict = judge(&console(&good()), Some(33), &expected());
        assert_eq!(verdict.objections, [""; 0]);
        let tally = &verdict.trials["vfio"];
        assert_eq!((tally.passed, tally.seconds, tally.microseconds["register read"]), (2, 0.5, 30.0));
        assert_eq!(tally.way.as_deref(), Some("vfio (iommufd)"));
        assert_eq!((verdict.kernel.as_deref(), verdict.boot_seconds), (Some("6.12"), Some(3.5)));
    }

    #[test]
    fn without_its_closing_line_it_fails() {
        let lines = good();
        assert_eq!(objection(&lines[..lines.len() - 1], Some(33)), "the guest did not get to its closing line");
    }

    #[test]
    fn with_another_exit_status_it_fails() {
        assert_eq!(objection(&good(), Some(0)), "QEMU ended with 0 instead of 33");
        assert_eq!(objection(&good(), Some(35)), "QEMU ended with 35 instead of 33");
        assert!(objection(&good(), None).starts_with("QEMU was killed"));
    }

    #[test]
    fn with_a_failed_case_it_fails_even_if_the_guest_says_otherwise() {
        let mut lines = good();
        let Line::Case { error, .. } = &mut lines[2] else { panic!("no case") };
        *error = Some("left 1, right 2".into());
        let verdict = judge(&console(&lines), Some(33), &expected());
        assert_eq!(verdict.trials["vfio"].failed, [("b".to_owned(), "left 1, right 2".to_owned())]);
        let expected = ["the guest says it ran 4 cases of which 0 failed; 4 and 1 came through", "1 of 4 cases failed"];
        assert_eq!(verdict.objections, expected);
    }

    #[test]
    fn a_case_that_is_missing_or_comes_twice_fails() {
        let mut lines = good();
        lines.remove(4);
        let Some(Line::Closing { cases, .. }) = lines.last_mut() else { panic!("no closing line") };
        *cases = 3;
        assert_eq!(objection(&lines, Some(33)), "uio: not run exactly once: b");
        let mut lines = good();
        lines.insert(3, lines[2].clone());
        let verdict = judge(&console(&lines), Some(33), &expected());
        assert_eq!(verdict.objections.last().unwrap(), "vfio: not run exactly once: b");
    }

    #[test]
    fn a_log_that_was_cut_fails_wherever_it_was_cut() {
        let whole = console(&good());
        for end in 0..whole.len() - 2 {
            let verdict = judge(&whole[..end], Some(33), &expected());
            assert!(!verdict.objections.is_empty(), "cut at {end}");
        }
        assert!(!judge("", Some(33), &[]).objections.is_empty());
    }

    #[test]
    fn nothing_may_follow_the_closing_line() {
        let mut lines = good();
        lines.push(lines[1].clone());
        assert_eq!(objection(&lines, Some(33)), "the guest went on after its closing line");
    }
}
