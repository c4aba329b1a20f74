"""The gRPC service `pulumirpc.ResourceProvider` of the stand-in, for the types in `resource_types.py`.

What each method does follows azure-native's own (github.com/pulumi/pulumi-azure-native, provider/pkg/provider).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

import grpc
from azure.core.exceptions import AzureError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from emulator.native.arm import Arm
from emulator.native.check import CREATE_BEFORE_DELETE, checked
from emulator.native.configuration import Configuration, ConfigurationError, configuration
from emulator.native.difference import Kind, difference
from emulator.native.long_running import ArmFailure, Cancelled, OperationFailed
from emulator.native.properties import inputs_of, outputs_of, previewed, refreshed, request_body
from emulator.native.resource_types import FUNCTIONS, GROUP, ResourceType, UnknownType, type_of_urn
from emulator.native.values import Properties, decode, encode, keep_secret, plain

VERSION = "3.29.0"
"""Version of pulumi_azure_native whose types and api-versions are served; reported because Pulumi asks for it."""

NOTICE = (
    "this is the emulator's stand-in for the azure-native plugin, not the plugin itself: it serves only the few "
    "resource types of this project, and only against an emulator"
)

KINDS = {
    (kind, replaces): getattr(provider_pb2.PropertyDiff, f"{kind}_REPLACE" if replaces else kind.value)
    for kind in Kind
    for replaces in (False, True)
}

Context: TypeAlias = grpc.ServicerContext
ArmFactory = Callable[[Configuration], Arm]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Stateless but for the connection that `Configure` makes. Called from several threads."""

    def __init__(self, engine_address: str | None = None, make_arm: ArmFactory = Arm) -> None:
        self._engine_address = engine_address
        self._make_arm = make_arm
        self._configuration: Configuration | None = None
        self._arm: Arm | None = None
        self._group_locations: dict[str, str | None] = {}
        self._lock = threading.Lock()

    # -- configuration

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request: provider_pb2.ConfigureRequest, context: Context) -> provider_pb2.ConfigureResponse:
        prefix = "azure-native:config:"
        given = {key.removeprefix(prefix): value for key, value in request.variables.items()}
        self._log(NOTICE)
        try:
            self._configuration = configuration(given)
            self._arm = self._make_arm(self._configuration)
        except (ConfigurationError, ArmFailure, AzureError) as error:
            _fail(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        if self._arm is not None:
            self._arm.cancel()
        return empty_pb2.Empty()

    # -- before a write

    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        known = _known(request.urn, context)
        arm, configured = self._connection(context)
        try:
            inputs, failures = checked(
                known,
                request.urn,
                request.randomSeed,
                decode(request.olds),
                decode(request.news),
                default_location=configured.location,
                location_of=lambda group: self._location_of_group(arm, configured.subscription_id, group),
            )
        except (ArmFailure, AzureError) as error:
            _fail(context, grpc.StatusCode.UNKNOWN, str(error))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures],
        )

    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        known = _known(request.urn, context)
        old = decode(request.old_inputs)
        changes = difference(known, old, decode(request.news))
        if not changes:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        replaces = [path for path, (_, replacing) in changes.items() if replacing]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and not plain(old.get(CREATE_BEFORE_DELETE, False)),
            diffs=sorted({path.split(".")[0].split("[")[0] for path in changes}),
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=KINDS[kind, replacing], inputDiff=True)
                for path, (kind, replacing) in changes.items()
            },
            hasDetailedDiff=True,
        )

    # -- writes

    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        known = _known(request.urn, context)
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(previewed(known, inputs)))
        arm, configured = self._connection(context)
        resource_id = known.resource_id(plain(inputs), configured.subscription_id)
        with _failures(context):
            if arm.get(resource_id, known.api_version) is not None:
                _fail(
                    context,
                    grpc.StatusCode.ALREADY_EXISTS,
                    f"cannot create already existing resource '{resource_id}'. Import it, or delete it first.",
                )
        resource_id, outputs = self._put(arm, known, resource_id, inputs, context)
        return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        known = _known(request.urn, context)
        inputs = decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(previewed(known, inputs, decode(request.olds))))
        arm, _ = self._connection(context)
        _, outputs = self._put(arm, known, request.id, inputs, context)
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> empty_pb2.Empty:
        known = _known(request.urn, context)
        arm, _ = self._connection(context)
        with _failures(context):
            arm.delete(request.id, known.api_version)
        return empty_pb2.Empty()

    def _put(
        self, arm: Arm, known: ResourceType, resource_id: str, inputs: Properties, context: Context
    ) -> tuple[str, Properties]:
        """Write and wait: the canonical id and the outputs. Fails with ErrorResourceInitFailed where the write was
        accepted but its operation did not succeed, so that Pulumi records the resource and updates it the next time."""
        body = request_body(known, plain(inputs))
        with _failures(context):
            try:
                answer = arm.put(resource_id, known.api_version, body)
            except (OperationFailed, Cancelled) as error:
                there = arm.get(resource_id, known.api_version)
                if there is None:
                    raise
                _fail_partly(context, resource_id, keep_secret(outputs_of(known, there), inputs), inputs, str(error))
        return str(answer.get("id", resource_id)), keep_secret(outputs_of(known, answer), inputs)

    # -- reads

    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        known = _known(request.urn, context)
        arm, _ = self._connection(context)
        with _failures(context):
            answer = arm.get(request.id, known.api_version)
        if answer is None:
            return provider_pb2.ReadResponse(id="")
        outputs = outputs_of(known, answer)
        old_inputs, old_outputs = decode(request.inputs), decode(request.properties)
        if old_inputs:
            inputs = keep_secret(refreshed(known, plain(old_inputs), plain(old_outputs), plain(outputs)), old_inputs)
        else:
            try:
                inputs = inputs_of(known, request.id, outputs)
            except ValueError as error:
                _fail(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(keep_secret(outputs, old_inputs)), inputs=encode(inputs)
        )

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:
        if request.tok not in FUNCTIONS:
            _fail(context, grpc.StatusCode.UNIMPLEMENTED, str(UnknownType(request.tok)))
        path, api_version = FUNCTIONS[request.tok]
        arm, configured = self._connection(context)
        resource_id = path.format(subscriptionId=configured.subscription_id, **plain(decode(request.args)))
        with _failures(context):
            answer = arm.get(resource_id, api_version)
        if answer is None:
            _fail(context, grpc.StatusCode.NOT_FOUND, f"'{resource_id}' was not found")
        return provider_pb2.InvokeResponse(**{"return": encode({**answer, "azureApiVersion": api_version})})

    # -- helpers

    def _connection(self, context: Context) -> tuple[Arm, Configuration]:
        if self._arm is None or self._configuration is None:
            _fail(context, grpc.StatusCode.FAILED_PRECONDITION, "the provider is not configured")
        return self._arm, self._configuration

    def _location_of_group(self, arm: Arm, subscription_id: str, group: str) -> str | None:
        with self._lock:
            if group not in self._group_locations:
                path = GROUP.format(subscriptionId=subscription_id, resourceGroupName=group)
                found = arm.get(path, "2024-03-01")
                self._group_locations[group] = None if found is None else str(found.get("location"))
            return self._group_locations[group]

    def _log(self, message: str) -> None:
        """A line in Pulumi's diagnostics; on stderr where no engine listens."""
        if self._engine_address:
            try:
                with grpc.insecure_channel(self._engine_address) as channel:
                    engine_pb2_grpc.EngineStub(channel).Log(
                        engine_pb2.LogRequest(severity=engine_pb2.INFO, message=f"azure-native: {message}")
                    )
                return
            except grpc.RpcError:
                pass  # a notice is not worth a failed update
        print(f"azure-native: {message}", file=sys.stderr, flush=True)


class _failures:
    """Turns what an ARM call raises into the RPC's failure, message only."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ArmFailure | OperationFailed | Cancelled | AzureError):
            _fail(self._context, grpc.StatusCode.UNKNOWN, str(error))


def _known(urn: str, context: Context) -> ResourceType:
    try:
        return type_of_urn(urn)
    except UnknownType as error:
        _fail(context, grpc.StatusCode.UNIMPLEMENTED, str(error))


def _fail(context: Context, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")


def _fail_partly(
    context: Context, resource_id: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any], reason: str
) -> NoReturn:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=resource_id, properties=encode(outputs), reasons=[reason], inputs=encode(inputs)
    )
    # The code in the details must be that of the RPC, else grpc-go drops them.
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _fail(context, grpc.StatusCode.UNKNOWN, reason)


__all__ = ["NOTICE", "VERSION", "Provider"]
