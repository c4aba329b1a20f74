#!/usr/bin/env bash
# One comment of a pull request for each stack, kept up to date: comment-github.sh comment.md 42
# The first line, which hostpool comment writes, says whose it is. GH_TOKEN and GITHUB_REPOSITORY are set on a runner.
set -euo pipefail
file=${1:?the comment}
pull=${2:?the number of the pull request}

marker=$(head -n 1 "$file")
comments="repos/$GITHUB_REPOSITORY/issues/$pull/comments"
known=$(gh api --paginate "$comments" |
  jq --raw-output --arg marker "$marker" '.[] | select(.body | startswith($marker)) | .id' | head -n 1)
if [[ -n $known ]]; then
  gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" --field "body=@$file"
else
  gh api --silent --method POST "$comments" --field "body=@$file"
fi
