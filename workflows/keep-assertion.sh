#!/usr/bin/env bash
# Keeps a file with a fresh OIDC assertion, for what reads its login from AZURE_FEDERATED_TOKEN_FILE in a run of hours,
# such as Pulumi's azblob backend: keep-assertion.sh FILE >log 2>&1 &
# GitHub's assertions end after five minutes. The update itself asks for its own, and needs no file.
set -euo pipefail
umask 077
file=${1:?the file to keep}
every=${EVERY:-180} # seconds

assertion() {
  if [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]]; then
    curl --silent --show-error --fail --retry 3 --header "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
      "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api://AzureADTokenExchange" | jq --exit-status --raw-output .value
  else # Azure Pipelines
    curl --silent --show-error --fail --retry 3 --request POST --header "Authorization: Bearer $SYSTEM_ACCESSTOKEN" \
      --header "Content-Type: application/json" --header "Content-Length: 0" \
      "$SYSTEM_OIDCREQUESTURI?api-version=7.1&serviceConnectionId=$ARM_OIDC_AZURE_SERVICE_CONNECTION_ID" |
      jq --exit-status --raw-output .oidcToken
  fi
}

while true; do
  # In one move, so that nobody reads half of it; one that cannot be had leaves the former, which may still do.
  if assertion >"$file.new"; then
    mv "$file.new" "$file"
  fi
  sleep "$every"
done
