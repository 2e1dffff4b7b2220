#!/bin/sh
# Prints a line for each part that is to be rejected: when, where, which part, why, and the worst region.
# Needs mosquitto-clients and jq. Arguments go to mosquitto_sub:
#     ./rejects.sh -h 127.0.0.1 -p 11883
exec mosquitto_sub "$@" -q 1 -t 'sideglance/+/+/+/+/inspection' | jq --unbuffered --raw-output '
  # `invalid` is a reject, too: the part could not be judged.
  select(.verdict != "pass")
  | (.regions | max_by(.score)) as $worst
  | [
      .captured.utc,
      "\(.device.site)/\(.device.line)/\(.device.name)/\(.station)",
      "part \(.part.sequence)",
      .verdict,
      .reason // "",
      if $worst == null then "" else
        "\($worst.name): score \($worst.score), threshold \($worst.threshold), \($worst.defects | length) defects"
      end
    ]
  | @tsv'
