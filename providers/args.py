"""The arguments of `HostPoolImageUpdate`, typed. Made from schema.json by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(kw_only=True)
class CanaryArgs:
    """The hosts that go first, alone."""

    hosts: pulumi.Input[float] | None = None
    """Number of hosts. 0 goes without a canary. Default: 1. Source: Azure documentation, session host update: one host
    is updated first.
    """

    bake: pulumi.Input[str | float] | None = None
    """How long they must serve in health before the rest follows: ISO 8601 duration, or seconds. Default: "PT10M".
    Source: The product's own choice.
    """

    names: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Names of the virtual machines that are the canary, in place of hosts. None stands in for another: one that could
    not be updated, because its users stayed, pauses the rollout. Where all of them run the image already, one other
    host goes first. Default: []. Source: The product's own choice.
    """

    per_zone: pulumi.Input[bool] | None = None
    """One canary in each availability zone that has hosts to update, in place of hosts. Default: false. Source: The
    product's own choice.
    """

    approval: pulumi.Input[bool] | None = None
    """Whether somebody has to approve before the rest follows. Once the canary has baked, the run ends as paused, and
    only the canary was touched; after hostpool approve the next pulumi up goes on. Default: false. Source: The
    product's own choice.
    """


@dataclass(kw_only=True)
class CheckpointArgs:
    """A pause after a share of the hosts."""

    percent: pulumi.Input[float | str]
    """Share of the hosts that are done, from 1 to less than 100, or with a percent sign. Source: The product's own
    choice.
    """

    pause: pulumi.Input[str | float]
    """How long no new host is begun: ISO 8601 duration, or seconds. Source: The product's own choice."""


@dataclass(kw_only=True)
class WindowArgs:
    """The maintenance window: only inside it are hosts taken out of service. A host is begun only if it can serve again
    before the window closes; what is out finishes, and the rest goes on in the next window.
    """

    recur_every: pulumi.Input[str]
    """When it comes again, in the grammar of Azure's maintenance configurations: days, weeks with their days, or months
    with days or with the nth day of the week and an offset of -6 to 6 days. Source: Azure documentation, maintenance
    configurations: recurEvery.
    """

    start: pulumi.Input[str]
    """The wall-clock time at which it opens, with the first date where every second week or the like is counted from
    it. A time that does not exist in the night clocks go forward is as much later; one that comes twice is the first.
    Source: Azure documentation, maintenance configurations: startDateTime.
    """

    duration: pulumi.Input[str | float]
    """How long it is open, in elapsed time: ISO 8601 duration, or seconds. Half an hour or more, and not until the next
    one. Source: Azure documentation, maintenance configurations: duration.
    """

    time_zone: pulumi.Input[str]
    """The zone of start: an IANA name, or a Windows one. Source: Azure documentation, maintenance configurations:
    timeZone.
    """


@dataclass(kw_only=True)
class EmergencyArgs:
    """Do not wait for the window. Everything else holds as ever: the floor, messages to users, pre-checks, a pause.
    Take it out again once it is over.
    """

    reason: pulumi.Input[str]
    """Why, in one line of 200 characters at most. It is told, and kept in the rollout's record, its history and its
    event log. Source: The product's own choice.
    """


@dataclass(kw_only=True)
class PromoteFromArgs:
    """With version promoted: this pool gets the version that another one was brought to, once it has proven itself
    there. Until then it stays with what it has, and the preview says what is missing. Any other version overrides it.
    """

    host_pool_id: pulumi.Input[str]
    """Id of that pool, such as the output host_pool_id of the stack before this one. Its tags are read, so that the
    updater needs the role Reader on it. Source: The product's own choice.
    """

    stack: pulumi.Input[str] | None = None
    """What people call it in what is told. Default: the pool's name. Source: The product's own choice."""

    soak: pulumi.Input[str | float] | None = None
    """Time since a rollout brought the version to the hosts there: ISO 8601 duration, or seconds. Default: "P1D".
    Source: The product's own choice.
    """

    max_failed: pulumi.Input[float] | None = None
    """Hosts on which the version may have failed there (rolled back, or left failed), over all attempts that the pool's
    history still has. Default: 0. Source: The product's own choice.
    """

    approvals: pulumi.Input[float] | None = None
    """People who have to approve the version for this pool, with hostpool approve --promotion. Default: 0. Source: The
    product's own choice.
    """

    allow_downgrade: pulumi.Input[bool] | None = None
    """Whether this pool also goes down with the other one, to a lower version than its own. Default: false. Source: The
    product's own choice.
    """


