#!/usr/bin/env bash
# Installs the Debian packages that are missing for: demo [embedded|etcd], test, bench.
# Services that come along (nginx, etcd) are neither started nor enabled: the lab starts its own, inside namespaces.
set -euo pipefail

packages=(libnftables1 iproute2 util-linux hostname iputils-ping nginx-light)
case "${1:-demo}" in
  demo) [ "${2:-embedded}" = etcd ] && packages+=(etcd-server) ;;
  test) packages+=(etcd-server nftables openssl containernetworking-plugins iptables podman runc busybox-static dnsmasq-base systemd spin bird2 bind9-dnsutils) ;;
  bench) packages+=(etcd-server nftables containernetworking-plugins iptables iperf3 dnsmasq-base) ;;
  *) echo "usage: $0 demo|test|bench" >&2; exit 2 ;;
esac
# The native launcher is compiled once, by whatever C compiler is there.
command -v cc >/dev/null || packages+=(gcc libc6-dev)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" != 0 ]; then
  echo "These Debian packages are missing: ${missing[*]}. Run as root, or install them first." >&2
  exit 1
fi
echo "Installing Debian packages: ${missing[*]} …"

# policy-rc.d is Debian's own switch against services being started by an installation.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if command -v systemctl >/dev/null; then
  for service in nginx etcd iperf3 podman podman.socket bird; do
    case " ${missing[*]} " in *" ${service%.socket}"*) systemctl disable "$service" >/dev/null 2>&1 || true ;; esac
  done
fi
