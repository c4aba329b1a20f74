"""Who caused a run, for the audit log: the person or the CI run, and the number of the change.

The variables are those of GitHub (docs.github.com: "Variables reference"), GitLab (docs.gitlab.com: "Predefined CI/CD
variables") and Azure Pipelines (learn.microsoft.com: "Use predefined variables").
"""

from __future__ import annotations

from collections.abc import Mapping

TICKET_VARIABLE = "HOSTPOOL_CHANGE_TICKET"


def caller(who: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The columns `who`, `run` and `change_ticket` of a row. `who` is the process: `ada@desk-7 4711`."""
    actor, address = _ci_run(environment)
    return {
        "who": f"{actor}, {who}" if actor else who,
        "run": address,
        "change_ticket": environment.get(TICKET_VARIABLE, "").strip(),
    }


def _ci_run(environment: Mapping[str, str]) -> tuple[str, str]:
    """(who started it, its address); both empty where there is none."""

    def said(name: str) -> str:
        return environment.get(name, "")

    if said("GITHUB_RUN_ID"):
        repository = f"{said('GITHUB_SERVER_URL')}/{said('GITHUB_REPOSITORY')}"
        actor = said("GITHUB_TRIGGERING_ACTOR") or said("GITHUB_ACTOR")
        return actor, f"{repository}/actions/runs/{said('GITHUB_RUN_ID')}"
    if said("GITLAB_CI"):
        return said("GITLAB_USER_LOGIN"), said("CI_JOB_URL")
    if said("TF_BUILD"):
        project = f"{said('SYSTEM_TEAMFOUNDATIONCOLLECTIONURI')}{said('SYSTEM_TEAMPROJECT')}"
        return said("BUILD_REQUESTEDFOR"), f"{project}/_build/results?buildId={said('BUILD_BUILDID')}"
    return "", ""
