#!/bin/sh
# The words that the model was not sure of, with their times: jq.sh RECORDING
streamer transcribe --format jsonl "$1" |
    jq -r 'select(.type == "final") | .words[] | select(.confidence < 0.5) | "\(.start)\t\(.word)"'
