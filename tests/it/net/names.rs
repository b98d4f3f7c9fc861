//! Names: only the hosts file and name servers are asked, no variable changes what they are asked, and no wait for them lasts.
//!
//! Each story runs once more in a network and a file system view of its own, with a name server of the story's on port 53.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use jobgate::gitlab::Kind;
use jobgate::os::{Interrupt, Signal};

use super::world::{ACCESS_TOKEN, SHORT, World, jobs, play};
use crate::fake::{GitLab, World as Fake, ci, job};
use crate::run::Run;

/// True in the private network; the caller outside of it only starts the story there, or says aloud that it cannot.
fn in_private_network(story: &str) -> bool {
    const INSIDE: &str = "JOBGATE_TEST_PRIVATE_NETWORK";
    if std::env::var_os(INSIDE).is_some() {
        run("ip link set lo up");
        run("mount -t tmpfs tmpfs /etc");
        return true;
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net", "--mount"]);
        unshare
    };
    let probe = "ip link set lo up && mount -t tmpfs tmpfs /etc";
    match unshare().args(["sh", "-c", probe]).output() {
        Ok(output) if output.status.success() => {}
        other => {
            eprintln!("skipped: no network namespace can be made here: {other:?}");
            return false;
        }
    }
    let output = unshare()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", story, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, log) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{out}{log}"
    );
    false
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status();
    assert!(status.unwrap().success(), "{line}");
}

/// Answers each question for an IPv4 address; `None` is silence. Returns the names that were asked for.
fn name_server(
    answer: impl Fn(&str) -> Option<Vec<Ipv4Addr>> + Send + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let (name, end) = name(&buffer[..length]);
            log.lock().unwrap().push(name.clone());
            let Some(addresses) = answer(&name) else {
                continue;
            };
            // Of the question's type, which is A or AAAA: the latter has none.
            let addresses = if buffer[end..end + 2] == [0, 1] {
                addresses
            } else {
                Vec::new()
            };
            let known = answer(&name).is_some_and(|known| !known.is_empty());
            let mut packet = buffer[..end + 4].to_vec();
            packet[2..4].copy_from_slice(&[0x81, if known { 0x80 } else { 0x83 }]);
            packet[6..12].copy_from_slice(&[0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
            for address in addresses {
                // A pointer to the question's name, A, IN, a minute.
                packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                packet.extend(address.octets());
            }
            socket.send_to(&packet, from).unwrap();
        }
    });
    asked
}

/// The name that is asked for, and where it ends in the packet.
fn name(packet: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while packet[at] > 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), at + 1)
}

/// What the image says: no module but `files`, which leaves out the name servers.
fn image(hosts: &str) {
    fs::write("/etc/nsswitch.conf", "hosts: files\n").unwrap();
    fs::write("/etc/resolv.conf", "search test\nnameserver 127.0.0.1\n").unwrap();
    fs::write("/etc/hosts", hosts).unwrap();
    // HOSTALIASES
    fs::write("/etc/aliases", "gitlab impostor.example\n").unwrap();
}

/// `whoami` with an API on a host of this name, and with variables that the C library would heed.
fn whoami(host: &str) -> (i32, String) {
    let mut world = Fake::new();
    world.project("shop/web");
    let pipeline = world.pipeline("shop/web", "main", ci().stage("test", [job("gate").here()]));
    let me = world.job(pipeline, "gate");
    let gitlab = GitLab::start(world);
    let vars = gitlab.vars(me).into_iter();
    let vars = vars.map(|(name, value)| (name, value.replace("127.0.0.1", host)));
    let outcome = Run::new("whoami --output json")
        .vars(vars)
        .var("LOCALDOMAIN", "impostor.example")
        .var("RES_OPTIONS", "ndots:9")
        .var("HOSTALIASES", "/etc/aliases")
        .binary();
    (outcome.code, outcome.log)
}

