"""Batch's own endpoint at `/batch/<account>`: jobs and tasks.

Jobs need the data actions `Microsoft.Batch/batchAccounts/jobs/...` (learn.microsoft.com/azure/batch/
batch-role-based-access-control); that Owner, which has no data actions, may work with jobs too is unverified.
"""

from __future__ import annotations

from emulator import ids
from emulator.batch import fleet as fleets
from emulator.batch import tasks
from emulator.batch.data_plane import authorized, body_of, filtered, listing, selected
from emulator.batch.errors import BatchError, exists, missing
from emulator.batch.tasks import Job, Task
from emulator.routing import Route
from emulator.wire import Body, Headers, Request, Response
from emulator.world import Resource, World

_ACTION = "Microsoft.Batch/batchAccounts/jobs/"


def create_job(world: World, request: Request, path: dict[str, str]) -> Response:
    account = authorized(world, request, path, _ACTION + "write")
    body = body_of(world, request)
    known, job_id = tasks.jobs_of(world, account.id), str(body.get("id") or "")
    if not job_id or not (body.get("poolInfo") or {}).get("poolId"):
        told = "A required property was not specified in the request body."
        raise BatchError(
            world, 400, "MissingRequiredProperty", told, {"PropertyName": "id" if not job_id else "poolInfo"}
        )
    if job_id.lower() in known:
        raise exists(world, "Job")
    known[job_id.lower()] = Job(job_id, account.id, body, world.now)
    return Response(201, None, Headers({"Location": f"{_base(request, account)}/jobs/{job_id}"}))


def list_jobs(world: World, request: Request, path: dict[str, str]) -> Response:
    account = authorized(world, request, path, _ACTION + "read")
    shown = [_show_job(world, request, account, job) for job in tasks.jobs_of(world, account.id).values()]
    return listing(world, request, filtered(world, request, shown), "jobs")


def get_job(world: World, request: Request, path: dict[str, str]) -> Response:
    account, job = _job(world, request, path, "read")
    return Response(200, selected(request, _show_job(world, request, account, job)))


def delete_job(world: World, request: Request, path: dict[str, str]) -> Response:
    """202; what of it runs is ended."""
    account, job = _job(world, request, path, "delete")
    for task in list(job.tasks.values()):
        tasks.drop(world, _fleet(world, account, job), task)
    del tasks.jobs_of(world, account.id)[job.id.lower()]
    return Response(202)


def create_task(world: World, request: Request, path: dict[str, str]) -> Response:
    account, job = _job(world, request, path, "write")
    task = _add(world, job, body_of(world, request))
    _assign(world, account, job)
    where = f"{_base(request, account)}/jobs/{job.id}/tasks/{task.id}"
    return Response(201, None, Headers({"Location": where}))


def create_tasks(world: World, request: Request, path: dict[str, str]) -> Response:
    """Up to 100 tasks at once, each with its own outcome."""
    account, job = _job(world, request, path, "write")
    given = body_of(world, request).get("value") or []
    if len(given) > 100:
        raise BatchError(world, 413, "RequestBodyTooLarge", "The request body is too large and exceeds the limit.")
    value = []
    for body in given:
        task_id = str(body.get("id") or "")
        where = f"{_base(request, account)}/jobs/{job.id}/tasks/{task_id}"
        try:
            _add(world, job, body)
        except BatchError as error:
            told = error.response().body
            value.append({"status": "clienterror", "taskId": task_id, "error": told})
        else:
            value.append({"status": "success", "taskId": task_id, "location": where})
    _assign(world, account, job)
    return Response(200, {"odata.metadata": f"{_base(request, account)}/$metadata#taskaddresult", "value": value})


def list_tasks(world: World, request: Request, path: dict[str, str]) -> Response:
    account, job = _job(world, request, path, "read")
    shown = [_show_task(world, request, account, job, task) for task in job.tasks.values()]
    return listing(world, request, filtered(world, request, shown), "tasks")


def get_task(world: World, request: Request, path: dict[str, str]) -> Response:
    account, job = _job(world, request, path, "read")
    task = job.tasks.get(path["task"].lower())
    if task is None:
        raise missing(world, "Task")
    return Response(200, selected(request, _show_task(world, request, account, job, task)))


