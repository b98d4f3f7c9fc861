//! The real program asked for help, and given nonsense.

use expect_test::expect;
use jobgate::table;

use crate::run::Run;

#[test]
fn no_word_at_all_is_a_mistake() {
    Run::new("").binary().is(
        2,
        "",
        expect![[r#"
            usage: jobgate COMMAND [OPTIONS] [OPERANDS]

            commands:
              whoami      shows the job, pipeline, project and user of the job token
              agents      lists the GitLab agents for Kubernetes that this job may use
              doctor      shows what works here, and which token or setting the rest needs
              jobs        lists the jobs of a pipeline, and of its downstream pipelines
              trace       prints a job's log, with --follow until the job ends
              wait        waits until jobs have finished; the exit code is their result
              play        plays manual and delayed jobs in this or a downstream pipeline
              retry       retries jobs that have failed or were canceled
              cancel      cancels jobs and verifies it
              erase       removes the log and artifacts of finished jobs
              trigger     starts another project's pipeline with the job token
              gate        checks and explains conditions; exits with 0 only if all hold
              completion  prints a completion script for bash, zsh or fish
              help        shows help on jobgate or on one command

            jobgate COMMAND -h shows the main options, --help all of them
        "#]],
    );
}

#[test]
fn every_way_to_a_help_page_leads_to_the_same() {
    let page = |words: &str| {
        let outcome = Run::new(words).binary();
        assert_eq!((outcome.code, outcome.log.as_str()), (0, ""), "{words}");
        outcome.out
    };
    assert_eq!(page("--help"), page("help"));
    for usage in table() {
        let name = usage.name;
        let whole = page(&format!("help {name}"));
        assert_eq!(page(&format!("--help {name}")), whole);
        assert_eq!(page(&format!("{name} --help")), whole);
        assert!(whole.contains(&usage.line()), "{whole}");
        let short = page(&format!("{name} -h"));
        for option in usage.options() {
            assert!(whole.contains(&option.form()), "{whole}");
            assert!(short.contains(option.name), "{short}");
        }
        let wide = short.lines().find(|line| line.chars().count() > 80);
        assert!(
            short.lines().count() <= 40 && wide.is_none(),
            "{wide:?} in {short}"
        );
    }
    let version = format!("jobgate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!([page("-V"), page("version")], [&*version, &*version]);
    assert_eq!(page("-h"), Run::new("").binary().log);
    expect![[r#"
        jobgate retry: retries jobs that have failed or were canceled

        usage: jobgate retry [OPTIONS] [JOB...]

        JOB: name of a job or of a parallel or matrix group, glob with * and ?, or id

        retrying:
              --all               act on all matching jobs; without it, more than one is
                                  an error
              --input NAME=VALUE  set an input of the job (GitLab 18.10) or pipeline
                                  (GitLab 17.11) [repeatable]
              --rerun             retry jobs that would otherwise be refused
              --dry-run           print the plan and change nothing
              --wait              wait for the result, which sets the exit code
              --on-cancel WHAT    if the calling job stops, leave or cancel started
                                  jobs; default leave [leave, cancel]

        more options: --name --stage --status --except --project --pipeline --downstream
        --no-trigger-jobs --require --timeout --interval --keep-going --shallow
        --allow-failure --log-tail --output --output-file --server --ca-file --proxy
        --token-file --debug --color --quiet

        examples:
          jobgate retry flaky --wait
          jobgate retry --all --status failed --except 'flaky*'

        jobgate retry --help explains all options
    "#]]
    .assert_eq(&page("retry -h"));
}
