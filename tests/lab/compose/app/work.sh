#!/bin/busybox sh
# Writes down again and again which release works.
trap "exit 0" TERM
while true; do
  echo "$RELEASE" >>/shared/work
  /bin/busybox sleep 0.2
done