@dataclass(kw_only=True)
class NotifyArgs:
    """Who is told that a run has started, resumed or waits for its window, of failed pre-checks with their remedies, of
    the canary, checkpoints, failed hosts, pauses and the end. A message that cannot be sent is a warning, and changes
    nothing else.
    """

    url_secrets: pulumi.Input[Sequence[pulumi.Input[str]]]
    """URIs of Key Vault secrets, each with the URL of one service in the notation of apprise: mail, Teams, Slack, a
    webhook and more. The URL holds the credentials of the service, so it is never an input itself. Source:
    github.com/caronc/apprise/wiki: supported notifications.
    """

    quiet: pulumi.Input[bool] | None = None
    """Tell only what needs somebody: failed pre-checks, a failed canary or host, a pause, an end that is not complete.
    Default: false. Source: The product's own choice.
    """

    title: pulumi.Input[str] | None = None
    """Title of a message, with {pool}, {what}, {text}, {version} and {owner}. A title of more than 250 characters is
    cut. Default: "AVD pool {pool}: {what}". Source: The product's own choice.
    """

    text: pulumi.Input[str] | None = None
    """Text of a message, with the same names. A text of more than 2000 characters is cut. Default: "{text}". Source:
    The product's own choice.
    """

    reminders: pulumi.Input[Sequence[pulumi.Input[str | float]]] | None = None
    """How long before its start a scheduled rollout is told again, by hostpool tick: ISO 8601 durations, or seconds,
    from 15 minutes to 14 days. Needs window or start_at, and quiet tells none. Default: ["P1D", "PT1H"]. Source: The
    product's own choice.
    """


@dataclass(kw_only=True)
class LogAnalyticsArgs:
    """Where the rows of the audit log are sent besides its file: a table of a Log Analytics workspace, by way of a data
    collection rule on which the updater has the role Monitoring Metrics Publisher. Rows that cannot be sent are a
    warning, and change nothing else.
    """

    endpoint: pulumi.Input[str]
    """The logs ingestion endpoint of the data collection rule, or that of a data collection endpoint. Source: Azure
    documentation, Logs Ingestion API: endpoint.
    """

    rule_id: pulumi.Input[str]
    """The immutable id of the data collection rule, which is not its resource id. Source: Azure documentation, Logs
    Ingestion API: DCR immutable ID.
    """

    stream: pulumi.Input[str] | None = None
    """Name of the rule's stream. Default: "Custom-AvdImageUpdate". Source: The name in docs/log_analytics.json."""

    resource_id: pulumi.Input[str] | None = None
    """The rule's resource id, by which a pre-check sees whether the updater may send to it; for that it needs the role
    Reader on the rule as well. Default: not checked. Source: Azure documentation: Azure data actions for Logs Ingestion
    API.
    """


@dataclass(kw_only=True)
class ReminderArgs:
    """A message at a time before the log-off."""

    before: pulumi.Input[str | float]
    """How long before the deadline: ISO 8601 duration, or seconds. One within the grace of a forced log-off counts from
    the log-off itself. Source: The product's own choice.
    """

    text: pulumi.Input[str | Mapping[str, pulumi.Input[str]]]
    """Text, or texts by language, with the placeholders of message. Source: Azure documentation, session host update:
    length of the log-off message.
    """

    title: pulumi.Input[str | Mapping[str, pulumi.Input[str]]] | None = None
    """Title, or titles by language. Default: message_title. Source: Azure documentation, session host update: length of
    the log-off message.
    """


