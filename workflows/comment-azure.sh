#!/usr/bin/env bash
# The same for Azure Repos: comment-azure.sh comment.md
# Needs SYSTEM_ACCESSTOKEN in the step's env, and "Contribute to pull requests" for the build service.
set -euo pipefail
file=${1:?the comment}

marker=$(head -n 1 "$file")
threads="$SYSTEM_COLLECTIONURI$SYSTEM_TEAMPROJECTID/_apis/git/repositories/$BUILD_REPOSITORY_ID/pullRequests"
threads+="/$SYSTEM_PULLREQUEST_PULLREQUESTID/threads"
ask() {
  curl --silent --show-error --fail --retry 3 --header "Authorization: Bearer $SYSTEM_ACCESSTOKEN" \
    --header "Content-Type: application/json" "$@"
}

known=$(ask "$threads?api-version=7.1" | jq --raw-output --arg marker "$marker" \
  '.value[] | .id as $thread | .comments[] | select((.content // "") | startswith($marker)) | "\($thread)/comments/\(.id)"' |
  head -n 1)
if [[ -n $known ]]; then
  jq --raw-input --slurp '{content: .}' "$file" |
    ask --request PATCH --data @- "$threads/$known?api-version=7.1" >/dev/null
else
  jq --raw-input --slurp '{comments: [{content: ., commentType: "text"}], status: "closed"}' "$file" |
    ask --request POST --data @- "$threads?api-version=7.1" >/dev/null
fi
