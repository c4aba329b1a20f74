"""The extensions that make a freshly attached disk a session host: directory join, then the AVD agent.

Secrets go into protectedSettings only. Both extensions are removed again once they ran (`phases/serve.py`).
"""

from __future__ import annotations

from rollout.azure import Body
from rollout.declaration import Agent, Join, JoinType

DSC = ("Microsoft.Powershell", "DSC")
AD_JOIN = ("Microsoft.Compute", "JsonADDomainExtension")
ENTRA_LOGIN = ("Microsoft.Azure.ActiveDirectory", "AADLoginForWindows")

AGENT_NAME = "Microsoft.PowerShell.DSC"
AD_JOIN_NAME = "joindomain"
ENTRA_NAME = "AADLoginForWindows"


def join_extension(join: Join, location: str, password: str) -> tuple[str, Body]:
    """Name and body of the join extension. `password` is the join account's, empty for Entra."""
    if join.type is JoinType.ENTRA:
        settings: Body = {"mdmId": join.mdm_id} if join.mdm_id else {}
        return ENTRA_NAME, _body(location, ENTRA_LOGIN, "2.0", settings, None)
    settings = {
        "name": join.domain,
        "user": join.user,
        "restart": "true",
        # 1 join the domain + 2 create the account: 3 is what Microsoft's AVD templates send.
        "options": "3",
    }
    if join.ou_path:
        settings["ouPath"] = join.ou_path
    return AD_JOIN_NAME, _body(location, AD_JOIN, "1.3", settings, {"password": password})


def agent_extension(agent: Agent, join: Join | None, location: str, pool_name: str, token: str) -> tuple[str, Body]:
    """Name and body of the DSC extension that installs agent and boot loader and registers the host.

    The token travels as a credential of protectedSettings, as Microsoft's own templates send it (Azure/RDS-Templates,
    ARM-wvd-templates: registrationInfoTokenCredential with PrivateSettingsRef).
    """
    entra = join is not None and join.type is JoinType.ENTRA
    settings: Body = {
        "modulesUrl": agent.modules_url,
        "configurationFunction": "Configuration.ps1\\AddSessionHost",
        "properties": {
            "hostPoolName": pool_name,
            "registrationInfoTokenCredential": {
                "UserName": "PLACEHOLDER_DO_NOT_USE",
                "Password": "PrivateSettingsRef:RegistrationInfoToken",
            },
            "aadJoin": entra,
            "UseAgentDownloadEndpoint": True,
        },
    }
    if entra and join is not None and join.mdm_id:
        settings["properties"]["mdmId"] = join.mdm_id
    return AGENT_NAME, _body(location, DSC, "2.83", settings, {"Items": {"RegistrationInfoToken": token}})


def _body(location: str, kind: tuple[str, str], version: str, settings: Body, protected: Body | None) -> Body:
    properties: Body = {
        "publisher": kind[0],
        "type": kind[1],
        "typeHandlerVersion": version,
        "autoUpgradeMinorVersion": True,
        "settings": settings,
    }
    if protected is not None:
        properties["protectedSettings"] = protected
    return {"location": location, "properties": properties}
