#!/bin/sh
# First process of a container, in namespaces of its own (network, mount, UTS, PID). It sees the files that the isolator wrote, as Mesos'
# network-cni-setup arranges it, says so on descriptor 3, waits there until it has been written down, and becomes the task.
set -e
hostname=$1 hosts=$2 hostname_file=$3 resolv_conf=$4 command=$5
for file in /etc/hosts /etc/hostname; do [ -e "$file" ] || touch "$file"; done
mount --bind "$hosts" /etc/hosts
mount --bind "$hostname_file" /etc/hostname
mount --bind "$resolv_conf" /etc/resolv.conf
hostname "$hostname"
echo ready >&3
read -r _ <&3
exec 3>&-
exec /bin/sh -c "$command"
