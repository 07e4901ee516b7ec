# What a user does on a mount, each step with a look at what came of it; runs on /mnt/nfs inside of the kernel under test.
# Half-way it asks for a restart of the service (/mnt/out/halfway) and waits until it is said to be done (/mnt/out/restarted).
set -u
cd /mnt/nfs || exit 9
failures=0

expect() { # expect NAME WANTED GOT
  if [ "$2" = "$3" ]; then
    echo "ok $1"
  else
    echo "FAILED $1: expected '$2', got '$3'"
    failures=$((failures + 1))
  fi
}

# Files and directories.
mkdir work work/sub && cd work || exit 8
echo "first line" > a
expect "write and read" "first line" "$(cat a)"
echo "second line" >> a
expect "append" "first line second line" "$(tr '\n' ' ' < a | sed 's/ $//')"
dd if=/dev/urandom of=big bs=64k count=40 2> /dev/null
cp big copy
expect "copy of 2.5 MiB" "$(cksum < big)" "$(cksum < copy)"
expect "size" "2621440" "$(stat -c %s big)"
chmod 640 a
expect "mode" "640" "$(stat -c %a a)"
touch -d '2007-05-01 12:00:00 UTC' a
expect "set time" "1178020800" "$(stat -c %Y a)"
chown 1234:4321 a
expect "owner" "1234:4321" "$(stat -c %u:%g a)"

# Links, renames, removals.
ln a hard
expect "link count" "2" "$(stat -c %h a)"
ln -s a soft
expect "symbolic link" "a" "$(readlink soft)"
expect "through the link" "first line" "$(head -1 soft)"
mv a renamed
expect "rename" "first line" "$(head -1 renamed)"
echo other > target
mv target hard
expect "rename over a link" "1 other" "$(stat -c %h renamed) $(cat hard)"
rm soft hard
expect "removal" "big copy renamed sub" "$(ls | tr '\n' ' ' | sed 's/ $//')"
rmdir sub
mkdir full && touch full/x
rmdir full 2> /dev/null
expect "a directory that is not empty stays" "1" "$?"
mkfifo pipe
expect "fifo" "fifo" "$(stat -c %F pipe)"

# An open file that is removed lives on.
exec 3> gone
echo "still here" >&3
rm gone
echo "and writable" >&3
exec 3>&-
expect "removed while open" "no" "$([ -e gone ] && echo yes || echo no)"

# Truncation, holes, mmap.
truncate -s 100 copy
expect "truncate" "100" "$(stat -c %s copy)"
truncate -s 1M copy
expect "a hole reads as zeros" "0" "$(tail -c 1000 copy | tr -d '\0' | wc -c)"
python3 - << 'END'
import mmap
with open("mapped", "wb") as f:
    f.truncate(20000)
with open("mapped", "r+b") as f:
    with mmap.mmap(f.fileno(), 20000) as m:
        m[0:5] = b"begin"
        m[19995:20000] = b"after"
        m.flush()
with open("mapped", "rb") as f:
    data = f.read()
assert data[:5] == b"begin" and data[-5:] == b"after" and not any(data[5:-5]), "mmap"
END
expect "mmap" "0" "$?"

# Locks: flock and fcntl, which NFSv4 makes of flock, too.
cat > locks.py << 'END'
import fcntl, os, struct, sys
path = sys.argv[1]
f = open(path, "a+b")
fcntl.lockf(f, fcntl.LOCK_EX, 100, 0)
fcntl.lockf(f, fcntl.LOCK_UN, 20, 40)
def other(kind, length, start):
    pid = os.fork()
    if pid == 0:
        g = open(path, "a+b")
        try:
            fcntl.lockf(g, kind | fcntl.LOCK_NB, length, start)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
got = [other(fcntl.LOCK_EX, 10, 0), other(fcntl.LOCK_EX, 20, 40), other(fcntl.LOCK_SH, 1, 60), other(fcntl.LOCK_EX, 10, 100)]
assert got == [1, 0, 1, 0], got
fcntl.lockf(f, fcntl.LOCK_SH, 100, 0)
got = [other(fcntl.LOCK_SH, 10, 0), other(fcntl.LOCK_EX, 10, 0)]
assert got == [0, 1], got
fcntl.lockf(f, fcntl.LOCK_UN)
assert other(fcntl.LOCK_EX, 10, 0) == 0
END
python3 locks.py lockfile
expect "fcntl locks" "0" "$?"
exec 4> flockfile
flock -n 4
expect "flock" "0" "$?"
flock -n flockfile true
expect "flock of another" "1" "$?"

# The service restarts while a file is open and locked; the client has to reclaim both.
exec 5>> across
echo "before" >&5
sync
touch /mnt/out/halfway
while [ ! -e /mnt/out/restarted ]; do sleep 0.2; done
echo "after" >&5
exec 5>&-
expect "a file open across the restart" "before after" "$(tr '\n' ' ' < across | sed 's/ $//')"
flock -n flockfile true
expect "a lock held across the restart" "1" "$?"
exec 4>&-
flock -n flockfile true
expect "a lock given back after the restart" "0" "$?"
expect "files across the restart" "$(cksum < big)" "$(tail -c 2621440 big | cksum)"

# Many names.
mkdir many
i=0
while [ $i -lt 500 ]; do
  echo $i > many/file-$i
  i=$((i + 1))
done
expect "500 names" "500" "$(ls many | wc -l)"
expect "ls -lR" "500" "$(ls -lR many | grep -c 'file-')"
expect "their contents" "124750" "$(cat many/file-* | awk '{ sum += $1 } END { print sum }')"
rm -r many
expect "df" "0" "$(df -k . > /dev/null && echo 0)"
cd ..
rm -r work
expect "all removed" "" "$(ls -A)"
echo "failures $failures"
exit $failures