@dataclass(kw_only=True)
class DrainArgs:
    """How users leave a host."""

    deadline: pulumi.Input[str | float] | None = None
    """Time from the first message to the log-off policy: ISO 8601 duration, or seconds. Default: "PT60M". Source: Azure
    documentation, session host update: log-off delay.
    """

    log_off: pulumi.Input[str] | None = None
    """What happens at the deadline. wait: nobody is logged off, and an occupied host is left for the next run.
    disconnected_only: disconnected sessions are logged off; a host with an active one is left. force: everybody is
    logged off after the final message and the grace. One of wait, disconnected_only, force. Default: "wait". Source:
    Azure Virtual Desktop REST API, User Sessions - Delete.
    """

    grace: pulumi.Input[str | float] | None = None
    """Time between the final message and a forced log-off: ISO 8601 duration, or seconds. Not longer than deadline;
    under ten minutes only with allow_data_loss. Without force it is heeded only on a host whose new disk failed, before
    the old one is put back. Default: "PT10M". Source: The product's own choice.
    """

    allow_data_loss: pulumi.Input[bool] | None = None
    """Whether the grace of a forced log-off may be under ten minutes, so that people may lose what they have not saved.
    The preview counts the sessions at risk. Default: false. Source: The product's own choice.
    """

    end_disconnected_after: pulumi.Input[str | float] | None = None
    """Time after which a session that stays disconnected on a draining host is ended, with any log_off: ISO 8601
    duration, or seconds. It counts from when it was first seen so in the drain, and anew after a crash. Default: not
    before the deadline. Source: Azure Virtual Desktop REST API, User Sessions - Delete.
    """

    max_sessions: pulumi.Input[float] | None = None
    """A host is drained only while it has at most so many sessions, disconnected ones included, as of the pool's list,
    which is a minute old at most. The others wait until their users have left; where none leaves for two hours the
    rollout is paused. 0: only hosts that nobody uses. Default: no limit. Source: The product's own choice.
    """

    zero_sessions_for: pulumi.Input[str | float] | None = None
    """How long a host must have had no session in any state before it is stopped, so that profile containers are
    detached: ISO 8601 duration, or seconds. Default: "PT1M". Source: Practice with FSLogix profile containers,
    unverified.
    """

    check_containers: pulumi.Input[bool] | None = None
    """Whether an empty host is asked, by a run command while it waits for its slot, if FSLogix profile containers are
    still attached. It is not stopped before they are detached; after a quarter of an hour it is left out. Without it
    the sessions' states and zero_sessions_for must do. Default: false. Source: Practice with FSLogix: labels of the
    containers' volumes, unverified.
    """

    message_title: pulumi.Input[str | Mapping[str, pulumi.Input[str]]] | None = None
    """Title of the messages, or titles by language. 260 characters at most. Default: "Maintenance". Source: Azure
    documentation, session host update: length of the log-off message.
    """

    message: pulumi.Input[str | Mapping[str, pulumi.Input[str]]] | None = None
    """Message when the drain begins, and to who comes later. It may name {minutes} and {time} until which the user
    should sign out, {finish} when the desktop is expected to be updated, {time_utc}, {finish_utc}, {host} and {pool}.
    260 characters at most when filled in. An object has texts by language; each user gets all of them, one after the
    other, since Azure does not know who reads which. Default: "This desktop is being updated. Please save your work and
    sign out within {minutes} minutes, then sign in again.". Source: Azure documentation, session host update: length of
    the log-off message.
    """

    reminders: pulumi.Input[Sequence[pulumi.Input[ReminderArgs | Mapping[str, Any]]]] | None = None
    """Further messages at times before the log-off. After a crash only the last that is due is sent; none is sent
    twice, save one that the crash came upon. Default: []. Source: The product's own choice.
    """

    final_message: pulumi.Input[str | Mapping[str, pulumi.Input[str]]] | None = None
    """Message before a forced log-off, with the placeholders of message; {minutes} is the grace. 260 characters at most
    when filled in. Default: "This desktop will sign you out in {minutes} minutes to install an update. Please save your
    work now.". Source: Azure documentation, session host update: length of the log-off message.
    """


