//! Reads what variables and the command line say about the calling job, the address of GitLab, proxies, certificates and tokens.

mod file;
mod fixed;
mod token;

use std::time::Duration;

use crate::exit::Stop;
use crate::host::Vars;
use crate::model::JobId;
use crate::time::parse_duration;
use crate::url::Url;
pub use file::{Pem, Trust, read as read_file};
pub use fixed::{Fixed, Secret};
pub use token::Access;

/// Holds what variables and the command line say. It is read once, before any request.
#[derive(Clone)]
pub struct Ci {
    /// `https://gitlab.example.com/api/v4`
    pub api: Url,
    /// Whether `--server` was given, so that no variable changed where requests go.
    pub server_fixed: bool,
    /// `CI_JOB_TOKEN`
    pub job_token: Option<Secret>,
    pub access: Option<Access>,
    /// `CI_JOB_ID`, which is compared with GitLab's answer and never trusted.
    pub job: Option<JobId>,
    /// `CI_JOB_TIMEOUT`
    pub job_timeout: Option<Duration>,
    /// `RUNNER_SCRIPT_TIMEOUT`
    pub script_timeout: Option<Duration>,
    /// `CI_SERVER_VERSION`, major and minor number: words of explanations depend on it, nothing else.
    pub release: Option<(u32, u32)>,
    pub trust: Trust,
    pub proxies: Proxies,
    /// What the user should know, once: plain http, a job token in the access token's place…
    pub warnings: Vec<String>,
}