def delete_task(world: World, request: Request, path: dict[str, str]) -> Response:
    account, job = _job(world, request, path, "write")
    task = job.tasks.pop(path["task"].lower(), None)
    if task is None:
        raise missing(world, "Task")
    tasks.drop(world, _fleet(world, account, job), task)
    return Response(200)


# -- parts


def _job(world: World, request: Request, path: dict[str, str], verb: str) -> tuple[Resource, Job]:
    account = authorized(world, request, path, _ACTION + verb)
    job = tasks.jobs_of(world, account.id).get(path["job"].lower())
    if job is None:
        raise missing(world, "Job")
    return account, job


def _add(world: World, job: Job, body: Body) -> Task:
    task_id = str(body.get("id") or "")
    if not task_id or not body.get("commandLine"):
        told = "A required property was not specified in the request body."
        raise BatchError(
            world, 400, "MissingRequiredProperty", told, {"PropertyName": "commandLine" if task_id else "id"}
        )
    if task_id.lower() in job.tasks:
        raise exists(world, "Task")
    task = Task(task_id, job.id, body, world.now, since=world.now)
    job.tasks[task_id.lower()] = task
    return task


def _assign(world: World, account: Resource, job: Job) -> None:
    fleet = _fleet(world, account, job)
    if fleet is not None:
        tasks.assign(world, fleet)


def _fleet(world: World, account: Resource, job: Job) -> fleets.Fleet | None:
    pool = world.get(f"{account.id}/pools/{job.pool}")
    return fleets.of_pool(world, pool.id) if pool is not None else None


def _show_job(world: World, request: Request, account: Resource, job: Job) -> Body:
    return {
        "priority": 0,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        **job.body,
        "url": f"{_base(request, account)}/jobs/{job.id}",
        "eTag": "0x8DC000000000001",
        "lastModified": world.iso(job.created),
        "creationTime": world.iso(job.created),
        "state": job.state,
        "stateTransitionTime": world.iso(job.created),
        "executionInfo": {"startTime": world.iso(job.created), "poolId": job.pool},
    }


def _show_task(world: World, request: Request, account: Resource, job: Job, task: Task) -> Body:
    execution: Body = {"retryCount": 0, "requeueCount": task.requeued}
    if task.started is not None:
        execution["startTime"] = world.iso(task.started)
    if task.ended is not None:
        execution |= {
            "endTime": world.iso(task.ended),
            "exitCode": task.exit_code,
            "result": "failure" if task.exit_code else "success",
        }
    base = _base(request, account)
    shown: Body = {
        "requiredSlots": 1,
        **task.body,
        "url": f"{base}/jobs/{job.id}/tasks/{task.id}",
        "eTag": "0x8DC000000000001",
        "lastModified": world.iso(task.created),
        "creationTime": world.iso(task.created),
        "state": task.state,
        "stateTransitionTime": world.iso(task.since),
        "executionInfo": execution,
    }
    if task.node:
        shown["nodeInfo"] = {
            "affinityId": f"TVM:{task.node}",
            "nodeUrl": f"{base}/pools/{job.pool}/nodes/{task.node}",
            "poolId": job.pool,
            "nodeId": task.node,
        }
    return shown


def _base(request: Request, account: Resource) -> str:
    return f"{request.base_url}/batch/{ids.name(account.id)}"


_ACCOUNT = "/batch/{account}"
_JOB = _ACCOUNT + "/jobs/{job}"

ROUTES: list[Route] = [
    Route("POST", _ACCOUNT + "/jobs", create_job, None),
    Route("GET", _ACCOUNT + "/jobs", list_jobs, None),
    Route("GET", _JOB, get_job, None),
    Route("DELETE", _JOB, delete_job, None),
    Route("POST", _JOB + "/tasks", create_task, None),
    Route("GET", _JOB + "/tasks", list_tasks, None),
    Route("POST", _JOB + "/addtaskcollection", create_tasks, None),
    Route("GET", _JOB + "/tasks/{task}", get_task, None),
    Route("DELETE", _JOB + "/tasks/{task}", delete_task, None),
]