@dataclass(kw_only=True)
class ProtectionArgs:
    """What the tag avd-protect on a host's virtual machine means. Anybody may put it there, with any value; a host that
    is out of service already is finished.
    """

    policy: pulumi.Input[str] | None = None
    """skip: the host is left out, as if it were in exclude. wait: its disk is built, and it is not drained before the
    tag is gone. ignore: nothing. A host that gets the tag while it is drained is given back to its users. One of skip,
    wait, ignore. Default: "skip". Source: AWS EC2 Auto Scaling, instance refresh: ScaleInProtectedInstances.
    """

    deadline: pulumi.Input[str | float] | None = None
    """With wait: how long a protected host is waited for, from the beginning of its work: ISO 8601 duration, or
    seconds. Default: "PT1H". Source: AWS EC2 Auto Scaling, instance refresh: waits an hour.
    """

    then: pulumi.Input[str] | None = None
    """With wait: what becomes of a host that is still protected then. skip: it is left out. fail: it counts as failed,
    against max_failed. Either way it serves on as it is. One of skip, fail. Default: "skip". Source: AWS EC2 Auto
    Scaling, instance refresh: it fails.
    """


@dataclass(kw_only=True)
class ExtensionArgs:
    """A VM extension."""

    name: pulumi.Input[str]
    """Its name on the virtual machine. Source: Azure Compute REST API, Virtual Machine Extensions - Create Or Update.
    """

    publisher: pulumi.Input[str]
    """Publisher of its handler. Source: Azure Compute REST API, Virtual Machine Extensions - Create Or Update."""

    type: pulumi.Input[str]
    """Type of its handler. Not one that joins a host or installs its agent. Source: Azure Compute REST API, Virtual
    Machine Extensions - Create Or Update.
    """

    version: pulumi.Input[str]
    """Major and minor version of its handler; newer minor versions are taken. Source: Azure Compute REST API,
    typeHandlerVersion.
    """

    settings: pulumi.Input[Mapping[str, Any]] | None = None
    """Its public settings. Default: {}. Source: Azure Compute REST API, settings."""

    protected_settings_secret: pulumi.Input[str] | None = None
    """Key Vault URI of a secret that holds its protected settings as a JSON object. Source: Azure Compute REST API,
    protectedSettings.
    """


@dataclass(kw_only=True)
class PostUpdateArgs:
    """What is done on a host with a new disk once it has joined and registered, before it is verified: what must not be
    part of a golden image, such as an RMM agent. A host on which it fails gets its old disk back. Not done on a kept
    disk that comes back, which had it.
    """

    script: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Lines of PowerShell that run by Run Command and must end with exit code 0. After a crash they may run again.
    Default: []. Source: Azure documentation, Run Command.
    """

    secrets: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Parameters of the script, each with the Key Vault URI of the secret that holds its value. They are read at use
    and passed as protected parameters, so that the script begins with param([string]$SiteToken) or the like. Default:
    {}. Source: Azure Compute REST API, protectedParameters of a run command.
    """

    extensions: pulumi.Input[Sequence[pulumi.Input[ExtensionArgs | Mapping[str, Any]]]] | None = None
    """VM extensions that are installed before the script. One that is on the VM already is installed on the new disk by
    Azure. Default: []. Source: Azure Compute REST API, Virtual Machine Extensions - Create Or Update.
    """


@dataclass(kw_only=True)
class JoinArgs:
    """The directory that the hosts are joined to. It is declared because a new disk must join anew, and the extension
    that once joined the host is gone after the first update.
    """

    type: pulumi.Input[str]
    """ad: an Active Directory domain. entra: Microsoft Entra ID. One of ad, entra. Source: Azure documentation,
    prerequisites for Azure Virtual Desktop: identity.
    """

    domain: pulumi.Input[str] | None = None
    """DNS name of the domain. Needed with type ad. Source: VM extension JsonADDomainExtension 1.3, setting Name."""

    ou_path: pulumi.Input[str] | None = None
    """Distinguished name of the organizational unit of the computer accounts. Default: the domain's default container.
    Source: VM extension JsonADDomainExtension 1.3, setting OUPath.
    """

    user: pulumi.Input[str] | None = None
    """User principal name of the account that joins. Needed with type ad; it must be allowed to join a name that
    exists. Source: VM extension JsonADDomainExtension 1.3, setting User.
    """

    password_secret: pulumi.Input[str] | None = None
    """Key Vault URI of the secret that holds its password, with or without a version. Needed with type ad. It is read
    at use and never stored. Source: Azure Key Vault REST API, Get Secret.
    """

    mdm_id: pulumi.Input[str] | None = None
    """Application id of the device management service that Entra-joined hosts enrol in. Default: none. Source: VM
    extension AADLoginForWindows 2.0, setting mdmId; the example is Microsoft Intune.
    """


