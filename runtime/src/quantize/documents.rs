//! Long texts, made of short ones. What a model sees at its later positions and in attention over hundreds of tokens,
//! sentences do not show.

use crate::checkpoint::Encoding;

/// Long texts in a calibration. With more than 8, MiniLM at 512 tokens gains nothing.
const CALIBRATING: usize = 8;

/// The long texts that a calibration lacks, where `longest` tokens are the most that the model takes.
pub fn missing(texts: &[String], encodings: &[Encoding], longest: usize) -> Vec<String> {
    let long = encodings.iter().filter(|e| e.ids.len() * 4 >= longest * 3).count();
    join(texts, encodings, longest, CALIBRATING.saturating_sub(long))
}

/// Makes `count` texts of at least `tokens` tokens each by joining texts, each time in another order. Deterministic;
/// texts are used again when they run out.
pub fn join(texts: &[String], encodings: &[Encoding], tokens: usize, count: usize) -> Vec<String> {
    let mut order = endless(texts.len());
    let document = |_| {
        let (mut joined, mut have) = (Vec::new(), 0);
        while have < tokens {
            let Some(next) = order.next() else { break };
            joined.push(texts[next].as_str());
            // Two of an encoding's tokens usually begin and end it, and will not be there in the middle.
            have += encodings[next].ids.len().saturating_sub(2).max(1);
        }
        joined.join(" ")
    };
    (0..count).map(document).collect()
}

/// Every index below `n`, again and again, in ever different orders. A step without a common divisor with `n` visits
/// each index once.
fn endless(n: usize) -> impl Iterator<Item = usize> {
    // Near the golden section, neighbours in the list come far apart.
    let steps = (n * 5 / 8..).filter(move |&step| divisor(step, n) == 1);
    steps.take(if n == 0 { 0 } else { usize::MAX }).flat_map(move |step| (0..n).map(move |i| i * step % n))
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_before_one_comes_again() {
        for n in [1, 2, 7, 12, 256] {
            let rounds: Vec<usize> = endless(n).take(3 * n).collect();
            for round in rounds.chunks(n) {
                let mut round = round.to_vec();
                round.sort_unstable();
                assert_eq!(round, (0..n).collect::<Vec<_>>());
            }
            assert!(n < 7 || rounds[..n] != rounds[n..2 * n], "{n}");
        }
        assert_eq!(endless(0).next(), None);
    }

    #[test]
    fn documents_are_long_enough() {
        let texts = ["one two", "three"].map(str::to_owned);
        let encodings = [4, 3].map(|tokens| Encoding::new(vec![0; tokens], vec![0; tokens]));
        let documents = join(&texts, &encodings, 5, 3);
        assert!(documents.iter().all(|d| d.split(' ').count() >= 5), "{documents:?}");
        assert_eq!(join(&[], &[], 5, 2), ["", ""]);
        // Two of the eight are there.
        let encodings = [40, 30].map(|tokens| Encoding::new(vec![0; tokens], vec![0; tokens]));
        assert_eq!(missing(&texts, &encodings, 40).len(), 6);
    }
}
