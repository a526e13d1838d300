//! A progress bar on the terminal, fed by the libraries' spans.
//!
//! A span with the field `texts` (`quantize`, `measure`, and `embed` of the run command) opens a bar of that length; inside
//! it, each closing `reference` or `submit` span advances it by the sequences it treated. Other spans only name what is
//! going on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The layer.
#[derive(Default)]
pub struct Progress(Mutex<Option<ProgressBar>>);

/// What a span is to the bar.
enum Role {
    /// It opened the bar.
    Owner,
    /// It advances the bar when it closes.
    Step(u64),
}

impl Progress {
    /// A layer without a bar yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<R>(&self, action: impl FnOnce(&mut Option<ProgressBar>) -> R) -> R {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Progress {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut counts = Counts::default();
        attributes.record(&mut counts);
        let name = attributes.metadata().name();
        let role = self.with(|bar| match (name, &bar) {
            ("quantize" | "measure" | "embed", None) => {
                *bar = Some(open(name, counts.texts));
                Some(Role::Owner)
            }
            ("fetch" | "load", None) => {
                *bar = Some(open(name, None));
                Some(Role::Owner)
            }
            ("verilate", None) => {
                *bar = Some(open("building the RTL's model, once: half a minute for n8, minutes for n32", None));
                Some(Role::Owner)
            }
            ("reference" | "submit", Some(bar)) => {
                bar.set_message(if name == "submit" { "run" } else { name });
                counts.sequences.map(Role::Step)
            }
            ("compile" | "verify", Some(bar)) => {
                bar.set_message(name);
                None
            }
            _ => None,
        });
        if let (Some(role), Some(span)) = (role, context.span(id)) {
            span.extensions_mut().insert(role);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        match span.extensions().get::<Role>() {
            Some(Role::Owner) => self.with(|bar| bar.take().inspect(ProgressBar::finish_and_clear)),
            Some(Role::Step(n)) => self.with(|bar| {
                bar.as_ref().inspect(|bar| bar.inc(*n));
                None
            }),
            None => None,
        };
    }
}

fn open(name: &'static str, length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(n) => (ProgressBar::new(n), "{spinner} {msg:10} {bar:32.cyan/dim} {pos}/{len} texts, {eta} left"),
        // The length of what streams is not known.
        None if name == "embed" => (ProgressBar::new_spinner(), "{spinner} {msg:10} {pos} texts"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
    };
    // The templates are constants; the default style is a fine second best.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━━╌"));
    }
    bar.set_message(name);
    // Drawn from a thread of its own: a long submission has no span inside it.
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

#[derive(Default)]
struct Counts {
    texts: Option<u64>,
    sequences: Option<u64>,
}

impl Visit for Counts {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "texts" => self.texts = Some(value),
            "sequences" | "batch" => self.sequences = Some(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