@dataclass(kw_only=True)
class LocalAdminArgs:
    """The local administrator of the updated hosts. Windows is provisioned on the temporary virtual machine with it."""

    username_secret: pulumi.Input[str]
    """Key Vault URI of the secret that holds the name. Azure refuses names such as administrator or admin. Source:
    Azure Compute REST API, osProfile.adminUsername.
    """

    password_secret: pulumi.Input[str]
    """Key Vault URI of the secret that holds the password, 12 to 123 characters. Source: Azure Compute REST API,
    osProfile.adminPassword.
    """


@dataclass(kw_only=True)
class QuarantineArgs:
    """New disks that failed, kept for analysis: detached, with the tag avd-disk: quarantined, and named in the report.
    Default: failed disks are deleted, and their evidence is in the report.
    """

    disks: pulumi.Input[float]
    """How many of an attempt are kept, the first to fail; the others are deleted. Source: The product's own choice."""

    keep: pulumi.Input[str | float] | None = None
    """How long: ISO 8601 duration, or seconds. After it the next pulumi up or hostpool cleanup deletes them. Default:
    "P7D". Source: The product's own choice.
    """


@dataclass(kw_only=True)
class AgentArgs:
    """How the Azure Virtual Desktop agent is installed."""

    modules_url: pulumi.Input[str] | None = None
    """URL of the DSC package that installs the agent. There is no name for the latest one, so it is pinned here; use a
    copy of your own where hosts have no access to it. Default:
    "https://wvdportalstorageblob.blob.core.windows.net/galleryartifacts/Configuration_1.0.02990.697.zip". Source:
    Azure/RDS-Templates, ARM templates of the portal; the DSC extension retires on 31 March 2028.
    """


@dataclass(kw_only=True)
class VerifyArgs:
    """When an updated host counts as healthy."""

    polls: pulumi.Input[float] | None = None
    """Healthy answers in a row. 1 or more. Default: 2. Source: The product's own choice."""

    accept: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Statuses of the session host that count as healthy: Available, NeedsAssistance where checks that are not fatal
    may fail, and UpgradeFailed where an agent that could not update itself will do. Default: ["Available"]. Source:
    Azure documentation, session host statuses and health checks.
    """

    script: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Lines of PowerShell that run on the updated host by Run Command and must end with exit code 0. Default: [].
    Source: Azure documentation, Run Command.
    """

    timeout: pulumi.Input[str | float] | None = None
    """Time from the start of the machine to a healthy host: ISO 8601 duration, or seconds, 5 minutes or more. After it
    the old disk is put back. Default: "PT60M". Source: The product's own choice.
    """


