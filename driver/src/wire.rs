//! Reading the bytes of files that others wrote: every length is checked before it is believed.

/// What the bytes cannot give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They end early.
    Truncated { offset: usize, wanted: usize, available: usize },
    /// A text is not UTF-8.
    Text { offset: usize },
}

/// A position in bytes, little-endian.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins at an offset, which lies inside or at the end.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// The position.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes that follow.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Fails unless `count` elements of at least `bytes` bytes each can follow, so that a false count cannot ask for more
    /// memory than the file's own.
    pub fn expect(&self, count: usize, bytes: usize) -> Result<(), Malformed> {
        let (wanted, available) = (count.saturating_mul(bytes), self.left());
        if wanted > available { Err(Malformed::Truncated { offset: self.at, wanted, available }) } else { Ok(()) }
    }

    /// A text: its length in bytes (u32) and UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u32()? as usize;
        let offset = self.at;
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Text { offset })
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A number of 64 bits.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next bytes.
    pub fn take(&mut self, wanted: usize) -> Result<&'a [u8], Malformed> {
        let rest = &self.bytes[self.at..];
        let truncated = Malformed::Truncated { offset: self.at, wanted, available: rest.len() };
        let (taken, _) = rest.split_at_checked(wanted).ok_or(truncated)?;
        self.at += wanted;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }
}

/// Writes a text as [`Reader::text`] reads it.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// FNV-1a of 64 bits: finds damage, not malice.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
