#!/bin/sh
# Process 1 of a user-mode Linux kernel: mounts the server with the kernel's NFSv4.0 client, runs a job on the mount and powers off.
# The kernel's command line tells: nfssrc, nfsopts, myip, modules (a root that has lib/modules), out (a directory of the host), job.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /mnt
for word in $(cat /proc/cmdline); do
  case $word in
    nfssrc=* | nfsopts=* | myip=* | modules=* | out=* | job=*) eval "${word%%=*}='${word#*=}'" ;;
  esac
done
modprobe -d "$modules" nfsv4 || echo "no nfsv4 module"
ip link set lo up
ip addr add "$myip" dev vec0
ip link set vec0 up
mkdir -p /mnt/nfs /mnt/out
mount -t hostfs -o "$out" hostfs /mnt/out
mount -t nfs4 -o "$nfsopts" "$nfssrc" /mnt/nfs
echo "mount $?" > /mnt/out/steps
# Without the mount the job would run, and pass, on the tmpfs beneath.
if grep -q " /mnt/nfs nfs4 " /proc/mounts; then
  sh "$job" > /mnt/out/job.out 2> /mnt/out/job.err
  echo "job $?" >> /mnt/out/steps
  cd /
  umount /mnt/nfs
  echo "umount $?" >> /mnt/out/steps
fi
sync
echo o > /proc/sysrq-trigger
sleep 1
busybox poweroff -f
