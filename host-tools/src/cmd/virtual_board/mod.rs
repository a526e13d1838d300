//! `systole virtual-board`: the accelerator as a PCI card of a virtual machine.

mod guest;
mod serve;
mod test;

use std::process::ExitCode;

use anyhow::bail;

const EXAMPLES: &str = "\
Examples:
  systole virtual-board --socket /tmp/board.sock                      the simulator as a card, for one virtual machine
  systole virtual-board --socket /tmp/board.sock --backend rtl:n8     the hardware's source code as a card
  systole virtual-board --socket /tmp/board.sock --keep               for one virtual machine after the other

QEMU 10.1 or newer plugs it in with
  -object memory-backend-memfd,id=ram,size=512M,share=on -machine q35,memory-backend=ram
  -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"path\":\"/tmp/board.sock\",\"type\":\"unix\"}}'
where share=on lets the card reach the guest's memory, and -device intel-iommu comes before it where the guest is to
have an IOMMU. In the guest, `systole probe` finds the card, and `systole run --device pci:0000:00:04.0` uses it.";

/// Serve the accelerator as a PCI card to a virtual machine
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    serve: Option<serve::Args>,
}

#[derive(clap::Subcommand)]
enum Action {
    Test(test::Args),
    #[command(hide = true)]
    Guest(guest::Args),
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match (self.action, self.serve) {
            (Some(Action::Test(args)), _) => args.run(),
            (Some(Action::Guest(args)), _) => args.run(),
            (None, Some(serve)) => serve.run(),
            (None, None) => bail!("nothing to serve on; name a socket with --socket, or try the driver with `test`"),
        }
    }
}
