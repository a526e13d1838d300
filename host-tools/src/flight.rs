//! The flight recorder around a command's device: kept when asked for, and when the device fails.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use systole_bitgen::verilated::cache_directory;
use systole_driver::Device;
use systole_driver::recorder::{Limits, Recorded, Recorder};

use crate::device::DeviceSpec;
use crate::failure;
use crate::output::write_file;

/// What is kept when a recording was asked for: a model of 250 million parameters, and its last thousand submissions.
const ASKED: Limits = Limits { events: 1 << 16, bytes: 256 << 20 };

/// A recorder, and where its recording goes.
pub struct Flight {
    recorder: Recorder,
    asked: Option<PathBuf>,
}

impl Flight {
    /// Puts a recorder around a device.
    pub fn begin(
        device: Box<dyn Device + Send>,
        spec: &DeviceSpec,
        asked: Option<PathBuf>,
    ) -> (Box<dyn Device + Send>, Self) {
        let limits = if asked.is_some() { ASKED } else { Limits::default() };
        let (device, recorder) = Recorded::new(device, spec.to_string(), limits);
        (Box::new(device), Self { recorder, asked })
    }

    /// Writes the recording if it was asked for or the device is to blame for the error, which then names the file.
    pub fn end<T>(&self, ended: anyhow::Result<T>) -> anyhow::Result<T> {
        let reason = match &ended {
            Ok(_) => "it was asked for".to_owned(),
            Err(error) => error.to_string(),
        };
        if let Some(path) = &self.asked {
            return failure::after(ended, self.write(path, reason));
        }
        ended.map_err(|error| {
            let runtime: Option<&systole_runtime::Error> = error.downcast_ref();
            if !runtime.is_some_and(systole_runtime::Error::is_of_device) {
                return error;
            }
            let message = format!("{error}{}", self.keep_unasked(&reason));
            error.context(message)
        })
    }

    /// Writes it below the cache unless it is written anyway, and says where, as the end of a sentence.
    pub fn keep_unasked(&self, reason: &str) -> String {
        if self.asked.is_some() {
            return String::new();
        }
        match self.keep(reason.to_owned()) {
            Ok(path) => format!("; see what happened last with `systole replay {}`", path.display()),
            Err(unkept) => format!("; what happened last could not be kept: {unkept}"),
        }
    }

    fn keep(&self, reason: String) -> anyhow::Result<PathBuf> {
        let directory = cache_directory()?.join("recordings");
        std::fs::create_dir_all(&directory).map_err(|e| anyhow!("cannot make {}: {e}", directory.display()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let path = directory.join(format!("{now}-{}.rec", std::process::id()));
        self.write(&path, reason)?;
        Ok(path)
    }

    fn write(&self, path: &Path, reason: String) -> anyhow::Result<()> {
        write_file(path, &self.recorder.recording(reason).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systole_driver::EngineError;
    use systole_driver::recorder::Recording;
    use systole_isa::config::N8;
    use systole_sim::Simulator;

    #[test]
    fn a_recording_is_written_when_asked_for_or_when_the_device_fails() {
        let directory = tempfile::tempdir().unwrap();
        let asked = directory.path().join("a.rec");
        let begin = |asked: Option<PathBuf>| {
            let (mut device, flight) = Flight::begin(Box::new(Simulator::new(&N8)), &DeviceSpec::Sim(&N8), asked);
            device.read(0).unwrap();
            flight
        };
        begin(Some(asked.clone())).end(Ok(())).unwrap();
        let recording = Recording::from_bytes(&std::fs::read(&asked).unwrap()).unwrap();
        assert_eq!((&*recording.device, &*recording.reason, recording.events.len()), ("sim:n8", "it was asked for", 1));

        let failed = asked.with_file_name("b.rec");
        let error = systole_runtime::Error::Engine(EngineError::NotSystole { found: 7 });
        let text = error.to_string();
        let ended = begin(Some(failed.clone())).end::<()>(Err(error.into())).unwrap_err();
        assert_eq!(ended.to_string(), text, "the user knows where it is");
        assert_eq!(Recording::from_bytes(&std::fs::read(&failed).unwrap()).unwrap().reason, text);

        let other = begin(None).end::<()>(Err(anyhow!("a text is too long"))).unwrap_err();
        assert_eq!(other.to_string(), "a text is too long");
    }
}
