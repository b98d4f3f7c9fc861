//! A TLS server that costs little: it fetches each answer of the fake GitLab once and repeats it. It runs in a process of its own, since a
//! child's peak memory counts what its parent held when it started the child. It can write its answers and a configuration for nginx, which
//! costs less.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jobgate::time::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::fake::{GitLab, MIRA, World, ci, job};
use super::process::Vars;

/// How many jobs the pipelines have.
pub const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 50_000];
/// Bytes.
const LOG: usize = 100_000_000;
/// Headers of GitLab that a client of lists reads.
const HEADERS: [&str; 7] = [
    "link",
    "x-next-page",
    "x-page",
    "x-per-page",
    "x-total",
    "x-total-pages",
    "content-type",
];

/// The server's process, as the one that measures sees it.
pub struct Server {
    child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub vars: Vec<(String, String)>,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("serve").arg(folder);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut server = Self {
            words: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
            vars: Vec::new(),
        };
        while let Some((name, value)) = server.answer().split_once('=') {
            server.vars.push((name.to_owned(), value.to_owned()));
        }
        server
    }

    /// The number of requests since this was asked last.
    pub fn requests(&mut self) -> u64 {
        self.ask("requests").parse().unwrap()
    }

    /// Every further answer comes this much later.
    pub fn delay(&mut self, delay: Duration) {
        self.ask(&format!("delay {}", delay.as_millis()));
    }

    /// nginx with all answers that were given so far, to which the variables then lead; `None` where it is not installed.
    pub fn nginx(&mut self, folder: &Path, vars: &mut Vars) -> Option<Nginx> {
        let programs = ["nginx", "/usr/sbin/nginx"];
        let program = programs.into_iter().find(|program| {
            let mut probe = Command::new(program);
            probe.arg("-v").stderr(Stdio::null()).status().is_ok()
        })?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        self.ask(&format!("write {address}"));
        let mut nginx = Command::new(program);
        let nginx = nginx
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(folder.join("nginx.conf"));
        let nginx = Nginx(nginx.spawn().unwrap());
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        for (name, value) in vars {
            match name.as_str() {
                "CI_API_V4_URL" => *value = format!("https://{address}/api/v4"),
                "CI_SERVER_URL" => *value = format!("https://{address}"),
                _ => {}
            }
        }
        Some(nginx)
    }

    fn ask(&mut self, words: &str) -> String {
        writeln!(self.words, "{words}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running nginx.
pub struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn var<'a>(vars: &'a Vars, name: &str) -> &'a str {
    let known = vars.iter().find(|(known, _)| known == name);
    known.map(|(_, value)| value.as_str()).unwrap()
}

/// An answer of the fake GitLab.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

struct Answers {
    upstream: String,
    known: Mutex<HashMap<String, Arc<Answer>>>,
    requests: AtomicU64,
    /// Milliseconds.
    delay: AtomicU64,
}

/// The process that serves. It ends with standard input.
pub fn serve(folder: &Path) {
    let (gitlab, mut vars) = gitlab();
    let (tls, authority) = identity(folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    vars.retain(|(name, _)| !name.starts_with("CI_SERVER") && name != "CI_API_V4_URL");
    for (name, value) in vars {
        println!("{name}={value}");
    }
    println!("CI_API_V4_URL={origin}/api/v4\nCI_SERVER_URL={origin}");
    println!(
        "CI_SERVER_TLS_CA_FILE={}\nNO_COLOR=1\n",
        authority.display()
    );
    let answers = Arc::new(Answers {
        upstream: gitlab.origin(),
        known: Mutex::default(),
        requests: AtomicU64::new(0),
        delay: AtomicU64::new(0),
    });
    let shared = Arc::clone(&answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, answers) = (Arc::clone(&tls), Arc::clone(&shared));
            // A client that goes away ends its connection.
            std::thread::spawn(move || converse(stream, tls, &answers).ok());
        }
    });
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "requests" => println!("{}", answers.requests.swap(0, Ordering::Relaxed)),
            "delay" => {
                answers
                    .delay
                    .store(rest.parse().unwrap(), Ordering::Relaxed);
                println!("delayed");
            }
            _ => {
                write_nginx(folder, rest, &answers.known.lock().unwrap());
                println!("written");
            }
        }
    }
}

