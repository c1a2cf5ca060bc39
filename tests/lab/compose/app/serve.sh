#!/bin/busybox sh
# The web server, until it is told to stop.
trap "exit 0" TERM
/bin/busybox httpd -f -p 3000 -h /www &
wait
