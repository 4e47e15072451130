#!/bin/sh
# replay.sh PROGRAM FOLDER - give PROGRAM all inputs in FOLDER.
exec "$1" "$2"/*
