from __future__ import annotations

from components import HostPool, HostPoolArgs

ARGS = HostPoolArgs("avd", "hp1", "westeurope", max_session_limit=16, tags={"owner": "vdi"})


def test_makes_a_pooled_host_pool(declare):
    [pool] = declare(lambda: HostPool("hp1", ARGS)).of("desktopvirtualization:HostPool")
    assert (pool["hostPoolType"], pool["hostPoolName"], pool["maxSessionLimit"]) == ("Pooled", "hp1", 16)


def test_leaves_alone_what_the_update_changes(declare, options):
    declare(lambda: HostPool("hp1", ARGS))
    ignored = options()["hp1"].ignore_changes
    assert set(ignored) == {"registrationInfo", "vmTemplate", "tags"}


def test_declares_neither_token_nor_template(declare):
    [pool] = declare(lambda: HostPool("hp1", ARGS)).of("desktopvirtualization:HostPool")
    assert not {"registrationInfo", "vmTemplate"} & pool.keys()


def test_gives_the_id_of_the_pool(declare):
    seen: list[str] = []
    declare(lambda: HostPool("hp1", ARGS).host_pool_id.apply(seen.append))
    assert seen == ["id of hp1"]
