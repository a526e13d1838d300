//! `systole virtual-board`: where it serves, how it ends, and what it refuses.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use support::{command, systole};

/// A board that is being served, and its output.
struct Board {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Board {
    fn new(socket: &Path, options: &[&str]) -> Self {
        let mut command = command();
        command.args(["virtual-board", "--backend", "sim:n8", "--socket"]).arg(socket).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn interrupt(&self) {
        let killed = Command::new("sh").args(["-c", &format!("kill -INT {}", self.child.id())]).status().unwrap();
        assert!(killed.success());
    }

    /// Exit code and standard error.
    fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (code, text)
    }
}

#[test]
fn it_serves_one_virtual_machine_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("board");
    let mut board = Board::new(&socket, &["--faults", "ones@1"]);
    let path = socket.display();
    assert_eq!(board.line(), format!("serving sim:n8 as a PCI card on {path}"));
    let device = format!(r#"{{"driver":"vfio-user-pci","socket":{{"path":"{path}","type":"unix"}}}}"#);
    assert_eq!(board.line(), format!("attach QEMU: -device '{device}'"));
    assert_eq!(board.line(), "faults: seed=0,rate=0,kinds=all,delay=5,ones@1");
    drop(UnixStream::connect(&socket).unwrap());
    assert_eq!(board.line(), "a virtual machine is attached");
    assert_eq!(board.line(), "the virtual machine is gone");
    assert_eq!(board.line(), "faults so far: 0");
    assert_eq!(board.ended(), (Some(0), String::new()));
    assert!(!socket.exists());
}

#[test]
fn it_keeps_serving_until_it_is_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("board");
    let mut board = Board::new(&socket, &["--keep", "--memory", "0"]);
    board.line();
    board.line();
    for _ in 0..3 {
        let host = UnixStream::connect(&socket).unwrap();
        assert_eq!(board.line(), "a virtual machine is attached");
        drop(host);
        assert_eq!(board.line(), "the virtual machine is gone");
    }
    board.interrupt();
    assert_eq!(board.ended(), (Some(130), String::new()));
    assert!(!socket.exists());
}

#[test]
fn what_cannot_be_served_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let refused = |socket: &str, options: &[&str]| {
        let arguments = [&["virtual-board", "--socket", socket], options].concat();
        systole(arguments).refused_in(directory.path())
    };
    std::fs::write(place("taken"), "").unwrap();
    assert_eq!(refused(&place("taken"), &[]), "DIR/taken exists; if no other virtual board is served there, remove it");
    assert_eq!(
        refused(&place("no/such"), &[]),
        "cannot listen on DIR/no/such: No such file or directory (os error 2); choose a path in a directory that exists \
         and may be written"
    );
    let long = "x".repeat(108);
    assert_eq!(
        refused(&long, &[]),
        format!("the socket's path {long} has 108 bytes, and Linux takes at most 107; choose a shorter one")
    );
    assert_eq!(
        refused(&place("board"), &["--memory", "3"]),
        "a card's own memory of 3145728 bytes is not possible; choose 0 or a power of two of at least 4096"
    );
    assert!(!directory.path().join("board").exists());
}
