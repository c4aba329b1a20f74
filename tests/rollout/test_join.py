"""The extensions that make a disk a session host: secrets in protected settings, and nowhere else."""

from __future__ import annotations

import json

from rollout.declaration import Agent, Join, JoinType
from rollout.join import agent_extension, join_extension

AD = Join(JoinType.ACTIVE_DIRECTORY, "contoso.com", "OU=AVD,DC=contoso,DC=com", "joiner@contoso.com", "https://kv/s")
ENTRA = Join(JoinType.ENTRA, mdm_id="0000000a-0000-0000-c000-000000000000")
SECRET = "M4rked-Secret"


def test_an_ad_join_keeps_its_password_protected() -> None:
    name, body = join_extension(AD, "westeurope", SECRET)
    properties = body["properties"]
    assert (name, properties["publisher"], properties["type"]) == (
        "joindomain",
        "Microsoft.Compute",
        "JsonADDomainExtension",
    )
    assert properties["protectedSettings"] == {"password": SECRET}
    assert properties["settings"] == {
        "name": "contoso.com",
        "user": "joiner@contoso.com",
        "restart": "true",
        "options": "3",
        "ouPath": "OU=AVD,DC=contoso,DC=com",
    }
    assert SECRET not in json.dumps({**properties, "protectedSettings": None})


def test_without_an_ou_none_is_sent() -> None:
    bare = Join(JoinType.ACTIVE_DIRECTORY, "contoso.com", "", "u", "https://kv/s")
    assert "ouPath" not in join_extension(bare, "westeurope", SECRET)[1]["properties"]["settings"]


def test_an_entra_join_has_no_secret_and_enrols_where_declared() -> None:
    name, body = join_extension(ENTRA, "westeurope", "")
    assert (name, body["properties"]["settings"]) == ("AADLoginForWindows", {"mdmId": ENTRA.mdm_id})
    assert "protectedSettings" not in body["properties"]
    assert join_extension(Join(JoinType.ENTRA), "westeurope", "")[1]["properties"]["settings"] == {}


def test_the_registration_token_is_protected() -> None:
    for join, entra in ((AD, False), (ENTRA, True), (None, False)):
        _, body = agent_extension(Agent(), join, "westeurope", "hp1", SECRET)
        properties = body["properties"]
        assert properties["protectedSettings"] == {"Items": {"RegistrationInfoToken": SECRET}}
        assert SECRET not in json.dumps({**properties, "protectedSettings": None})
        inner = properties["settings"]["properties"]
        assert (inner["hostPoolName"], inner["aadJoin"]) == ("hp1", entra)
        assert inner.get("mdmId") == (ENTRA.mdm_id if entra else None)
        assert properties["settings"]["modulesUrl"] == Agent().modules_url
