//! Failed jobs with the ends of their logs.

use super::shop;
use crate::fake::Answer;
use crate::run::closed_pipe;
use expect_test::expect;

#[test]
fn the_digest_of_failed_jobs_ends_their_logs() {
    let scene = shop(19);
    let digest = scene.both("--status failed --log-tail 2");
    digest.is(
        0,
        expect![[r#"
            JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE
            unit  test   failed     2m00s  48m00s  90401  the script failed
              /shop/web/-/jobs/90401
            lint  test   failed     2m00s  48m00s  90402  allowed to fail, runner system failure
              /shop/web/-/jobs/90402

            unit (90401): the script failed
              two
              three

            lint (90402): runner system failure
        "#]],
        "",
    );
    // Without an access token the table is still worth printing.
    let calls = [
        (4, "unit --log-tail 2"),
        (0, "compile --log-tail 2"),
        (0, "unit --log-tail 0"),
    ];
    scene.calls(&calls, &expect![[r#"
        $ jobs unit --log-tail 2
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE
        unit  test   failed     2m00s  48m00s  90401  the script failed
          /shop/web/-/jobs/90401

        unit (90401): the script failed
        jobgate: error: job tokens cannot read job logs; use an access token
        jobgate: error: GET /projects/44/jobs/90401/trace: not sent, because there is no access token
        jobgate: hint: use a project, group or personal access token with role Reporter and scope read_api (fine-grained: Job: Read)
        jobgate: hint: put the token into JOBGATE_TOKEN_FILE (a variable of type File), JOBGATE_TOKEN or GITLAB_TOKEN
        $ jobs compile --log-tail 2
        JOB      STAGE  STATUS   DURATION  QUEUED     ID
        compile  build  success     2m00s  48m00s  90400
        links: /shop/web/-/jobs/ID
        $ jobs unit --log-tail 0
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE
        unit  test   failed     2m00s  48m00s  90401  the script failed
          /shop/web/-/jobs/90401

        unit (90401): the script failed
    "#]]);
    let trace = "GET *90401/trace*";
    scene.gitlab.answer(trace, Answer::forbidden());
    let refused = scene.both("unit lint --log-tail 1");
    refused.is(4, expect![[r#"
        JOB   STAGE  STATUS  DURATION  QUEUED     ID  NOTE
        unit  test   failed     2m00s  48m00s  90401  the script failed
          /shop/web/-/jobs/90401
        lint  test   failed     2m00s  48m00s  90402  allowed to fail, runner system failure
          /shop/web/-/jobs/90402

        unit (90401): the script failed

        lint (90402): runner system failure
    "#]], expect![[r#"
        jobgate: error: the access token's user cannot read job logs here
        jobgate: error: GET /projects/44/jobs/90401/trace: 403 Forbidden (request id 01JD0000000000000000000017)
        jobgate: hint: the token's user must be a member of project 44 with the role Reporter or higher
        jobgate: hint: the user of a project access token is a member of its project
        jobgate: hint: to read the log of a job that ran with CI_DEBUG_TRACE, the token needs the role Developer
    "#]]);
}

#[test]
fn no_log_is_read_for_a_closed_pipe() {
    let scene = shop(19);
    let mut command = scene.with("--log-tail 2").command();
    assert_eq!(
        command.stdout(closed_pipe()).status().unwrap().code(),
        Some(0)
    );
    assert!(!scene.gitlab.log().contains("/trace"));
}