#[test]
fn name_servers_are_asked_whatever_image_and_variables_say() {
    if !in_private_network("net::names::name_servers_are_asked_whatever_image_and_variables_say") {
        return;
    }
    image("");
    let asked = name_server(|name| {
        Some(match name {
            "gitlab.test" | "gl.example" => vec![Ipv4Addr::LOCALHOST],
            // Whoever is there must not get a token.
            name if name.contains("impostor") => vec![Ipv4Addr::new(127, 0, 0, 66)],
            _ => Vec::new(),
        })
    });
    for (host, name) in [("gitlab", "gitlab.test"), ("gl.example", "gl.example")] {
        let (code, log) = whoami(host);
        assert_eq!(code, 0, "{log}");
        let names = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(
            names, [name; 2],
            "both kinds of address, once for both requests"
        );
    }
}

#[test]
fn the_hosts_file_comes_first() {
    if !in_private_network("net::names::the_hosts_file_comes_first") {
        return;
    }
    image("127.0.0.1 gl.example\n");
    let asked = name_server(|_| Some(vec![Ipv4Addr::new(127, 0, 0, 66)]));
    let (code, log) = whoami("gl.example");
    assert_eq!(code, 0, "{log}");
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_silent_name_server_ends_with_the_limit_for_connecting() {
    if !in_private_network("net::names::a_silent_name_server_ends_with_the_limit_for_connecting") {
        return;
    }
    image("");
    fs::write("/etc/nsswitch.conf", "hosts: files dns\n").unwrap();
    let asked = name_server(|_| None);
    let mut world = World::new("http://gl.example/api/v4");
    world.limits.connect = SHORT;
    // The second waits for the look-up that the first has left behind, and the name server is not asked by both.
    for error in [
        world.get(&jobs()).unwrap_err(),
        world.post(&play()).unwrap_err(),
    ] {
        assert!(
            error.kind == Kind::Unreachable && error.nothing_done(),
            "{error:?}"
        );
        assert!(error.message.contains("no address of the host within"));
        assert_eq!(error.hints.len(), 1);
    }
    assert!(!asked.lock().unwrap().is_empty());
}

#[test]
fn a_signal_ends_the_wait_for_a_silent_name_server() {
    if !in_private_network("net::names::a_signal_ends_the_wait_for_a_silent_name_server") {
        return;
    }
    image("");
    fs::write("/etc/nsswitch.conf", "hosts: files dns\n").unwrap();
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    let _asked = name_server(move |_| {
        raise.raise(Signal::Terminate);
        None
    });
    let mut world = World::new("http://gl.example/api/v4");
    world.interrupt = interrupt;
    let error = world.post(&play()).unwrap_err();
    let signal = Signal::Terminate;
    assert_eq!(
        error.kind,
        Kind::Interrupted {
            signal,
            sent: false
        }
    );
}

#[test]
fn a_name_that_does_not_exist_is_said() {
    if !in_private_network("net::names::a_name_that_does_not_exist_is_said") {
        return;
    }
    image("");
    fs::write("/etc/nsswitch.conf", "hosts: files dns\n").unwrap();
    let _asked = name_server(|_| Some(Vec::new()));
    let world = World::new("http://gl.example/api/v4");
    let error = world.get(&jobs()).unwrap_err();
    assert_eq!(
        error.message,
        "cannot reach http://gl.example: no such host: gl.example"
    );
    // It may have been a name server's mistake; three times it was not.
    let run = Run::new("jobs --project 44 --pipeline 7")
        .var("CI_API_V4_URL", "https://gl.example/api/v4")
        .var("GITLAB_TOKEN", ACCESS_TOKEN);
    let outcome = run.on(&world.clock, &Interrupt::new());
    let slept = world.clock.slept().as_secs();
    assert!(outcome.log.contains("no such host"), "{outcome:?}");
    assert!(outcome.code == 6 && (1..4).contains(&slept), "{slept}");
}
