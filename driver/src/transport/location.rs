//! Where a board is: the argument of `--device`.

use std::fmt;
use std::str::FromStr;

/// A PCI function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// Domain; 0 on most machines.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, below 32.
    pub device: u8,
    /// Function, below 8.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

impl FromStr for PciAddress {
    type Err = ParseLocationError;

    /// As `lspci` writes it, with or without the domain.
    fn from_str(text: &str) -> Result<Self, ParseLocationError> {
        let wrong = || ParseLocationError { text: text.to_owned() };
        let number = |digits: &str, most: usize, limit: u32| {
            let plain = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = u32::from_str_radix(digits, 16).ok().filter(|number| plain && *number < limit);
            number.ok_or_else(wrong)
        };
        let (rest, function) = text.rsplit_once('.').ok_or_else(wrong)?;
        let (rest, device) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
        Ok(Self {
            domain: number(domain, 8, u32::MAX)?,
            bus: number(bus, 2, 256)? as u8,
            device: number(device, 2, 32)? as u8,
            function: number(function, 1, 8)? as u8,
        })
    }
}

/// What the driver opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A PCI card. What the kernel has bound to it decides how it is opened.
    Pci(PciAddress),
    /// A UIO device by its number: a card bound to `uio_pci_generic`, or a device of the chip itself.
    Uio(u32),
    /// The register window at a physical address, through `/dev/mem`.
    Mem(u64),
}

/// Where the memory is that host and device share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dma {
    /// The best that is there.
    #[default]
    Auto,
    /// The host's: mapped through the IOMMU, or huge pages where the way to the device has none.
    Host,
    /// The card's own.
    Local,
    /// A u-dma-buf, by its name.
    UDmaBuf(String),
}

/// A board and the memory to use with it: `pci:0000:00:04.0`, `uio:0`, `mem:0x40000000`, each with or without a
/// `,dma=host`, `,dma=local` or `,dma=udmabuf0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The board.
    pub place: Place,
    /// The memory.
    pub dma: Dma,
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        Self { place, dma: Dma::Auto }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => write!(f, "pci:{address}"),
            Self::Uio(number) => write!(f, "uio:{number}"),
            Self::Mem(base) => write!(f, "mem:{base:#x}"),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        match &self.dma {
            Dma::Auto => Ok(()),
            Dma::Host => write!(f, ",dma=host"),
            Dma::Local => write!(f, ",dma=local"),
            Dma::UDmaBuf(name) => write!(f, ",dma={name}"),
        }
    }
}

/// A text that names no board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no board; write pci:0000:00:04.0, uio:0 or mem:0x40000000, and behind it ,dma=host, ,dma=local or \
     ,dma=udmabuf0 to choose the memory"
)]
pub struct ParseLocationError {
    /// The text.
    pub text: String,
}

impl FromStr for Place {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, ParseLocationError> {
        let place = match text.split_once(':') {
            Some(("pci", address)) => address.parse().ok().map(Self::Pci),
            Some(("uio", number)) => plain(number).and_then(|number| number.parse().ok()).map(Self::Uio),
            Some(("mem", base)) => {
                let hexadecimal = base.strip_prefix("0x").and_then(plain);
                hexadecimal.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(Self::Mem)
            }
            _ => None,
        };
        place.ok_or_else(|| ParseLocationError { text: text.to_owned() })
    }
}

/// Digits only: the standard library's numbers may begin with a plus.
fn plain(digits: &str) -> Option<&str> {
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits)
}

impl FromStr for Location {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, ParseLocationError> {
        let wrong = || ParseLocationError { text: text.to_owned() };
        let (place, option) = text.split_once(',').map_or((text, None), |(place, option)| (place, Some(option)));
        let dma = match option.map(|option| option.strip_prefix("dma=").ok_or_else(wrong)).transpose()? {
            None => Dma::Auto,
            Some("host") => Dma::Host,
            Some("local") => Dma::Local,
            // It becomes part of a path.
            Some(name) if !name.is_empty() && !name.contains(['/', ',']) && !name.starts_with('.') => {
                Dma::UDmaBuf(name.to_owned())
            }
            Some(_) => return Err(wrong()),
        };
        Ok(Self { place: place.parse().map_err(|_| wrong())?, dma })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_locations_correspond() {
        for text in [
            "pci:0000:00:04.0",
            "pci:10000:ff:1f.7",
            "uio:0",
            "uio:17",
            "mem:0x40000000",
            "mem:0xa0000000,dma=udmabuf0",
            "pci:0000:00:04.0,dma=local",
            "uio:2,dma=host",
        ] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        let short: Location = "pci:3:4.1".parse().unwrap();
        assert_eq!(short.to_string(), "pci:0000:03:04.1");
    }

    #[test]
    fn others_are_refused_with_the_choice() {
        for text in [
            "",
            "pci",
            "pci:",
            "pci:0000:00:20.0",
            "pci:0000:00:04.8",
            "pci:0000:00:04",
            "pci:0000:100:04.0",
            "pci:+1:00:04.0",
            "pci:0:0:0:0.0",
            "uio:",
            "uio:+1",
            "uio:-1",
            "uio:4294967296",
            "mem:40000000",
            "mem:0x",
            "mem:0x+1",
            "mem:0x10000000000000000",
            "sim",
            "uio:0,",
            "uio:0,dma=",
            "uio:0,dma=../x",
            "uio:0,dma=a,dma=b",
            "uio:0,irq=3",
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert_eq!(error.text, text);
        }
        assert_eq!(
            "pci:x".parse::<Location>().unwrap_err().to_string(),
            "`pci:x` names no board; write pci:0000:00:04.0, uio:0 or mem:0x40000000, and behind it ,dma=host, ,dma=local \
             or ,dma=udmabuf0 to choose the memory"
        );
    }
}