/// A pipeline of each size, one with a long log, and the variables of a job in the smallest one.
fn gitlab() -> (GitLab, Vec<(String, String)>) {
    let mut world = World::new();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // nginx dates its answers itself, and a job whose time is over waits for nothing.
    world.now = Timestamp::from_millis(i64::try_from(now.unwrap().as_millis()).unwrap() - 120_000);
    let project = world.project("shop/web");
    world.environment(project, "production", "production");
    let line =
        "\u{1b}[32mcompiling\u{1b}[0m one of very many parts of the program, which takes a while\n";
    let chatty = job("chatty").log(line.repeat(LOG / line.len()));
    let log = world.pipeline("shop/web", "main", ci().stage("test", [chatty]));
    let mut vars = vec![
        ("LOG".to_owned(), log.to_string()),
        ("CHATTY".to_owned(), world.job(log, "chatty").to_string()),
    ];
    for size in SIZES.into_iter().rev() {
        world.advance_by(10);
        let unit = job("unit").parallel(size - 1).is("success");
        let gate = job("gate").environment("production").here();
        let plan = ci().stage("test", [unit, gate]);
        let pipeline = world.pipeline("shop/web", "main", plan);
        vars.push((format!("PIPELINE_{size}"), pipeline.to_string()));
        vars.push(("JOB".to_owned(), world.job(pipeline, "gate").to_string()));
    }
    let me = vars.last().unwrap().1.parse().unwrap();
    vars.push(("PROJECT".to_owned(), project.to_string()));
    vars.push((
        "GITLAB_TOKEN".to_owned(),
        world.access_token(MIRA, &["api"]),
    ));
    let gitlab = GitLab::start(world);
    vars.extend(gitlab.vars(me));
    (gitlab, vars)
}

/// A certificate for 127.0.0.1 and its authority, as files for nginx and for clients.
fn identity(folder: &Path) -> (Arc<ServerConfig>, PathBuf) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let name = &mut authority.distinguished_name;
    name.push(rcgen::DnType::CommonName, "the authority of this run");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let trusted = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, trusted.pem()).unwrap();
    std::fs::write(folder.join("leaf.pem"), leaf.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain: Vec<CertificateDer> = vec![leaf.der().clone()];
    let config = config.with_single_cert(chain, key).unwrap();
    (Arc::new(config), file)
}

/// Answers the requests of one connection.
fn converse(stream: TcpStream, tls: Arc<ServerConfig>, answers: &Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        answers.requests.fetch_add(1, Ordering::Relaxed);
        let target = head.first().and_then(|line| line.split(' ').nth(1));
        let answer = answers.get(target.unwrap_or("/"), &head);
        std::thread::sleep(Duration::from_millis(answers.delay.load(Ordering::Relaxed)));
        let mut text = format!("HTTP/1.1 {} answer\r\n", answer.status);
        for (name, value) in &answer.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\n\r\n", answer.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&answer.body);
        reader.get_mut().write_all(&bytes)?;
    }
}

impl Answers {
    fn get(&self, target: &str, head: &[String]) -> Arc<Answer> {
        if let Some(answer) = self.known.lock().unwrap().get(target) {
            return Arc::clone(answer);
        }
        let agent = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = agent.build().into();
        let mut request = agent.get(format!("{}{target}", self.upstream));
        for line in head {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            if ["job-token", "private-token"].contains(&name.to_ascii_lowercase().as_str()) {
                request = request.header(name, value);
            }
        }
        let mut answer = request.call().unwrap();
        let headers = HEADERS.iter().filter_map(|name| {
            let value = answer.headers().get(*name)?.to_str().ok()?;
            Some((*name, value.to_owned()))
        });
        let headers = headers.collect();
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_vec();
        let answer = Arc::new(Answer {
            status,
            headers,
            body: body.unwrap(),
        });
        if status == 200 {
            let mut known = self.known.lock().unwrap();
            known.insert(target.to_owned(), Arc::clone(&answer));
        }
        answer
    }
}

/// The bodies as files, and a configuration that finds file and headers by the request.
fn write_nginx(folder: &Path, address: &str, known: &HashMap<String, Arc<Answer>>) {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "\\'"));
    let mut maps = "map $request_uri $file {\ndefault /none;\n".to_owned();
    for (number, (target, answer)) in known.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.body")), &answer.body).unwrap();
        let _ = writeln!(maps, "{} /{number}.body;", quoted(target));
    }
    maps.push_str("}\n");
    let mut headers = String::new();
    for name in HEADERS.iter().filter(|name| **name != "content-type") {
        let variable = name.replace('-', "_");
        let _ = writeln!(maps, "map $request_uri $said_{variable} {{\ndefault '';");
        for (target, answer) in known {
            if let Some((_, value)) = answer.headers.iter().find(|(known, _)| known == name) {
                let _ = writeln!(maps, "{} {};", quoted(target), quoted(value));
            }
        }
        maps.push_str("}\n");
        let _ = writeln!(headers, "add_header {name} $said_{variable};");
    }
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr crit;\nevents {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n\
         sendfile on;\nkeepalive_requests 100000;\ndefault_type application/json;\nmap_hash_bucket_size 2048;\nmap_hash_max_size 65536;\n\
         {folders}{maps}server {{\nlisten {address} ssl;\nssl_certificate leaf.pem;\nssl_certificate_key key.pem;\nroot .;\n\
         location / {{\n{headers}rewrite ^ $file break;\n}}\n}}\n}}\n"
    );
    std::fs::write(folder.join("nginx.conf"), text).unwrap();
}
