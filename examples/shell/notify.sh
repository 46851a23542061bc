#!/bin/sh
# A desktop notification for each sentence: notify.sh [RECORDING]; the microphone without RECORDING
# The text arrives on standard input, so nothing that is said can become a command.
streamer ${1:+transcribe "$1"} --on-final "sh -c 'notify-send Heard \"\$(cat)\"'"
