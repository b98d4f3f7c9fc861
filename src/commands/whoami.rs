//! `whoami`: the job, pipeline, project, user, roles and environment that this token stands for.
