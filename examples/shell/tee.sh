#!/bin/sh
# Notes on the screen and in a file: tee.sh NOTES [RECORDING]; the microphone without RECORDING
notes=$1
shift
streamer ${1:+transcribe "$1"} | tee -a "$notes"
