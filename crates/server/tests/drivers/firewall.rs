//! nftables of the running kernel in a network namespace of its own, reached through a real sshd
//! in that namespace with the forced command that `docs/only-nft.sh` is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{start_in, until};
use crate::{Hands, Peer, Response, lacks, run, text};

const FORCED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/only-nft.sh");
const RULES: &str = "\
table inet saqshy {
  set blocked4 { type ipv4_addr; flags interval, timeout; }
  set blocked6 { type ipv6_addr; flags interval, timeout; }
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr @blocked4 drop
    ip6 saddr @blocked6 drop
  }
}";
const FIREWALL: &str = "198.18.0.1";
const ATTACKER: &str = "198.18.0.66";
const PORT: &str = "2222";

/// A namespace with a firewall, an sshd, and the addresses of both sides on its loopback.
struct Firewall {
    sshd: Peer,
    ssh: PathBuf,
}

impl Firewall {
    fn start(folder: &Path) -> Option<Firewall> {
        let programs = [
            "nft",
            "sshd",
            "ssh",
            "ssh-keygen",
            "unshare",
            "nsenter",
            "ip",
            "python3",
        ];
        if lacks(&programs) {
            return None;
        }
        let trial = run(Command::new("unshare").args(["-n", "nft", "add", "table", "inet", "t"]));
        if let Err(error) = trial {
            eprintln!(
                "SKIPPED: no nftables in a network namespace here: {}",
                error.trim()
            );
            return None;
        }
        for name in ["host", "client"] {
            let file = folder.join(name);
            let mut keygen = Command::new("ssh-keygen");
            run(keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(file))
            .unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let forced = std::fs::canonicalize(FORCED).unwrap();
        let client = read("client.pub");
        let line = format!("restrict,command=\"sh {}\" {client}", forced.display());
        write("authorized", &line);
        write("rules.nft", RULES);
        let here = folder.display();
        write(
            "sshd_config",
            &format!(
                "ListenAddress {FIREWALL}:{PORT}\nHostKey {here}/host\nPidFile none\n\
                 AuthorizedKeysFile {here}/authorized\nStrictModes no\nUsePAM yes\n\
                 PasswordAuthentication no\nPermitRootLogin forced-commands-only\n"
            ),
        );
        std::fs::create_dir_all("/run/sshd").unwrap();
        let inside = format!(
            "ip link set lo up && ip addr add {FIREWALL}/32 dev lo && \
             ip addr add {ATTACKER}/32 dev lo && nft -f {here}/rules.nft && \
             exec /usr/sbin/sshd -D -e -f {here}/sshd_config"
        );
        let log = std::fs::File::create(folder.join("sshd.log")).unwrap();
        let mut child = Command::new("unshare");
        child.args(["-n", "sh", "-c", &inside]);
        let sshd = Peer(child.stdin(Stdio::null()).stderr(log).spawn().unwrap());
        let known = format!("[{FIREWALL}]:{PORT} {}", read("host.pub"));
        write("known", &known);
        let ssh = folder.join("ssh");
        let wrapper = format!(
            "#!/bin/sh\nexec nsenter -t {} -n ssh -F none -p {PORT} \
             -o UserKnownHostsFile={here}/known -o StrictHostKeyChecking=yes \"$@\"\n",
            sshd.0.id()
        );
        write("ssh", &wrapper);
        std::fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).unwrap();
        Some(Firewall { sshd, ssh })
    }

