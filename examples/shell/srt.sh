#!/bin/sh
# Subtitles for every recording in a folder, beside it: srt.sh FOLDER
streamer transcribe --format srt --output-dir "$1" "$1"/*.flac