/// The proxy settings as they were found.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `https_proxy`, `http_proxy` and `all_proxy` with the name under which each was found; `--proxy` stands in the place of `all_proxy` alone.
    pub https: Option<(&'static str, Secret)>,
    pub http: Option<(&'static str, Secret)>,
    pub all: Option<(&'static str, Secret)>,
    /// `no_proxy`
    pub none: Option<String>,
}

impl Ci {
    /// Reads and checks all variables that requests depend on; sends nothing.
    pub fn read(vars: &Vars, fixed: &Fixed) -> Result<Self, Stop> {
        let mut warnings = Vec::new();
        let (job_token, access) = token::read(vars, fixed, &mut warnings)?;
        warnings.extend(unused(vars, fixed));
        let api = api(vars, fixed)?;
        if !api.secure && !api.loopback() {
            let origin = api.origin();
            warnings.push(format!(
                "{origin} is plain http: tokens can be read on the way"
            ));
        }
        Ok(Self {
            api,
            server_fixed: fixed.server.is_some(),
            job_token,
            access,
            job: id(vars, "CI_JOB_ID")?.map(JobId),
            job_timeout: limit(vars, "CI_JOB_TIMEOUT", seconds, &mut warnings)?,
            script_timeout: limit(vars, "RUNNER_SCRIPT_TIMEOUT", go_duration, &mut warnings)?,
            release: vars.get("CI_SERVER_VERSION")?.and_then(release),
            trust: Trust::read(vars, fixed)?,
            proxies: Proxies::read(vars, fixed)?,
            warnings,
        })
    }
}

/// `18.10.1-ee` is (18, 10).
pub fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    let mut number = || numbers.next()?.parse().ok();
    number().zip(number())
}

/// With `--server`: names the proxy and certificate variables that are not used, and the options that replace them.
fn unused(vars: &Vars, fixed: &Fixed) -> Option<String> {
    fixed.server.as_ref()?;
    let proxies = "https_proxy HTTPS_PROXY http_proxy all_proxy ALL_PROXY";
    let proxies = proxies.split(' ').filter(|_| fixed.proxy.is_none());
    let files = "SSL_CERT_FILE CI_SERVER_TLS_CA_FILE".split(' ');
    let files = files.filter(|_| fixed.ca_file.is_none());
    // A variable that cannot be read is set, too.
    let set = |name: &&str| !matches!(vars.get(name), Ok(None));
    let set: Vec<&str> = proxies.chain(files).filter(set).collect();
    let names = set.join(", ");
    let instead = "only --proxy and --ca-file count";
    (!set.is_empty()).then(|| format!("with --server, jobgate ignores {names}: {instead}"))
}

impl Proxies {
    /// curl's names: `http_proxy` in lower case only, because CGI programs get `HTTP_PROXY` from outside. With `--server` or `--proxy` no variable
    /// counts.
    fn read(vars: &Vars, fixed: &Fixed) -> Result<Self, Stop> {
        if fixed.server.is_some() || fixed.proxy.is_some() {
            let given = fixed.proxy.clone().filter(|proxy| proxy != "none");
            return Ok(Self {
                all: given.map(|url| ("--proxy", Secret::new(url))),
                ..Self::default()
            });
        }
        let first = |names: &[&'static str]| -> Result<Option<(&'static str, Secret)>, Stop> {
            for name in names {
                if let Some(value) = vars.get(name)? {
                    return Ok(Some((name, Secret::new(value.to_owned()))));
                }
            }
            Ok(None)
        };
        Ok(Self {
            https: first(&["https_proxy", "HTTPS_PROXY"])?,
            http: first(&["http_proxy"])?,
            all: first(&["all_proxy", "ALL_PROXY"])?,
            none: first(&["no_proxy", "NO_PROXY"])?.map(|(_, value)| value.reveal().to_owned()),
        })
    }
}

fn api(vars: &Vars, fixed: &Fixed) -> Result<Url, Stop> {
    let variable = vars.get("CI_API_V4_URL")?;
    let variable = variable
        .map(|text| plain(text, "CI_API_V4_URL"))
        .transpose()?;
    let Some(server) = &fixed.server else {
        return variable.ok_or_else(|| {
            Stop::usage("CI_API_V4_URL is not set, so the address of GitLab is unknown").hint(
                "GitLab sets it in its jobs; elsewhere give --server https://gitlab.example.com",
            )
        });
    };
    let mut server = plain(server, "--server")?;
    if !server.path.ends_with("/api/v4") {
        server.path.push_str("/api/v4");
    }
    match variable {
        Some(variable) if variable != server => Err(Stop::usage(format!(
            "CI_API_V4_URL is {variable}, but --server means {server}; nothing was sent"
        ))
        .hint(
            "the variable was set by hand, or the job runs on another GitLab than --server names",
        )),
        _ => Ok(server),
    }
}

/// A URL without query; its path without `/` at the end.
fn plain(text: &str, name: &str) -> Result<Url, Stop> {
    let mut url = Url::parse(text).map_err(|why| Stop::usage(format!("{name} {why}")))?;
    if url.query.is_some() {
        return Err(Stop::usage(format!("{name} has a query (?)")));
    }
    if url.path.contains("//") || url.path.split('/').any(|part| part == "." || part == "..") {
        return Err(Stop::usage(format!("{name} has a path with // or dots")));
    }
    url.path.truncate(url.path.trim_end_matches('/').len());
    Ok(url)
}

fn id(vars: &Vars, name: &str) -> Result<Option<u64>, Stop> {
    let number = vars.get(name)?.map(str::parse).transpose();
    number.map_err(|_| Stop::usage(format!("variable {name} is not a number")))
}

/// A time limit; one that cannot be read counts as unknown, with a warning. Zero and less mean none, as for the runner.
fn limit(
    vars: &Vars,
    name: &str,
    parse: fn(&str) -> Option<Duration>,
    warnings: &mut Vec<String>,
) -> Result<Option<Duration>, Stop> {
    let Some(text) = vars.get(name)? else {
        return Ok(None);
    };
    let limit = parse(text);
    if limit.is_none() {
        warnings.push(format!(
            "variable {name} cannot be read as a duration; it is ignored"
        ));
    }
    Ok(limit.filter(|limit| !limit.is_zero()))
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse::<u32>()
        .ok()
        .map(|n| Duration::from_secs(n.into()))
}

/// A duration as Go writes it: `10m`, `1h30m`, `1.5h`, `-5s`, `0`. Without a unit the runner ignores it.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" || text.starts_with('-') {
        return Some(Duration::ZERO);
    }
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    parse_duration(text).ok().filter(|_| has_unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        Vars::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())))
    }

    fn server(url: &str) -> Fixed {
        Fixed {
            server: Some(url.to_owned()),
            ..Fixed::default()
        }
    }

    #[test]
    fn a_release_is_read_from_the_front() {
        for (version, expected) in [
            ("18.10.0", Some((18, 10))),
            ("18.9.3-ee", Some((18, 9))),
            ("19.2.0-pre", Some((19, 2))),
            ("19", None),
            ("", None),
            ("v19.1", None),
        ] {
            assert_eq!(release(version), expected, "{version}");
        }
    }

    #[test]
    fn the_api_is_where_the_variable_says() {
        for (value, api) in [
            ("https://gl.example/api/v4", "https://gl.example/api/v4"),
            (
                "https://gl.example/gitlab/api/v4/",
                "https://gl.example/gitlab/api/v4",
            ),
            (
                "http://gl.example:8080/api/v4",
                "http://gl.example:8080/api/v4",
            ),
        ] {
            let ci = Ci::read(&vars(&[("CI_API_V4_URL", value)]), &Fixed::default()).expect(value);
            assert_eq!(ci.api.to_string(), api);
        }
    }

    #[test]
    fn a_bad_api_url_is_refused_without_being_quoted() {
        for bad in [
            "https://ci:hunter2@gl.example/api/v4",
            "https://gl.example/api/v4?x=hunter2",
            "https://gl.example/api/v4#hunter2",
            "ftp://gl.example/hunter2",
            "https://gl.example/api/../hunter2",
            "hunter2",
        ] {
            let stop = Ci::read(&vars(&[("CI_API_V4_URL", bad)]), &Fixed::default())
                .map(|_| ())
                .expect_err(bad);
            assert_eq!(stop.exit, Exit::Usage);
            assert!(stop.error.starts_with("CI_API_V4_URL "), "{}", stop.error);
            assert!(!stop.error.contains("hunter2"), "{}", stop.error);
        }
        let stop = Ci::read(&vars(&[]), &Fixed::default())
            .map(|_| ())
            .expect_err("no URL");
        assert_eq!((stop.exit, stop.hints.len()), (Exit::Usage, 1));
    }

    #[test]
    fn the_command_line_fixes_the_server() {
        for given in [
            "https://gl.example",
            "https://gl.example/",
            "https://GL.example:443/api/v4/",
        ] {
            for variables in [&[][..], &[("CI_API_V4_URL", "https://gl.example/api/v4")]] {
                let ci = Ci::read(&vars(variables), &server(given)).expect(given);
                assert_eq!(ci.api.to_string(), "https://gl.example/api/v4");
                assert!(ci.server_fixed);
            }
        }
        let rooted = Ci::read(&vars(&[]), &server("https://h/gitlab")).expect("relative root");
        assert_eq!(rooted.api.to_string(), "https://h/gitlab/api/v4");
        for other in [
            "https://evil.example/api/v4",
            "http://gl.example/api/v4",
            "https://gl.example:8443/api/v4",
            "https://gl.example/other/api/v4",
        ] {
            let stop = Ci::read(
                &vars(&[("CI_API_V4_URL", other)]),
                &server("https://gl.example"),
            )
            .map(|_| ())
            .expect_err(other);
            assert_eq!(stop.exit, Exit::Usage, "{other}");
        }
    }

    #[test]
    fn with_the_server_fixed_no_variable_leads_the_way() {
        let all = [
            ("https_proxy", "http://proxy.example"),
            ("ALL_PROXY", "http://proxy.example"),
            ("no_proxy", "*"),
            ("SSL_CERT_FILE", "/nowhere/roots.pem"),
            ("CI_SERVER_TLS_CA_FILE", "/nowhere/ca.pem"),
        ];
        let read =
            |fixed: &Fixed| Ci::read(&vars(&all), fixed).expect("no file of a variable is read");
        let ci = read(&server("https://gl.example"));
        assert!(ci.trust.roots.is_none() && ci.trust.ca.is_none());
        assert!(
            ci.proxies.https.is_none() && ci.proxies.all.is_none() && ci.proxies.none.is_none()
        );
        expect_test::expect!["with --server, jobgate ignores https_proxy, ALL_PROXY, SSL_CERT_FILE, CI_SERVER_TLS_CA_FILE: only --proxy and --ca-file count"].assert_eq(&ci.warnings.join("\n"));
        let ci = read(&Fixed {
            proxy: Some("http://own.example".into()),
            ca_file: Some("builtin".into()),
            ..server("https://gl.example")
        });
        let own = Some(("--proxy", Secret::new("http://own.example".into())));
        assert!(ci.proxies.https.is_none() && ci.proxies.http.is_none());
        assert!(ci.proxies.all == own && ci.proxies.none.is_none() && ci.warnings.is_empty());
        let ci = read(&Fixed {
            proxy: Some("none".into()),
            ..server("https://gl.example")
        });
        assert!(ci.proxies.https.is_none() && ci.proxies.all.is_none());
        expect_test::expect!["with --server, jobgate ignores SSL_CERT_FILE, CI_SERVER_TLS_CA_FILE: only --proxy and --ca-file count"].assert_eq(&ci.warnings.join("\n"));
    }

    #[test]
    fn time_limits_are_read_and_a_bad_one_is_unknown() {
        let url = ("CI_API_V4_URL", "https://gl.example/api/v4");
        for (job, script, expected, warnings) in [
            ("3600", "10m", [Some(3600.0), Some(600.0)], 0),
            ("300", "1h30m", [Some(300.0), Some(5400.0)], 0),
            ("300", "1.5h", [Some(300.0), Some(5400.0)], 0),
            ("300", "0", [Some(300.0), None], 0),
            ("300", "-5s", [Some(300.0), None], 0),
            ("300", "soon", [Some(300.0), None], 1),
            ("300", "10", [Some(300.0), None], 1),
            ("x", "90s", [None, Some(90.0)], 1),
            ("", "", [None, None], 0),
            ("1e3", "9999999h", [None, None], 2),
        ] {
            let set = vars(&[
                url,
                ("CI_JOB_TIMEOUT", job),
                ("RUNNER_SCRIPT_TIMEOUT", script),
            ]);
            let ci = Ci::read(&set, &Fixed::default()).expect("readable");
            let limits = [ci.job_timeout, ci.script_timeout]
                .map(|limit| limit.map(|limit| limit.as_secs_f64()));
            assert_eq!(limits, expected, "{job} {script}");
            assert_eq!(ci.warnings.len(), warnings, "{:?}", ci.warnings);
        }
    }

    #[test]
    fn ids_are_64_bit_numbers() {
        let url = ("CI_API_V4_URL", "https://gl.example/api/v4");
        let ci = Ci::read(
            &vars(&[url, ("CI_JOB_ID", "18446744073709551615")]),
            &Fixed::default(),
        );
        assert_eq!(ci.expect("large").job, Some(JobId(u64::MAX)));
        for bad in ["-1", "1x", " 1", "18446744073709551616"] {
            assert!(
                Ci::read(&vars(&[url, ("CI_JOB_ID", bad)]), &Fixed::default()).is_err(),
                "{bad}"
            );
        }
    }
}