@dataclass(kw_only=True)
class HostPoolImageUpdateArgs:
    """The desired image of a pooled Azure Virtual Desktop host pool, and how its session hosts get it."""

    host_pool_id: pulumi.Input[str]
    """Id of the host pool. It must be pooled and of management type Standard. Another pool is another resource: a
    change replaces this one, and changes no host. Source: Azure Virtual Desktop REST API 2024-04-03, HostPools - Get.
    """

    image: pulumi.Input[str]
    """The image without its version: the id of a gallery image definition, a marketplace image as publisher:offer:sku,
    the id of a managed image, or an image of a gallery that is shared with the subscription or its tenant
    (/sharedGalleries/...) or with everybody (/communityGalleries/...). Source: Azure Compute REST API, imageReference
    of a virtual machine.
    """

    version: pulumi.Input[str]
    """The version that the hosts shall run: x.y.z; or latest, which is resolved in every preview to the highest version
    that is replicated to the hosts' region and not excluded from latest; or promoted, which is that of promote_from. An
    earlier version is a revert. Of a managed image: latest or the image's name. Source: Azure documentation, Azure
    Compute Gallery: image versions, excludeFromLatest.
    """

    local_admin: pulumi.Input[LocalAdminArgs | Mapping[str, Any]]
    """The local administrator of the updated hosts. Windows is provisioned on the temporary virtual machine with it."""

    max_unavailable: pulumi.Input[float | str] | None = None
    """Session hosts that may be out of service at once: a number of hosts, or a percentage of the pool (rounded down,
    at least 1). Hosts found broken count. 1 to the size of the pool, 1% to 100%. Default: 1. Source: Azure
    documentation, session host update: batch size.
    """

    max_building: pulumi.Input[float | str] | None = None
    """Temporary virtual machines at once: a number, or a percentage of the pool. Each takes an address of the subnet
    and cores of the quota. 1 or more. Not with build: after_deallocate. Default: twice max_unavailable. Source: The
    product's own choice: the build of a disk takes about twice as long as the outage of a host.
    """

    min_serving: pulumi.Input[float | str] | None = None
    """Session hosts that accept sessions at any time, whatever the load: a number of hosts, or a percentage of the pool
    (rounded up). 0 or more. The floor is the greater of this and of what the live sessions need. Default: 0. Source:
    The product's own choice.
    """

    headroom: pulumi.Input[float | str] | None = None
    """Share of sessions that must still find a place beside those there are, from 0 to 1 or as a percentage: so many
    hosts accept sessions as sessions * (1 + headroom) / maxSessionLimit, rounded up. It is computed anew before every
    host. Default: 0.1. Source: The product's own choice.
    """

    sessions_per_host: pulumi.Input[float] | None = None
    """Sessions that a host takes, for pools that have no maxSessionLimit (Azure stores 999999 then). 1 or more.
    Default: the pool's own limit. Source: Azure Virtual Desktop REST API, maxSessionLimit: 999999 where nobody set one.
    """

    canary: pulumi.Input[CanaryArgs | Mapping[str, Any]] | None = None
    """The hosts that go first, alone."""

    stop_after: pulumi.Input[str] | None = None
    """canary: the run ends as paused once the canary has passed, and no further host is begun. The same attempt goes on
    with the first pulumi up after the setting is removed. Not with canary.approval. One of canary. Source: The
    product's own choice.
    """

    max_rollouts_per_subscription: pulumi.Input[float] | None = None
    """How many rollouts of host pools may be at work in the subscription at once, this one included. A further one ends
    as queued, or waits where when_closed is wait. 0 for any number. Those are counted whose pools the updater may read.
    Default: 1. Source: The product's own choice: the limits of Azure's API are those of the subscription and principal.
    """

    checkpoints: pulumi.Input[Sequence[pulumi.Input[CheckpointArgs | Mapping[str, Any]]]] | None = None
    """Pauses on the way, in rising order of percent. Default: []. Source: The product's own choice."""

    max_failed: pulumi.Input[float | str] | None = None
    """Hosts that may fail, those that got their old disk back included, before no further host is begun: a number, or a
    percentage of the hosts that needed work. Hosts in work are finished. 0 stops at the first failure. Default: 0.
    Source: The product's own choice.
    """

    window: pulumi.Input[WindowArgs | Mapping[str, Any]] | None = None
    """The maintenance window: only inside it are hosts taken out of service. A host is begun only if it can serve again
    before the window closes; what is out finishes, and the rest goes on in the next window. Source: Azure
    documentation, maintenance configurations.
    """

    start_at: pulumi.Input[str] | None = None
    """In place of a window: the time, ISO 8601 with its offset, from which hosts may be taken out of service. 14 days
    ahead at most; one of more than a day ago is refused unless its rollout is scheduled or under way. Source: Azure
    documentation, session host update: schedule up to two weeks ahead.
    """

    when_closed: pulumi.Input[str] | None = None
    """What a run does while the window is closed, or other rollouts come first. return: it ends at once with status
    scheduled or queued, and a later run begins. wait: it waits for the window, and for its turn. One of return, wait.
    Default: "return". Source: The product's own choice.
    """

    timing: pulumi.Input[str] | None = None
    """When in a maintenance window the work begins. asap: as it opens. quietest: at the time at which the fewest
    sessions are expected while the work goes on, by what earlier runs have seen of each hour of the week; where hours
    of the window are not known, or the work needs all of it, as it opens. One of asap, quietest. Default: "asap".
    Source: The product's own choice, after the optimal timing of Horizon Cloud pod updates.
    """

    build_ahead: pulumi.Input[str | float] | None = None
    """How long before a maintenance window opens disks may be built for it, so that it is spent on swaps only: ISO 8601
    duration, or seconds. As many as the window can swap, max_building at a time; they are built by a run that is
    started in this time (or waits for the window), and removed where they are not used by the time it closes. PT10M or
    more; PT0S builds inside the window. Default: "PT0S". Source: The product's own choice, after the blue-green updates
    of Horizon Cloud pods.
    """

    time_zone: pulumi.Input[str] | None = None
    """The pool's zone, in which people are told times, with UTC beside them: an IANA name, or a Windows one. Default:
    the zone of the window, else UTC alone. Source: Azure documentation, maintenance configurations: timeZone.
    """

    ready_by: pulumi.Input[str] | None = None
    """The day of the week and the time, in the window's zone, at which people come: a window that is still open ends
    then, hosts that are out finish, and whether enough hosts serve is proven then. Where they do not there is an alarm:
    a message that quiet tells too, and a run or tick that fails. Needs window. Source: The product's own choice.
    """

    emergency: pulumi.Input[EmergencyArgs | Mapping[str, Any]] | None = None
    """Do not wait for the window. Everything else holds as ever: the floor, messages to users, pre-checks, a pause.
    Take it out again once it is over. Source: The product's own choice.
    """

    promote_from: pulumi.Input[PromoteFromArgs | Mapping[str, Any]] | None = None
    """With version promoted: this pool gets the version that another one was brought to, once it has proven itself
    there. Until then it stays with what it has, and the preview says what is missing. Any other version overrides it.
    Source: The product's own choice.
    """

    notify: pulumi.Input[NotifyArgs | Mapping[str, Any]] | None = None
    """Who is told that a run has started, resumed or waits for its window, of failed pre-checks with their remedies, of
    the canary, checkpoints, failed hosts, pauses and the end. A message that cannot be sent is a warning, and changes
    nothing else. Source: github.com/caronc/apprise.
    """

    log_analytics: pulumi.Input[LogAnalyticsArgs | Mapping[str, Any]] | None = None
    """Where the rows of the audit log are sent besides its file: a table of a Log Analytics workspace, by way of a data
    collection rule on which the updater has the role Monitoring Metrics Publisher. Rows that cannot be sent are a
    warning, and change nothing else. Source: Azure documentation: Logs Ingestion API in Azure Monitor.
    """

    drain: pulumi.Input[DrainArgs | Mapping[str, Any]] | None = None
    """How users leave a host."""

    hand_off: pulumi.Input[str] | None = None
    """Until when old hosts take new sessions. hard: until their own drain, so that who leaves one may land on another
    and be moved again. soft: once the canary has passed, old hosts that wait take no new sessions, save as many as the
    load of the rest of the run needs beside the updated ones, with one to spare; where the load grows, as many as it
    takes are opened again. Nobody is told or logged off before the turn of their host; until the updated hosts carry
    the load, hosts with sessions are drained no further ahead than there are slots, so that the rollout may take
    longer. Not with max_unavailable 100%. One of hard, soft. Default: "hard". Source: The product's own choice.
    """

    protection: pulumi.Input[ProtectionArgs | Mapping[str, Any]] | None = None
    """What the tag avd-protect on a host's virtual machine means. Anybody may put it there, with any value; a host that
    is out of service already is finished.
    """

    post_update: pulumi.Input[PostUpdateArgs | Mapping[str, Any]] | None = None
    """What is done on a host with a new disk once it has joined and registered, before it is verified: what must not be
    part of a golden image, such as an RMM agent. A host on which it fails gets its old disk back. Not done on a kept
    disk that comes back, which had it.
    """

    join: pulumi.Input[JoinArgs | Mapping[str, Any]] | None = None
    """The directory that the hosts are joined to. It is declared because a new disk must join anew, and the extension
    that once joined the host is gone after the first update.
    """

    vm_size: pulumi.Input[str] | None = None
    """Size of the hosts' virtual machines. Not with stop: power_off. Default: each host keeps its own. Source: Azure
    Compute REST API, hardwareProfile.vmSize.
    """

    os_disk_type: pulumi.Input[str] | None = None
    """Type of the new OS disks. Default: each host keeps its own. One of Standard_LRS, StandardSSD_LRS,
    StandardSSD_ZRS, Premium_LRS, Premium_ZRS. Source: Azure documentation, managed disk types: an OS disk is neither
    UltraSSD_LRS nor PremiumV2_LRS.
    """

    build: pulumi.Input[str] | None = None
    """When a host's new disk is built. ahead: while the host serves, so that it is out for the swap only.
    after_deallocate: after the host has stopped, for networks where two machines of one name must never run at once.
    One of ahead, after_deallocate. Default: "ahead". Source: Azure documentation, session host update: order of its
    steps (after_deallocate is that order).
    """

    build_resource_group_id: pulumi.Input[str] | None = None
    """Id of the resource group of the temporary machines and their network interfaces. With a group of their own, the
    update role needs no right to delete machines in the group of the hosts. Default: the group of the host. Source: The
    product's own choice.
    """

    build_subnet_id: pulumi.Input[str] | None = None
    """Id of the subnet of the temporary machines. One without a route to the directory and its DNS is best: then two
    machines of one name never meet. Default: the subnet of the host. Source: The product's own choice.
    """

    build_tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    """Further tags of the temporary machines, their interfaces and disks, such as those that exempt them from an Azure
    Policy. Names of 512, values of 256 characters at most. Default: {}. Source: Azure documentation, tags: limits.
    """

    stop: pulumi.Input[str] | None = None
    """How a host is stopped for the swap. power_off keeps its place in the data centre, so that its start cannot fail
    for lack of capacity. One of deallocate, power_off. Default: "deallocate". Source: Azure documentation, change the
    OS disk: the machine is stopped or deallocated.
    """

    allocation_retry: pulumi.Input[str | float] | None = None
    """How long a start is tried again when Azure has no capacity (AllocationFailed, which stop: power_off does not
    meet): ISO 8601 duration, or seconds. No further host is stopped meanwhile. Default: "PT60M". Source: Azure
    documentation, allocation failures.
    """

    keep_old_disk: pulumi.Input[str | float] | None = None
    """How long a host's former OS disk is kept: ISO 8601 duration, or seconds. A revert within that time attaches it
    again and builds nothing. PT0S deletes it at the end of the run. Default: "P3D". Source: The product's own choice.
    """

    quarantine: pulumi.Input[QuarantineArgs | Mapping[str, Any]] | None = None
    """New disks that failed, kept for analysis: detached, with the tag avd-disk: quarantined, and named in the report.
    Default: failed disks are deleted, and their evidence is in the report.
    """

    include: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Names of the virtual machines that are updated. Default: all of the pool. Default: []. Source: The product's own
    choice.
    """

    exclude: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    """Names of virtual machines that are left alone. Default: []. Source: The product's own choice."""

    grow_os_disk: pulumi.Input[bool] | None = None
    """Whether OS disks may become larger with an image that needs it. They cannot shrink again, and cost what they are;
    without it such an image is refused. Default: false. Source: Azure managed disks grow only:
    learn.microsoft.com/azure/virtual-machines/windows/expand-os-disk.
    """

    fail_when_incomplete: pulumi.Input[bool] | None = None
    """Whether pulumi up ends with exit code 1 when hosts failed, were left out or the run was paused. The state is
    saved either way, and the next pulumi up goes on. Default: true. Source: Pulumi resource hooks: needs Pulumi CLI
    3.238 or newer, before which it is a warning.
    """

    device_cleanup: pulumi.Input[str] | None = None
    """How the Entra device of a host is removed before the same name joins again, with join.type entra. graph: deleted
    through Microsoft Graph (application permission Device.ReadWrite.All). leave: the host leaves by dsregcmd /leave.
    none: nothing is done. One of none, graph, leave. Default: "none". Source: Microsoft Graph REST API, Delete device.
    """

    exclusion_tag: pulumi.Input[str] | None = None
    """Name of the tag that keeps autoscale off a host in work. It must be the exclusion tag of the scaling plan that is
    active on the pool, which is the default. Source: Azure Virtual Desktop REST API, exclusionTag of a scaling plan.
    """

    agent: pulumi.Input[AgentArgs | Mapping[str, Any]] | None = None
    """How the Azure Virtual Desktop agent is installed."""

    verify: pulumi.Input[VerifyArgs | Mapping[str, Any]] | None = None
    """When an updated host counts as healthy."""