    /// A command inside the namespace.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.sshd.0.id().to_string(), "-n", program]);
        command
    }

    /// Whether a connection from that address gets through.
    fn lets(&self, from: &str) -> bool {
        let connect = format!(
            "import socket; socket.create_connection(('{FIREWALL}', {PORT}), 2, ('{from}', 0))"
        );
        run(self.inside("python3").args(["-c", &connect])).is_ok()
    }

    fn ruleset(&self) -> String {
        run(self.inside("nft").args(["list", "table", "inet", "saqshy"])).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_blocked_on_a_real_firewall_and_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(firewall) = Firewall::start(folder.path()) else {
        return;
    };
    let log = folder.path().join("sshd.log");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    until("sshd listens", async || firewall.lets(ATTACKER)).await;
    let extra = format!(
        "[response]\nssh_program = {:?}\n[response.firewall]\ndestination = \"root@{FIREWALL}\"\n\
         key_file = \"client\"\n",
        firewall.ssh
    );
    let (hands, clock) = Hands::new();
    let trial = start_in(folder, &extra, clock).await;
    let response = Response::new(&trial).await;

    // Rehearsed: the firewall would take it, and nothing is blocked.
    let asked = response.ask("block_address", ATTACKER, 60).await;
    assert!(
        !text(&asked, "rehearsal").starts_with('!'),
        "{asked}\n{}",
        log()
    );
    assert!(
        text(&asked, "rehearsal").contains("--check add element"),
        "{asked}"
    );
    assert!(firewall.lets(ATTACKER) && !firewall.ruleset().contains(ATTACKER));

    let applied = response.approve(&asked).await;
    assert_eq!(applied["state"], "applied", "{applied}\n{}", log());
    assert!(!firewall.lets(ATTACKER), "{}", firewall.ruleset());
    assert!(firewall.lets(FIREWALL), "others still get through");
    assert!(
        firewall.ruleset().contains("timeout 1h"),
        "{}",
        firewall.ruleset()
    );

    let undone = response.undo(&asked).await;
    assert_eq!(undone["state"], "undone", "{undone}");
    assert!(firewall.lets(ATTACKER));

    // Its time is over: the program takes it back.
    let asked = response.ask("block_address", ATTACKER, 30).await;
    response.approve(&asked).await;
    assert!(!firewall.lets(ATTACKER));
    hands.forward(31);
    response.ends(&asked).await;
    assert!(firewall.lets(ATTACKER));

    // What the firewall dropped by itself is undone all the same; networks and IPv6 go too.
    for target in ["198.51.100.0/24", "2001:db8:6::66", "2001:db8:7::/48"] {
        let asked = response.ask("block_address", target, 30).await;
        let applied = response.approve(&asked).await;
        assert_eq!(applied["state"], "applied", "{applied}");
        let set = if target.contains(':') {
            "blocked6"
        } else {
            "blocked4"
        };
        let mut flush = firewall.inside("nft");
        run(flush.args(["flush", "set", "inet", "saqshy", set])).unwrap();
        let undone = response.undo(&asked).await;
        assert_eq!(undone["state"], "undone", "{undone}");
    }

    // A firewall that refuses is shown at the dry run already.
    run(firewall
        .inside("nft")
        .args(["delete", "table", "inet", "saqshy"]))
    .unwrap();
    let asked = response.ask("block_address", ATTACKER, 60).await;
    assert!(
        text(&asked, "rehearsal").starts_with("! exit status"),
        "{asked}"
    );
    let failed = response.approve(&asked).await;
    assert_eq!(failed["state"], "failed", "{failed}");

    // The key opens nothing but the sets.
    let mut shell = Command::new(&firewall.ssh);
    let key = trial.folder.path().join("client");
    shell.arg("-i").arg(key).arg(format!("root@{FIREWALL}"));
    for other in [
        "id",
        "nft list ruleset",
        "nft add element inet saqshy blocked4 '{ 192.0.2.1 }'; id",
    ] {
        let refused = run(Command::new(&firewall.ssh)
            .args(shell.get_args())
            .arg(other));
        assert!(
            refused
                .as_ref()
                .is_err_and(|said| said.contains("only-nft")),
            "{refused:?}"
        );
    }
    let told = response.told().await;
    assert!(told.contains(&"response.failed".to_owned()), "{told:?}");
}
