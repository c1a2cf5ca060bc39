#!/bin/busybox sh
echo "$RELEASE" >>/shared/migrations
