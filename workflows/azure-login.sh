# shellcheck shell=bash
# Sourced by an AzureCLI@2 step with addSpnToEnvironment and SYSTEM_ACCESSTOKEN: the deployer's login as each part of a run
# reads it. The updater's is in HOSTPOOL_*, and asks for assertions of its own.
# shellcheck disable=SC2154 # the task sets servicePrincipalId, tenantId and idToken
export ARM_USE_OIDC=true ARM_CLIENT_ID=$servicePrincipalId ARM_TENANT_ID=$tenantId ARM_SUBSCRIPTION_ID=$SUBSCRIPTION_ID
# The azure-native plugin knows this one only; it ends within the hour, and what it deploys comes before the rollout.
export ARM_OIDC_TOKEN=$idToken
export ARM_OIDC_AZURE_SERVICE_CONNECTION_ID=$AZURESUBSCRIPTION_SERVICE_CONNECTION_ID
# The state backend, which writes the state at the end, maybe hours from now.
export AZURE_CLIENT_ID=$servicePrincipalId AZURE_TENANT_ID=$tenantId
export AZURE_FEDERATED_TOKEN_FILE=$AGENT_TEMPDIRECTORY/assertion
# With its output elsewhere: the task would wait until it is closed.
workflows/keep-assertion.sh "$AZURE_FEDERATED_TOKEN_FILE" >"$AGENT_TEMPDIRECTORY/keep-assertion.log" 2>&1 &
until [[ -s $AZURE_FEDERATED_TOKEN_FILE ]]; do sleep 1; done
